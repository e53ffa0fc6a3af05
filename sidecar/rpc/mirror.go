package rpc

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// MirrorHeader tells a server that a call is a copy, whose answer nobody waits for. A call that comes with it is not mirrored again.
const MirrorHeader = "x-heddle-mirror"

// What becomes of copies.
const (
	MirrorAnswered = "answered" // with a status below 500
	MirrorFailed   = "failed"
	MirrorDropped  = "dropped"  // there are as many under way as may be
	MirrorTooLong  = "too_long" // the body is longer than the route says
	MirrorCut      = "cut"      // the call was over before its body was
)

// mirror is the copy of a call, as it is gathered from the call's body. A nil one is none.
type mirror struct {
	server         *Server
	route, cluster string
	fields         []http2.Field
	key            uint64 // by which the cluster chooses
	keyed, grpc    bool
	hurried        bool // its caller waits less long than the route would, and the server knows
	most           int
	deadline       time.Time

	mu   sync.Mutex
	body []byte
	over bool // it is sent, or will not be
}

// reflect begins a copy of the call, if the route has it mirrored. fields are those that a server gets.
func (x *call) reflect(fields func() []http2.Field, grpc bool) *mirror {
	if x.route.Mirror == nil || x.fault.abort != nil || !x.route.Mirrored() {
		return nil
	}
	if _, is := x.fields.Header(MirrorHeader); is {
		return nil
	}
	r := x.route.Mirror
	m := &mirror{server: x.server, route: x.route.Name, cluster: r.Cluster, grpc: grpc, most: cmp.Or(r.MaxBody, route.DefaultMirrored)}
	m.deadline = time.Now().Add(x.route.TimeoutOrDefault()) // whatever its caller waits: no answer by then speaks against the server
	m.hurried = !x.deadline.IsZero() && x.hurried()
	if c := x.server.clusters.Cluster(r.Cluster); c != nil && c.Keyed() {
		m.key, m.keyed = c.Key(x.fields, x.done.Client)
	}
	for _, f := range fields() {
		if f.Name != "content-length" && f.Name != "expect" {
			m.fields = append(m.fields, f)
		}
	}
	m.fields = append(m.fields, http2.Field{Name: MirrorHeader, Value: "1"})
	return m
}

// add takes more of the body, of which p remains the caller's. With its end the copy is sent.
func (m *mirror) add(p []byte, end bool) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.over:
	case len(m.body)+len(p) > m.most:
		m.giveUp(MirrorTooLong)
	default:
		m.body = append(m.body, p...)
		if end {
			m.over = true
			m.server.mirrors.send(m)
		}
	}
}

// done notes that the call is over: what has not come of its body comes no more.
func (m *mirror) done() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.giveUp(MirrorCut)
	}
}

func (m *mirror) giveUp(outcome string) {
	m.over, m.body, m.fields = true, nil, nil
	m.server.observer.Mirrored(m.route, m.cluster, outcome)
}

// mostMirrors is how many copies may be under way: what they hold is bounded, and no cluster that hangs is given ever more.
const mostMirrors = 100

// mirrors sends copies.
type mirrors struct {
	mu       sync.Mutex
	over     bool // none is sent any more
	underway int
	closers  map[io.Closer]struct{} // what those under way wait for
	calls    sync.WaitGroup
}

// send sends a copy by a goroutine of its own, if there are not too many.
func (s *mirrors) send(m *mirror) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.underway >= mostMirrors {
		m.server.observer.Mirrored(m.route, m.cluster, MirrorDropped)
		return
	}
	s.underway++
	s.calls.Go(func() {
		outcome := m.exchange()
		s.mu.Lock()
		s.underway--
		s.mu.Unlock()
		m.server.observer.Mirrored(m.route, m.cluster, outcome)
	})
}

// hold has the end of the server end a wait; it returns false if that has come, and what ends the hold.
func (s *mirrors) hold(c io.Closer) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil, false
	}
	s.closers[c] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.closers, c)
	}, true
}

// end ends the copies under way and waits for them.
func (s *mirrors) end() {
	s.mu.Lock()
	s.over = true
	for c := range s.closers {
		_ = c.Close() // it is given up
	}
	s.mu.Unlock()
	s.calls.Wait()
}

// exchange sends the copy to a server and reads its answer, for the sake of the connection and of what is known of the server.
func (m *mirror) exchange() (outcome string) {
	cluster := m.server.clusters.Cluster(m.cluster)
	if cluster == nil || m.grpc && cluster.Protocol != route.HTTP2 {
		return MirrorFailed
	}
	var e *upstream.Endpoint
	if m.keyed && cluster.Keyed() {
		e = cluster.PickBy(m.key, nil)
	} else {
		e = cluster.Pick(nil)
	}
	if e == nil {
		return MirrorFailed
	}
	began := time.Now()
	e.Load.Begin()
	exchange := m.exchange1
	if cluster.Protocol == route.HTTP2 {
		exchange = m.exchange2
	}
	status, err := exchange(e)
	e.Load.End(time.Since(began))
	switch {
	case errors.Is(err, errMirrorsEnd), errors.Is(err, errHurried):
		e.Over(breaker.Unknown, "")
	case err != nil:
		e.Over(breaker.Failed, err.Error())
	case status >= http.StatusInternalServerError:
		e.Over(breaker.Failed, "status "+strconv.Itoa(status))
	default:
		e.Over(breaker.Good, "")
		return MirrorAnswered
	}
	return MirrorFailed
}

