package backend

import (
	"testing"
	"testing/synctest"
)

// maxOpen are the bounds of all pools, by name.
func maxOpen(p *Pools) map[string]int {
	out := map[string]int{}
	for _, s := range p.Stats() {
		out[s.DataSource] = s.MaxOpen
	}
	return out
}

// The pools of one server share in what the process may have of it; others are left alone.
func TestBudgetIsOfAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		replicated := testSource("c", "z:1", Limits{MaxOpen: 50, Budget: 90})
		replicated.Replicas = []string{"z:2"}
		p := f.pools(t, testSource("a", "x:1", Limits{MaxOpen: 50, Budget: 100, Least: 3}), testSource("b", "x:1", Limits{MaxOpen: 20, Budget: 80}),
			testSource("free", "x:1", Limits{MaxOpen: 7}), replicated)
		for _, c := range []struct{ among, a, b, c int }{{1, 40, 20, 50}, {3, 13, 13, 30}, {20, 3, 2, 4}, {1000, 3, 1, 1}, {0, 3, 1, 1}} {
			p.Divide(c.among)
			got := maxOpen(p)
			if got["a"] != c.a || got["b"] != c.b || got["free"] != 7 || got["c"] != c.c || got["c@z:2"] != c.c {
				t.Errorf("divided by %d: %v", c.among, got)
			}
		}
		f.close(t, p)
	})
}

// A smaller part is kept to as connections come back, also while statements wait for them, and a larger one serves those.
func TestBudgetShrinksUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 10, Budget: 10}))
		var held []*Lease
		for range 10 {
			held = append(held, acquire(t, p, "ds", 0, nil))
		}
		served := make(chan *Lease, 4)
		for range 4 {
			go func() {
				l, err := p.Acquire(t.Context(), "ds", 0, nil)
				if err != nil {
					t.Error(err)
				}
				served <- l
			}()
		}
		synctest.Wait()
		p.Divide(5)
		if p.Within() {
			t.Error("ten connections are within a part of two")
		}
		for _, l := range held[:8] {
			l.Release()
			synctest.Wait()
		}
		if n := f.open.Load(); n != 2 || !p.Within() || len(served) != 0 {
			t.Errorf("%d are open and %d were served while two are lent", n, len(served))
		}
		p.Divide(2)
		synctest.Wait()
		if n := f.open.Load(); n != 5 || len(served) != 3 {
			t.Errorf("%d are open and %d were served of a part of five", n, len(served))
		}
		for _, l := range held[8:] {
			l.Release()
		}
		for range 4 {
			(<-served).Release()
		}
		f.close(t, p)
	})
}
