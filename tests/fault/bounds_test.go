package fault

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// A connection is kept for a lock or a temporary table as long as there is one, and no longer.
func TestPinsAreGivenBack(t *testing.T) {
	h, _ := startWithoutRows(t, env.Shards[0].Addr(), env.Shards[1].Addr())
	conn, err := h.Open(t, "root", "", "shop").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch := h.Open(t, "root", "", "shop")
	const lock, table = "GET_LOCK", "temporary table"
	for _, c := range []struct {
		sql  string
		args []any
		want string // the pins afterwards
	}{
		{"SELECT IS_FREE_LOCK('a')", nil, ""},
		{"SELECT GET_LOCK('a', 0)", nil, lock},
		{"CREATE TEMPORARY TABLE tt (a INT)", nil, lock + ", " + table},
		{"SELECT RELEASE_LOCK('a')", nil, table},
		{"DROP TEMPORARY TABLE tt", nil, ""},

		{"SELECT GET_LOCK('a', 0)", nil, lock}, // counted: taken twice, released twice
		{"SELECT GET_LOCK(?, 0)", []any{"a"}, lock},
		{"DO RELEASE_LOCK('a')", nil, lock},
		{"SELECT RELEASE_LOCK('nobodys')", nil, lock},
		{"SELECT RELEASE_LOCK(?)", []any{"a"}, ""},
		{"SELECT GET_LOCK('a', 0), GET_LOCK('b', 0)", nil, lock},
		{"SELECT RELEASE_LOCK('b') FROM (SELECT 1) d WHERE 1 = 0", nil, lock},
		{"SELECT RELEASE_LOCK('a')", nil, lock},
		{"SELECT RELEASE_LOCK('b')", nil, ""},
		{"SELECT GET_LOCK('a', 0), GET_LOCK('b', 0)", nil, lock},
		{"SELECT RELEASE_ALL_LOCKS()", nil, ""},

		{"CREATE TEMPORARY TABLE tt (a INT)", nil, table},
		{"CREATE TEMPORARY TABLE IF NOT EXISTS tt (a INT)", nil, table},
		{"CREATE TEMPORARY TABLE uu (a INT)", nil, table},
		{"DROP TEMPORARY TABLE tt", nil, table},
		{"DROP TEMPORARY TABLE IF EXISTS tt, none", nil, table},
		{"DROP TEMPORARY TABLE uu", nil, ""},
		{"CREATE TEMPORARY TABLE tt AS SELECT GET_LOCK('a', 0) x", nil, table + ", " + lock},
		{"DROP TEMPORARY TABLE tt", nil, lock}, // and stays: only statements that do nothing else are followed
		{"SELECT RELEASE_LOCK('a')", nil, lock},
	} {
		rows, err := conn.QueryContext(t.Context(), c.sql, c.args...)
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		got := pins(t, watch)
		for end := time.Now().Add(5 * time.Second); got != c.want && time.Now().Before(end); {
			got = pins(t, watch) // they are shown once the statement is over, which the client may hear first
		}
		if got != c.want {
			t.Errorf("after %s: pinned by %q, want %q", c.sql, got, c.want)
		}
	}
}

// pins are the reasons for which connections are kept, as SHOW PROCESSLIST has them.
func pins(t *testing.T, db *sql.DB) (found string) {
	t.Helper()
	a, err := harness.Ask(t.Context(), db, "SHOW PROCESSLIST")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range a.Rows {
		for _, cell := range row {
			if text, ok := cell.(string); ok {
				if _, reasons, ok := strings.Cut(text, " pinned by "); ok {
					found += reasons
				}
			}
		}
	}
	return found
}

