package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

// The documents of these tests: the first line is the placement of table t, "bad" anywhere is invalid.
func validate(_ context.Context, _ string, doc []byte) error {
	if strings.Contains(string(doc), "bad") {
		return errors.New("line 1: bad")
	}
	return nil
}

func placement(_ context.Context, _ string, was, next []byte) ([]string, error) {
	a, _, _ := strings.Cut(string(was), "\n")
	b, _, _ := strings.Cut(string(next), "\n")
	if next != nil && a != b {
		return []string{"t"}, nil
	}
	return nil, nil
}

type flips struct {
	s    store.Store
	seen []Change
	err  error
}

func (f *flips) Activate(ctx context.Context, ch Change) (layout.Pointer, error) {
	f.seen = append(f.seen, ch)
	if f.err != nil {
		return layout.Pointer{}, f.err
	}
	next := ch.Base.Next(ch.Version, layout.Placed, ch.By, ch.Comment, time.Unix(2000, 0))
	data, err := next.Encode()
	if err != nil {
		return next, err
	}
	return next, store.Write(ctx, f.s, store.Put(ch.Document.Active(), data), store.Put(ch.Document.Move(next.Serial), data))
}

func newDocuments(t *testing.T) (*Documents, *flips) {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { s.Close() })
	f := &flips{s: s}
	now := time.Unix(1000, 0)
	d, err := New(Config{Store: s, Kind: layout.Rules, Validate: validate, Placement: placement, Activator: f,
		Now: func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil {
		t.Fatal(err)
	}
	return d, f
}

func apply(t *testing.T, d *Documents, by, text string, base int64) Result {
	t.Helper()
	r, err := d.Apply(t.Context(), Application{Name: "shop", Document: []byte(text), Author: by, Comment: "by " + by, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestApply(t *testing.T) {
	d, f := newDocuments(t)
	ctx := t.Context()
	if _, err := d.Get(ctx, "shop"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("before: %v", err)
	}
	r := apply(t, d, "ann", "p1\na\n", 0)
	if r.Pointer.Version != 1 || r.Unchanged || r.Diff == "" || r.Pointer.By != "ann" {
		t.Fatalf("first: %+v", r)
	}
	if r = apply(t, d, "bob", "p1\na\n", 1); !r.Unchanged || r.Pointer.Version != 1 || r.Diff != "" {
		t.Fatalf("the same again: %+v", r)
	}
	r = apply(t, d, "bob", "p1\nb\n", 1)
	if r.Pointer.Version != 2 || len(r.Tables) != 0 || len(f.seen) != 0 {
		t.Fatalf("second: %+v", r)
	}
	_, err := d.Apply(ctx, Application{Name: "shop", Document: []byte("p1\nc\n"), Author: "cid", Base: 1})
	var conflict *Conflict
	if !errors.As(err, &conflict) || conflict.Active.By != "bob" || !strings.Contains(err.Error(), "version 2 is in force, by bob") {
		t.Fatalf("from an old base: %v", err)
	}
	if r = apply(t, d, "cid", "p1\nc\n", AnyBase); r.Pointer.Version != 3 {
		t.Fatalf("any base: %+v", r)
	}
	a, err := d.Get(ctx, "shop")
	if err != nil || string(a.Bytes()) != "p1\nc\n" || a.Version.Author != "cid" || a.Version.Checksum != layout.Checksum(a.Bytes()) {
		t.Fatalf("got %+v, %v", a, err)
	}
}

func TestRefused(t *testing.T) {
	d, _ := newDocuments(t)
	ctx := t.Context()
	var invalid *Invalid
	for name, c := range map[string]struct {
		a    Application
		want func(error) bool
	}{
		"invalid":   {Application{Name: "shop", Document: []byte("bad"), Author: "a"}, func(err error) bool { return errors.As(err, &invalid) }},
		"not UTF-8": {Application{Name: "shop", Document: []byte("\xff"), Author: "a"}, func(err error) bool { return errors.As(err, &invalid) }},
		"too large": {Application{Name: "shop", Document: make([]byte, layout.MaxDocument+1), Author: "a"}, func(err error) bool { return errors.As(err, &invalid) }},
		"nobody":    {Application{Name: "shop", Document: []byte("p"), Author: " "}, func(err error) bool { return err != nil }},
		"no name":   {Application{Document: []byte("p"), Author: "a"}, func(err error) bool { return err != nil }},
		"no base":   {Application{Name: "shop", Document: []byte("p"), Author: "a", Base: 4}, func(err error) bool { return strings.Contains(err.Error(), "does not exist") }},
	} {
		if _, err := d.Apply(ctx, c.a); err == nil || !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l, err := d.cfg.Store.List(ctx, ""); err != nil || len(l.KVs) != 0 {
		t.Fatalf("something was written: %v, %v", l, err)
	}
}

func TestDryRun(t *testing.T) {
	d, f := newDocuments(t)
	apply(t, d, "ann", "p1\n", 0)
	r, err := d.Apply(t.Context(), Application{Name: "shop", Document: []byte("p2\n"), Author: "ann", Base: 1, DryRun: true})
	if err != nil || len(r.Tables) != 1 || r.Diff == "" || len(f.seen) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if h, err := d.History(t.Context(), "shop"); err != nil || len(h.Versions) != 1 {
		t.Fatalf("history %+v, %v", h, err)
	}
}

func TestPlacementGoesThroughTheBarrier(t *testing.T) {
	d, f := newDocuments(t)
	apply(t, d, "ann", "p1\n", 0)
	r := apply(t, d, "ann", "p2\n", 1)
	if len(f.seen) != 1 || f.seen[0].Version != 2 || f.seen[0].Tables[0] != "t" || r.Pointer.Placement != 1 {
		t.Fatalf("%+v, seen %+v", r, f.seen)
	}
	f.err = errors.New("instance x does not answer")
	if _, err := d.Apply(t.Context(), Application{Name: "shop", Document: []byte("p3\n"), Author: "ann", Base: 2}); !errors.Is(err, f.err) {
		t.Fatalf("a barrier that fails: %v", err)
	}
	if a, err := d.Get(t.Context(), "shop"); err != nil || a.Pointer.Version != 2 {
		t.Fatalf("after it: %+v, %v", a, err)
	}
	if r := apply(t, d, "ann", "p2\nx\n", 2); r.Pointer.Version != 4 {
		t.Fatalf("the number of a version that was never active is used again: %+v", r)
	}
	d.cfg.Activator = nil
	if _, err := d.Apply(t.Context(), Application{Name: "shop", Document: []byte("p4\n"), Author: "ann", Base: 4}); !errors.Is(err, ErrPlacement) {
		t.Fatalf("without a barrier: %v", err)
	}
}

// TestPendingBarrier: nothing else moves the pointer while a barrier stands.
func TestPendingBarrier(t *testing.T) {
	d, _ := newDocuments(t)
	apply(t, d, "ann", "p1\n", 0)
	if err := store.Write(t.Context(), d.cfg.Store, store.Put(d.doc("shop").Prepare(), []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Apply(t.Context(), Application{Name: "shop", Document: []byte("p1\nx"), Author: "ann", Base: 1}); !errors.Is(err, errBusy) {
		t.Fatalf("apply beside a barrier: %v", err)
	}
}

func TestRollbackAndHistory(t *testing.T) {
	d, _ := newDocuments(t)
	ctx := t.Context()
	apply(t, d, "ann", "p1\na\n", 0)
	apply(t, d, "ann", "p1\nb\n", 1)
	r, err := d.Rollback(ctx, "shop", 1, "bob", "b was wrong", 2)
	if err != nil || r.Pointer.Version != 1 || r.Pointer.Reason != layout.RolledBack || !strings.Contains(r.Diff, "-b\n+a\n") {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := d.Rollback(ctx, "shop", 1, "bob", "", AnyBase); err != nil || !r.Unchanged {
		t.Fatalf("to where it is: %+v, %v", r, err)
	}
	if _, err := d.Rollback(ctx, "shop", 9, "bob", "", AnyBase); !errors.Is(err, ErrNotFound) {
		t.Fatalf("to nowhere: %v", err)
	}
	apply(t, d, "ann", "p2\n", 1)
	if _, err := d.Rollback(ctx, "shop", 2, "bob", "", 3); !errors.Is(err, ErrPlacement) || !strings.Contains(err.Error(), "[t]") {
		t.Fatalf("over a placement change: %v", err)
	}
	h, err := d.History(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	var moves []string
	for _, m := range h.Moves {
		moves = append(moves, fmt.Sprint(m.Version, " ", m.Reason, " ", m.By))
	}
	want := []string{"3 placement ann", "1 rollback bob", "2 apply ann", "1 apply ann"}
	if diff := cmp.Diff(want, moves); diff != "" || h.Active != 3 || len(h.Versions) != 3 || h.Versions[0].Number != 3 {
		t.Fatalf("%s %+v", diff, h)
	}
	if diff, err := d.Diff(ctx, "shop", 1, 0); err != nil || !strings.Contains(diff, "-p1\n-a\n+p2\n") {
		t.Fatalf("%s, %v", diff, err)
	}
}

func TestDrop(t *testing.T) {
	d, _ := newDocuments(t)
	ctx := t.Context()
	if _, err := d.Drop(ctx, "shop", "ann", "", AnyBase); !errors.Is(err, ErrNotFound) {
		t.Fatalf("nothing to drop: %v", err)
	}
	apply(t, d, "ann", "p1\n", 0)
	if r, err := d.Drop(ctx, "shop", "ann", "", 1); err != nil || r.Pointer.Version != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := d.Get(ctx, "shop"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("after: %v", err)
	}
	if names, err := d.Names(ctx); err != nil || len(names) != 0 {
		t.Fatalf("%v, %v", names, err)
	}
	if r := apply(t, d, "bob", "p2\n", 0); r.Pointer.Version != 3 {
		t.Fatalf("created again: %+v", r)
	}
}

// TestRace has two authors start from the same version at the same moment.
func TestRace(t *testing.T) {
	d, _ := newDocuments(t)
	apply(t, d, "ann", "p1\n", 0)
	d.cfg.Placement = func(ctx context.Context, name string, _, next []byte) ([]string, error) {
		if string(next) == "p1\nx\n" { // bob comes between ann's reading and her writing
			bob := *d
			bob.cfg.Placement = nil
			_, err := bob.Apply(ctx, Application{Name: name, Document: []byte("p1\ny\n"), Author: "bob", Base: 1})
			return nil, err
		}
		return nil, nil
	}
	_, err := d.Apply(t.Context(), Application{Name: "shop", Document: []byte("p1\nx\n"), Author: "ann", Base: 1})
	var conflict *Conflict
	if !errors.As(err, &conflict) || conflict.Active.By != "bob" || conflict.Base != 1 {
		t.Fatalf("the second: %v", err)
	}
}

func TestStatus(t *testing.T) {
	d, _ := newDocuments(t)
	r := apply(t, d, "ann", "p1\n", 0)
	for name, s := range map[string]layout.Status{
		"i1": {Instance: "i1", Documents: map[string]layout.DocumentStatus{"shop": {Version: 1, Serial: r.Pointer.Serial}}},
		"i2": {Instance: "i2", Documents: map[string]layout.DocumentStatus{"shop": {Refused: 1, Problem: "too new"}}},
		"i3": {Instance: "i3"},
	} {
		data, err := s.Encode()
		if err == nil {
			err = store.Write(t.Context(), d.cfg.Store, store.Put(layout.StatusOf(layout.Rules, name), data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, got, err := d.Status(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []map[string]string{{}, {"shop": "too new"}, {"shop": "not adopted yet"}} {
		if diff := cmp.Diff(want, got[i].Behind); diff != "" {
			t.Errorf("instance %d: %s", i, diff)
		}
	}
}

func TestUnified(t *testing.T) {
	got := Unified("a", "b", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12", "1\n2\n3\n4\n5x\n6\n7\n8\n9\n10\n11\n12\n")
	want := `--- a
+++ b
@@ -2,11 +2,11 @@
 2
 3
 4
-5
+5x
 6
 7
 8
 9
 10
 11
-12
\ No newline at end of file
+12
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// TestEditsLeadThere checks random differences: what they keep and remove is the one text, what they keep and add the other.
func TestEditsLeadThere(t *testing.T) {
	texts := rapid.Custom(func(rt *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "d\n", "e"}), 0, 40).Draw(rt, "lines"), "")
	})
	rapid.Check(t, func(rt *rapid.T) {
		from, to := texts.Draw(rt, "from"), texts.Draw(rt, "to")
		var was, next strings.Builder
		for _, e := range compareLines(lines(from), lines(to)) {
			if e.op != '+' {
				was.WriteString(e.line)
			}
			if e.op != '-' {
				next.WriteString(e.line)
			}
		}
		if was.String() != from || next.String() != to {
			rt.Fatal("the edit does not lead from one to the other")
		}
	})
}
