package rpc

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// framedCall is a call that came by a protocol of frames, without what only that knows of it. While it waits in a link's table, whoever takes it out has it;
// before, who serves it.
type framedCall struct {
	call
	speaks  speaker // the call itself, with what its protocol has
	client  *framedConn
	oneway  bool
	limit   time.Duration // as its caller says; 0: it does not
	pairs   []mux.Pair    // what its frame says under names
	legible bool          // they could be read
	tells   bool          // the server can be told more beside them
	parent  string        // the key of the trace; "": none is
	caller  string        // the key of who the client is; "": none is
	target  []byte        // room for the path
	kept    []byte        // the frame, to be sent again; its room, where keeps is false
	keeps   bool
	loaded  time.Time // when it was sent; the zero time: it was not
	under   *upstream.Endpoint
}

// Header is one of the methods that route.Call wants. Of a key that is there twice a map has the last; a null is none.
func (x *framedCall) Header(name string) ([]byte, bool) {
	for i := len(x.pairs) - 1; i >= 0; i-- {
		if p := &x.pairs[i]; p.Value != nil && p.Is(name) {
			return p.Value, true
		}
	}
	return nil, false
}

// serve has a call be answered. The frame is the reader's, and may be changed.
func (x *framedCall) serve(b *framedConn, f []byte) {
	x.begin(b.conn)
	x.client, x.limit, x.loaded, x.keeps = b, 0, time.Time{}, false
	x.speaks.open(f)
	if b.underway.Add(1) > maxUnderway {
		x.fail(&failure{status: http.StatusTooManyRequests, why: "the connection has as many calls under way as it may"})
		return
	}
	if failed := x.admit(f); failed != nil {
		x.fail(failed)
		return
	}
	if x.fault.delay > 0 {
		x.delay(f)
		return
	}
	x.forward(f, nil, nil)
}

// admit finds where the call goes.
func (x *framedCall) admit(f []byte) *failure {
	x.method = x.client.speaks.method()
	if why := x.client.barred; why != "" {
		x.done.Method = string(x.method)
		return &failure{status: http.StatusForbidden, why: why}
	}
	if failed := x.speaks.read(f); failed != nil {
		return failed
	}
	if x.known(x.speaks); x.route == nil {
		return &failure{status: http.StatusNotFound, why: "no route"}
	}
	if failed := x.denied(); failed != nil {
		return failed
	}
	if failed := x.speaks.opaque(); failed != nil {
		return failed
	}
	if x.route.To == nil {
		return &failure{status: http.StatusNotFound, why: "the route's answer is one of HTTP"}
	}
	limit := x.route.TimeoutOrDefault()
	if x.limit > 0 {
		limit = min(limit, x.limit)
	}
	x.deadline = x.done.Began.Add(limit)
	return x.choose()
}

// illegible is the failure of a call whose names cannot be read, where who the client is, or what the route is for, depends on them.
func (x *framedCall) illegible(why string) *failure {
	switch {
	case x.legible:
		return nil
	case x.done.Identity != "":
		return &failure{status: http.StatusBadRequest, why: why + ", in which who the client is cannot be told"}
	case x.route.Allow != nil, slices.ContainsFunc(x.route.Limits, func(l route.Limit) bool { return l.Header() != "" }):
		return &failure{status: http.StatusBadRequest, why: why + ", and the route is not for all calls"}
	}
	return nil
}

// named makes the path: /SERVICE/METHOD, or /SERVICE where no method is known.
func (x *framedCall) named(service, method []byte) *failure {
	x.target = append(append(x.target[:0], '/'), service...)
	if method != nil {
		x.target = append(append(x.target, '/'), method...)
	}
	if x.path = x.target; bytes.IndexByte(service, '/') >= 0 || bytes.IndexByte(method, '/') >= 0 || dotted(x.path) {
		return &failure{status: http.StatusBadRequest, why: "the name of a service or a method has a /, or is . or .."}
	}
	return nil
}

// forward has a server of the route's cluster get the call, at first with no endpoint and no failure. A call that has to wait for a connection
// does so in a goroutine of its own, with a copy of its frame, so that those behind it do not; only beyond some bytes they do.
func (x *framedCall) forward(f []byte, at *upstream.Endpoint, failed *failure) {
	b := x.client
	for {
		if at == nil {
			if at, failed = x.next(failed); failed != nil {
				x.fail(failed)
				return
			}
		}
		link := b.server.links.ready(linkKey{at, b.speaks, b.speaks.kind(f)})
		if link == nil && b.parked.Add(int64(len(f))) <= maxParked {
			e, copied := at, slices.Clone(f)
			x.speaks.moved(copied)
			b.waiters.Go(func() {
				link, failed := x.await(e, copied)
				b.parked.Add(-int64(len(copied)))
				x.resume(copied, e, link, failed)
			})
			return
		}
		if link == nil {
			b.parked.Add(-int64(len(f)))
			b.flushes.all()
			if link, failed = x.await(at, f); failed != nil {
				at = nil
				continue
			}
		}
		if failed = x.send(link, f, &b.room); failed == nil {
			b.flushes.add(link.writer)
			return
		}
		at = nil
	}
}

