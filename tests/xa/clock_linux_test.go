package xa

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// clocks is where the servers' clocks are: a file for each process, of as many seconds as it is ahead.
var clocks string

// prepareClocks has the servers that are started from now on have clocks that can be set: testdata/clock.c is in each of them. A clock's jump is then
// what it is on a machine: the time of day is another, and what is measured goes on. end removes what it has made.
func prepareClocks() (end func(), err error) {
	if clocks, err = os.MkdirTemp("", "heddle-clocks-"); err != nil {
		return nil, err
	}
	library := filepath.Join(clocks, "clock.so")
	compile := exec.Command(cmp.Or(os.Getenv("CC"), "gcc"), "-shared", "-fPIC", "-O2", "-o", library, "testdata/clock.c", "-ldl")
	if out, err := compile.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w: %s", compile, err, out), os.RemoveAll(clocks))
	}
	_ = os.Setenv("HEDDLE_TEST_CLOCKS", clocks)
	_ = os.Setenv("LD_PRELOAD", library)
	return func() { _ = os.RemoveAll(clocks) }, nil
}

// setClock puts a server's clock ahead of the machine's, or behind it, until the test ends.
func setClock(t *testing.T, shard int, ahead time.Duration) {
	t.Helper()
	path := filepath.Join(clocks, strconv.Itoa(env.Shards[shard].PID()))
	set := func(to time.Duration) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(int64(to/time.Second))), 0)
		return err
	}
	if err := set(ahead); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set(0); err != nil {
			t.Error(err)
		}
	})
	var now int64
	if err := control[shard].QueryRow("SELECT UNIX_TIMESTAMP()").Scan(&now); err != nil {
		t.Fatal(err)
	}
	if off := time.Until(time.Unix(now, 0)) - ahead; off.Abs() > 30*time.Second {
		t.Fatalf("%s: its clock is %v off from what it was set to", env.Shards[shard].Name(), off)
	}
}

// slow is a branch that does the statements of a packet one by one, with something in between.
type slow struct {
	*branch
	mark func() // behind the mark, before the prepare
}

func (s *slow) Exec(ctx context.Context, statements ...string) error {
	if len(statements) > 0 && strings.Contains(statements[0], "txn_mark") {
		if err := s.branch.Exec(ctx, statements[0]); err != nil {
			return err
		}
		s.mark()
		statements = statements[1:]
	}
	return s.branch.Exec(ctx, statements...)
}

// TestReadWhileAClockJumps: the clock of a server jumps while a transaction is prepared there, before a reader looks what it has and after it, and
// the mark looks an hour old. The reader sees all of the transaction, or nothing.
func TestReadWhileAClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		for _, before := range []bool{true, false} {
			for i := range control {
				setClock(t, i, 0)
			}
			for _, name := range shards.Names() { // as every process does every few seconds
				if err := shards.Server(name).Learn(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			marked, opened, committed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			lastTransfer++
			id := lastTransfer
			x := manager(nil).Begin(txn.Options{})
			for i := range control {
				b := connect(t, i)
				var as txn.Branch = b
				if i == 1 {
					as = &slow{b, func() {
						if before {
							setClock(t, 1, jump)
						}
						close(marked)
						<-opened
						if !before {
							setClock(t, 1, jump)
						}
					}}
				}
				if err := x.Enlist(t.Context(), as); err != nil {
					t.Fatal(err)
				}
				b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", id, i))
				x.Touched(as, true)
			}
			go func() { committed <- x.Commit(context.Background()) }()
			<-marked
			r, nothing := txn.New(txn.Options{ReadWrite: true}), func() {}
			all := []*branch{connect(t, 1), connect(t, 2)}
			r.Adopt(held{all[0], nothing, sync.OnceFunc(func() { close(opened) })})
			r.Adopt(held{all[1], sync.OnceFunc(func() {
				if err := <-committed; err != nil {
					t.Error(err)
				}
			}), nothing})
			err := manager(nil).Atomic(t.Context(), r, func(ctx context.Context, of txn.Branch, sql string) ([]string, error) {
				return column(ctx, of.(held).branch, sql)
			})
			if err != nil && !errors.Is(err, txn.ErrUnsettled) {
				t.Fatal(err)
			}
			if got := seen(t, all, id); err == nil && len(got) != 2 {
				t.Errorf("a clock jumps by %v, before the reader looks %v: of two snapshots, %v show the transaction", jump, before, got)
			}
			for _, b := range all {
				b.Discard()
			}
		}
	}
	clean(t)
}

