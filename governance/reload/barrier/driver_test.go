package barrier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var shop = layout.Document{Kind: layout.Rules, Name: "shop"}

// mesh is a store and instances that take part, in a synctest bubble.
type mesh struct {
	t      *testing.T
	srv    *memstore.Server
	admin  *memstore.Client
	base   layout.Pointer
	insts  map[string]*instance
	cancel context.CancelFunc
}

// instance is one Watcher with a Traffic and an Adopter that note what happens.
type instance struct {
	name   string
	client *memstore.Client
	w      *Watcher
	dir    string
	stop   func()

	mu     sync.Mutex
	log    []string
	held   map[string]bool
	drain  chan struct{} // if not nil, Hold waits for it
	alarms []string
}

func (i *instance) note(s string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.log = append(i.log, s)
}

func (i *instance) logged() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.log)
}

func (i *instance) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.log = nil
}

func (i *instance) Hold(ctx context.Context, owner, document string, tables []string) error {
	i.note(fmt.Sprint("hold ", document, tables))
	if i.drain != nil {
		select {
		case <-i.drain:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
func (i *instance) Fail(string)    { i.note("fail") }
func (i *instance) Release(string) { i.note("release") }
func (i *instance) Fence(string)   { i.note("fence") }
func (i *instance) Unfence(string) { i.note("unfence") }
func (i *instance) Adopt(_ context.Context, _ string, p layout.Pointer) error {
	i.note(fmt.Sprint("adopt ", p.Version))
	return nil
}

func newMesh(t *testing.T) *mesh {
	srv := memstore.NewServer()
	m := &mesh{t: t, srv: srv, admin: srv.Client(), insts: map[string]*instance{}}
	m.base = layout.Pointer{}.Next(1, layout.Applied, "ann", "", time.Now())
	data, err := m.base.Encode()
	m.must(err)
	m.must(store.Write(t.Context(), m.admin, store.Put(shop.Active(), data)))
	return m
}

func (m *mesh) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mesh) activator() *Activator {
	return &Activator{Store: m.admin, Instance: "admin", Now: time.Now, Wait: 10 * time.Second}
}

// start boots an instance, registers it and runs its watcher.
func (m *mesh) start(name string, mode layout.Offline, dir string) *instance {
	m.t.Helper()
	i := &instance{name: name, client: m.srv.Client(), dir: dir}
	w, err := NewWatcher(WatcherConfig{Store: i.client, Kind: layout.Rules, Instance: name, Offline: mode, Traffic: i, Adopter: i, Dir: dir,
		Activator: &Activator{Store: i.client, Instance: name, Now: time.Now, Wait: 10 * time.Second},
		Alarm: func(err error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.alarms = append(i.alarms, err.Error())
		}})
	m.must(err)
	i.w = w
	m.must(w.Boot(m.t.Context(), map[string]int64{"shop": m.base.Serial}))
	m.insts[name] = i
	ctx, cancel := context.WithCancel(m.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	i.stop = sync.OnceFunc(func() { cancel(); <-done })
	m.join(name, mode)
	w.Joined(m.t.Context())
	synctest.Wait()
	return i
}

// join writes what instance.Registry writes, without a lease: the test ends it.
func (m *mesh) join(name string, mode layout.Offline) {
	m.t.Helper()
	member, err := layout.Member{Name: name, Offline: mode}.Encode()
	m.must(err)
	m.must(store.Write(m.t.Context(), m.admin, store.Put(layout.MemberKey(name), member),
		store.Put(layout.InstanceKey(name), []byte("{}")), store.Put(layout.Membership, []byte(name))))
}

// die ends an instance without a word; its lease is over.
func (m *mesh) die(i *instance) {
	m.t.Helper()
	i.stop()
	m.must(store.Write(m.t.Context(), m.admin, store.Delete(layout.InstanceKey(i.name))))
}

func (m *mesh) change() Change {
	return Change{Document: shop, Base: m.base, Version: 2, Tables: []string{"t"}, By: "ann"}
}

func (m *mesh) version() int64 {
	m.t.Helper()
	kv, err := m.admin.Get(m.t.Context(), shop.Active())
	m.must(err)
	p, err := layout.DecodePointer(kv.Value)
	m.must(err)
	return p.Version
}

func (m *mesh) end() {
	for _, i := range m.insts {
		i.stop()
	}
}

func TestActivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		defer m.end()
		a, b := m.start("a", layout.Serve, t.TempDir()), m.start("b", layout.Fence, "")
		a.drain = make(chan struct{})
		got := make(chan error, 1)
		go func() {
			p, err := m.activator().Activate(t.Context(), m.change())
			if err == nil && (p.Version != 2 || p.Placement != 1 || p.Reason != layout.Placed) {
				err = fmt.Errorf("pointer %+v", p)
			}
			got <- err
		}()
		pass(3 * time.Second)
		if m.version() != 1 {
			t.Error("flipped while a statement runs at a")
		}
		close(a.drain)
		m.must(<-got)
		synctest.Wait()
		if want := []string{"hold shop[t]", "adopt 2", "release"}; !slices.Equal(a.logged(), want) {
			t.Errorf("a did %v", a.logged())
		}
		if want := []string{"fence", "unfence", "hold shop[t]", "adopt 2", "release"}; !slices.Equal(b.logged(), want) {
			t.Errorf("b did %v", b.logged())
		}
		if l, err := m.admin.List(t.Context(), layout.Barriers); err != nil || len(l.KVs) != 0 {
			t.Errorf("left over: %v, %v", l, err)
		}
		if _, err := m.activator().Activate(t.Context(), m.change()); !isOutcome(err, Conflict) {
			t.Errorf("from an old base: %v", err)
		}
	})
}

