package rpc

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/governance/hedge"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// hedging is what a call knows of a second server beside the first. The zero value has none.
type hedging struct {
	by    *hedge.Hedge // nil: the call is sent to one at a time
	began time.Time
}

// hedged has the call be sent to a second server, if the route says so and both ends speak the protocol that the call came by.
func (x *call) hedged() {
	h := x.route.Hedge
	if h == nil || !h.Of(x.method) {
		return
	}
	x.hedging = hedging{x.table.hedges[x.route], time.Now()}
	x.hedging.by.First()
}

// heard notes that an answer has begun.
func (x *call) heard() {
	h, places := x.hedging.by, &x.place
	if h == nil && places.began.IsZero() {
		return
	}
	now := time.Now()
	if places.answer = now; h != nil {
		h.Took(now, now.Sub(x.hedging.began))
	}
}

// second is another endpoint than the one that has the call; nil: there is none, or no budget, neither of hedges nor of the cluster, whose servers get no more by them than by what is tried again.
func (x *call) second() *upstream.Endpoint {
	if !x.hedging.by.Again() || !x.cluster.Budget.Again(time.Now()) {
		return nil
	}
	e := x.cluster.Pick(append(slices.Clone(x.tried), x.at))
	x.done.Hedged = e != nil
	return e
}

// beside takes the place of the endpoint that has the call: the second has answered, or the first has failed.
func (x *call) beside(e *upstream.Endpoint, f *failure) {
	if f != nil {
		x.tell(f)
	} else {
		x.at.Over(breaker.Unknown, "") // it may still be at work
	}
	x.at, x.done.Endpoint = e, e.Address
}

// rival is a second try of a call by HTTP/1, by a goroutine of its own.
type rival struct {
	server   *Server
	endpoint *upstream.Endpoint
	first    *upstream.Conn // which the rival's answer interrupts
	request  []byte
	method   string
	by       time.Time
	done     chan struct{} // closed when it has won or failed
	given    *waker        // closed when it is not wanted any more

	mu       sync.Mutex // guards what follows
	over     bool       // it is not wanted any more
	won      bool
	began    time.Time // of what its endpoint has to do; the zero time: nothing
	up       *upstream.Conn
	conn     *http1.Conn
	response http1.Response
}

// Close implements io.Closer: it is given up.
func (r *rival) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	_ = r.given.Close() // which never fails
	if r.up != nil && !r.won {
		return r.up.Conn.Close()
	}
	return nil
}

// both are the connections of a call and its rival: who leaves gives up both.
type both struct {
	*rival
	conn *upstream.Conn
}

// Close implements io.Closer.
func (b both) Close() error { return errors.Join(b.conn.Conn.Close(), b.rival.Close()) }

// await waits for the head of the answer; where that takes long, another server may be asked too.
func (t *transfer) await() *failure {
	h := t.hedging.by
	if h == nil || t.done.Hedged || t.upgrade || !t.whole() {
		return t.readHead()
	}
	after := h.After()
	until := time.Now().Add(after)
	if after == 0 || !until.Before(t.tryBy) || t.server.SetReadDeadline(until) != nil {
		return t.readHead()
	}
	if err := t.server.More(); err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || t.conn.isGone() {
		return t.readHead()
	}
	e := t.second()
	if e == nil {
		return t.readHead()
	}
	if err := t.server.SetReadDeadline(t.tryBy); err != nil {
		e.Over(breaker.Unknown, "")
		return t.lost(err)
	}
	r := &rival{
		server: t.call1.server, endpoint: e, first: t.up, method: t.done.Method, by: t.tryBy, done: make(chan struct{}), given: newWaker(),
		request: append(t.appendRequest(nil), t.conn.client.Since(t.from)...),
	}
	if !t.conn.holds(both{r, t.up}) {
		e.Over(breaker.Unknown, "")
		return t.readHead()
	}
	r.server.reaping.Go(r.run)
	failed := t.settle(r, t.takeHead())
	if !t.conn.holds(t.up.Conn) {
		_ = t.up.Conn.Close() // the call is cut
	}
	return failed
}

