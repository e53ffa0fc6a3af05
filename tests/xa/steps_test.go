package xa

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/failpoint"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// steps are the points between which a commit of three written shards does something.
var steps = []string{"prepare.before", "prepare.after", "decide.before", "decide.after", "deliver.before", "deliver.after"}

// once is a failpoint that does something the first time a point is come by.
func once(point string, do func() error) txn.Failpoint {
	var first sync.Once
	return func(_ context.Context, p string) (err error) {
		if p == point {
			first.Do(func() { err = do() })
		}
		return err
	}
}

// hurried are limits that let a test see their end.
func hurried(at txn.Failpoint) *txn.Manager {
	return txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, At: at,
		Limits: txn.Limits{Prepare: 300 * time.Millisecond, Decide: 500 * time.Millisecond, Ask: time.Second, Deliver: 500 * time.Millisecond}})
}

// settle recovers, and judges a transaction over all shards by what its client was told.
func settle(t *testing.T, how string, x *txn.Txn, branches []*branch, id int64, err error) {
	t.Helper()
	b := &batch{t: t}
	for _, c := range branches {
		c.Discard()
	}
	r := recoverer(t, nil)
	for range 20 {
		left := false
		for i, name := range shards.Names() {
			_, _ = r.Scan(t.Context(), name) // what it cannot do yet is left
			left = left || ask(t, i, "XA RECOVER") != ""
		}
		if !left {
			break
		}
	}
	v := &victim{fate: fate{die: how}, id: id, wrote: []int{0, 1, 2}, txn: x, err: err}
	v.judge(b.t)
}

// TestServersDieInEveryStep kills the server of a branch, of home, and all of them, in each step, and starts them again: scenarios 9 to 11.
func TestServersDieInEveryStep(t *testing.T) {
	for _, point := range steps {
		for _, dead := range [][]int{{0}, {1}, {0, 1, 2}} {
			m := hurried(once(point, func() error {
				var err error
				for _, i := range dead {
					err = errors.Join(err, env.Shards[i].Kill())
				}
				for _, i := range dead {
					err = errors.Join(err, env.Shards[i].Start(t.Context()))
				}
				return err
			}))
			x, b, id := transfer(t, m, txn.Options{}, []int{0, 1, 2})
			settle(t, fmt.Sprintf("servers %v killed at %s", dead, point), x, b, id, x.Commit(t.Context()))
		}
	}
	clean(t)
}

// TestServersFreezeInEveryStep: a server that is there and does nothing, until its owner has given up: scenario 12.
func TestServersFreezeInEveryStep(t *testing.T) {
	for _, point := range steps {
		for _, frozen := range []int{0, 1} {
			m := hurried(once(point, func() error { return env.Shards[frozen].Signal(syscall.SIGSTOP) }))
			x, b, id := transfer(t, m, txn.Options{}, []int{0, 1, 2})
			err := x.Commit(t.Context())
			if again := env.Shards[frozen].Signal(syscall.SIGCONT); again != nil {
				t.Fatal(again)
			}
			settle(t, fmt.Sprintf("server %d frozen at %s", frozen, point), x, b, id, err)
		}
	}
	clean(t)
}

// TestServersRefuseInEveryStep: a server that becomes read-only, and one that has no connection to give away, until the owner is over:
// scenario 29. (A disk that is full is among the faults of the sweep in tests/fault.)
func TestServersRefuseInEveryStep(t *testing.T) {
	for _, point := range steps {
		for _, how := range [][2]string{
			{"SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"}, {"SET GLOBAL max_connections = 10", "SET GLOBAL max_connections = 500"},
		} {
			run := func(statement string) (err error) {
				for _, c := range control {
					_, one := c.ExecContext(t.Context(), statement)
					err = errors.Join(err, one)
				}
				return err
			}
			m := hurried(once(point, func() error { return run(how[0]) }))
			x, b, id := transfer(t, m, txn.Options{}, []int{0, 1, 2})
			err := x.Commit(t.Context())
			if again := run(how[1]); again != nil {
				t.Fatal(again)
			}
			settle(t, how[0]+" at "+point, x, b, id, err)
		}
	}
	clean(t)
}

// TestRecoverersDieAtEveryPoint: one dies at each point of recovery, of a transaction that is decided and of one that is not, and
// another finishes what both have left: scenario 17.
func TestRecoverersDieAtEveryPoint(t *testing.T) {
	struck := map[string]bool{}
	for _, point := range recoverAt {
		for _, left := range []string{"decide.before", "decide.after"} {
			b, id := dying(t, left) // its connections stay open: they have to be killed
			points, err := failpoint.Parse(point + "=error")
			if err != nil {
				t.Fatal(err)
			}
			r := recoverer(t, points.Hit)
			for _, name := range shards.Names() {
				if _, err := r.Scan(t.Context(), name); errors.Is(err, txn.ErrDied) {
					struck[point] = true
				}
			}
			recoverAll(t, recoverer(t, nil))
			if on := there(t, id); left == "decide.after" && !slices.Equal(on, []int{0, 1}) || left == "decide.before" && len(on) > 0 {
				t.Errorf("left at %s, recovered by one that died at %s: on %v", left, point, on)
			}
			for _, c := range b {
				c.Discard()
			}
		}
	}
	for _, point := range recoverAt {
		if attached := strings.Contains(point, ".kill.") || strings.Contains(point, ".pause."); !struck[point] && !(onMySQL && attached) { // nothing there is a connection's
			t.Errorf("no recoverer has come to %s", point)
		}
	}
	clean(t)
}