func isOutcome(err error, o Outcome) bool {
	var not *NotActivated
	return errors.As(err, &not) && not.Outcome == o
}

// TestCheck: the coordinator's question is asked when every instance holds the tables, and a no undoes the holds.
func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		defer m.end()
		a, b := m.start("a", layout.Serve, t.TempDir()), m.start("b", layout.Serve, t.TempDir())
		ch := m.change()
		asked := 0
		answer := errors.New("there are rows")
		ch.Check = func(context.Context) error {
			asked++
			for _, i := range []*instance{a, b} {
				if !slices.Equal(i.logged(), []string{"hold shop[t]"}) {
					t.Errorf("%s did %v before the question", i.name, i.logged())
				}
				i.forget()
			}
			return answer
		}
		if _, err := m.activator().Activate(t.Context(), ch); !errors.Is(err, answer) {
			t.Errorf("a change that is not allowed: %v", err)
		}
		synctest.Wait()
		for _, i := range []*instance{a, b} {
			if want := []string{"release"}; asked != 1 || m.version() != 1 || !slices.Equal(i.logged(), want) {
				t.Errorf("asked %d times, version %d, %s did %v", asked, m.version(), i.name, i.logged())
			}
			i.forget()
		}
		answer = nil
		if p, err := m.activator().Activate(t.Context(), ch); err != nil || p.Version != 2 || asked != 2 {
			t.Errorf("asked %d times: %+v, %v", asked, p, err)
		}
		synctest.Wait()
		if want := []string{"adopt 2", "release"}; !slices.Equal(a.logged(), want) {
			t.Errorf("a did %v", a.logged())
		}
	})
}

// TestAwayMember: an instance that may be serving without a lease is waited for, one that fences is not.
func TestAwayMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		defer m.end()
		a, b, c := m.start("a", layout.Serve, t.TempDir()), m.start("b", layout.Serve, t.TempDir()), m.start("c", layout.Fence, "")
		m.die(b)
		m.die(c)
		began := time.Now()
		_, err := m.activator().Activate(t.Context(), m.change())
		var not *NotActivated
		if !errors.As(err, &not) || not.Outcome != Aborted || !slices.Equal(not.Missing, []string{"b"}) {
			t.Errorf("with b away: %v", err)
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("it took %s", took)
		}
		synctest.Wait()
		if want := []string{"hold shop[t]", "release"}; !slices.Equal(a.logged(), want) {
			t.Errorf("a did %v", a.logged())
		}
		m.must(store.Write(t.Context(), m.admin, store.Delete(layout.MemberKey("b")), store.Put(layout.Membership, nil)))
		if _, err := m.activator().Activate(t.Context(), m.change()); err != nil {
			t.Errorf("after b was evicted: %v", err)
		}
	})
}

// TestDeadCoordinator: the instances end a barrier whose coordinator does not; the outcome depends on the acknowledgements.
func TestDeadCoordinator(t *testing.T) {
	for _, c := range []struct{ everybody, checked bool }{{true, false}, {false, false}, {true, true}} {
		everybody, flips := c.everybody, c.everybody && !c.checked
		t.Run(fmt.Sprintf("all acknowledged: %v, a check is outstanding: %v", everybody, c.checked), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				defer m.end()
				a := m.start("a", layout.Serve, t.TempDir())
				if !everybody {
					m.die(m.start("b", layout.Serve, t.TempDir()))
				}
				data, err := Prepare{ID: "dead", Version: 2, Base: m.base.Serial, Tables: []string{"t"}, Wait: 10 * time.Second, By: "ann", Checked: c.checked}.Encode()
				m.must(err)
				m.must(store.Write(t.Context(), m.admin, store.Put(shop.Prepare(), data)))
				pass(30 * time.Second)
				want, version := []string{"hold shop[t]", "release"}, int64(1)
				if flips {
					want, version = []string{"hold shop[t]", "adopt 2", "release"}, 2
				}
				if !slices.Equal(a.logged(), want) || m.version() != version {
					t.Errorf("a did %v, version %d, alarms %v", a.logged(), m.version(), a.alarms)
				}
			})
		})
	}
}

