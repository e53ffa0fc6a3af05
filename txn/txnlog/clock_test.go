package txnlog

import (
	"database/sql"
	"testing"
	"time"
)

// TestClockPutForward: a jump is remembered until no mark that is asked for can be from before it, whoever asks however seldom.
func TestClockPutForward(t *testing.T) {
	const day = 24 * time.Hour
	var c clock
	at := func(ago, ahead time.Duration) time.Duration { // seen so long ago, when the server's clock was that much ahead
		asked := time.Now().Add(-ago)
		return c.see(asked, (day + asked.Sub(processBegan) + ahead).Microseconds())
	}
	turn := func() { c.turned = c.turned.Add(-2 * clockWhile) }
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if (got - want).Abs() > 10*time.Second {
			t.Errorf("%s: put forward by %v, want %v", what, got, want)
		}
	}
	near("the first look", at(0, 0), 0)
	near("an hour forward", at(0, time.Hour), time.Hour)
	near("still", at(0, time.Hour), time.Hour)
	turn()
	near("in the while behind it", at(0, time.Hour), time.Hour)
	turn()
	near("two whiles behind it", at(0, time.Hour), 0)
	near("an hour back", at(0, 0), 0)
	near("and forward again", at(0, time.Hour), time.Hour)
	turn()
	near("an hour forward while nobody asked", at(0, 2*time.Hour), 2*time.Hour)
	if slow := at(time.Minute, 2*time.Hour); slow < 2*time.Hour-time.Millisecond {
		t.Errorf("an answer that took a minute: put forward by %v at the most", slow)
	}
}

// TestClockIsFollowed: a server that is probed anew does not forget a jump, whoever still has the one before.
func TestClockIsFollowed(t *testing.T) {
	before, after := &Server{}, &Server{}
	says := func(s *Server, ahead time.Duration) time.Duration {
		asked := time.Now()
		return s.time().see(asked, (24*time.Hour + asked.Sub(processBegan) + ahead).Microseconds())
	}
	says(before, 0)
	says(after, time.Hour) // its probe, behind the jump
	after.Follow(before)
	for _, s := range []*Server{after, before} {
		if forward := says(s, time.Hour); forward < time.Hour-time.Second {
			t.Errorf("put forward by %v", forward)
		}
	}
}

// TestPlacesAreShared: a server that was probed anew has the places of the one before, which some are at yet; another server has its own.
func TestPlacesAreShared(t *testing.T) {
	before := &Server{DB: new(sql.DB)}
	before.pictures().places <- struct{}{}
	for _, c := range []struct {
		after *Server
		taken int
	}{{&Server{DB: before.DB}, 1}, {&Server{DB: new(sql.DB)}, 0}} {
		c.after.Follow(before)
		if n := len(c.after.pictures().places); n != c.taken {
			t.Errorf("%d places are taken, want %d", n, c.taken)
		}
	}
}
