package rpc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// boltLinks are the connections to servers of Bolt, each of which carries calls of many clients.
type boltLinks struct {
	server *Server

	mu   sync.Mutex
	all  map[linkKey]*linkSet
	over bool // none is made any more
}

// linkKey is what calls have in common that may share connections.
type linkKey struct {
	endpoint *upstream.Endpoint
	kind     uint16 // of their frames
}

// linkSet are the connections of one key. boltLinks' mu guards it.
type linkSet struct {
	links   []*boltLink
	dialing *dialing // nil: nobody is
}

// dialing is a connection that is being made; err is known when done is closed.
type dialing struct {
	done chan struct{}
	err  error
}

const (
	maxLinks   = 4   // connections to an endpoint, of one kind of frames
	crowded    = 128 // calls under way on each of them for which another one is made
	linkWithin = 10 * time.Second
)

var (
	errLate   = errors.New("there is no connection in the call's time")
	errEnding = mux.ErrClosed
)

// ready is the connection with the least to do; nil: there is none.
func (s *boltLinks) ready(e *upstream.Endpoint, kind uint16) *boltLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.all[linkKey{e, kind}]
	if set == nil || len(set.links) == 0 {
		return nil
	}
	best := set.links[0]
	least := best.table.Len()
	for _, l := range set.links[1:] {
		if n := l.table.Len(); n < least {
			best, least = l, n
		}
	}
	if least >= crowded && len(set.links) < maxLinks && set.dialing == nil {
		if most, _, _ := e.Bounds(); len(set.links) < most {
			s.dial(linkKey{e, kind}, set)
		}
	}
	return best
}

// connect is ready that waits for a connection until then.
func (s *boltLinks) connect(e *upstream.Endpoint, kind uint16, until time.Time) (*boltLink, error) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for {
		if l := s.ready(e, kind); l != nil {
			return l, nil
		}
		d := s.dialed(linkKey{e, kind})
		select {
		case <-d.done:
			if d.err != nil {
				return nil, d.err
			}
		case <-timer.C:
			return nil, errLate
		case <-s.server.done:
			return nil, errEnding
		}
	}
}

// dialed is the connection that is being made.
func (s *boltLinks) dialed(k linkKey) *dialing {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.all[k]
	if set == nil {
		set = &linkSet{}
		s.all[k] = set
	}
	switch {
	case len(set.links) > 0: // meanwhile
		d := &dialing{done: make(chan struct{})}
		close(d.done)
		return d
	case set.dialing == nil:
		s.dial(k, set)
	}
	return set.dialing
}

// dial begins to make a connection, which is not bound to the time of the call that is in want of it. mu is held. A client is being served.
func (s *boltLinks) dial(k linkKey, set *linkSet) {
	d := &dialing{done: make(chan struct{})}
	set.dialing = d
	s.server.reaping.Go(func() {
		up, _, err := k.endpoint.Get(time.Now().Add(linkWithin), s.server.done)
		var l *boltLink
		if err == nil {
			l = s.link(k.endpoint, up)
		}
		s.mu.Lock()
		set.dialing = nil
		switch {
		case l == nil:
		case s.over:
			_ = up.Close() // nothing has been said on it
			l, err = nil, errEnding
		default:
			l.key, l.set, set.links = k, set, append(set.links, l)
		}
		s.mu.Unlock()
		d.err = err
		close(d.done)
		if l != nil {
			l.run()
		}
	})
}

// boltLink is a connection to a server.
type boltLink struct {
	links    *boltLinks
	key      linkKey
	set      *linkSet
	endpoint *upstream.Endpoint
	up       *upstream.Conn
	reader   *bolt.Reader
	writer   *mux.Writer
	table    *mux.Table[*boltCall]
	flushes  flushes
	once     sync.Once

	mu      sync.Mutex
	retired bool // its endpoint is no more: it ends with its last call
}

func (s *boltLinks) link(e *upstream.Endpoint, up *upstream.Conn) *boltLink {
	settings := s.server.settings.Load()
	l := &boltLink{links: s, endpoint: e, up: up, reader: bolt.NewReader(up.Conn, settings.FrameSize, nil)}
	raw := tcp.Raw(up.Conn)
	tcp.GiveUpAfter(raw, unacknowledged)
	if _, encrypted := up.Conn.(*tls.Conn); encrypted {
		raw = nil
	}
	l.writer = mux.NewWriter(up.Conn, raw, maxUntaken, settings.Silence, l.end)
	l.table = mux.NewTable(l.late)
	return l
}

