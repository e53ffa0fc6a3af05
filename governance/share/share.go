// Package share is how many instances a server's connections are shared out among: a number by which each instance
// divides every budget, agreed on through the store so that what all have together stays within it while they come and go.
//
// It knows neither servers nor pools. Its level: above governance/store and layout. DESIGN.md says why it is safe.
package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Config is what a Share needs.
type Config struct {
	Store    store.Store
	Instance string
	// Path is where the number is kept for a start without the store.
	Path string
	// Apply puts a number into force: how many divide each budget, 0: this instance has what is guaranteed and no more. Within tells whether
	// what is open now keeps to the last number.
	Apply  func(among int)
	Within func() bool
	// Problem is told what went wrong and is tried again.
	Problem func(error)
	TTL     time.Duration // of the lease; 0 means 45 s
	Pause   time.Duration // between two tries; 0 means 200 ms
	Settle  time.Duration // after the lease was lost, before more is taken; 0 means 30 s
}

// Share is one instance's part.
type Share struct {
	cfg   Config
	among atomic.Int64 // in force
}

// New is a Share that is not asked for yet. It begins with what an earlier process of the instance had, which it may take up while the
// store is away, or with nothing.
func New(cfg Config) (*Share, error) {
	if cfg.Store == nil || cfg.Instance == "" || cfg.Apply == nil || cfg.Within == nil {
		return nil, errors.New("share: Store, Instance, Apply and Within are needed")
	}
	for _, d := range []struct {
		of  *time.Duration
		def time.Duration
	}{{&cfg.TTL, 45 * time.Second}, {&cfg.Pause, 200 * time.Millisecond}, {&cfg.Settle, 30 * time.Second}} {
		if *d.of <= 0 {
			*d.of = d.def
		}
	}
	if cfg.Problem == nil {
		cfg.Problem = func(error) {}
	}
	return &Share{cfg: cfg}, nil
}

// Resume takes up what the instance had when its last process ended, for a start while the store is away.
func (s *Share) Resume() {
	text, err := durable.Read(s.cfg.Path)
	if err == nil {
		var n int
		if n, err = strconv.Atoi(string(text)); err == nil && n > 0 {
			s.apply(n)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.cfg.Problem(fmt.Errorf("the share of before: %w", err))
	}
}

// Among is the number in force.
func (s *Share) Among() int { return int(s.among.Load()) }

func (s *Share) apply(n int) {
	s.among.Store(int64(n))
	s.cfg.Apply(n)
}

// Round is the least number, not below n, that instances divide by. Beyond 16 there are eight for each doubling, so that most who come
// and go change nothing for the others; at most an eighth of a budget is not given out for that.
func Round(n int) int {
	if n <= 16 {
		return n
	}
	step := 1 << (bits.Len(uint(n-1)) - 4)
	return (n + step - 1) / step * step
}

// Of is an instance's part of a budget, which is never less than what is guaranteed.
func Of(budget, guaranteed, among int) int {
	if among <= 0 {
		return guaranteed
	}
	return max(guaranteed, budget/among)
}

// Run takes part until ctx is done. While the store is away, the last number holds.
func (s *Share) Run(ctx context.Context) error {
	lost := s.Among() > 0
	for ctx.Err() == nil {
		lease, err := s.join(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.cfg.Problem(fmt.Errorf("share of connections: %w", err))
				lost = lost || s.Among() > 0
			}
			s.rest(ctx, 5*s.cfg.Pause)
			continue
		}
		m := &membership{s: s, lease: lease, greedy: time.Now()}
		if lost {
			m.greedy = m.greedy.Add(s.cfg.Settle)
		}
		m.run(ctx)
		if lease.Alive() {
			lease.Abandon() // Leave deletes the keys
		}
		lost = true
	}
	return ctx.Err()
}

// rest pauses, no two instances alike.
func (s *Share) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// join says that the instance is there, and what it has.
func (s *Share) join(ctx context.Context) (*store.Lease, error) {
	lease, err := s.cfg.Store.Grant(ctx, s.cfg.TTL)
	if err != nil {
		return nil, err
	}
	err = store.Write(ctx, s.cfg.Store, store.PutLeased(layout.Sharer(s.cfg.Instance), nil, lease.ID()), s.holds(s.Among(), lease),
		store.Put(layout.SharersGrew, []byte(s.cfg.Instance)))
	if err != nil {
		lease.Abandon()
		return nil, err
	}
	return lease, nil
}

func (s *Share) holds(among int, lease *store.Lease) store.Op {
	return store.PutLeased(layout.ShareOf(s.cfg.Instance), strconv.AppendInt(nil, int64(among), 10), lease.ID())
}

// Leave gives the share back at once. It is for an instance without connections, whose Run has ended.
func (s *Share) Leave(ctx context.Context) error {
	s.forget()
	err := store.Write(ctx, s.cfg.Store, store.Delete(layout.Sharer(s.cfg.Instance)), store.Delete(layout.ShareOf(s.cfg.Instance)))
	if err != nil {
		return fmt.Errorf("give the share of connections back: %w", err)
	}
	return nil
}

func (s *Share) remember(n int) {
	if s.cfg.Path == "" {
		return
	}
	if err := durable.Write(s.cfg.Path, strconv.AppendInt(nil, int64(n), 10)); err != nil {
		s.cfg.Problem(fmt.Errorf("remember the share of connections: %w", err))
	}
}

func (s *Share) forget() { s.remember(0) }