// settle has one of both be the call's: the rival, if it has answered first, or if the other has failed and it has not.
func (t *transfer) settle(r *rival, failed *failure) *failure {
	if failed == nil && t.response.Status < http.StatusInternalServerError {
		_ = r.Close() // it is not wanted any more
		r.mu.Lock()
		won := r.won
		r.mu.Unlock()
		if won {
			r.discard(breaker.Good, "")
			_ = t.server.SetReadDeadline(t.tryBy) // which the rival has set; fails only on a closed connection
		}
		return nil
	}
	select {
	case <-r.done:
	case <-r.given.closed:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.won || r.over {
		if r.over = true; r.won {
			r.discard(breaker.Unknown, "")
		}
		return failed
	}
	switch {
	case failed == nil:
		failed = &failure{why: "status " + strconv.Itoa(t.response.Status), fault: true}
	case failed.status == http.StatusGatewayTimeout && time.Now().Before(t.tryBy):
		failed = nil // it was interrupted
	}
	t.beside(r.endpoint, failed)
	t.done.HedgeWon = true
	t.server.Release()
	_ = t.up.Close() // its answer is not wanted any more
	t.up, t.server, t.response, t.rival = r.up, r.conn, r.response, r
	return nil
}

// run sends the call and waits for the head of its answer. One that comes is the transfer's, unless it is not wanted any more.
func (r *rival) run() {
	defer close(r.done)
	up, _, err := r.endpoint.Get(r.by, r.server.done)
	if err != nil {
		outcome := breaker.Unknown
		var unreachable *upstream.ConnectError
		if errors.As(err, &unreachable) {
			outcome = breaker.Failed
		}
		r.endpoint.Over(outcome, err.Error())
		return
	}
	r.mu.Lock()
	r.up, r.began = up, time.Now()
	if r.conn, _ = up.State.(*http1.Conn); r.conn == nil {
		r.conn = http1.NewConn(up.Conn)
		up.State = r.conn
	}
	over := r.over
	r.mu.Unlock()
	r.endpoint.Load.Begin()
	if err = errRival; !over {
		err = r.exchange()
	}
	r.mu.Lock()
	r.won = err == nil && !r.over
	won, over := r.won, r.over
	if won {
		_ = r.first.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
	}
	r.mu.Unlock()
	switch {
	case won:
	case over:
		r.discard(breaker.Unknown, "")
	default:
		r.discard(breaker.Failed, err.Error())
	}
}

var errRival = errors.New("the answer is not wanted any more")

// exchange sends the call and reads the head of its answer, without those that another follows.
func (r *rival) exchange() error {
	c := r.conn
	c.SetPatience(r.server.settings.Load().Silence)
	if err := c.Append(r.request); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	if err := c.SetReadDeadline(r.by); err != nil {
		return err
	}
	for {
		head, err := c.ReadHead(maxAnswerHead, func() error { return nil })
		if err != nil {
			return err
		}
		if err := r.response.Parse(head); err != nil {
			return err
		}
		switch c.Take(len(head)); {
		case r.response.Status >= http.StatusInternalServerError:
			return errors.New("status " + strconv.Itoa(r.response.Status))
		case r.response.Status >= http.StatusOK:
			return nil
		}
	}
}

// discard ends a rival that the call has nothing of.
func (r *rival) discard(o breaker.Outcome, why string) {
	r.unload()
	r.conn.Release()
	_ = r.up.Close() // whatever was to come on it is not wanted
	r.endpoint.Over(o, why)
}

// unload has its endpoint no longer be busy with the call.
func (r *rival) unload() { r.endpoint.Load.End(time.Since(r.began)) }

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

// hedges are those of a table's routes; they go on as before where the table before had the same.
func hedges(t *route.Table, before *routed) map[*route.Route]*hedge.Hedge {
	out, had := map[*route.Route]*hedge.Hedge{}, map[string]*hedge.Hedge{}
	if before != nil {
		for old, h := range before.hedges {
			had[old.Name] = h
		}
	}
	for _, r := range t.Routes() {
		if r.Hedge == nil {
			continue
		}
		if out[r] = hedge.New(r.Hedge.Rule()); had[r.Name] != nil && had[r.Name].Rule() == out[r].Rule() {
			out[r] = had[r.Name]
		}
	}
	return out
}
