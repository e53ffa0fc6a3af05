package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/governance/store"
)

func testWatchReset(t *testing.T, env Env) {
	ctx, s := open(t, env)
	txn(ctx, t, s, nil, store.Put("p/a", []byte("1")), store.Put("other", nil))
	ch := s.Watch(ctx, "p/", 0)
	u := next(ctx, t, ch)
	if diff := cmp.Diff([]string{"p/a=1"}, keysOf(u.KVs)); u.Kind != store.Reset || diff != "" {
		t.Fatalf("kind %d; %s", u.Kind, diff)
	}
	_, writer := open(t, env)
	txn(ctx, t, writer, nil, store.Put("other", []byte("x")))
	rev := txn(ctx, t, writer, nil, store.Put("p/b", []byte("2")), store.Delete("p/a"), store.Put("other", nil)).Revision
	u = next(ctx, t, ch)
	got := map[string]bool{}
	for _, e := range eventsOf(u.Events) {
		got[e] = true
	}
	if diff := cmp.Diff(map[string]bool{"p/b=2": true, "-p/a": true}, got); u.Kind != store.Change || u.Revision != rev || diff != "" {
		t.Fatalf("kind %d, revision %d, want %d; %s", u.Kind, u.Revision, rev, diff)
	}
	for i := range 50 {
		txn(ctx, t, writer, nil, store.Put("p/n", []byte(fmt.Sprint(i))))
	}
	for i := range 50 {
		if u := next(ctx, t, ch); len(u.Events) != 1 || string(u.Events[0].KV.Value) != fmt.Sprint(i) {
			t.Fatalf("update %d: %+v", i, u)
		}
	}
}

func testWatchAfter(t *testing.T, env Env) {
	ctx, s := open(t, env)
	rev := txn(ctx, t, s, nil, store.Put("a", []byte("1"))).Revision
	txn(ctx, t, s, nil, store.Put("a", []byte("2")))
	txn(ctx, t, s, nil, store.Put("a", []byte("3")))
	ch := s.Watch(ctx, "a", rev)
	for _, want := range []string{"a=2", "a=3"} {
		if u := next(ctx, t, ch); u.Kind != store.Change || eventsOf(u.Events)[0] != want {
			t.Fatalf("got %+v, want %s", u, want)
		}
	}
}

func testCompacted(t *testing.T, env Env) {
	ctx, s := open(t, env)
	rev := txn(ctx, t, s, nil, store.Put("a", []byte("1"))).Revision
	txn(ctx, t, s, nil, store.Put("a", []byte("2")))
	txn(ctx, t, s, nil, store.Put("b", []byte("3")))
	env.Compact(t)
	ch := s.Watch(ctx, "", rev)
	u := nextOf(ctx, t, ch, store.Reset)
	if diff := cmp.Diff([]string{"a=2", "b=3"}, keysOf(u.KVs)); diff != "" {
		t.Fatal(diff)
	}
	txn(ctx, t, s, nil, store.Put("a", []byte("4")))
	if u := next(ctx, t, ch); u.Kind != store.Change || eventsOf(u.Events)[0] != "a=4" {
		t.Fatalf("after the reset: %+v", u)
	}
}

// testCutWatch writes while the watcher is away, and asks that its idea of the prefix ends up right.
func testCutWatch(t *testing.T, env Env) {
	ctx := bounded(t, env)
	s, cut := env.OpenCuttable(t)
	t.Cleanup(func() { must(t, s.Close()) })
	_, writer := open(t, env)
	txn(ctx, t, writer, nil, store.Put("a", []byte("1")))
	ch := s.Watch(ctx, "", 0)
	known := map[string]string{}
	follow(ctx, t, ch, known, "a", "1")
	for round, compact := range []bool{false, true} {
		cut(true)
		nextOf(ctx, t, ch, store.Lost)
		txn(ctx, t, writer, nil, store.Put("a", []byte(fmt.Sprint("gone", round))), store.Put("b", nil))
		txn(ctx, t, writer, nil, store.Delete("b"))
		if compact {
			env.Compact(t)
		}
		last := fmt.Sprint("back", round)
		txn(ctx, t, writer, nil, store.Put("a", []byte(last)))
		cut(false)
		follow(ctx, t, ch, known, "a", last)
		if _, ok := known["b"]; ok {
			t.Fatal("the deletion of b was missed")
		}
	}
}

func testWiped(t *testing.T, env Env) {
	ctx, s := open(t, env)
	for i := range 20 {
		txn(ctx, t, s, nil, store.Put("a", []byte(fmt.Sprint(i))), store.Put("b", nil))
	}
	ch := s.Watch(ctx, "", 0)
	known := map[string]string{}
	follow(ctx, t, ch, known, "a", "19")
	env.Wipe(t)
	for {
		u := nextOf(ctx, t, ch, store.Reset)
		if len(u.KVs) == 0 {
			break
		}
	}
	_, writer := open(t, env)
	txn(ctx, t, writer, nil, store.Put("c", []byte("new")))
	clear(known)
	follow(ctx, t, ch, known, "c", "new")
	if diff := cmp.Diff(map[string]string{"c": "new"}, known); diff != "" {
		t.Fatal(diff)
	}
}

// follow applies updates to known until key has the value.
func follow(ctx context.Context, t *testing.T, ch <-chan store.Update, known map[string]string, key, value string) {
	t.Helper()
	for known[key] != value {
		u := next(ctx, t, ch)
		if u.Kind == store.Reset {
			clear(known)
		}
		for _, kv := range u.KVs {
			known[kv.Key] = string(kv.Value)
		}
		for _, e := range u.Events {
			if e.Deleted {
				delete(known, e.KV.Key)
			} else {
				known[e.KV.Key] = string(e.KV.Value)
			}
		}
	}
}

func testWatchEnds(t *testing.T, env Env) {
	ctx, s := open(t, env)
	wctx, cancel := context.WithCancel(ctx)
	ch := s.Watch(wctx, "", 0)
	next(ctx, t, ch)
	cancel()
	closes(ctx, t, ch)
	other := env.Open(t)
	ch = other.Watch(ctx, "", 0)
	next(ctx, t, ch)
	must(t, other.Close())
	closes(ctx, t, ch)
}

func closes(ctx context.Context, t *testing.T, ch <-chan store.Update) {
	t.Helper()
	for {
		select {
		case _, ok := <-ch:
			if !ok {
				return
			}
		case <-ctx.Done():
			t.Fatal("the watch was not closed")
		}
	}
}
