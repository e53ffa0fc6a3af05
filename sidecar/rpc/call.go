package rpc

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// call is one request and what becomes of it, whatever protocol it came by. With the fields of its head, which its protocol
// has, it is a route.Call.
type call struct {
	server    *Server
	listener  string // where it came in
	isTLS     bool   // it came encrypted
	protocol  string // as clusters have it
	method    []byte
	host      []byte // without a port, in lower case
	hostport  []byte // as the client wrote it
	path      []byte
	query     []byte // nil: none
	rewritten []byte // the path that the server is asked for, where an expression makes it; nil: none does
	route     *route.Route
	cluster   *upstream.Cluster // of the route, chosen by weight
	tried     []*upstream.Endpoint
	room      [4]*upstream.Endpoint // for tried
	at        *upstream.Endpoint    // that has the call, and has not been told what became of it
	since     time.Time             // when it was given the call; the zero time: it is the first
	again     int                   // times that the route has had it tried again
	refusals  int                   // of servers that have done nothing of it
	table     *routed               // the route is of
	fields    route.Call            // itself, with its head
	deadline  time.Time
	tryBy     time.Time // when the endpoint has to have begun to answer; the deadline, or before it
	trace     Trace
	spelt     spelling // by its caller, where it is traced
	colour    colour
	tied      uint64 // among the server's ties; 0: it is not
	fault     fault
	mirror    *mirror // nil: none
	hedging   hedging
	place     place
	intake    intake
	code      int // of gRPC, by which the server's answer has ended; 0: OK, or there is none
	done      Done
}

func (x *call) begin(c *conn) {
	*x = call{server: c.server, listener: c.listener, isTLS: c.isTLS, host: x.host[:0], done: Done{Began: time.Now(), Client: c.addr, Identity: c.identity}}
}

func (x *call) end() {
	x.tell(nil)
	x.confess()
	x.mirror.done()
	x.leave()
	x.untie()
	x.done.Took = time.Since(x.done.Began)
	x.server.observer.Call(&x.done)
	if x.trace != nil {
		x.trace.End(&x.done)
	}
}

// known notes what a head said that has been read. fields has its fields, and is the call for the table of routes.
func (x *call) known(fields route.Call) {
	var parent string
	if x.server.tracer != nil || x.asksTrace() {
		parent, x.spelt = parentOf(fields)
	}
	if x.server.tracer != nil {
		x.trace = x.server.tracer.Call(parent, x.done.Began)
	}
	fields = x.dye(fields, parent)
	x.tellOf(fields, parent)
	x.done.Method, x.done.Host, x.done.Path = string(x.method), string(x.hostport), string(x.path)
	table := x.server.table.Load()
	if x.route = table.Match(fields, x.listener); x.route != nil {
		x.done.Route = x.route.Name
		x.fields, x.table = fields, table
		x.dyeByRoute()
	}
}

// denied is the failure of a call whose client may not take the route; nil: it may.
func (x *call) denied() *failure {
	if x.table.guarded && ambiguous(x.path) {
		return &failure{status: http.StatusBadRequest, why: "the path has another spelling, and there are routes that are for some clients only"}
	}
	a := x.route.Allow
	if a == nil || a.Admits(x.done.Identity, x.done.Client) {
		return nil
	}
	why := "the route is not for this client"
	if x.done.Identity == "" && len(a.Identities) > 0 {
		why = "the route is for clients with a certificate"
	}
	return &failure{status: http.StatusForbidden, why: why}
}

// failure is why a call got no answer of a server.
type failure struct {
	status int
	why    string
	again  bool          // nothing of the call has been done: another connection may try
	sent   bool          // with again: the server may have got the call
	fault  bool          // it is the server's, and speaks against it
	cause  cause         // for which the route may have the call tried again
	repeat bool          // the route has the call tried again, though something may have been done
	after  time.Duration // in which the caller may come again; 0: that is not known
	code   int           // of gRPC, where status does not say it; 0: it does
}

// tell tells the endpoint that has the call what became of it. Without a failure it has answered, if a status has come.
func (x *call) tell(f *failure) {
	if x.at == nil {
		return
	}
	o, why := breaker.Unknown, ""
	switch {
	case f != nil && f.fault:
		o, why = breaker.Failed, f.why
	case f == nil && x.done.Status != 0:
		o, why = x.judge(x.done.Status, x.code)
	}
	x.at.Over(o, why)
	x.at = nil
}

// judge is judge, but for a server that says that the time of a caller is over that waits less long than the route would.
func (x *call) judge(status, code int) (o breaker.Outcome, why string) {
	if o, why = judge(status, code); o == breaker.Failed && code == grpcDeadlineExceeded && !x.deadline.IsZero() && x.hurried() {
		o = breaker.Unknown
	}
	return o, why
}

