package txnlog

import (
	"sync"
	"time"
)

// clock tells how far a server's clock has been put forward of late, by the process's own, which does not jump. Marks from before the jump look that much
// older than they are.
type clock struct {
	mu         sync.Mutex    // guards what follows
	young, old time.Duration // the least by which the server's was ahead: in this while, and in the one before
	turned     time.Time     // when this while began; zero: nobody has looked yet
}

const clockWhile = time.Minute // of which a jump is remembered at least

// serverNow is what a server's clock says, in microseconds, whatever the session's zone is.
const serverNow = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"

var processBegan = time.Now()

// see takes what a server's clock said, at some moment between asked and now, and returns how far it was put forward in the last clockWhile, at
// the most; what it was put back by in that time is not taken off.
func (c *clock) see(asked time.Time, micros int64) (forward time.Duration) {
	now := time.Now()
	server := time.Duration(micros) * time.Microsecond
	least, most := server-now.Sub(processBegan), server-asked.Sub(processBegan)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.turned.IsZero():
		c.young, c.old, c.turned = least, least, now
	case now.Sub(c.turned) > clockWhile:
		c.young, c.old, c.turned = least, c.young, now
	default:
		c.young = min(c.young, least)
	}
	return most - min(c.young, c.old)
}

func (s *Server) time() *clock {
	if c := s.clock.Load(); c != nil {
		return c
	}
	s.clock.CompareAndSwap(nil, &clock{})
	return s.clock.Load()
}

// Follow has the server know what was known of the data source's clock by the one that it takes the place of; and share its pictures and places, which are few because its
// connections are, if it has the same.
func (s *Server) Follow(before *Server) {
	s.clock.Store(before.time())
	if s.Is(before) {
		s.looks.Store(before.pictures())
	}
}
