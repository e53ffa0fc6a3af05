package rpc

import (
	"errors"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// A call between two connections of HTTP/2 has no goroutine that waits: a timer has a second stream be opened, and whichever has a head first is the call's.

// hedge2 has a call by HTTP/2 be sent to a second server.
func (x *call2) hedge2() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.slow = true
	x.hedgeSlow()
}

// patient has the first server be waited for anew, as it has all of the call only now. mu is held.
func (x *call2) patient() {
	h := x.hedging.by
	if h == nil || x.over || x.relay.begun {
		return
	}
	x.hedging.began, x.slow = time.Now(), false
	if x.hedger != nil && !x.done.Hedged {
		x.hedger.Reset(max(h.After(), 1))
	}
}

// hedgeSlow has a call that takes long be sent to a second server, if it has not begun to be answered, and the first has all of it: else it is waited for anew when it has.
// mu is held.
func (x *call2) hedgeSlow() {
	r := &x.relay
	if !x.slow {
		return
	}
	if x.over || r.begun || r.server == nil || x.done.Hedged || !(x.whole || r.ended && !r.forgets && r.trailers == nil && !x.parted) {
		return
	}
	e := x.second()
	if e == nil {
		return
	}
	body := slices.Clone(r.kept)
	given := newWaker()
	x.second2 = second{endpoint: e, coming: given}
	x.stream.Hold()
	x.conn.calls.Go(func() {
		defer x.stream.Release()
		defer x.stream.Conn().Flush()
		x.rival2(e, body, given)
	})
}

// rival2 sends the call to a second server, unless the call is answered before there is a connection. given is closed then.
func (x *call2) rival2(e *upstream.Endpoint, body []byte, given *waker) {
	shared, err := e.Share(x.getDeadline(), given.closed, x.server.connect2(e))
	two, _ := shared.(*http2.Conn)
	x.mu.Lock()
	if x.second2.coming != given { // it was given up
		x.mu.Unlock()
		return
	}
	first := x.second2.first
	x.second2 = second{}
	sent := two != nil && x.send2(e, two, body)
	var unreachable *upstream.ConnectError
	switch {
	case sent:
	case errors.As(err, &unreachable):
		x.tried = append(x.tried, e)
		e.Over(breaker.Failed, err.Error())
	default:
		e.Over(breaker.Unknown, "")
	}
	switch {
	case first == nil:
	case sent:
		x.promote(first)
	default:
		x.afresh(first)
	}
	x.mu.Unlock()
	if sent {
		two.Flush()
	}
}

// send2 sends the call to a second server on a connection; false: that takes none any more. mu is held.
func (x *call2) send2(e *upstream.Endpoint, two *http2.Conn, body []byte) bool {
	s, ok := two.Open(x.request2(), x.whole, fromServer{x})
	if !ok {
		return false
	}
	e.Load.Begin()
	x.second2 = second{stream: s, endpoint: e, sentAt: time.Now()}
	if !x.whole {
		s.SendData(body, true)
	}
	return true
}

// second is a second try of a call by HTTP/2, until it is the only one.
type second struct {
	stream   *http2.Stream // nil: there is none
	endpoint *upstream.Endpoint
	sentAt   time.Time
	coming   *waker   // ends the wait for a connection; nil: that is over
	first    *failure // what the first has failed by meanwhile; nil: it has not
}

// forgo ends the second try. mu is held.
func (x *call2) forgo(o breaker.Outcome, why string) {
	s := x.second2
	x.second2 = second{}
	switch {
	case s.coming != nil:
		_ = s.coming.Close() // which never fails
		s.endpoint.Over(breaker.Unknown, "")
	case s.stream != nil:
		s.endpoint.Load.End(time.Since(s.sentAt))
		s.endpoint.Over(o, why)
		if !s.stream.Over() {
			s.stream.Reset(http2.Cancel)
			x.server.reaping.Go(s.stream.Conn().Flush)
		}
	}
}

// promote makes the second try the call's, as the first has failed, or the second answered before it; where it waits for a connection yet, that is decided then. It returns false if there is none. mu is held.
func (x *call2) promote(f *failure) bool {
	s, r := &x.second2, &x.relay
	if s.endpoint == nil || r.begun {
		return false
	}
	if first := r.server; first != nil {
		x.detach(true)
		x.server.reaping.Go(first.Conn().Flush)
	}
	if s.coming != nil {
		s.first = f
		return true
	}
	x.take(*s, f)
	x.second2 = second{}
	return true
}

// take makes a second try the call's. mu is held.
func (x *call2) take(s second, f *failure) {
	r := &x.relay
	x.beside(s.endpoint, f)
	x.done.HedgeWon = true
	r.server, r.endpoint, r.sentAt = s.stream, s.endpoint, s.sentAt
	if y := x.route.Retry; y != nil && y.PerTry > 0 {
		r.late = time.AfterFunc(time.Until(s.sentAt.Add(y.PerTry)), func() { x.tooLate(s.stream) })
	}
}
