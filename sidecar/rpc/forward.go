package rpc

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// forward has a server of the route's cluster answer; it returns whether the client's connection goes on.
func (x *call1) forward() (goesOn bool) {
	x.deadline = x.done.Began.Add(x.timeout())
	failed := x.choose()
	if failed == nil && x.route.Mirror != nil {
		x.reflect1()
	}
	if failed == nil && x.fault.delay > 0 {
		failed = x.delay1()
	}
	for {
		var e *upstream.Endpoint
		if e, failed = x.next(x.rest(failed)); failed != nil {
			return x.fail(failed)
		}
		if x.cluster.Protocol == route.HTTP2 {
			if goesOn, failed = x.exchange2(e); failed == nil {
				return goesOn
			}
			failed.repeat = failed.repeat || !failed.again && x.tryAgain(failed.cause, x.body.Kind == http1.Empty && !x.begun)
			continue
		}
		up, used, err := e.Get(x.deadline, x.server.done)
		if err != nil {
			failed = x.unreached(e, err)
		} else if goesOn, failed = x.exchange(e, up, used); failed == nil {
			return goesOn
		}
	}
}

// reflect1 begins a copy of the call.
func (x *call1) reflect1() {
	if x.upgrade {
		return // nobody could speak with whoever the copy comes to
	}
	if x.mirror = x.reflect(x.request2, false); x.mirror == nil {
		return
	}
	if x.body.Kind == http1.Empty {
		x.mirror.add(nil, true)
		return
	}
	x.body.Tap = x.mirror.add
}

// timeout is what the call may take: the route's time, or what its caller still waits, if that is less.
func (x *call1) timeout() time.Duration {
	limit := x.route.TimeoutOrDefault()
	for i := range x.request.Fields {
		if f := &x.request.Fields[i]; f.Is(TimeoutHeader) {
			if d, ok := timeoutHeader(f.Value); ok {
				limit = min(limit, d)
			}
		}
	}
	return limit
}

// fail answers that there is no answer. What has begun can only be cut.
func (x *call1) fail(f *failure) bool {
	x.done.Why = f.why
	if x.begun {
		x.conn.cut()
		return false
	}
	if after := f.retryAfter(); after != "" {
		return x.local(f.status, plainText+"retry-after: "+after+"\r\n", f.why+"\n", x.keeps())
	}
	return x.respond(f.status, f.why+"\n", x.keeps())
}

// exchange sends the call on a connection and passes the answer on. With a failure nothing has reached the client.
func (x *call1) exchange(e *upstream.Endpoint, up *upstream.Conn, used bool) (goesOn bool, failed *failure) {
	began := time.Now()
	e.Load.Begin()
	defer func() { e.Load.End(x.took(began)) }()
	l := lineOf(up)
	if !x.conn.holds(up.Conn) {
		_ = up.Close() // the call is cut
		return false, nil
	}
	defer x.conn.holds(nil)
	t := &x.conn.transfer
	l.response.Fields = t.response.Fields[:0]
	*t = transfer{call1: x, line: l, used: used, from: x.conn.client.Mark()}
	defer t.finish()
	body, from := x.body, x.conn.client.Mark()
	goesOn, failed = t.run()
	if failed != nil && (failed.repeat || failed.again || x.tryAgain(failed.cause, t.whole())) {
		failed.repeat = !failed.again
		x.body = body
		x.conn.client.Back(from)
	}
	return goesOn, failed
}

// whole says whether the call can be sent again as it was: all of it waited when it was sent, and waits still.
func (t *transfer) whole() bool { return t.sending == nil && !t.begun && !t.parted }

// transfer is a call on its way over one connection. A client's connection uses it again for the next.
type transfer struct {
	*call1
	sender
	line
	used     bool
	from     int  // the client's mark before its body
	parted   bool // the body did not wait as a whole
	reusable bool // the connection, when all is over
}

// finish gives the connection back or ends it.
func (t *transfer) finish() {
	if t.sending != nil {
		// The answer is over and the body is not: neither connection can go on.
		_ = t.conn.client.Conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
		_ = t.up.Conn.Close()                                   // Close below counts it
		<-t.sending
	}
	t.server.Release()
	if t.rival != nil {
		t.rival.endpoint.Load.End(t.took(t.rival.began))
	}
	if t.reusable {
		t.up.Put()
		return
	}
	_ = t.up.Close() // whatever was to come on it has come
}

