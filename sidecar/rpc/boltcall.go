package rpc

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// boltCall is a call that came by Bolt. While it waits in a link's table, whoever takes it out has it; before, who serves it.
type boltCall struct {
	call
	client *boltConn
	head   bolt.Head // as the client sent it
	id     uint32
	oneway bool
	limit  time.Duration // as its caller says; 0: it does not
	pairs  []bolt.Pair   // of its frame's header
	isMap  bool          // the header is one
	target []byte        // room for the path
	loaded time.Time     // when it was sent; the zero time: it was not
	under  *upstream.Endpoint
}

var boltCalls = sync.Pool{New: func() any { return &boltCall{} }}

// boltMethod is what routes and logs have for a method.
const boltMethod = "BOLT"

var boltMethodBytes = []byte(boltMethod)

// Header is one of the methods that route.Call wants. Of a key that is there twice a map has the last; a null is none.
func (x *boltCall) Header(name string) ([]byte, bool) {
	for i := len(x.pairs) - 1; i >= 0; i-- {
		if p := &x.pairs[i]; p.Value != nil && p.Is(name) {
			return p.Value, true
		}
	}
	return nil, false
}

// exact is Header of just that key, as a server's map has it.
func (x *boltCall) exact(key string) ([]byte, bool) {
	for i := len(x.pairs) - 1; i >= 0; i-- {
		if p := &x.pairs[i]; p.Value != nil && string(p.Key) == key {
			return p.Value, true
		}
	}
	return nil, false
}

