package rpc

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// A call by HTTP/2 to a server of HTTP/1 has a goroutine of its own, and the server's connection for itself.

// caller is what the client's stream tells, to a goroutine.
type caller struct {
	*http2.Pipe
	x *call2
}

// Data implements http2.Receiver.
func (c caller) Data(s *http2.Stream, p []byte, end bool) {
	c.x.mirror.add(p, end)
	c.Pipe.Data(s, p, end)
}

// Trailers implements http2.Receiver.
func (c caller) Trailers(s *http2.Stream, fields []http2.Field) {
	c.x.mirror.add(nil, true)
	c.Pipe.Trailers(s, fields)
}

// Closed implements http2.Receiver: the server's answer is wanted by nobody.
func (c caller) Closed(s *http2.Stream, err *http2.Error) {
	c.Pipe.Closed(s, err)
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	c.x.gone = err
	if c.x.server1 != nil {
		_ = c.x.server1.Close() // it is given up
	}
}

// pass1 has a goroutine pass the call on.
func (x *call2) pass1() {
	c := caller{http2.NewPipe(), x}
	c.Attach(x.stream, x.whole)
	x.stream.SetReceiver(c)
	x.stream.Hold()
	x.conn.calls.Go(func() {
		defer x.stream.Release()
		defer x.stream.Conn().Flush()
		x.try1(c.Pipe)
	})
}

func (x *call2) try1(pipe *http2.Pipe) {
	failed, gone := x.delayed1()
	if gone {
		return
	}
	for {
		failed = x.rest(failed)
		x.mu.Lock()
		e, over := x.next(failed)
		if over != nil {
			x.fail(over)
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		up, used, err := e.Get(x.deadline, x.server.done)
		if err != nil {
			failed = x.unreached(e, err)
		} else if failed = x.exchange1(e, up, used, pipe); failed == nil {
			return
		}
		failed.repeat = failed.repeat || !failed.again && x.tryAgain(failed.cause, x.whole && !x.relay.begun)
	}
}

// transfer1 is a call by HTTP/2 on its way over a connection of HTTP/1.
type transfer1 struct {
	*call2
	line
	pipe     *http2.Pipe
	used     bool
	sent     chan error  // of the body
	taken    atomic.Bool // all of it has come
	reusable bool

	// call2.mu guards what follows.
	body    bodyState
	awaited bool // its end: whoever reads the answer is to be woken then
}

// exchange1 sends the call on a connection and passes the answer on. With a failure nothing has reached the client.
func (x *call2) exchange1(e *upstream.Endpoint, up *upstream.Conn, used bool, pipe *http2.Pipe) *failure {
	began := time.Now()
	e.Load.Begin()
	defer func() { e.Load.End(x.took(began)) }()
	t := &transfer1{call2: x, line: lineOf(up), pipe: pipe, used: used, sent: make(chan error, 1)}
	failed := &failure{why: "the client gave up"}
	if x.holds(up.Conn) {
		failed = t.run()
	}
	x.mu.Lock()
	gone := x.gone
	x.server1 = nil
	x.mu.Unlock()
	t.server.Release()
	if t.rival != nil {
		t.rival.endpoint.Load.End(t.took(t.rival.began))
	}
	if t.reusable && gone == nil {
		t.up.Put()
	} else {
		_ = t.up.Close() // whatever was to come on it has come
	}
	if gone != nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.abandoned()
		return nil
	}
	return failed
}

// abandoned is the end of a call whose client has given up. mu is held.
func (x *call2) abandoned() {
	if x.done.Why == "" {
		x.done.Why = "the client: " + x.gone.Why
	}
	x.finish()
}

