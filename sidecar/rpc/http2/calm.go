package http2

import "time"

// calm bounds what costs a peer less than it costs here: so many at once, and so many a second in the long run.
type calm struct {
	burst, rate float64
	used        float64
	at          time.Time
}

// Idle frames are those that carry nothing of a call: PING, SETTINGS, PRIORITY, empty DATA, what is about streams that are
// over, and a window that grows by next to nothing where more waits for it. Given up are streams that the peer resets before
// they are answered, or opens beyond what it may: a service with a deadline that is too short does that as often as it calls.
func idleFrames() calm   { return calm{burst: 1000, rate: 100} }
func givenUpCalls() calm { return calm{burst: 1000, rate: 500} }

// one notes one more, and says whether it may be. excused are so many that have been noted and do not count.
func (c *calm) one(excused int) bool { return c.more(time.Now(), excused) }

func (c *calm) more(now time.Time, excused int) bool {
	c.used = max(0, c.used-now.Sub(c.at).Seconds()*c.rate-float64(excused)) + 1
	c.at = now
	return c.used <= c.burst
}
