package upstream

import (
	"slices"
	"sync"
	"time"
)

// Shared is a connection that carries many calls at once, as its protocol has made it.
type Shared interface {
	// Load is how many calls it carries, and whether it takes one more.
	Load() (calls int, room bool)
	// IdleSince is since when it carries none; false: it carries some.
	IdleSince() (time.Time, bool)
	// Drain has it take none any more, and end with the last.
	Drain()
}

// shares are an endpoint's connections that carry many calls.
type shares struct {
	mu      sync.Mutex
	all     []Shared
	making  chan struct{} // closed when a connection is made, or is not; nil: none is
	waiting int           // calls
	vacant  chan struct{} // one of them may take a call that waits
}

// Ready is the connection with the fewest calls that takes one more at once; nil: there is none.
func (e *Endpoint) Ready() Shared {
	s := &e.shares
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready()
}

func (s *shares) ready() (best Shared) {
	fewest := 0
	for _, c := range s.all {
		if calls, room := c.Load(); room && (best == nil || calls < fewest) {
			best, fewest = c, calls
		}
	}
	return best
}

// Vacant notes that a connection may take one more.
func (e *Endpoint) Vacant() {
	select {
	case e.shares.vacant <- struct{}{}:
	default:
	}
}

// Share waits for a connection that takes one more call; wrap has a new one speak its protocol, which then calls Vacant when a
// call is over, and Left when all is. It returns a *ConnectError, or ErrBusy when the deadline is over or done is closed, or at once
// ErrFull.
func (e *Endpoint) Share(deadline time.Time, done <-chan struct{}, wrap func(*Conn) Shared) (Shared, error) {
	s := &e.shares
	for waits := false; ; {
		s.mu.Lock()
		if c := s.ready(); c != nil {
			s.mu.Unlock()
			e.Vacant() // for who else waits
			return c, nil
		}
		made := s.making
		if made == nil && e.mayConnect() {
			s.making = make(chan struct{})
			s.mu.Unlock()
			if err := e.share(deadline, done, wrap); err != nil {
				return nil, err
			}
			continue
		}
		if !waits {
			if _, most, _ := e.Bounds(); most > 0 && s.waiting >= most {
				s.mu.Unlock()
				return nil, ErrFull
			}
			waits = true
			s.waiting++
			defer s.waitsNoMore()
		}
		s.mu.Unlock()
		if !e.waitShared(made, deadline, done) {
			return nil, ErrBusy
		}
	}
}

func (s *shares) waitsNoMore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}

func (e *Endpoint) mayConnect() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open < max(e.limits.most, 1)
}

// share makes a connection; making is set.
func (e *Endpoint) share(deadline time.Time, done <-chan struct{}, wrap func(*Conn) Shared) error {
	c, _, err := e.Get(deadline, done)
	s := &e.shares
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.making)
	s.making = nil
	if err != nil {
		return err
	}
	shared := wrap(c)
	s.all = append(s.all, shared)
	if e.gives() == 0 {
		time.AfterFunc(lastCalls, shared.Drain)
	}
	return nil
}

// lastCalls is how long calls that had chosen an endpoint, which is no more, may begin on it.
const lastCalls = time.Second

func (e *Endpoint) gives() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.limits.most
}

func (e *Endpoint) waitShared(made chan struct{}, deadline time.Time, done <-chan struct{}) bool {
	var over <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-made:
	case <-e.shares.vacant:
	case <-over:
		return false
	case <-done:
		return false
	}
	return true
}

// Left notes that a connection is no more. Its Conn is closed by who has wrapped it.
func (e *Endpoint) Left(c Shared) {
	s := &e.shares
	s.mu.Lock()
	s.all = slices.DeleteFunc(s.all, func(other Shared) bool { return other == c })
	s.mu.Unlock()
	e.Vacant()
}

// reapShared has connections end that have been idle for too long, or all where the endpoint is no more.
func (e *Endpoint) reapShared(now time.Time) {
	e.mu.Lock()
	l := e.limits
	e.mu.Unlock()
	s := &e.shares
	s.mu.Lock()
	all := slices.Clone(s.all)
	s.mu.Unlock()
	for _, c := range all {
		if since, idle := c.IdleSince(); l.most == 0 || idle && now.Sub(since) > l.idle {
			c.Drain()
		}
	}
}
