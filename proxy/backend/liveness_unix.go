//go:build unix

package backend

import (
	"net"
	"syscall"
)

// probe asks the kernel whether an idle connection is still what it was. An idle MySQL connection has nothing to
// read: an end of file means that the server went away, and bytes are its ERR (a time-out, a shutdown, a KILL).
type probe struct {
	raw  syscall.RawConn // nil: cannot be asked
	look func(fd uintptr)
	buf  [1]byte
	err  error
}

// init prepares what alive needs, so that alive allocates nothing.
func (p *probe) init(c net.Conn) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	p.raw = raw
	p.look = func(fd uintptr) {
		// The descriptor is non-blocking. What is read is lost, which does not matter: it condemns the connection.
		_, p.err = syscall.Read(int(fd), p.buf[:])
		for p.err == syscall.EINTR {
			_, p.err = syscall.Read(int(fd), p.buf[:])
		}
	}
}

// alive reports whether the connection is open with nothing to read. Control is used, not Read: that one looks at
// deadlines, of which an old one may be left.
func (p *probe) alive() bool {
	if p.raw == nil {
		return true
	}
	if err := p.raw.Control(p.look); err != nil {
		return false
	}
	return p.err == syscall.EAGAIN
}
