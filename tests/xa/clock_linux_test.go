package xa

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
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
	compile := exec.Command("cc", "-shared", "-fPIC", "-O2", "-o", library, "testdata/clock.c", "-ldl")
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
