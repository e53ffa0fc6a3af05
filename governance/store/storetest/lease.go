package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/store"
)

// grant is a lease that ends with the test.
func grant(ctx context.Context, t *testing.T, env Env, s store.Store) *store.Lease {
	t.Helper()
	l, err := s.Grant(ctx, env.TTL)
	must(t, err)
	t.Cleanup(l.Abandon)
	if l.TTL() < env.TTL {
		t.Fatalf("a lease of %s, asked for %s", l.TTL(), env.TTL)
	}
	return l
}

func testLease(t *testing.T, env Env) {
	ctx, s := open(t, env)
	kept, given := grant(ctx, t, env, s), grant(ctx, t, env, s)
	txn(ctx, t, s, nil, store.PutLeased("kept", nil, kept.ID()))
	txn(ctx, t, s, nil, store.PutLeased("x/1", nil, given.ID()), store.PutLeased("x/2", nil, given.ID()))
	kv, err := s.Get(ctx, "kept")
	must(t, err)
	if kv.Lease != kept.ID() {
		t.Fatalf("key under lease %x, want %x", kv.Lease, kept.ID())
	}
	_, watcher := open(t, env)
	ch := watcher.Watch(ctx, "", 0)
	next(ctx, t, ch)
	outlive(ctx, t, s, kept.TTL()*3/2)
	if !kept.Alive() || !given.Alive() || kept.Err() != nil {
		t.Fatalf("a lease that is kept alive died: %v", kept.Err())
	}
	must(t, given.Revoke(ctx))
	if u := next(ctx, t, ch); u.Kind != store.Change || len(u.Events) != 2 || !u.Events[0].Deleted || !u.Events[1].Deleted {
		t.Fatalf("the end of a lease: %+v", u)
	}
	if given.Alive() || given.Err() == nil {
		t.Fatal("a revoked lease is alive")
	}
	_, err = s.Get(ctx, "kept")
	must(t, err)
}

// outlive returns when a lease of its own, that nobody renews, would have ended: the store's time, not ours.
func outlive(ctx context.Context, t *testing.T, s store.Store, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-ctx.Done():
		t.Fatal("out of patience")
	}
	if _, err := s.List(ctx, ""); err != nil {
		t.Fatal(err)
	}
}

func testUnknownLease(t *testing.T, env Env) {
	ctx, s := open(t, env)
	l := grant(ctx, t, env, s)
	must(t, l.Revoke(ctx))
	if _, err := s.Txn(ctx, nil, []store.Op{store.Put("a", nil), store.PutLeased("b", nil, l.ID())}); !errors.Is(err, store.ErrLeaseLost) {
		t.Fatalf("a key under a lease that is gone: %v", err)
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("half of it was written: %v", err)
	}
}

// testHolderFirst cuts the holder off and looks, whenever the key is found gone, whether the holder knew.
func testHolderFirst(t *testing.T, env Env) {
	ctx := bounded(t, env)
	s, cut := env.OpenCuttable(t)
	t.Cleanup(func() { must(t, s.Close()) })
	l := grant(ctx, t, env, s)
	txn(ctx, t, s, nil, store.PutLeased("mine", nil, l.ID()))
	_, other := open(t, env)
	ch := other.Watch(ctx, "mine", 0)
	next(ctx, t, ch)
	cut(true)
	for {
		u := next(ctx, t, ch)
		if u.Kind == store.Change && u.Events[0].Deleted {
			break
		}
	}
	if l.Alive() {
		t.Fatal("the key is gone and its holder believes in the lease")
	}
	select {
	case <-l.Done():
	case <-ctx.Done():
		t.Fatal("Done was not closed")
	}
	if !errors.Is(l.Err(), store.ErrLeaseLost) {
		t.Fatalf("lost by: %v", l.Err())
	}
}

func testClosed(t *testing.T, env Env) {
	ctx := bounded(t, env)
	s := env.Open(t)
	must(t, s.Close())
	must(t, s.Close())
	_, errGet := s.Get(ctx, "a")
	_, errList := s.List(ctx, "a")
	_, errTxn := s.Txn(ctx, nil, []store.Op{store.Put("a", nil)})
	_, errGrant := s.Grant(ctx, env.TTL)
	for name, err := range map[string]error{"get": errGet, "list": errList, "txn": errTxn, "grant": errGrant} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	closes(ctx, t, s.Watch(ctx, "", 0))
}

func testUnavailable(t *testing.T, env Env) {
	ctx := bounded(t, env)
	s, cut := env.OpenCuttable(t)
	t.Cleanup(func() { must(t, s.Close()) })
	txn(ctx, t, s, nil, store.Put("a", nil))
	cut(true)
	_, errGet := s.Get(ctx, "a")
	_, errTxn := s.Txn(ctx, nil, []store.Op{store.Put("a", nil)})
	_, errGrant := s.Grant(ctx, env.TTL)
	for name, err := range map[string]error{"get": errGet, "txn": errTxn, "grant": errGrant} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cut(false)
	for {
		if _, err := s.Get(ctx, "a"); err == nil {
			return
		} else if ctx.Err() != nil {
			t.Fatalf("not reached again: %v", err)
		}
	}
}