// resume is forward in a goroutine of the call's own, once it has waited.
func (x *framedCall) resume(f []byte, at *upstream.Endpoint, link *framedLink, failed *failure) {
	var room []byte
	for {
		if failed == nil {
			if failed = x.send(link, f, &room); failed == nil {
				link.writer.Flush()
				return
			}
		}
		if at, failed = x.next(failed); failed != nil {
			x.fail(failed)
			return
		}
		link, failed = x.await(at, f)
	}
}

// await waits for a connection.
func (x *framedCall) await(e *upstream.Endpoint, f []byte) (*framedLink, *failure) {
	link, err := x.server.links.connect(linkKey{e, x.client.speaks, x.client.speaks.kind(f)}, x.deadline)
	switch {
	case errors.Is(err, errLate):
		return nil, &failure{status: http.StatusGatewayTimeout, why: "the call's time is over before there is a connection"}
	case err != nil:
		return nil, x.unreached(e, err)
	}
	return link, nil
}

// send gives a link the call. Without a failure the call is another's from then on.
func (x *framedCall) send(l *framedLink, f []byte, room *[]byte) *failure {
	x.keep(f)
	out, failed := x.speaks.outgoing(f, time.Until(x.deadline), room)
	if failed != nil {
		return failed
	}
	x.under, x.loaded = l.endpoint, time.Now()
	l.endpoint.Load.Begin()
	if x.oneway {
		l.speaks.address(out, mux.None)
		if err := l.writer.Append(out); err != nil {
			return x.unsent(err)
		}
		x.done.Status = http.StatusAccepted
		x.finish()
		return nil
	}
	_, most, _ := l.endpoint.Bounds()
	if most == 0 {
		most = maxUnderway // the endpoint has been left by its cluster a moment ago
	}
	id, err := l.table.Put(x, x.tryBy, most)
	if errors.Is(err, mux.ErrClosed) {
		l.links.forget(l) // whoever closed it has yet to: the next try is on another one
	}
	if err != nil {
		return x.unsent(err)
	}
	l.speaks.address(out, id) // the call may be another's by now
	if err := l.writer.Append(out); err != nil {
		if _, mine := l.table.Take(id); mine {
			return x.unsent(err)
		}
	}
	return nil
}

// unsent is the failure of a call that a link has not taken.
func (x *framedCall) unsent(err error) *failure {
	x.unload()
	if errors.Is(err, mux.ErrMany) || errors.Is(err, mux.ErrFull) {
		return &failure{status: http.StatusTooManyRequests, why: "the server " + x.done.Endpoint + ": " + err.Error()}
	}
	if x.done.Retries > 0 { // it ends its connections one after the other
		x.tried = append(x.tried, x.under)
	}
	return &failure{status: http.StatusServiceUnavailable, why: "the server took no call: " + err.Error(), again: true}
}

// maxKept bounds the frames that can be sent again: those of a connection's calls, and each of them.
const (
	maxKept  = 4 << 20
	longKept = 16 << 10
)

// keep keeps the frame where the route may have the call tried again.
func (x *framedCall) keep(f []byte) {
	if x.keeps || x.oneway || x.route.Retry == nil || len(f) > longKept {
		return
	}
	if b := x.client; b.kept.Add(int64(len(f))) > maxKept {
		b.kept.Add(-int64(len(f)))
		return
	}
	x.kept, x.keeps = append(x.kept[:0], f...), true
}

// repeats has a call be tried again that a server had, where the route says so; false: it is not.
func (x *framedCall) repeats(f *failure) bool {
	if !x.keeps || !x.tryAgain(f.cause, true) {
		return false
	}
	f.repeat = true
	x.unload()
	return x.client.later(func() {
		frame := slices.Clone(x.kept) // which may still be sent when the next try has begun
		x.speaks.moved(frame)
		last := x.rest(f)
		if x.client.isGone() {
			last.repeat = false
		}
		at, failed := x.next(last)
		if failed != nil {
			x.fail(failed)
			return
		}
		link, failed := x.await(at, frame)
		x.resume(frame, at, link, failed)
	})
}

