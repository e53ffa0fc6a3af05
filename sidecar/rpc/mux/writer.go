package mux

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// Writer is the writing half of a connection. Any goroutine may call its methods, none of which waits for the other end, but for Close: what it does
// not take is kept, up to a bound.
type Writer struct {
	conn     net.Conn
	raw      syscall.RawConn // nil: only what may wait can be asked to write
	most     int
	patience time.Duration
	failed   func(error)

	mu    sync.Mutex
	done  *sync.Cond // nobody is busy any more
	queue []byte
	busy  bool // somebody writes what was in the queue
	err   error

	// of who is busy
	rest []byte
	lost error
	step func(fd uintptr) bool
}

// ErrFull is that the other end has not taken what was written long before.
var ErrFull = errors.New("it takes nothing: as much waits for it as may")

// NewWriter returns one that keeps most bytes, and one message beyond. An end that takes nothing for as long as patience is
// given up; failed is told that, and whatever else makes writing end, once, and does not wait. raw is the connection's socket; nil: it is encrypted.
func NewWriter(conn net.Conn, raw syscall.RawConn, most int, patience time.Duration, failed func(error)) *Writer {
	w := &Writer{conn: conn, raw: raw, most: most, patience: patience, failed: failed}
	w.done = sync.NewCond(&w.mu)
	w.step = func(fd uintptr) bool {
		for len(w.rest) > 0 && w.lost == nil {
			var n int
			n, w.lost = tcp.TryWrite(fd, w.rest)
			w.rest = w.rest[max(n, 0):]
		}
		return true
	}
	return w
}

// Append has a message be written with the next Flush. It is copied.
func (w *Writer) Append(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if len(w.queue) >= w.most {
		return ErrFull
	}
	if w.queue == nil && len(p) <= bufferSize {
		w.queue = buffers.Get().(*[bufferSize]byte)[:0]
	}
	w.queue = append(w.queue, p...)
	return nil
}

// Waiting is how many bytes are kept.
func (w *Writer) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// Flush has what was appended be written: at once, as far as the other end takes it, by whoever is at it already, or by a goroutine that waits.
func (w *Writer) Flush() {
	p := w.begin()
	for p != nil {
		if w.raw == nil {
			go w.drain(p, p) // Close and Finish wait for it
			return
		}
		w.rest, w.lost = p, nil
		err := w.raw.Write(w.step)
		if err == nil && w.lost != syscall.EAGAIN {
			err = w.lost
		}
		switch rest := w.rest; {
		case err != nil:
			w.fail(err)
			return
		case len(rest) > 0:
			go w.drain(p, rest)
			return
		}
		p = w.next(p)
	}
}

// begin takes what is to be written, if nobody is at it.
func (w *Writer) begin() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy || len(w.queue) == 0 || w.err != nil {
		return nil
	}
	p := w.queue
	w.queue, w.busy = nil, true
	return p
}

// next takes what has come while p was written; nil: nothing.
func (w *Writer) next(p []byte) []byte {
	if cap(p) == bufferSize {
		buffers.Put((*[bufferSize]byte)(p[:bufferSize]))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 || w.err != nil {
		w.busy = false
		w.done.Broadcast()
		return nil
	}
	p, w.queue = w.queue, nil
	return p
}

// drain writes rest, the end of p, and all that comes meanwhile, as fast as the other end takes it.
func (w *Writer) drain(p, rest []byte) {
	for p != nil {
		err := w.conn.SetWriteDeadline(time.Now().Add(w.patience))
		if err == nil {
			_, err = w.conn.Write(rest)
		}
		if err == nil {
			err = w.conn.SetWriteDeadline(time.Time{})
		}
		if err != nil {
			w.fail(err)
			return
		}
		p = w.next(p)
		rest = p
	}
}

// fail ends writing, of who is busy.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	first := w.err == nil
	if first {
		w.err = err
	}
	w.queue = nil
	w.mu.Unlock()
	if first {
		w.failed(err)
	}
	w.mu.Lock()
	w.busy = false
	w.done.Broadcast()
	w.mu.Unlock()
}

// Close has nothing be taken any more, and waits for who is writing: the connection has been closed before. err is what Append returns from now on.
func (w *Writer) Close(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.queue = nil
	for w.busy {
		w.done.Wait()
	}
}

// Finish waits until all is written, or nothing can be.
func (w *Writer) Finish() {
	w.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy {
		w.done.Wait()
	}
}
