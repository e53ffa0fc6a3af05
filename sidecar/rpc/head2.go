package rpc

import (
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

func appendSetFields(out []http2.Field, e *route.Edit) []http2.Field {
	for name, value := range e.Set {
		out = append(out, http2.Field{Name: strings.ToLower(name), Value: value})
	}
	for name, value := range e.Add {
		out = append(out, http2.Field{Name: strings.ToLower(name), Value: value})
	}
	return out
}

// appendOwn are the fields that Heddle adds to a request: who has called, how long, and of which trace.
func (x *call) appendOwn(out []http2.Field, forwarded string) []http2.Field {
	if forwarded != "" {
		forwarded += ", "
	}
	out = append(out, http2.Field{Name: "x-forwarded-for", Value: forwarded + x.done.Client}, http2.Field{Name: "x-forwarded-proto", Value: x.scheme()})
	if id := x.done.Identity; id != "" {
		out = append(out, http2.Field{Name: identityHeader, Value: string(appendIdentity([]byte("URI="), id))})
	}
	if !x.deadline.IsZero() {
		out = append(out, http2.Field{Name: TimeoutHeader, Value: strconv.FormatInt(x.leftMs(), 10), Sensitive: true})
	}
	x.eachTracing(func(name, value string) { out = append(out, http2.Field{Name: name, Value: value, Sensitive: true}) })
	if x.tellsColour() {
		out = append(out, http2.Field{Name: x.colour.field, Value: x.colour.is})
	}
	return appendSetFields(out, &x.route.Request)
}

// scheme is by which the call came.
func (x *call) scheme() string {
	if x.isTLS {
		return "https"
	}
	return "http"
}

// pseudo are the first fields of a request to a server.
func (x *call) pseudo(out []http2.Field) []http2.Field {
	out = append(out, http2.Field{Name: ":method", Value: string(x.method)}, http2.Field{Name: ":scheme", Value: x.scheme()},
		http2.Field{Name: ":path", Value: string(x.appendTarget(nil))})
	if host := x.appendHost(nil); len(host) > 0 { // a client of HTTP/1.0 may name none
		out = append(out, http2.Field{Name: ":authority", Value: string(host)})
	}
	return out
}

// owned says whether a field of a request is written anew.
func (x *call) owned(name string) bool {
	if name == "host" || x.tracing(name) || own([]byte(name)) {
		return true
	}
	return editedName(&x.route.Request, name)
}

// volatile says that a field has another value in each call: a table of fields is none the better for it.
func volatile(name string) bool {
	switch name {
	case parentHeader, b3Header, b3Trace, b3Span, b3Above, sw8Header, "tracestate", "content-length", "date", "etag", "last-modified", "x-request-id", "authorization", "cookie", "set-cookie":
		return true
	}
	return false
}

// request2 are the fields that a server of HTTP/2 gets of a call of HTTP/2.
func (x *call2) request2() []http2.Field {
	out := x.pseudo(make([]http2.Field, 0, len(x.fields)+6))
	forwarded := ""
	for i := range x.fields {
		f := x.fields[i]
		switch {
		case f.Name[0] == ':', f.Name == grpcTimeout && x.grpc, f.Name == "te" && !x.grpc:
		case f.Name == "x-forwarded-for":
			forwarded = joined(forwarded, f.Value)
		case x.owned(f.Name):
		default:
			f.Sensitive = f.Sensitive || volatile(f.Name)
			out = append(out, f)
		}
	}
	if x.grpc && !x.deadline.IsZero() {
		out = append(out, http2.Field{Name: grpcTimeout, Value: string(appendGRPCTimeout(nil, x.leftMs())), Sensitive: true})
	}
	return x.appendOwn(out, forwarded)
}

func joined(list, more string) string {
	if list == "" {
		return more
	}
	return list + ", " + more
}

// request2 are the fields that a server of HTTP/2 gets of a call of HTTP/1.
func (x *call1) request2() []http2.Field {
	q := &x.request
	out := x.pseudo(make([]http2.Field, 0, len(q.Fields)+6))
	forwarded := ""
	for i := range q.Fields {
		f := &q.Fields[i]
		if hopByHop(&q.Head, f) || f.Is("transfer-encoding") {
			continue
		}
		switch name := strings.ToLower(string(f.Name)); {
		case name == "x-forwarded-for":
			forwarded = joined(forwarded, string(f.Value))
		case x.owned(name):
		default:
			out = append(out, http2.Field{Name: name, Value: string(f.Value), Sensitive: volatile(name)})
		}
	}
	return x.appendOwn(out, forwarded)
}

// appendRequest1 writes the head that a server of HTTP/1 gets of a call of HTTP/2, and says whether the body is sent in chunks.
func (x *call2) appendRequest1(out []byte, e *upstream.Endpoint) (_ []byte, chunked bool) {
	out = append(append(out, x.method...), ' ')
	out = x.appendHost1(append(x.appendTarget(out), " HTTP/1.1\r\n"...), e)
	forwarded, cookie, sized := "", "", false
	for i := range x.fields {
		f := &x.fields[i]
		switch {
		case f.Name[0] == ':', f.Name == "te":
		case f.Name == "x-forwarded-for":
			forwarded = joined(forwarded, f.Value)
		case f.Name == "cookie" && !x.owned(f.Name): // may be parted (RFC 9113, section 8.2.3)
			if cookie != "" {
				cookie += "; "
			}
			cookie += f.Value
		case x.owned(f.Name):
		default:
			sized = sized || f.Name == "content-length"
			out = appendLine(out, f.Name, f.Value)
		}
	}
	if cookie != "" {
		out = appendLine(out, "cookie", cookie)
	}
	if chunked = !x.whole && !sized; chunked {
		out = appendLine(out, "transfer-encoding", "chunked")
	}
	for _, f := range x.appendOwn(nil, forwarded) {
		out = appendLine(out, f.Name, f.Value)
	}
	return append(out, "\r\n"...), chunked
}

func appendLine(out []byte, name, value string) []byte {
	return append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
}

// answer2 are the fields that a client of HTTP/2 gets of a server's answer by HTTP/2.
func (x *call2) answer2(fields []http2.Field) []http2.Field {
	e := &x.route.Response
	if e.Empty() {
		return fields
	}
	out := make([]http2.Field, 0, len(fields)+len(e.Set)+len(e.Add))
	for _, f := range fields {
		if !editedName(e, f.Name) {
			out = append(out, f)
		}
	}
	return appendSetFields(out, e)
}

// answer1 are the fields that a client of HTTP/2 gets of a server's answer by HTTP/1.
func (x *call2) answer1(r *http1.Response) []http2.Field {
	out := append(make([]http2.Field, 0, len(r.Fields)+1), http2.Field{Name: ":status", Value: strconv.Itoa(r.Status)})
	for i := range r.Fields {
		f := &r.Fields[i]
		if hopByHop(&r.Head, f) || f.Is("transfer-encoding") || r.Status >= 200 && edited(&x.route.Response, f) {
			continue
		}
		name := strings.ToLower(string(f.Name))
		out = append(out, http2.Field{Name: name, Value: string(f.Value), Sensitive: volatile(name)})
	}
	if r.Status >= 200 {
		out = appendSetFields(out, &x.route.Response)
	}
	return out
}

// trailerFields are those that may stand behind a body (RFC 9110, section 6.5.1).
func trailerFields(fields []http1.Field) (out []http2.Field) {
	for i := range fields {
		if name := strings.ToLower(string(fields[i].Name)); mayTrail(name) {
			out = append(out, http2.Field{Name: name, Value: string(fields[i].Value)})
		}
	}
	return out
}

func mayTrail(name string) bool {
	if own([]byte(name)) {
		return false
	}
	switch name {
	case "content-length", "transfer-encoding", "trailer", "host", "connection", "keep-alive", "proxy-connection", "te", "upgrade",
		"authorization", "cookie", "set-cookie", parentHeader, "content-type", "content-encoding", "content-range", TimeoutHeader:
		return false
	}
	return true
}
