// Package keygentest checks key generators against the numbered rules of keygen.Generator, and has fakes of what
// generators need. It is for tests.
//
// Level: beside keygen; pure.
package keygentest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/router/keygen"
)

// Clock is a clock that is set by hand. Sleep moves it on.
type Clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

// NewClock returns a clock that stands at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now implements keygen.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Step moves the clock, back too.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Sleep implements keygen.Clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Step(d)
	return nil
}

// Worker is a claimed worker id.
type Worker struct {
	ID    uint16
	Until time.Time
	Err   error
}

// Worker implements keygen.WorkerIDs.
func (w Worker) Worker() (uint16, time.Time, error) { return w.ID, w.Until, w.Err }

// Segments hands out ranges from memory.
type Segments struct {
	mu    sync.Mutex // guards what follows
	next  map[string]uint64
	Calls int
	Err   error // answered instead of a range
}

// NextRange implements keygen.Segments.
func (s *Segments) NextRange(_ context.Context, name string, n, _ uint64) (uint64, error) {
	return s.change(func() uint64 {
		first := s.next[name] + 1
		s.next[name] += n
		return first
	})
}

// Raise implements keygen.Segments.
func (s *Segments) Raise(_ context.Context, name string, next uint64) (uint64, error) {
	return s.change(func() uint64 {
		s.next[name] = max(s.next[name], next-1)
		return s.next[name] + 1
	})
}

// Settle implements keygen.Segments for instances that hold nothing.
func (s *Segments) Settle(ctx context.Context, name string, next uint64) (uint64, error) {
	return s.Raise(ctx, name, next)
}

func (s *Segments) change(f func() uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Calls++
	if s.Err != nil {
		return 0, s.Err
	}
	if s.next == nil {
		s.next = map[string]uint64{}
	}
	return f(), nil
}

// Fail sets the answer of later calls; nil ends it.
func (s *Segments) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Err = err
}

// Conform runs the rules as subtests. newConfig gives the configurations of two instances that run side by side:
// they share the segments and have different worker ids.
func Conform(t *testing.T, factory keygen.Factory, newConfig func(instance int) keygen.Config) {
	t.Helper()
	build := func(t *testing.T, instance int) keygen.Generator {
		t.Helper()
		g, err := factory(newConfig(instance))
		if err != nil {
			t.Fatalf("factory: %v", err)
		}
		return g
	}
	t.Run("1 and 2 never twice, concurrently", func(t *testing.T) {
		neverTwice(t, []keygen.Generator{build(t, 0), build(t, 1)})
	})
	t.Run("3 and 4 consecutive and positive", func(t *testing.T) { consecutive(t, build(t, 0)) })
	t.Run("5 impossible sizes", func(t *testing.T) {
		for _, n := range []int{0, -1, math.MaxInt32 + 1} {
			if _, err := build(t, 0).Next(t.Context(), n); err == nil {
				t.Errorf("Next(%d) gives keys", n)
			}
		}
	})
	t.Run("7 unknown property", func(t *testing.T) {
		cfg := newConfig(0)
		cfg.Properties = maps.Clone(cfg.Properties)
		if cfg.Properties == nil {
			cfg.Properties = map[string]any{}
		}
		cfg.Properties["no_such_property"] = int64(1)
		if _, err := factory(cfg); err == nil {
			t.Error("an unknown property is taken")
		}
	})
}

// neverTwice asks from several goroutines for batches of changing size.
func neverTwice(t *testing.T, generators []keygen.Generator) {
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for i := range 8 {
		g := generators[i%len(generators)]
		wg.Go(func() {
			for j := range 60 {
				n := 1 + (i*7+j*13)%150
				b, err := g.Next(t.Context(), n)
				if err != nil {
					t.Errorf("Next(%d): %v", n, err)
					return
				}
				mu.Lock()
				for k := range n {
					id := fmt.Sprintf("%q", b.Value(k).AppendText(nil))
					if seen[id] {
						t.Errorf("%s twice", id)
					}
					seen[id] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func consecutive(t *testing.T, g keygen.Generator) {
	for _, n := range []int{1, 2, 1, 700, 999, 1, 3, 1500} {
		b, err := g.Next(t.Context(), n)
		if err != nil {
			t.Fatalf("Next(%d): %v", n, err)
		}
		if !b.Integer() {
			if len(b.Texts) != n {
				t.Errorf("Next(%d) gives %d keys", n, len(b.Texts))
			}
			continue
		}
		last := b.First + uint64(n-1)
		if b.Step != 1 || b.First < 1 || last > math.MaxInt64 || last < b.First {
			t.Errorf("Next(%d) is %+v", n, b)
		}
	}
}
