package http2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

const (
	// StreamWindow is how much of a stream's body may come before any of it has been passed on: what a stream costs at most.
	StreamWindow = 64 << 10
	// connWindow is given back as bytes come in: what bounds them is the streams' windows, and a stream that nobody takes from stops no other.
	connWindow = 1 << 20
	// outSize is how much waits for the socket before bodies wait in their streams.
	outSize = 64 << 10
	// outMost is how much may wait there, heads and all, of a client that takes nothing.
	outMost    = 16 * outSize
	bufferSize = 32 << 10
)

// Opener answers the streams that the other end opens. long says that the head had more than it may: fields are incomplete. It is called by the
// goroutine that reads, does not wait, and has the stream have its Receiver before it returns.
type Opener func(s *Stream, fields []Field, end, long bool)

// Conn is one end of a connection. Run reads it; all other methods but Touch are for any goroutine.
type Conn struct {
	conn     net.Conn
	raw      syscall.RawConn // nil: writes may wait
	client   bool            // this end opens the streams
	settings Settings
	open     Opener

	// What follows is the reading goroutine's.
	in           []byte
	r, w         int // in[r:w] is to be read
	decoder      *decoder
	block        []byte // of a head that goes on in CONTINUATION
	blockOf      frame  // its first; no payload
	blockFrames  int
	blockSince   time.Time
	greeted      bool // the preface has come, if one has to
	agreed       bool // the first SETTINGS have come
	touched      []*Conn
	idle, given  calm
	deadline     time.Time             // of reading, as it is set
	partialSince time.Time             // that a frame is incomplete
	first        func(fd uintptr) bool // the first of what comes, into a buffer that is had for it
	readErr      error
	one          [1]byte // likewise, of what is encrypted

	// What follows is who writes' (the one who has set writing).
	write func(fd uintptr) bool
	try   struct {
		p   []byte
		n   int
		err error
	}

	mu          sync.Mutex // guards what follows
	written     *sync.Cond // writing has become false
	out, spare  []byte
	writing     bool
	streams     map[uint32]*Stream
	active      int       // streams that the other end has opened, and whose work is not over
	blocked     []*Stream // they have what cannot be sent yet
	last        uint32    // highest stream that the other end has opened
	next        uint32    // stream that this end opens
	window      int64     // how much may be sent
	recv        int64     // how much may come
	owed        int       // has come, and is not given back yet
	peerStreams uint32    // that may be open there
	peerWindow  int64     // of a new stream
	peerFrame   int
	encoder     *hpack.Encoder
	encoded     bytes.Buffer
	leaving     leaving
	leavesSince time.Time     // announced
	announce    time.Duration // announceTime
	useful      int           // frames with something of a call, since it was looked at
	wake        bool          // the reading goroutine is to look
	idleSince   time.Time
	broken      error
}

// leaving is how far the orderly end has come.
type leaving uint8

const (
	staying   leaving = iota
	announced         // GOAWAY says that the end comes, and a PING waits for the other end to have read that
	last              // no stream is opened any more
)

var drainPing = []byte("heddle:)")

// Accept returns the server's end of a connection whose client has sent PrefaceHead, with what was read behind that.
func Accept(conn net.Conn, waiting []byte, s Settings, open Opener) *Conn {
	c := newConn(conn, s)
	c.open = open
	if c.in = waiting; len(waiting) < bufferSize {
		c.in = buffers.Get().(*[bufferSize]byte)[:]
		copy(c.in, waiting)
	}
	c.w = len(waiting)
	out := appendFrameHead(c.out, 3*6, frameSettings, 0, 0)
	out = appendSetting(out, setStreams, s.Streams)
	out = appendSetting(out, setWindow, StreamWindow)
	out = appendSetting(out, setHead, uint32(s.HeadSize))
	c.out = appendWindow(out, 0, connWindow-firstWindow)
	return c
}

// AppendRefusal writes what a client is told whose connection is to be one of HTTP/1 instead (RFC 9113, section 7).
func AppendRefusal(out []byte, why string) []byte {
	return appendGoAway(appendFrameHead(out, 0, frameSettings, 0, 0), 0, HTTP11Required, why)
}

// Connect returns the client's end of a connection.
func Connect(conn net.Conn, s Settings) *Conn {
	c := newConn(conn, s)
	c.client, c.next, c.greeted = true, 1, true
	out := append(c.out, PrefaceHead+prefaceRest...)
	out = appendFrameHead(out, 3*6, frameSettings, 0, 0)
	out = appendSetting(out, setPush, 0)
	out = appendSetting(out, setWindow, StreamWindow)
	out = appendSetting(out, setHead, uint32(s.HeadSize))
	c.out = appendWindow(out, 0, connWindow-firstWindow)
	return c
}

