package rpc

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// call is one request and what becomes of it. A connection uses it again for the next.
type call struct {
	conn     *conn
	request  http1.Request
	body     http1.Body
	host     []byte // without a port, in lower case
	hostport []byte // as the client wrote it
	path     []byte
	query    []byte // nil: none
	route    *route.Route
	deadline time.Time
	persists bool // the client goes on with the connection
	upgrade  bool // the client asks for another protocol
	trace    Trace
	begun    bool // something of the answer may have reached the client
	done     Done
}

func (x *call) begin(c *conn) {
	x.conn, x.route, x.begun, x.upgrade, x.persists = c, nil, false, false, false
	x.body, x.path, x.query, x.hostport, x.host = http1.Body{}, nil, nil, nil, x.host[:0]
	x.request.Method, x.trace = nil, nil
	x.done = Done{Began: time.Now(), Client: c.addr}
}

func (x *call) end() {
	x.done.Took = time.Since(x.done.Began)
	x.conn.server.observer.Call(&x.done)
	if x.trace != nil {
		x.trace.End(&x.done)
	}
}

// answer has a call answered; it returns whether the client's connection goes on.
func (c *conn) answer(head []byte) (goesOn bool) {
	x := &c.call
	x.begin(c)
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
	s := c.server
	if s.tracer != nil {
		x.trace = s.tracer.Call(string(x.request.Get(parentHeader)), x.done.Began)
	}
	x.done.Method, x.done.Host, x.done.Path = string(x.request.Method), string(x.hostport), string(x.path)
	if x.route = s.table.Load().Match(x); x.route == nil {
		x.done.Why = "no route"
		return x.respond(http.StatusNotFound, "no route\n", x.keeps())
	}
	x.done.Route = x.route.Name
	switch r := x.route; {
	case r.Respond != nil:
		return x.respond(r.Respond.Status, r.Respond.Body, x.keeps())
	case r.Redirect != nil:
		return x.redirect(r.Redirect)
	}
	return x.forward()
}

// keeps says whether the client's connection can carry another call after an answer that is Heddle's own.
func (x *call) keeps() bool {
	return x.body.Kind == http1.Empty && x.persists && !x.conn.isDraining()
}

// read takes a head apart. The error is an *http1.Error.
func (x *call) read(head []byte) error {
	q := &x.request
	if err := q.Parse(head); err != nil {
		return err
	}
	var err error
	if x.body, err = q.Body(); err != nil {
		return err
	}
	if err := x.readTarget(); err != nil {
		return err
	}
	x.persists = q.KeepsAlive()
	x.upgrade = q.Minor == 1 && x.body.Kind == http1.Empty && q.Has("connection", "upgrade") && q.Get("upgrade") != nil
	return nil
}

func (x *call) readTarget() error {
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
	x.path, x.query, _ = bytes.Cut(target, []byte{'?'})
	if bytes.IndexByte(target, '#') >= 0 || dotted(x.path) {
		return &http1.Error{Status: http.StatusBadRequest, Why: "the path has a fragment, or segments . or .."}
	}
	return x.readHost()
}

// dotted says whether a path has a segment that is . or .., plain or encoded: two ends would take it for two paths.
func dotted(path []byte) bool {
	for rest, more := path, true; more; {
		var segment []byte
		segment, rest, more = bytes.Cut(rest, []byte{'/'})
		if len(segment) == 0 || len(segment) > len("%2e%2e") {
			continue
		}
		switch strings.ReplaceAll(strings.ToLower(string(segment)), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

// readHost sees that the host is one, and has it without its port.
func (x *call) readHost() error {
	name := x.hostport
	if i := bytes.LastIndexByte(name, ':'); i >= 0 && bytes.IndexByte(name[i:], ']') < 0 {
		name = name[:i]
	}
	for _, c := range x.hostport {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`/?#@\"<>^{|}`), c) >= 0 {
			return &http1.Error{Status: http.StatusBadRequest, Why: "the host is none"}
		}
	}
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		x.host = append(x.host, c)
	}
	return nil
}

// parentHeader says which trace a call is of (W3C Trace Context).
const parentHeader = "traceparent"

// The methods that route.Call wants.

func (x *call) Host() []byte   { return x.host }
func (x *call) Path() []byte   { return x.path }
func (x *call) Method() []byte { return x.request.Method }

func (x *call) Header(name string) ([]byte, bool) {
	v := x.request.Get(name)
	return v, v != nil
}

func (x *call) Query(name string) (string, bool) {
	for rest, more := string(x.query), x.query != nil; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(pair, "=")
		if k, err := url.QueryUnescape(key); err != nil || k != name {
			continue
		}
		if v, err := url.QueryUnescape(value); err == nil {
			return v, true
		}
	}
	return "", false
}

// respond answers without a server; it returns whether the connection goes on, which is as keeps says if the answer could
// be written.
func (x *call) respond(status int, body string, keeps bool) bool {
	return x.local(status, "content-type: text/plain; charset=utf-8\r\n", body, keeps)
}

// local writes an answer that is Heddle's own. fields are whole lines.
func (x *call) local(status int, fields, body string, keeps bool) bool {
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
func (x *call) appendConnection(out []byte, keeps bool) []byte {
	switch {
	case !keeps:
		return append(out, "connection: close\r\n"...)
	case x.request.Minor == 0:
		return append(out, "connection: keep-alive\r\n"...)
	}
	return out
}

func (x *call) redirect(r *route.Redirect) bool {
	scheme, host, path := r.Scheme, r.Host, r.Path
	if scheme == "" {
		scheme = "http"
	}
	if host == "" {
		host = string(x.hostport)
	}
	if path == "" {
		path = string(x.path)
		if x.query != nil {
			path += "?" + string(x.query)
		}
	}
	status := r.Status
	if status == 0 {
		status = http.StatusFound
	}
	return x.local(status, "location: "+scheme+"://"+host+path+"\r\n", "", x.keeps())
}
