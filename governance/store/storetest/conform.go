// Package storetest is the contract of store.Store as a test, rule by rule. Every provider runs Conform.
//
// It is test code: nothing but tests imports it.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/store"
)

// Env is one empty store of the provider under test.
type Env struct {
	// Open makes another client of it; the test closes it.
	Open func(t *testing.T) store.Store
	// OpenCuttable makes a client with a switch that makes the store unreachable for it, or reachable again.
	OpenCuttable func(t *testing.T) (s store.Store, cut func(bool))
	// Compact forgets the history of the store.
	Compact func(t *testing.T)
	// Wipe replaces the store by an empty one under the same address.
	Wipe func(t *testing.T)
	// TTL is the shortest lease worth granting; Patience bounds every wait.
	TTL, Patience time.Duration
}

// Factory makes an Env of its own for each rule.
type Factory func(t *testing.T) Env

// Conform checks all rules. in runs each: a provider that is all within the process has it be run by synctest.Test, in whose time nothing is late.
func Conform(t *testing.T, in func(*testing.T, func(*testing.T)), factory Factory) {
	rules := []struct {
		name string
		run  func(*testing.T, Env)
	}{
		{"1-2 reading", testReading},
		{"3 transactions", testTransactions},
		{"3 contention", testContention},
		{"4 revisions", testRevisions},
		{"5 limits", testLimits},
		{"7 watch from the beginning", testWatchReset},
		{"7 watch from a revision", testWatchAfter},
		{"8 compacted history", testCompacted},
		{"8 cut off and back", testCutWatch},
		{"8 wiped", testWiped},
		{"9 end of a watch", testWatchEnds},
		{"10 lease", testLease},
		{"10 unknown lease", testUnknownLease},
		{"11 the holder knows first", testHolderFirst},
		{"12 closed", testClosed},
		{"13 unavailable", testUnavailable},
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			in(t, func(t *testing.T) { r.run(t, factory(t)) })
		})
	}
}

// open is a client that is closed with the test, and a context bounded by the patience.
func open(t *testing.T, env Env) (context.Context, store.Store) {
	t.Helper()
	s := env.Open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return bounded(t, env), s
}

func bounded(t *testing.T, env Env) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), env.Patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func txn(ctx context.Context, t *testing.T, s store.Store, conds []store.Cond, ops ...store.Op) store.Result {
	t.Helper()
	res, err := s.Txn(ctx, conds, ops)
	must(t, err)
	return res
}

// next is the watch's next update; it fails the test if none comes in time.
func next(ctx context.Context, t *testing.T, ch <-chan store.Update) store.Update {
	t.Helper()
	select {
	case u, ok := <-ch:
		if !ok {
			t.Fatal("the watch was closed")
		}
		return u
	case <-ctx.Done():
		t.Fatal("no update in time")
	}
	panic("unreachable")
}

// nextOf skips to the next update of a kind.
func nextOf(ctx context.Context, t *testing.T, ch <-chan store.Update, kind store.UpdateKind) store.Update {
	t.Helper()
	for {
		if u := next(ctx, t, ch); u.Kind == kind {
			return u
		}
	}
}

func keysOf(kvs []store.KV) []string {
	var out []string
	for _, kv := range kvs {
		out = append(out, kv.Key+"="+string(kv.Value))
	}
	return out
}

func eventsOf(events []store.Event) []string {
	var out []string
	for _, e := range events {
		if e.Deleted {
			out = append(out, "-"+e.KV.Key)
		} else {
			out = append(out, e.KV.Key+"="+string(e.KV.Value))
		}
	}
	return out
}