// lost is fail of a call that a server had.
func (x *framedCall) lost(f *failure) {
	if !x.repeats(f) {
		x.fail(f)
	}
}

// changed says whether what the frame says under names is another for the server. Where the names cannot be read, which illegible says, a route
// cannot change them.
func (x *framedCall) changed(illegible string) (is bool, failed *failure) {
	edits := !x.route.Request.Empty()
	if edits && !x.legible {
		return false, &failure{status: http.StatusBadRequest, why: illegible + ", which the route changes"}
	}
	return edits || x.tells && (x.trace != nil || x.done.Identity != "" || x.tellsColour()) || slices.ContainsFunc(x.pairs, func(p mux.Pair) bool { return x.claims(p.Key) }), nil
}

// drops says whether the server does not get a pair of the client's.
func (x *framedCall) drops(p *mux.Pair) bool {
	return x.claims(p.Key) || x.trace != nil && x.tells && x.parent != "" && (p.Is(x.parent) || x.tracing(strings.ToLower(string(p.Key)))) || editedKey(&x.route.Request, string(p.Key))
}

// appendOwn writes the pairs that the server gets beside the client's.
func (x *framedCall) appendOwn(out []byte, pair func(out []byte, key, value string) []byte) []byte {
	if x.tells && x.done.Identity != "" && x.caller != "" {
		out = pair(out, x.caller, string(appendIdentity([]byte("URI="), x.done.Identity)))
	}
	if x.tells && x.parent != "" {
		x.eachTracing(func(name, value string) {
			if name == parentHeader {
				name = x.parent
			}
			out = pair(out, name, value)
		})
	}
	if x.tells && x.tellsColour() {
		out = pair(out, x.colour.field, x.colour.is)
	}
	for key, value := range x.route.Request.Set {
		out = pair(out, key, value)
	}
	return out
}

// claims says whether a server may read a key as one that tells who the client is: in whatever case, with _ for -.
func (x *framedCall) claims(key []byte) bool {
	return alike(key, identityHeader) || x.caller != identityHeader && x.caller != "" && alike(key, x.caller)
}

// alike says whether two keys are the same, in whatever case, with _ for -.
func alike(key []byte, name string) bool {
	if len(key) != len(name) {
		return false
	}
	for i := range key {
		if plainKey(key[i]) != plainKey(name[i]) {
			return false
		}
	}
	return true
}

func plainKey(c byte) byte {
	switch {
	case c == '_':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}

// editedKey says whether an edit takes a key away or sets it anew.
func editedKey(e *route.Edit, key string) bool {
	for name := range e.Set {
		if strings.EqualFold(name, key) {
			return true
		}
	}
	return slices.ContainsFunc(e.Remove, func(name string) bool { return strings.EqualFold(name, key) })
}

// fail answers that there is no answer.
func (x *framedCall) fail(f *failure) {
	x.tell(f)
	x.done.Why, x.done.Status = f.why, f.status
	if x.oneway {
		x.finish()
		return
	}
	b := x.client
	err := b.writer.Append(x.speaks.appendFailure(nil, f))
	if err != nil {
		x.done.Status = 0
	}
	x.finish()
	if errors.Is(err, mux.ErrFull) {
		b.cut()
		return
	}
	b.writer.Flush()
}

// reply passes a server's answer on, and returns who is to write it; nil: nobody.
func (x *framedCall) reply(f []byte) *mux.Writer {
	status := x.speaks.returns(f)
	if c := (cause{status: status, unexecuted: x.speaks.unexecuted(f)}); status != http.StatusOK && x.repeats(&failure{status: status, why: "the server answered " + strconv.Itoa(status), fault: status >= http.StatusInternalServerError, cause: c}) {
		return nil
	}
	x.heard()
	x.done.Status = status
	b := x.client
	w := b.writer
	err := w.Append(f)
	if err != nil {
		x.done.Status, x.done.Why = 0, "the client took no answer: "+err.Error()
	}
	x.finish()
	if errors.Is(err, mux.ErrFull) {
		b.cut()
	}
	if err != nil {
		return nil
	}
	return w
}

func (x *framedCall) unload() {
	if !x.loaded.IsZero() {
		x.under.Load.End(time.Since(x.loaded))
		x.loaded = time.Time{}
	}
}

// finish is the end of a call.
func (x *framedCall) finish() {
	x.unload()
	x.end()
	b := x.client
	if x.keeps {
		b.kept.Add(-int64(len(x.kept)))
	}
	x.client, x.trace, x.route, x.cluster, x.table, x.fields = nil, nil, nil, nil, nil, nil
	x.speaks.recycle()
	b.answered()
}
