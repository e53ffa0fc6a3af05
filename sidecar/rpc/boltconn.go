package rpc

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// boltConn is a client's connection that speaks Bolt. Its goroutine reads requests, and has them be sent on connections to servers that
// all clients share; the goroutines of these write the answers.
type boltConn struct {
	*conn
	reader   *bolt.Reader
	writer   *mux.Writer
	flushes  flushes
	room     []byte         // for a frame whose header changes
	path     string         // of the last call
	waiters  sync.WaitGroup // goroutines with calls that wait for a connection to a server
	parked   atomic.Int64   // bytes of these calls
	underway atomic.Int64   // calls that have no answer
	ending   atomic.Bool    // nothing is read any more
	quiet    chan struct{}  // has one when ending is true and nothing is under way, or when the connection is cut
	set      time.Time      // when the deadline of reading was
	midway   bool           // it is one within a frame
}

const (
	maxUnderway = 1 << 14 // calls of a client's connection
	maxParked   = 1 << 20 // bytes of calls that wait for a connection to a server; beyond it no more is read meanwhile
	maxUntaken  = 1 << 20 // bytes that either end has not taken, beside one frame
)

// serveBolt serves until the client ends, or the drain begins.
func (c *conn) serveBolt() {
	s := c.server.settings.Load()
	b := &boltConn{conn: c, reader: bolt.NewReader(c.client.Conn, s.FrameSize, c.client.Waiting()), quiet: make(chan struct{}, 1)}
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
	b.waiters.Wait()
	b.writer.Finish()
	b.writer.Close(errGone)
	b.reader.Release()
}

var errGone = errors.New("the client has gone")

// Close has nobody wait for what is under way: the connection is being cut.
func (b *boltConn) Close() error {
	select {
	case b.quiet <- struct{}{}:
	default:
	}
	return nil
}

// run takes what comes until nothing more may.
func (b *boltConn) run() {
	for {
		for {
			f, err := b.reader.Next()
			if err == nil && f != nil && !f.Intact() {
				err = errors.New("a frame's checksum is wrong")
			}
			if err != nil {
				b.refuse(err)
				return
			}
			if f == nil {
				break
			}
			b.take(f)
		}
		b.flushes.all()
		if !b.more() {
			return
		}
	}
}

// more reads on; it returns false at the end.
func (b *boltConn) more() bool {
	for {
		if !b.patient() || b.isDraining() { // in this order: the drain ends what is waited for
			return false
		}
		err := b.reader.More()
		switch {
		case err == nil:
			return true
		case !errors.Is(err, os.ErrDeadlineExceeded) || b.isDraining() || b.midway || b.underway.Load() == 0:
			return false
		}
		b.set = time.Time{} // it waits for its answers
	}
}

// patient sets how long the client may send nothing.
func (b *boltConn) patient() bool {
	s := b.server.settings.Load()
	limit, midway := s.IdleTimeout, b.reader.Midway()
	if midway {
		limit = s.Silence
	}
	now := time.Now()
	if midway == b.midway && now.Sub(b.set) < limit/4 {
		return true
	}
	b.set, b.midway = now, midway
	return b.client.Conn.SetReadDeadline(now.Add(limit)) == nil
}

// settle waits for the answers to what is under way.
func (b *boltConn) settle() {
	b.ending.Store(true)
	for b.underway.Load() > 0 && !b.isGone() {
		<-b.quiet
	}
}

// answered notes that a call is over.
func (b *boltConn) answered() {
	if b.underway.Add(-1) == 0 && b.ending.Load() {
		_ = b.Close() // wakes settle
	}
}

// take has a frame be answered.
func (b *boltConn) take(f bolt.Frame) {
	switch {
	case f.Type() == bolt.Answer: // nothing was asked
	case f.Heartbeat():
		if f.Type() != bolt.Request {
			return
		}
		switch err := b.writer.Append(f.AppendAnswer(nil, bolt.Success)); {
		case err == nil:
			b.flushes.add(b.writer)
		case errors.Is(err, mux.ErrFull):
			b.cut()
		}
	default:
		boltCalls.Get().(*boltCall).serve(b, f)
	}
}

// refuse notes what is no frame. Nothing behind it can be read.
func (b *boltConn) refuse(err error) {
	var x call
	x.begin(b.conn)
	x.done.Method, x.done.Status, x.done.Why = boltMethod, http.StatusBadRequest, err.Error()
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
