package limit

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Concurrency bounds an Adaptive. All fields are above 0.
type Concurrency struct {
	Least, Most int     // work under way at a time
	Tolerance   float64 // per cent that work may take longer than it has to before less is let through
}

// Priority is how late work is turned away. The zero value is the usual.
type Priority int

// Low is turned away first, High last.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

// part is of a limit what work of a priority may fill.
func (p Priority) part() float64 {
	switch {
	case p < Normal:
		return 0.7
	case p > Normal:
		return 1
	}
	return 0.9
}

const (
	sampling  = 100 * time.Millisecond // after which what was seen changes the limit
	enough    = 10                     // work that has to be seen for that
	probing   = 30 * time.Second       // between looks at how long work has to take
	again     = time.Second            // if the last one has found that it has to take less long
	mostTimes = 512                    // that are kept of a sampling
	beginning = 20                     // the first limit
)

// Adaptive bounds how much work is under way by how long it takes: while that is near to the least that it has to take more is let through, and less
// the longer it takes, as it waits then for what went before. How long it has to take is found out anew now and then, by a quarter of the work for a moment:
// a limit that is too high has all of it wait, which nothing else would tell from work that is long. Any goroutine may call its methods.
type Adaptive struct {
	rule Concurrency

	mu     sync.Mutex
	limit  float64
	active int
	peak   int           // since the sampling began
	least  time.Duration // that work has to take; 0: it is not known
	since  time.Time     // the sampling began; the zero time: none has
	times  []time.Duration
	seen   int       // times of the sampling, those that are not kept among them
	probe  time.Time // when the least is looked for next
	before float64   // the limit before the probe; 0: there is none
}

// NewAdaptive returns one that has seen nothing.
func NewAdaptive(r Concurrency) *Adaptive {
	return &Adaptive{rule: r, limit: float64(min(max(beginning, r.Least), r.Most))}
}

// Rule is what it was made with.
func (a *Adaptive) Rule() Concurrency { return a.rule }

// State is what an Adaptive does.
type State struct {
	Limit  int
	Active int
	Least  time.Duration // that work has to take; 0: it is not known
}

// State is what it does now.
func (a *Adaptive) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return State{int(a.limit), a.active, a.least}
}

// Enter says whether work may begin. Then Leave or Forget is told of its end.
func (a *Adaptive) Enter(p Priority) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active >= max(int(a.limit*p.part()), 1) {
		return false
	}
	a.active++
	a.peak = max(a.peak, a.active)
	return true
}

// Forget is the end of work that says nothing: it was given up.
func (a *Adaptive) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active--
}

// Leave is the end of work that began at a time and took that long, if it was ended for taking too long, at least.
func (a *Adaptive) Leave(began time.Time, took time.Duration, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active--
	if a.since.IsZero() {
		a.since = now
		if a.probe.IsZero() {
			a.probe = now.Add(again)
		}
	}
	if a.before > 0 && began.Before(a.since) {
		return // it began when there was more
	}
	if len(a.times) < mostTimes {
		a.times = append(a.times, took)
	} else {
		a.times[a.seen%mostTimes] = took
	}
	a.seen++
	if a.seen >= enough && now.Sub(a.since) >= sampling {
		a.adapt(now)
	}
}

// adapt changes the limit by what was seen. mu is held.
func (a *Adaptive) adapt(now time.Time) {
	slices.Sort(a.times)
	took := max(a.times[len(a.times)/2], 1)
	switch {
	case a.before > 0:
		if a.probe = now.Add(probing); took < a.least*4/5 { // there was a queue, and there may be one still
			a.probe = now.Add(again)
		}
		a.least, a.limit, a.before = took, a.before, 0
	case a.least == 0 || took < a.least:
		if soon := now.Add(again); took < a.least*4/5 && soon.Before(a.probe) { // how much less long is not known
			a.probe = soon
		}
		a.least = took
	}
	gradient := float64(a.least) * (1 + a.rule.Tolerance/100) / float64(took)
	next := a.limit*min(max(gradient, 0.5), 2) + math.Sqrt(a.limit)
	if next < a.limit || float64(a.peak)*2 >= a.limit { // what nobody asks for does not grow
		a.limit = min(max(next, float64(a.rule.Least)), float64(a.rule.Most))
	}
	switch {
	case now.Before(a.probe):
	case float64(a.peak)*2 < a.limit: // nothing waits: it takes what it has to
		a.least, a.probe = took, now.Add(probing)
	default:
		a.before = a.limit
		a.limit = max(a.limit/4, min(float64(a.rule.Least), a.limit))
	}
	a.times, a.seen, a.since, a.peak = a.times[:0], 0, now, a.active
}
