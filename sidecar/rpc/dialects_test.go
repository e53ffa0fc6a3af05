package rpc

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux/muxtest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// said is a call as a server has it.
type said struct {
	service string
	pairs   map[string]string // their names in lower case
	left    time.Duration     // that its caller waits
}

// What a server makes of a call, beside statuses of HTTP: 200, 500, and 503, which is that nothing has been done.
const (
	breaks  = -1 // it ends the connection
	nothing = -2 // it does not answer
)

// dialect is a protocol as tests speak it that are the same for all of them.
type dialect struct {
	name, protocol, protocols string
	method                    string // for which routes declare what may be repeated
	serve                     func(t *testing.T, do func(q *said) int) (addr string)
	// dial returns what makes a call of service's method ask, by a client of its own, and returns the status that it is told; what is told otherwise than
	// by one is 500.
	dial func(t *testing.T, addr string) func(service string, timeout time.Duration, pairs ...string) (status int)
}

// eachDialect runs a test with all protocols.
func eachDialect(t *testing.T, test func(t *testing.T, d *dialect)) {
	all := []*dialect{
		{name: "http1", protocol: "http1", method: "GET", serve: serveHTTP(backend), dial: callHTTP(func(*testing.T) *http.Client {
			return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
		})},
		{name: "http2", protocol: "http2", method: "GET", serve: serveHTTP(func(t *testing.T, h http.HandlerFunc) string { addr, _ := backend2(t, h); return addr }), dial: callHTTP(client2)},
		framed("bolt", "", bolt.Split, askedByBolt, saidByBolt, answeredByBolt, func(f bolt.Frame) int { return boltStatuses.counted(f.Status()) }),
		framed("dubbo", "", dubbo.Split, askedByDubbo, saidByDubbo, answeredByDubbo, func(f dubbo.Frame) int { return dubboStatuses.counted(f.Status()) }),
		describedDialect(t, "x-stock", describedStock, stockFrame),
		describedDialect(t, "x-sums", describedSums, sumsFrame),
	}
	for _, d := range all {
		t.Run(d.name, func(t *testing.T) { test(t, d) })
	}
}

// spoken is what a cluster says of its protocol.
func (d *dialect) spoken() string { return "protocol: " + d.protocol + ", connect_timeout: 60s" }

// proxied is a proxy before servers, by clusters and routes in which PROTOCOL is the dialect's, and METHOD its method.
func (d *dialect) proxied(t *testing.T, tracer Tracer, document string, args ...any) (addr string, s *Server, w *watched) {
	t.Helper()
	text := strings.NewReplacer("PROTOCOL", d.spoken(), "METHOD", d.method).Replace(fmt.Sprintf(document, args...))
	settings := testSettings
	settings.Silence, settings.HeadTimeout = time.Minute, time.Minute
	return proxyTraced(t, settings, text+d.protocols, tracer)
}

func serveHTTP(listen func(*testing.T, http.HandlerFunc) string) func(t *testing.T, do func(q *said) int) string {
	return func(t *testing.T, do func(q *said) int) string {
		return listen(t, func(w http.ResponseWriter, r *http.Request) {
			q := &said{service: strings.Split(r.URL.Path, "/")[1], pairs: map[string]string{}}
			for name := range r.Header {
				q.pairs[strings.ToLower(name)] = r.Header.Get(name)
			}
			ms, _ := strconv.Atoi(r.Header.Get(TimeoutHeader))
			q.left = time.Duration(ms) * time.Millisecond
			switch status := do(q); status {
			case breaks:
				panic(http.ErrAbortHandler)
			case nothing:
				<-r.Context().Done()
			default:
				w.WriteHeader(status)
			}
		})
	}
}

