package backend

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// patience is how long an operation may block before it costs a goroutine to have it interrupted; it is also the
// longest delay of an interruption. Rejected: context.AfterFunc for every statement, which is two allocations and
// twice the time of one deadline; and a watcher for each connection, which is a goroutine for each idle one.
const patience = 5 * time.Millisecond

// unwatchedBytes may be written without an answer before a write is watched: less fits into any socket's buffer.
const unwatchedBytes = 32 << 10

// link is the raw connection below TLS and packets. It makes a blocked Read or Write end when the operation under
// way is cancelled. arm, disarm, Read and Write belong to one goroutine; interrupt may be called from any.
type link struct {
	net.Conn
	io    net.Conn // Conn, by a shorter way
	probe probe

	done     <-chan struct{} // of the operation under way; nil: it cannot be cancelled
	deadline bool            // a read deadline of this operation is set
	timed    bool            // a read deadline is set, be it an old one
	written  int             // bytes since the last Read
	sent     int64           // bytes since the beginning
	stop     chan struct{}   // ends the watcher; nil: there is none
	exited   chan struct{}   // closed by the watcher

	expects     bool // the next Write ends a command of which only the answer is waited for
	expectation expectation

	socket  syscall.RawConn // nil: no TCP
	silence time.Duration   // see watchSilence; 0: there is no bound
	lenient bool            // the command under way has more of it

	interrupted atomic.Bool // the deadline in the past is there to stay
}

func newLink(c net.Conn) *link {
	l := &link{Conn: c, io: tcp.Direct(c)}
	l.probe.init(c)
	l.expectation.init()
	return l
}

// arm begins an operation that is cancelled by the closing of done.
func (l *link) arm(done <-chan struct{}) {
	l.done = done
	l.written = 0
	if l.lenient {
		l.beStrict()
	}
	if done != nil {
		l.deadline = false // to be set anew, by the first Read
	}
}

// disarm ends the operation: after it a closing of done has no effect any more.
func (l *link) disarm() {
	l.done = nil
	if l.stop != nil {
		close(l.stop)
		<-l.exited
		l.stop, l.exited = nil, nil
	}
}

// resume undoes an interrupt.
func (l *link) resume() {
	l.interrupted.Store(false)
	l.deadline, l.timed = false, false
	_ = l.Conn.SetDeadline(time.Time{}) // fails only on a closed connection, whose I/O fails anyway
}

// interrupt makes a blocked Read or Write return, and all later ones fail.
func (l *link) interrupt() {
	l.interrupted.Store(true)
	_ = l.Conn.SetDeadline(time.Unix(1, 0)) // fails only on a closed connection, whose I/O fails anyway
}

// watch starts the goroutine that waits for the cancellation. disarm waits for its end.
func (l *link) watch() {
	l.stop, l.exited = make(chan struct{}), make(chan struct{})
	go func(done <-chan struct{}, stop, exited chan struct{}) {
		defer close(exited)
		select {
		case <-done:
			l.interrupt()
		case <-stop:
		}
	}(l.done, l.stop, l.exited)
}

// Read reads, until cancelled.
func (l *link) Read(p []byte) (int, error) {
	l.written = 0
	if l.interrupted.Load() {
		return 0, ErrInterrupted
	}
	if l.done != nil && !l.deadline && l.stop == nil {
		if err := l.setReadDeadline(time.Now().Add(patience)); err != nil {
			return 0, err
		}
		l.deadline = true
	}
	for {
		n, err := l.io.Read(p)
		if n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if l.done != nil && l.stop == nil {
			l.watch()
		}
		if err := l.setReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		l.deadline = false
	}
}

// setReadDeadline sets a deadline unless the link is interrupted, whose own deadline it never undoes for good: an
// interrupt that comes after the look at the flag also sets its deadline after ours.
func (l *link) setReadDeadline(t time.Time) error {
	if err := l.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	l.timed = !t.IsZero()
	if l.interrupted.Load() {
		return ErrInterrupted
	}
	return nil
}

// Write writes, until cancelled. Small writes go into the socket's buffer and are not watched.
func (l *link) Write(p []byte) (int, error) {
	l.written += len(p)
	if l.written > unwatchedBytes && !l.lenient {
		l.beLenient()
	}
	if l.written > unwatchedBytes && l.done != nil && l.stop == nil {
		l.watch()
	}
	var n int
	var err error
	if l.expects && l.stop == nil && l.written <= unwatchedBytes && l.probe.raw != nil {
		n, err = l.writeExpecting(p)
	} else {
		n, err = l.io.Write(p)
	}
	l.expects = false
	l.sent += int64(n)
	if err != nil && l.interrupted.Load() {
		err = ErrInterrupted
	}
	return n, err
}
