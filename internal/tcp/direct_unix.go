//go:build unix

package tcp

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// line reads and writes a socket by TryRead and TryWrite.
type line struct {
	socket  net.Conn
	raw     syscall.RawConn
	in, out turn

	mu      sync.Mutex    // guards what follows
	takes   time.Duration // see Bound; 0: there is no bound, or the kernel keeps it
	asked   time.Time     // the deadline that the owner has set for writes
	bounded bool          // another is set, by the bound
	stuck   int           // how much of the Write was taken when it was set
}

// turn is one Read or Write under way.
type turn struct {
	p    []byte
	n    int
	err  error
	step func(fd uintptr) (done bool)
}

// direct and local are sockets with the methods of a line. What is embedded of package net is one level further down, so that those of a line
// are the ones where both have one.
type (
	direct struct {
		tcpSocket
		line
	}
	local struct {
		unixSocket
		line
	}
	tcpSocket  struct{ *net.TCPConn }
	unixSocket struct{ *net.UnixConn }
)

// Direct returns c with a Read and a Write that cost less, if it is a socket of TCP or of this machine. Unlike others it has one reader and one
// writer at a time. Deadlines and Close end them as ever.
func Direct(c net.Conn) net.Conn {
	switch c := c.(type) {
	case *net.TCPConn:
		if raw, err := c.SyscallConn(); err == nil { // not closed already
			d := &direct{tcpSocket: tcpSocket{c}}
			d.init(c, raw)
			return d
		}
	case *net.UnixConn:
		if raw, err := c.SyscallConn(); err == nil {
			l := &local{unixSocket: unixSocket{c}}
			l.init(c, raw)
			return l
		}
	}
	return c
}

func (l *line) init(socket net.Conn, raw syscall.RawConn) {
	l.socket, l.raw = socket, raw
	l.in.step = func(fd uintptr) bool {
		l.in.n, l.in.err = TryRead(fd, l.in.p)
		return l.in.err != syscall.EAGAIN
	}
	l.out.step = func(fd uintptr) bool {
		for l.out.n < len(l.out.p) {
			n, err := TryWrite(fd, l.out.p[l.out.n:])
			if err == syscall.EAGAIN {
				l.full()
				return false
			}
			if err != nil {
				l.out.err = err
				return true
			}
			l.out.n += n
		}
		return true
	}
}

// NetConn is the connection below.
func (d *direct) NetConn() net.Conn { return d.TCPConn }

// NetConn is the connection below.
func (l *local) NetConn() net.Conn { return l.UnixConn }

func (d *direct) plain() {}

// Read implements io.Reader.
func (l *line) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t := &l.in
	t.p, t.n, t.err = p, 0, nil
	waited := l.raw.Read(t.step)
	t.p = nil
	switch {
	case waited != nil: // by a deadline or a Close
		return 0, waited
	case t.err != nil:
		return 0, l.failed("read", t.err)
	case t.n == 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// Write implements io.Writer.
func (l *line) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t := &l.out
	t.p, t.n, t.err = p, 0, nil
	err := l.raw.Write(t.step)
	t.p = nil
	if l.bounded {
		l.written()
	}
	if err == nil && t.err != nil {
		err = l.failed("write", t.err)
	}
	return t.n, err
}

func (l *line) failed(call string, err error) error {
	return &net.OpError{Op: call, Net: l.socket.LocalAddr().Network(), Source: l.socket.LocalAddr(), Addr: l.socket.RemoteAddr(), Err: os.NewSyscallError(call, err)}
}

// full begins a wait for room, within the bound: what was taken since the last has begun it anew. A Write that finds room has no deadline to pay for.
func (l *line) full() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.takes == 0 || l.bounded && l.out.n == l.stuck { // woken in vain
		return
	}
	if by := time.Now().Add(l.takes); l.asked.IsZero() || by.Before(l.asked) {
		_ = l.socket.SetWriteDeadline(by) // fails only on a closed connection
		l.bounded, l.stuck = true, l.out.n
	}
}

// written ends such waits.
func (l *line) written() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bounded = false
	_ = l.socket.SetWriteDeadline(l.asked) // fails only on a closed connection
}

// SetDeadline implements net.Conn.
func (l *line) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = t
	return l.socket.SetDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (l *line) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = t
	return l.socket.SetWriteDeadline(t)
}

func (l *line) bound(takes time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takes = takes
}
