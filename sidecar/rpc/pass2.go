package rpc

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// A call by HTTP/1 to a server of HTTP/2 shares the server's connection with others; the client's goroutine waits for it.

// transfer2 is a call by HTTP/1 on its way over a stream.
type transfer2 struct {
	*call1
	sender
	pipe    *http2.Pipe
	empty   bool          // there is no body
	fields  []http2.Field // that were sent, where a second server may get them too
	kept    []byte        // likewise, of the body; to be read once all has been sent
	parted  bool          // not all of the body is kept
	allSent time.Time     // when the last of the body was sent; to be read once all has been
	rival   *rival        // whose stream it is; nil: it is the one that it began with
}

// head2 is the head of an answer; end says that nothing comes behind it.
type head2 struct {
	status int
	fields []http2.Field
	end    bool
}

// exchange2 sends the call to an endpoint and passes the answer on. With a failure nothing has reached the client.
func (x *call1) exchange2(e *upstream.Endpoint) (goesOn bool, failed *failure) {
	switch contentType := x.request.Get("content-type"); {
	case x.upgrade:
		return false, &failure{status: http.StatusNotImplemented, why: "the cluster " + x.cluster.Name + " speaks HTTP/2, which has no upgrades"}
	case isGRPC(string(contentType)):
		return false, &failure{status: http.StatusHTTPVersionNotSupported, why: "gRPC is spoken by HTTP/2"}
	}
	t := &transfer2{call1: x, pipe: http2.NewPipe(), empty: x.body.Kind == http1.Empty}
	s, failed := t.open(e)
	if failed != nil {
		return false, failed
	}
	t.pipe.Attach(s, false)
	began := time.Now()
	e.Load.Begin()
	defer func() { e.Load.End(x.took(began)) }()
	defer t.finish()
	if !x.conn.holds(t.pipe) {
		return false, nil // the call is cut
	}
	defer x.conn.holds(nil)
	s.Conn().Flush()
	if !t.empty {
		t.sendBody()
	}
	return t.run(e)
}

// open opens a stream on one of the endpoint's connections.
func (t *transfer2) open(e *upstream.Endpoint) (*http2.Stream, *failure) {
	for {
		shared, err := e.Share(t.deadline, t.server.done, t.server.connect2(e))
		if err != nil {
			return nil, t.unreached(e, err)
		}
		fields := t.request2()
		if s, ok := shared.(*http2.Conn).Open(fields, t.empty, t.pipe); ok {
			if t.hedging.by != nil {
				t.fields = fields
			}
			return s, nil
		}
	}
}

// sendBody has a goroutine send the body, so that a server that answers before it has read all is heard.
func (t *transfer2) sendBody() {
	sending := make(chan error, 1)
	t.sending = sending
	client, body, pipe, patience := t.conn.client, t.body, t.pipe, t.server.settings.Load().Silence
	// The head's bytes are overwritten from here on; what is asked of it still are the method and the version.
	t.request.Method = []byte(t.done.Method)
	t.method = t.request.Method
	t.request.Fields = t.request.Fields[:0]
	t.intake.waits.Store(true)
	go func() {
		trailers, err := content(client, &body, func(p []byte, end bool) error {
			t.intake.waits.Store(false)
			t.keep(p)
			err := pipe.Send(p, end, patience)
			t.intake.waits.Store(err == nil && !end)
			return err
		})
		t.intake.waits.Store(false)
		if err == nil && body.Kind == http1.Chunked {
			t.parted = t.parted || trailers != nil
			pipe.SendTrailers(trailers)
		}
		var refused *http2.Error
		if err != nil && !errors.As(err, &refused) { // the client's fault: its answer is not worth waiting for
			_ = pipe.Close()
		}
		t.allSent = time.Now()
		sending <- err
		pipe.Wake()
	}()
}

// keep keeps what is sent of the body, where a second server may get it too.
func (t *transfer2) keep(p []byte) {
	if t.parted = t.parted || t.hedging.by == nil || len(t.kept)+len(p) > mostKept; !t.parted {
		t.kept = append(t.kept, p...)
	}
}

// finish ends the stream, if it is not over, and the sending of a body that nobody waits for.
func (t *transfer2) finish() {
	_ = t.pipe.Close()
	if t.rival != nil {
		t.rival.endpoint.Load.End(t.took(t.rival.began))
	}
	if t.sending != nil {
		_ = t.conn.client.Conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
		<-t.sending
	}
}

