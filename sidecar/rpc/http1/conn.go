package http1

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// Conn is a connection with what it has sent and nobody has taken yet. Its reading half and its writing half may be used by
// a goroutine each.
type Conn struct {
	net.Conn
	raw syscall.RawConn // nil: it is not read as it is
	in  []byte          // a buffer of bufferSize, or longer for a long head; nil while nothing waits and the next is waited for
	r   int             // in[r:w] is not taken yet
	w   int
	out []byte

	first    func(fd uintptr) bool // the first of what comes, into a buffer that is had for it
	firstErr error
	one      [1]byte // likewise, where the socket is not read as it is

	patience time.Duration // how long the other end may neither send nor take anything; 0: for ever
	read     time.Time     // when the deadline of reading was set
	write    time.Time     // and of writing
}

const bufferSize = 16 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// NewConn returns the connection with nothing taken yet.
func NewConn(conn net.Conn) *Conn {
	c := &Conn{Conn: conn, raw: tcp.Plain(conn)}
	if c.raw != nil {
		c.first = c.readFirst
	}
	return c
}

// Give has bytes wait that have been read of the connection already. Nothing else waits, and they fit a buffer.
func (c *Conn) Give(read []byte) {
	c.in = buffers.Get().(*[bufferSize]byte)[:]
	c.r, c.w = 0, copy(c.in, read)
}

// SetPatience bounds how long the other end may be silent, in More, or take nothing, in Flush, from now on. No other goroutine
// may use the connection meanwhile.
func (c *Conn) SetPatience(d time.Duration) { c.patience, c.read = d, time.Time{} }

// Resume has reading be bound by the patience again, after SetReadDeadline.
func (c *Conn) Resume() { c.read = time.Time{} }

// SetReadDeadline has reading end at t, whatever the patience, until Resume or SetPatience.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.read = far
	return c.Conn.SetReadDeadline(t)
}

// far is later than any deadline.
var far = time.Unix(1<<40, 0)

// extend sets a deadline anew, if a quarter of the patience has gone since it was set.
func (c *Conn) extend(set *time.Time, to func(time.Time) error) error {
	if c.patience == 0 {
		return nil
	}
	now := time.Now()
	if now.Sub(*set) < c.patience/4 {
		return nil
	}
	*set = now
	return to(now.Add(c.patience))
}

// Release gives the buffers back, of a connection that is done, or idle and has nothing waiting.
func (c *Conn) Release() {
	for _, b := range []*[]byte{&c.in, &c.out} {
		if cap(*b) == bufferSize {
			buffers.Put((*[bufferSize]byte)((*b)[:bufferSize]))
		}
		*b = nil
	}
	c.r, c.w = 0, 0
}

// Waiting is what has been read and not taken.
func (c *Conn) Waiting() []byte { return c.in[c.r:c.w] }

// Take takes the first n bytes of what is waiting.
func (c *Conn) Take(n int) { c.r += n }

// Mark is where Back leads.
func (c *Conn) Mark() int { return c.r }

// Since is what was taken since mark, as Back would have it wait again.
func (c *Conn) Since(mark int) []byte { return c.in[mark:c.r] }

// Back has what was taken since mark wait again. Nothing has been read since: only what waited then was taken.
func (c *Conn) Back(mark int) { c.r = mark }

