//go:build !race

package xa

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"testing"
)

// state is one of everything that an explorer goes through.
type state[S any] interface {
	key() string
	successors(yield func(name string, next S))
	hurtBy() string // the harm that is done; "": none
	ends() string   // the harm that shows when nothing more goes wrong and all comes to its end; "": none
}

// explore takes every step from every state, and settles every state that it meets. It returns the number of states and the
// first harm, with the way to it.
func explore[S state[S]](start S, limit int) (states int, harm string) {
	type node struct {
		s    S
		from int
		name string
	}
	var none S
	seeds := [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	print := func(s S) [2]uint64 {
		key := s.key()
		return [2]uint64{maphash.String(seeds[0], key), maphash.String(seeds[1], key)}
	}
	nodes := []node{{start, -1, "begin"}}
	seen := map[[2]uint64]bool{print(start): true}
	way := func(i int) (s string) {
		for ; i >= 0; i = nodes[i].from {
			s = nodes[i].name + "; " + s
		}
		return s
	}
	for i := 0; i < len(nodes) && harm == ""; i++ {
		if harm = nodes[i].s.ends(); harm != "" {
			return len(nodes), harm + " after " + way(i)
		}
		nodes[i].s.successors(func(name string, next S) {
			if key := print(next); harm == "" && !seen[key] {
				seen[key] = true
				nodes = append(nodes, node{next, i, name})
				if harm = next.hurtBy(); harm != "" {
					harm += " after " + way(len(nodes)-1)
				}
			}
		})
		nodes[i].s = none
		if harm == "" && len(nodes) > limit {
			harm = fmt.Sprintf("more than %d states", limit)
		}
	}
	return len(nodes), harm
}

// shapes are all ways in which n branches can have written.
func shapes(n int) (out [][]Part) {
	for bits := range 1 << n {
		parts := make([]Part, n)
		for i := range parts {
			parts[i] = Part{Home: i == 0, Wrote: bits>>i&1 == 1}
		}
		out = append(out, parts)
	}
	return out
}

func both(n int) []Part { return shapes(n)[1<<n-1] }

// TestCrashPoints stops the owner before and after every action, with its effect and without, at every order of the replies,
// over one to four branches; whoever recovers then leaves nothing half done and nothing prepared.
func TestCrashPoints(t *testing.T) {
	total := 0
	for n := 1; n <= maxParts; n++ {
		for _, parts := range shapes(n) {
			w := newWorld(parts, 0, flawless)
			states, harm := explore(w, 200_000)
			if harm != "" {
				t.Errorf("%+v: %s", parts, harm)
			}
			total += states
		}
	}
	t.Logf("%d states", total)
}

// faults is how many of each may come; force is an operator's.
type faults struct{ cut, restart, die, refuse, lose, force int }

// TestEveryPath takes every step of small worlds with recoverers and faults; of larger ones where HEDDLE_EXPLORE is set.
func TestEveryPath(t *testing.T) {
	type small struct {
		parts, recoverers int
		faults
	}
	worlds := []small{
		{2, 1, faults{cut: 1, die: 1}},
		{2, 1, faults{cut: 1, refuse: 1}},
		{2, 1, faults{restart: 1, lose: 1}},
		{2, 2, faults{}},
		{3, 1, faults{die: 1}},
		{2, 1, faults{force: 1, die: 1}},
		{3, 1, faults{force: 1}},
	}
	limit := 400_000
	if os.Getenv("HEDDLE_EXPLORE") != "" {
		limit = 5_000_000
		worlds = append(worlds, []small{
			{2, 2, faults{cut: 1}}, {2, 2, faults{restart: 1}}, {2, 2, faults{die: 1}}, {2, 2, faults{lose: 1}},
			{2, 1, faults{cut: 1, restart: 1, die: 1, refuse: 1, lose: 1}}, {3, 1, faults{cut: 1}}, {3, 1, faults{die: 1, refuse: 1}},
		}...)
	}
	total := 0
	for _, c := range worlds {
		w := newWorld(both(c.parts), c.recoverers, flawless)
		w.budget = c.faults
		states, harm := explore(w, limit)
		if harm != "" {
			t.Errorf("%+v: %s", c, harm)
		}
		t.Logf("%+v: %d states", c, states)
		total += states
	}
	t.Logf("%d states", total)
}

// TestTheExplorerSees makes one mistake at a time and expects the harm to be found.
func TestTheExplorerSees(t *testing.T) {
	for f := decideEarly; f <= noRead; f++ {
		t.Run(f.String(), func(t *testing.T) {
			w := newWorld(both(2), 1, f)
			w.budget.cut, w.budget.refuse, w.budget.die, w.budget.lose = 1, 1, 1, 1
			if f == forcedIsAborted {
				w.budget = faults{force: 1}
			}
			states, harm := explore(w, 3_000_000)
			if harm == "" {
				t.Fatalf("no harm in %d states", states)
			}
			t.Logf("%d states: %s", states, harm)
		})
	}
}

// TestWalks goes at random where there are too many states to go everywhere: two transactions over the same servers, three
// recoverers, every fault several times.
func TestWalks(t *testing.T) {
	const walks = 3000
	for seed := range uint64(walks) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		n := 2 + rnd.IntN(3)
		var ws [2]*world
		for i := range ws {
			parts := shapes(n)[rnd.IntN(1<<n)]
			ws[i] = newWorld(parts, 3, flawless)
			b := &ws[i].budget
			b.cut, b.restart, b.die, b.refuse, b.lose = rnd.IntN(3), 0, rnd.IntN(2), rnd.IntN(2), rnd.IntN(4)
		}
		for steps := 0; steps < 400; steps++ {
			if rnd.IntN(100) == 0 { // a server that restarts does so for both
				at := rnd.IntN(n)
				for _, w := range ws {
					w.restart(at)
				}
			}
			i := rnd.IntN(2)
			var next []*world
			ws[i].successors(func(_ string, n *world) { next = append(next, n) })
			if len(next) > 0 {
				ws[i] = next[rnd.IntN(len(next))]
			}
			if ws[i].harm != "" {
				t.Fatalf("seed %d: %s", seed, ws[i].harm)
			}
		}
		for _, w := range ws {
			if w.settle(rnd.IntN(2) == 0); w.harm != "" {
				t.Fatalf("seed %d, at the end: %s", seed, w.harm)
			}
		}
	}
}
