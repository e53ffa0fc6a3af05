package keygen

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// segment gives numbers out of ranges that it claims in advance. Properties:
//
//	step  how many numbers a claim asks for, 1 … 10000000; default 1000
//
// A second range is claimed when half of the first is gone, by the call that notices, after it has its own keys:
// one statement in a thousand waits for the store, and no goroutine has to be owned.
type segment struct {
	name     string
	step     uint64
	segments Segments
	clock    Clock

	fetch sync.Mutex // held while a range is being claimed; never taken while mu is held

	mu    sync.Mutex // guards what follows
	now   span
	ahead span
	mark  uint64 // later ranges begin here or above
	rises int    // of mark by Raise since the last key
}

// span is the numbers from first up to, not including, end.
type span struct {
	first, end uint64
	claimed    time.Time
}

func (s span) left() uint64 { return s.end - s.first }

// spanLife is for how long a range is used after it was claimed. A store that was lost and begun anew gives ranges out
// again only after those of before have ended: it counts on this bound (governance/claim's For).
const spanLife = 4 * time.Hour

func newSegment(cfg Config) (Generator, error) {
	if err := known(cfg.Properties, "step"); err != nil {
		return nil, err
	}
	step, err := integer(cfg.Properties, "step", 1000, 1, 10_000_000)
	if err != nil {
		return nil, err
	}
	clock := cfg.Clock
	if clock == nil {
		clock = SystemClock{}
	}
	return &segment{name: cfg.Name, step: uint64(step), segments: cfg.Segments, clock: clock}, nil
}

// Next implements Generator.
func (g *segment) Next(ctx context.Context, n int) (Batch, error) {
	if err := g.usable(n); err != nil {
		return Batch{}, err
	}
	want := uint64(n)
	for {
		if first, ok := g.take(want); ok {
			g.prefetch(ctx)
			return Batch{First: first, Step: 1}, nil
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
	s, err := g.claim(ctx, uint64(n))
	return Batch{First: s.first, Step: 1}, err
}

// manyRises is how many keys in turn make a load of rows that have theirs: from then on the store is raised by a step
// at a time.
const manyRises = 8

// Raise implements Raiser. Ranges that others hold are not taken from them: a key in one is found by its row.
func (g *segment) Raise(ctx context.Context, key uint64) error {
	if !g.pass(key) {
		return nil
	}
	if g.segments == nil {
		return sqlerr.KeygenUnavailable("segment has no store")
	}
	g.fetch.Lock()
	defer g.fetch.Unlock()
	if !g.pass(key) { // a range was claimed meanwhile
		return nil
	}
	next := min(key, math.MaxInt64-1) + 1
	g.mu.Lock()
	if g.rises++; g.rises > manyRises {
		next = min(next, math.MaxInt64-g.step) + g.step
	}
	g.mu.Unlock()
	mark, err := g.segments.Raise(ctx, g.name, next)
	if err != nil {
		return sqlerr.KeygenUnavailable(fmt.Sprintf("raise %s above %d: %v", g.name, key, err))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mark = max(g.mark, mark)
	return nil
}

// pass drops the numbers up to key from what is held, and reports whether ranges yet to be claimed may have some.
func (g *segment) pass(key uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range []*span{&g.now, &g.ahead} {
		if s.left() > 0 && key >= s.first {
			s.first = min(key, s.end-1) + 1
		}
	}
	return key >= g.mark && g.mark < math.MaxInt64
}

// take gives n consecutive numbers of what is held; a range too short for them is thrown away, not split.
func (g *segment) take(n uint64) (uint64, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.takeLocked(n)
}

func (g *segment) takeLocked(n uint64) (uint64, bool) {
	g.expire()
	if g.now.left() < n && g.ahead.left() >= n {
		g.now, g.ahead = g.ahead, span{}
	}
	if g.now.left() < n {
		return 0, false
	}
	first := g.now.first
	g.now.first += n
	g.rises = 0
	return first, true
}

// expire throws ranges away that are too old to be used. mu is held.
func (g *segment) expire() {
	now := g.clock.Now()
	for _, s := range []*span{&g.now, &g.ahead} {
		if age := now.Sub(s.claimed); s.left() > 0 && (age > spanLife || age < 0) {
			*s = span{}
		}
	}
}

// claimFor claims a range that has room for n numbers, unless another call did so meanwhile.
func (g *segment) claimFor(ctx context.Context, n uint64) error {
	g.fetch.Lock()
	defer g.fetch.Unlock()
	g.mu.Lock()
	g.expire()
	enough := g.now.left() >= n || g.ahead.left() >= n
	g.mu.Unlock()
	if enough {
		return nil
	}
	s, err := g.claim(ctx, max(n, g.step))
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ahead = s
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
	s, err := g.claim(ctx, g.step)
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ahead = s
}

func (g *segment) low() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ahead.left() == 0 && g.now.left() <= g.step/2
}

// claim asks the store for n numbers. fetch is held.
func (g *segment) claim(ctx context.Context, n uint64) (span, error) {
	claimed := g.clock.Now()
	first, err := g.segments.NextRange(ctx, g.name, n)
	if err != nil {
		if ctx.Err() != nil {
			return span{}, fmt.Errorf("segment %s: claim a range: %w", g.name, err)
		}
		return span{}, sqlerr.KeygenUnavailable(fmt.Sprintf("no range of %s: %v", g.name, err))
	}
	if first < 1 || first > math.MaxInt64 || n > math.MaxInt64-first {
		return span{}, sqlerr.KeygenUnavailable(fmt.Sprintf("the sequence %s has run out", g.name))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mark, g.rises = max(g.mark, first+n), 0
	return span{first: first, end: first + n, claimed: claimed}, nil
}