// More reads at least one byte. io.EOF is the connection's end.
func (c *Conn) More() error {
	if c.in == nil {
		return c.begin()
	}
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.in) {
		copy(c.in, c.in[c.r:c.w])
		c.r, c.w = 0, c.w-c.r
	}
	if c.w == len(c.in) {
		c.in = append(c.in, make([]byte, len(c.in))...)
	}
	if err := c.extend(&c.read, c.Conn.SetReadDeadline); err != nil {
		return err
	}
	n, err := c.Conn.Read(c.in[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// begin reads where nothing waits: of many connections most are idle, and wait without a buffer.
func (c *Conn) begin() error {
	if err := c.extend(&c.read, c.Conn.SetReadDeadline); err != nil {
		return err
	}
	if c.raw == nil { // what is encrypted comes in whole records, of which the rest is there
		n, err := c.Conn.Read(c.one[:])
		if n > 0 {
			c.in = buffers.Get().(*[bufferSize]byte)[:]
			c.w = copy(c.in, c.one[:])
			return nil
		}
		return cmp.Or(err, io.ErrNoProgress)
	}
	switch err := c.raw.Read(c.first); {
	case err != nil: // a deadline, or a Close
		return err
	case c.firstErr != nil:
		return c.firstErr
	case c.w == 0:
		return io.EOF
	}
	return nil
}

// readFirst reads once, as syscall.RawConn has it.
func (c *Conn) readFirst(fd uintptr) (done bool) {
	buffer := buffers.Get().(*[bufferSize]byte)
	if c.w, c.firstErr = tcp.TryRead(fd, buffer[:]); c.w > 0 {
		c.in = buffer[:]
		return true
	}
	buffers.Put(buffer)
	return c.firstErr != syscall.EAGAIN
}

var headEnd = []byte("\r\n\r\n")

// ReadHead reads a head, of at most limit bytes, and does not take it: it and what was parsed of it are valid until More.
// begun is called once, when its first byte is there. An error before that is the connection's, io.EOF where it has ended;
// io.ErrUnexpectedEOF is an end in the middle; an *Error is what a client is told.
func (c *Conn) ReadHead(limit int, begun func() error) ([]byte, error) {
	for searched, told := 0, false; ; {
		if searched == 0 {
			c.skipEmptyLines()
		}
		waiting := c.Waiting()
		if len(waiting) > 0 && !told {
			told = true
			if err := begun(); err != nil {
				return nil, err
			}
		}
		if i := bytes.Index(waiting[searched:], headEnd); i >= 0 && searched+i+len(headEnd) <= limit {
			return waiting[:searched+i+len(headEnd)], nil
		} else if i >= 0 || len(waiting) >= limit {
			return nil, &Error{http.StatusRequestHeaderFieldsTooLarge, "the head is too long"}
		}
		if i := bytes.IndexByte(waiting[searched:], '\n'); i == 0 && searched == 0 || i > 0 && waiting[searched+i-1] != '\r' {
			return nil, bad("a line of the head does not end with CR LF")
		}
		searched = max(0, len(waiting)-len(headEnd)+1)
		if err := c.More(); err != nil {
			if told && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// skipEmptyLines takes what some clients send behind a body.
func (c *Conn) skipEmptyLines() {
	for bytes.HasPrefix(c.Waiting(), headEnd[:2]) {
		c.Take(2)
	}
}

// Append has what follows written to the other end with the next Flush, and has it all written at once while it fits.
func (c *Conn) Append(p []byte) error {
	if c.out == nil {
		c.out = buffers.Get().(*[bufferSize]byte)[:0]
	}
	if len(c.out)+len(p) > cap(c.out) {
		if err := c.Flush(); err != nil {
			return err
		}
		if len(p) >= cap(c.out) {
			return c.send(p)
		}
	}
	c.out = append(c.out, p...)
	return nil
}

// Out is what Flush would write, to be appended to; Written is its other half.
func (c *Conn) Out() []byte {
	if c.out == nil {
		c.out = buffers.Get().(*[bufferSize]byte)[:0]
	}
	return c.out
}

// Written has out, which Out gave and which has grown since, written with the next Flush.
func (c *Conn) Written(out []byte) { c.out = out }

// Flush writes what was appended.
func (c *Conn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.send(c.out)
	if c.out = c.out[:0]; cap(c.out) > bufferSize {
		c.out = nil
	}
	return err
}

func (c *Conn) send(p []byte) error {
	if err := c.extend(&c.write, c.Conn.SetWriteDeadline); err != nil {
		return err
	}
	_, err := c.Conn.Write(p)
	return err
}

// Pass passes on what is left of a body, as it comes: what waits is written together with what was appended before. plain
// leaves out what is around chunks. An *Error, or io.ErrUnexpectedEOF, is the sender's fault; a *WriteError is the receiver's.
func Pass(to, from *Conn, b *Body, plain bool) error {
	for {
		for waiting := from.Waiting(); len(waiting) > 0; waiting = from.Waiting() {
			n, content, done, err := b.Next(waiting)
			if err != nil {
				return err
			}
			if content || !plain {
				if err := to.Append(waiting[:n]); err != nil {
					return &WriteError{err}
				}
			}
			from.Take(n)
			if done {
				return flush(to)
			}
		}
		if err := flush(to); err != nil {
			return err
		}
		if b.Kind == Empty {
			return nil
		}
		if err := from.More(); err != nil {
			if errors.Is(err, io.EOF) {
				if b.Kind == UntilClose {
					return nil
				}
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// PassWaiting passes on what of a body waits, without a read, and says whether that was all of it. It writes nothing yet.
func PassWaiting(to, from *Conn, b *Body) (done bool, err error) {
	if b.Kind == Empty {
		return true, nil
	}
	for waiting := from.Waiting(); len(waiting) > 0 && !done; waiting = from.Waiting() {
		var n int
		if n, _, done, err = b.Next(waiting); err != nil {
			return false, err
		}
		if err := to.Append(waiting[:n]); err != nil {
			return false, &WriteError{err}
		}
		from.Take(n)
	}
	return done, nil
}

// Skip takes what of a body waits, without a read, and says whether that was all of it.
func Skip(from *Conn, b *Body) (done bool) {
	done = b.Kind == Empty
	for waiting := from.Waiting(); len(waiting) > 0 && !done; waiting = from.Waiting() {
		n, _, over, err := b.Next(waiting)
		if err != nil {
			return false
		}
		from.Take(n)
		done = over
	}
	return done
}

func flush(c *Conn) error {
	if err := c.Flush(); err != nil {
		return &WriteError{err}
	}
	return nil
}

// WriteError is the receiver's fault: it has gone, or takes nothing.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "write: " + e.Err.Error() }

func (e *WriteError) Unwrap() error { return e.Err }
