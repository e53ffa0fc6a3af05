package reload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// rig is a store with documents, and followers of it. The value of a follower is its documents' texts, joined; "bad" does
// not build; the first letter of a text is its placement.
type rig struct {
	t      *testing.T
	srv    *memstore.Server
	writer *memstore.Client
	serial int64

	mu     sync.Mutex
	alarms []Alarm
	gate   []string
}

func newRig(t *testing.T) *rig {
	srv := memstore.NewServer()
	return &rig{t: t, srv: srv, writer: srv.Client()}
}

func (r *rig) Hold(_ context.Context, owner, document string, tables []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = append(r.gate, fmt.Sprint("hold ", document, tables))
	return nil
}

func (r *rig) Release(string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = append(r.gate, "release")
}

func (r *rig) alarm(a Alarm) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alarms = append(r.alarms, a)
}

// raised are the reasons since it was last asked.
func (r *rig) raised() []Reason {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Reason
	for _, a := range r.alarms {
		out = append(out, a.Reason)
	}
	r.alarms = nil
	return out
}

func build(docs map[string]Document) (string, error) {
	var parts []string
	for name, d := range docs {
		if strings.Contains(d.Version.Text, "bad") {
			return "", errors.New("bad document")
		}
		parts = append(parts, name+"="+d.Version.Text)
	}
	slices.Sort(parts)
	return strings.Join(parts, " "), nil
}

func (r *rig) follower(s store.Store, path string) *Follower[string] {
	f, err := New(Config[string]{Store: s, Kind: layout.Rules, Instance: "i", Build: build, Gate: r, Path: path, Alarm: r.alarm, Now: time.Now,
		Placement: func(was, next Document) ([]string, error) {
			if !next.Version.Dropped && was.Version.Text[0] != next.Version.Text[0] {
				return []string{"t"}, nil
			}
			return nil, nil
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// put writes version n of a document and moves the pointer.
func (r *rig) put(name string, n int64, text string, placement int64) layout.Pointer {
	r.t.Helper()
	r.serial++
	doc := layout.Document{Kind: layout.Rules, Name: name}
	v := layout.Version{Number: n, Author: "ann", Text: text, Dropped: text == ""}
	p := layout.Pointer{Version: n, Serial: r.serial, Placement: placement}
	vd, err1 := v.Encode()
	pd, err2 := p.Encode()
	err := errors.Join(err1, err2)
	if err == nil {
		err = store.Write(r.t.Context(), r.writer, store.Put(doc.Version(n), vd), store.Put(doc.Active(), pd))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// run starts and runs a follower in the bubble; stop ends it.
func (r *rig) run(f *Follower[string]) (stop func()) {
	r.t.Helper()
	if err := f.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (r *rig) want(f *Follower[string], value string, reasons ...Reason) {
	r.t.Helper()
	synctest.Wait()
	if got := f.Current().Value; got != value {
		r.t.Errorf("runs %q, want %q", got, value)
	}
	if got := r.raised(); !slices.Equal(got, reasons) {
		r.t.Errorf("alarms %v, want %v", got, reasons)
	}
}

func TestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		f := r.follower(r.srv.Client(), "")
		defer r.run(f)()
		r.want(f, "") // an empty store and no memory: no documents
		r.put("shop", 1, "A1", 0)
		r.want(f, "shop=A1")
		r.put("crm", 1, "B1", 0)
		r.want(f, "crm=B1 shop=A1")
		r.put("shop", 2, "A2", 0)
		r.want(f, "crm=B1 shop=A2")
		r.put("shop", 1, "A1", 0) // a rollback moves the pointer to an older version
		r.want(f, "crm=B1 shop=A1")
		r.put("crm", 2, "", 0)
		r.want(f, "shop=A1")
		if s := f.Status(); s.Documents["shop"].Version != 1 || s.Source != layout.FromStore {
			t.Errorf("status %+v", s)
		}
	})
}

func TestBadVersionKeepsTheLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put("shop", 1, "A1", 0)
		f := r.follower(r.srv.Client(), "")
		defer r.run(f)()
		p := r.put("shop", 2, "A bad", 0)
		r.want(f, "shop=A1", Invalid)
		if s := f.Status().Documents["shop"]; s.Version != 1 || s.Refused != 2 || s.Problem == "" {
			t.Errorf("status %+v", s)
		}
		if err := f.Adopt(t.Context(), "shop", p); err == nil {
			t.Error("adopted")
		}
		pass(5 * time.Minute)
		r.want(f, "shop=A1") // the alarm is not repeated
		r.put("crm", 1, "B1", 0)
		r.want(f, "crm=B1 shop=A1") // and others are not held up
		r.put("shop", 3, "A3", 0)
		r.want(f, "crm=B1 shop=A3")
		if s := f.Status().Documents["shop"]; s.Refused != 0 || s.Problem != "" {
			t.Errorf("status %+v", s)
		}
		doc := layout.Document{Kind: layout.Rules, Name: "shop"}
		p = layout.Pointer{Version: 9, Serial: 1000}
		data, _ := p.Encode()
		if err := store.Write(t.Context(), r.writer, store.Put(doc.Active(), data)); err != nil {
			t.Fatal(err)
		}
		r.want(f, "crm=B1 shop=A3", Invalid) // a version that is not there
		if err := store.Write(t.Context(), r.writer, store.Put(doc.Active(), []byte("junk"))); err != nil {
			t.Fatal(err)
		}
		r.want(f, "crm=B1 shop=A3", Invalid)
	})
}

func TestVanishedPointer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put("shop", 1, "A1", 0)
		f := r.follower(r.srv.Client(), filepath.Join(t.TempDir(), "rules"))
		stop := r.run(f)
		if err := store.Write(t.Context(), r.writer, store.DeletePrefix("active/")); err != nil {
			t.Fatal(err)
		}
		r.want(f, "shop=A1", Vanished)
		stop()
		r.srv.Wipe()
		f = r.follower(r.srv.Client(), f.cfg.Path) // over a restart, on a store that is empty
		defer r.run(f)()
		r.want(f, "shop=A1", Vanished)
		r.put("shop", 1, "A1", 0)
		r.want(f, "shop=A1")
	})
}

func TestSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put("shop", 1, "A1", 0)
		r.put("shop", 2, "A2", 0)
		f := r.follower(r.srv.Client(), "")
		defer r.run(f)()
		r.serial = 0
		r.put("shop", 1, "A1", 0)
		r.want(f, "shop=A2", SetBack)
	})
}

func TestPlacementOnlyByBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put("shop", 1, "A1", 0)
		f := r.follower(r.srv.Client(), "")
		defer r.run(f)()
		r.put("shop", 2, "B2", 0)
		r.want(f, "shop=A1", Unannounced)
		p := r.put("shop", 3, "B3", 1)
		if err := f.Adopt(t.Context(), "shop", p); err != nil {
			t.Error(err)
		}
		r.want(f, "shop=B3")
		if want := []string{"hold shop[t]", "release"}; !slices.Equal(r.gate, want) {
			t.Errorf("gate %v", r.gate)
		}
	})
}

func TestStartsFromDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put("shop", 1, "A1", 0)
		path := filepath.Join(t.TempDir(), "rules")
		c := r.srv.Client()
		f := r.follower(c, path)
		stop := r.run(f)
		r.want(f, "shop=A1")
		pass(90 * time.Second) // the file is dated again after a minute
		stop()
		pass(2 * time.Hour)
		c.Cut(true)
		f = r.follower(c, path)
		stop = r.run(f)
		synctest.Wait()
		if s := f.Current(); s.Source != layout.FromDisk || f.Serials()["shop"] != 1 {
			t.Errorf("snapshot %+v", s)
		}
		if age := f.Age(); age < 2*time.Hour+30*time.Second || age > 2*time.Hour+time.Minute {
			t.Errorf("age %s", age)
		}
		if len(r.alarms) != 1 || !strings.Contains(r.alarms[0].Err.Error(), "confirmed 2h0m3") {
			t.Errorf("alarms %v", r.alarms)
		}
		r.want(f, "shop=A1", StoreAway)
		r.put("shop", 2, "A2", 0)
		c.Cut(false)
		r.want(f, "shop=A2")
		if f.Age() != 0 || f.Current().Source != layout.FromStore {
			t.Errorf("age %s, %+v", f.Age(), f.Current())
		}
		stop()
	})
}

func TestNothingToStartFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.srv.Client()
		c.Cut(true)
		if err := r.follower(c, filepath.Join(t.TempDir(), "rules")).Start(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("neither store nor disk: %v", err)
		}
		c.Cut(false)
		r.put("shop", 1, "bad", 0)
		if err := r.follower(c, "").Start(t.Context()); err == nil {
			t.Error("started with a document that cannot be used")
		}
	})
}

// TestDamagedFile cuts and changes the file at every byte: it is never used, and always an alarm.
func TestDamagedFile(t *testing.T) {
	r := newRig(t)
	r.put("shop", 1, "A1", 0)
	path := filepath.Join(t.TempDir(), "rules")
	c := r.srv.Client()
	if err := r.follower(c, path).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for _, data := range [][]byte{whole[:i], slices.Concat(whole[:i], []byte{whole[i] ^ 1}, whole[i+1:])} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			f := r.follower(c, path)
			f.Load()
			if got := r.raised(); f.Current() != nil || !slices.Equal(got, []Reason{DiskDamaged}) {
				t.Fatalf("byte %d of %d: %v, alarms %v", i, len(whole), f.Current(), got)
			}
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	f := r.follower(c, path)
	if f.Load(); f.Current() == nil || f.Current().Value != "shop=A1" {
		t.Fatalf("whole again: %+v", f.Current())
	}
	if err := f.Forget(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// TestAdoptIsDurable: a barrier may not go on while the version is not on the disk.
func TestAdoptIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		dir := t.TempDir()
		path := filepath.Join(dir, "sub", "rules")
		if err := os.WriteFile(filepath.Join(dir, "sub"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p := r.put("shop", 1, "A1", 0)
		f := r.follower(r.srv.Client(), path)
		defer r.run(f)()
		r.want(f, "shop=A1", DiskDamaged, DiskUnwritten)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := f.Adopt(ctx, "shop", p); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("adopted without disk: %v", err)
		}
		cancel()
		if err := os.Remove(filepath.Join(dir, "sub")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute) // it tries again every minute
		defer cancel()
		if err := f.Adopt(ctx, "shop", p); err != nil {
			t.Error(err)
		}
	})
}

type publisher struct {
	mu   sync.Mutex
	last map[string][]byte
}

func (p *publisher) Publish(_ context.Context, key string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[key] = value
	return nil
}

func TestPublishesItsStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		f := r.follower(r.srv.Client(), "")
		p := &publisher{last: map[string][]byte{}}
		f.cfg.Publisher = p
		defer r.run(f)()
		r.put("shop", 4, "A4", 0)
		synctest.Wait()
		s, err := layout.DecodeStatus(p.last[layout.StatusOf(layout.Rules, "i")])
		if err != nil || s.Documents["shop"].Version != 4 || s.Instance != "i" {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// pass lets time go by in the bubble, and waits for what it sets off.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
