// Package hedge says when work that may be done twice is begun a second time beside the first: once it takes longer than a share of
// such work has of late, within a budget. Whoever is late for reasons of its own then delays nobody, and whoever is overloaded is not sent a multiple.
// It begins nothing itself, and keeps no goroutine. Level: governance.
package hedge

import (
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/limit"
	"github.com/heddle-mesh/heddle/internal/histogram"
)

// Rule is when and how often. One of After and Quantile is above 0.
type Rule struct {
	After    time.Duration // of any work
	Quantile float64       // per cent: that share of the work is over before
	Percent  int           // of the work that may be begun twice
}

// Window is how long what work took is remembered, at least; twice as long at most.
const Window = 10 * time.Second

// least is how much work has to be remembered before a quantile is one.
const least = 50

// Hedge is of one sort of work. Any goroutine may call its methods.
type Hedge struct {
	rule   Rule
	budget *limit.Budget

	mu     sync.Mutex
	turned time.Time // when the newer half was begun
	took   [2]*histogram.Histogram
	known  [2]int        // how much is in them
	after  time.Duration // as was found last; 0: there is none yet
	fresh  int           // work that was noted since
}

// New returns one that remembers nothing.
func New(r Rule) *Hedge {
	return &Hedge{rule: r, budget: limit.NewBudget(r.Percent, 0), took: [2]*histogram.Histogram{{}, {}}}
}

// Rule is what it was made with.
func (h *Hedge) Rule() Rule { return h.rule }

// First notes that work begins, of which a share may be begun twice.
func (h *Hedge) First() { h.budget.First() }

// Again says whether work may be begun a second time, and takes that from the budget.
func (h *Hedge) Again() bool { return h.budget.Again(time.Time{}) }

// After is how long work has to take before it is begun a second time; 0: that is not known yet.
func (h *Hedge) After() time.Duration {
	if h.rule.After > 0 {
		return h.rule.After
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.after
}

// Took notes how long work took, by the first that was done with it.
func (h *Hedge) Took(now time.Time, d time.Duration) {
	if h.rule.After > 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.turned) >= Window {
		h.took[1], h.known[1] = h.took[0], h.known[0]
		if now.Sub(h.turned) >= 2*Window {
			h.took[1], h.known[1] = &histogram.Histogram{}, 0
		}
		h.took[0], h.known[0], h.turned = &histogram.Histogram{}, 0, now
	}
	h.took[0].Add(d)
	h.known[0]++
	all := h.known[0] + h.known[1]
	if h.fresh++; h.fresh < min(all/8, 1000) && h.after > 0 { // it is looked for no more often than it may have changed
		return
	}
	h.fresh = 0
	if h.after = 0; all >= least {
		h.after = quantile(h.took[0], h.took[1], h.rule.Quantile)
	}
}

// quantile is the time that such a share of both does not exceed.
func quantile(a, b *histogram.Histogram, percent float64) time.Duration {
	all, n := a.Read()
	more, m := b.Read()
	for i := range all {
		all[i] += more[i]
	}
	return all.Quantile(n+m, percent/100)
}
