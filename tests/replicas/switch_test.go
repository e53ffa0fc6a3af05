package replicas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// account has instances and commands make servers follow each other.
var account = []string{"switchover.user", "root"}

// patience is what transactions have to end, and the half of what a switch has, on machines that are busy with other tests. How long writes
// are held is told; the defaults are held by `make switches`, on a machine of its own.
var patience = func() time.Duration {
	if os.Getenv("HEDDLE_SWITCHES") != "" {
		return switchover.DefaultHold / 2
	}
	return calm
}()

// calm is patience where it is not how long writes are held that is looked at.
const calm = 4 * time.Second

// transfer is a transaction of three statements; its row tells that it was committed.
func (a *acknowledged) transfer(ctx context.Context, db *sql.DB, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	id := 1_000_000 + n
	for _, text := range []string{"INSERT INTO notes VALUES (?, 0)", "UPDATE notes SET n = 1 WHERE id = ?", "UPDATE notes SET n = n + 1 WHERE id = ?"} {
		if _, err := tx.ExecContext(ctx, text, id); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[id] = true
	return nil
}

// there checks that every acknowledged row is on a server.
func (a *acknowledged) there(t *testing.T, c *harness.Replicated, server int) {
	t.Helper()
	has := rowsOf(t, c, server)
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := 0
	for id := range a.ids {
		if !has[id] {
			if missing++; missing < 5 {
				t.Errorf("row %d was acknowledged and is not there", id)
			}
		}
	}
}

// rowsOf are the ids that a server has.
func rowsOf(t *testing.T, c *harness.Replicated, server int) map[int]bool {
	t.Helper()
	db, err := c.Servers[server].Open("shop")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT id FROM notes")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	has := map[int]bool{}
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		has[id] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return has
}

// primaryOf is the one server that takes writes and follows nobody.
func primaryOf(t *testing.T, c *harness.Replicated) int {
	t.Helper()
	found := -1
	for i := range c.Servers {
		v, err := c.Value(t.Context(), i, "SELECT @@read_only")
		if err != nil {
			continue
		}
		if v == "0" {
			if found >= 0 {
				t.Fatalf("servers %d and %d both take writes", found, i)
			}
			found = i
		}
	}
	return found
}

// applyIn has rules applied when a planned switch comes to a step. What it returns waits until all instances run them.
func (m *mesh) applyIn(t *testing.T, step switchover.Step, text string) (adopted func()) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	updates := m.store.Watch(ctx, layout.SwitchKey("ds_0"), 0)
	for u := range updates {
		if u.Kind == store.Reset { // what comes now is told
			break
		}
	}
	var version int64
	var work sync.WaitGroup
	work.Go(func() {
		for u := range updates {
			for _, e := range u.Events {
				r, err := switchover.DecodeRecord(e.KV.Value)
				if e.Deleted || err != nil || r.Step != step {
					continue
				}
				res, err := m.admin.Rules.Apply(ctx, admin.Application{Name: "shop", Document: []byte(text), Author: "test", Base: admin.AnyBase})
				if err != nil {
					t.Errorf("rules in a switch: %v", err)
				}
				version = res.Pointer.Version
				return
			}
		}
	})
	t.Cleanup(func() { cancel(); work.Wait() })
	return func() {
		t.Helper()
		if work.Wait(); version == 0 {
			t.Fatalf("no rules were applied in the step %s", step)
		}
		eventually(t, "all run the rules", func() bool {
			_, instances, err := m.admin.Rules.Status(ctx)
			return err == nil && !slices.ContainsFunc(instances, func(s admin.InstanceStatus) bool { return s.Documents["shop"].Version != version })
		})
		cancel()
	}
}

// changed are rules like those before: with other connections to the data source, or where nothing of it has changed.
func changed(c *harness.Replicated, n int) string {
	pool := fmt.Sprintf("{pool: {max: %d}, address:", 60+n/2)
	return strings.Replace(rules("{}", c), "{address:", pool, 1) + fmt.Sprintf("# the change %d\n", n)
}

