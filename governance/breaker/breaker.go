// Package breaker stops sending work to what fails most of it: after a share of failures over a window it opens, lets nothing
// through for a time, then a few to find out, and closes or opens again by what becomes of these. It knows nothing of what the
// work is, and keeps no goroutine. Level: governance.
package breaker

import (
	"fmt"
	"sync"
	"time"
)

// Rule is when a Breaker opens and for how long. All fields are above 0.
type Rule struct {
	Share  int           // of failures, per cent, from which on it opens
	Least  int           // work in the window below which no share counts
	Window time.Duration // that is looked back on
	Open   time.Duration // before it is tried again
	Probes int           // that are under way at a time then, and that have to succeed
}

// Outcome is what became of work.
type Outcome int

// Unknown is work that was given up for reasons of its own: it counts for nothing.
const (
	Unknown Outcome = iota
	Good
	Failed
)

// parts are how many a window is divided into: the oldest is forgotten when a new one begins.
const parts = 10

type part struct{ all, failed int }

// Breaker is of one thing that work is sent to. Any goroutine may call its methods.
type Breaker struct {
	rule Rule

	mu      sync.Mutex
	window  [parts]part
	newest  int64     // number of the part that is counted in
	until   time.Time // open before it; the zero time: closed
	why     string
	probes  int       // under way
	probed  time.Time // when the last was let through
	healthy int       // probes that succeeded
}

// New returns a closed one.
func New(r Rule) *Breaker { return &Breaker{rule: r} }

// Rule is what it was made with.
func (b *Breaker) Rule() Rule { return b.rule }

// Closed says whether nothing is held back, not even for probes.
func (b *Breaker) Closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until.IsZero()
}

// Open is until when nothing is let through, and why; the zero time: it is closed. A time that is over is one of probes.
func (b *Breaker) Open() (until time.Time, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until, b.why
}

// Allow says whether work may go through now; then Done is told what became of it. A probe of which nothing is heard for as
// long as the breaker stays open counts no more.
func (b *Breaker) Allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return true
	case now.Before(b.until):
		return false
	case b.probes >= b.rule.Probes && now.Sub(b.probed) < b.rule.Open:
		return false
	case b.probes >= b.rule.Probes:
		b.probes = 0
	}
	b.probes++
	b.probed = now
	return true
}

// Done notes what became of work that was allowed. It returns whether the breaker has opened or closed by it.
func (b *Breaker) Done(now time.Time, o Outcome) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.until.IsZero() {
		return b.probe(now, o)
	}
	if o == Unknown {
		return false
	}
	b.turn(now)
	p := &b.window[b.newest%parts]
	p.all++
	if o == Good {
		return false
	}
	p.failed++
	var sum part
	for _, p := range b.window {
		sum.all, sum.failed = sum.all+p.all, sum.failed+p.failed
	}
	if sum.all < b.rule.Least || sum.failed*100 < sum.all*b.rule.Share {
		return false
	}
	b.open(now, fmt.Sprintf("%d of %d failed within %v", sum.failed, sum.all, b.rule.Window))
	return true
}

// probe notes what became of work while it is open. mu is held.
func (b *Breaker) probe(now time.Time, o Outcome) (changed bool) {
	if now.Before(b.until) {
		return false // it began before the breaker opened
	}
	b.probes = max(b.probes-1, 0)
	switch o {
	case Failed:
		b.open(now, "a probe failed")
		return true
	case Good:
		if b.healthy++; b.healthy >= b.rule.Probes {
			b.until, b.why, b.healthy, b.window = time.Time{}, "", 0, [parts]part{}
			return true
		}
	}
	return false
}

func (b *Breaker) open(now time.Time, why string) {
	b.until, b.why, b.probes, b.healthy = now.Add(b.rule.Open), why, 0, 0
}

// turn empties the parts of the window that are too old.
func (b *Breaker) turn(now time.Time) {
	n := now.UnixNano() / max(int64(b.rule.Window)/parts, 1)
	for i := b.newest + 1; i <= n && i <= b.newest+parts; i++ {
		b.window[i%parts] = part{}
	}
	b.newest = max(n, b.newest)
}
