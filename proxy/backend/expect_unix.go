//go:build unix

package backend

import (
	"net"
	"os"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// expectation writes a command and waits for its answer in one turn of the runtime's poller. The runtime forgets that a
// connection became readable when it is asked to read, so that a read after a write has to try in vain first; here it
// is asked before the write.
type expectation struct {
	out  []byte
	n    int
	err  error
	step func(fd uintptr) bool
}

func (e *expectation) init() {
	e.step = func(fd uintptr) bool {
		if e.out == nil {
			return true // readable, or the wait is over
		}
		p := e.out
		e.out = nil
		e.n, e.err = tcp.TryWrite(fd, p)
		return e.err != nil || e.n < len(p)
	}
}

// writeExpecting is Write for the last bytes of a command: it returns when the answer can be read, or when the wait
// for it failed, as the Read that follows will say.
func (l *link) writeExpecting(p []byte) (int, error) {
	if l.timed {
		if err := l.setReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
	e := &l.expectation
	e.out, e.n, e.err = p, 0, nil
	waited := l.probe.raw.Read(e.step)
	if e.out != nil { // nothing was tried: the connection is closed or interrupted
		e.out = nil
		return 0, waited
	}
	switch {
	case e.err == syscall.EAGAIN:
		return l.io.Write(p)
	case e.err != nil:
		return 0, &net.OpError{Op: "write", Net: l.LocalAddr().Network(), Source: l.LocalAddr(), Addr: l.RemoteAddr(), Err: os.NewSyscallError("write", e.err)}
	case e.n < len(p):
		n, err := l.io.Write(p[e.n:])
		return e.n + n, err
	}
	return len(p), nil
}
