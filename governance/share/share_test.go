package share

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

const budget = 240

// world is a mesh of instances that open as many connections as they may, and let go of them late.
type world struct {
	t      *testing.T
	server *memstore.Server
	mu     sync.Mutex // guards what follows
	open   map[string]int
	most   int
}

// member is one instance.
type member struct {
	name   string
	w      *world
	client *memstore.Client
	share  *Share
	limit  atomic.Int64
	stop   context.CancelFunc
	done   chan struct{}
}

func newWorld(t *testing.T) *world {
	return &world{t: t, server: memstore.NewServer(), open: map[string]int{}}
}

func (w *world) start(name string) *member {
	w.t.Helper()
	return w.resume(name, "")
}

func (w *world) resume(name, path string) *member {
	w.t.Helper()
	m := &member{name: name, w: w, client: w.server.Client(), done: make(chan struct{})}
	var err error
	m.share, err = New(Config{
		Store: m.client, Instance: name, Path: path, TTL: 600 * time.Millisecond, Pause: 4 * time.Millisecond, Settle: 300 * time.Millisecond,
		Apply: func(among int) { m.limit.Store(int64(Of(budget, 0, among))) },
		Within: func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.open[name] <= int(m.limit.Load())
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if path != "" {
		m.share.Resume()
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	m.stop = cancel
	go func() {
		defer close(m.done)
		var using sync.WaitGroup
		using.Go(func() { m.use(ctx) })
		_ = m.share.Run(ctx) // the end of ctx
		using.Wait()
	}()
	w.t.Cleanup(func() { cancel(); <-m.done })
	return m
}

// use opens connections at once and closes a few at a time.
func (m *member) use(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.w.mu.Lock()
		limit, have := int(m.limit.Load()), m.w.open[m.name]
		if have > limit {
			have = max(limit, have-1-rand.IntN(20))
		} else {
			have = limit
		}
		m.w.open[m.name] = have
		sum := 0
		for _, n := range m.w.open {
			sum += n
		}
		m.w.most = max(m.w.most, sum)
		m.w.mu.Unlock()
	}
}

// leave ends an instance in an orderly way.
func (m *member) leave() {
	m.w.t.Helper()
	m.stop()
	<-m.done
	m.w.mu.Lock()
	delete(m.w.open, m.name)
	m.w.mu.Unlock()
	if err := m.share.Leave(m.w.t.Context()); err != nil {
		m.w.t.Error(err)
	}
}

// die ends it without a word.
func (m *member) die() {
	m.stop()
	<-m.done
	m.w.mu.Lock()
	delete(m.w.open, m.name)
	m.w.mu.Unlock()
}

func (w *world) sum() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, n := range w.open {
		sum += n
	}
	return sum
}

// each waits until all members have exactly n connections.
func (w *world) each(n int, members ...*member) {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		w.mu.Lock()
		ok := len(w.open) == len(members)
		for _, m := range members {
			ok = ok && w.open[m.name] == n
		}
		have := fmt.Sprint(w.open)
		w.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("not %d each: %s", n, have)
		}
	}
}

// registered waits until so many are in the store.
func (w *world) registered(n int) {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		l, err := w.server.Client().List(w.t.Context(), layout.Sharers)
		if err == nil && len(l.KVs) == n {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d are registered, not %d: %v", len(l.KVs), n, err)
		}
	}
}

func (w *world) within() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.most > budget {
		w.t.Errorf("there were %d connections where %d may be", w.most, budget)
	}
}

func TestRound(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 15: 15, 16: 16, 17: 18, 18: 18, 31: 32, 33: 36, 64: 64, 65: 72, 1000: 1024} {
		if got := Round(n); got != want {
			t.Errorf("Round(%d) = %d, want %d", n, got, want)
		}
	}
	for n, last := 1, 0; n < 5000; n++ {
		r := Round(n)
		if r < n || r < last || Round(r) != r || float64(r) > 1.125*float64(n) {
			t.Fatalf("Round(%d) = %d after %d", n, r, last)
		}
		last = r
	}
	if Of(100, 3, 0) != 3 || Of(100, 3, 4) != 25 || Of(100, 3, 50) != 3 {
		t.Error("parts of 100")
	}
}

// Parts shrink as instances come and grow as they leave or die.
func TestComingAndGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		w.each(budget, a)
		b, c := w.start("b"), w.start("c")
		w.each(budget/3, a, b, c)
		c.leave()
		w.each(budget/2, a, b)
		b.die() // its lease ends by itself
		w.each(budget, a)
		again := w.start("b")
		w.each(budget/2, a, again)
		w.within()
	})
}

// Many come, go and die at once, and all together never have more than there is.
func TestNeverMoreThanTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var there []*member
		for i := range 120 {
			if len(there) < 4 || len(there) < 24 && rand.IntN(2) == 0 {
				there = append(there, w.start(fmt.Sprint("i", i)))
			} else {
				k := rand.IntN(len(there))
				gone := there[k]
				there = append(there[:k], there[k+1:]...)
				if i%3 == 0 {
					gone.die()
				} else {
					gone.leave()
				}
			}
			if i%10 == 0 {
				w.each(budget/Round(len(there)), there...)
			}
		}
		w.each(budget/Round(len(there)), there...)
		w.within()
	})
}

// While the store is away, all keep what they had, also one that starts anew; afterwards parts are as before, and never
// more than the budget, though the store has forgotten everything.
func TestLossOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		path := filepath.Join(t.TempDir(), "share")
		a, b := w.start("a"), w.resume("b", path)
		w.each(budget/2, a, b)
		a.client.Cut(true)
		b.client.Cut(true)
		w.registered(0) // their leases have run out
		if sum := w.sum(); sum != budget {
			t.Errorf("without the store there are %d connections", sum)
		}
		b.die()
		w.server.Wipe()
		b = w.resume("b", path)
		b.client.Cut(true)
		w.each(budget/2, a, b)
		a.client.Cut(false)
		w.registered(1) // b is not back yet, and its part is not taken
		b.client.Cut(false)
		w.registered(2)
		c := w.start("c")
		w.each(budget/3, a, b, c)
		w.within()
	})
}