// TestRestartHolding: an instance that acknowledged and comes back without the store holds the tables, and learns
// the outcome later.
func TestRestartHolding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		dir := t.TempDir()
		a, b := m.start("a", layout.Serve, dir), m.start("b", layout.Serve, t.TempDir())
		b.drain = make(chan struct{})
		defer b.stop()
		got := make(chan error, 1)
		go func() {
			_, err := m.activator().Activate(t.Context(), m.change())
			got <- err
		}()
		pass(time.Second)
		m.die(a)
		close(b.drain)
		m.must(<-got)
		m.srv.Compact()
		again := &instance{name: "a", client: m.srv.Client()}
		again.client.Cut(true)
		w, err := NewWatcher(WatcherConfig{Store: again.client, Kind: layout.Rules, Instance: "a", Offline: layout.Serve,
			Traffic: again, Adopter: again, Dir: dir, Alarm: func(error) {}})
		m.must(err)
		m.must(w.Boot(t.Context(), map[string]int64{"shop": m.base.Serial}))
		if want := []string{"hold shop[t]", "fail"}; !slices.Equal(again.logged(), want) {
			t.Errorf("without the store a did %v", again.logged())
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		pass(time.Minute)
		again.client.Cut(false)
		m.join("a", layout.Serve)
		w.Joined(ctx)
		synctest.Wait()
		if want := []string{"hold shop[t]", "fail", "adopt 2", "release"}; !slices.Equal(again.logged(), want) {
			t.Errorf("with the store a did %v", again.logged())
		}
		cancel()
		<-done
		third, err := NewWatcher(WatcherConfig{Store: again.client, Kind: layout.Rules, Instance: "a", Offline: layout.Serve,
			Traffic: again, Adopter: again, Dir: dir, Alarm: func(error) {}})
		m.must(err)
		if j, err := third.readJournals(); err != nil || len(j) != 0 {
			t.Errorf("the journal was not cleared: %v, %v", j, err)
		}
	})
}

// TestLeaseLostWhileHolding: held statements fail, a fencing instance fences everything, and both come back.
func TestLeaseLostWhileHolding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		defer m.end()
		a, b := m.start("a", layout.Serve, t.TempDir()), m.start("b", layout.Fence, "")
		b.drain = make(chan struct{}) // keeps the barrier open
		go m.activator().Activate(t.Context(), m.change())
		pass(time.Second)
		for _, i := range []*instance{a, b} {
			i.w.Lost(t.Context())
		}
		synctest.Wait()
		if want := []string{"hold shop[t]", "fail"}; !slices.Equal(a.logged(), want) {
			t.Errorf("a did %v", a.logged())
		}
		close(b.drain)
		synctest.Wait()
		if want := []string{"fence", "unfence", "hold shop[t]", "fence", "fail"}; !slices.Equal(b.logged(), want) {
			t.Errorf("b did %v", b.logged())
		}
		pass(20 * time.Second)
		for _, i := range []*instance{a, b} {
			i.w.Joined(t.Context())
		}
		synctest.Wait()
		for name, got := range map[string][]string{"a": a.logged(), "b": b.logged()} {
			if got[len(got)-1] != map[string]string{"a": "release", "b": "unfence"}[name] {
				t.Errorf("%s did %v", name, got)
			}
		}
	})
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t)
		defer m.end()
		a := m.start("a", layout.Serve, t.TempDir())
		a.drain = make(chan struct{})
		first := make(chan error, 1)
		go func() {
			_, err := m.activator().Activate(t.Context(), m.change())
			first <- err
		}()
		pass(time.Second)
		if _, err := m.activator().Activate(t.Context(), m.change()); !isOutcome(err, Busy) {
			t.Errorf("beside another: %v", err)
		}
		close(a.drain)
		m.must(<-first)
	})
}

func TestJournalDirectoryIsNeeded(t *testing.T) {
	if _, err := NewWatcher(WatcherConfig{Offline: layout.Serve}); err == nil {
		t.Fatal("an instance that serves offline needs a journal")
	}
}

// pass lets time go by in the bubble, and waits for what it sets off.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
