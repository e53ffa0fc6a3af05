package rpc

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// hopByHop says whether a field is about the connection that it came on, and not passed on. The framing of the body is: it
// is passed on as it is.
func hopByHop(h *http1.Head, f *http1.Field) bool {
	switch {
	case f.Is("content-length"), f.Is("transfer-encoding"):
		return false
	case f.Is("connection"), f.Is("keep-alive"), f.Is("proxy-connection"), f.Is("te"), f.Is("upgrade"), f.Is("http2-settings"):
		return true
	}
	return named(h, f)
}

// named says whether the field Connection names it.
func named(h *http1.Head, f *http1.Field) bool {
	if h.Get("connection") == nil {
		return false
	}
	name := strings.ToLower(string(f.Name))
	return name != "host" && h.Has("connection", name)
}

// identityHeader tells a server who the client is by its certificate, as Envoy does. Nobody else may say that.
const identityHeader = "x-forwarded-client-cert"

// own says whether a field of a request is Heddle's to say: who calls, over what, and how long that is waited for. Programs that have fields in
// variables take an underscore for a hyphen.
func own(name []byte) bool {
	switch len(name) { // that of one of them: most are seen to be none without a copy
	case len(identityHeader), len(TimeoutHeader), len("x-forwarded-proto"), len("x-forwarded-for"):
	default:
		return false
	}
	lower := strings.ToLower(string(name))
	if strings.IndexByte(lower, '_') >= 0 {
		lower = strings.ReplaceAll(lower, "_", "-")
	}
	switch lower {
	case identityHeader, TimeoutHeader, "x-forwarded-proto", "x-forwarded-for":
		return true
	}
	return false
}

// appendIdentity writes one as a value of that field.
func appendIdentity(out []byte, identity string) []byte {
	if strings.ContainsAny(identity, ",;=") { // a URI has no quotation mark
		return append(append(append(out, '"'), identity...), '"')
	}
	return append(out, identity...)
}

func appendField(out, name, value []byte) []byte {
	out = append(out, name...)
	out = append(out, ": "...)
	out = append(out, value...)
	return append(out, "\r\n"...)
}

func appendSet(out []byte, e *route.Edit) []byte {
	for name, value := range e.Set {
		out = appendLine(out, name, value)
	}
	for name, value := range e.Add {
		out = appendLine(out, name, value)
	}
	return out
}

// edited says whether an edit takes a field away or sets it anew.
func edited(e *route.Edit, f *http1.Field) bool {
	return (e.Set != nil || e.Remove != nil) && editedName(e, string(f.Name))
}

func editedName(e *route.Edit, field string) bool {
	same := func(name string) bool { return strings.EqualFold(name, field) }
	for name := range e.Set {
		if same(name) {
			return true
		}
	}
	return slices.ContainsFunc(e.Remove, same)
}

// appendTarget writes the path and the query that the server is asked for.
func (x *call) appendTarget(out []byte) []byte {
	path, r := x.path, x.route
	switch {
	case x.rewritten != nil:
		path = x.rewritten
	case r.Rewrite.Prefix != "":
		rest := path[min(len(strings.TrimRight(r.Path.Prefix, "/")), len(path)):]
		prefix := strings.TrimRight(r.Rewrite.Prefix, "/")
		if prefix == "" && len(rest) == 0 {
			prefix = "/"
		}
		out = append(out, prefix...)
		path = rest
	}
	out = append(out, path...)
	if x.query != nil {
		out = append(append(out, '?'), x.query...)
	}
	return out
}

// appendHost writes the host that the server is asked for.
func (x *call) appendHost(out []byte) []byte {
	if x.route.Rewrite.Host != "" {
		return append(out, x.route.Rewrite.Host...)
	}
	return append(out, x.hostport...)
}

// appendHost1 writes the field of HTTP/1.1, which has to be there. Where the client has named no host, as one of HTTP/1.0 need not, the server's address is it.
func (x *call) appendHost1(out []byte, e *upstream.Endpoint) []byte {
	out = append(out, "host: "...)
	if x.hostport == nil && x.route.Rewrite.Host == "" && e != nil {
		out = append(out, e.Address...)
	} else {
		out = x.appendHost(out)
	}
	return append(out, "\r\n"...)
}

// leftMs is how many milliseconds the call still has.
func (x *call) leftMs() int64 { return max(time.Until(x.deadline).Milliseconds(), 1) }

// appendRequest writes the head that a server gets.
func (t *transfer) appendRequest(out []byte, e *upstream.Endpoint) []byte {
	q, r := &t.request, t.route
	out = append(out, q.Method...)
	out = append(out, ' ')
	out = t.appendTarget(out)
	out = t.appendHost1(append(out, " HTTP/1.1\r\n"...), e)
	var forwarded []byte
	for i := range q.Fields {
		f := &q.Fields[i]
		switch {
		case f.Is("host"), hopByHop(&q.Head, f), edited(&r.Request, f):
		case t.trace != nil && t.tracing(strings.ToLower(string(f.Name))):
		case own(f.Name) && !f.Is("x-forwarded-for"):
		case f.Is("x-forwarded-for"):
			if forwarded == nil {
				forwarded = f.Value
			} else {
				forwarded = bytes.Join([][]byte{forwarded, f.Value}, []byte(", "))
			}
		default:
			out = appendField(out, f.Name, f.Value)
		}
	}
	out = append(out, "x-forwarded-for: "...)
	if len(forwarded) > 0 {
		out = append(append(out, forwarded...), ", "...)
	}
	out = append(append(out, t.conn.addr...), "\r\nx-forwarded-proto: "...)
	out = append(out, t.scheme()...)
	if t.done.Identity != "" {
		out = appendIdentity(append(out, "\r\n"+identityHeader+": URI="...), t.done.Identity)
	}
	out = append(out, "\r\n"+TimeoutHeader+": "...)
	out = strconv.AppendInt(out, t.leftMs(), 10)
	out = append(out, "\r\n"...)
	t.eachTracing(func(name, value string) {
		out = append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
	})
	if t.tellsColour() {
		out = append(append(append(append(out, t.colour.field...), ": "...), t.colour.is...), "\r\n"...)
	}
	out = appendSet(out, &r.Request)
	if t.upgrade {
		out = appendField(append(out, "connection: upgrade\r\n"...), []byte("upgrade"), q.Get("upgrade"))
	}
	return append(out, "\r\n"...)
}

func appendStatus(out []byte, r *http1.Response) []byte {
	out = strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(r.Status), 10)
	out = append(out, ' ')
	return append(append(out, r.Reason...), "\r\n"...)
}

// appendResponse writes the head that the client gets. plain leaves the chunks out that its version does not know.
func (t *transfer) appendResponse(out []byte, goesOn, plain bool) []byte {
	r := &t.response
	out = appendStatus(out, r)
	for i := range r.Fields {
		f := &r.Fields[i]
		if hopByHop(&r.Head, f) || edited(&t.route.Response, f) || plain && (f.Is("transfer-encoding") || f.Is("trailer")) {
			continue
		}
		out = appendField(out, f.Name, f.Value)
	}
	out = appendSet(out, &t.route.Response)
	out = t.appendConnection(out, goesOn)
	return append(out, "\r\n"...)
}