// TestManyRecoverers: two, then five at once, at the same branches: scenarios 16 and 20, for nobody is the leader.
func TestManyRecoverers(t *testing.T) {
	for _, n := range []int{2, 5} {
		ids := map[int64]int{}
		var open []*branch
		for i, point := range []string{"prepare.after", "decide.before", "decide.after", "deliver.before"} {
			for range 3 {
				b, id := dying(t, point)
				ids[id] = i / 2 * 2
				open = append(open, b...)
			}
		}
		var all sync.WaitGroup
		for range n {
			r := recoverer(t, nil)
			for _, name := range shards.Names() {
				all.Go(func() {
					if _, err := r.Scan(t.Context(), name); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		for id, want := range ids {
			if got := len(there(t, id)); got != want {
				t.Errorf("%d recoverers: transaction %d is on %d shards, want %d", n, id, got, want)
			}
		}
		for _, b := range open {
			b.Discard()
		}
	}
	clean(t)
}

// TestOperatorAndRecoverers: operators who resolve by force, both ways, while others recover: one of them decides, and it is that way.
func TestOperatorAndRecoverers(t *testing.T) {
	for range 6 {
		b, id := dying(t, "decide.before")
		for _, c := range b {
			c.Discard()
		}
		listed, err := shards.List(t.Context(), cluster)
		if err != nil || len(listed) != 1 {
			t.Fatalf("%+v, %v", listed, err)
		}
		var all sync.WaitGroup
		for _, commit := range []bool{true, false} {
			all.Go(func() {
				_, err := shards.Resolve(t.Context(), listed[0].GTRID.String(), commit, true)
				if err != nil && !errors.Is(err, txn.ErrDecided) && !errors.Is(err, txn.ErrOver) {
					t.Errorf("resolve, commit %v: %v", commit, err)
				}
			})
		}
		r := recoverer(t, nil)
		all.Go(func() { _, _ = r.Scan(t.Context(), env.Shards[1].Name()) })
		all.Wait()
		recoverAll(t, r)
		verdict := ask(t, 0, "SELECT verdict FROM heddle_mesh.txn_decision WHERE gtrid = '"+listed[0].GTRID.String()+"'")
		if on := there(t, id); verdict == "C" && !slices.Equal(on, []int{1}) || verdict == "A" && len(on) > 0 || verdict == "" {
			t.Errorf("decided %q, on %v", verdict, on)
		}
	}
	clean(t)
}

// TestAlterWaits: a change of a table waits for what is prepared there, and passes when it is recovered: scenario 26.
func TestAlterWaits(t *testing.T) {
	b, id := dying(t, "decide.after")
	c := connect(t, 1)
	c.run(t, "SET lock_wait_timeout = 1")
	err := c.Exec(t.Context(), "ALTER TABLE bank.ledger ADD COLUMN more INT")
	if err == nil || !strings.Contains(err.Error(), "Lock wait timeout") {
		t.Errorf("a table is changed under a prepared branch: %v", err)
	}
	recoverAll(t, recoverer(t, nil))
	c.run(t, "ALTER TABLE bank.ledger ADD COLUMN more INT")
	c.run(t, "ALTER TABLE bank.ledger DROP COLUMN more")
	if on := there(t, id); !slices.Equal(on, []int{0, 1}) {
		t.Errorf("on %v", on)
	}
	for _, c := range b {
		c.Discard()
	}
	clean(t)
}

// TestManyInDoubt: what many transactions have left is recovered in one look, by 32 at a time.
func TestManyInDoubt(t *testing.T) {
	const many = 200
	server := shards.Server(env.Shards[1].Name())
	home := shards.Server(env.Shards[0].Name())
	var all sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range many {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			c, err := control[1].Conn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			x := xa.XID{GTRID: xa.GTRID{Cluster: cluster, Log: home.Log, Epoch: 1, Seq: uint64(i)}, Branch: xa.Qualifier{Log: server.Log}}
			if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&x.Branch.Conn); err != nil {
				t.Error(err)
			}
			for _, s := range append([]string{txnlog.Start(x)}, txnlog.Prepare(x)...) {
				if _, err := c.ExecContext(t.Context(), s); err != nil {
					t.Error(err)
				}
			}
			_ = c.Raw(func(any) error { return driver.ErrBadConn }) // ends it
			_ = c.Close()
		})
	}
	all.Wait()
	began := time.Now()
	if done := recoverAll(t, recoverer(t, nil)); len(done) != many {
		t.Errorf("%d of %d branches were recovered", len(done), many)
	}
	t.Logf("%d branches were recovered in %v", many, time.Since(began).Round(10*time.Millisecond))
	clean(t)
}