// serve has a call be answered. The frame is the reader's, and may be changed.
func (x *boltCall) serve(b *boltConn, f bolt.Frame) {
	x.begin(b.conn)
	x.protocol = route.Bolt
	x.client, x.id, x.oneway, x.limit, x.loaded = b, f.ID(), f.Type() == bolt.Oneway, 0, time.Time{}
	x.head.Keep(f)
	if ms := f.Timeout(); ms > 0 {
		x.limit = time.Duration(ms) * time.Millisecond
	}
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
func (x *boltCall) admit(f bolt.Frame) *failure {
	x.method = boltMethodBytes
	if x.pairs, x.isMap = bolt.AppendPairs(x.pairs[:0], f.Header()); !x.isMap {
		if failed := unread(f.Header()); failed != nil {
			return failed
		}
	}
	if failed := x.aim(f); failed != nil {
		return failed
	}
	if x.known(x); x.route == nil {
		return &failure{status: http.StatusNotFound, why: "no route"}
	}
	if failed := x.denied(); failed != nil {
		return failed
	}
	if failed := x.opaque(); failed != nil {
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

// unread is the failure of a header that is no map, which a server may read otherwise: as a map as far as it goes, or as saying who the client is.
func unread(header []byte) *failure {
	switch {
	case bytes.Contains(bytes.ReplaceAll(bytes.ToLower(header), []byte("_"), []byte("-")), []byte(identityHeader)):
		return &failure{status: http.StatusBadRequest, why: "the header is no map, and says who the client is"}
	case bolt.CutMap(header):
		return &failure{status: http.StatusBadRequest, why: "the header is no whole map"}
	}
	return nil
}

// opaque is the failure of a call whose header cannot be read, where something depends on what it says; nil: nothing does.
func (x *boltCall) opaque() *failure {
	switch {
	case x.isMap:
		return nil
	case x.done.Identity != "":
		return &failure{status: http.StatusBadRequest, why: "the header is no map, in which who the client is cannot be told"}
	case x.route.Allow != nil, slices.ContainsFunc(x.route.Limits, func(l route.Limit) bool { return l.Header() != "" }):
		return &failure{status: http.StatusBadRequest, why: "the header is no map, and the route is not for all calls"}
	}
	return nil
}

// Keys of the header that say what is called, and the class of SOFARPC's requests.
const (
	serviceKey  = "service"
	targetKey   = "sofa_head_target_service"
	methodKey   = "sofa_head_method_name"
	sofaRequest = "com.alipay.sofa.rpc.core.request.SofaRequest"
)

// service is what is called as SOFARPC's server finds it: by one key, or else by the other. Where neither says something the server would take what
// stands in the content, which is not read here.
func (x *boltCall) service(f bolt.Frame) (name []byte, why string) {
	name, ok := x.exact(serviceKey)
	target, also := x.exact(targetKey)
	switch {
	case ok && also && !bytes.Equal(name, target):
		return nil, "the header names two services"
	case !ok && also:
		name, ok = target, true
	case !ok && string(f.Class()) == sofaRequest:
		return nil, "the header names no service"
	case !ok:
		return f.Class(), ""
	}
	if len(bytes.TrimFunc(name, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) })) == 0 {
		return nil, "the name of the service is blank"
	}
	return name, ""
}

// aim makes the path: /SERVICE/METHOD as the header has them, or /CLASS where it has none.
func (x *boltCall) aim(f bolt.Frame) *failure {
	service, why := x.service(f)
	if why != "" {
		return &failure{status: http.StatusBadRequest, why: why}
	}
	x.target = append(append(x.target[:0], '/'), service...)
	method, ok := x.exact(methodKey)
	if ok {
		x.target = append(append(x.target, '/'), method...)
	}
	if x.path = x.target; bytes.IndexByte(service, '/') >= 0 || bytes.IndexByte(method, '/') >= 0 || dotted(x.path) {
		return &failure{status: http.StatusBadRequest, why: "the name of a service or a method has a /, or is . or .."}
	}
	return nil
}

// forward has a server of the route's cluster get the call, at first with no endpoint and no failure. A call that has to wait for a connection
// does so in a goroutine of its own, with a copy of its frame, so that those behind it do not; only beyond some bytes they do.
func (x *boltCall) forward(f bolt.Frame, at *upstream.Endpoint, failed *failure) {
	b := x.client
	for {
		if at == nil {
			if at, failed = x.next(failed); failed != nil {
				x.fail(failed)
				return
			}
		}
		link := b.server.bolt.ready(at, f.Kind())
		if link == nil && b.parked.Add(int64(len(f))) <= maxParked {
			e, copied := at, slices.Clone(f)
			x.pairs, x.isMap = bolt.AppendPairs(x.pairs[:0], copied.Header())
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
func (x *boltCall) resume(f bolt.Frame, at *upstream.Endpoint, link *boltLink, failed *failure) {
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
func (x *boltCall) await(e *upstream.Endpoint, f bolt.Frame) (*boltLink, *failure) {
	link, err := x.server.bolt.connect(e, f.Kind(), x.deadline)
	switch {
	case errors.Is(err, errLate):
		return nil, &failure{status: http.StatusGatewayTimeout, why: "the call's time is over before there is a connection"}
	case err != nil:
		return nil, x.unreached(e, err)
	}
	return link, nil
}

// send gives a link the call. Without a failure the call is another's from then on.
func (x *boltCall) send(l *boltLink, f bolt.Frame, room *[]byte) *failure {
	out, failed := x.outgoing(f, room)
	if failed != nil {
		return failed
	}
	if left := time.Until(x.deadline).Milliseconds(); !x.oneway || x.limit > 0 {
		out.SetTimeout(int32(max(left, 1)))
	}
	x.under, x.loaded = l.endpoint, time.Now()
	l.endpoint.Load.Begin()
	if x.oneway {
		out.SetID(mux.None)
		out.Seal()
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
	id, err := l.table.Put(x, x.deadline, most)
	if errors.Is(err, mux.ErrClosed) {
		l.links.forget(l) // whoever closed it has yet to: the next try is on another one
	}
	if err != nil {
		return x.unsent(err)
	}
	out.SetID(id)
	out.Seal()
	if err := l.writer.Append(out); err != nil {
		if _, mine := l.table.Take(id); mine {
			return x.unsent(err)
		}
	}
	return nil
}

// unsent is the failure of a call that a link has not taken.
func (x *boltCall) unsent(err error) *failure {
	x.unload()
	if errors.Is(err, mux.ErrMany) || errors.Is(err, mux.ErrFull) {
		return &failure{status: http.StatusTooManyRequests, why: "the server " + x.done.Endpoint + ": " + err.Error()}
	}
	if x.done.Retries > 0 { // it ends its connections one after the other
		x.tried = append(x.tried, x.under)
	}
	return &failure{status: http.StatusServiceUnavailable, why: "the server took no call: " + err.Error(), again: true}
}

// outgoing is the frame as the server gets it, but for its number and its time.
func (x *boltCall) outgoing(f bolt.Frame, room *[]byte) (bolt.Frame, *failure) {
	edit := &x.route.Request
	edits := edit.Set != nil || edit.Remove != nil
	if edits && !x.isMap {
		return nil, &failure{status: http.StatusBadRequest, why: "the header is no map, which the route changes"}
	}
	forged := slices.ContainsFunc(x.pairs, func(p bolt.Pair) bool { return claimsIdentity(p.Key) })
	tell := len(x.pairs) > 0 && (x.trace != nil || x.done.Identity != "")
	if !edits && !forged && !tell {
		return f, nil
	}
	var header []byte
	for i := range x.pairs {
		p := &x.pairs[i]
		if claimsIdentity(p.Key) || x.trace != nil && p.Is(parentHeader) || editedKey(edit, string(p.Key)) {
			continue
		}
		header = p.AppendPair(header)
	}
	if tell && x.done.Identity != "" {
		header = bolt.AppendPair(header, identityHeader, string(appendIdentity([]byte("URI="), x.done.Identity)))
	}
	if tell && x.trace != nil {
		header = bolt.AppendPair(header, parentHeader, x.trace.Parent())
	}
	for key, value := range edit.Set {
		header = bolt.AppendPair(header, key, value)
	}
	out, err := f.AppendHeader((*room)[:0], header)
	if err != nil {
		return nil, &failure{status: http.StatusBadRequest, why: err.Error()}
	}
	*room = out
	return bolt.Frame(out), nil
}

// claimsIdentity says whether a server may read a key as the one that tells who the client is: in whatever case, with _ for -.
func claimsIdentity(key []byte) bool {
	if len(key) != len(identityHeader) {
		return false
	}
	for i, c := range key {
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != identityHeader[i] {
			return false
		}
	}
	return true
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
func (x *boltCall) fail(f *failure) {
	x.tell(f)
	x.done.Why, x.done.Status = f.why, f.status
	if x.oneway {
		x.finish()
		return
	}
	b := x.client
	var room [bolt.MaxHead]byte
	err := b.writer.Append(x.head.AppendAnswer(room[:0], statusOf(f.status)))
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
func (x *boltCall) reply(f bolt.Frame) *mux.Writer {
	f.SetID(x.id)
	f.Seal()
	x.heard()
	x.done.Status = httpStatus(f.Status())
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

func (x *boltCall) unload() {
	if !x.loaded.IsZero() {
		x.under.Load.End(time.Since(x.loaded))
		x.loaded = time.Time{}
	}
}

// finish is the end of a call.
func (x *boltCall) finish() {
	x.unload()
	x.end()
	b := x.client
	x.client, x.trace, x.route, x.cluster, x.table, x.fields = nil, nil, nil, nil, nil, nil
	boltCalls.Put(x)
	b.answered()
}

// statusOf is what a client of Bolt is told for a status of HTTP.
func statusOf(status int) bolt.Status {
	switch status {
	case http.StatusNotFound:
		return bolt.NoProcessor
	case http.StatusBadRequest:
		return bolt.CodecException
	case http.StatusTooManyRequests:
		return bolt.Busy
	case http.StatusBadGateway:
		return bolt.ConnectionClosed
	case http.StatusServiceUnavailable:
		return bolt.SendFailed
	case http.StatusGatewayTimeout:
		return bolt.Timeout
	}
	return bolt.Failed
}

// httpStatus is what a server's status is counted as.
func httpStatus(s bolt.Status) int {
	switch s {
	case bolt.Success:
		return http.StatusOK
	case bolt.NoProcessor:
		return http.StatusNotFound
	case bolt.CodecException, bolt.DeserializeException:
		return http.StatusBadRequest
	case bolt.Busy, bolt.SendFailed:
		return http.StatusServiceUnavailable
	case bolt.CommunicationFailed, bolt.ConnectionClosed:
		return http.StatusBadGateway
	case bolt.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