func callHTTP(client func(*testing.T) *http.Client) func(t *testing.T, addr string) func(string, time.Duration, ...string) int {
	return func(t *testing.T, addr string) func(string, time.Duration, ...string) int {
		c := client(t)
		return func(service string, timeout time.Duration, pairs ...string) int {
			q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+addr+"/"+service+"/ask", nil)
			if err != nil {
				t.Error(err)
				return 0
			}
			if timeout != 0 {
				q.Header.Set(TimeoutHeader, strconv.FormatInt(timeout.Milliseconds(), 10))
			}
			for i := 0; i+1 < len(pairs); i += 2 {
				q.Header.Set(pairs[i], pairs[i+1])
			}
			res, err := c.Do(q)
			if err != nil {
				t.Error(err)
				return 0
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
	}
}

// framed is the dialect of a protocol of frames. Its heartbeats are answered by answer, with saying false.
func framed[F ~[]byte](protocol, described string, split mux.Split[F], asked func(id uint64, service string, ms int64, pairs []string) []byte, saying func(f F) (q *said, ok bool),
	answer func(out []byte, f F, status int) []byte, status func(f F) int) *dialect {
	d := &dialect{name: protocol, protocol: protocol, protocols: described, method: strings.ToUpper(protocol)}
	d.serve = func(t *testing.T, do func(q *said) int) string {
		addr, _ := serving(t, func(l net.Listener, answer func(out []byte, f F) []byte) { muxtest.Serve(l, split, answer) }, func(out []byte, f F) []byte {
			q, ok := saying(f)
			if !ok {
				return answer(out, f, http.StatusOK)
			}
			switch status := do(q); status {
			case breaks:
				return append(out, "no frame at all, upon which the connection ends"...)
			case nothing:
				return out
			default:
				return answer(out, f, status)
			}
		})
		return addr
	}
	d.dial = func(t *testing.T, addr string) func(string, time.Duration, ...string) int {
		conn := dial(t, addr)
		c := &peer[F]{conn, t, mux.NewReader(conn, split, 1<<20, nil)}
		id := uint64(1000)
		return func(service string, timeout time.Duration, pairs ...string) int {
			id++
			if _, err := c.Write(asked(id, service, timeout.Milliseconds(), pairs)); err != nil {
				t.Error(err)
				return 0
			}
			f, err := c.next()
			if err != nil {
				t.Error(err)
				return 0
			}
			return status(f)
		}
	}
	return d
}

func askedByBolt(id uint64, service string, ms int64, pairs []string) []byte {
	header := bolttest.Map(append([]string{"service", service, "sofa_head_method_name", "ask"}, pairs...)...)
	return bolttest.Message{Type: bolt.Request, ID: uint32(id), Timeout: int32(ms), Class: "com.shop.Ask", Header: header, Content: []byte("what?")}.Append(nil)
}

func saidByBolt(f bolt.Frame) (*said, bool) {
	pairs, _ := bolt.AppendPairs(nil, f.Header())
	q := saying("service", pairs)
	q.left = time.Duration(f.Timeout()) * time.Millisecond
	return q, !f.Heartbeat()
}

func saying(service string, pairs []mux.Pair) *said {
	q := &said{pairs: map[string]string{}}
	for _, p := range pairs {
		q.pairs[strings.ToLower(string(p.Key))] = string(p.Value)
	}
	q.service = q.pairs[service]
	return q
}

func answeredByBolt(out []byte, f bolt.Frame, status int) []byte {
	return f.AppendAnswer(out, map[int]bolt.Status{200: bolt.Success, 500: bolt.ServerException, 503: bolt.Busy}[status])
}

func askedByDubbo(id uint64, service string, ms int64, pairs []string) []byte {
	if ms != 0 {
		pairs = append(pairs, timeoutKey, strconv.FormatInt(ms, 10))
	}
	return dubbotest.Call{ID: id, Path: service, Method: "ask", Attachments: dubbotest.Map(pairs...)}.Append(nil)
}

func saidByDubbo(f dubbo.Frame) (*said, bool) {
	var c dubbo.Call
	if f.Event() || c.Read(f) != nil {
		return nil, false
	}
	q := saying("", c.Pairs)
	q.service = string(c.Path)
	ms, _ := strconv.Atoi(q.pairs[timeoutKey])
	q.left = time.Duration(ms) * time.Millisecond
	return q, true
}

func answeredByDubbo(out []byte, f dubbo.Frame, status int) []byte {
	if f.Event() {
		return f.AppendBeat(out)
	}
	return dubbotest.Frame(out, dubbo.Hessian2, map[int]dubbo.Status{200: dubbo.OK, 500: dubbo.ServiceError, 503: dubbo.ThreadpoolExhausted}[status], f.ID(), []byte{0x92})
}

// describedStock is a protocol that is none but here.
const describedStock = `protocols:
  x-stock:
    magic: "ca fe"
    order: little
    head: 24
    parts: [meta, body]
    lengths: [{at: 16, width: 2, of: meta}, {at: 12, width: 4, of: frame}]
    id: {at: 4, width: 8}
    kind: {at: 2, width: 1, mask: 0x0f, request: [1], oneway: [2], answer: [3], heartbeat: [4], heartbeat_answer: [5], parting: [6]}
    status: {at: 3, width: 1, ok: [20], failed: 70, tell: {404: 60, 503: 61, 504: 62}, count: {60: 404, 61: 503, 62: 504, 100: 503}, unexecuted: [100]}
    metadata: {part: meta, count: 2, key: 1, value: 2, service: svc, method: mth, traceparent: trace, deadline: ttl, caller: who}
    deadline: {at: 18, width: 4}
    parting: "ca fe 06 00 0000000000000000 18000000 0000 0000 00000000"
`

// describedSums is another one, with numbers of variable length and checksums.
const describedSums = `protocols:
  x-sums:
    magic: "c5 ec"
    head: 20
    parts: [meta, body]
    tail: 4
    lengths: [{varint: leb128, of: meta}, {varint: base128, of: frame}]
    id: {at: 4, width: 8}
    kind: {at: 2, width: 1, request: [1], oneway: [2], answer: [3], heartbeat: [4], heartbeat_answer: [5]}
    status: {at: 3, width: 1, ok: [20], failed: 70, tell: {404: 60, 503: 61, 504: 62}, count: {60: 404, 61: 503, 62: 504, 100: 503}, unexecuted: [100]}
    metadata: {part: meta, count: 1, varint: leb128, service: svc, method: mth, traceparent: trace, deadline: ttl, caller: who}
    deadline: {at: 12, width: 4}
    checksums: [{at: 16, width: 2, sum: sum, of: body, verify: true}, {at: -4, width: 4, sum: crc32c}]
`

// stockProtocol is describedStock as Go has it.
func stockProtocol(t testing.TB) *xprotocol.Protocol {
	t.Helper()
	return compiled(t, "x-stock", describedStock)
}

func compiled(t testing.TB, name, described string) *xprotocol.Protocol {
	t.Helper()
	var d struct{ Protocols map[string]xprotocol.Rule }
	if err := yaml.UnmarshalWithOptions([]byte(described), &d, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	p, problems := xprotocol.Compile(name, d.Protocols[name])
	if p == nil {
		t.Fatal(problems)
	}
	return p
}

// sumsFrame is one of x-sums.
func sumsFrame(t testing.TB, p *xprotocol.Protocol, kind byte, id uint64, body string, pairs ...string) []byte {
	t.Helper()
	f := make([]byte, 22, 26+len(body))
	copy(f, "\xc5\xec")
	f[2], f[21] = kind, byte(26+len(body))
	for _, c := range []byte(body) {
		binary.BigEndian.PutUint16(f[16:], binary.BigEndian.Uint16(f[16:])+uint16(c))
	}
	p.SetID(f, id)
	return withPairs(t, p, append(append(f, body...), 0, 0, 0, 0), pairs)
}

// withPairs is a request's frame with metadata.
func withPairs(t testing.TB, p *xprotocol.Protocol, f []byte, pairs []string) []byte {
	t.Helper()
	w := p.Write(nil)
	for i := 0; i+1 < len(pairs); i += 2 {
		w.Add([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	out, err := w.AppendTo(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	p.Seal(out)
	return out
}

// stockFrame is one of x-stock.
func stockFrame(t testing.TB, p *xprotocol.Protocol, kind byte, id uint64, body string, pairs ...string) []byte {
	t.Helper()
	head := make([]byte, 24, 24+len(body))
	copy(head, "\xca\xfe")
	head[2], head[12] = kind|0x30, byte(24+len(body))
	p.SetID(head, id)
	return withPairs(t, p, append(head, body...), pairs)
}

func describedDialect(t *testing.T, name, described string, frame func(t testing.TB, p *xprotocol.Protocol, kind byte, id uint64, body string, pairs ...string) []byte) *dialect {
	p := compiled(t, name, described)
	asked := func(id uint64, service string, ms int64, pairs []string) []byte {
		f := frame(t, p, 1, id, "what?", append([]string{"svc", service, "mth", "ask"}, pairs...)...)
		if ms != 0 {
			p.SetDeadline(f, time.Duration(ms)*time.Millisecond)
		}
		p.Seal(f)
		return f
	}
	saying := func(f []byte) (*said, bool) {
		if p.Kind(f) != xprotocol.Request {
			return nil, false
		}
		pairs, err := p.AppendPairs(nil, f)
		if err != nil {
			t.Error(err)
		}
		q := saying("svc", pairs)
		q.left = p.Deadline(f)
		q.pairs[parentHeader] = q.pairs["trace"]
		if q.pairs["ttl"] != strconv.FormatInt(q.left.Milliseconds(), 10) {
			t.Errorf("the server has %v and %s ms", q.left, q.pairs["ttl"])
		}
		return q, true
	}
	answer := func(out []byte, f []byte, status int) []byte {
		if p.Kind(f) == xprotocol.Heartbeat {
			return p.AppendBeat(out, p.ID(f))
		}
		from := len(out)
		out = p.AppendFailure(out, p.ID(f), 0)
		out[from+3] = map[int]byte{200: 20, 500: 70, 503: 100}[status]
		p.Seal(out[from:])
		return out
	}
	return framed(name, described, p.Split, asked, saying, answer, p.Counts)
}
