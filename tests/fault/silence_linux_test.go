package fault

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// A shard's machine vanishes: whoever waits for it is told within the bound of the configuration, whether his statement
// was acknowledged before or never has been, and a COMMIT too. When the machine is there again, all is as it was.
func TestMachineVanishes(t *testing.T) {
	link := harness.NewRelay(t, env.Shards[1].Addr())
	h := startHeddleWith(t, map[string]string{"pool.silence_timeout": "2s"}, env.Shards[0].Addr(), link.Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	waits := map[string]func() error{}
	statement := func(name string, before []string, query string) {
		c := conn(t, db)
		for _, b := range before {
			exec(t, c, b)
		}
		waits[name] = func() error { _, err := c.ExecContext(t.Context(), query); return err }
	}
	const writes = "UPDATE accounts SET v = v + 1 WHERE id IN (1, 2, 3, 4, 5, 6)"
	statement("a query", []string{"BEGIN", "SELECT * FROM accounts"}, "SELECT id FROM accounts ORDER BY v")
	statement("a write", []string{"BEGIN", "SELECT * FROM accounts"}, "UPDATE accounts SET v = v + 1 WHERE id IN (7, 8, 9, 10, 11, 12)")
	statement("a COMMIT", []string{"BEGIN", writes}, "COMMIT")
	sleeper := conn(t, db)
	there := count(t, shards(t)[1], "SELECT MIN(id) FROM accounts")
	ended := make(chan string, len(waits)+1)
	tell := func(name string, err error, began time.Time) {
		switch took := time.Since(began); {
		case err == nil:
			ended <- name + ": it is answered"
		case took > 8*time.Second || code(err) == 0:
			ended <- name + ": after " + took.String() + ": " + err.Error()
		default:
			ended <- ""
		}
	}
	began := make(chan time.Time, 1)
	go func() {
		_, err := sleeper.ExecContext(t.Context(), fmt.Sprint("SELECT SLEEP(60) FROM accounts WHERE id = ", there))
		tell("a statement under way", err, <-began)
	}()
	eventually(t, "the statement is under way", func() bool { return working(t, shards(t)[1:], "%SLEEP%") > 0 })
	if err := link.Vanish(); err != nil {
		t.Fatal(err)
	}
	began <- time.Now()
	for name, wait := range waits {
		go func() { start := time.Now(); tell(name, wait(), start) }()
	}
	for range len(waits) + 1 {
		if bad := <-ended; bad != "" {
			t.Error(bad)
		}
	}
	if err := link.Return(); err != nil {
		t.Fatal(err)
	}
	sum(t, db)
	exec(t, db, "UPDATE accounts SET v = 100")
	if total := sum(t, db); total != 4000 {
		t.Errorf("the sum is %d, want 4000", total)
	}
}

// A server that takes nothing of a long statement for longer than the bound, as one does that waits for a lock, is waited
// for: its machine is there.
func TestClosedWindowIsNoSilence(t *testing.T) {
	link := harness.NewRelay(t, env.Shards[1].Addr())
	h := startHeddleWith(t, map[string]string{"pool.silence_timeout": "1s"}, env.Shards[0].Addr(), link.Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	exec(t, db, "SELECT * FROM accounts")
	long := strings.Repeat("x", 14<<20) // more than the buffers of all sockets between
	link.Hold()
	ended := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := db.ExecContext(t.Context(), "UPDATE accounts SET v = v + (LENGTH('"+long+"') > 0)")
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Errorf("after %v: %v", time.Since(began), err)
	case <-time.After(4 * time.Second):
		link.Release()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if total := sum(t, db); total != 4040 {
		t.Errorf("the sum is %d, want 4040", total)
	}
}