// hurried says whether the caller waits less long than the route would: no answer by then speaks against no server.
func (x *call) hurried() bool {
	return x.deadline.Sub(x.done.Began) < x.route.TimeoutOrDefault()
}

// timeoutHeader is what a call's x-request-timeout-ms says; ok is false where that is nothing. One below 0 is of a caller that is late already.
func timeoutHeader(v []byte) (d time.Duration, ok bool) {
	ms, err := strconv.ParseInt(string(v), 10, 32)
	return max(time.Duration(ms), 0) * time.Millisecond, err == nil || ms < 0
}

// choose takes one of the route's clusters.
func (x *call) choose() *failure {
	x.tried = x.room[:0]
	if f := x.limited(); f != nil {
		return f
	}
	if f := x.starved(); f != nil {
		return f
	}
	if !x.deadline.IsZero() && x.route.LeastTime > 0 && time.Until(x.deadline) < x.route.LeastTime {
		return &failure{status: http.StatusGatewayTimeout, why: "the caller does not wait as long as the call takes"}
	}
	if f := x.rewrite(); f != nil {
		return f
	}
	name := x.route.Cluster()
	if x.cluster = nil; x.route.SubsetBy != "" {
		if subset := x.route.Subset(x.fields, x.colour.is); subset != "" {
			x.cluster = x.server.clusters.Subset(name, subset)
		}
	}
	if x.cluster == nil {
		x.cluster = x.server.clusters.Cluster(name)
	}
	if x.cluster == nil { // the table has changed in between
		return &failure{status: http.StatusServiceUnavailable, why: "the cluster is gone"}
	}
	x.done.Cluster = x.cluster.Name
	if spoken := x.cluster.Protocol; spoken != x.protocol && !(route.HTTP(spoken) && route.HTTP(x.protocol)) {
		return &failure{status: http.StatusServiceUnavailable, why: "the cluster " + x.cluster.Name + " speaks another protocol than the call"}
	}
	if f := x.enter(); f != nil {
		return f
	}
	x.hedged()
	x.earn()
	return x.inject()
}

// rewrite makes the path that the server is asked for, where an expression of the route's does.
func (x *call) rewrite() *failure {
	if !x.route.Rewrites() || len(x.path) == 0 || x.path[0] != '/' { // OPTIONS * asks for none
		return nil
	}
	path, ok := x.route.Rewritten(x.path)
	switch {
	case !ok:
		return &failure{status: http.StatusBadRequest, why: "the path that the route makes of it is longer than " + strconv.Itoa(route.MostRewritten) + " bytes"}
	case len(path) == 0 || path[0] != '/' || dotted(path):
		return &failure{status: http.StatusBadRequest, why: "the path that the route makes of it is none, or has segments . or .."}
	}
	x.rewritten = path
	return nil
}

// next is the endpoint that is to be tried, at first with nil and then with what became of the last. Or it is the failure that the client is told of.
func (x *call) next(last *failure) (*upstream.Endpoint, *failure) {
	before := x.at
	if last != nil {
		x.forgive(last)
		x.tell(last)
	}
	switch {
	case last == nil:
	case last.repeat:
		if x.tried = append(x.tried, before); len(x.tried) >= len(x.cluster.Endpoints) {
			x.tried = x.tried[:0] // who has failed may do better now
		}
		x.done.Retries++
	case !last.again:
		return nil, last
	default:
		x.done.Retries++
	}
	if !x.deadline.IsZero() && !time.Now().Before(x.deadline) {
		over := &failure{status: http.StatusGatewayTimeout, why: "the call's time is over"}
		if last != nil {
			over.why += ": " + last.why
		}
		return nil, over
	}
	e := x.elsewhere(before, last)
	if e == nil {
		e = x.pick()
	}
	if e == nil && (last == nil || last.again) && x.fallBack() {
		e = x.pick()
	}
	if e == nil {
		if last == nil {
			last = &failure{status: http.StatusServiceUnavailable, why: x.cluster.Why()}
		}
		return nil, last
	}
	if x.at = e; last != nil {
		x.since = time.Now()
	}
	x.tie()
	x.done.Endpoint, x.tryBy = e.Address, x.tryUntil()
	return e, nil
}

// forgive has a call that a server was sent, and has done nothing of, end there, if that is a habit of the server's and there is no budget for it: else one that answers nothing but so would be sent
// a multiple.
func (x *call) forgive(last *failure) {
	if last.again && last.sent && !x.at.Forgives(x.sentAt()) && !x.cluster.Budget.Again(time.Now()) {
		last.again, last.fault = false, true
	}
}

// sentAt is before when the call was not sent to the endpoint that has it.
func (x *call) sentAt() time.Time {
	if x.since.IsZero() {
		return x.done.Began
	}
	return x.since
}

