package rpc

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// attempt1 is by a connection of HTTP/1.
type attempt1 struct {
	request []byte
	used    bool // the connection has carried calls before
	heard   bool // something of an answer has come
	line
}

// line is a call's connection to a server of HTTP/1, and what has come of its answer.
type line struct {
	up       *upstream.Conn
	server   *http1.Conn
	response http1.Response
	rival    *rival // whose connection it is; nil: it is the one that it began with
}

// lineOf is a line by a connection.
func lineOf(up *upstream.Conn) line {
	server, _ := up.State.(*http1.Conn)
	if server == nil {
		server = http1.NewConn(up.Conn)
		up.State = server
	}
	return line{up: up, server: server}
}

// connect implements attempt.
func (a *attempt1) connect(r *rival) error {
	up, used, err := r.endpoint.Get(r.by, r.given.closed)
	if err == nil {
		a.line, a.used = lineOf(up), used
	}
	return err
}

// exchange implements attempt. Answers that others follow are nobody's.
func (a *attempt1) exchange(r *rival) error {
	c := a.server
	c.SetPatience(r.server.settings.Load().Silence)
	if err := c.Append(a.request); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	if err := c.SetReadDeadline(r.by); err != nil {
		return err
	}
	for {
		head, err := c.ReadHead(maxAnswerHead, func() error { a.heard = true; return nil })
		if err != nil {
			return err
		}
		if err := a.response.Parse(head); err != nil {
			return err
		}
		switch c.Take(len(head)); {
		case a.response.Status >= http.StatusInternalServerError:
			return errors.New("status " + strconv.Itoa(a.response.Status))
		case a.response.Status >= http.StatusOK:
			return nil
		}
	}
}

// spare implements attempt.
func (a *attempt1) spare() {
	a.server.Release()
	a.up.Put()
}

// excused implements attempt: an old connection's end says nothing of its server.
func (a *attempt1) excused(err error) bool {
	return a.used && !a.heard && !errors.Is(err, os.ErrDeadlineExceeded)
}

// abandon implements attempt.
func (a *attempt1) abandon() error { return a.up.Conn.Close() }

// discard implements attempt.
func (a *attempt1) discard() {
	a.server.Release()
	_ = a.up.Close() // whatever was to come on it is not wanted
}

// silent says whether a server says nothing until then.
func (l *line) silent(until time.Time) bool {
	return l.server.SetReadDeadline(until) == nil && errors.Is(l.server.More(), os.ErrDeadlineExceeded)
}

// race1 has an endpoint be asked beside the first, whose head take waits for; l is the winner's then. holds notes what ends with the client.
func (x *call) race1(l *line, e *upstream.Endpoint, request []byte, holds func(io.Closer) bool, take func() *failure) *failure {
	first := l.up
	if first.SetReadDeadline(x.tryBy) != nil {
		e.Over(breaker.Unknown, "")
		return take()
	}
	a := &attempt1{request: request}
	r := x.against(e, a, func() { _ = first.SetReadDeadline(time.Unix(1, 0)) }, first.Conn, holds) // fails only on a closed connection
	if r == nil {
		return take()
	}
	failed := take()
	won, failed := x.settle(r, l.response.Status, failed)
	if won {
		l.server.Release()
		_ = l.up.Close() // its answer is not wanted any more
		*l = a.line
		l.rival = r
	} else if failed == nil {
		_ = l.server.SetReadDeadline(x.tryBy) // which the rival may have set; fails only on a closed connection
	}
	if !holds(l.up.Conn) {
		_ = l.up.Conn.Close() // the call is cut
	}
	return failed
}

// await waits for the head of the answer; where that takes long, another server may be asked too.
func (t *transfer) await() *failure {
	until, ok := t.patience(time.Now())
	if !ok || t.upgrade || !t.whole() || !t.silent(until) || t.conn.isGone() {
		return t.readHead()
	}
	e := t.second()
	if e == nil {
		return t.readHead()
	}
	return t.race1(&t.line, e, append(t.appendRequest(nil, e), t.conn.client.Since(t.from)...), t.conn.holds, t.takeHead)
}

// await waits for the head of the answer; where that takes long, another server may be asked too, once the first has all of the body.
func (t *transfer1) await() *failure {
	until, ok := t.patience(time.Now())
	for ok && t.silent(until) {
		switch body := t.gives(); {
		case body == bodyLost:
			return t.takeHead() // by a time that is over
		case body == bodyComes || t.relay.forgets || t.call2.parted:
			return t.readHead()
		}
		if until, ok = t.patience(t.hedging.began); !ok || time.Now().Before(until) {
			continue // all of the body has been sent since
		}
		e := t.second()
		if e == nil {
			return t.readHead()
		}
		return t.race1(&t.line, e, t.again1(e), t.holds, t.takeHead)
	}
	return t.readHead()
}

// again1 is the call as a second server of HTTP/1 gets it, of whose body all is kept.
func (t *transfer1) again1(e *upstream.Endpoint) []byte {
	out, chunked := t.appendRequest1(nil, e)
	body := t.relay.kept
	switch {
	case t.call2.whole:
	case !chunked:
		out = append(out, body...)
	default:
		if len(body) > 0 {
			out = append(strconv.AppendUint(out, uint64(len(body)), 16), "\r\n"...)
			out = append(append(out, body...), "\r\n"...)
		}
		out = append(out, "0\r\n\r\n"...)
	}
	return out
}

// holds notes what ends with the client; it returns false if that has left.
func (x *call2) holds(c io.Closer) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.server1 = c
	return x.gone == nil
}

// bodyState is what a call by HTTP/2 has given of its body to a server of HTTP/1.
type bodyState int

const (
	bodyComes bodyState = iota
	bodySent
	bodyLost // no more comes, or can be sent
)

// gave notes that all of the body is sent, or that there is no more to send.
func (t *transfer1) gave(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hedging.began = time.Now()
	if t.body = bodySent; err != nil {
		t.body = bodyLost
	}
	if t.awaited {
		_ = t.server.Conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
	}
}

// gives waits until the server has all of the body, or says something: the body still comes then.
func (t *transfer1) gives() bodyState {
	t.mu.Lock()
	body := t.body
	if body == bodyComes {
		t.awaited = t.server.SetReadDeadline(t.tryBy) == nil
	}
	t.mu.Unlock()
	if body != bodyComes {
		return body
	}
	err := t.server.More()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.awaited = false; {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return bodyComes
	case !time.Now().Before(t.tryBy):
		return bodyLost
	}
	return t.body
}