func (t *transfer2) run(e *upstream.Endpoint) (goesOn bool, failed *failure) {
	client := t.conn.client
	for {
		t.conn.waits(true)
		h, failed := t.await(e)
		if !t.conn.waits(false) {
			t.begun = true // nobody is there to be told
			return false, &failure{why: "the client has left"}
		}
		if failed != nil && failed.status == http.StatusRequestTimeout && t.extend() {
			continue
		}
		if failed != nil {
			return false, failed
		}
		if t.tryAgain(cause{status: h.status}, t.empty && !t.begun) {
			return false, &failure{status: h.status, why: "the server answered " + strconv.Itoa(h.status), fault: h.status >= http.StatusInternalServerError, repeat: true}
		}
		if h.status >= 200 {
			return t.reply(h.status, h.fields, h.end)
		}
		if t.request.Minor == 0 {
			continue // such a client knows of none
		}
		client.Written(append(t.appendFields(appendStatusCode(client.Out(), h.status), h.fields), "\r\n"...))
		t.begun = true
		if err := client.Flush(); err != nil {
			return false, &failure{why: "the client: " + err.Error()}
		}
	}
}

// lost is why an answer did not come.
func (t *transfer2) lost(e *upstream.Endpoint, err error) *failure {
	if t.sending != nil {
		select {
		case sent := <-t.sending:
			t.sending = nil
			var refused *http2.Error
			var bad *http1.Error
			switch {
			case errors.As(sent, &bad):
				return &failure{status: bad.Status, why: bad.Why}
			case sent != nil && !errors.As(sent, &refused):
				t.begun = true // nobody is there to be told
				return &failure{why: "the client's body: " + sent.Error()}
			}
		default:
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return t.late(t.sending != nil && t.intake.waits.Load())
	}
	f := &failure{status: http.StatusBadGateway, why: "the server gave up: " + err.Error(), fault: true, cause: cause{reset: true}}
	var ended *http2.Error
	if !errors.As(err, &ended) || !t.empty || t.begun {
		return f
	}
	if ended.Unsent {
		return t.refused(e, ended)
	}
	f.again, f.sent = ended.Lost && safe(t.method) && t.done.Retries == 0, true
	f.fault = !f.again // its end says nothing of the server
	return f
}

func appendStatusCode(out []byte, status int) []byte {
	out = strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(status), 10)
	return append(append(append(out, ' '), http.StatusText(status)...), "\r\n"...)
}

// appendFields writes an answer's fields.
func (t *transfer2) appendFields(out []byte, fields []http2.Field) []byte {
	for _, f := range fields {
		if f.Name[0] != ':' && !editedName(&t.route.Response, f.Name) {
			out = appendLine(out, f.Name, f.Value)
		}
	}
	return out
}

// reply passes the answer on. Its end is told by the length that its head has, by chunks, or by the connection's end to a client that knows of none.
func (t *transfer2) reply(status int, fields []http2.Field, end bool) (goesOn bool, failed *failure) {
	client := t.conn.client
	bodyless := string(t.method) == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
	sized, trails := bodyless, false
	for _, f := range fields {
		sized = sized || f.Name == "content-length"
		trails = trails || f.Name == "trailer"
	}
	if trails && !end && !bodyless && t.request.Minor == 1 { // which stand behind chunks only
		sized = false
		fields = slices.DeleteFunc(fields, func(f http2.Field) bool { return f.Name == "content-length" })
	}
	out := t.appendFields(appendStatusCode(client.Out(), status), fields)
	chunked := false
	switch {
	case sized:
	case end:
		out = appendLine(out, "content-length", "0")
	case t.request.Minor == 1:
		out, chunked = appendLine(out, "transfer-encoding", "chunked"), true
	}
	goesOn = t.persists && t.sent() && (sized || end || chunked) && !t.conn.isDraining()
	t.heard()
	t.done.Status, t.begun = status, true
	out = appendSet(out, &t.route.Response)
	client.Written(append(t.appendConnection(out, goesOn), "\r\n"...))
	if !end {
		failed = t.passBody(chunked, bodyless)
	} else if err := client.Flush(); err != nil {
		failed = &failure{why: "the client took no answer: " + err.Error()}
	}
	return goesOn && t.sent(), failed
}

func (t *transfer2) passBody(chunked, bodyless bool) *failure {
	client, patience := t.conn.client, t.server.settings.Load().Silence
	if !t.pipe.Waiting() {
		if err := client.Flush(); err != nil { // the head is not kept until something follows
			return &failure{why: "the client took no answer: " + err.Error()}
		}
	}
	for {
		p, end, err := t.pipe.Next(time.Now().Add(patience))
		if err != nil {
			return &failure{why: "the server's answer was cut: " + err.Error(), fault: true}
		}
		if chunked && len(p) > 0 {
			client.Written(append(strconv.AppendUint(client.Out(), uint64(len(p)), 16), "\r\n"...))
			p = append(p, "\r\n"...)
		}
		if !bodyless {
			err = client.Append(p)
		}
		if end && chunked {
			out := append(client.Out(), "0\r\n"...)
			for _, f := range t.pipe.End() {
				if mayTrail(f.Name) {
					out = appendLine(out, f.Name, f.Value)
				}
			}
			client.Written(append(out, "\r\n"...))
		}
		if err == nil {
			err = client.Flush()
		}
		if err != nil {
			return &failure{why: "the client took no answer: " + err.Error()}
		}
		if end {
			return nil
		}
	}
}