func newConn(conn net.Conn, s Settings) *Conn {
	c := &Conn{
		conn: conn, settings: s, decoder: newDecoder(s.HeadSize), idle: idleFrames(), given: givenUpCalls(),
		streams: map[uint32]*Stream{}, window: firstWindow, recv: connWindow, peerStreams: 100, peerWindow: firstWindow, peerFrame: frameSize, idleSince: time.Now(), announce: announceTime,
	}
	c.written = sync.NewCond(&c.mu)
	c.encoder = hpack.NewEncoder(&c.encoded)
	c.raw = tcp.Plain(conn)
	c.write = func(fd uintptr) bool {
		c.try.n, c.try.err = tcp.TryWrite(fd, c.try.p)
		return true
	}
	c.first = func(fd uintptr) bool {
		buffer := buffers.Get().(*[bufferSize]byte)
		if c.w, c.readErr = tcp.TryRead(fd, buffer[:]); c.readErr == syscall.EAGAIN {
			buffers.Put(buffer)
			return false
		}
		c.in = buffer[:]
		return true
	}
	return c
}

// Run reads the connection until its end, tells of all that comes, and closes it. The fault is the
// other end's; nil: it ended otherwise.
func (c *Conn) Run() *Fault {
	c.Flush()
	err := c.read()
	var fault *Fault
	if !errors.As(err, &fault) {
		fault = nil
	}
	c.end(err, fault)
	return fault
}

func (c *Conn) read() error {
	for {
		if err := c.frames(); err != nil {
			return err
		}
		for i, other := range c.touched {
			other.Flush()
			c.touched[i] = nil
		}
		c.touched = c.touched[:0]
		if err := c.more(); err != nil {
			return err
		}
	}
}

// Touch has another connection be flushed when all has been done that was read at once. It is for Receivers, and for an Opener.
func (c *Conn) Touch(other *Conn) {
	for _, t := range c.touched {
		if t == other {
			return
		}
	}
	c.touched = append(c.touched, other)
}

// frames does what has been read.
func (c *Conn) frames() error {
	if !c.greeted {
		got := c.in[c.r:c.w]
		if n := min(len(got), len(prefaceRest)); string(got[:n]) != prefaceRest[:n] {
			return wrong(ProtocolError, "the preface is none")
		}
		if len(got) < len(prefaceRest) {
			return nil
		}
		c.r += len(prefaceRest)
		c.greeted = true
	}
	p := c.in[c.r:c.w]
	any := false
	for {
		f, rest, ok, err := cutFrame(p)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		any, p = true, rest
		if err := c.frame(&f); err != nil {
			return err
		}
	}
	c.r = c.w - len(p)
	switch {
	case len(p) == 0:
		c.partialSince = time.Time{}
	case any || c.partialSince.IsZero():
		c.partialSince = time.Now()
	}
	return nil
}

// more reads, and looks now and then what has been waited for too long.
func (c *Conn) more() error {
	switch {
	case c.r == c.w:
		c.empty()
	case c.w == len(c.in):
		copy(c.in, c.in[c.r:c.w])
		c.r, c.w = 0, c.w-c.r
	}
	for {
		if err := c.arm(); err != nil {
			return err
		}
		c.Flush()
		n, err := c.take()
		if n > 0 {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			if err == nil {
				err = io.ErrNoProgress
			}
			return err
		}
		c.deadline = time.Time{}
	}
}

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// empty gives the buffer back, of which nothing is left.
func (c *Conn) empty() {
	c.decoder.rest()
	if len(c.in) == bufferSize {
		buffers.Put((*[bufferSize]byte)(c.in))
	}
	c.in, c.r, c.w = nil, 0, 0
}

// take reads once. A connection that has nothing waiting waits without a buffer.
func (c *Conn) take() (n int, err error) {
	if c.in == nil && c.raw != nil {
		c.readErr = nil
		switch err := c.raw.Read(c.first); {
		case err != nil: // a deadline, or a Close
			return 0, err
		case c.readErr != nil:
			return 0, c.readErr
		case c.w == 0:
			return 0, io.EOF
		}
		return c.w, nil
	}
	if c.in == nil { // records come whole: the rest is there
		if n, err = c.conn.Read(c.one[:]); n > 0 {
			c.in = buffers.Get().(*[bufferSize]byte)[:]
			c.w = copy(c.in, c.one[:])
		}
		return n, err
	}
	n, err = c.conn.Read(c.in[c.w:])
	c.w += n
	return n, err
}

// arm sets when reading ends in order to look, or looks.
func (c *Conn) arm() error {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for look := c.wake || c.deadline.IsZero(); look; look = c.wake {
		c.wake, c.deadline = false, time.Time{}
		if err := c.overdue(now); err != nil {
			return err
		}
	}
	if len(c.out) > outMost && !c.client {
		return wrong(EnhanceYourCalm, "answers are not taken")
	}
	if tick, left := c.tick(), c.deadline.Sub(now); left < tick/2 || left > tick {
		c.deadline = now.Add(tick)
		return c.conn.SetReadDeadline(c.deadline)
	}
	return nil
}

// tick is how often overdue is asked. mu is held.
func (c *Conn) tick() time.Duration {
	tick := time.Minute
	bound := func(d time.Duration, looks bool) {
		if d > 0 && looks {
			tick = min(tick, d/4)
		}
	}
	bound(c.settings.Idle, true)
	bound(c.settings.Head, !c.agreed || !c.partialSince.IsZero() || !c.blockSince.IsZero())
	bound(c.settings.Silence, c.client || len(c.streams) > 0)
	if c.leaving == announced {
		tick = min(tick, c.announce/4)
	}
	return max(tick, time.Millisecond)
}