// unacknowledged is how long a server's host may acknowledge nothing: calls of many clients would all be late.
const unacknowledged = 10 * time.Second

// run passes answers on until the connection ends.
func (l *boltLink) run() {
	l.end(l.read())
	_ = l.up.Close() // it is closed already, and counted now
	l.writer.Close(errEnding)
	l.reader.Release()
}

func (l *boltLink) read() error {
	_, _, idle := l.endpoint.Bounds()
	idle = max(idle, time.Second) // the endpoint may be no more
	if err := l.up.SetReadDeadline(time.Now().Add(idle)); err != nil {
		return err
	}
	for {
		for {
			f, err := l.reader.Next()
			if err == nil && f != nil && !f.Intact() {
				err = errors.New("a frame's checksum is wrong")
			}
			if err != nil {
				return fmt.Errorf("the server's answer: %w", err)
			}
			if f == nil {
				break
			}
			l.take(f)
		}
		l.flushes.all()
		if err := l.more(idle); err != nil {
			return err
		}
	}
}

// more reads on. A connection that nothing has used for as long as idle ends.
func (l *boltLink) more(idle time.Duration) error {
	for {
		err := l.reader.More()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now := time.Now()
		if l.table.CloseIdle(now.Add(-idle)) {
			return errEnding
		}
		if err := l.up.SetReadDeadline(now.Add(idle)); err != nil {
			return err
		}
	}
}

// take has a frame of the server's.
func (l *boltLink) take(f bolt.Frame) {
	switch {
	case f.Type() == bolt.Answer:
		x, ok := l.table.Take(f.ID())
		if !ok {
			return // it was late
		}
		if w := x.reply(f); w != nil {
			l.flushes.add(w)
		}
		l.leave()
	case f.Type() == bolt.Request: // nobody here has it: clients are not called
		status := bolt.NoProcessor
		if f.Heartbeat() {
			status = bolt.Success
		}
		if l.writer.Append(f.AppendAnswer(nil, status)) == nil {
			l.flushes.add(l.writer)
		}
	}
}

// late has calls whose time is over.
func (l *boltLink) late(all []*boltCall) {
	for _, x := range all {
		x.fail(&failure{status: http.StatusGatewayTimeout, why: "the server did not answer in time", fault: !x.hurried()})
	}
	l.leave()
}

// end fails what is under way, once. It does not wait.
func (l *boltLink) end(err error) {
	l.once.Do(func() {
		l.links.forget(l)
		rest := l.table.Close()
		_ = l.up.Conn.Close() // run's read ends
		for _, x := range rest {
			x.fail(&failure{status: http.StatusBadGateway, why: "the server ended the connection: " + err.Error(), fault: true})
		}
	})
}

// retire has the connection end with its last call.
func (l *boltLink) retire() {
	l.mu.Lock()
	l.retired = true
	l.mu.Unlock()
	l.leave()
}

// leave ends a retired connection that nothing uses.
func (l *boltLink) leave() {
	l.mu.Lock()
	retired := l.retired
	l.mu.Unlock()
	if retired && l.table.CloseIdle(time.Now()) {
		_ = l.up.Conn.Close() // run ends it
	}
}

// forget has no more calls come to a connection.
func (s *boltLinks) forget(l *boltLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(l.set.links, l); i >= 0 {
		l.set.links = slices.Delete(l.set.links, i, i+1)
	}
	if most, _, _ := l.endpoint.Bounds(); most == 0 && len(l.set.links) == 0 && l.set.dialing == nil && s.all[l.key] == l.set {
		delete(s.all, l.key) // the endpoint is no more
	}
}

// sweep retires connections to endpoints that no cluster has any more.
func (s *boltLinks) sweep() {
	kept := map[*upstream.Endpoint]bool{}
	for _, c := range s.server.clusters.Clusters() {
		for _, e := range c.Endpoints {
			kept[e] = true
		}
	}
	s.each(func(k linkKey) bool { return !kept[k.endpoint] }, (*boltLink).retire)
}

// end ends all connections. No client is served any more.
func (s *boltLinks) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.each(func(linkKey) bool { return true }, func(l *boltLink) { l.end(errEnding) })
}

func (s *boltLinks) each(which func(linkKey) bool, do func(*boltLink)) {
	var all []*boltLink
	s.mu.Lock()
	for k, set := range s.all {
		if !which(k) {
			continue
		}
		all = append(all, set.links...)
		if set.dialing == nil {
			delete(s.all, k)
		}
	}
	s.mu.Unlock()
	for _, l := range all {
		do(l)
	}
}
