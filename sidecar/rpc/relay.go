package rpc

import (
	"net/http"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// A call between two connections of HTTP/2 is passed on by the goroutines that read these, a frame as it comes. One of its own
// works for it only while it waits for a connection. What one end cannot take yet waits in that end's stream, and the other end's
// window is given back as it goes.

// start sends the call to an endpoint, if it need not be waited for. mu is held.
func (x *call2) start() {
	x.bound()
	e, failed := x.next(nil)
	if failed != nil {
		x.fail(failed)
		return
	}
	if two, ok := e.Ready().(*http2.Conn); ok && x.attach(e, two) {
		x.stream.Conn().Touch(two)
		return
	}
	x.wait(e)
}

// bound has the call end when its time is over. mu is held.
func (x *call2) bound() {
	if !x.deadline.IsZero() {
		x.timer = time.AfterFunc(time.Until(x.deadline), x.expire)
	}
}

// wait has a goroutine wait for a connection to e. mu is held.
func (x *call2) wait(e *upstream.Endpoint) {
	x.stream.Hold()
	x.conn.calls.Go(func() {
		defer x.stream.Release()
		defer x.stream.Conn().Flush()
		x.connect(e)
	})
}

// connect waits for a connection, until the call is on its way or has failed.
func (x *call2) connect(e *upstream.Endpoint) {
	for {
		shared, err := e.Share(x.getDeadline(), x.server.done, x.server.connect2(e))
		x.mu.Lock()
		if x.over {
			x.mu.Unlock()
			return
		}
		if err != nil {
			failed := x.unreached(e, err)
			if e, failed = x.next(failed); failed != nil { // of which none is tried again after a pause
				x.fail(failed)
				x.mu.Unlock()
				return
			}
			x.mu.Unlock()
			continue
		}
		two := shared.(*http2.Conn)
		attached := x.attach(e, two)
		x.mu.Unlock()
		if attached {
			two.Flush()
			return
		}
	}
}

// attach sends the call on a connection, with what has come of its body; false: the connection takes none any more. mu is held.
func (x *call2) attach(e *upstream.Endpoint, two *http2.Conn) bool {
	r := &x.relay
	s, ok := two.Open(x.request2(), x.whole, fromServer{x})
	if !ok {
		return false
	}
	defer x.hedgeSlow() // when all of it is sent that there is
	r.server, r.endpoint, r.sentAt = s, e, time.Now()
	e.Load.Begin()
	if x.tryBy.Before(x.deadline) || x.deadline.IsZero() && !x.tryBy.IsZero() {
		r.late = time.AfterFunc(time.Until(x.tryBy), func() { x.tooLate(s) })
	}
	if h := x.hedging.by; h != nil && x.hedger == nil {
		if after := h.After(); after > 0 {
			x.hedger = time.AfterFunc(after, x.hedge2)
		}
	}
	if x.whole || len(r.waiting) == 0 && !r.ended {
		return true
	}
	taken := s.SendData(r.waiting, r.ended && r.trailers == nil)
	r.passed = true
	x.keep(r.waiting)
	x.giveBack(taken)
	if r.ended && r.trailers != nil {
		x.parted = true
		s.SendHead(r.trailers, true)
	}
	r.waiting, r.trailers = nil, nil
	return true
}

// detach gives the stream to the server up, with a code if it is not over. mu is held.
func (x *call2) detach(reset bool) {
	r := &x.relay
	if r.server == nil {
		return
	}
	if reset {
		r.server.Reset(http2.Cancel)
	}
	if r.late != nil {
		r.late.Stop()
		r.late = nil
	}
	r.server = nil
	x.unload()
}

// unload has the endpoint no longer be busy with the call. mu is held.
func (x *call2) unload() {
	if r := &x.relay; r.endpoint != nil {
		r.endpoint.Load.End(x.took(r.sentAt))
		r.endpoint = nil
	}
}

// mostKept is how much of a body is kept to be sent again.
const mostKept = 16 << 10

// keep keeps what is sent of a body, where the route may have the call tried again. mu is held.
func (x *call2) keep(p []byte) {
	r := &x.relay
	if x.route.Retry == nil && x.hedging.by == nil || r.begun || r.forgets {
		return
	}
	if len(r.kept)+len(p) > mostKept {
		r.kept, r.forgets = nil, true
		return
	}
	r.kept = append(r.kept, p...)
}

// giveBack has the client send as much more as has been passed on, unless that was so before the call was tried again. mu is held.
func (x *call2) giveBack(n int) {
	r := &x.relay
	again := min(n, r.owed)
	r.owed -= again
	if n -= again; n > 0 {
		r.given += n
		x.stream.Consumed(n)
	}
}

// tooLate ends a try that has not begun to be answered in time.
func (x *call2) tooLate(s *http2.Stream) {
	x.mu.Lock()
	if x.over || x.relay.begun || x.relay.server != s {
		x.mu.Unlock()
		return
	}
	if x.lacks() { // without it the call can be sent to no other
		x.relay.late.Reset(x.route.Retry.PerTry)
		x.mu.Unlock()
		return
	}
	x.detach(true)
	x.afresh(&failure{status: http.StatusGatewayTimeout, why: "the server did not answer in time", fault: true, cause: cause{timeout: true}})
	x.mu.Unlock()
	s.Conn().Flush()
	x.stream.Conn().Flush()
}

// mayRepeat says whether the route has a call tried again that failed so. mu is held.
func (x *call2) mayRepeat(c cause) bool {
	r := &x.relay
	whole := x.whole || r.ended && !r.forgets && r.trailers == nil && !x.parted
	return x.tryAgain(c, whole && !r.begun)
}

// afresh has the call sent again, if it may be, and else tells the client. mu is held.
func (x *call2) afresh(f *failure) {
	if x.promote(f) {
		return
	}
	if !f.again && !f.repeat {
		f.repeat = x.mayRepeat(f.cause)
	}
	if !f.repeat {
		if e, failed := x.next(f); failed != nil {
			x.fail(failed)
		} else {
			x.wait(e)
		}
		return
	}
	r := &x.relay
	r.waiting, r.kept, r.owed = r.kept, nil, r.given
	x.stream.Hold()
	x.conn.calls.Go(func() {
		defer x.stream.Release()
		defer x.stream.Conn().Flush()
		x.rest(f)
		x.mu.Lock()
		if x.over {
			x.mu.Unlock()
			return
		}
		e, failed := x.next(f)
		if failed != nil {
			x.fail(failed)
		}
		x.mu.Unlock()
		if failed == nil {
			x.connect(e)
		}
	})
}

// lacks says whether the server waits for more of the client's body, and has taken all that has come. mu is held.
func (x *call2) lacks() bool {
	r := &x.relay
	return r.server != nil && !x.whole && !r.ended && r.came == r.given
}

// expire ends a call whose time is over.
func (x *call2) expire() {
	x.mu.Lock()
	if x.over || x.relay.begun && !x.grpc {
		x.mu.Unlock()
		return
	}
	server := x.relay.server
	failed := &failure{status: http.StatusGatewayTimeout, why: "the server did not answer in time", fault: server != nil && !x.hurried()}
	switch {
	case x.relay.begun:
		x.tell(nil) // it has answered as long as there was time
	case x.lacks():
		failed = bodyLate()
	}
	x.detach(true)
	x.tell(failed)
	x.fail(failed)
	x.mu.Unlock()
	if server != nil {
		server.Conn().Flush()
	}
	x.stream.Conn().Flush()
}

// fromClient is what the client's stream tells.
type fromClient struct{ *call2 }

// Head implements http2.Receiver: a client's stream has but one, which began it.
func (fromClient) Head(*http2.Stream, int, []http2.Field, bool) {}

// Data implements http2.Receiver.
func (f fromClient) Data(s *http2.Stream, p []byte, end bool) {
	x := f.call2
	x.mu.Lock()
	defer x.mu.Unlock()
	r := &x.relay
	r.ended = r.ended || end
	r.came += len(p)
	x.mirror.add(p, end)
	switch {
	case r.server != nil:
		r.passed = true
		x.keep(p)
		x.giveBack(r.server.SendData(p, end))
		s.Conn().Touch(r.server.Conn())
	case !x.over:
		r.waiting = append(r.waiting, p...)
	}
	if end {
		x.patient()
	}
}

// Trailers implements http2.Receiver.
func (f fromClient) Trailers(s *http2.Stream, fields []http2.Field) {
	x := f.call2
	x.mu.Lock()
	defer x.mu.Unlock()
	r := &x.relay
	r.ended = true
	x.mirror.add(nil, true)
	var behind []http2.Field
	for i := range fields {
		if mayTrail(fields[i].Name) {
			behind = append(behind, fields[i])
		}
	}
	switch {
	case r.server != nil:
		r.passed = true
		x.parted = x.parted || behind != nil
		r.server.SendTrailers(behind)
		s.Conn().Touch(r.server.Conn())
		x.patient()
	case !x.over:
		r.trailers = behind
	}
}

// Closed implements http2.Receiver: the client has given up.
func (f fromClient) Closed(s *http2.Stream, err *http2.Error) {
	x := f.call2
	x.mu.Lock()
	server := x.relay.server
	x.detach(true)
	if !x.over {
		x.done.Why = "the client: " + err.Why
		x.finish()
	}
	x.mu.Unlock()
	if server != nil {
		server.Conn().Flush()
	}
}

// Took implements http2.Receiver.
func (f fromClient) Took(_ *http2.Stream, n int) {
	f.mu.Lock()
	server := f.relay.server
	f.mu.Unlock()
	if server != nil {
		server.Consumed(n)
		server.Conn().Flush()
	}
}

// fromServer is what the server's stream tells. One that has been given up tells nothing that matters.
type fromServer struct{ *call2 }

// Head implements http2.Receiver.
func (f fromServer) Head(s *http2.Stream, status int, fields []http2.Field, end bool) {
	x := f.call2
	x.mu.Lock()
	defer x.mu.Unlock()
	code := 0
	if end && x.grpc && status == http.StatusOK {
		code = grpcCodeOf(fields) // the answer is nothing but a status of gRPC
	}
	o, why := x.judge(status, code)
	if x.second2.stream == s {
		switch {
		case o != breaker.Good:
			x.forgo(o, why)
		case status >= http.StatusOK:
			x.promote(nil)
		}
	}
	if x.relay.server != s {
		return
	}
	s.Conn().Touch(x.stream.Conn())
	if status < 200 {
		if failed := x.interim(); failed != nil {
			x.detach(true)
			x.afresh(failed)
			return
		}
		x.stream.SendHead(fields, false)
		return
	}
	if o != breaker.Good && x.promote(&failure{status: status, code: code, why: "the server answered " + statusText(status, code), fault: o == breaker.Failed, cause: cause{status: status, code: code}}) {
		return // the other one may do better
	}
	if x.mayRepeat(cause{status: status, code: code}) {
		x.detach(true)
		x.afresh(&failure{status: status, code: code, why: "the server answered " + statusText(status, code), fault: o == breaker.Failed, repeat: true})
		return
	}
	x.relay.begun = true
	x.relay.kept = nil
	x.forgo(breaker.Unknown, "")
	x.heard()
	if x.relay.late != nil {
		x.relay.late.Stop()
	}
	x.done.Status = status
	if x.timer != nil && !x.grpc {
		x.timer.Stop()
	}
	x.stream.SendHead(x.answer2(fields), end)
	if end {
		x.answered(fields)
	}
}

// interim notes an answer that others follow; with a failure there have been too many. mu is held.
func (x *call2) interim() *failure {
	if x.relay.interims++; x.relay.interims <= http2.MostInterim {
		return nil
	}
	return &failure{status: http.StatusBadGateway, why: "the server gives too many answers that others follow", fault: true}
}

// Data implements http2.Receiver.
func (f fromServer) Data(s *http2.Stream, p []byte, end bool) {
	x := f.call2
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.relay.server != s {
		return
	}
	s.Consumed(x.stream.SendData(p, end))
	s.Conn().Touch(x.stream.Conn())
	if end {
		x.answered(nil)
	}
}

// Trailers implements http2.Receiver.
func (f fromServer) Trailers(s *http2.Stream, fields []http2.Field) {
	x := f.call2
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.relay.server != s {
		return
	}
	x.stream.SendHead(fields, true)
	s.Conn().Touch(x.stream.Conn())
	if x.grpc && x.expiring() && grpcCodeOf(fields) == grpcDeadlineExceeded {
		x.tell(nil) // by its server's clock, which is ahead of expire
	}
	x.answered(fields)
}

// answered notes that all of an answer has come, with these trailers. The client may go on with its body. mu is held.
func (x *call2) answered(trailers []http2.Field) {
	if x.grpc {
		x.code = grpcCodeOf(trailers)
		x.done.Code = strconv.Itoa(x.code) // it is counted by: not as the server has written it
	}
	if x.relay.ended || x.whole {
		x.detach(false)
	}
	x.unload()
	x.finish()
}

// Closed implements http2.Receiver: the server has given up, or is gone.
func (f fromServer) Closed(s *http2.Stream, err *http2.Error) {
	x := f.call2
	x.mu.Lock()
	if x.second2.stream == s {
		if excused(err) {
			x.forgo(breaker.Unknown, "")
		} else {
			x.forgo(breaker.Failed, err.Error())
		}
	}
	if x.relay.server != s {
		x.mu.Unlock()
		return
	}
	e := x.relay.endpoint
	x.detach(false)
	switch failed := x.lost(e, err); {
	case x.over: // its answer is whole, and no more of the body is wanted
		x.stream.Reset(http2.NoError)
	case failed == nil && x.promote(&failure{status: http.StatusBadGateway, why: "the server gave up: " + err.Error(), fault: true}):
	case failed == nil:
		x.done.Why = "the server gave up: " + err.Error()
		x.tell(&failure{why: x.done.Why, fault: true})
		code := err.Code
		if err.Lost || code == http2.NoError {
			code = http2.InternalError
		}
		x.stream.Reset(code)
		x.finish()
	default:
		x.afresh(failed)
	}
	x.mu.Unlock()
	x.stream.Conn().Flush()
}

// lost is the failure of a stream that ended before its answer; nil: the client is to see that as it was, as it can be
// told of no other end, or tries again itself. mu is held.
func (x *call2) lost(e *upstream.Endpoint, err *http2.Error) *failure {
	r := &x.relay
	switch {
	case r.begun && !x.grpc:
		return nil
	case err.Unsent && !r.passed && !r.begun:
		return x.refused(e, err)
	case err.Unsent && !r.begun:
		return nil
	case x.grpc && err.Code == http2.Cancel && !err.Lost && x.expiring(): // by its own clock, as servers of gRPC end what is late
		return &failure{status: http.StatusGatewayTimeout, why: "the server ended the call as its time was over"}
	}
	f := &failure{status: http.StatusBadGateway, why: "the server gave up: " + err.Error(), fault: true, cause: cause{reset: true}}
	if err.Lost && x.whole && !r.begun && !r.lost && safe(x.method) {
		r.lost, f.again, f.sent, f.fault = true, true, true, false // its end says nothing of the server
	}
	return f
}

// safe says whether a method changes nothing (RFC 9110, section 9.2.1).
func safe(method []byte) bool {
	switch string(method) {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// Took implements http2.Receiver.
func (f fromServer) Took(s *http2.Stream, n int) {
	x := f.call2
	x.mu.Lock()
	if x.relay.server == s {
		x.giveBack(n)
	}
	x.mu.Unlock()
	f.stream.Conn().Flush()
}
