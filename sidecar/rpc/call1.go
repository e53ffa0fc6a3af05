package rpc

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// call1 is a call that came by HTTP/1. A connection uses it again for the next.
type call1 struct {
	call
	conn     *conn
	request  http1.Request
	body     http1.Body
	persists bool // the client goes on with the connection
	upgrade  bool // the client asks for another protocol
	begun    bool // something of the answer may have reached the client
}

func (x *call1) begin(c *conn) {
	x.call.begin(c)
	x.conn, x.body, x.persists, x.upgrade, x.begun = c, http1.Body{}, false, false, false
	x.request.Method = nil
}

// Header is one of the methods that route.Call wants.
func (x *call1) Header(name string) ([]byte, bool) {
	if name == "host" { // an absolute target has another
		return x.hostport, x.hostport != nil
	}
	v := x.request.Get(name)
	return v, v != nil
}

// answer has a call answered; it returns whether the client's connection goes on.
func (c *conn) answer(head []byte) (goesOn bool) {
	x := &c.call
	x.begin(c)
	x.protocol = route.HTTP1
	defer x.end()
	c.client.SetPatience(c.server.settings.Load().Silence)
	err := x.read(head)
	c.client.Take(len(head))
	if err != nil {
		e := err.(*http1.Error)
		x.done.Why = e.Why
		x.respond(e.Status, e.Why+"\n", false)
		return false
	}
	if x.known(x); x.route == nil {
		x.done.Why = "no route"
		return x.respond(http.StatusNotFound, "no route\n", x.keeps())
	}
	if f := x.denied(); f != nil {
		return x.fail(f)
	}
	switch r := x.route; {
	case r.Respond != nil:
		return x.respond(r.Respond.Status, r.Respond.Body, x.keeps())
	case r.Redirect != nil:
		return x.redirect(r.Redirect)
	}
	return x.forward()
}

// keeps says whether the client's connection can carry another call after an answer that is Heddle's own.
func (x *call1) keeps() bool {
	return x.body.Kind == http1.Empty && x.persists && !x.conn.isDraining()
}

// read takes a head apart. The error is an *http1.Error.
func (x *call1) read(head []byte) error {
	q := &x.request
	if err := q.Parse(head); err != nil {
		return err
	}
	x.method = q.Method
	var err error
	if x.body, err = q.Body(); err != nil {
		return err
	}
	x.body.Forbid = own
	if err := x.readTarget(); err != nil {
		return err
	}
	x.persists = q.KeepsAlive()
	// An upgrade to h2c would be a way around the routes, for calls that nobody looks at; HTTP/2 is spoken by those who begin with it.
	x.upgrade = q.Minor == 1 && x.body.Kind == http1.Empty && q.Has("connection", "upgrade") && q.Get("upgrade") != nil && !q.Has("upgrade", "h2c")
	return nil
}

func (x *call1) readTarget() error {
	q := &x.request
	target := q.Target
	hosts := 0
	for i := range q.Fields {
		if q.Fields[i].Is("host") {
			hosts++
			x.hostport = q.Fields[i].Value
		}
	}
	if hosts > 1 || hosts == 0 && q.Minor == 1 {
		return &http1.Error{Status: http.StatusBadRequest, Why: "a request has one field Host"}
	}
	switch {
	case string(q.Method) == http.MethodConnect:
		return &http1.Error{Status: http.StatusNotImplemented, Why: "no tunnels are made here"}
	case len(target) == 1 && target[0] == '*' && string(q.Method) == http.MethodOptions:
	case target[0] != '/':
		u, err := url.Parse(string(target))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return &http1.Error{Status: http.StatusBadRequest, Why: "the target is no path and no URL"}
		}
		x.hostport = []byte(u.Host)
		rest := target[len(u.Scheme)+len("://"):]
		switch i := bytes.IndexAny(rest, "/?#"); {
		case i < 0:
			target = []byte{'/'}
		case rest[i] == '/':
			target = rest[i:]
		default:
			target = append([]byte{'/'}, rest[i:]...)
		}
	}
	if err := x.setTarget(target); err != nil {
		return err
	}
	return x.readHost()
}

// respond answers without a server; it returns whether the connection goes on, which is as keeps says if the answer could
// be written.
func (x *call1) respond(status int, body string, keeps bool) bool {
	return x.local(status, plainText, body, keeps)
}

const plainText = "content-type: text/plain; charset=utf-8\r\n"

// local writes an answer that is Heddle's own. fields are whole lines.
func (x *call1) local(status int, fields, body string, keeps bool) bool {
	c := x.conn
	x.done.Status = status
	out := append(c.client.Out(), "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(out, ' ')
	out = append(append(out, http.StatusText(status)...), "\r\n"...)
	out = append(out, fields...)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		out = append(out, "content-length: "...)
		out = append(strconv.AppendInt(out, int64(len(body)), 10), "\r\n"...)
	} else {
		body = ""
	}
	if x.route != nil {
		out = appendSet(out, &x.route.Response)
	}
	out = x.appendConnection(out, keeps)
	out = append(out, "\r\n"...)
	if string(x.request.Method) != http.MethodHead {
		out = append(out, body...)
	}
	c.client.Written(out)
	return c.client.Flush() == nil && keeps
}

// appendConnection tells the client whether the connection goes on, where it would not think so by itself.
func (x *call1) appendConnection(out []byte, keeps bool) []byte {
	switch {
	case !keeps:
		return append(out, "connection: close\r\n"...)
	case x.request.Minor == 0:
		return append(out, "connection: keep-alive\r\n"...)
	}
	return out
}

func (x *call1) redirect(r *route.Redirect) bool {
	status, to := x.location(r)
	return x.local(status, "location: "+to+"\r\n", "", x.keeps())
}
