package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/governance/store"
)

func testReading(t *testing.T, env Env) {
	ctx, s := open(t, env)
	if _, err := s.Get(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get of an absent key: %v", err)
	}
	l, err := s.List(ctx, "p/")
	must(t, err)
	if len(l.KVs) != 0 || l.Revision <= 0 {
		t.Fatalf("empty listing: %+v", l)
	}
	res := txn(ctx, t, s, nil, store.Put("p/b", []byte("2")), store.Put("p/a", []byte("1")), store.Put("q", []byte("3")))
	_, other := open(t, env)
	kv, err := other.Get(ctx, "p/a")
	must(t, err)
	want := store.KV{Key: "p/a", Value: []byte("1"), Created: res.Revision, Modified: res.Revision}
	if diff := cmp.Diff(want, kv); diff != "" {
		t.Fatal(diff)
	}
	l, err = other.List(ctx, "p/")
	must(t, err)
	if diff := cmp.Diff([]string{"p/a=1", "p/b=2"}, keysOf(l.KVs)); diff != "" || l.Revision < res.Revision {
		t.Fatalf("revision %d, want at least %d; %s", l.Revision, res.Revision, diff)
	}
	all, err := other.List(ctx, "")
	must(t, err)
	if len(all.KVs) != 3 {
		t.Fatalf("everything: %v", keysOf(all.KVs))
	}
}

func testTransactions(t *testing.T, env Env) {
	ctx, s := open(t, env)
	if !txn(ctx, t, s, []store.Cond{store.Absent("a")}, store.Put("a", []byte("1"))).OK {
		t.Fatal("an absent key is not absent")
	}
	if txn(ctx, t, s, []store.Cond{store.Absent("a")}, store.Put("a", []byte("2"))).OK {
		t.Fatal("a present key is absent")
	}
	a, err := s.Get(ctx, "a")
	must(t, err)
	if txn(ctx, t, s, []store.Cond{store.Unchanged(a), store.Unchanged(store.KV{Key: "a"})}, store.Put("b", nil)).OK {
		t.Fatal("one of two conditions is enough")
	}
	if _, err := s.Get(ctx, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a refused transaction wrote: %v", err)
	}
	if !txn(ctx, t, s, []store.Cond{store.Unchanged(a)}, store.Put("a", []byte("3")), store.Put("d/1", nil), store.Put("d/2", nil)).OK {
		t.Fatal("an unchanged key is changed")
	}
	if txn(ctx, t, s, []store.Cond{store.Unchanged(a)}, store.Delete("a")).OK {
		t.Fatal("a changed key is unchanged")
	}
	txn(ctx, t, s, nil, store.DeletePrefix("d/"), store.Delete("a"), store.Delete("never"))
	l, err := s.List(ctx, "")
	must(t, err)
	if len(l.KVs) != 0 {
		t.Fatalf("left over: %v", keysOf(l.KVs))
	}
}

// testContention counts one key up from several clients: each success must be counted once.
func testContention(t *testing.T, env Env) {
	ctx, s := open(t, env)
	const clients, each = 4, 25
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		c := env.Open(t)
		t.Cleanup(func() { must(t, c.Close()) })
		wg.Go(func() {
			for done := 0; done < each; {
				kv, err := store.GetOrZero(ctx, c, "n")
				if err != nil {
					errs <- err
					return
				}
				n, _ := strconv.Atoi(string(kv.Value))
				res, err := c.Txn(ctx, []store.Cond{store.Unchanged(kv)}, []store.Op{store.Put("n", []byte(strconv.Itoa(n+1)))})
				if err != nil {
					errs <- err
					return
				}
				if res.OK {
					done++
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	kv, err := s.Get(ctx, "n")
	must(t, err)
	if string(kv.Value) != fmt.Sprint(clients*each) {
		t.Fatalf("counted %s, want %d", kv.Value, clients*each)
	}
}

func testRevisions(t *testing.T, env Env) {
	ctx, s := open(t, env)
	r1 := txn(ctx, t, s, nil, store.Put("a", []byte("1"))).Revision
	r2 := txn(ctx, t, s, nil, store.Put("a", []byte("2"))).Revision
	kv, err := s.Get(ctx, "a")
	must(t, err)
	if r2 <= r1 || kv.Created != r1 || kv.Modified != r2 {
		t.Fatalf("revisions %d, %d, key %+v", r1, r2, kv)
	}
	txn(ctx, t, s, nil, store.Delete("a"))
	r4 := txn(ctx, t, s, nil, store.Put("a", []byte("3"))).Revision
	if kv, err = s.Get(ctx, "a"); err != nil || kv.Created != r4 {
		t.Fatalf("created again at %d, key %+v, %v", r4, kv, err)
	}
}

func testLimits(t *testing.T, env Env) {
	ctx, s := open(t, env)
	many := make([]store.Op, store.MaxOps+1)
	for i := range many {
		many[i] = store.Put(fmt.Sprintf("k%d", i), nil)
	}
	bad := map[string][]store.Op{
		"too many":  many,
		"twice":     {store.Put("a", nil), store.Put("a", nil)},
		"no key":    {store.Put("a", nil), store.Delete("")},
		"too large": {store.Put("b", nil), store.Put("a", make([]byte, store.MaxValue+1))},
	}
	for name, ops := range bad {
		if _, err := s.Txn(ctx, nil, ops); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l, err := s.List(ctx, ""); err != nil || len(l.KVs) != 0 {
		t.Fatalf("an invalid transaction wrote %v, %v", keysOf(l.KVs), err)
	}
	txn(ctx, t, s, nil, many[:store.MaxOps]...)
	txn(ctx, t, s, nil, store.Put("large", make([]byte, store.MaxValue)))
}
