// Package balance chooses one of several endpoints that could all do the work. It is a family of plug-ins: the interface with
// its contract is here, builtin.go lists them, each has a file, and balancetest holds them to the contract. It knows nothing of
// what the endpoints are, nor whether they live: who may be chosen is the caller's business. Level: governance.
package balance

import (
	"math"
	"sync/atomic"
	"time"
)

// Picker chooses among the endpoints that it was made for. A change of the endpoints makes a new Picker.
//
// The contract:
//
//  1. Pick returns an index of the endpoints the Picker was made for, of which there is at least one.
//  2. Pick may be called by any number of goroutines at a time, and does not wait.
//  3. Pick allocates nothing.
//  4. A Picker keeps no other state of endpoints than their Load, which outlives it: a new Picker for the same endpoints goes on
//     where the old one was.
//  5. While all endpoints are alike, none is left out for good.
//  6. Factories name a property that they do not know, or whose value they cannot use, in their error.
type Picker interface {
	Pick() int
}

// Endpoint is one of those that can be chosen.
type Endpoint struct {
	Name   string
	Zone   string
	Weight int   // share among the others; 0 reads as 1
	Load   *Load // not nil
}

func (e *Endpoint) weight() int { return max(e.Weight, 1) }

// Properties are what an operator says of a Picker beside its name.
type Properties map[string]string

// Load is what is known of an endpoint's work. Any goroutine may call its methods.
type Load struct {
	active atomic.Int64
	taken  atomic.Uint64 // bits of the float64 that cost is of, nanoseconds
	at     atomic.Int64  // when taken was written, nanoseconds since start
}

// start is the zero of Load's clock: what is measured is time that passes, not what the wall clock says.
var start = time.Now()

// Begin notes that the endpoint is given something to do.
func (l *Load) Begin() { l.active.Add(1) }

// End notes that it is done, or given up, after took.
func (l *Load) End(took time.Duration) {
	l.active.Add(-1)
	now := int64(time.Since(start))
	value := float64(took)
	if old := l.latency(now); old > value {
		value += (old - value) * 0.5
	}
	l.taken.Store(math.Float64bits(value))
	l.at.Store(now)
}

// Active is how much the endpoint has to do.
func (l *Load) Active() int { return int(l.active.Load()) }

// halfLife is the time in which a peak counts half.
const halfLife = 5 * float64(time.Second)

// latency is what the endpoint takes at times, nanoseconds: a peak counts at once and is forgotten with time.
func (l *Load) latency(now int64) float64 {
	taken := math.Float64frombits(l.taken.Load())
	if taken == 0 {
		return 0 // nothing is known, of whatever time
	}
	return taken * math.Exp2(-float64(now-l.at.Load())/halfLife)
}
