package http2

import (
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// smallBit is how much of a body is worth a frame of its own, where more waits.
const smallBit = 1 << 10

// pour writes as much of p as the windows, the frames and what waits for the socket allow, and the end behind all of it.
// mu is held.
func (c *Conn) pour(s *Stream, p []byte, end bool) (n int) {
	for {
		size := int(min(int64(min(len(p)-n, c.peerFrame, max(0, outSize-len(c.out)))), s.window, c.window))
		if size <= 0 && (n < len(p) || !end) {
			return n
		}
		size = max(size, 0)
		flags := uint8(0)
		last := end && n+size == len(p)
		if last {
			flags = flagEnd
		}
		c.out = append(appendFrameHead(c.out, size, frameData, flags, s.id), p[n:n+size]...)
		if n += size; size >= smallBit || n == len(p) {
			c.useful++
		}
		s.window -= int64(size)
		c.window -= int64(size)
		if last {
			c.sentEnd(s)
			return n
		}
		if n == len(p) {
			return n
		}
	}
}

// grant is what a stream has sent of what waited in it.
type grant struct {
	s *Stream
	n int
}

// deliver tells of grants. mu is not held.
func deliver(grants []grant) {
	for _, g := range grants {
		g.s.receiver.Took(g.s, g.n)
	}
}

// resume writes what waits in streams and can be sent now, a frame of each in turn. mu is held; what it returns is for deliver.
func (c *Conn) resume() (grants []grant) {
	for progress := len(c.blocked) > 0; progress; {
		progress = false
		kept := c.blocked[:0]
		for _, s := range c.blocked {
			if n := c.unqueue(s); n > 0 {
				grants = append(grants, grant{s, n})
				progress = true
			}
			if s.over || len(s.queue) == 0 {
				s.listed = false
			} else {
				kept = append(kept, s)
			}
		}
		clear(c.blocked[len(kept):])
		if c.blocked = kept; len(kept) > 1 { // the next begins
			first := kept[0]
			copy(kept, kept[1:])
			kept[len(kept)-1] = first
		}
	}
	return grants
}

// unqueue writes a frame of what waits in a stream. mu is held.
func (c *Conn) unqueue(s *Stream) int {
	if s.over {
		return 0
	}
	waits := s.queue[s.gone:]
	p := waits[:min(len(waits), c.peerFrame)]
	whole := len(p) == len(waits)
	n := c.pour(s, p, whole && s.ends && s.trailers == nil)
	if n == 0 {
		return 0
	}
	s.since = time.Now()
	if n < len(waits) {
		s.gone += n
		return n
	}
	s.queue, s.gone = nil, 0
	if s.trailers != nil && !s.over {
		c.appendHead(s.id, s.trailers, s.ends)
		s.trailers = nil
		if s.ends {
			c.sentEnd(s)
		}
	}
	return n
}

// Flush writes what waits for the socket, without waiting: what the socket does not take is left to a goroutine. Whoever comes
// while another writes leaves it to that one.
func (c *Conn) Flush() {
	c.mu.Lock()
	if c.writing || len(c.out) == 0 {
		c.mu.Unlock()
		return
	}
	c.writing = true
	for {
		out, grants := c.turn()
		c.mu.Unlock()
		deliver(grants)
		n, err := c.attempt(out)
		if err != nil || n < len(out) {
			if err != nil {
				c.fail(err)
			} else {
				go c.wait(out[n:])
			}
			return
		}
		c.mu.Lock()
		if c.spare = out[:0]; len(c.out) == 0 {
			c.rested()
			return
		}
	}
}

// turn takes what waits, and lets streams write anew. mu is held.
func (c *Conn) turn() (out []byte, grants []grant) {
	out = c.out
	c.out, c.spare = c.spare, nil
	if len(c.blocked) > 0 {
		grants = c.resume()
	}
	return out, grants
}

// rested notes that nothing is written. mu is held, and let go.
func (c *Conn) rested() {
	c.writing = false
	if cap(c.spare) > 2*outSize || len(c.streams) == 0 { // an idle connection holds no buffers
		c.spare = nil
	}
	c.written.Broadcast()
	c.mu.Unlock()
}

// attempt writes what the socket takes at once.
func (c *Conn) attempt(p []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	t := &c.try
	t.p, t.n, t.err = p, 0, nil
	err := c.raw.Write(c.write)
	t.p = nil
	switch {
	case err != nil:
		return 0, err
	case t.err == syscall.EAGAIN:
		return 0, nil
	}
	return t.n, t.err
}

// wait writes with patience, until nothing waits.
func (c *Conn) wait(p []byte) {
	for patience := c.settings.Silence; ; {
		if patience > 0 {
			if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
				c.fail(err)
				return
			}
		}
		if _, err := c.conn.Write(p); err != nil {
			c.fail(err)
			return
		}
		c.mu.Lock()
		if len(c.out) == 0 {
			_ = c.conn.SetWriteDeadline(time.Time{}) // fails only on a closed connection
			c.rested()
			return
		}
		if c.broken != nil { // these are the last words
			patience = tcp.PartTime
		}
		var grants []grant
		p, grants = c.turn()
		c.mu.Unlock()
		deliver(grants)
	}
}

// fail notes that nothing can be written any more: the reading goroutine ends all.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.broken == nil {
		c.broken = err
	}
	c.out = nil
	c.rested()
	_ = c.conn.Close() // it is broken
}
