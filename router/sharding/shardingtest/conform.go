// Package shardingtest checks sharding algorithms against the numbered rules of sharding.Algorithm. It is for tests
// of algorithms, built-in and strangers'.
//
// Level: beside sharding; pure.
package shardingtest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// Case is an algorithm to check.
type Case struct {
	Factory sharding.Factory
	Config  sharding.Config
	// Keys are sample rows' keys, a tuple each, with NULLs where the algorithm takes them. The more the better; they
	// also serve as the points and bounds of the conditions that are tried.
	Keys [][]sharding.Key
}

// Conform runs the rules as subtests.
func Conform(t *testing.T, c Case) {
	t.Helper()
	a, err := c.Factory(t.Context(), c.Config)
	if err != nil {
		t.Fatalf("factory: %v", err)
	}
	if len(c.Keys) < 10 {
		t.Fatalf("%d sample keys are too few", len(c.Keys))
	}
	t.Run("1 concurrent", func(t *testing.T) { concurrent(t, a, c) })
	t.Run("2 a function of the canonical form", func(t *testing.T) { deterministic(t, a, c) })
	t.Run("3 inside the nodes", func(t *testing.T) { inside(t, a, c) })
	t.Run("4 and 5 sorted supersets", func(t *testing.T) { supersets(t, a, c) })
	t.Run("6 arguments stay", func(t *testing.T) { untouched(t, a, c) })
	t.Run("7 unknown property", func(t *testing.T) { unknown(t, c) })
}

func concurrent(t *testing.T, a sharding.Algorithm, c Case) {
	want := placements(a, c.Keys)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := placements(a, c.Keys); !slices.Equal(got, want) {
				t.Errorf("placements differ between goroutines")
			}
		})
	}
	wg.Wait()
}

// placements is the node of each key; -1 for none.
func placements(a sharding.Algorithm, keys [][]sharding.Key) []int {
	out := make([]int, len(keys))
	for i, k := range keys {
		n, err := a.Locate(k)
		if err != nil {
			n = -1
		}
		out[i] = n
	}
	return out
}

func deterministic(t *testing.T, a sharding.Algorithm, c Case) {
	again, err := c.Factory(context.Background(), c.Config)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(placements(a, c.Keys), placements(again, c.Keys)) {
		t.Error("a second algorithm of the same configuration places keys elsewhere")
	}
	for i, k := range c.Keys {
		for j, o := range c.Keys[:i] {
			if equal(k, o) && placements(a, [][]sharding.Key{k})[0] != placements(a, [][]sharding.Key{o})[0] {
				t.Errorf("keys %d and %d are equal and placed apart", i, j)
			}
		}
	}
}

func equal(a, b []sharding.Key) bool { return slices.EqualFunc(a, b, sharding.Key.Equal) }

func inside(t *testing.T, a sharding.Algorithm, c Case) {
	if a.Nodes() != c.Config.Nodes {
		t.Errorf("Nodes() is %d, it was built for %d", a.Nodes(), c.Config.Nodes)
	}
	located := 0
	for i, k := range c.Keys {
		n, err := a.Locate(k)
		if err != nil {
			continue
		}
		located++
		if n < 0 || n >= a.Nodes() {
			t.Errorf("key %d is on node %d of %d", i, n, a.Nodes())
		}
	}
	if located == 0 {
		t.Error("none of the sample keys can be placed")
	}
}

// supersets tries every pair of sample values as bounds and as points, on every column alone and on all.
func supersets(t *testing.T, a sharding.Algorithm, c Case) {
	columns := len(c.Keys[0])
	for _, lo := range c.Keys {
		for _, hi := range c.Keys {
			for mask := range 1 << columns {
				conds := make([]sharding.Cond, columns)
				for i := range conds {
					if mask>>i&1 == 0 {
						continue
					}
					if (lo[0].Compare(hi[0])+mask)%2 == 0 {
						conds[i].Points = []sharding.Key{lo[i], hi[i]}
						continue
					}
					conds[i] = between(lo[i], hi[i], mask)
				}
				covers(t, a, c, conds)
			}
		}
	}
}

// between bounds a column where the ends are not NULL.
func between(lo, hi sharding.Key, variant int) (c sharding.Cond) {
	if !lo.Null {
		c.Lo = &sharding.Bound{Key: lo, Inclusive: variant%3 != 0}
	}
	if !hi.Null {
		c.Hi = &sharding.Bound{Key: hi, Inclusive: variant%3 != 1}
	}
	return c
}

func covers(t *testing.T, a sharding.Algorithm, c Case, conds []sharding.Cond) {
	t.Helper()
	for name, set := range map[string]sharding.Set{"Route": sharding.Route(a, conds), "Prune": a.Prune(conds)} {
		if !slices.IsSorted(set) || len(slices.Compact(slices.Clone(set))) != len(set) {
			t.Errorf("%s: %v is not sorted or has duplicates", name, set)
		}
		for i, k := range c.Keys {
			n, err := a.Locate(k)
			if err == nil && meets(k, conds) && !set.Has(n) {
				t.Errorf("%s leaves out node %d of key %d, which meets the conditions", name, n, i)
			}
		}
	}
}

// meets is the plain meaning of conditions.
func meets(key []sharding.Key, conds []sharding.Cond) bool {
	for i, c := range conds {
		if c.Points != nil && !slices.ContainsFunc(c.Points, key[i].Equal) {
			return false
		}
		if c.Lo != nil || c.Hi != nil {
			if key[i].Null {
				return false
			}
		}
		if c.Lo != nil {
			if d := key[i].Compare(c.Lo.Key); d < 0 || d == 0 && !c.Lo.Inclusive {
				return false
			}
		}
		if c.Hi != nil {
			if d := key[i].Compare(c.Hi.Key); d > 0 || d == 0 && !c.Hi.Inclusive {
				return false
			}
		}
	}
	return true
}

func untouched(t *testing.T, a sharding.Algorithm, c Case) {
	for i, k := range c.Keys {
		before := make([]string, len(k))
		for j := range k {
			before[j] = string(k[j].Canon) + "\x00" + string(k[j].Text)
		}
		_, _ = a.Locate(k)
		for j := range k {
			if before[j] != string(k[j].Canon)+"\x00"+string(k[j].Text) {
				t.Errorf("Locate changed key %d", i)
			}
		}
	}
}

func unknown(t *testing.T, c Case) {
	cfg := c.Config
	cfg.Properties = sharding.Properties{"no_such_property": int64(1)}
	for k, v := range c.Config.Properties {
		cfg.Properties[k] = v
	}
	if _, err := c.Factory(t.Context(), cfg); err == nil {
		t.Error("an unknown property is taken")
	}
}
