package replicas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// from is write with rows of its own, so that several loads do not meet.
func (a *acknowledged) from(base int) func(context.Context, *sql.DB, int) error {
	return func(ctx context.Context, db *sql.DB, n int) error { return a.write(ctx, db, base+n) }
}

// mortal is an instance that dies or stands still, with clients of its own, and is started again from what its disk has.
type mortal struct {
	m      *mesh
	name   string
	set    []string
	acks   *acknowledged
	lives  int
	h      *harness.Heddle
	writes *load
	tx     *sql.Tx // which it has to let end; nil: none
}

// clientsOfMortal is how many write through one.
const clientsOfMortal = 2

// live starts it.
func (v *mortal) live(t *testing.T) {
	t.Helper()
	set := v.set
	if v.h != nil { // it takes its own registration over, as under a supervisor
		set = append([]string{"state.dir", filepath.Join(v.h.Dir, "state")}, set...)
	}
	v.h = v.m.start(t, v.name, set...)
	v.lives++
	v.writes = start(t, v.h, clientsOfMortal, v.acks.from(v.lives*10_000_000))
	v.writes.more(t, 10)
}

// die kills it, and ends its clients: what they were told until then by a server, or by it, was no error.
func (v *mortal) die(t *testing.T) {
	if err := v.h.Kill(); err != nil {
		t.Error(err)
	}
	v.rest(t)
}

func (v *mortal) rest(t *testing.T) {
	v.writes.end()
	for _, text := range v.writes.failed {
		if strings.HasPrefix(text, "Error ") {
			t.Errorf("a client of the instance was told: %s", text)
		}
	}
}

// fate is what becomes of an instance in a switch.
type fate struct {
	moment string // before which step of the switch; "holding": while it lets a transaction end
	frozen bool   // it stands still until the switch is over; else it is killed
}

func (f fate) String() string {
	if f.frozen {
		return "frozen before " + f.moment
	}
	return "killed before " + f.moment
}

