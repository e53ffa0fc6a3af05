package fault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	os.Exit(harness.Run(m, harness.Options{Shards: 2, Setup: func(ctx context.Context, e *harness.Env) error {
		return e.CreateSchema(ctx, "shop")
	}}, &env))
}

// start makes a table over two shards; ids 1 to 40 reach both.
func start(t *testing.T, addrs ...string) *sql.DB {
	t.Helper()
	_, db := startHeddle(t, addrs...)
	return db
}

func startHeddle(t *testing.T, addrs ...string) (*harness.Heddle, *sql.DB) {
	t.Helper()
	h, db := startWithoutRows(t, addrs...)
	fill(t, db)
	return h, db
}

func startWithoutRows(t *testing.T, addrs ...string) (*harness.Heddle, *sql.DB) {
	t.Helper()
	h := startHeddleWith(t, nil, addrs...)
	return h, h.Open(t, "root", "", "shop")
}

// startLocal starts one whose transactions commit on each shard by itself, and that has no connections to servers beside its pools.
func startLocal(t *testing.T, addrs ...string) (*harness.Heddle, *sql.DB) {
	t.Helper()
	h := startHeddleWith(t, map[string]string{"transactions.type": "local"}, addrs...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	return h, db
}

// startHeddleWith starts a heddle with further fields of its configuration.
func startHeddleWith(t *testing.T, set map[string]string, addrs ...string) *harness.Heddle {
	t.Helper()
	all := map[string]string{"pool.connect_timeout": "1s", "pool.wait_timeout": "2s"}
	maps.Copy(all, set)
	return env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: shop
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  accounts: {key: id}
`, addrs[0], addrs[1])},
		Users: "users: {root: {}}",
		Set:   all,
	})
}

func fill(t *testing.T, db *sql.DB) {
	t.Helper()
	exec(t, db, "DROP TABLE IF EXISTS accounts")
	exec(t, db, "CREATE TABLE accounts (id INT PRIMARY KEY, v INT NOT NULL)")
	for id := 1; id <= 40; id++ {
		exec(t, db, fmt.Sprintf("INSERT INTO accounts VALUES (%d, 100)", id))
	}
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func exec(t *testing.T, on execer, query string) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// sum asks until the shards answer again, within a bound.
func sum(t *testing.T, db *sql.DB) int {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var total int
		err := db.QueryRowContext(t.Context(), "SELECT SUM(v) FROM accounts").Scan(&total)
		if err == nil {
			return total
		}
		if time.Now().After(deadline) {
			t.Fatalf("no service after the fault is over: %v", err)
		}
	}
}

// code is the server's error number; 0 for any other error.
func code(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// by is a text for the servers that the tests run over.
func by(mariadb, mysql string) string {
	if strings.Contains(env.ServerVersion(), "MariaDB") {
		return mariadb
	}
	return mysql
}

// statusOf asks a server for one of its global counters.
func statusOf(name string) string {
	return "SELECT VARIABLE_VALUE FROM " + by("information_schema.GLOBAL_STATUS", "performance_schema.global_status") + " WHERE VARIABLE_NAME = '" + name + "'"
}

func addrs() []string { return []string{env.Shards[0].Addr(), env.Shards[1].Addr()} }

func conn(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // its answers have been read
	return c
}

// A shard is killed in the middle of a transaction over both: the client is told, and nothing of it stays.
func TestShardKilledInTransaction(t *testing.T) {
	db := start(t, addrs()...)
	c := conn(t, db)
	exec(t, c, "BEGIN")
	exec(t, c, "UPDATE accounts SET v = v + 1")
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	_, err := c.ExecContext(t.Context(), "UPDATE accounts SET v = v + 1")
	if code(err) == 0 {
		t.Errorf("a statement on a dead shard: %v", err)
	}
	if _, err := c.ExecContext(t.Context(), "COMMIT"); code(err) != 1213 {
		t.Errorf("COMMIT of a transaction that is gone: %v, want error 1213", err)
	}
	exec(t, c, "SELECT 1") // the client's own connection goes on
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if total := sum(t, db); total != 4000 {
		t.Errorf("the sum is %d, want 4000: half of a transaction stayed", total)
	}
}

// A shard is killed before the COMMIT of a transaction over both: the other does not commit its half.
func TestShardKilledBeforeCommit(t *testing.T) {
	db := start(t, addrs()...)
	c := conn(t, db)
	exec(t, c, "BEGIN")
	exec(t, c, "UPDATE accounts SET v = v + 1")
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExecContext(t.Context(), "COMMIT"); code(err) != 1213 {
		t.Errorf("COMMIT over a dead shard: %v, want error 1213", err)
	}
	exec(t, c, "SELECT 1")
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if total := sum(t, db); total != 4000 {
		t.Errorf("the sum is %d, want 4000: half of a transaction stayed", total)
	}
}

// A shard is down: a statement that needs it fails within a bound and changes nothing elsewhere, others go on.
func TestShardDown(t *testing.T) {
	db := start(t, addrs()...)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := db.ExecContext(t.Context(), "UPDATE accounts SET v = v + 1")
	if code(err) == 0 || time.Since(began) > 15*time.Second {
		t.Errorf("a write that needs a dead shard: %v after %v", err, time.Since(began))
	}
	served := 0
	for id := 1; id <= 40; id++ {
		var v int
		if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT v FROM accounts WHERE id = %d", id)).Scan(&v); err == nil {
			served++
			if v != 100 {
				t.Errorf("account %d holds %d: half of a statement stayed", id, v)
			}
		} else if code(err) == 0 {
			t.Errorf("account %d: %v", id, err)
		}
	}
	if served == 0 || served == 40 {
		t.Errorf("%d of 40 accounts are served with one of two shards", served)
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if total := sum(t, db); total != 4000 {
		t.Errorf("the sum is %d, want 4000", total)
	}
}

// A link is cut while a result streams: the client gets an error and not a short result.
func TestLinkCutInResult(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[1].Addr())
	_, db := startLocal(t, env.Shards[0].Addr(), relay.Addr())
	relay.CutAfter(600)
	rows, err := db.QueryContext(t.Context(), "SELECT a.id, b.v, REPEAT('x', 2000) FROM accounts a JOIN accounts b ON a.id = b.id ORDER BY a.id")
	n := 0
	if err == nil {
		for rows.Next() {
			n++
		}
		err = rows.Err()
		_ = rows.Close() // Err is looked at
	}
	if err == nil {
		t.Errorf("a result of %d rows over a link that was cut ends without an error", n)
	}
	relay.CutAfter(-1)
	relay.Refuse(false)
	if total := sum(t, db); total != 4000 {
		t.Errorf("the sum is %d, want 4000", total)
	}
}

// A statement that fails while it is planned leaves the transaction as it was.
func TestErrorKeepsTransaction(t *testing.T) {
	db := start(t, addrs()...)
	c := conn(t, db)
	exec(t, c, "BEGIN")
	exec(t, c, "UPDATE accounts SET v = v + 1")
	for _, query := range []string{"SELECT nope FROM accounts", "SELECT id FROM accounts WHERE nope(v) ORDER BY v", "SELECT 1 FROM nowhere"} {
		if _, err := c.ExecContext(t.Context(), query); code(err) == 0 {
			t.Errorf("%s: %v", query, err)
		}
	}
	exec(t, c, "COMMIT")
	if total := sum(t, db); total != 4040 {
		t.Errorf("the sum is %d, want 4040: the transaction was lost", total)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// A link is cut at whatever byte of the answers, between two packets too: the client has all rows or an error.
func TestLinkCutAnywhere(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[1].Addr())
	_, db := startLocal(t, env.Shards[0].Addr(), relay.Addr())
	for _, query := range []string{
		"SELECT id, v FROM accounts ORDER BY id",
		"SELECT id, v FROM accounts WHERE id > 0",
		"SELECT v, COUNT(*), GROUP_CONCAT(id ORDER BY id) FROM accounts GROUP BY v",
	} {
		want := wholeAnswer(t, db, query)
		if want.err != nil {
			t.Fatal(want.err)
		}
		whole := 0
		for n := int64(1); whole < 3 && n < 4000; n += 3 {
			warm(t, db) // the connections are there, so that the cut comes in the answer
			relay.CutAfter(n)
			got := wholeAnswer(t, db, query)
			relay.CutAfter(-1)
			switch {
			case got.err != nil:
				whole = 0
			case got.text != want.text:
				t.Fatalf("%s, cut after %d bytes: %s without an error, want %s", query, n, got.text, want.text)
			default:
				whole++ // the cut is behind the answer
			}
		}
		if whole == 0 {
			t.Errorf("%s: no cut was behind the answer", query)
		}
	}
}

type outcome struct {
	text string
	err  error
}

// wholeAnswer reads an answer into one text.
func wholeAnswer(t *testing.T, db *sql.DB, query string) (o outcome) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		return outcome{err: err}
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return outcome{err: err}
	}
	for rows.Next() {
		cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		o.text += fmt.Sprintln(cells)
	}
	o.err = rows.Err()
	return o
}

// warm asks until both shards answer.
func warm(t *testing.T, db *sql.DB) {
	t.Helper()
	if total := sum(t, db); total != 4000 {
		t.Fatalf("the sum is %d", total)
	}
}