func (t *transfer1) run() (failed *failure) {
	t.server.SetPatience(t.call2.server.settings.Load().Silence)
	head, chunked := t.appendRequest1(t.server.Out(), t.at)
	t.server.Written(head)
	if t.whole {
		t.body = bodySent
		t.sent <- nil
		if err := t.server.Flush(); err != nil {
			return &failure{status: http.StatusBadGateway, why: "the server took no call: " + err.Error(), again: t.used, sent: true, fault: !t.used, cause: cause{reset: true}}
		}
	} else {
		t.intake.waits.Store(true)
		go func() {
			err := t.sendBody(chunked)
			t.gave(err)
			t.sent <- err
		}()
		defer t.stop()
	}
	for {
		if failed := t.await(); failed != nil {
			return failed
		}
		if t.response.Status == http.StatusSwitchingProtocols {
			return &failure{status: http.StatusBadGateway, why: "the server changes to another protocol unasked", fault: true}
		}
		if t.response.Status >= 200 {
			return t.reply()
		}
		t.mu.Lock()
		failed := t.interim()
		t.mu.Unlock()
		if failed != nil {
			return failed
		}
		t.stream.SendHead(t.answer1(&t.response), false)
		t.stream.Conn().Flush()
	}
}

// stop waits for the body's goroutine, which the end of the answer ends.
func (t *transfer1) stop() {
	if t.taken.Load() { // all has come, and what is left is to be written
		_ = t.server.Conn.SetWriteDeadline(time.Now().Add(tcp.PartTime)) // fails only on a closed connection
		err := <-t.sent
		t.reusable = t.reusable && err == nil && t.server.Conn.SetWriteDeadline(time.Time{}) == nil
		return
	}
	t.reusable = false
	t.pipe.Closed(t.stream, &http2.Error{Code: http2.NoError, Why: "answered"})
	_ = t.server.Conn.Close() // Close in exchange1 counts it
	<-t.sent
}

// sendBody sends the client's body as it comes.
func (t *transfer1) sendBody(chunked bool) error {
	patience := t.call2.server.settings.Load().Silence
	for {
		t.intake.waits.Store(true)
		p, end, err := t.pipe.Next(time.Now().Add(patience))
		if end {
			t.taken.Store(true)
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.intake.broken.Store(true)
				_ = t.server.Conn.SetReadDeadline(time.Unix(1, 0)) // the client's fault: its answer is not worth waiting for
			}
			return err
		}
		t.intake.waits.Store(false)
		t.keeps(p)
		if chunked && len(p) > 0 {
			t.server.Written(strconv.AppendUint(t.server.Out(), uint64(len(p)), 16))
			p = append(p, "\r\n"...)
			if err := t.server.Append([]byte("\r\n")); err != nil {
				return err
			}
		}
		if err := t.server.Append(p); err != nil {
			return err
		}
		if end && chunked {
			out := append(t.server.Out(), "0\r\n"...)
			for _, f := range t.pipe.End() {
				if mayTrail(f.Name) {
					t.call2.parted = true
					out = appendLine(out, f.Name, f.Value)
				}
			}
			t.server.Written(append(out, "\r\n"...))
		}
		if err := t.server.Flush(); err != nil || end {
			return err
		}
	}
}

// keeps keeps what is sent of a body, where a second server may get it too.
func (t *transfer1) keeps(p []byte) {
	if t.hedging.by == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep(p)
}

// readHead reads the head of an answer.
func (t *transfer1) readHead() *failure {
	_ = t.server.SetReadDeadline(t.tryBy) // fails only on a closed connection
	if t.intake.broken.Load() {
		_ = t.server.SetReadDeadline(time.Unix(1, 0)) // as whoever sends the body has it, in between
	}
	return t.takeHead()
}

