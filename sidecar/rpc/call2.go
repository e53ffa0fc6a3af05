package rpc

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// call2 is a call that came by HTTP/2.
type call2 struct {
	call
	conn   *conn
	stream *http2.Stream // the client's
	fields []http2.Field
	whole  bool // there is no body
	grpc   bool
	parted bool // trailers have been sent on, which are not kept

	mu      sync.Mutex // guards what follows, and call while goroutines share it
	relay   relay
	second2 second
	over    bool // told of
	timer   *time.Timer
	hedger  *time.Timer   // for a second server; nil: none is asked
	slow    bool          // its time is over: a second server may be asked
	woken   chan struct{} // closed when the call is over while it is delayed; nil: it is not
	// Of a call to a server of HTTP/1: its connection, and why nobody wants the answer.
	server1 io.Closer
	gone    *http2.Error
}

// open has a call answered. It is an http2.Opener.
func (c *conn) open(s *http2.Stream, fields []http2.Field, end, long bool) {
	x := &call2{conn: c, stream: s, whole: end}
	x.begin(c)
	x.protocol = route.HTTP2
	if long {
		x.refuse(http.StatusRequestHeaderFieldsTooLarge, "the head is too long")
		return
	}
	x.fields = append(make([]http2.Field, 0, len(fields)), fields...)
	if err := x.read(); err != nil {
		e := err.(*http1.Error)
		x.refuse(e.Status, e.Why)
		return
	}
	if !x.grpc && !c.accepts.has(route.HTTP2) {
		x.refuse(http.StatusUnsupportedMediaType, "the listener takes no calls but of gRPC")
		return
	}
	if x.known(x); x.route == nil {
		x.refuse(http.StatusNotFound, "no route")
		return
	}
	if f := x.denied(); f != nil {
		x.refuse(f.status, f.why)
		return
	}
	switch r := x.route; {
	case r.Respond != nil && x.grpc && r.Respond.Status >= 400:
		x.refuse(r.Respond.Status, r.Respond.Body)
	case r.Respond != nil:
		x.local(r.Respond.Status, []http2.Field{{Name: "content-type", Value: "text/plain; charset=utf-8"}}, r.Respond.Body)
	case r.Redirect != nil:
		status, to := x.location(r.Redirect)
		x.local(status, []http2.Field{{Name: "location", Value: to}}, "")
	default:
		x.forward()
	}
}

// read takes a head apart, which http2 has checked. The error is an *http1.Error.
func (x *call2) read() error {
	var path string
	for i := range x.fields {
		switch f := &x.fields[i]; f.Name {
		case ":method":
			x.method = []byte(f.Value)
		case ":path":
			path = f.Value
		case ":authority":
			x.hostport = []byte(f.Value)
		case "host":
			if x.hostport == nil {
				x.hostport = []byte(f.Value)
			}
		case "content-type":
			x.grpc = isGRPC(f.Value)
		}
	}
	if err := x.setTarget([]byte(path)); err != nil {
		return err
	}
	return x.readHost()
}

// Header is one of the methods that route.Call wants.
func (x *call2) Header(name string) ([]byte, bool) {
	if name == "host" {
		return x.hostport, true
	}
	for i := range x.fields {
		if x.fields[i].Name == name {
			return []byte(x.fields[i].Value), true
		}
	}
	return nil, false
}

// setDeadline sets by when the answer has to begin; for gRPC, by when it has to end: there a route's time counts only where it says one.
func (x *call2) setDeadline() {
	limit := x.route.TimeoutOrDefault()
	if x.grpc {
		limit = x.route.Timeout
	}
	bounded := limit > 0
	lower := func(d time.Duration, ok bool) {
		if ok && (!bounded || d < limit) {
			limit, bounded = d, true
		}
	}
	for i := range x.fields {
		if x.fields[i].Name == TimeoutHeader {
			lower(timeoutHeader([]byte(x.fields[i].Value)))
		}
	}
	if v, ok := x.Header(grpcTimeout); ok && x.grpc {
		lower(parseGRPCTimeout(string(v)))
	}
	if bounded {
		x.deadline = x.done.Began.Add(limit)
	}
}

// getDeadline is how long a connection is waited for.
func (x *call2) getDeadline() time.Time {
	if x.deadline.IsZero() {
		return time.Now().Add(route.DefaultTimeout)
	}
	return x.deadline
}

