package rpc

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// framedConn is a client's connection of a protocol of frames. Its goroutine reads requests, and has them be sent on connections to servers that
// all clients share; the goroutines of these write the answers.
type framedConn struct {
	*conn
	speaks   framing
	reader   *mux.Reader[[]byte]
	writer   *mux.Writer
	flushes  flushes
	room     []byte         // for a frame that changes
	path     string         // of the last call
	waiters  sync.WaitGroup // goroutines with calls that wait for a connection to a server
	parked   atomic.Int64   // bytes of these calls
	kept     atomic.Int64   // bytes of calls that can be sent again
	leaving  leaving
	underway atomic.Int64  // calls that have no answer
	ending   atomic.Bool   // nothing is read any more
	quiet    chan struct{} // has one when ending is true and nothing is under way, or when the connection is cut
	set      time.Time     // when the deadline of reading was
	midway   bool          // it is one within a frame
	last     time.Time     // when no more calls are taken; the zero time: the client has not been told that it is to send none
	barred   string        // why the listener does not accept the protocol: its first call is answered by that, and is the last; "": it does
}

const (
	maxUnderway = 1 << 14 // calls of a client's connection
	maxParked   = 1 << 20 // bytes of calls that wait for a connection to a server; beyond it no more is read meanwhile
	mostRoom    = 4 << 10 // bytes of it that a connection keeps
	maxUntaken  = 1 << 20 // bytes that either end has not taken, beside one frame
)

// serveFrames serves until the client ends, or the drain begins.
func (c *conn) serveFrames(speaks framing) {
	s := c.server.settings.Load()
	b := &framedConn{conn: c, speaks: speaks, reader: mux.NewReader(c.client.Conn, speaks.split, s.FrameSize, c.client.Waiting()), quiet: make(chan struct{}, 1)}
	if name := strings.ToLower(string(speaks.method())); !c.accepts.has(name) {
		b.barred = c.barred(name)
		c.bar(name, b.barred)
	}
	c.client.Release()
	raw := tcp.Raw(c.socket)
	if c.isTLS {
		raw = nil
	}
	b.writer = mux.NewWriter(c.client.Conn, raw, maxUntaken, s.Silence, func(error) { c.cut() })
	if c.holds(b) {
		b.run()
		b.flushes.all()
		b.settle()
	}
	c.holds(nil)
	b.leave()
	b.writer.Finish()
	b.writer.Close(errGone)
	b.reader.Release()
}

// leaving is that no more goroutines of a connection begin.
type leaving struct {
	mu   sync.Mutex
	over bool
}

// later has a goroutine of the connection's go on with a call; it returns false if none begins any more.
func (b *framedConn) later(do func()) bool {
	b.leaving.mu.Lock()
	defer b.leaving.mu.Unlock()
	if !b.leaving.over {
		b.waiters.Go(do)
	}
	return !b.leaving.over
}

// leave waits for the goroutines that there are.
func (b *framedConn) leave() {
	b.leaving.mu.Lock()
	b.leaving.over = true
	b.leaving.mu.Unlock()
	b.waiters.Wait()
}

var errGone = errors.New("the client has gone")

// Close has nobody wait for what is under way: the connection is being cut.
func (b *framedConn) Close() error {
	select {
	case b.quiet <- struct{}{}:
	default:
	}
	return nil
}

// run takes what comes until nothing more may.
func (b *framedConn) run() {
	for {
		for {
			f, err := b.reader.Next()
			if err != nil {
				b.refuse(err)
				return
			}
			if f == nil {
				break
			}
			if b.take(f); b.barred != "" {
				return
			}
		}
		b.flushes.all()
		if cap(b.room) > mostRoom {
			b.room = nil
		}
		if !b.more() {
			return
		}
	}
}

// more reads on; it returns false at the end.
func (b *framedConn) more() bool {
	for {
		if !b.patient() || b.isDraining() && !b.parts() { // in this order: the drain ends what is waited for
			return false
		}
		err := b.reader.More()
		switch {
		case err == nil:
			return true
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return false
		case b.isDraining():
			continue
		case b.midway || b.underway.Load() == 0:
			return false
		}
		b.set = time.Time{} // it waits for its answers
	}
}

// parts says whether calls are still taken on a connection that is to end. Where its protocol has a frame for that, the client is told at first.
func (b *framedConn) parts() bool {
	if b.last.IsZero() {
		told := b.speaks.appendParting(nil)
		if told == nil || b.writer.Append(told) != nil {
			return false
		}
		b.writer.Flush()
		b.last = time.Now().Add(b.server.lastCalls)
	}
	return time.Now().Before(b.last) && b.client.Conn.SetReadDeadline(b.last) == nil
}

// patient sets how long the client may send nothing.
func (b *framedConn) patient() bool {
	if !b.last.IsZero() {
		return true
	}
	s := b.server.settings.Load()
	limit, midway := s.IdleTimeout, b.reader.Midway()
	if midway {
		limit = s.Silence
	}
	if b.barred != "" {
		limit = min(limit, s.HeadTimeout)
	}
	now := time.Now()
	if midway == b.midway && now.Sub(b.set) < limit/4 {
		return true
	}
	b.set, b.midway = now, midway
	return b.client.Conn.SetReadDeadline(now.Add(limit)) == nil
}

// settle waits for the answers to what is under way.
func (b *framedConn) settle() {
	b.ending.Store(true)
	for b.underway.Load() > 0 && !b.isGone() {
		<-b.quiet
	}
}

// answered notes that a call is over.
func (b *framedConn) answered() {
	if b.underway.Add(-1) == 0 && b.ending.Load() {
		_ = b.Close() // wakes settle
	}
}

// take has a frame be answered.
func (b *framedConn) take(f []byte) {
	switch b.speaks.sort(f) {
	case isHeartbeat:
		switch err := b.writer.Append(b.speaks.appendBeat(nil, f)); {
		case err == nil:
			b.flushes.add(b.writer)
		case errors.Is(err, mux.ErrFull):
			b.cut()
		}
	case isCall:
		b.speaks.call().serve(b, f)
	}
}

// refuse notes what is no frame. Nothing behind it can be read.
func (b *framedConn) refuse(err error) {
	var x call
	x.begin(b.conn)
	x.done.Method, x.done.Status, x.done.Why = string(b.speaks.method()), http.StatusBadRequest, err.Error()
	x.end()
}

// flushes are the writers that a goroutine has given messages since it last had them be written.
type flushes struct{ writers []*mux.Writer }

func (f *flushes) add(w *mux.Writer) {
	if n := len(f.writers); n > 0 && f.writers[n-1] == w || slices.Contains(f.writers, w) {
		return
	}
	f.writers = append(f.writers, w)
}

func (f *flushes) all() {
	for i, w := range f.writers {
		w.Flush()
		f.writers[i] = nil
	}
	f.writers = f.writers[:0]
}