// takeHead is readHead once the connection knows by when.
func (t *transfer1) takeHead() *failure {
	silent := true
	head, err := t.server.ReadHead(maxAnswerHead, func() error { silent = false; return nil })
	again := silent && t.used && t.whole && safe(t.method)
	switch {
	case err == nil:
	case t.goesOn(err):
		return t.readHead()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return t.late(t.intake.waits.Load())
	case errors.Is(err, io.EOF):
		return &failure{status: http.StatusBadGateway, why: "the server ended the connection", again: again, sent: true, fault: !again, cause: cause{reset: true}}
	default:
		return &failure{status: http.StatusBadGateway, why: "the server's answer: " + err.Error(), again: again, sent: true, fault: !again, cause: cause{reset: true}}
	}
	if err := t.response.Parse(head); err != nil {
		return &failure{status: http.StatusBadGateway, why: "the server's answer: " + err.Error(), fault: true}
	}
	t.server.Take(len(head))
	return nil
}

// reply passes the answer on.
func (t *transfer1) reply() *failure {
	body, err := t.response.Body(t.method)
	if err != nil {
		return &failure{status: http.StatusBadGateway, why: "the server's answer: " + err.Error(), fault: true}
	}
	if status := t.response.Status; t.tryAgain(cause{status: status}, t.whole) {
		t.reusable = http1.Skip(t.server, &body) && t.response.KeepsAlive() && len(t.server.Waiting()) == 0
		return &failure{status: status, why: "the server answered " + strconv.Itoa(status), fault: status >= http.StatusInternalServerError, repeat: true}
	}
	sized := body.Kind != http1.UntilClose
	keeps := sized && t.response.KeepsAlive()
	t.server.Resume()
	x := t.call2
	x.mu.Lock()
	x.heard()
	x.done.Status = t.response.Status
	x.relay.begun = true
	x.stream.SendHead(x.answer1(&t.response), body.Kind == http1.Empty)
	x.mu.Unlock()
	if body.Kind != http1.Empty {
		if len(t.server.Waiting()) == 0 {
			x.stream.Conn().Flush() // the head is not kept until something follows
		}
		if err := t.passBody(&body); err != nil {
			return &failure{why: "the server's answer was cut: " + err.Error(), fault: true}
		}
	}
	if !x.whole {
		x.stream.Reset(http2.NoError) // no more of the body is wanted, if it is not all there
	}
	x.stream.Conn().Flush()
	t.reusable = keeps && len(t.server.Waiting()) == 0
	x.mu.Lock()
	x.finish()
	x.mu.Unlock()
	return nil
}

// passBody passes what is content on.
func (t *transfer1) passBody(body *http1.Body) error {
	patience := t.call2.server.settings.Load().Silence
	trailers, err := content(t.server, body, func(p []byte, end bool) error { return t.pipe.Send(p, end, patience) })
	if err == nil && body.Kind == http1.Chunked {
		t.pipe.SendTrailers(trailers)
	}
	return err
}

// content calls send for each part of a body that is content, and with the last where it is known to be: behind chunks there
// are trailers, which it returns, and the end is the caller's.
func content(from *http1.Conn, b *http1.Body, send func(p []byte, end bool) error) (trailers []http2.Field, err error) {
	var around []byte // what is behind the last content
	for {
		for waiting := from.Waiting(); len(waiting) > 0; waiting = from.Waiting() {
			n, is, done, err := b.Next(waiting)
			if err != nil {
				return nil, err
			}
			if is {
				around = around[:0]
				if err := send(waiting[:n], done); err != nil {
					return nil, err
				}
			} else {
				around = append(around, waiting[:n]...)
			}
			from.Take(n)
			if done {
				return trailersOf(around), nil
			}
		}
		if err := from.More(); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, err
			}
			if b.Kind != http1.UntilClose {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, send(nil, true)
		}
	}
}

// trailersOf are the fields behind the last chunk, whose size is the last line before them. What is no field is left out.
func trailersOf(around []byte) []http2.Field {
	lines := around
	for len(lines) > 2 && lines[0] == '\r' {
		lines = lines[2:] // the end of the last content
	}
	for i := range lines {
		if lines[i] == '\n' {
			fields, err := http1.ParseFields(lines[i+1:])
			if err != nil {
				return nil
			}
			return trailerFields(fields)
		}
	}
	return nil
}
