package xa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/failpoint"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
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

// TestServersFreezeInEveryStep: a server that is there and does nothing, until its owner has given up: scenario 12. With HEDDLE_XA_SPELL owners have their
// usual limits, and servers stand still for at least as long as it says.
func TestServersFreezeInEveryStep(t *testing.T) {
	owner := hurried
	if spell() > 0 {
		owner = manager
	}
	for _, point := range steps {
		for _, frozen := range []int{0, 1} {
			var began time.Time
			m := owner(once(point, func() error {
				began = time.Now()
				return env.Shards[frozen].Signal(syscall.SIGSTOP)
			}))
			x, b, id := transfer(t, m, txn.Options{}, []int{0, 1, 2})
			err := x.Commit(t.Context())
			if began.IsZero() {
				t.Errorf("nothing came to %s", point)
			}
			lasted(began)
			if again := env.Shards[frozen].Signal(syscall.SIGCONT); again != nil {
				t.Fatal(again)
			}
			settle(t, fmt.Sprintf("server %d frozen at %s", frozen, point), x, b, id, err)
		}
	}
	clean(t)
}

// TestServersRefuseInEveryStep: a server that becomes read-only, and one that has no connection to give away, until the owner is over:
// scenario 29, which goes on with the disk.
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

// TestDiskFullInEveryStep: the disk with Heddle's tables is full, home's or a branch's, from a step on until the owner is over. A decision that finds no
// room is none, and all is rolled back. (A MariaDB that has no room to roll back what had too little ends itself; it is started again then.)
func TestDiskFullInEveryStep(t *testing.T) {
	limits := txn.Limits{Prepare: time.Second, Decide: 5 * time.Second, Ask: time.Second, Deliver: time.Second}
	for _, shard := range []int{0, 1} {
		disk := onSmallDisk(t, shard)
		for _, point := range steps {
			if _, err := control[shard].ExecContext(t.Context(), "ALTER TABLE heddle_mesh.txn_statement FORCE"); err != nil { // no more room than it needs
				t.Fatal(err)
			}
			m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, KeepStatements: true, Limits: limits, At: once(point, func() error { return harness.FillDisk(disk) })})
			x, b, id := transfer(t, m, txn.Options{}, []int{0, 1, 2})
			for range 8 { // rows that stay in their pages, of which there are too few
				x.Sending(b[1], txn.Statement{Text: "INSERT INTO bank.ledger /* " + strings.Repeat("long ", 1500) + " */ VALUES (0)"})
			}
			err := x.Commit(t.Context())
			if empty := harness.EmptyDisk(disk); empty != nil {
				t.Fatal(empty)
			}
			if before := !strings.HasPrefix(point, "deliver") && point != "decide.after"; err == nil && before && shard == 0 {
				t.Errorf("a full disk at %s has not kept the decision from being made", point)
			}
			alive(t, shard)
			settle(t, fmt.Sprintf("the disk of server %d full at %s", shard, point), x, b, id, err)
		}
	}
	clean(t)
}

// alive starts a server again if it has ended, or is about to.
func alive(t *testing.T, shard int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); control[shard].PingContext(t.Context()) != nil; <-time.After(20 * time.Millisecond) {
		select {
		case <-env.Shards[shard].Done():
			if err := env.Shards[shard].Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		default:
			if time.Now().After(deadline) {
				t.Fatalf("%s does not answer", env.Shards[shard].Name())
			}
		}
	}
}

// onSmallDisk moves Heddle's tables of a server to a small disk, for the length of the test.
func onSmallDisk(t *testing.T, shard int) (disk string) {
	t.Helper()
	disk = harness.SmallDisk(t, 24)
	there, here := filepath.Join(disk, txnlog.Schema), filepath.Join(ask(t, shard, "SELECT @@datadir"), txnlog.Schema)
	move := func(do func() error) {
		t.Helper()
		if err := errors.Join(env.Shards[shard].Stop(context.Background()), do(), env.Shards[shard].Start(context.Background())); err != nil {
			t.Fatal(err)
		}
	}
	move(func() error {
		return errors.Join(os.CopyFS(there, os.DirFS(here)), os.RemoveAll(here), os.Symlink(there, here))
	})
	t.Cleanup(func() {
		move(func() error { return errors.Join(os.Remove(here), os.CopyFS(here, os.DirFS(there))) })
	})
	return disk
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
		if on := there(t, id); verdict == "C" && !slices.Equal(on, []int{1}) || (verdict == "A" || verdict == "R") && len(on) > 0 || verdict == "" {
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

// TestOwnerOfReadingBranchesDies: a server rolls a prepared branch that has changed nothing back when its connection ends, and answers its commit with
// 1402. No branch of Heddle's is one: those that have only read are not prepared, and all others have their mark. Scenario 24.
func TestOwnerOfReadingBranchesDies(t *testing.T) {
	const same = "UPDATE bank.acc SET bal = bal WHERE id = 2"
	bare := connect(t, 1)
	bare.run(t, "XA START 'bare'; "+same+"; XA END 'bare'; XA PREPARE 'bare'")
	bare.Discard()
	letGo(t, bare)
	if _, err := control[1].ExecContext(t.Context(), "XA COMMIT 'bare'"); txnlog.Code(err) != txnlog.CodeRolledBack {
		t.Errorf("the server keeps what has changed nothing: %v", err)
	}
	for _, point := range []string{"check.after", "prepare.before", "prepare.after", "decide.before", "decide.after", "deliver.before", "close.before"} {
		points, err := failpoint.Parse(point + "=error")
		if err != nil {
			t.Fatal(err)
		}
		x, branches, id := transfer(t, manager(points.Hit), txn.Options{}, []int{0})
		for shard, statement := range []string{1: same, 2: "SELECT bal FROM bank.acc WHERE id = 2 FOR UPDATE"} {
			if statement == "" {
				continue
			}
			b := connect(t, shard)
			if err := x.Enlist(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			b.run(t, statement)
			x.Touched(b, shard == 1)
			branches = append(branches, b)
		}
		if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
			t.Fatalf("%s: %v", point, err)
		}
		discard(branches)
		done := recoverAll(t, recoverer(t, nil)) // an alarm fails the test
		decided := slices.Contains([]string{"decide.after", "deliver.before", "close.before"}, point)
		for _, d := range done {
			if d.Committed != decided {
				t.Errorf("%s: %+v", point, d)
			}
		}
		if on := there(t, id); len(on) != map[bool]int{true: 1}[decided] {
			t.Errorf("%s: on %v", point, on)
		}
		if kept := ask(t, 1, "SELECT 1 FROM heddle_mesh.txn_mark WHERE gtrid = '"+x.GTRID()+"'") != ""; kept != decided {
			t.Errorf("%s: the branch that has changed nothing is committed: %v", point, kept)
		}
	}
	clean(t)
}
