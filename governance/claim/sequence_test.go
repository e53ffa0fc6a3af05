package claim

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

func newSequences(t *testing.T, s store.Store, c *clock, floor uint64) *Sequences {
	t.Helper()
	q, err := NewSequences(SequencesConfig{Store: s, Instance: "a", Now: c.now,
		Floor: func(context.Context, string) (uint64, error) { return floor, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func rng(t *testing.T, q *Sequences, name string, n uint64) uint64 {
	t.Helper()
	first, err := q.NextRange(t.Context(), name, n, 0)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func TestRanges(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	a, b := newSequences(t, s, c, 0), newSequences(t, s, c, 1<<40) // b is not asked: the sequence is known by then
	for i, want := range []uint64{1, 101, 201} {
		if got := rng(t, []*Sequences{a, b}[i%2], "shop.orders", 100); got != want {
			t.Fatalf("range %d begins at %d, want %d", i, got, want)
		}
	}
	if got := rng(t, newSequences(t, s, c, 41), "shop.items", 1); got != 42 {
		t.Fatalf("above what is there: %d", got)
	}
	if _, err := a.Raise(t.Context(), "shop.orders", 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Raise(t.Context(), "shop.orders", 5); err != nil {
		t.Fatal(err)
	}
	if got := rng(t, b, "shop.orders", 1); got != 1000 {
		t.Fatalf("after it was raised: %d", got)
	}
}

func TestRangesEnd(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	q := newSequences(t, s, c, math.MaxInt64-10)
	for _, n := range []uint64{0, math.MaxUint64, 20} {
		if first, err := q.NextRange(t.Context(), "x", n, 0); err == nil {
			t.Errorf("a range of %d begins at %d", n, first)
		}
	}
	if got := rng(t, q, "x", 5); got != math.MaxInt64-9 {
		t.Errorf("the last ones begin at %d", got)
	}
	if _, err := newSequences(t, s, c, math.MaxUint64).NextRange(t.Context(), "y", 1, 0); err == nil {
		t.Error("a range above the largest value")
	}
}

// TestRangesInAnEmptyStore: an empty store is not believed before what it may have forgotten has ended.
func TestRangesInAnEmptyStore(t *testing.T) {
	srv, c := memstore.NewServer(), &clock{start}
	s := srv.Client()
	fresh(t, s, c)
	q := newSequences(t, s, c, 70)
	if got := rng(t, q, "x", 1000); got != 71 {
		t.Fatal(got)
	}
	srv.Wipe()
	if _, err := q.NextRange(t.Context(), "x", 1, 0); err == nil || !strings.Contains(err.Error(), "vouches") {
		t.Fatalf("after a wipe: %v", err)
	}
	c.t = start.Add(For + Skew)
	if got := rng(t, q, "x", 1); got != 1071 {
		t.Fatalf("begins at %d; this process knows of values up to 1070", got)
	}
	if err := store.Write(t.Context(), s, store.Put(layout.Sequence("x"), []byte(`{"next":5}`))); err != nil {
		t.Fatal(err)
	}
	if got := rng(t, q, "x", 1); got != 1072 {
		t.Fatalf("a store that was set back begins at %d", got)
	}
	if err := store.Write(t.Context(), s, store.Put(layout.Sequence("x"), []byte(`{}`))); err != nil {
		t.Fatal(err)
	}
	if _, err := q.NextRange(t.Context(), "x", 1, 0); err == nil {
		t.Fatal("an empty record was believed")
	}
}

func TestFloorFails(t *testing.T) {
	s, c := memstore.New(), &clock{start}
	fresh(t, s, c)
	boom := errors.New("shard ds_1 is away")
	q := newSequences(t, s, c, 0)
	q.cfg.Floor = func(context.Context, string) (uint64, error) { return 0, boom }
	if _, err := q.NextRange(t.Context(), "x", 1, 0); !errors.Is(err, boom) {
		t.Fatal(err)
	}
}

func TestRangesUnderContention(t *testing.T) {
	srv, c := memstore.NewServer(), &clock{start}
	fresh(t, srv.Client(), c)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for range 4 {
		q := newSequences(t, srv.Client(), c, 0)
		wg.Go(func() {
			for range 50 {
				first, err := q.NextRange(context.Background(), "x", 3, 0)
				mu.Lock()
				for v := first; err == nil && v < first+3; v++ {
					if seen[v] {
						t.Errorf("%d twice", v)
					}
					seen[v] = true
				}
				mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != 4*50*3 {
		t.Fatalf("%d values", len(seen))
	}
}
