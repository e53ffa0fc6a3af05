package fault

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// clients ask again and again until they are stopped.
type clients struct {
	mu      sync.Mutex
	answers int
	told    int // answered by an error
	atOnce  int // of them, that the server hangs
	wrong   []string
	longest time.Duration
}

// note counts an answer; errors are wrong unless they say one of the words.
func (c *clients) note(took time.Duration, err error, words ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longest = max(c.longest, took)
	if err == nil {
		c.answers++
		return
	}
	c.told++
	if strings.Contains(err.Error(), "it hangs") {
		c.atOnce++
	}
	for _, word := range words {
		if strings.Contains(err.Error(), word) {
			return
		}
	}
	c.wrong = append(c.wrong, err.Error())
}

func (c *clients) atLeast(n *int, least int) func() bool {
	return func() bool { c.mu.Lock(); defer c.mu.Unlock(); return *n >= least }
}

func (c *clients) now(n *int) int { c.mu.Lock(); defer c.mu.Unlock(); return *n }

// A server whose connections are all busy for longer than the bound is none that hangs: it answers what it is asked beside them. Then it stands still, and
// more clients ask all shards than the pools have places for: those who need the other shard alone are served all the while, each of them. Who needs
// the frozen server is told within a bound, and then at once; when it goes on, all are served as before.
func TestHangingServerStarvesNobody(t *testing.T) {
	const places = 6
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin, "pool.max": strconv.Itoa(places), "pool.wait_timeout": "20s"}, env.Shards[0].Addr(), env.Shards[1].Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	on := shards(t)
	here, there := count(t, on[0], "SELECT MIN(id) FROM accounts"), count(t, on[1], "SELECT MIN(id) FROM accounts")
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }()
	db.SetMaxIdleConns(32)
	ask := func(n int, c *clients, query string, id int, words ...string) {
		for range n {
			work.Go(func() {
				for ctx.Err() == nil {
					began := time.Now()
					var v int
					if err := db.QueryRowContext(ctx, query, id).Scan(&v); ctx.Err() == nil {
						c.note(time.Since(began), err, words...)
					}
				}
			})
		}
	}
	var beside, needing clients
	ask(3, &beside, "SELECT v FROM accounts WHERE id = ?", here)
	eventually(t, "clients are served", beside.atLeast(&beside.answers, 100))
	busy(t, h.Open(t, "root", "", "shop"), on[1], there, places)
	if n := metric(t, admin, `heddle_pool_hangs_total{data_source="ds_1"}`); n != 0 {
		t.Errorf("a busy server was taken for one that hangs, %v times", n)
	}

	ask(places+4, &needing, "SELECT SUM(v) FROM accounts WHERE id > ?", 0, "'ds_1'")
	eventually(t, "all are served", needing.atLeast(&needing.answers, 50))
	freeze(t, 1)
	eventually(t, "those who need the frozen server are told", needing.atLeast(&needing.told, places))
	eventually(t, "they are told at once", needing.atLeast(&needing.atOnce, 30))
	served := beside.now(&beside.answers)
	eventually(t, "the others are served", beside.atLeast(&beside.answers, served+100))
	if hangs := metric(t, admin, `heddle_pool_hangs{data_source="ds_1"}`) + metric(t, admin, `heddle_pool_hangs_total{data_source="ds_1"}`); hangs != 2 {
		t.Errorf("the metrics do not tell: %v", hangs)
	}
	if err := env.Shards[1].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is used again", func() bool {
		var v int
		return db.QueryRowContext(t.Context(), "SELECT v FROM accounts WHERE id = ?", there).Scan(&v) == nil
	})
	again := needing.now(&needing.answers)
	eventually(t, "all are served again", needing.atLeast(&needing.answers, again+50))
	stop()
	work.Wait()
	t.Logf("beside it: %d statements, none failed, the longest took %v; with it: %d, and %d told of it, %d at once, the longest took %v",
		beside.answers, beside.longest, needing.answers, needing.told, needing.atOnce, needing.longest)
	if len(beside.wrong) > 0 || len(needing.wrong) > 0 {
		t.Errorf("of the other shard: %q; of all: %q", beside.wrong, needing.wrong)
	}
}

// busy has statements occupy all connections to the second shard, for longer than one that hangs may be silent: until it has been asked often enough.
func busy(t *testing.T, db *sql.DB, shard *sql.DB, id, places int) {
	t.Helper()
	asked := func() (n int) {
		var name string
		if err := shard.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Com_admin_commands'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	holder, err := shard.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var v int
	if err := holder.QueryRowContext(t.Context(), "SELECT v FROM accounts WHERE id = ? FOR UPDATE", id).Scan(&v); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range places {
		work.Go(func() {
			if _, err := db.ExecContext(t.Context(), "UPDATE accounts SET v = v + 0 WHERE id = ?", id); err != nil {
				t.Errorf("a statement of a busy server: %v", err)
			}
		})
	}
	from := asked()
	eventually(t, "the busy server is asked", func() bool { return asked() >= from+10 })
	if err := holder.Rollback(); err != nil {
		t.Error(err)
	}
	work.Wait()
}

// freeze has a shard's server stand still until the end of the test, or its SIGCONT.
func freeze(t *testing.T, shard int) {
	t.Helper()
	if err := env.Shards[shard].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Shards[shard].Signal(syscall.SIGCONT) })
}