func (t *transfer) run() (goesOn bool, failed *failure) {
	t.server.SetPatience(t.conn.server.settings.Load().Silence)
	if failed := t.send(); failed != nil {
		return false, failed
	}
	for {
		t.conn.waits(true)
		failed := t.await()
		if !t.conn.waits(false) {
			t.begun = true // nobody is there to be told
			return false, &failure{why: "the client has left"}
		}
		if failed != nil {
			return false, failed
		}
		if t.response.Status >= 200 || t.response.Status == http.StatusSwitchingProtocols {
			break
		}
		if failed := t.interim(); failed != nil {
			return false, failed
		}
	}
	if t.response.Status == http.StatusSwitchingProtocols {
		return t.tunnel()
	}
	return t.reply()
}

// send sends the head, and what has come of the body with it. A longer body is sent by another goroutine, so that a server
// that answers before it has read all is heard.
func (t *transfer) send() *failure {
	t.server.Written(t.appendRequest(t.server.Out(), t.at))
	empty := t.body.Kind == http1.Empty
	sent, err := http1.PassWaiting(t.server, t.conn.client, &t.body)
	if err == nil {
		err = t.server.Flush()
	}
	var e *http1.Error
	switch {
	case errors.As(err, &e):
		return &failure{status: e.Status, why: e.Why}
	case err != nil:
		return &failure{status: http.StatusBadGateway, why: "the server took no call: " + err.Error(), again: t.used && empty && t.done.Retries == 0, sent: true, fault: !t.used, cause: cause{reset: true}}
	case !sent:
		t.sendRest()
	}
	return nil
}

func (t *transfer) sendRest() {
	t.sending, t.parted = make(chan error, 1), true
	t.hedging = hedging{} // nor is it a measure of how long servers take
	// The head's bytes are overwritten from here on; what is asked of it still are the method and the version.
	t.request.Method = []byte(t.done.Method)
	t.method = t.request.Method
	t.request.Fields = t.request.Fields[:0]
	t.intake.waits.Store(true)
	go func() {
		err := t.sendBody()
		var gone *http1.WriteError
		if err != nil && !errors.As(err, &gone) { // the client's fault: its answer is not worth waiting for
			t.intake.broken.Store(true)
			_ = t.up.Conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
		}
		t.sending <- err
	}()
}