// TestPlannedSwitches: the writes move around while clients of two instances write, read and are in transactions, and in each hold rules
// are applied, and nobody sees an error.
func TestPlannedSwitches(t *testing.T) {
	text := os.Getenv("HEDDLE_SWITCHES")
	times := 4
	if text != "" {
		times, _ = strconv.Atoi(text)
	}
	c := cluster(t, 2)
	m := newMesh(t, "{}", c)
	a, b := m.start(t, "a", account...), m.start(t, "b", account...)
	exec(t, a.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	acks := &acknowledged{ids: map[int]bool{}}
	writes, transfers := start(t, a, 3, acks.write), start(t, b, 3, acks.transfer)
	reads, prepared := start(t, b, 2, readNotes), one(t, a)
	stmt, err := prepared.PrepareContext(t.Context(), "INSERT INTO notes VALUES (?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	exec(t, prepared, "SET @mine = 'kept'")
	t.Logf("\n%s", m.must(t, "promote", "ds_0", "--to", "replica1", "--dry-run"))
	var bench *sysbench
	if text != "" {
		bench = startSysbench(t, a, 4)
	}
	var held []string
	for i := range times {
		to := (i + 1) % 3
		for _, l := range []*load{writes, transfers, reads} {
			l.more(t, 20)
		}
		name := c.Servers[to].Addr()
		meanwhile := m.applyIn(t, switchover.Holding, changed(c, i))
		var out string
		var code int
		eventually(t, "a switch is possible", func() bool { // a replica that has been re-pointed has to be seen to follow
			out, code = m.command(t, "promote", "ds_0", "--to", name, "--yes", "--grace", patience.String(), "--hold", (2 * patience).String())
			return code != 1
		})
		if code != 0 {
			t.Fatalf("switch %d to %s: exit code %d\n%s", i, name, code, out)
		}
		meanwhile()
		for line := range strings.Lines(out) {
			if strings.Contains(line, "held writes for") {
				held = append(held, strings.TrimSpace(line))
			}
		}
		if i == 0 {
			t.Logf("\n%s", out)
		}
		if at := primaryOf(t, c); at != to {
			t.Fatalf("the primary is %d, want %d", at, to)
		}
		if _, err := stmt.ExecContext(t.Context(), -10-i, i); err != nil {
			t.Errorf("a prepared statement: %v", err)
		}
		if got := value(t, prepared, "SELECT CONCAT(@mine, (SELECT id FROM whoami FOR UPDATE))"); got != "kept"+strconv.Itoa(to) {
			t.Errorf("the session has %s", got)
		}
	}
	if bench != nil {
		bench.end(t)
		if got := value(t, prepared, "SELECT CONCAT(COUNT(*), ' ', COUNT(DISTINCT id), ' ', MAX(id)) FROM sbtest1"); got != "2000 2000 2000" {
			t.Errorf("sysbench's table has %s rows, ids and as the last", got)
		}
	}
	for name, l := range map[string]*load{"writes": writes, "transactions": transfers, "reads": reads} {
		if l.end(); len(l.failed) > 0 {
			t.Errorf("%d %s failed: %q", len(l.failed), name, l.failed[:min(len(l.failed), 5)])
		}
		t.Logf("%d %s, the longest took %v", l.done, name, l.longest.Round(time.Millisecond))
	}
	acks.there(t, c, times%3)
	t.Logf("%d switches; %s", times, strings.Join(held, "; "))
	if len(held) != 2*times {
		t.Errorf("%d instances have told, want %d", len(held), 2*times)
	}
	for _, line := range held {
		if !strings.HasSuffix(line, "broke off 0 connections") {
			t.Error(line)
		}
	}
}

// fleet is what a command works with, in this process.
func (m *mesh) fleet(t *testing.T) *sidecar.Fleet {
	t.Helper()
	c, err := config.Load(config.Sources{Environ: []string{
		"HEDDLE_ETCD_ENDPOINTS=" + env.Etcd.Endpoint(), "HEDDLE_ETCD_PREFIX=/" + m.prefix, "HEDDLE_SWITCHOVER_USER=root",
	}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := sidecar.OpenFleet(c, "test")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// moments are those before each step of a switch.
var moments = []string{"chain", "catch up", "hold", "fence", "await", "detach", "open", "release", "follow"}

// errDied is the end of a conductor in the middle of a switch.
var errDied = errors.New("the conductor has died")

// attempt switches to a server, and calls at when the switch is about to take a step.
func (m *mesh) attempt(t *testing.T, to, moment string, at func(f *sidecar.Fleet) error) error {
	t.Helper()
	f := m.fleet(t)
	c, plan, err := f.Switch(t.Context(), "ds_0", to)
	if err != nil {
		t.Fatal(err)
	}
	plan.Grace, plan.Hold, plan.CatchUp, plan.By = calm, 2*calm, switchover.DefaultCatchUp, "test"
	happened := false
	var dead error
	c.Told = func(step, _ string) error {
		if happened || step != moment {
			return dead
		}
		happened = true
		err := at(f)
		if errors.Is(err, errDied) {
			dead = err // who is dead takes no step more
		}
		return err
	}
	_, err = c.Switch(t.Context(), plan)
	if !happened {
		t.Errorf("the switch has no moment %q", moment)
	}
	return errors.Join(err, f.Close(t.Context()))
}

// over waits until no switch is under way.
func (m *mesh) over(t *testing.T) {
	t.Helper()
	eventually(t, "the switch is finished or undone", func() bool {
		_, err := m.store.Get(t.Context(), layout.SwitchKey("ds_0"))
		if err != nil && !store.IsNotFound(err) {
			t.Fatal(err)
		}
		return err != nil
	})
}

// well waits until all servers but one follow that, and returns the one. Loads that write stand still meanwhile: on a machine that is busy
// with other things many clients write more than one thread of a replica applies, and it would never be within its bound.
func (m *mesh) well(t *testing.T, c *harness.Replicated, writers ...*load) int {
	t.Helper()
	for _, l := range writers {
		l.rest.Lock()
		defer l.rest.Unlock()
	}
	var out string
	if !within(time.Minute, 20*time.Millisecond, func() (well bool) {
		var code int
		out, code = m.command(t, "status", "-o", "json")
		return code == 0 && strings.Count(out, `"state": "up"`) == len(c.Servers) && !strings.Contains(out, "seen_otherwise")
	}) {
		t.Fatalf("all is not well within a minute:\n%s", out)
	}
	return primaryOf(t, c)
}

// TestSwitchFails: whatever fails before the new primary takes writes is undone at once; behind that it is finished. A conductor that dies
// is succeeded by an instance. Nothing that was acknowledged is lost, whoever fails.
func TestSwitchFails(t *testing.T) {
	c := cluster(t, 2)
	m := newMesh(t, "{failover_wait: 20s}", c)
	h := m.start(t, "a", account...)
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	acks := &acknowledged{ids: map[int]bool{}}
	writes := start(t, h, 3, acks.write)
	primary := m.well(t, c, writes)
	broken := errors.New("broken on purpose")
	die := func(f *sidecar.Fleet) error { return errors.Join(errDied, f.Close(context.WithoutCancel(t.Context()))) }
	failures, deaths := []string{"hold", "await", "open"}, []string{"detach"}
	if os.Getenv("HEDDLE_SWITCHES") != "" {
		failures, deaths = moments, moments
	}
	for _, moment := range failures {
		to := (primary + 1) % 3
		err := m.attempt(t, c.Servers[to].Addr(), moment, func(*sidecar.Fleet) error { return broken })
		m.over(t)
		switch at := primaryOf(t, c); {
		case errors.Is(err, switchover.ErrOpen): // a server was too slow, and the instance has ended it
			to = at
		case errors.Is(err, switchover.ErrUndone):
			to = primary
		case err != nil:
			t.Fatalf("failing before %s: %v", moment, err)
		}
		if at := primaryOf(t, c); at != to {
			t.Fatalf("failing before %s: the primary is %d, want %d; %v", moment, at, to, err)
		}
		if late := moment == "open" || moment == "release" || moment == "follow"; late == errors.Is(err, switchover.ErrUndone) {
			t.Errorf("failing before %s: %v", moment, err)
		}
		primary = m.well(t, c, writes)
	}
	for _, moment := range deaths {
		to := (primary + 1) % 3
		began := time.Now()
		if err := m.attempt(t, c.Servers[to].Addr(), moment, die); !errors.Is(err, switchover.ErrOpen) {
			t.Fatalf("dying before %s: %v", moment, err)
		}
		m.over(t)
		primary = m.well(t, c, writes)
		t.Logf("dying before %s: all was well after %v, and the primary %d, wanted %d", moment, time.Since(began).Round(time.Millisecond), primary, to)
	}
	writes.more(t, 20)
	if writes.end(); len(writes.failed) > 0 {
		t.Errorf("writes failed: %q", writes.failed[:min(len(writes.failed), 5)])
	}
	t.Logf("%d writes, the longest took %v", writes.done, writes.longest.Round(time.Millisecond))
	acks.there(t, c, primary)
}

// TestPrimaryKilledInSwitch: a primary that dies in the middle of a planned switch has a successor all the same: the one that was meant if
// that has all it had, else the one that others promote.
func TestPrimaryKilledInSwitch(t *testing.T) {
	c := cluster(t, 2)
	m := newMesh(t, "{failover_wait: 20s}", c)
	h := m.start(t, "a", account...)
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	acks := &acknowledged{ids: map[int]bool{}}
	writes := start(t, h, 3, acks.write)
	m.well(t, c, writes)
	kill := func(server int) func(*sidecar.Fleet) error {
		return func(*sidecar.Fleet) error { return c.Servers[server].Kill() }
	}
	if err := m.attempt(t, c.Servers[1].Addr(), "detach", kill(0)); !errors.Is(err, switchover.ErrOpen) || !strings.Contains(err.Error(), "takes the writes, but") {
		t.Fatalf("killed when it was read-only: %v", err)
	}
	writes.more(t, 20)
	if err := c.Servers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.over(t) // an instance has it follow
	if at := m.well(t, c, writes); at != 1 {
		t.Fatalf("the primary is %d", at)
	}
	if err := m.attempt(t, c.Servers[2].Addr(), "fence", kill(1)); err == nil {
		t.Fatal("killed before it was read-only: nothing is said")
	}
	promoted, _, err := c.Promote(t.Context(), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	writes.more(t, 20)
	m.over(t)
	if at := primaryOf(t, c); at != promoted {
		t.Errorf("the primary is %d, and others have promoted %d", at, promoted)
	}
	writes.end()
	if most := 2 * (3 + 2); len(writes.failed) > most { // what was under way at a kill
		t.Errorf("%d writes failed: %q", len(writes.failed), writes.failed[:most])
	}
	t.Logf("%d writes, %d failed, the longest took %v", writes.done, len(writes.failed), writes.longest.Round(time.Millisecond))
}
