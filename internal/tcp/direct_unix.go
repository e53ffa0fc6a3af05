//go:build unix

package tcp

import (
	"io"
	"net"
	"os"
	"syscall"
)

// direct is a connection that reads and writes by TryRead and TryWrite.
type direct struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out turn
}

// turn is one Read or Write under way.
type turn struct {
	p    []byte
	n    int
	err  error
	step func(fd uintptr) (done bool)
}

// Direct returns c with a Read and a Write that cost less, if it is TCP. Unlike others it has one reader and one writer
// at a time. Deadlines and Close end them as ever.
func Direct(c net.Conn) net.Conn {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return c // closed already
	}
	d := &direct{TCPConn: t, raw: raw}
	d.in.step = func(fd uintptr) bool {
		d.in.n, d.in.err = TryRead(fd, d.in.p)
		return d.in.err != syscall.EAGAIN
	}
	d.out.step = func(fd uintptr) bool {
		for d.out.n < len(d.out.p) {
			n, err := TryWrite(fd, d.out.p[d.out.n:])
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil {
				d.out.err = err
				return true
			}
			d.out.n += n
		}
		return true
	}
	return d
}

// NetConn is the connection below.
func (d *direct) NetConn() net.Conn { return d.TCPConn }

func (d *direct) plain() {}

// Read implements io.Reader.
func (d *direct) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t := &d.in
	t.p, t.n, t.err = p, 0, nil
	waited := d.raw.Read(t.step)
	t.p = nil
	switch {
	case waited != nil: // by a deadline or a Close
		return 0, waited
	case t.err != nil:
		return 0, d.failed("read", t.err)
	case t.n == 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// Write implements io.Writer.
func (d *direct) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t := &d.out
	t.p, t.n, t.err = p, 0, nil
	err := d.raw.Write(t.step)
	t.p = nil
	if err == nil && t.err != nil {
		err = d.failed("write", t.err)
	}
	return t.n, err
}

func (d *direct) failed(call string, err error) error {
	return &net.OpError{Op: call, Net: "tcp", Source: d.LocalAddr(), Addr: d.RemoteAddr(), Err: os.NewSyscallError(call, err)}
}
