package http2

import "time"

// Stream is one call. What a method sends goes to the socket with the connection's Flush.
type Stream struct {
	id       uint32
	conn     *Conn
	receiver Receiver

	// What follows is the reading goroutine's, or guarded by conn.mu where it says so.
	head   bool  // the answer has no body, whatever its head says
	expect int64 // length of the body that comes; -1: any
	got    int64

	// conn.mu guards what follows.
	headed, ended bool   // the head, the end has come
	window        int64  // how much may be sent
	recv          int64  // how much may come
	owed          int    // has been passed on, and is not given back yet
	queue         []byte // waits, but for what of it has gone
	gone          int
	trailers      []Field // behind the queue
	ends          bool    // with them
	answered      bool    // something has been sent
	sentEnd       bool
	resets        bool // with NO_ERROR, behind the end
	listed        bool // among conn.blocked
	since         time.Time
	over          bool
	held          int // by what works for it
}

// Conn is the connection.
func (s *Stream) Conn() *Conn { return s.conn }

// SetReceiver is for an Opener, before it sends anything.
func (s *Stream) SetReceiver(r Receiver) { s.receiver = r }

// SendHead sends a head, or trailers where end is true and a head has been sent.
func (s *Stream) SendHead(fields []Field, end bool) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	s.answered = true
	switch {
	case s.over || s.sentEnd || s.ends:
	case len(s.queue) > 0:
		s.trailers, s.ends = append([]Field(nil), fields...), end
	default:
		c.appendHead(s.id, fields, end)
		if end {
			c.sentEnd(s)
		}
	}
}

// SendTrailers sends trailers, or the end alone where there are none.
func (s *Stream) SendTrailers(fields []Field) {
	if len(fields) == 0 {
		s.SendData(nil, true)
		return
	}
	s.SendHead(fields, true)
}

// SendData sends body. taken is how much of it is under way; the Receiver is told of the rest, of which a copy is kept, when it is.
func (s *Stream) SendData(p []byte, end bool) (taken int) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.over || s.sentEnd || s.ends {
		return len(p)
	}
	if len(s.queue) == 0 {
		taken = c.pour(s, p, end)
		if p = p[taken:]; len(p) == 0 {
			return taken
		}
		s.since = time.Now()
	}
	if s.gone > len(s.queue)/2 { // no more is moved than has gone since it was
		s.queue, s.gone = append(s.queue[:0], s.queue[s.gone:]...), 0
	}
	s.queue, s.ends = append(s.queue, p...), end
	if !s.listed {
		s.listed = true
		c.blocked = append(c.blocked, s)
	}
	return taken
}

// Consumed gives back n bytes of what has come: so many more may.
func (s *Stream) Consumed(n int) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.over || s.ended {
		return
	}
	if s.owed += n; s.owed >= StreamWindow/2 {
		c.out = appendWindow(c.out, s.id, s.owed)
		s.recv, s.owed = s.recv+int64(s.owed), 0
	}
}

// Reset ends the stream, if it is not over. What has not been sent is not sent, unless the code is NoError and the end is
// among it: then it says, behind that, that no more is wanted of the other end.
func (s *Stream) Reset(code Code) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.over:
	case code == NoError && s.ends && !s.sentEnd:
		s.resets = true
	default:
		c.out = appendReset(c.out, s.id, code)
		c.drop(s)
	}
}

// Over says whether nothing comes and nothing is sent any more.
func (s *Stream) Over() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.over
}

// Hold has the stream count among those that the other end has open until Release: something works for it, be it over or not.
func (s *Stream) Hold() {
	s.conn.mu.Lock()
	s.held++
	s.conn.mu.Unlock()
}

// Release is Hold's other half.
func (s *Stream) Release() { s.conn.release(s) }

func (c *Conn) release(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.let(s)
}

// let is release with mu held.
func (c *Conn) let(s *Stream) {
	if s.held == 0 {
		return
	}
	if s.held--; s.held == 0 {
		c.active--
	}
	c.rest()
}

// rest notes that no stream is open. mu is held.
func (c *Conn) rest() {
	if len(c.streams) > 0 || c.active > 0 {
		return
	}
	c.idleSince = time.Now()
	if c.leaving == last {
		c.look()
	}
}

// drop forgets a stream. mu is held.
func (c *Conn) drop(s *Stream) {
	if s.over {
		return
	}
	s.over, s.queue, s.gone, s.trailers = true, nil, 0, nil
	delete(c.streams, s.id)
	c.let(s)
	c.rest()
	c.vacant()
}

// vacant tells that a stream more can be opened, or none any more. mu is held.
func (c *Conn) vacant() {
	if c.settings.Vacant != nil {
		c.settings.Vacant()
	}
}

// gotEnd notes that the other end's side is over. mu is held.
func (c *Conn) gotEnd(s *Stream) {
	if s.ended = true; s.sentEnd {
		c.drop(s)
	}
}

// sentEnd notes that this end's side is over. mu is held.
func (c *Conn) sentEnd(s *Stream) {
	s.sentEnd = true
	switch {
	case s.ended:
		c.drop(s)
	case s.resets:
		c.out = appendReset(c.out, s.id, NoError)
		c.drop(s)
	}
}

// ignored is the Receiver of a stream that has been answered.
type ignored struct{}

func (ignored) Head(*Stream, int, []Field, bool) {}
func (ignored) Data(*Stream, []byte, bool)       {}
func (ignored) Trailers(*Stream, []Field)        {}
func (ignored) Closed(*Stream, *Error)           {}
func (ignored) Took(*Stream, int)                {}