// forward has a server of the route's cluster answer, as far as the goroutine that reads need not wait for that.
func (x *call2) forward() {
	x.setDeadline()
	failed := x.choose()
	if failed == nil && x.route.Mirror != nil {
		if x.mirror = x.reflect(x.request2, x.grpc); x.whole {
			x.mirror.add(nil, true)
		}
	}
	switch {
	case failed != nil:
	case x.cluster.Protocol == route.HTTP2:
		if x.fault.delay > 0 {
			x.delay2()
			return
		}
		x.stream.SetReceiver(fromClient{x})
		x.mu.Lock()
		x.start()
		x.mu.Unlock()
		return
	case x.grpc:
		failed = &failure{status: http.StatusNotImplemented, why: "the cluster " + x.cluster.Name + " speaks HTTP/1, and gRPC needs protocol: http2"}
	default:
		x.pass1()
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fail(failed)
}

// refuse answers that there is no answer.
func (x *call2) refuse(status int, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fail(&failure{status: status, why: why})
}

// fail answers that there is no answer, where nothing of one has been sent; otherwise it ends what there is. mu is held.
func (x *call2) fail(f *failure) {
	if x.over {
		return
	}
	x.done.Why = f.why
	switch {
	case x.grpc:
		x.done.Code = strconv.Itoa(cmp.Or(f.code, grpcCode(f.status)))
		status := []http2.Field{{Name: "grpc-status", Value: x.done.Code}, {Name: "grpc-message", Value: grpcMessage(f.why)}}
		if !x.relay.begun {
			x.done.Status = http.StatusOK
			status = append([]http2.Field{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}}, status...)
		}
		x.stream.SendHead(status, true)
		x.stream.Reset(http2.NoError)
		x.finish()
	case x.relay.begun:
		x.stream.Reset(http2.InternalError)
		x.finish()
	default:
		fields := []http2.Field{{Name: "content-type", Value: "text/plain; charset=utf-8"}}
		if after := f.retryAfter(); after != "" {
			fields = append(fields, http2.Field{Name: "retry-after", Value: after})
		}
		x.answerLocked(f.status, fields, f.why+"\n")
	}
}

// local answers by Heddle's own words.
func (x *call2) local(status int, fields []http2.Field, body string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answerLocked(status, fields, body)
}

func (x *call2) answerLocked(status int, fields []http2.Field, body string) {
	x.done.Status = status
	if status == http.StatusNoContent || status == http.StatusNotModified {
		body = ""
	} else {
		fields = append(fields, http2.Field{Name: "content-length", Value: strconv.Itoa(len(body))})
	}
	if x.route != nil {
		fields = appendSetFields(fields, &x.route.Response)
	}
	if string(x.method) == http.MethodHead {
		body = ""
	}
	x.stream.SendHead(append([]http2.Field{{Name: ":status", Value: strconv.Itoa(status)}}, fields...), body == "")
	if body != "" {
		x.stream.SendData([]byte(body), true)
	}
	if !x.whole {
		x.stream.Reset(http2.NoError) // nobody reads what else there is
	}
	x.finish()
}

// finish has the call be told of. mu is held.
func (x *call2) finish() {
	if x.over {
		return
	}
	x.over = true
	if x.timer != nil {
		x.timer.Stop()
	}
	if x.woken != nil {
		close(x.woken)
	}
	if x.hedger != nil {
		x.hedger.Stop()
	}
	x.forgo(breaker.Unknown, "")
	x.end()
}

// isGRPC says whether a content type is gRPC's; grpc-web, which is plain HTTP, is not.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// relay is a call's way between two streams.
type relay struct {
	server   *http2.Stream // nil: there is none yet
	endpoint *upstream.Endpoint
	sentAt   time.Time
	waiting  []byte        // of the client's body, until there is one
	kept     []byte        // what has been sent of it, as far as the call may have to be sent again as it was
	forgets  bool          // there was more than is kept
	came     int           // of it
	given    int           // how much of it has been given back to the client
	owed     int           // how much of it is not to be given back, as it was before
	late     *time.Timer   // for an answer to begin, where the route has the call tried again; nil: there is none
	trailers []http2.Field // likewise
	ended    bool          // the client's side is all there
	passed   bool          // something of the body is on its way, or gone
	begun    bool          // an answer has been begun
	interims int           // answers that others follow, of all servers that were tried
	lost     bool          // a connection was lost, and the call sent again
}