// What a statement is too long for is said, and the connection goes on.
func TestLongStatements(t *testing.T) {
	h := env.Heddle(t, harness.HeddleOptions{
		Rules: []string{"database: shop\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: \"" + env.Shards[0].Addr() + "\", schema: shop}\n"},
		Users: "users: {root: {}}",
		Set:   map[string]string{"memory.query": "1MiB", "memory.session": "5MiB", "memory.process": "12MiB", "limits.max_allowed_packet": "8MiB"},
	})
	cfg := h.Config("root", "", "shop")
	cfg.MaxAllowedPacket = 1 << 30
	db := harness.Open(t, cfg)
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range []struct {
		name  string
		bytes int
		code  uint16
		text  string
	}{
		{"within all limits", 2 << 20, 0, ""},
		{"more than a session may have", 6 << 20, 1038, "memory.session"},
		{"more than max_allowed_packet", 9 << 20, 1153, "max_allowed_packet"},
		{"several packets more", 40 << 20, 1153, "max_allowed_packet"},
		{"within all limits again", 2 << 20, 0, ""},
	} {
		var n int
		err := conn.QueryRowContext(t.Context(), "SELECT LENGTH('"+strings.Repeat("x", c.bytes)+"')").Scan(&n)
		var e *mysql.MySQLError
		switch {
		case c.code == 0 && (err != nil || n != c.bytes):
			t.Errorf("%s: %d, %v", c.name, n, err)
		case c.code != 0 && (!errors.As(err, &e) || e.Number != c.code || !strings.Contains(e.Message, c.text)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// The driver sends a parameter of such a length in pieces. One that does not fit fails its execution only.
	cfg.MaxAllowedPacket = 1 << 20
	pieces, err := harness.Open(t, cfg).PrepareContext(t.Context(), "SELECT LENGTH(?)")
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := pieces.QueryRowContext(t.Context(), strings.Repeat("x", 2<<20)).Scan(&n); err != nil || n != 2<<20 {
		t.Errorf("a parameter in pieces: %d, %v", n, err)
	}
	var e *mysql.MySQLError
	if err := pieces.QueryRowContext(t.Context(), strings.Repeat("x", 7<<20)).Scan(&n); !errors.As(err, &e) || e.Number != 1038 {
		t.Errorf("a parameter beyond the session's memory: %d, %v", n, err)
	}
}

// Texts of garbage, of which a parser would make a hundred times their length, are refused with what would let them be read:
// whichever they are, from many clients at once and prepared; and prepared statements are counted with all that they keep.
func TestGarbageIsBounded(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin, "memory.process": "48MiB", "memory.session": "32MiB", "memory.query": "16MiB"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	const most = 4 << 20
	texts := []string{
		"SELECT " + strings.Repeat("1+", most/2) + "1",
		"SELECT " + strings.Repeat("a,", most/2) + "a",
		"SELECT " + strings.Repeat("(", most),
		"SELECT id FROM accounts WHERE " + strings.Repeat("v<>7 AND ", 100_000) + "id = 1 ORDER BY v",
		"INSERT INTO accounts VALUES " + strings.Repeat("(1, v+1),", 100_000) + "(1, 1)",
	}
	var all sync.WaitGroup
	for i := range 2 * len(texts) {
		all.Go(func() {
			c, err := dialRaw(h.Addr, "shop", time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.close()
			text := texts[i/2]
			if i%2 == 0 {
				_, err = c.query(text)
			} else {
				_, err = c.prepare(text)
			}
			if number(err) != 1038 || !strings.Contains(err.Error(), "memory.process") {
				t.Errorf("%.50s…: %v", text, err)
			}
			if _, err := c.query("SELECT COUNT(*) FROM accounts"); err != nil {
				t.Errorf("behind %.50s…: %v", text, err)
			}
		})
	}
	all.Wait()
	c, err := dialRaw(h.Addr, "shop", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for err == nil && kept < 1000 {
		kept++
		_, err = c.prepare(fmt.Sprintf("SELECT v AS c%d FROM accounts WHERE id = 1%s", kept, strings.Repeat(" AND v<>7", 500)))
	}
	if number(err) != 1038 || kept < 10 {
		t.Errorf("of statements that are prepared and keep half a megabyte each %d are taken: %v", kept, err)
	}
	c.close()
	used := func() float64 { return metric(t, admin, "heddle_memory_bytes") }
	settles(t, func() bool { return used() == 0 }, func() string { return fmt.Sprint(used(), " bytes stay reserved when nobody is there") })
}

// A prepared statement that is planned anew, since a table has changed, is charged for what it holds on to now; when all are closed nothing is
// charged any more, however often that was.
func TestPreparedStatementsPlannedAnew(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin}, env.Shards[0].Addr(), env.Shards[1].Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	held := func() float64 { return metric(t, admin, "heddle_memory_bytes") }
	rest := held()
	c := conn(t, db)
	var all []*sql.Stmt
	for i := range 3 {
		stmt, err := c.PrepareContext(t.Context(), fmt.Sprintf("SELECT v + %d FROM accounts WHERE id = ?", i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stmt)
	}
	if held() <= rest {
		t.Error("prepared statements are charged to nobody")
	}
	most := 0.0
	for i := range 8 {
		exec(t, db, fmt.Sprintf("ALTER TABLE accounts COMMENT 'change %d'", i))
		for _, stmt := range all {
			var v int
			if err := stmt.QueryRowContext(t.Context(), 1).Scan(&v); err != nil {
				t.Fatal(err)
			}
		}
		if now := held(); i == 0 {
			most = 2 * (now - rest)
		} else if now-rest > most {
			t.Errorf("after %d changes %v bytes are charged, more than twice what was at first", i+1, now-rest)
		}
	}
	for _, stmt := range all {
		if err := stmt.Close(); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, c, "DO 1") // behind the closings, which have no answer
	if now := held(); now != rest {
		t.Errorf("%v bytes are charged when all is closed, %v before", now, rest)
	}
}

// What a client has its session keep is charged: the values of user variables, which wander with it from connection to connection, the
// names of savepoints, and the values of heddle_shard_value. What does not fit is refused, and nothing else is changed by that.
func TestSessionStateIsBounded(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin, "memory.process": "10MiB", "memory.session": "2MiB", "memory.query": "1MiB"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	used := func() float64 { return metric(t, admin, "heddle_memory_bytes") }
	var all []*raw
	for i := range 6 {
		c, err := dialRaw(h.Addr, "shop", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		fillsWithVariables(t, c, i)
	}
	if now := used(); now > 10<<20 || now < 8<<20 {
		t.Errorf("%v bytes are charged for six sessions full of user variables", now)
	}
	for i, c := range all {
		if i%2 == 0 {
			if err := c.send(wire.Bare(wire.ComResetConnection)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.answer(); err != nil {
				t.Fatal(err)
			}
			keepsOnly(t, c, "SELECT @v0 IS NULL AND @v IS NULL", "1")
		}
		c.close()
	}
	settles(t, func() bool { return used() == 0 }, func() string { return fmt.Sprint(used(), " bytes stay charged when nobody is there") })

	c, err := dialRaw(h.Addr, "shop", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	begins := func() {
		if _, err := c.query("BEGIN"); err != nil {
			t.Fatal(err)
		}
	}
	begins()
	n := 0
	for err = nil; err == nil && n < 20_000; {
		const batch = 200 // sent before the first of their answers is read
		for i := range batch {
			if err := c.send(&wire.Query{SQL: fmt.Appendf(nil, "SAVEPOINT s%050d", n+i)}); err != nil {
				t.Fatal(err)
			}
		}
		for range batch {
			if _, failed := c.answer(); failed != nil {
				err = failed
			} else {
				n++
			}
		}
	}
	if number(err) != 1038 || !strings.Contains(err.Error(), "savepoints") || n < 1000 {
		t.Errorf("of savepoints %d are taken: %v", n, err)
	}
	if full := used(); full < 1<<20 {
		t.Errorf("%v bytes are charged for %d savepoints", full, n)
	}
	if _, err := c.query(fmt.Sprintf("ROLLBACK TO s%050d", 9)); err != nil {
		t.Error(err)
	}
	if now := used(); now > 64<<10 {
		t.Errorf("%v bytes are charged for ten savepoints", now)
	}
	begins() // commits
	if now := used(); now != 0 {
		t.Errorf("%v bytes are charged for the savepoints of a transaction that is over", now)
	}

	tables := make([]string, 20_000)
	for i := range tables {
		tables[i] = fmt.Sprintf("t%050d=1", i)
	}
	if _, err := c.query("SET heddle_shard_value = '" + strings.Join(tables, ",") + "'"); number(err) != 1038 || !strings.Contains(err.Error(), "heddle_shard_value") {
		t.Errorf("values for 20,000 tables: %v", err)
	}
	keepsOnly(t, c, "SELECT @@heddle_shard_value IS NULL", "1")
}

// fillsWithVariables sets user variables until one is refused, inside and outside of transactions. All that were taken are still there then,
// wherever they are asked for, and the one that was refused is what it was.
func fillsWithVariables(t *testing.T, c *raw, i int) {
	t.Helper()
	if i%2 == 1 {
		for _, sql := range []string{"BEGIN", "SELECT id FROM accounts"} {
			if _, err := c.query(sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.query("SET @v = 'before'"); err != nil {
		t.Fatal(err)
	}
	taken, err := 0, error(nil)
	for taken < 100 {
		if _, err = c.query(fmt.Sprintf("SET @v%d = REPEAT('%d', 80000)", taken, taken%10)); err != nil {
			break
		}
		taken++
	}
	if number(err) != 1038 || !strings.Contains(err.Error(), "user variables") || !strings.Contains(err.Error(), "memory.") {
		t.Errorf("session %d: of user variables %d are taken: %v", i, taken, err)
	}
	for _, sql := range []string{"SET @v = REPEAT('x', 9000000), @w = 1", "SELECT REPEAT('x', 4000000) INTO @v"} {
		_, err := c.query(sql)
		if err == nil { // its answer has ended before its variable is read back: the next statement is told
			_, err = c.query("SELECT 1")
		}
		if number(err) != 1038 || !strings.Contains(err.Error(), "memory.") {
			t.Errorf("session %d: %s: %v", i, sql, err)
		}
		if i > 3 {
			continue // of a process that is full nothing can be asked that needs room
		}
		for id := range 4 {
			keepsOnly(t, c, fmt.Sprintf("SELECT @v FROM accounts WHERE id = %d", id+1), "before")
		}
	}
	if i > 3 {
		return
	}
	for n := range min(taken, 3) {
		keepsOnly(t, c, fmt.Sprintf("SELECT @v%d = REPEAT('%d', 80000) FROM accounts WHERE id = %d", n, n, n+1), "1")
	}
}

// keepsOnly asks for one value.
func keepsOnly(t *testing.T, c *raw, sql, want string) {
	t.Helper()
	rows, err := c.table(sql)
	if err != nil || len(rows) != 1 || rows[0][0] != want {
		t.Errorf("%s: %v %v, want %s", sql, rows, err, want)
	}
}

// More columns than are passed on are refused as such, and as many variables are set as a statement names.
func TestWideStatements(t *testing.T) {
	h, _ := startWithoutRows(t, addrs()...)
	c, err := dialRaw(h.Addr, "shop", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var names []string
	for i := range 20_000 {
		names = append(names, fmt.Sprintf("@a%d = %d", i, i))
	}
	if _, err := c.query("SET " + strings.Join(names, ", ")); err != nil {
		t.Errorf("a SET of 20,000 variables: %v", err)
	}
	keepsOnly(t, c, "SELECT @a0 + @a777 + @a19999", "20776")
	if _, err := c.query("SELECT 1" + strings.Repeat(", 1", 70_000)); number(err) != 1117 || !strings.Contains(err.Error(), "70001") {
		t.Errorf("70,001 columns: %v", err)
	}
	keepsOnly(t, c, "SELECT @a19999", "19999")
}
