package claim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that a test sets.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newWorkers(t testing.TB, s store.Store, name, path string, c *clock) *Workers {
	t.Helper()
	w, err := NewWorkers(WorkersConfig{Store: s, Instance: name, Path: path, Now: c.now, Problem: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func claimed(t *testing.T, w *Workers) (uint16, time.Time) {
	t.Helper()
	if err := w.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, until, err := w.Worker()
	if err != nil {
		t.Fatal(err)
	}
	return id, until
}

func fresh(t *testing.T, s store.Store, c *clock) {
	t.Helper()
	if err := Fresh(t.Context(), s, c.t, "test"); err != nil {
		t.Fatal(err)
	}
}

func TestClaims(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	seen := map[uint16]bool{}
	for i := range 5 {
		id, until := claimed(t, newWorkers(t, s, fmt.Sprint("i", i), "", c))
		if seen[id] || !until.Equal(ceil(start.Add(window))) {
			t.Fatalf("id %d until %s, others %v", id, until, seen)
		}
		seen[id] = true
	}
	twice := newWorkers(t, s, "i0", "", c) // a process of the same name that does not know the secret
	if id, _ := claimed(t, twice); seen[id] {
		t.Fatalf("id %d of another process", id)
	}
}

func TestNothingClaimed(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	s.Cut(true)
	w := newWorkers(t, s, "a", "", c)
	if _, _, err := w.Worker(); err == nil {
		t.Fatal("an id before the first claim")
	}
	if err := w.Claim(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("claim without a store: %v", err)
	}
	if _, _, err := w.Worker(); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the reason is lost: %v", err)
	}
}

// TestAllTaken fills the ids; the first that ends is taken.
func TestAllTaken(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	for i := range MaxWorker + 1 {
		until := ceil(start.Add(time.Hour + time.Duration(i)*time.Second)).Format(time.RFC3339)
		data := fmt.Sprintf(`{"instance":"x%d","proof":"p","from":%q,"until":%q}`, i, start.Format(time.RFC3339), until)
		if err := store.Write(t.Context(), s, store.Put(layout.Worker(uint16(i)), []byte(data))); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorkers(t, s, "a", "", c)
	if err := w.Claim(t.Context()); err == nil || !strings.Contains(err.Error(), "all 1024") {
		t.Fatalf("%v", err)
	}
	c.t = start.Add(time.Hour)
	if id, _ := claimed(t, w); id != 0 {
		t.Fatalf("id %d", id)
	}
}

// TestCutOff: an instance without the store generates until its claim ends, and then not.
func TestCutOff(t *testing.T) {
	srv, c := memstore.NewServer(), &clock{start}
	client := srv.Client()
	fresh(t, client, c)
	w := newWorkers(t, client, "a", filepath.Join(t.TempDir(), "worker"), c)
	id, _ := claimed(t, w)
	client.Cut(true)
	for c.t.Before(start.Add(For)) {
		if err := w.turn(t.Context(), true); !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		if got, until, err := w.Worker(); err != nil || got != id || until.After(start.Add(For)) {
			t.Fatalf("at %s: id %d until %s, %v", c.t, got, until, err)
		}
		c.t = c.t.Add(5 * time.Second)
	}
	_ = w.turn(t.Context(), true)
	if _, _, err := w.Worker(); err == nil || !strings.Contains(err.Error(), "ended at") {
		t.Fatalf("after its end: %v", err)
	}
	if other, _ := claimed(t, newWorkers(t, srv.Client(), "b", "", c)); other == id {
		t.Log("b has taken the id that ended")
	}
	client.Cut(false)
	claimed(t, w)
}

// TestRestart: after a crash the id of before waits for the noted use to pass; after it, it is the instance's own again,
// while others wait for the end of the claim.
func TestRestart(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	path := filepath.Join(t.TempDir(), "worker")
	first, until := claimed(t, newWorkers(t, s, "a", path, c))
	c.t = c.t.Add(2 * time.Second)
	second, _ := claimed(t, newWorkers(t, s, "a", path, c))
	if second == first {
		t.Fatal("the id can have been used at this time already")
	}
	c.t = until
	third, _ := claimed(t, newWorkers(t, s, "a", path, c))
	if third != first {
		t.Fatalf("got %d, had %d and %d", third, first, second)
	}
	c.t = start.Add(-time.Hour) // the clock was set back over the restart
	if id, _ := claimed(t, newWorkers(t, s, "a", path, c)); id == first || id == second {
		t.Fatalf("id %d was used at this time", id)
	}
	if err := os.WriteFile(path, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWorkers(WorkersConfig{Store: s, Instance: "a", Path: path, Now: c.now, Problem: func(error) {}}); err == nil {
		t.Fatal("a damaged memory was ignored")
	}
}

func TestCleanStop(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	w := newWorkers(t, s, "a", "", c)
	id, until := claimed(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, _, err := w.Worker(); err == nil {
		t.Fatal("an id after the end")
	}
	c.t = until
	again := newWorkers(t, s, "a", "", c) // starts looking where a did
	if got, _ := claimed(t, again); got != id {
		t.Fatalf("the id that was given back was not free: %d, want %d", got, id)
	}
}

// TestEmptyStore: nobody vouched, so everything that may have been claimed before is waited out.
func TestEmptyStore(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	w := newWorkers(t, s, "a", "", c)
	turn := func() error {
		_ = w.turn(t.Context(), true)
		_, _, err := w.Worker()
		return err
	}
	for c.t.Before(start.Add(For + Skew)) {
		if err := turn(); err == nil {
			t.Fatalf("an id at %s", c.t)
		}
		c.t = c.t.Add(20 * time.Minute)
	}
	if err := turn(); err != nil {
		t.Fatal(err)
	}
	s2, c2 := memstore.New(), &clock{start}
	w, c = newWorkers(t, s2, "a", "", c2), c2
	if err := turn(); err == nil {
		t.Fatal("an id without voucher")
	}
	fresh(t, s2, c2)
	if err := turn(); err != nil {
		t.Fatalf("with voucher: %v", err)
	}
}

// TestWiped: the claim is written again as it was, is used to its end, and is not extended before all is waited out.
func TestWiped(t *testing.T) {
	srv, c := memstore.NewServer(), &clock{start}
	client := srv.Client()
	fresh(t, client, c)
	w := newWorkers(t, client, "a", "", c)
	id, _ := claimed(t, w)
	end := w.held.rec.Until
	srv.Wipe()
	c.t = start.Add(time.Hour)
	for c.t.Before(end) {
		if err := w.turn(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if got, until, err := w.Worker(); err != nil || got != id || until.After(end) {
			t.Fatalf("at %s: %d until %s, %v", c.t, got, until, err)
		}
		c.t = c.t.Add(17 * time.Minute)
	}
	usable := start.Add(time.Hour + For + Skew)
	for ; c.t.Before(usable); c.t = c.t.Add(17 * time.Minute) {
		_ = w.turn(t.Context(), true)
		if _, _, err := w.Worker(); err == nil {
			t.Fatalf("an id at %s, before %s", c.t, usable)
		}
	}
	if err := w.turn(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Worker(); err != nil {
		t.Fatal(err)
	}
}

// TestTakenMeanwhile: an instance whose claim ended unnoticed, and was taken, drops it.
func TestTakenMeanwhile(t *testing.T) {
	srv, c := memstore.NewServer(), &clock{start}
	client := srv.Client()
	fresh(t, client, c)
	w := newWorkers(t, client, "a", "", c)
	id, _ := claimed(t, w)
	c.t = start.Add(For + time.Hour)
	data := fmt.Sprintf(`{"instance":"b","proof":"p","from":%q,"until":%q}`, c.t.Format(time.RFC3339), c.t.Add(For).Format(time.RFC3339))
	if err := store.Write(t.Context(), client, store.Put(layout.Worker(id), []byte(data))); err != nil {
		t.Fatal(err)
	}
	if err := w.turn(t.Context(), true); err == nil || !strings.Contains(err.Error(), "claimed by b") {
		t.Fatalf("%v", err)
	}
	if got, _, err := w.Worker(); err != nil || got == id {
		t.Fatalf("id %d, %v", got, err)
	}
}

func TestDiskFails(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	dir := t.TempDir()
	w := newWorkers(t, s, "a", filepath.Join(dir, "worker"), c)
	claimed(t, w)
	w.cfg.Path = dir // cannot be replaced by a file
	c.t = c.t.Add(window)
	if err := w.turn(t.Context(), false); err == nil {
		t.Fatal("no error")
	}
	if _, _, err := w.Worker(); err == nil {
		t.Fatal("used further than noted")
	}
}

// TestNeverTwice lets instances with clocks of their own live through anything, and generate: no id at the same tick
// twice. A generator's own memory of its last tick is part of it, as in router/keygen.
func TestNeverTwice(t *testing.T) {
	dir := t.TempDir()
	for _, wipes := range []bool{false, true} {
		t.Run(fmt.Sprint("wipes ", wipes), func(t *testing.T) {
			n := 0
			rapid.Check(t, func(rt *rapid.T) {
				if n++; n > 40 {
					return // the files are synced: that many histories are enough
				}
				newHistory(t, rt, filepath.Join(dir, fmt.Sprint(wipes, n)), wipes).run(rt)
			})
		})
	}
}

type history struct {
	t     testing.TB
	srv   *memstore.Server
	world time.Time
	wipes bool
	hosts []*host
	used  map[string]string
}

type host struct {
	name, path string
	offset     time.Duration
	client     *memstore.Client
	w          *Workers
	last       time.Time // the generator's memory
	h          *history
}

func (x *host) now() time.Time { return x.h.world.Add(x.offset) }

func newHistory(t testing.TB, rt *rapid.T, dir string, wipes bool) *history {
	h := &history{t: t, srv: memstore.NewServer(), world: start, wipes: wipes, used: map[string]string{}}
	if err := Fresh(context.Background(), h.srv.Client(), start, "test"); err != nil {
		rt.Fatal(err)
	}
	for i := range 4 {
		x := &host{name: fmt.Sprint("i", i/2), path: filepath.Join(dir, fmt.Sprint(i)), h: h, client: h.srv.Client()}
		if i%2 == 1 {
			x.path = "" // a second host of the same name, without a disk
		}
		x.offset = time.Duration(rapid.IntRange(-7, 7).Draw(rt, "skew")) * time.Minute
		x.boot(rt)
		h.hosts = append(h.hosts, x)
	}
	return h
}

func (x *host) boot(rt *rapid.T) {
	w, err := NewWorkers(WorkersConfig{Store: x.client, Instance: x.name, Path: x.path, Now: x.now, Problem: func(error) {}})
	if err != nil {
		rt.Fatal(err)
	}
	x.w, x.last = w, time.Time{}
}

func (x *host) generate(rt *rapid.T) {
	id, until, err := x.w.Worker()
	now := x.now()
	if err != nil || !now.Before(until) || !now.After(x.last) {
		return
	}
	x.last = now
	key := fmt.Sprint(id, " ", now.UnixMilli()/10)
	if who, ok := x.h.used[key]; ok {
		rt.Fatalf("id %d at %s: %s%s and %s", id, now, x.name, x.path, who)
	}
	x.h.used[key] = x.name + x.path
}

func (h *history) run(rt *rapid.T) {
	ctx := context.Background()
	pick := func(rt *rapid.T) *host { return h.hosts[rapid.IntRange(0, len(h.hosts)-1).Draw(rt, "host")] }
	actions := map[string]func(*rapid.T){
		"time": func(rt *rapid.T) {
			h.world = h.world.Add(time.Duration(rapid.IntRange(1, 4000).Draw(rt, "s")) * time.Second)
		},
		"turn":     func(rt *rapid.T) { _ = pick(rt).w.turn(ctx, true) },
		"window":   func(rt *rapid.T) { _ = pick(rt).w.turn(ctx, false) },
		"generate": func(rt *rapid.T) { pick(rt).generate(rt) },
		"all": func(rt *rapid.T) {
			for _, x := range h.hosts {
				_ = x.w.turn(ctx, true)
				x.generate(rt)
			}
		},
		"cut":   func(rt *rapid.T) { pick(rt).client.Cut(rapid.Bool().Draw(rt, "cut")) },
		"crash": func(rt *rapid.T) { pick(rt).boot(rt) },
		"stop": func(rt *rapid.T) {
			x := pick(rt)
			x.w.release()
			x.boot(rt)
		},
	}
	if h.wipes {
		actions["wipe"] = func(*rapid.T) { h.srv.Wipe() }
	} else {
		actions["step"] = func(rt *rapid.T) {
			x := pick(rt)
			x.offset += time.Duration(rapid.IntRange(-5, 5).Draw(rt, "h")) * time.Hour
		}
	}
	rt.Repeat(actions)
}

// A clock that was ahead and is set back meets the marks of the time that comes again, and no lower ones.
func TestMarksStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	m, err := readMemory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		id    uint16
		until time.Time
	}{{1, start}, {2, start.Add(4 * time.Hour)}, {2, start}} {
		if err := m.mark(path, at.id, at.until); err != nil {
			t.Fatal(err)
		}
	}
	if m, err = readMemory(path); err != nil || !m.Marks[1].Equal(start) || !m.Marks[2].Equal(start.Add(4*time.Hour)) {
		t.Errorf("%v, %v", m.Marks, err)
	}
}