// stoodStill is a transaction whose owner stands still, with its connections open, behind the failpoint of its commit.
type stoodStill struct {
	txn      *txn.Txn
	branches []*branch
	id       int64
	decided  bool
}

// standStill begins a transaction over two shards.
func standStill(t *testing.T, on []int, decided bool) *stoodStill {
	t.Helper()
	s := &stoodStill{decided: decided}
	s.txn, s.branches, s.id = transfer(t, manager(func(_ context.Context, at string) error {
		if at == map[bool]string{true: "decide.after", false: "decide.before"}[decided] {
			return errors.New("stands still")
		}
		return nil
	}), txn.Options{}, on)
	return s
}

func (s *stoodStill) commit(t *testing.T) {
	t.Helper()
	if err := s.txn.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatal(err)
	}
}

// TestRecoverWhileClocksJump: owners stand still, with their connections open, and clocks of servers have jumped since they began, before they prepared
// or after it. What is decided is carried out, what is not is rolled back. One goes on behind that: where the clock was set back its first branch is not
// ended, and its decision gets 1062.
func TestRecoverWhileClocksJump(t *testing.T) {
	stopped, goOn, told := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	slow, open, lateID := transfer(t, manager(once("decide.before", func() error { close(stopped); <-goOn; return nil })), txn.Options{}, []int{1, 2})
	go func() { told <- slow.Commit(context.Background()) }()
	<-stopped
	var late, all []*stoodStill
	for _, on := range [][]int{{0, 1}, {1, 0}, {2, 1}, {2, 0}, {0, 2}, {1, 2}} { // the clock of 2 is right
		for _, decided := range []bool{true, false} {
			prepared := standStill(t, on, decided)
			prepared.commit(t)
			begun := standStill(t, on, decided)
			late, all = append(late, begun), append(all, prepared, begun)
		}
	}
	setClock(t, 0, time.Hour)
	setClock(t, 1, -time.Hour)
	for _, s := range late {
		s.commit(t)
	}
	marked := ask(t, 1, "SELECT NOW(3)")
	for ask(t, 1, "SELECT NOW(3) > '"+marked+"' + INTERVAL 3 SECOND") != "1" { // as old as what recoverers take up
		<-time.After(10 * time.Millisecond)
	}
	began := time.Now()
	recoverAll(t, txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Life: func(uint64) txn.Life { return txn.Dead }, Try: 3 * time.Minute,
		Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) }}))
	t.Logf("recovered after %v", time.Since(began).Round(10*time.Millisecond))
	for i := range control {
		if ask(t, i, "XA RECOVER") != "" {
			t.Errorf("%s has something prepared still", env.Shards[i].Name())
		}
	}
	for _, s := range all {
		if on := there(t, s.id); len(on) != map[bool]int{true: 2}[s.decided] {
			t.Errorf("decided to commit %v, on %v", s.decided, on)
		}
		for _, b := range s.branches {
			b.Discard()
		}
	}
	close(goOn)
	if err := <-told; !errors.Is(err, txn.ErrFenced) || len(there(t, lateID)) > 0 {
		t.Errorf("who goes on behind it is told %v, and is on %v", err, there(t, lateID))
	}
	discard(open)
	clean(t)
}