var (
	errMirrorsEnd = errors.New("no copies are sent any more")
	errHurried    = errors.New("the caller's time was over, and not the route's")
)

// exchange1 is exchange with a server of HTTP/1.
func (m *mirror) exchange1(e *upstream.Endpoint) (status int, err error) {
	up, _, err := e.Get(m.deadline, m.server.done)
	if err != nil {
		return 0, err
	}
	keeps := false
	c, _ := up.State.(*http1.Conn)
	if c == nil {
		c = http1.NewConn(up.Conn)
		up.State = c
	}
	defer func() {
		c.Release()
		if keeps {
			up.Put()
		} else {
			_ = up.Close() // whatever was to come on it has come
		}
	}()
	release, ok := m.server.mirrors.hold(up.Conn)
	if !ok {
		return 0, errMirrorsEnd
	}
	defer release()
	c.SetPatience(m.server.settings.Load().Silence)
	c.Written(m.appendHead(c.Out()))
	if err := c.Append(m.body); err != nil {
		return 0, err
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	status, keeps, err = m.readAnswer(c)
	return status, err
}

// readAnswer reads an answer to its end, and says whether its connection can carry another call.
func (m *mirror) readAnswer(c *http1.Conn) (status int, keeps bool, err error) {
	if err := c.SetReadDeadline(m.deadline); err != nil {
		return 0, false, err
	}
	var r http1.Response
	for r.Status < http.StatusOK {
		head, err := c.ReadHead(maxAnswerHead, func() error { return nil })
		if err != nil {
			return 0, false, err
		}
		if err := r.Parse(head); err != nil {
			return 0, false, err
		}
		c.Take(len(head))
	}
	body, err := r.Body([]byte(m.field(":method")))
	if err != nil {
		return 0, false, err
	}
	keeps = r.KeepsAlive() && body.Kind != http1.UntilClose
	if body.Kind != http1.Empty {
		if _, err := content(c, &body, func([]byte, bool) error { return nil }); err != nil {
			return 0, false, err
		}
	}
	return r.Status, keeps && len(c.Waiting()) == 0, nil
}

func (m *mirror) field(name string) string {
	for i := range m.fields {
		if m.fields[i].Name == name {
			return m.fields[i].Value
		}
	}
	return ""
}

// appendHead writes the head that a server of HTTP/1 gets.
func (m *mirror) appendHead(out []byte) []byte {
	out = append(append(append(append(out, m.field(":method")...), ' '), m.field(":path")...), " HTTP/1.1\r\n"...)
	out = appendLine(out, "host", m.field(":authority"))
	cookie := ""
	for i := range m.fields {
		switch f := &m.fields[i]; {
		case f.Name[0] == ':':
		case f.Name == "cookie": // may be parted (RFC 9113, section 8.2.3)
			if cookie != "" {
				cookie += "; "
			}
			cookie += f.Value
		default:
			out = appendLine(out, f.Name, f.Value)
		}
	}
	if cookie != "" {
		out = appendLine(out, "cookie", cookie)
	}
	if len(m.body) > 0 || m.field(":method") == http.MethodPost || m.field(":method") == http.MethodPut {
		out = appendLine(out, "content-length", strconv.Itoa(len(m.body)))
	}
	return append(out, "\r\n"...)
}

// exchange2 is exchange with a server of HTTP/2.
func (m *mirror) exchange2(e *upstream.Endpoint) (status int, err error) {
	pipe := http2.NewPipe()
	s, err := m.open(e, pipe)
	if err != nil {
		return 0, err
	}
	pipe.Attach(s, false)
	defer pipe.Close()
	release, ok := m.server.mirrors.hold(pipe)
	if !ok {
		return 0, errMirrorsEnd
	}
	defer release()
	s.Conn().Flush()
	if len(m.body) > 0 {
		if err := pipe.Send(m.body, true, m.server.settings.Load().Silence); err != nil {
			return 0, err
		}
	}
	var last []http2.Field
	for end := false; !end; {
		if status < http.StatusOK {
			status, last, end, err = pipe.Answer(m.deadline)
		} else {
			_, end, err = pipe.Next(m.deadline)
			last = pipe.End()
		}
		if err == nil && !end && !time.Now().Before(m.deadline) {
			err = os.ErrDeadlineExceeded // of an answer that goes on and on
		}
		if err != nil {
			return 0, err
		}
	}
	if m.grpc && status == http.StatusOK {
		err = m.ended(grpcCodeOf(last))
	}
	return status, err
}

// ended is what is wrong with an answer that ends by a code of gRPC.
func (m *mirror) ended(code int) error {
	switch o, why := judge(http.StatusOK, code); {
	case o == breaker.Good:
		return nil
	case code == grpcDeadlineExceeded && m.hurried:
		return errHurried
	default:
		return errors.New(why)
	}
}

func (m *mirror) open(e *upstream.Endpoint, pipe *http2.Pipe) (*http2.Stream, error) {
	for {
		shared, err := e.Share(m.deadline, m.server.done, m.server.connect2(e))
		if err != nil {
			return nil, err
		}
		if s, ok := shared.(*http2.Conn).Open(m.fields, len(m.body) == 0, pipe); ok {
			return s, nil
		}
	}
}
