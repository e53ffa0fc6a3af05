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
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// framedLinks are the connections to servers of protocols of frames, each of which carries calls of many clients.
type framedLinks struct {
	server *Server

	mu   sync.Mutex
	all  map[linkKey]*linkSet
	over bool // none is made any more
}

// linkKey is what calls have in common that may share connections.
type linkKey struct {
	endpoint *upstream.Endpoint
	speaks   framing
	kind     uint16 // of their frames
}

// linkSet are the connections of one key. framedLinks' mu guards it.
type linkSet struct {
	links   []*framedLink
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
func (s *framedLinks) ready(k linkKey) *framedLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.all[k]
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
		if most, _, _ := k.endpoint.Bounds(); len(set.links) < most {
			s.dial(k, set)
		}
	}
	return best
}

// connect is ready that waits for a connection until then.
func (s *framedLinks) connect(k linkKey, until time.Time) (*framedLink, error) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for {
		if l := s.ready(k); l != nil {
			return l, nil
		}
		d := s.dialed(k)
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
func (s *framedLinks) dialed(k linkKey) *dialing {
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
func (s *framedLinks) dial(k linkKey, set *linkSet) {
	d := &dialing{done: make(chan struct{})}
	set.dialing = d
	s.server.reaping.Go(func() {
		up, _, err := k.endpoint.Get(time.Now().Add(linkWithin), s.server.done)
		var l *framedLink
		if err == nil {
			l = s.link(k, up)
		}
		s.mu.Lock()
		set.dialing = nil
		switch {
		case l == nil:
		case s.over:
			_ = up.Close() // nothing has been said on it
			l, err = nil, errEnding
		default:
			l.set, set.links = set, append(set.links, l)
		}
		s.mu.Unlock()
		d.err = err
		close(d.done)
		if l != nil {
			l.run()
		}
	})
}

// framedLink is a connection to a server.
type framedLink struct {
	linkKey
	links   *framedLinks
	set     *linkSet
	up      *upstream.Conn
	reader  *mux.Reader[[]byte]
	writer  *mux.Writer
	table   *mux.Table[*framedCall]
	flushes flushes
	once    sync.Once

	mu      sync.Mutex
	retired bool // its endpoint is no more: it ends with its last call
}

func (s *framedLinks) link(k linkKey, up *upstream.Conn) *framedLink {
	settings := s.server.settings.Load()
	l := &framedLink{linkKey: k, links: s, up: up, reader: mux.NewReader(up.Conn, k.speaks.split, settings.FrameSize, nil)}
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
func (l *framedLink) run() {
	l.end(l.read())
	_ = l.up.Close() // it is closed already, and counted now
	l.writer.Close(errEnding)
	l.reader.Release()
}

func (l *framedLink) read() error {
	_, _, idle := l.endpoint.Bounds()
	idle = max(idle, time.Second) // the endpoint may be no more
	if err := l.up.SetReadDeadline(time.Now().Add(idle)); err != nil {
		return err
	}
	for {
		for {
			f, err := l.reader.Next()
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

// more reads on. A connection that nothing has used for as long as idle ends; one whose calls take so long is used, as its server is told by a heartbeat.
func (l *framedLink) more(idle time.Duration) error {
	for {
		err := l.reader.More()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now := time.Now()
		if l.table.CloseIdle(now.Add(-idle)) {
			return errEnding
		}
		if l.writer.Append(l.speaks.appendHeartbeat(nil, mux.None)) == nil {
			l.writer.Flush()
		}
		if err := l.up.SetReadDeadline(now.Add(idle)); err != nil {
			return err
		}
	}
}

// take has a frame of the server's.
func (l *framedLink) take(f []byte) {
	var answer []byte
	switch l.speaks.sort(f) {
	case isAnswer:
		l.answer(f)
	case isHeartbeat:
		answer = l.speaks.appendBeat(nil, f)
	case isCall: // nobody here has it: clients are not called
		answer = l.speaks.appendNobody(nil, f)
	case isParting:
		l.links.forget(l)
		l.endpoint.Parts()
		l.retire()
	}
	if answer != nil && l.writer.Append(answer) == nil {
		l.flushes.add(l.writer)
	}
}

// answer passes an answer on.
func (l *framedLink) answer(f []byte) {
	n, ok := l.speaks.number(f)
	if !ok {
		return // nothing was asked by such a number
	}
	x, ok := l.table.Take(n)
	if !ok {
		return // it was late
	}
	if !time.Now().Before(x.deadline) {
		l.late([]*framedCall{x}) // a server may know that too, and say less than it has
		return
	}
	if w := x.reply(f); w != nil {
		l.flushes.add(w)
	}
	l.leave()
}

// late has calls whose time is over.
func (l *framedLink) late(all []*framedCall) {
	for _, x := range all {
		early := time.Now().Before(x.deadline)
		x.lost(&failure{status: http.StatusGatewayTimeout, why: "the server did not answer in time", fault: early || !x.hurried(), cause: cause{timeout: early}})
	}
	l.leave()
}

// end fails what is under way, once. It does not wait.
func (l *framedLink) end(err error) {
	l.once.Do(func() {
		l.links.forget(l)
		rest := l.table.Close()
		_ = l.up.Conn.Close() // run's read ends
		for _, x := range rest {
			x.lost(&failure{status: http.StatusBadGateway, why: "the server ended the connection: " + err.Error(), fault: true, cause: cause{reset: true}})
		}
	})
}

// retire has the connection end with its last call.
func (l *framedLink) retire() {
	l.mu.Lock()
	l.retired = true
	l.mu.Unlock()
	l.leave()
}

// leave ends a retired connection that nothing uses.
func (l *framedLink) leave() {
	l.mu.Lock()
	retired := l.retired
	l.mu.Unlock()
	if retired && l.table.CloseIdle(time.Now()) {
		_ = l.up.Conn.Close() // run ends it
	}
}

// forget has no more calls come to a connection.
func (s *framedLinks) forget(l *framedLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(l.set.links, l); i >= 0 {
		l.set.links = slices.Delete(l.set.links, i, i+1)
	}
	if len(l.set.links) == 0 && l.set.dialing == nil && s.all[l.linkKey] == l.set {
		delete(s.all, l.linkKey) // the endpoint, or the description of its protocol, may be no more
	}
}

// sweep retires connections to endpoints that no cluster has any more.
func (s *framedLinks) sweep() {
	kept := map[*upstream.Endpoint]bool{}
	for _, c := range s.server.clusters.Clusters() {
		for _, e := range c.Endpoints {
			kept[e] = true
		}
	}
	s.each(func(k linkKey) bool { return !kept[k.endpoint] }, (*framedLink).retire)
}

// end ends all connections. No client is served any more.
func (s *framedLinks) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.each(func(linkKey) bool { return true }, func(l *framedLink) { l.end(errEnding) })
}

func (s *framedLinks) each(which func(linkKey) bool, do func(*framedLink)) {
	var all []*framedLink
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
