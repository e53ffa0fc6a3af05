package keygen

import (
	"context"
	"sync"
	"time"
)

// Ranges is what a process holds of one sequence. All its segment generators of the sequence share it, whatever becomes of
// them when rules change: what is revoked is to be found in one place.
type Ranges struct {
	fetch sync.Mutex // held while a range is being claimed; never taken while mu is held

	mu    sync.Mutex // guards what follows
	now   span
	ahead span
	size  uint64    // of the last claim
	asked time.Time // when it was made

	floor uint64 // numbers below were revoked

	learned time.Time // when the store was first asked for what follows; it is believed for spanLife
	mark    uint64    // later ranges begin here or above
	settled uint64    // below, only this process uses numbers
	rises   int       // of mark by Raise since the last key

	uses  map[uint64]span // given to statements that have not ended
	used  uint64          // the last key of uses
	freed chan struct{}   // closed when one ends; nil: nobody waits
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

// take gives n consecutive numbers of what is held; a range too short for them is thrown away, not split.
func (r *Ranges) take(n uint64, now time.Time) (Batch, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	if r.now.left() < n && r.ahead.left() >= n {
		r.now, r.ahead = r.ahead, span{}
	}
	if r.now.left() < n {
		return Batch{}, false
	}
	first := r.now.first
	r.now.first += n
	r.rises = 0
	return r.use(first, n), true
}

// use notes that a statement uses numbers. mu is held.
func (r *Ranges) use(first, n uint64) Batch {
	if r.uses == nil {
		r.uses = map[uint64]span{}
	}
	r.used++
	r.uses[r.used] = span{first: first, end: first + n}
	return Batch{First: first, Step: 1, use: r.used}
}

// done ends a use.
func (r *Ranges) done(use uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.uses, use)
	if r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}

// quiet returns when no statement uses a number from low up to, not including, end.
func (r *Ranges) quiet(ctx context.Context, low, end uint64) error {
	for {
		freed := r.busy(low, end)
		if freed == nil {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// busy is nil when no statement uses a number of the range, or else is closed when one ends.
func (r *Ranges) busy(low, end uint64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.uses {
		if u.first < end && low < u.end {
			if r.freed == nil {
				r.freed = make(chan struct{})
			}
			return r.freed
		}
	}
	return nil
}

// drop forgets what is held below a bound, also what comes of a claim that is under way.
func (r *Ranges) drop(ctx context.Context, below uint64) error {
	r.mu.Lock()
	r.floor = max(r.floor, below)
	for _, s := range []*span{&r.now, &r.ahead} {
		if s.first < below {
			*s = span{}
		}
	}
	r.mu.Unlock()
	return r.quiet(ctx, 0, below)
}

// lowest is the least number that is held or used; 0: none.
func (r *Ranges) lowest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	low := uint64(0)
	note := func(s span) {
		if s.left() > 0 && (low == 0 || s.first < low) {
			low = s.first
		}
	}
	note(r.now)
	note(r.ahead)
	for _, u := range r.uses {
		note(u)
	}
	return low
}

// expire throws ranges away that are too old to be used, and forgets what a store said that may since have been replaced. mu is
// held.
func (r *Ranges) expire(now time.Time) {
	for _, s := range []*span{&r.now, &r.ahead} {
		if age := now.Sub(s.claimed); s.left() > 0 && (age > spanLife || age < 0) {
			*s = span{}
		}
	}
	if age := now.Sub(r.learned); age > spanLife || age < 0 {
		r.mark, r.settled = 0, 0
	}
}

// learn notes what the store said at a moment. mu is held.
func (r *Ranges) learn(mark, settled uint64, asked time.Time) {
	if r.mark == 0 && r.settled == 0 {
		r.learned = asked
	}
	r.mark, r.settled = max(r.mark, mark), max(r.settled, settled)
}

// pass drops the numbers up to the greatest given key from what is held, and reports whether others may come to use a
// given key.
func (r *Ranges) pass(given Given, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	for _, s := range []*span{&r.now, &r.ahead} {
		if s.left() > 0 && given.High >= s.first {
			s.first = min(given.High, s.end-1) + 1
		}
	}
	known := r.mark
	if given.Alone {
		known = r.settled
	}
	return given.High >= known && known < maxKey
}
