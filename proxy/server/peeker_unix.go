//go:build unix

package server

import (
	"net"
	"syscall"
)

// peeker looks at what a client's socket has received and leaves it there: the bytes are the session's.
type peeker struct {
	raw  syscall.RawConn
	look func(fd uintptr)
	buf  [128]byte
	n    int
	err  error
}

// open prepares for a socket and reports whether it can be looked at.
func (p *peeker) open(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	p.raw = raw
	p.look = func(fd uintptr) {
		for {
			p.n, _, p.err = syscall.Recvfrom(int(fd), p.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if p.err != syscall.EINTR {
				return
			}
		}
	}
	return true
}

// peek returns the first of the bytes that wait to be read, and whether the client's side is open: a client that has
// closed it shows that only once nothing waits. Control is used, not Read: that one waits for the session's own read.
func (p *peeker) peek() (pending []byte, open bool) {
	if err := p.raw.Control(p.look); err != nil {
		return nil, true // the session has closed it: nothing is left to be noticed
	}
	switch {
	case p.err == syscall.EAGAIN:
		return nil, true
	case p.err != nil:
		return nil, false // reset
	}
	return p.buf[:p.n], p.n > 0
}
