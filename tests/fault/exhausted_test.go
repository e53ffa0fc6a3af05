package fault

import (
	"database/sql"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// quick runs a query and wants its error within a bound, or none for code 0.
func quick(t *testing.T, on interface {
	execer
}, query string, want uint16, texts ...string) {
	t.Helper()
	began := time.Now()
	_, err := on.ExecContext(t.Context(), query)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%s took %v", query, took)
	}
	if code(err) != want || want == 0 && err != nil {
		t.Errorf("%s: %v, want error %d", query, err, want)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v does not say %q", query, err, text)
		}
	}
}

// What a statement holds of the budgets of memory is given back when it has ended, be it with an error.
func TestMemoryIsGivenBack(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin, "memory.query": "1MiB"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	c := conn(t, db)
	used := func() float64 { return metric(t, admin, "heddle_memory_bytes") }
	exec(t, c, "SELECT AVG(id) + 1 FROM accounts")
	before := used()
	for _, q := range []struct {
		sql  string
		code uint16
	}{
		{"SELECT AVG(id) + 1 FROM accounts", 0},
		{"SELECT COUNT(*) AS n FROM accounts GROUP BY id % 10 HAVING n > 1", 0},
		{"SELECT id, ROW_NUMBER() OVER (ORDER BY v, id) FROM accounts", 0},
		{"SELECT id FROM accounts UNION SELECT v FROM accounts", 0},
		{"UPDATE accounts SET v = v ORDER BY id LIMIT 5", 0},
		{"INSERT IGNORE INTO accounts (id, v) SELECT id + 1000, v FROM accounts", 0},
		{"INSERT INTO accounts (id, v) SELECT seq + 9000, 1 FROM seq_1_to_100000", 1038},
		{"DELETE FROM accounts WHERE id > 900 AND id % 7 = 0 RETURNING id, v", 0},
	} {
		for range 20 {
			_, err := c.ExecContext(t.Context(), q.sql)
			if q.code != code(err) || q.code == 0 && err != nil {
				t.Fatalf("%s: %v, want error %d", q.sql, err, q.code)
			}
		}
		if now := used(); now > before {
			t.Errorf("%s leaves %v bytes reserved after 20 times", q.sql, now-before)
			before = now
		}
	}
	if before == 0 {
		return
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	settles(t, func() bool { return used() == 0 }, func() string { return fmt.Sprint(used(), " bytes stay reserved when nobody is there") })
}

// All connections to the servers are held: who wants one more waits for so long and is told why; a KILL gets through, and frees one.
func TestPoolExhausted(t *testing.T) {
	h := startHeddleWith(t, map[string]string{"pool.max": "2", "pool.wait_timeout": "300ms"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	var holders []*sql.Conn
	var ids []uint32
	for range 2 {
		c := conn(t, db)
		var id uint32
		if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		exec(t, c, "BEGIN")
		exec(t, c, "SELECT COUNT(*) FROM accounts")
		holders, ids = append(holders, c), append(ids, id)
	}
	watch := h.Open(t, "root", "", "shop")
	quick(t, watch, "SELECT COUNT(*) FROM accounts", 1429, "became free", "2 of 2 are in use")
	quick(t, watch, "UPDATE accounts SET v = 0", 1429, "became free")
	quick(t, holders[0], "UPDATE accounts SET v = v + 1 WHERE id = 1", 0) // who holds goes on
	quick(t, watch, fmt.Sprint("KILL ", ids[1]), 0)
	eventually(t, "what the killed one held is free", func() bool {
		_, err := watch.ExecContext(t.Context(), "SELECT COUNT(*) FROM accounts")
		return err == nil
	})
	quick(t, holders[0], "COMMIT", 0)
	if total := sum(t, watch); total != 4001 {
		t.Errorf("the sum is %d, want 4001", total)
	}
}

// A statement that waits for a connection is killed: when there is one, it does not run.
func TestKilledBeforeItBegins(t *testing.T) {
	h := startHeddleWith(t, map[string]string{"pool.max": "1", "pool.wait_timeout": "20s"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	holder, waits := conn(t, db), conn(t, db)
	var id uint32
	if err := waits.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE accounts SET v = 0 WHERE id = 1", "UPDATE accounts SET v = 0"} {
		exec(t, holder, "BEGIN")
		exec(t, holder, "SELECT COUNT(*) FROM accounts")
		ended := make(chan error, 1)
		go func() {
			_, err := waits.ExecContext(t.Context(), statement)
			ended <- err
		}()
		eventually(t, "the statement is under way", func() bool { return runs(t, db, id, statement) })
		exec(t, db, fmt.Sprint("KILL QUERY ", id))
		exec(t, holder, "COMMIT")
		if err := <-ended; code(err) != 1317 {
			t.Errorf("%s, killed while it waits: %v", statement, err)
		}
		if total := sum(t, db); total != 4000 {
			t.Errorf("%s was killed before it began, and has run: the sum is %d", statement, total)
		}
	}
}

// runs reports whether a session runs the statement. Of a session that is shown to run something, that may still be the
// statement before, of which only the answer has been sent.
func runs(t *testing.T, on *sql.DB, id uint32, statement string) bool {
	t.Helper()
	a, err := harness.Ask(t.Context(), on, "SHOW PROCESSLIST")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(a.Rows, func(row []any) bool { return row[0] == fmt.Sprint(id) && row[7] == statement })
}

// The disk for temporary files is full: what needs it fails with an error that says so, and leaves nothing there.
func TestSpillDiskFull(t *testing.T) {
	disk := harness.SmallDisk(t, 24)
	h := startHeddleWith(t, map[string]string{"spill.dir": disk, "memory.query": "1MiB"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	c := conn(t, db)
	// In an order that no shard could give, and more than the memory has room for.
	rows := ""
	for id := 41; id <= 12000; id++ {
		rows += fmt.Sprintf(", (%d, %d)", id, id)
	}
	exec(t, db, "INSERT INTO accounts VALUES "+rows[2:])
	big := "SELECT v, COUNT(*) AS c, SUM(id) AS s, MIN(id), MAX(id) FROM accounts GROUP BY v ORDER BY c, s DESC"

	quick(t, c, big, 0)
	s := &site{disk: disk}
	exec(t, c, "BEGIN")
	exec(t, c, "UPDATE accounts SET v = v + 1")
	if err := s.fillDisk(); err != nil {
		t.Fatal(err)
	}
	_, err := c.ExecContext(t.Context(), big)
	if code(err) == 0 || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("a merge on a disk that is full: %v", err)
	}
	t.Logf("told: %v", err)
	quick(t, c, "SELECT COUNT(*) FROM accounts", 0) // what needs no file is served
	if err := s.emptyDisk(); err != nil {
		t.Fatal(err)
	}
	quick(t, c, big, 0)
	quick(t, c, "COMMIT", 0)
	if total, want := sum(t, db), 4000+(12000*12001-40*41)/2+12000; total != want {
		t.Errorf("the sum is %d, want %d", total, want)
	}
	if files, err := filepath.Glob(filepath.Join(disk, "*")); err != nil || len(files) > 0 {
		for _, f := range files {
			if st, err := os.Stat(f); err == nil && st.Size() > 0 {
				t.Errorf("%s is left, %d bytes", f, st.Size())
			}
		}
	}
}

// Heddle has no file descriptor left: who is in is served, or told why not; who comes waits; then all are served.
func TestOutOfDescriptors(t *testing.T) {
	h := startHeddleWith(t, map[string]string{"limits.max_connections": "500"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	c := conn(t, db)
	quick(t, c, "SELECT COUNT(*) FROM accounts", 0)
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	limit := func(n string) {
		out, err := osexec.CommandContext(t.Context(), "prlimit", "--pid", fmt.Sprint(h.PID()), "--nofile="+n).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	limit(fmt.Sprint(len(open)+10, ":4096"))
	var crowd []*raw
	for left := 3; left > 0 && len(crowd) < 30; {
		if r, err := dialRaw(h.Addr, "shop", 500*time.Millisecond); err == nil {
			crowd = append(crowd, r)
		} else {
			left--
		}
	}
	if len(crowd) < 3 || len(crowd) == 30 || !strings.Contains(h.Log(), "cannot accept") {
		t.Errorf("%d clients came in with ten descriptors", len(crowd))
	}
	quick(t, c, "SELECT COUNT(*) FROM accounts", 0) // it has its connections
	for _, r := range crowd {                       // these have none yet, or share those that are there
		r.patience = 15 * time.Second
		if _, err := r.query("BEGIN"); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if _, err := r.query("SELECT COUNT(*) FROM accounts FOR UPDATE"); number(err) < 0 || time.Since(began) > 5*time.Second {
			t.Errorf("a client without a descriptor for its servers: %v after %v", err, time.Since(began))
		}
		_ = r.send(wire.Bare(wire.ComQuit)) // it has its answer
		_ = r.Conn.Close()
	}
	limit("4096:4096")
	for range 20 {
		r, err := dialRaw(h.Addr, "shop", 10*time.Second)
		if err != nil {
			t.Fatalf("when there are descriptors again: %v", err)
		}
		if _, err := r.query("SELECT COUNT(*) FROM accounts"); err != nil {
			t.Errorf("when there are descriptors again: %v", err)
		}
		r.close()
	}
}

// A shard says nothing, for as long as it likes: who waits for it can be ended by KILL QUERY and by KILL, in time, and a
// transaction with it.
func TestKillWhoWaitsForSilence(t *testing.T) {
	link := harness.NewRelay(t, env.Shards[1].Addr())
	h, db := startHeddle(t, env.Shards[0].Addr(), link.Addr())
	kills := h.Open(t, "root", "", "shop")
	for _, verb := range []string{"KILL QUERY", "KILL"} {
		for _, statement := range []string{"SELECT id, v FROM accounts ORDER BY id", "UPDATE accounts SET v = v + 1"} {
			for _, begin := range []string{"DO 0", "BEGIN"} {
				c, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var id uint32
				if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
					t.Fatal(err)
				}
				exec(t, c, begin)
				exec(t, c, "SELECT COUNT(*) FROM accounts")
				link.Hold()
				ended := make(chan error, 1)
				go func() {
					_, err := c.ExecContext(t.Context(), statement)
					ended <- err
				}()
				eventually(t, "the statement is under way", func() bool {
					return runs(t, kills, id, statement)
				})
				began := time.Now()
				exec(t, kills, fmt.Sprint(verb, " ", id))
				select {
				case err := <-ended:
					if err == nil {
						t.Errorf("%s of %s: it is answered", verb, statement)
					}
				case <-time.After(15 * time.Second):
					t.Fatalf("%s of %s after %s does not end it", verb, statement, begin)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s of %s takes %v", verb, statement, took)
				}
				link.Release()
				_ = c.Close() // it may have been killed
				if total := sum(t, db); total != 4000 {
					t.Errorf("%s of %s after %s: the sum is %d, want 4000", verb, statement, begin, total)
				}
			}
		}
	}
}