// TestSweepWhileClocksJump: whatever the servers' clocks say, no decision goes before its branches were seen done for long enough, none to abort while
// whoever could decide otherwise lives, and no mark before its decision. Nothing is told as lost that is not.
func TestSweepWhileClocksJump(t *testing.T) {
	run := func(shard int, statement string) {
		t.Helper()
		if _, err := control[shard].ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for i := range control {
		run(i, "DELETE FROM heddle_mesh.txn_decision")
		run(i, "DELETE FROM heddle_mesh.txn_mark")
	}
	commit := func() string {
		x, _, _ := transfer(t, manager(nil), txn.Options{}, []int{0, 1, 2})
		if err := x.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return x.GTRID()
	}
	over, done := commit(), commit()
	run(0, "DELETE FROM heddle_mesh.txn_decision WHERE gtrid = '"+over+"'") // as it is swept, five minutes ago
	for i := 1; i < 3; i++ {
		run(i, "UPDATE heddle_mesh.txn_mark SET at = at - INTERVAL 5 MINUTE WHERE gtrid = '"+over+"'")
	}
	fenced, _ := dying(t, "decide.before")
	recoverAll(t, recoverer(t, nil))
	home := connect(t, 0)
	run(0, fmt.Sprintf("UPDATE heddle_mesh.txn_decision SET home = %d WHERE verdict = 'A'", home.id))
	undelivered, id := dying(t, "decide.after")
	kept := func(of string, shard int) bool {
		return ask(t, shard, "SELECT 1 FROM heddle_mesh.txn_decision WHERE gtrid = '"+of+"' UNION SELECT 1 FROM heddle_mesh.txn_mark WHERE gtrid = '"+of+"'") != ""
	}
	for _, jump := range []time.Duration{-time.Hour, time.Hour} {
		r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Alarm: func(a txn.Alarm) { t.Errorf("clocks jump by %v: alarm: %+v", jump, a) }})
		for i := range control {
			setClock(t, i, jump)
		}
		for range 2 {
			for _, name := range shards.Names() {
				if err := r.Sweep(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := ask(t, 0, "SELECT GROUP_CONCAT(verdict ORDER BY verdict) FROM heddle_mesh.txn_decision WHERE gtrid LIKE 'h%'"); n != "A,C,C" || !kept(done, 0) || !kept(done, 1) || !kept(done, 2) {
			t.Errorf("clocks jump by %v: decisions %s are left, and of one that is committed on %v %v %v", jump, n, kept(done, 0), kept(done, 1), kept(done, 2))
		}
		if left := kept(over, 1); left != (jump < 0) {
			t.Errorf("clocks jump by %v: a mark that is over is there: %v", jump, left)
		}
	}
	for i := range control {
		setClock(t, i, 0)
	}
	recoverAll(t, recoverer(t, nil))
	if on := there(t, id); len(on) != 2 {
		t.Errorf("what was decided is on %v", on)
	}
	discard(slices.Concat(fenced, undelivered, []*branch{home}))
	clean(t)
}

// TestClientsNamesWhileClocksJump: the name of a transaction that its client is about to prepare is left alone though a server's clock says that it is
// an hour old; that of an owner who has died goes though it is from the future.
func TestClientsNamesWhileClocksJump(t *testing.T) {
	sweeper := func(living time.Duration) func() {
		r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Living: living, Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) }})
		return func() {
			if err := r.Sweep(t.Context(), env.Shards[0].Name()); err != nil {
				t.Error(err)
			}
		}
	}
	name := xa.ClientXID{Format: 1, GTRID: "clock"}
	x, all, id := clients(t, manager(once("prepare.before", func() error {
		setClock(t, 0, time.Hour)
		sweep := sweeper(0)
		sweep()
		sweep()
		return nil
	})), name)
	if err := x.Prepare(t.Context()); err != nil {
		t.Errorf("a clock jumps while a client's transaction is prepared: %v", err)
	}
	discard(all)
	if _, err := ends(t, name, true); err != nil || thereOf(t, id) != 3 {
		t.Errorf("it is ended: %v, on %d", err, thereOf(t, id))
	}
	setClock(t, 0, 0)
	name.GTRID = "from the future"
	x, all, _ = clients(t, manager(once("enter.after", func() error { return errors.New("dies") })), name)
	if err := x.Prepare(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatal(err)
	}
	discard(all)
	setClock(t, 0, -time.Hour)
	sweep := sweeper(time.Millisecond)
	for deadline := time.Now().Add(20 * time.Second); ask(t, 0, "SELECT 1 FROM heddle_mesh.txn_client WHERE name = 'from the future'") != ""; sweep() {
		if time.Now().After(deadline) {
			t.Fatal("the name of who has died is kept")
		}
	}
	setClock(t, 0, 0)
	recovered(t, 3)
	clean(t)
}