// sendBody sends the body as it comes.
func (t *transfer) sendBody() error {
	for client := t.conn.client; ; {
		if err := client.More(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		t.intake.waits.Store(false)
		done, err := http1.PassWaiting(t.server, client, &t.body)
		if err != nil {
			return err
		}
		if err := t.server.Flush(); err != nil {
			return &http1.WriteError{Err: err}
		}
		if done {
			return nil
		}
		t.intake.waits.Store(true)
	}
}

// readHead reads the head of an answer.
func (t *transfer) readHead() *failure {
	if err := t.server.SetReadDeadline(t.tryBy); err != nil {
		return t.lost(err)
	}
	if t.intake.broken.Load() {
		_ = t.server.SetReadDeadline(time.Unix(1, 0)) // as whoever sends the body has it, in between; fails only on a closed connection
	}
	return t.takeHead()
}

// takeHead is readHead once the connection knows by when.
func (t *transfer) takeHead() *failure {
	silent := true
	head, err := t.server.ReadHead(maxAnswerHead, func() error { silent = false; return nil })
	if err != nil && t.goesOn(err) {
		return t.readHead()
	}
	if err != nil {
		f := t.lost(err)
		f.again = f.again && silent
		f.fault = f.fault && !f.again // an old connection's end says nothing of its server
		return f
	}
	if err := t.response.Parse(head); err != nil {
		return &failure{status: http.StatusBadGateway, why: "the server's answer: " + err.Error(), fault: true}
	}
	t.server.Take(len(head))
	return nil
}

// maxAnswerHead is how long a server's head may be.
const maxAnswerHead = 256 << 10

// lost is why an answer did not come.
func (t *transfer) lost(err error) *failure {
	select {
	case sent := <-t.sending:
		t.sending = nil
		var gone *http1.WriteError
		if sent != nil && !errors.As(sent, &gone) {
			var e *http1.Error
			if errors.As(sent, &e) {
				return &failure{status: e.Status, why: e.Why}
			}
			t.begun = true // nobody is there to be told
			return &failure{why: "the client's body: " + sent.Error()}
		}
	default:
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return t.late(t.sending != nil && t.intake.waits.Load())
	case errors.Is(err, io.EOF):
		return &failure{status: http.StatusBadGateway, why: "the server ended the connection", again: t.repeatable(), sent: true, fault: true, cause: cause{reset: true}}
	}
	return &failure{status: http.StatusBadGateway, why: "the server's answer: " + err.Error(), again: t.repeatable(), sent: true, fault: true, cause: cause{reset: true}}
}

// repeatable says whether the call may be sent again, though the server may have got it: the connection was an old one, which
// its server may have ended just then, and the call has no body and changes nothing (RFC 9110, section 9.2.1).
func (t *transfer) repeatable() bool {
	if !t.used || t.begun || t.done.Retries > 0 || t.body.Kind != http1.Empty {
		return false
	}
	return safe(t.request.Method)
}

// interim passes on an answer that another follows (100, 103).
func (t *transfer) interim() *failure {
	if t.request.Minor == 0 {
		return nil // such a client knows of none
	}
	client := t.conn.client
	out := appendStatus(client.Out(), &t.response)
	for i := range t.response.Fields {
		if f := &t.response.Fields[i]; !hopByHop(&t.response.Head, f) {
			out = appendField(out, f.Name, f.Value)
		}
	}
	client.Written(append(out, "\r\n"...))
	t.begun = true
	if err := client.Flush(); err != nil {
		return &failure{why: "the client: " + err.Error()}
	}
	return nil
}

// reply passes the answer on.
func (t *transfer) reply() (goesOn bool, failed *failure) {
	body, err := t.response.Body(t.request.Method)
	if err != nil {
		return false, &failure{status: http.StatusBadGateway, why: "the server's answer: " + err.Error(), fault: true}
	}
	if status := t.response.Status; t.tryAgain(cause{status: status}, t.whole()) {
		t.reusable = http1.Skip(t.server, &body) && t.response.KeepsAlive() && len(t.server.Waiting()) == 0
		return false, &failure{status: status, why: "the server answered " + strconv.Itoa(status), fault: status >= http.StatusInternalServerError, repeat: true}
	}
	plain := t.request.Minor == 0 && body.Kind == http1.Chunked
	goesOn = t.persists && t.sent() && body.Kind != http1.UntilClose && !plain && !t.conn.isDraining()
	client := t.conn.client
	t.server.Resume()
	t.heard()
	t.done.Status = t.response.Status
	client.Written(t.appendResponse(client.Out(), goesOn, plain))
	t.begun = true
	keeps := body.Kind != http1.UntilClose && t.response.KeepsAlive() // its bytes are overwritten by what follows
	if err := http1.Pass(client, t.server, &body, plain); err != nil {
		var gone *http1.WriteError
		if errors.As(err, &gone) {
			return false, &failure{why: "the client took no answer: " + err.Error()}
		}
		return false, &failure{why: "the server's answer was cut: " + err.Error(), fault: true}
	}
	t.reusable = keeps && t.sent() && len(t.server.Waiting()) == 0
	return goesOn && t.sent(), nil
}

// sender is a goroutine that sends the rest of a body.
type sender struct {
	sending chan error // its outcome; nil: all has been sent
}

// sent says whether all of the body has been sent.
func (t *sender) sent() bool {
	if t.sending == nil {
		return true
	}
	select {
	case err := <-t.sending:
		if t.sending = nil; err == nil {
			return true
		}
		t.sending = make(chan error, 1)
		t.sending <- err
	default:
	}
	return false
}

// tunnel passes on whatever either end sends, until both have ended.
func (t *transfer) tunnel() (goesOn bool, failed *failure) {
	if !t.upgrade {
		return false, &failure{status: http.StatusBadGateway, why: "the server changes to another protocol unasked", fault: true}
	}
	t.leave() // it may last for ever
	t.endless()
	client := t.conn.client
	t.place.answer = time.Now()
	t.done.Status = t.response.Status
	t.tell(nil)
	out := appendStatus(client.Out(), &t.response)
	for i := range t.response.Fields {
		out = appendField(out, t.response.Fields[i].Name, t.response.Fields[i].Value)
	}
	client.Written(append(out, "\r\n"...))
	t.begun = true
	if err := t.bridge(client, t.server, t.cluster.Lasting()); err != nil {
		return false, &failure{why: "the tunnel: " + err.Error()}
	}
	return false, nil
}
