package limit

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Share lets in that part of the work that something behind it can take which is not seen from here: it is told again and again how that does.
// While that does badly the part becomes less by a third each time, when it does well again it grows by half, and a tenth of the whole. Any goroutine may call
// its methods.
type Share struct {
	mu    sync.Mutex
	of    float64 // 0 to 1
	next  time.Time
	drawn func() float64 // from 0 to 1
}

const (
	shareLess  = 2.0 / 3
	shareMore  = 1.5 // and shareFirst of the whole
	shareFirst = 0.1
	shareLeast = 0.01
	// trickle is how often one is let in whatever the share is: its end may be what tells that all is well.
	trickle = time.Second
)

// NewShare returns one that lets all in.
func NewShare() *Share { return &Share{of: 1, drawn: rand.Float64} }

// Told says how what the work needs has done since the last time.
func (s *Share) Told(well bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if well {
		s.of = min(s.of*shareMore+shareFirst, 1)
	} else {
		s.of = max(s.of*shareLess, shareLeast)
	}
}

// Gone says that what the work needs is not there at all.
func (s *Share) Gone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = 0
}

// Of is the part of the usual work that is let in, from 0 to 1.
func (s *Share) Of() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of
}

// Admit says whether work is let in: less of that of low priority, more of that of high, and of any one a second.
func (s *Share) Admit(p Priority, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of >= 1 {
		return true
	}
	part := s.of
	switch {
	case p < Normal:
		part *= part
	case p > Normal:
		part = math.Sqrt(part)
	}
	if s.drawn() < part {
		return true
	}
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(trickle)
	return true
}