// announceTime is how long the other end may take to read that the end comes.
const announceTime = time.Second

// lastCall says that no stream is opened any more. mu is held.
func (c *Conn) lastCall() {
	c.leaving = last
	c.out = appendGoAway(c.out, c.last, NoError, "")
	if len(c.streams) == 0 {
		c.look()
	}
}

var errOver = errors.New("the connection is over")

// overdue ends what has been waited for too long. mu is held.
func (c *Conn) overdue(now time.Time) error {
	s := &c.settings
	late := func(since time.Time, most time.Duration) bool {
		return most > 0 && !since.IsZero() && now.Sub(since) > most
	}
	switch {
	case c.broken != nil:
		return c.broken
	case late(c.partialSince, s.Head), late(c.blockSince, s.Head), !c.agreed && late(c.idleSince, s.Head):
		return wrong(EnhanceYourCalm, "a frame or a head does not come to its end")
	case c.leaving == announced && late(c.leavesSince, c.announce):
		c.lastCall()
	case len(c.streams) > 0 || c.active > 0:
	case c.leaving == last, late(c.idleSince, s.Idle):
		return errOver
	}
	for _, b := range c.blocked {
		if !b.over && late(b.since, s.Silence) {
			c.out = appendReset(c.out, b.id, Cancel)
			c.drop(b)
			// Its Receiver is told by a goroutine, as it may want this connection.
			go b.receiver.Closed(b, &Error{Code: Cancel, Why: "the other end takes nothing"})
		}
	}
	return nil
}

// look has the reading goroutine look at once. mu is held.
func (c *Conn) look() {
	c.wake = true
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
}

// Drain has the other end open no more streams, and the connection end with the last.
func (c *Conn) Drain() {
	c.mu.Lock()
	if c.leaving == staying {
		if c.client {
			c.leaving = last
		} else {
			c.leaving, c.leavesSince = announced, time.Now()
			c.out = appendPing(appendGoAway(c.out, maxWindow, NoError, ""), 0, drainPing)
		}
		c.look()
	}
	c.mu.Unlock()
	c.Flush()
}

// Close ends the connection at once.
func (c *Conn) Close() error { return c.conn.Close() }

// end has all streams be closed, tells the other end why, if it is at fault or nobody is, and closes the connection.
func (c *Conn) end(err error, fault *Fault) {
	c.mu.Lock()
	if c.broken == nil {
		c.broken = err
	}
	open := c.streams
	c.streams, c.blocked = map[uint32]*Stream{}, nil
	for _, s := range open {
		s.over = true
	}
	c.vacant()
	switch {
	case fault != nil:
		c.out = appendGoAway(c.out, c.last, fault.Code, fault.Why)
	case err == errOver:
		c.out = appendGoAway(c.out, c.last, NoError, "")
	}
	c.mu.Unlock()
	why := &Error{Code: Cancel, Why: "the connection ended", Lost: true}
	if fault != nil {
		why.Why = fault.Why
	} else if err != errOver && !errors.Is(err, io.EOF) && err != nil {
		why.Why = err.Error()
	}
	for _, s := range open {
		s.receiver.Closed(s, why)
		c.release(s)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(tcp.PartTime)) // fails only on a closed connection
	c.Flush()
	c.mu.Lock()
	for c.writing {
		c.written.Wait()
	}
	c.mu.Unlock()
	if c.client {
		_ = c.conn.Close() // nothing is under way
		return
	}
	tcp.Part(c.conn, c.conn, connWindow)
}

// Open opens a stream, without a word to the socket yet: Flush, or Touch. ok is false if it cannot be opened here, now or ever.
func (c *Conn) Open(fields []Field, end bool, r Receiver) (s *Stream, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil || c.leaving != staying || uint32(len(c.streams)) >= c.peerStreams {
		return nil, false
	}
	s = &Stream{id: c.next, conn: c, receiver: r, window: c.peerWindow, recv: StreamWindow, expect: -1, sentEnd: end, head: headOf(fields)}
	c.streams[s.id] = s
	if c.next += 2; c.next > maxWindow {
		c.leaving = last
	}
	c.appendHead(s.id, fields, end)
	return s, true
}

// headOf says whether the answer to a request has no body though it may have a length.
func headOf(request []Field) bool {
	for i := range request {
		if request[i].Name == ":method" {
			return request[i].Value == "HEAD"
		}
	}
	return false
}

// Load is how many streams are open, and whether one more can be.
func (c *Conn) Load() (streams int, room bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams), c.broken == nil && c.leaving == staying && uint32(len(c.streams)) < c.peerStreams
}

// Alive says whether streams can be opened, now or when others have ended.
func (c *Conn) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken == nil && c.leaving == staying
}

// IdleSince is since when no stream is open; false: one is.
func (c *Conn) IdleSince() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idleSince, len(c.streams) == 0
}
