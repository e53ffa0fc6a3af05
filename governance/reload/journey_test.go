package reload_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload"
	"github.com/heddle-mesh/heddle/governance/reload/barrier"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

// The journey of a rule, with all parts wired as a process wires them: the first letter of a document is its placement.

type proc struct {
	client   *memstore.Client
	follower *reload.Follower[string]
	watcher  *barrier.Watcher
	registry *instance.Registry
	stop     func()

	mu     sync.Mutex
	closed map[string]bool // owners of holds
	alarms []string
}

func (p *proc) Hold(_ context.Context, owner, _ string, _ []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed[owner] = true
	return nil
}

func (p *proc) Release(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.closed, owner)
}

func (p *proc) Fail(string)    {}
func (p *proc) Fence(string)   {}
func (p *proc) Unfence(string) {}

func (p *proc) alarm(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alarms = append(p.alarms, fmt.Sprint(v))
}

// serves is the document by which the process would serve, or "" while it is held.
func (p *proc) serves() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.closed) > 0 {
		return ""
	}
	return p.follower.Current().Documents["shop"].Version.Text
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func moved(was, next reload.Document) ([]string, error) {
	if was.Version.Text[0] != next.Version.Text[0] {
		return []string{"orders"}, nil
	}
	return nil, nil
}

// boot starts a process in the order that barrier.Watcher asks for.
func boot(t *testing.T, srv *memstore.Server, name, dir string, away bool) *proc {
	t.Helper()
	p := &proc{client: srv.Client(), closed: map[string]bool{}}
	p.client.Cut(away)
	ctx, cancel := context.WithCancel(t.Context())
	var err error
	p.registry, err = instance.New(instance.Config{Store: p.client, Name: name, Offline: layout.Serve, Secret: "s" + name, Now: time.Now,
		Joined: func(instance.Session) { p.watcher.Joined(ctx) }, Lost: func(error) { p.watcher.Lost(ctx) }})
	must(t, err)
	p.follower, err = reload.New(reload.Config[string]{Store: p.client, Kind: layout.Rules, Instance: name, Placement: moved, Gate: p,
		Build: func(docs map[string]reload.Document) (string, error) { return fmt.Sprint(len(docs)), nil },
		Path:  filepath.Join(dir, name, "rules"), Publisher: p.registry, Now: time.Now, Alarm: func(a reload.Alarm) { p.alarm(a) }})
	must(t, err)
	p.watcher, err = barrier.NewWatcher(barrier.WatcherConfig{Store: p.client, Kind: layout.Rules, Instance: name, Offline: layout.Serve,
		Traffic: p, Adopter: p.follower, Dir: filepath.Join(dir, name), Alarm: func(err error) { p.alarm(err) },
		Activator: &barrier.Activator{Store: p.client, Instance: name, Now: time.Now}})
	must(t, err)
	p.follower.Load()
	must(t, p.watcher.Boot(ctx, p.follower.Serials()))
	if !away {
		_, err := p.registry.Join(ctx)
		must(t, err)
	}
	must(t, p.follower.Start(ctx))
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{p.registry.Run, p.watcher.Run, p.follower.Run} {
		wg.Go(func() { _ = run(ctx) })
	}
	p.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		p.client.Cut(true)
		p.client.Close() // its lease runs out
	})
	return p
}

type activator struct{ *barrier.Activator }

func (a activator) Activate(ctx context.Context, c admin.Change) (layout.Pointer, error) {
	return a.Activator.Activate(ctx, barrier.Change{Document: c.Document, Base: c.Base, Version: c.Version, Tables: c.Tables, By: c.By, Comment: c.Comment, Check: c.Check})
}

func documents(t *testing.T, s store.Store) *admin.Documents {
	d, err := admin.New(admin.Config{Store: s, Kind: layout.Rules, Now: time.Now,
		Validate: func(context.Context, string, []byte) error { return nil },
		Placement: func(_ context.Context, _ string, was, next []byte) ([]string, error) {
			if was[0] != next[0] {
				return []string{"orders"}, nil
			}
			return nil, nil
		},
		Activator: activator{&barrier.Activator{Store: s, Instance: "cli", Now: time.Now, Wait: 20 * time.Second}}})
	must(t, err)
	return d
}

func TestJourney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, dir := memstore.NewServer(), t.TempDir()
		docs := documents(t, srv.Client())
		base := int64(0)
		apply := func(text string) error {
			r, err := docs.Apply(t.Context(), admin.Application{Name: "shop", Document: []byte(text), Author: "ann", Base: base})
			if err == nil {
				base = r.Pointer.Version
			}
			synctest.Wait()
			return err
		}
		must(t, apply("A1"))
		a, b := boot(t, srv, "a", dir, false), boot(t, srv, "b", dir, false)
		defer a.stop()
		expect := func(when, want string, procs ...*proc) {
			t.Helper()
			synctest.Wait()
			for i, p := range procs {
				if got := p.serves(); got != want {
					t.Errorf("%s: process %d serves %q, want %q; %v", when, i, got, want, p.alarms)
				}
			}
		}
		expect("at the start", "A1", a, b)
		must(t, apply("A2"))
		expect("a plain change", "A2", a, b)
		must(t, apply("B3"))
		expect("a placement change", "B3", a, b)
		if _, err := docs.Rollback(t.Context(), "shop", 2, "bob", "", base); !errors.Is(err, admin.ErrPlacement) {
			t.Errorf("rolled back: %v", err)
		}
		pointers, status, err := docs.Status(t.Context())
		if err != nil || len(status) != 2 || len(status[0].Behind)+len(status[1].Behind) != 0 || pointers["shop"].Version != 3 {
			t.Errorf("status %+v, %v", status, err)
		}

		b.stop() // b crashes; it may come back from its disk at any time
		time.Sleep(time.Minute)
		if err := apply("C4"); err == nil || !strings.Contains(err.Error(), "no answer in time from b") {
			t.Errorf("with b away: %v", err)
		}
		expect("the change was given up", "B3", a)
		b = boot(t, srv, "b", dir, true) // without the store
		defer b.stop()
		expect("from the disk", "B3", b)
		must(t, apply("B4"))
		expect("b does not know", "B3", b)
		b.client.Cut(false)
		time.Sleep(time.Minute)
		expect("b is back", "B4", a, b)
		must(t, apply("C5"))
		expect("and takes part", "C5", a, b)
	})
}
