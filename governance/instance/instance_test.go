package instance

import (
	"context"
	"errors"
	"fmt"
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

// life is a Registry that runs, with what its hooks were told.
type life struct {
	*Registry
	client *memstore.Client
	stop   func()

	mu       sync.Mutex
	joined   []uint16
	lost     int
	problems []error
}

func newLife(t *testing.T, srv *memstore.Server, name, secret string) *life {
	t.Helper()
	l := &life{client: srv.Client()}
	r, err := New(Config{Store: l.client, Name: name, Address: name + ":3307", Version: "1", Offline: layout.Serve, Secret: secret, Now: time.Now,
		Joined:  func(s Session) { l.mu.Lock(); defer l.mu.Unlock(); l.joined = append(l.joined, s.Number) },
		Lost:    func(error) { l.mu.Lock(); defer l.mu.Unlock(); l.lost++ },
		Problem: func(err error) { l.mu.Lock(); defer l.mu.Unlock(); l.problems = append(l.problems, err) }})
	if err != nil {
		t.Fatal(err)
	}
	l.Registry = r
	return l
}

// run runs it until stop, which tells the store nothing, like a crash.
func (l *life) run(t *testing.T) *life {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	l.stop = sync.OnceFunc(func() { cancel(); <-done })
	synctest.Wait()
	return l
}

func peers(t *testing.T, s store.Store) map[string]Peer {
	t.Helper()
	list, err := Peers(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Peer{}
	for _, p := range list {
		out[p.Name] = p
	}
	return out
}

func TestRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memstore.NewServer()
		numbers := map[uint16]bool{}
		for i := range 20 {
			l := newLife(t, srv, fmt.Sprint("i", i), "").run(t)
			defer l.stop()
			if n := l.Number(); n == 0 || numbers[n] || !l.Alive() {
				t.Errorf("number %d, alive %v", n, l.Alive())
			}
			numbers[l.Number()] = true
		}
		pass(time.Hour)
		got := peers(t, srv.Client())
		if len(got) != 20 || !got["i7"].Alive || !got["i7"].Member || got["i7"].Address != "i7:3307" || got["i7"].Offline != layout.Serve {
			t.Errorf("%d peers, one is %+v", len(got), got["i7"])
		}
		p, err := OwnerOf(t.Context(), srv.Client(), uint32(got["i3"].Number)<<counterBits|77)
		if err != nil || p.Name != "i3" {
			t.Errorf("owner %+v, %v", p, err)
		}
		if _, err := OwnerOf(t.Context(), srv.Client(), 77); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the owner of a connection of nobody: %v", err)
		}
	})
}

func TestLosesAndRegains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memstore.NewServer()
		a := newLife(t, srv, "a", "").run(t)
		defer a.stop()
		number := a.Number()
		if err := a.Publish(t.Context(), "status/rules/a", []byte("v1")); err != nil {
			t.Error(err)
		}
		a.client.Cut(true)
		pass(time.Minute)
		if a.lost != 1 || a.Alive() || len(a.problems) == 0 || a.Number() != number {
			t.Errorf("lost %d times, alive %v, problems %v", a.lost, a.Alive(), a.problems)
		}
		p := peers(t, srv.Client())["a"]
		if p.Alive || !p.Member {
			t.Errorf("it must stay a member: %+v", p)
		}
		if err := a.Publish(t.Context(), "status/rules/a", []byte("v2")); err != nil {
			t.Errorf("publish without a lease: %v", err)
		}
		a.client.Cut(false)
		pass(10 * time.Second)
		if !a.Alive() || a.Number() != number || len(a.joined) != 2 {
			t.Errorf("alive %v, joined as %v", a.Alive(), a.joined)
		}
		if kv, err := srv.Client().Get(t.Context(), "status/rules/a"); err != nil || string(kv.Value) != "v2" || kv.Lease == 0 {
			t.Errorf("published again: %+v, %v", kv, err)
		}
	})
}

func TestStoreWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memstore.NewServer()
		a := newLife(t, srv, "a", "").run(t)
		defer a.stop()
		srv.Wipe()
		pass(10 * time.Second)
		if p := peers(t, srv.Client())["a"]; !p.Alive || !p.Member || a.lost != 1 {
			t.Errorf("%+v, lost %d times", p, a.lost)
		}
	})
}

func TestSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memstore.NewServer()
		a := newLife(t, srv, "a", "secret").run(t)
		number := a.Number()
		thief := newLife(t, srv, "a", "other").run(t)
		defer thief.stop()
		pass(time.Second)
		if thief.Alive() || len(thief.problems) == 0 || !errors.Is(thief.problems[0], ErrNameTaken) {
			t.Errorf("a second one of the name: alive %v, %v", thief.Alive(), thief.problems)
		}
		thief.stop()
		a.stop() // a crash: the lease stands
		synctest.Wait()
		again := newLife(t, srv, "a", "secret").run(t)
		if !again.Alive() || again.Number() != number || len(again.problems) != 0 {
			t.Errorf("it came back as %d, was %d; %v", again.Number(), number, again.problems)
		}
		pass(time.Minute) // the old lease ends, and takes nothing with it
		if p := peers(t, srv.Client())["a"]; !p.Alive || p.Number != number || again.lost != 0 {
			t.Errorf("%+v, lost %d", p, again.lost)
		}
		again.stop()
		slow := newLife(t, srv, "a", "").run(t) // without its secret it waits
		defer slow.stop()
		if slow.Alive() {
			t.Error("registered beside a lease that stands")
		}
		pass(15 * time.Second)
		if !slow.Alive() {
			t.Errorf("still waiting: %v", slow.problems)
		}
	})
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memstore.NewServer()
		a, b := newLife(t, srv, "a", "").run(t), newLife(t, srv, "b", "").run(t)
		if err := a.Leave(t.Context(), false); err != nil {
			t.Error(err)
		}
		if err := b.Leave(t.Context(), true); err != nil {
			t.Error(err)
		}
		got := peers(t, srv.Client())
		if p, ok := got["a"]; !ok || p.Alive || !p.Member {
			t.Errorf("a: %+v", p)
		}
		if p, ok := got["b"]; ok {
			t.Errorf("b: %+v", p)
		}
		synctest.Wait()
		if a.lost != 0 || a.Alive() {
			t.Errorf("leaving is no loss: %d, %v", a.lost, a.Alive())
		}
		a.stop()
		b.stop()
	})
}

func TestEvict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memstore.NewServer()
		s := srv.Client()
		a := newLife(t, srv, "a", "").run(t)
		if err := Evict(t.Context(), s, "a"); err == nil {
			t.Error("evicted while it is alive")
		}
		a.stop()
		pass(15 * time.Second)
		before, err := s.Get(t.Context(), layout.Membership)
		if err != nil {
			t.Error(err)
		}
		if err := Evict(t.Context(), s, "a"); err != nil {
			t.Error(err)
		}
		after, err := s.Get(t.Context(), layout.Membership)
		if err != nil || after.Modified == before.Modified || len(peers(t, s)) != 0 {
			t.Errorf("membership %d then %d, %v; peers %v", before.Modified, after.Modified, err, peers(t, s))
		}
		if err := Evict(t.Context(), s, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("evicted twice: %v", err)
		}
	})
}

func TestAllNumbersTaken(t *testing.T) {
	s := memstore.New()
	for n := uint16(1); n <= MaxNumber; n++ {
		if err := store.Write(t.Context(), s, store.Put(layout.Number(n), []byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	r, err := New(Config{Store: s, Name: "a", Offline: layout.Fence, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Join(t.Context()); err == nil {
		t.Fatal("registered without a number")
	}
	if err := store.Write(t.Context(), s, store.Delete(layout.Number(4095))); err != nil {
		t.Fatal(err)
	}
	session, err := r.Join(t.Context())
	if err != nil || session.Number != 4095 {
		t.Fatalf("%+v, %v", session, err)
	}
	if err := r.Leave(t.Context(), true); err != nil {
		t.Fatal(err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{}, {Store: memstore.New(), Name: "a", Now: time.Now}, {Store: memstore.New(), Now: time.Now, Offline: layout.Serve}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}

func TestConnectionIDs(t *testing.T) {
	number := uint16(3)
	ids := NewConnectionIDs(func() uint16 { return number })
	first, err := ids.Next()
	if err != nil || first != 3<<20|1 || NumberOf(first) != 3 {
		t.Fatalf("%#x, %v", first, err)
	}
	number = 4
	if id, err := ids.Next(); err != nil || id != 4<<20|2 {
		t.Fatalf("%#x, %v", id, err)
	}
	number = 3
	ids.last = MaxConnections
	if id, err := ids.Next(); err != nil || id != 3<<20|2 {
		t.Fatalf("after the last comes the first that is free: %#x, %v", id, err)
	}
	ids.Put(first)
	ids.last = 0
	if id, err := ids.Next(); err != nil || id != first {
		t.Fatalf("put back: %#x, %v", id, err)
	}
}

// pass lets time go by in the bubble, and waits for what it sets off.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
