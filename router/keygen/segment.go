package keygen

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// segment gives numbers out of ranges that it claims in advance. Properties:
//
//	step  how many numbers a claim asks for, 1 … 10000000; default: 1000 at first, and twice as many each time that a range was
//	      used up within ten minutes, up to a million
//
// A second range is claimed when half of the first is gone, by the call that notices, after it has its own keys:
// one statement in a thousand waits for the store, and no goroutine has to be owned.
type segment struct {
	name     string
	step     uint64 // 0: as the use demands
	segments Segments
	clock    Clock
	*Ranges
}

// The sizes of ranges where the rule names none: for ten minutes of use, so that the store may be away for about half of
// that before statements fail.
const (
	leastStep = 1000
	mostStep  = 1_000_000
	stepTime  = 10 * time.Minute
)

const maxKey = math.MaxInt64

func newSegment(cfg Config) (Generator, error) {
	if err := known(cfg.Properties, "step"); err != nil {
		return nil, err
	}
	step, err := integer(cfg.Properties, "step", 0, 1, 10_000_000)
	if err != nil {
		return nil, err
	}
	g := &segment{name: cfg.Name, step: uint64(step), segments: cfg.Segments, clock: cfg.Clock, Ranges: cfg.Ranges}
	if g.clock == nil {
		g.clock = SystemClock{}
	}
	if g.Ranges == nil {
		g.Ranges = &Ranges{}
	}
	return g, nil
}

// Next implements Generator.
func (g *segment) Next(ctx context.Context, n int) (Batch, error) {
	if err := g.usable(n); err != nil {
		return Batch{}, err
	}
	want := uint64(n)
	for {
		if b, ok := g.take(want, g.clock.Now()); ok {
			g.prefetch(ctx)
			return b, nil
		}
		if err := g.claimFor(ctx, want); err != nil {
			return Batch{}, err
		}
	}
}

func (g *segment) usable(n int) error {
	switch {
	case n < 1 || n > math.MaxInt32:
		return sqlerr.KeygenUnavailable(fmt.Sprintf("segment gives 1 to %d ids to one statement, not %d", math.MaxInt32, n))
	case g.segments == nil:
		return sqlerr.KeygenUnavailable("segment has no store")
	}
	return nil
}

// Fresh implements Raiser: only the store knows what others were told of.
func (g *segment) Fresh(ctx context.Context, n int) (Batch, error) {
	if err := g.usable(n); err != nil {
		return Batch{}, err
	}
	g.fetch.Lock()
	defer g.fetch.Unlock()
	for {
		s, err := g.claim(ctx, uint64(n))
		if err != nil {
			return Batch{}, err
		}
		g.mu.Lock()
		if s.first >= g.floor {
			defer g.mu.Unlock()
			return g.use(s.first, uint64(n)), nil
		}
		g.mu.Unlock() // it was revoked before it arrived
	}
}

// Done implements Raiser.
func (g *segment) Done(b Batch) { g.done(b.use) }

// manyRises is how many keys in turn make a load of rows that have theirs: from then on the store is raised by a step
// at a time.
const manyRises = 8

// useWait is how long keys of clients wait for statements that use generated ones in the same place.
const useWait = 5 * time.Second

// Raise implements Raiser. Where servers find a key twice, ranges that others hold are not taken from them: a key in one is
// found by its row.
func (g *segment) Raise(ctx context.Context, given Given) error {
	if g.pass(given, g.clock.Now()) {
		if err := g.raise(ctx, given); err != nil {
			return err
		}
	}
	if !given.Alone {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, useWait)
	defer cancel()
	if err := g.quiet(wait, given.Low, min(given.High, maxKey-1)+1); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("segment %s: wait for statements that use the ids given: %w", g.name, ctx.Err())
		}
		return sqlerr.KeygenUnavailable("a statement that runs uses one of the ids that were given")
	}
	return nil
}

// raise tells the store.
func (g *segment) raise(ctx context.Context, given Given) error {
	if g.segments == nil {
		return sqlerr.KeygenUnavailable("segment has no store")
	}
	g.fetch.Lock()
	defer g.fetch.Unlock()
	asked := g.clock.Now()
	if !g.pass(given, asked) { // somebody else did so, or claimed a range
		return nil
	}
	next := min(given.High, maxKey-1) + 1
	g.mu.Lock()
	if g.rises++; g.rises > manyRises {
		step := max(g.step, leastStep)
		next = min(next, maxKey-step) + step
	}
	g.mu.Unlock()
	tell := g.segments.Raise
	if given.Alone {
		tell = g.segments.Settle
	}
	mark, err := tell(ctx, g.name, next)
	if err != nil {
		return g.failed(ctx, fmt.Sprintf("raise %s above %d", g.name, given.High), err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if given.Alone {
		g.learn(mark, mark, asked)
	} else {
		g.learn(mark, 0, asked)
	}
	return nil
}

// claimFor claims a range that has room for n numbers, unless another call did so meanwhile.
func (g *segment) claimFor(ctx context.Context, n uint64) error {
	g.fetch.Lock()
	defer g.fetch.Unlock()
	now := g.clock.Now()
	g.mu.Lock()
	g.expire(now)
	enough := g.now.left() >= n || g.ahead.left() >= n
	g.mu.Unlock()
	if enough {
		return nil
	}
	s, err := g.claim(ctx, max(n, g.grow(now)))
	if err != nil {
		return err
	}
	g.keep(s)
	return nil
}

// prefetch claims the next range when the present one is half gone. Its failure is not the caller's, who has keys.
func (g *segment) prefetch(ctx context.Context) {
	if !g.low() || !g.fetch.TryLock() {
		return
	}
	defer g.fetch.Unlock()
	if !g.low() {
		return
	}
	s, err := g.claim(ctx, g.grow(g.clock.Now()))
	if err != nil {
		return
	}
	g.keep(s)
}

// keep takes a range that was claimed, unless it was revoked before it arrived.
func (g *segment) keep(s span) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.first >= g.floor {
		g.ahead = s
	}
}

func (g *segment) low() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ahead.left() == 0 && g.now.left() <= g.size/2
}

// grow is how large the next range is to be.
func (g *segment) grow(now time.Time) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := now.Sub(g.asked)
	switch {
	case g.step > 0:
		g.size = g.step
	case g.size == 0 || last < 0 || last > 4*stepTime:
		g.size = max(leastStep, g.size/2)
	case last < stepTime:
		g.size = max(leastStep, min(2*g.size, mostStep))
	}
	g.asked = now
	return g.size
}

// claim asks the store for n numbers. fetch is held.
func (g *segment) claim(ctx context.Context, n uint64) (span, error) {
	claimed := g.clock.Now()
	first, err := g.segments.NextRange(ctx, g.name, n, g.lowest())
	if err != nil {
		return span{}, g.failed(ctx, "no range of "+g.name, err)
	}
	if first < 1 || first > maxKey || n > maxKey-first {
		return span{}, sqlerr.KeygenUnavailable(fmt.Sprintf("the sequence %s has run out", g.name))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.learn(first+n, 0, claimed)
	g.rises = 0
	return span{first: first, end: first + n, claimed: claimed}, nil
}

// failed is what the statement is told.
func (g *segment) failed(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("segment %s: %s: %w", g.name, what, err)
	}
	return sqlerr.KeygenUnavailable(what + ": " + err.Error())
}