// strike has it happen to v at its moment of a switch to a server, and returns what has come of that.
func (f fate) strike(t *testing.T, m *mesh, v *mortal, to string) error {
	t.Helper()
	hit := func() {
		if !f.frozen {
			v.die(t)
		} else if err := v.h.Signal(syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
	}
	if f.moment != "holding" {
		return m.attempt(t, to, f.moment, func(*sidecar.Fleet) error { hit(); return nil })
	}
	var meanwhile sync.WaitGroup
	defer meanwhile.Wait()
	return m.attempt(t, to, "hold", func(*sidecar.Fleet) (err error) {
		if v.tx, err = v.h.Open(t, "root", "", "shop").BeginTx(t.Context(), nil); err != nil {
			return err
		}
		exec(t, v.tx, fmt.Sprintf("INSERT INTO notes VALUES (%d, 0)", -v.lives)) // the instance waits for its end, and has not acknowledged before
		meanwhile.Go(func() {
			m.step(t, func(r *switchover.Record) bool { return r.Step == switchover.Holding })
			hit()
		})
		return nil
	})
}

// recover has v live on when the switch is over.
func (f fate) recover(t *testing.T, v *mortal) {
	t.Helper()
	if !f.frozen {
		v.live(t)
	} else if err := v.h.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if v.tx != nil {
		_ = v.tx.Rollback() // of a connection that may be lost
		v.tx = nil
	}
	v.writes.more(t, 10)
}

// step waits until the record of the switch is as is says, or gone.
func (m *mesh) step(t *testing.T, is func(*switchover.Record) bool) {
	var err error
	if !within(30*time.Second, time.Millisecond, func() bool {
		kv, missing := m.store.Get(t.Context(), layout.SwitchKey("ds_0"))
		if missing != nil {
			err = missing
			return store.IsNotFound(missing)
		}
		var r switchover.Record
		r, err = switchover.DecodeRecord(kv.Value)
		return err == nil && is(&r)
	}) {
		t.Errorf("the switch does not come so far: %v", err)
	}
}

// takenUp waits until who had died at a switch has a successor, or until the switch is over.
func (m *mesh) takenUp(t *testing.T) {
	t.Helper()
	gone := false
	if !within(30*time.Second, time.Millisecond, func() bool {
		_, err := m.store.Get(t.Context(), layout.DriverKey("ds_0"))
		_, over := m.store.Get(t.Context(), layout.SwitchKey("ds_0"))
		gone = gone || store.IsNotFound(err)
		return gone && err == nil || store.IsNotFound(over)
	}) {
		t.Fatal("nobody takes the switch up")
	}
}

// alike checks that all servers have the same rows: none was written to beside the primary.
func alike(t *testing.T, c *harness.Replicated, primary int) {
	t.Helper()
	const rows = "SELECT CONCAT(COUNT(*), ' rows, ', COALESCE(BIT_XOR(CRC32(CONCAT(id, ' ', n))), 0)) FROM shop.notes"
	want, err := c.Value(t.Context(), primary, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Servers {
		if i == primary {
			continue
		}
		caughtUp(t, c, i, primary)
		if got, err := c.Value(t.Context(), i, rows); err != nil || got != want {
			t.Errorf("server %d has %s, and the primary, %d, %s: %v", i, got, primary, want, err)
		}
	}
}

// TestInstanceDiesInSwitch: of the instances that hold writes for a switch one is killed, or stands still, at each step: the switch is
// finished or undone, the clients of the others see nothing of it, and nothing that was acknowledged is lost.
func TestInstanceDiesInSwitch(t *testing.T) {
	fates, survivors := []fate{{moment: "holding"}, {moment: "release", frozen: true}}, 1
	if os.Getenv("HEDDLE_SWITCHES") != "" {
		fates, survivors = nil, 2
		for _, moment := range append([]string{"holding"}, moments...) {
			fates = append(fates, fate{moment, false}, fate{moment, true})
		}
	}
	c := cluster(t, 2)
	m := newMesh(t, "{failover_wait: 20s}", c)
	acks := &acknowledged{ids: map[int]bool{}}
	var others []*load
	for i := range survivors {
		h := m.start(t, "survivor"+string(rune('a'+i)), account...)
		if i == 0 {
			exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
		}
		others = append(others, start(t, h, 2, acks.from((i+1)*1_000_000)))
	}
	v := &mortal{m: m, name: "mortal", set: account, acks: acks}
	v.live(t)
	primary := m.well(t, c, append(others, v.writes)...)
	for _, f := range fates {
		began, to := time.Now(), (primary+1)%3
		err := f.strike(t, m, v, c.Servers[to].Addr())
		m.over(t)
		took := time.Since(began)
		f.recover(t, v)
		undone := errors.Is(err, switchover.ErrUndone)
		switch {
		case undone && (f.moment == "open" || f.moment == "release" || f.moment == "follow"):
			t.Errorf("%s: %v", f, err)
		case undone:
			to = primary
		case err != nil:
			t.Fatalf("%s: %v", f, err)
		}
		if primary = m.well(t, c, append(others, v.writes)...); primary != to {
			t.Fatalf("%s: the primary is %d, want %d; %v", f, primary, to, err)
		}
		t.Logf("%s: over after %v, undone: %v", f, took.Round(time.Millisecond), undone)
		for _, l := range others {
			l.more(t, 10)
		}
	}
	for _, l := range others {
		if l.end(); len(l.failed) > 0 {
			t.Errorf("writes through another instance failed: %q", l.failed[:min(len(l.failed), 5)])
		}
		t.Logf("%d writes through another instance, the longest took %v", l.done, l.longest.Round(time.Millisecond))
	}
	v.rest(t)
	if len(v.writes.failed) > 0 { // it lives
		t.Errorf("writes through the instance failed: %q", v.writes.failed[:min(len(v.writes.failed), 5)])
	}
	acks.there(t, c, primary)
	alike(t, c, primary)
}

// TestSuccessorDiesInSwitch: the instance that takes up what a dead conductor has left is killed at it, too, and when it is back it ends
// what both have begun.
func TestSuccessorDiesInSwitch(t *testing.T) {
	type death struct {
		of string                        // the step before which the conductor dies
		at func(*switchover.Record) bool // what the successor has written when it dies
	}
	promoting := func(r *switchover.Record) bool { return r.Step == switchover.Promoting }
	undoing := func(r *switchover.Record) bool { return r.Step == switchover.Undoing }
	free := func(r *switchover.Record) bool { return r.Step == switchover.Undoing && r.Free }
	released := func(r *switchover.Record) bool { return r.Step == switchover.Released }
	deaths := []death{{"open", released}}
	if os.Getenv("HEDDLE_SWITCHES") != "" {
		deaths = []death{{"catch up", undoing}, {"fence", undoing}, {"await", undoing}, {"await", free}, {"detach", undoing}, {"detach", free}, {"open", promoting},
			{"open", released}, {"release", released}, {"follow", released}}
	}
	c := cluster(t, 2)
	m := newMesh(t, "{failover_wait: 20s}", c)
	h := m.start(t, "bystander") // which has no account to take anything up by
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	acks := &acknowledged{ids: map[int]bool{}}
	writes := start(t, h, 3, acks.from(1_000_000))
	v := &mortal{m: m, name: "mortal", set: account, acks: acks}
	v.live(t)
	primary := m.well(t, c, writes, v.writes)
	for _, d := range deaths {
		began, to := time.Now(), (primary+1)%3
		err := m.attempt(t, c.Servers[to].Addr(), d.of, func(f *sidecar.Fleet) error {
			return errors.Join(errDied, f.Close(context.WithoutCancel(t.Context())))
		})
		if !errors.Is(err, switchover.ErrOpen) {
			t.Fatalf("dying before %s: %v", d.of, err)
		}
		m.takenUp(t)
		m.step(t, d.at)
		v.die(t)
		v.live(t)
		m.over(t)
		primary = m.well(t, c, writes, v.writes)
		t.Logf("the conductor died before %s, and then its successor: all was well after %v, and the primary %d, wanted %d",
			d.of, time.Since(began).Round(time.Millisecond), primary, to)
	}
	writes.more(t, 10)
	if writes.end(); len(writes.failed) > 0 {
		t.Errorf("writes failed: %q", writes.failed[:min(len(writes.failed), 5)])
	}
	v.rest(t)
	t.Logf("%d writes, the longest took %v", writes.done, writes.longest.Round(time.Millisecond))
	acks.there(t, c, primary)
	alike(t, c, primary)
}
