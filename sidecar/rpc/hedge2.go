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

// hedgeSlow has a call that takes long be sent to a second server, if it has not begun to be answered, and the first has all of it: else that is seen to when
// it has. mu is held.
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
	x.stream.Hold()
	x.conn.calls.Go(func() {
		defer x.stream.Release()
		x.rival2(e, body)
	})
}

// rival2 sends the call to a second server.
func (x *call2) rival2(e *upstream.Endpoint, body []byte) {
	shared, err := e.Share(x.getDeadline(), x.server.done, x.server.connect2(e))
	x.mu.Lock()
	r := &x.relay
	var unreachable *upstream.ConnectError
	switch {
	case errors.As(err, &unreachable):
		e.Over(breaker.Failed, err.Error())
	case err != nil || x.over || r.begun || r.server == nil:
		e.Over(breaker.Unknown, "")
	default:
		two := shared.(*http2.Conn)
		s, ok := two.Open(x.request2(), x.whole, fromServer{x})
		if !ok {
			e.Over(breaker.Unknown, "")
			break
		}
		e.Load.Begin()
		x.second2 = second{s, e, time.Now()}
		if !x.whole {
			s.SendData(body, true)
		}
		x.mu.Unlock()
		two.Flush()
		return
	}
	x.mu.Unlock()
}

// second is a second try of a call by HTTP/2, until it is the only one.
type second struct {
	stream   *http2.Stream // nil: there is none
	endpoint *upstream.Endpoint
	sentAt   time.Time
}

// forgo ends the second try. mu is held.
func (x *call2) forgo(o breaker.Outcome, why string) {
	s := x.second2
	if s.stream == nil {
		return
	}
	x.second2 = second{}
	s.endpoint.Load.End(time.Since(s.sentAt))
	s.endpoint.Over(o, why)
	if !s.stream.Over() {
		s.stream.Reset(http2.Cancel)
		x.server.reaping.Go(s.stream.Conn().Flush)
	}
}

// promote makes the second try the call's, as the first has failed, or the second answered before it; it returns false if there is none. mu is held.
func (x *call2) promote(f *failure) bool {
	s, r := x.second2, &x.relay
	if s.stream == nil || r.begun {
		return false
	}
	x.second2 = second{}
	if first := r.server; first != nil {
		x.detach(true)
		x.server.reaping.Go(first.Conn().Flush)
	}
	x.beside(s.endpoint, f)
	x.done.HedgeWon = true
	r.server, r.endpoint, r.sentAt = s.stream, s.endpoint, s.sentAt
	if y := x.route.Retry; y != nil && y.PerTry > 0 {
		r.late = time.AfterFunc(time.Until(s.sentAt.Add(y.PerTry)), func() { x.tooLate(s.stream) })
	}
	return true
}