// elsewhere takes another endpoint than one that was sent the call and has done nothing of it: where one of its connections ends, others may be about to. nil: there is none that is up, or
// the call's key says where it goes.
func (x *call) elsewhere(before *upstream.Endpoint, last *failure) *upstream.Endpoint {
	if last == nil || !last.again || !last.sent || x.cluster.Keyed() {
		return nil
	}
	e := x.cluster.Pick(append(slices.Clone(x.tried), before))
	if e != nil && time.Now().Before(e.Aside()) {
		e.Over(breaker.Unknown, "") // nobody could connect there, which takes time
		return nil
	}
	return e
}

// pick takes an endpoint of the cluster that has not been tried.
func (x *call) pick() *upstream.Endpoint {
	if x.cluster.Keyed() {
		if key, ok := x.cluster.Key(x.fields, x.done.Client); ok {
			return x.cluster.PickBy(key, x.tried)
		}
	}
	return x.cluster.Pick(x.tried)
}

// unreached is the failure of an endpoint that gave no connection.
func (x *call) unreached(e *upstream.Endpoint, err error) *failure {
	f := &failure{status: http.StatusServiceUnavailable, why: err.Error()}
	var unreachable *upstream.ConnectError
	switch {
	case errors.Is(err, upstream.ErrLate):
		f.status = http.StatusGatewayTimeout
	case errors.As(err, &unreachable):
		x.tried = append(x.tried, e)
		f.again, f.fault = true, true
	case errors.Is(err, upstream.ErrFull):
		x.tried = append(x.tried, e)
		f.again = true
	}
	return f
}

// refused is the failure of an endpoint that has done nothing of the call, and says so.
func (x *call) refused(e *upstream.Endpoint, err *http2.Error) *failure {
	if x.refusals++; x.refusals > 1 {
		x.tried = append(x.tried, e)
	}
	return &failure{status: http.StatusServiceUnavailable, why: "the server took no call: " + err.Error(), again: true, sent: true}
}

// setTarget takes a request's path apart.
func (x *call) setTarget(target []byte) error {
	x.path, x.query, _ = bytes.Cut(target, []byte{'?'})
	if bytes.IndexByte(target, '#') >= 0 || dotted(x.path) {
		return &http1.Error{Status: http.StatusBadRequest, Why: "the path has a fragment, or segments . or .."}
	}
	return nil
}

// dotted says whether a path has a segment that is . or .., in whatever spelling: two ends would take it for two paths. Servers
// take a backslash, plain or encoded, and an encoded slash for the end of a segment, and pass over what is behind a semicolon in one.
func dotted(path []byte) bool {
	if bytes.IndexByte(path, '.') < 0 && bytes.IndexByte(path, '%') < 0 {
		return false
	}
	text := plainer.Replace(strings.ToLower(string(path)))
	for segment := range strings.SplitSeq(text, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

var plainer = strings.NewReplacer("%2e", ".", "%2f", "/", "%5c", "/", "\\", "/", "%3b", ";")

// ambiguous says whether a path could be another one to a server than it is to the table of routes: an empty segment, one with parameters, a separator or
// something that needs no encoding encoded. Where routes are for some clients only, another spelling would take another route.
func ambiguous(path []byte) bool {
	for i := range path {
		switch path[i] {
		case '/':
			if i > 0 && path[i-1] == '/' {
				return true
			}
		case ';', '\\':
			return true
		case '%':
			if i+2 >= len(path) {
				return true
			}
			v, err := strconv.ParseUint(string(path[i+1:i+3]), 16, 8)
			if c := byte(v); err != nil || c == '/' || c == '\\' || c == ';' || c == '-' || c == '.' || c == '_' || c == '~' ||
				'0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
				return true
			}
		}
	}
	return false
}

// readHost sees that the host is one, and has it without its port.
func (x *call) readHost() error {
	name := x.hostport
	if i := bytes.LastIndexByte(name, ':'); i >= 0 && bytes.IndexByte(name[i:], ']') < 0 {
		if bytes.ContainsFunc(name[i+1:], func(r rune) bool { return r < '0' || r > '9' }) || name[0] != '[' && bytes.IndexByte(name[:i], ':') >= 0 {
			return &http1.Error{Status: http.StatusBadRequest, Why: "the host's port is none"}
		}
		name = name[:i]
	}
	name = bytes.TrimSuffix(name, []byte{'.'}) // the name that is complete, as all are here
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

// The methods that route.Call wants, but for Header.

func (x *call) Host() []byte   { return x.host }
func (x *call) Path() []byte   { return x.path }
func (x *call) Method() []byte { return x.method }

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

// location is where a redirect leads.
func (x *call) location(r *route.Redirect) (status int, to string) {
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
	if status = r.Status; status == 0 {
		status = http.StatusFound
	}
	return status, scheme + "://" + host + path
}
