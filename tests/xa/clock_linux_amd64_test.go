package xa

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// setProcessClock puts the time of day of a process that runs ahead, or behind; its monotonic clock goes on. A program of Go asks for both in
// the kernel's vdso, of which each process has a page of its own, where the function that tells the time is replaced.
func setProcessClock(pid int, ahead time.Duration) error {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}
	var low, high uint64
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &low, &high); err != nil {
				return err
			}
		}
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	image := make([]byte, high-low)
	if _, err := memory.ReadAt(image, int64(low)); err != nil {
		return err
	}
	vdso, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	symbols, err := vdso.DynamicSymbols()
	if err != nil {
		return err
	}
	// mov eax, clock_gettime; syscall; test edi, edi; jnz ret; add qword [rsi], ahead; ret
	code := []byte{0xb8, syscall.SYS_CLOCK_GETTIME, 0, 0, 0, 0x0f, 0x05, 0x85, 0xff, 0x75, 0x07, 0x48, 0x81, 0x06}
	code = append(binary.LittleEndian.AppendUint32(code, uint32(int32(ahead/time.Second))), 0xc3)
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			_, err := memory.WriteAt(code, int64(low+s.Value))
			return err
		}
	}
	return errors.New("the vdso has no clock_gettime")
}

var loggedAt = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)

// awaitClock waits until a process logs the time that its clock was set to.
func (m *member) awaitClock(t *testing.T, ahead time.Duration) {
	t.Helper()
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		for _, said := range loggedAt.FindAllString(m.Log(), -1) {
			at, err := time.Parse("2006-01-02T15:04:05", said)
			if err != nil {
				t.Fatal(err)
			}
			if off := time.Until(at) - ahead; off.Abs() < 10*time.Minute {
				return
			}
		}
	}
	t.Fatalf("a process does not log the time that its clock was set to, %v ahead:\n%s", ahead, m.Log())
}

// TestClocksOfProcessesJump: the clocks of two processes jump, one forward and one back. Their transactions go on, they recover what a third has
// left, sweep what is over, and delete no decision before its time.
func TestClocksOfProcessesJump(t *testing.T) {
	a := newMesh(t)
	var members []*member
	for _, points := range []string{"", "", "deliver.before:8=kill"} {
		m, err := a.start(points, false)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
		t.Cleanup(func() {
			if err := m.close(); err != nil {
				t.Error(err)
			}
		})
	}
	w := newWork(t, harness.Open(t, members[0].Config("root", "", database)))
	before := transfers(t, w, members, 0, 3) // two branches of each are delivered: the third process dies in the next
	for i, ahead := range []time.Duration{time.Hour, -time.Hour} {
		if err := setProcessClock(members[i].PID(), ahead); err != nil {
			t.Fatal(err)
		}
		members[i].awaitClock(t, ahead)
	}
	began := time.Now()
	after := transfers(t, w, members, 100, 3)
	<-members[2].Done()
	for !a.sees.quiet(began) {
		if time.Since(began) > time.Minute {
			t.Fatal("what the killed process has left is not recovered")
		}
		<-time.After(20 * time.Millisecond)
	}
	if before[0] != 3 || before[1] != 3 || after[0] != 3 || after[1] != 3 {
		t.Errorf("of three transactions each, there are %v before the clocks jump and %v behind it", before, after)
	}
	sweptButKept(t, w, members)
	for _, m := range members[:2] {
		if strings.Contains(m.Log(), "cannot be finished without an operator") {
			t.Errorf("an alarm:\n%s", m.Log())
		}
	}
	clean(t)
	for shard := range env.Shards {
		for i := range members[:2] {
			if n := rowsOf(t, shard, fmt.Sprintf("SELECT COUNT(*) FROM torture.ledger WHERE n < 1000 AND id IN (%d, %d, %d)", w.sets[i][0], w.sets[i][1], w.sets[i][2]))[0][0]; n != "6" {
				t.Errorf("shard %d has %s of process %d's six transactions", shard, n, i)
			}
		}
	}
}

// transfers runs transactions over all servers through each process at the same time, until it has ended, and counts those that were acknowledged.
func transfers(t *testing.T, w *work, members []*member, from, each int) (acknowledged []int) {
	t.Helper()
	acknowledged = make([]int, len(members))
	var clients sync.WaitGroup
	for i, m := range members {
		db := m.Open(t, "root", "", database)
		clients.Go(func() {
			for n := from; n < from+each; n++ {
				c, err := db.Conn(t.Context())
				if err != nil {
					return
				}
				_, err = within(t.Context(), c, "BEGIN", "COMMIT", func() error {
					for _, id := range w.sets[i] {
						if _, err := c.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO ledger VALUES (%d, %d, 1)", id, n)); err != nil {
							return err
						}
					}
					return nil
				})
				_ = c.Close()
				if err != nil {
					if i < 2 {
						t.Error(err)
					}
					return
				}
				acknowledged[i]++
			}
		})
	}
	clients.Wait()
	return acknowledged
}

// sweptButKept waits until tables have been swept for sure, and fails the test if a decision is gone that is younger than it may be.
func sweptButKept(t *testing.T, w *work, members []*member) {
	t.Helper()
	home, at := shards.Server(env.Shards[0].Name()), shards.Server(env.Shards[1].Name())
	count := func() (n int) {
		for shard := range env.Shards {
			for _, m := range members[:2] {
				n += len(rowsOf(t, shard, "SELECT gtrid FROM heddle_mesh.txn_decision WHERE verdict = 'C' AND gtrid LIKE '%-"+m.epoch+"-%'"))
			}
		}
		return n
	}
	for try := range 5 {
		began := time.Now()
		transfers(t, w, members[:2], 1000+10*try, 2)
		for i := range 2 { // behind the second there was a sweep from its beginning to its end
			over := xa.GTRID{Cluster: cluster, Log: home.Log, Epoch: 1, Seq: uint64(1000 + 2*try + i)}
			if _, err := control[1].ExecContext(t.Context(), "INSERT INTO heddle_mesh.txn_mark VALUES (?, ?, NOW(3) - INTERVAL 11 MINUTE)", over.String(), at.Log.String()); err != nil {
				t.Fatal(err)
			}
			for ask(t, 1, "SELECT 1 FROM heddle_mesh.txn_mark WHERE gtrid = '"+over.String()+"'") != "" {
				if time.Since(began) > 2*time.Minute {
					t.Fatal("nobody sweeps")
				}
				<-time.After(20 * time.Millisecond)
			}
		}
		if have := count(); time.Since(began) < 50*time.Second {
			if have < 4 {
				t.Errorf("of decisions of this minute, %d are left of 4", have)
			}
			return
		}
	}
	t.Fatal("a sweep takes a minute")
}
