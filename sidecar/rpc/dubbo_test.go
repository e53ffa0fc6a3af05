package rpc

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

func dubboServer(t *testing.T, answer func(out []byte, f dubbo.Frame) []byte) (addr string, conns *atomic.Int64) {
	t.Helper()
	return serving(t, dubbotest.Serve, answer)
}

func toDubbo(addrs ...string) string {
	return fmt.Sprintf("clusters: {stock: {protocol: dubbo, connect_timeout: 60s, endpoints: [%s]}}\nroutes: [{path: {prefix: /com.shop.Stock}, to: stock, timeout: 1m}]\n", `"`+strings.Join(addrs, `", "`)+`"`)
}

// consuming is a client of Dubbo.
type consuming struct{ peer[dubbo.Frame] }

func consumeOn(t *testing.T, c net.Conn) *consuming {
	return &consuming{peer[dubbo.Frame]{c, t, mux.NewReader(c, dubbo.Split, 64<<20, nil)}}
}

func consume(t *testing.T, addr string) *consuming {
	t.Helper()
	return consumeOn(t, dial(t, addr))
}

func (a *consuming) send(all ...dubbotest.Call) {
	a.t.Helper()
	var out []byte
	for _, c := range all {
		out = c.Append(out)
	}
	a.write(out)
}

// expect sees that the next answer has that status.
func (a *consuming) expect(id uint64, s dubbo.Status) dubbo.Frame {
	a.t.Helper()
	f := a.answer()
	if f.ID() != id || f.Status() != s || f.Request() || f.Event() {
		a.t.Errorf("the answer to %d has status %d: %q; want status %d to %d", f.ID(), f.Status(), f.Body(), s, id)
	}
	return f
}

func asked(id uint64) dubbotest.Call {
	return dubbotest.Call{ID: id, Path: "com.shop.Stock", Version: "1.0.0", Method: "ask", Types: "Ljava/lang/String;[I", Arguments: append(dubbotest.Text(nil, strconv.FormatUint(id, 10)), "\x7a\x90\x91"...),
		Attachments: dubbotest.Map("path", "com.shop.Stock", "interface", "com.shop.Stock", "version", "1.0.0", "timeout", "60000")}
}

// had is what a server that echoes was asked: all but the attachments, and these.
func had(t *testing.T, body []byte) (c dubbo.Call, attachments map[string]string) {
	t.Helper()
	f := dubbo.Frame(dubbotest.Frame(nil, 0xc2, 0, 1, body))
	if err := c.Read(f); err != nil || !c.Known {
		t.Fatalf("the server has got % x: %v", body, err)
	}
	attachments = map[string]string{}
	for i, p := range c.Pairs {
		attachments[string(p.Key)] = string(p.Value)
		if c.Int(i) {
			attachments[string(p.Key)] += " int"
		}
	}
	return c, attachments
}

// Calls of many clients share a connection to the server, under the numbers that each client gave them, whatever they are, with their arguments as they were.
func TestDubboCallsShareAConnection(t *testing.T) {
	server, conns := dubboServer(t, dubbotest.Echo)
	addr, _, w := proxy(t, testSettings, toDubbo(server))
	const clients, calls, first = 8, 50, 1<<63 - 10
	var all sync.WaitGroup
	for range clients {
		a := consume(t, addr)
		all.Go(func() {
			var out []byte
			for i := range uint64(calls) {
				out = asked(first + i).Append(out)
			}
			if _, err := a.Write(out); err != nil {
				t.Error(err)
			}
			seen := map[uint64]bool{}
			for range calls {
				f, err := a.next()
				if err != nil {
					t.Error(err)
					return
				}
				q := dubbo.Frame(asked(f.ID()).Append(nil))
				same := bytes.Index(q.Body(), []byte("timeout")) - 1
				if f.Status() != dubbo.OK || !bytes.Equal(f.Body()[:same], q.Body()[:same]) || seen[f.ID()] {
					t.Errorf("% x\nis not\n% x", f, q)
				}
				seen[f.ID()] = true
			}
		})
	}
	all.Wait()
	if n := conns.Load(); n > maxLinks {
		t.Errorf("%d connections to the server", n)
	}
	d := w.nth(t, clients*calls)
	if d.Status != 200 || d.Path != "/com.shop.Stock/ask" || d.Method != "DUBBO" || d.Cluster != "stock" || d.Endpoint != server {
		t.Errorf("%+v", d)
	}
}

// What the proxy itself answers.
func TestDubboStatuses(t *testing.T) {
	server, _ := dubboServer(t, dubbotest.Echo)
	web := backend(t, func(http.ResponseWriter, *http.Request) {})
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`clusters:
  stock: {protocol: dubbo, endpoints: [%q]}
  nobody: {protocol: dubbo, endpoints: ["127.0.0.1:1"]}
  bolt: {protocol: bolt, endpoints: ["127.0.0.1:1"]}
  web: {endpoints: [%q]}
routes:
  - {path: {exact: /teapot/ask}, respond: {status: 418}}
  - {path: {prefix: /nobody}, to: nobody}
  - {path: {prefix: /bolt}, to: bolt}
  - {path: {prefix: /web}, to: web}
  - {path: {exact: /patient/ask}, least_time: 5s, to: stock}
  - {path: {exact: /limited/ask}, limits: [{by: "header:tenant", rate: 1, burst: 1}], to: stock}
  - {path: {prefix: /edited}, request_headers: {set: {x-team: "1"}, remove: [x-debug]}, to: stock}
  - {path: {prefix: /stock}, headers: {Colour: red, group: blue, version: "2"}, to: stock}
  - {path: {exact: /stock/plain}, headers: {version: "1.0.0"}, to: stock}
`, server, web))
	a := consume(t, addr)
	pairs := dubbotest.Map
	for i, c := range []struct {
		path, method string
		attachments  []byte
		want         dubbo.Status
		why          string
	}{
		{"other", "ask", nil, dubbo.ServiceNotFound, "no route"},
		{"teapot", "ask", nil, dubbo.ServiceNotFound, "one of HTTP"},
		{"nobody", "ask", nil, dubbo.ServerError, "connect to 127.0.0.1:1"},
		{"bolt", "ask", nil, dubbo.ServerError, "another protocol"},
		{"web", "ask", nil, dubbo.ServerError, "another protocol"},
		{"web/../bank", "ask", nil, dubbo.BadRequest, "has a /"},
		{"stock", "..", nil, dubbo.BadRequest, "is . or .."},
		{"", "ask", nil, dubbo.BadRequest, "no service"},
		{"stock", "", nil, dubbo.BadRequest, "no method"},
		{"patient", "ask", pairs("timeout", "4000"), dubbo.ServerTimeout, "does not wait as long"},
		{"patient", "ask", pairs("timeout", "14000"), dubbo.OK, ""},
		{"patient", "ask", pairs("timeout", "14000", "_TO", "4000"), dubbo.ServerTimeout, "does not wait as long"},
		{"limited", "ask", pairs("tenant", "a"), dubbo.OK, ""},
		{"limited", "ask", pairs("tenant", "a"), dubbo.ThreadpoolExhausted, "too many calls"},
		{"limited", "ask", pairs("tenant", "b"), dubbo.OK, ""},
		{"limited", "ask", []byte{}, dubbo.BadRequest, "cannot be read, and the route"},
		{"edited", "ask", pairs("X-Debug", "1"), dubbo.OK, ""},
		{"edited", "ask", []byte{}, dubbo.BadRequest, "which the route changes"},
		{"edited", "ask", []byte("H\x07x-debugHZZ"), dubbo.BadRequest, "cannot be taken away"},
		{"stock", "ask", pairs("colour", "red", "group", "blue", "version", "2"), dubbo.OK, ""},
		{"stock", "ask", pairs("colour", "red", "Group", "blue", "version", "2"), dubbo.ServiceNotFound, "no route"},
		{"stock", "plain", nil, dubbo.OK, ""},
		{"stock", "plain", []byte{}, dubbo.OK, ""},
		{"stock", "plain", []byte("H\x07versionNZ"), dubbo.ServiceNotFound, "no route"},
	} {
		q := asked(uint64(i))
		q.Path, q.Method, q.Attachments = c.path, c.method, c.attachments
		a.send(q)
		f := a.expect(uint64(i), c.want)
		if d := w.nth(t, i+1); c.why != "" && (!strings.Contains(d.Why, c.why) || dubboStatuses.told(d.Status) != c.want || !bytes.Contains(f.Body(), []byte(d.Why))) || c.why == "" && d.Why != "" {
			t.Errorf("%d: %+v, the client is told %q", i, d, f.Body())
		}
		if c.path == "edited" && c.why == "" {
			if _, got := had(t, f.Body()); got["x-team"] != "1" || got["X-Debug"] != "" {
				t.Errorf("the server got %v", got)
			}
		}
	}
	a.write(dubbotest.Frame(nil, 0xc0|6, 0, 99, []byte(`"2.0.2"`)))
	if f := a.expect(99, dubbo.BadRequest); !bytes.Contains(f.Body(), []byte("serialization 6")) {
		t.Errorf("another serialization: %q", f.Body())
	}
	if status, body := get(t, "http://"+addr+"/stock/plain"); status != 404 && (status != 503 || !strings.Contains(body, "another protocol")) {
		t.Errorf("HTTP to servers of Dubbo: %d %q", status, body)
	}
}

// A call's time is the least that it says or its route does, is sent on less what was used in the attachments that there are, and when it is over
// its caller is told; the answer that comes later is nobody's.
func TestDubboTimeout(t *testing.T) {
	let := make(chan struct{})
	server, _ := dubboServer(t, func(out []byte, f dubbo.Frame) []byte {
		if bytes.Contains(f.Body(), []byte("slow")) {
			<-let
		}
		return dubbotest.Echo(out, f)
	})
	addr, _, w := proxy(t, testSettings, strings.Replace(toDubbo(server), "1m", "50s", 1))
	a := consume(t, addr)
	for i, c := range []struct {
		attachments []byte
		most        int
		want        []string // attachments
	}{
		{nil, 50000, []string{"timeout", "_TO"}},
		{dubbotest.Map(), 50000, []string{"timeout", "_TO"}},
		{dubbotest.Map("timeout", "40000"), 40000, []string{"timeout", "_TO"}},
		{dubbotest.Map("timeout", "60000"), 50000, []string{"timeout", "_TO"}},
		{dubbotest.Map("timeout", "40000", "_TO", "30000"), 30000, []string{"timeout", "_TO"}},
		{dubbotest.Map("timeout", "40000", "_to", "30000"), 30000, []string{"timeout", "_to"}},
		{dubbotest.Map("timeout", "0"), 50000, []string{"timeout", "_TO"}},
		{dubbotest.Map("timeout", "soon"), 50000, []string{"timeout", "_TO"}},
		{[]byte("H\x07timeoutI\x00\x00\x9c\x40\x03_TO\xd4\x75\x30Z"), 30000, []string{"timeout", "_TO int"}},
		{[]byte("H\x07timeoutNZ"), 50000, []string{"timeout", "_TO"}},
	} {
		q := asked(uint64(i))
		q.Attachments = c.attachments
		a.send(q)
		_, got := had(t, a.expect(uint64(i), dubbo.OK).Body())
		if len(got) != len(c.want) {
			t.Errorf("%d: the server got %v", i, got)
		}
		for _, key := range c.want {
			name, kind, _ := strings.Cut(key, " ")
			value, isInt := strings.CutSuffix(got[name], " int")
			if ms, err := strconv.Atoi(value); err != nil || ms < 1 || ms > c.most || isInt != (kind == "int") {
				t.Errorf("%d: the server was told %s of at most %d ms by %s", i, got[name], c.most, key)
			}
		}
	}
	q := asked(77)
	q.Arguments, q.Attachments = append(dubbotest.Text(nil, "slow"), 'N'), dubbotest.Map("timeout", "50")
	a.send(q)
	if f := a.expect(77, dubbo.ServerTimeout); !bytes.Contains(f.Body(), []byte("time")) {
		t.Errorf("%q", f.Body())
	}
	if d := w.nth(t, 11); d.Status != 504 {
		t.Errorf("%+v", d)
	}
	close(let)
	a.send(asked(78))
	a.expect(78, dubbo.OK)
}

// Oneway calls reach the server, and nothing answers them, whatever becomes of them; they have a time only if they said so.
func TestDubboOneway(t *testing.T) {
	h := newHolding(dubbotest.Echo)
	close(h.let)
	server, _ := dubboServer(t, h.answer)
	addr, _, w := proxy(t, testSettings, toDubbo(server))
	a := consume(t, addr)
	q, lost := asked(1), asked(2)
	q.Oneway, q.Attachments = true, dubbotest.Map("a", "b")
	lost.Oneway, lost.Path, lost.Attachments = true, "other", nil
	a.send(q, lost)
	<-h.got
	a.send(asked(3))
	a.expect(3, dubbo.OK)
	h.mu.Lock()
	got := h.asked[0]
	h.mu.Unlock()
	q.ID = mux.None
	if !bytes.Equal(got, q.Append(nil)) {
		t.Errorf("the server got % x", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls[0].Status+w.calls[1].Status != 202+404 {
		t.Errorf("%+v", w.calls)
	}
}

// A server that says that it takes no more calls has those that it has, and others get the next.
func TestDubboServerParts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, _ := dubboServer(t, dubbotest.Echo)
	addr, s, _ := proxy(t, testSettings, fmt.Sprintf("clusters: {stock: {protocol: dubbo, endpoints: [%q, {address: %q, priority: 1}]}}\nroutes: [{to: stock}]\n", l.Addr(), other))
	a := consume(t, addr)
	a.send(asked(1))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server := consumeOn(t, c)
	q := server.answer()
	server.write(dubbo.AppendReadOnly(nil))
	eventually(t, "it is passed over", func() bool {
		e := s.View().Clusters[0].Endpoints[0]
		return e.State == "unreachable" && strings.Contains(e.Why, "takes no more calls")
	})
	a.send(asked(2))
	a.expect(2, dubbo.OK)
	server.write(dubbotest.Frame(nil, dubbo.Hessian2, dubbo.OK, q.ID(), []byte("\x92")))
	a.expect(1, dubbo.OK)
	if _, err := server.next(); err != io.EOF {
		t.Errorf("after its last answer: %v", err)
	}
}

// Heartbeats of either end are answered, whatever they are written by; a server's own calls are told that nobody is there.
func TestDubboHeartbeats(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, _, _ := proxy(t, testSettings, toDubbo(l.Addr().String()))
	a := consume(t, addr)
	beats := func(to *consuming, body string) {
		t.Helper()
		to.write(dubbotest.Frame(nil, 0xe0|6, 0, 1<<40, []byte(body)))
		if f := to.answer(); f.Request() || !f.Event() || f.Status() != dubbo.OK || f.ID() != 1<<40 || f.Serialization() != 6 || string(f.Body()) != body {
			t.Errorf("a heartbeat is answered % x", f)
		}
	}
	beats(a, "null\n")
	a.send(asked(1))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server := consumeOn(t, c)
	q := server.answer()
	server.write(dubbotest.Frame(nil, 0x22, dubbo.OK, q.ID(), []byte("N")))       // an answer to a heartbeat that nobody asked for
	server.write(dubbotest.Frame(nil, 2, dubbo.OK, q.ID()|1<<32, []byte("\x92"))) // nobody's
	beats(server, "N")
	server.send(asked(7))
	server.expect(7, dubbo.ServiceNotFound)
	server.write(dubbotest.Frame(nil, dubbo.Hessian2, dubbo.OK, q.ID(), []byte("\x92")))
	a.expect(1, dubbo.OK)
}

// A server is told by heartbeats that its connection is used while calls on it take longer than connections may be idle.
func TestDubboLongCalls(t *testing.T) {
	h := newHolding(dubbotest.Echo)
	server, _ := dubboServer(t, func(out []byte, f dubbo.Frame) []byte {
		if f.Event() {
			h.got <- struct{}{}
			return out
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.asked = append(h.asked, bytes.Clone(f)); len(h.asked) == 1 {
			return out
		}
		return dubbotest.Echo(dubbotest.Echo(out, h.asked[0]), f)
	})
	addr, _, _ := proxy(t, testSettings, strings.Replace(toDubbo(server), "dubbo,", "dubbo, idle_timeout: 1s,", 1))
	a := consume(t, addr)
	a.send(asked(1))
	<-h.got
	<-h.got
	a.send(asked(2))
	a.expect(1, dubbo.OK)
	a.expect(2, dubbo.OK)
}

// At the drain a client is told to send no more; what is under way is answered, and the connection ends then.
func TestDubboDrain(t *testing.T) {
	h := newHolding(dubbotest.Echo)
	server, _ := dubboServer(t, h.answer)
	addr, s, _ := proxy(t, testSettings, toDubbo(server))
	busy, idle := consume(t, addr), consume(t, addr)
	idle.write(dubbo.AppendHeartbeat(nil, 7))
	idle.answer()
	busy.send(asked(1))
	<-h.got
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	for _, a := range []*consuming{busy, idle} {
		if f := a.answer(); !f.ReadOnly() || f.TwoWay() {
			t.Errorf("at the drain: % x", f)
		}
	}
	if _, err := idle.next(); err != io.EOF {
		t.Errorf("an idle client: %v", err)
	}
	close(h.let)
	busy.expect(1, dubbo.OK)
	if _, err := busy.next(); err != io.EOF {
		t.Errorf("a client that has been answered: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Calls that a client had sent before it was told to send none are answered too.
func TestDubboLastCalls(t *testing.T) {
	server, _ := dubboServer(t, dubbotest.Echo)
	addr, s, _ := proxy(t, testSettings, toDubbo(server))
	s.lastCalls = time.Hour
	a := consume(t, addr)
	a.send(asked(1))
	a.expect(1, dubbo.OK)
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	a.answer()
	a.send(asked(2))
	a.expect(2, dubbo.OK)
	_ = a.Close() // a client that has heard it does
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What is no frame, or too long, or cut, ends its connection alone, and is noted.
func TestDubboHostileClients(t *testing.T) {
	server, _ := dubboServer(t, dubbotest.Echo)
	addr, _, w := proxy(t, testSettings, toDubbo(server))
	good := asked(1).Append(nil)
	for name, text := range map[string]string{"long": string(good[:12]) + "\x7f\xff\xff\xff", "negative": string(good[:12]) + "\xff\xff\xff\xff", "another protocol": "\xdaGET / HTTP/1.1\r\n\r\n"} {
		a := consume(t, addr)
		a.write(append(bytes.Clone(good), text...))
		a.expect(1, dubbo.OK)
		if _, err := a.next(); err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	noted := 0
	w.mu.Lock()
	for _, d := range w.calls {
		if d.Status == 400 && d.Why != "" && d.Method == "DUBBO" {
			noted++
		}
	}
	w.mu.Unlock()
	if noted != 3 {
		t.Errorf("%d were noted", noted)
	}
	for n := 1; n < len(good); n += 9 { // cut
		a := consume(t, addr)
		_, _ = a.Write(good[:n])
		_ = a.Conn.(*net.TCPConn).CloseWrite()
		if f, err := a.next(); err != io.EOF {
			t.Errorf("after %d bytes: % x, %v", n, f, err)
		}
	}
	a := consume(t, addr)
	a.write(dubbotest.Frame(nil, 2, dubbo.OK, 1, nil)) // an answer that nobody asked for
	a.write(dubbo.AppendReadOnly(nil))
	a.write(dubbotest.Frame(nil, 0xe2, 0, 1, make([]byte, 1000)))
	a.send(asked(5))
	a.expect(5, dubbo.OK)
}

// Who a client is, and the trace that its call is of, stand in the attachments, and nobody says so for another. All of it by TLS, both ways.
func TestDubboIdentityAndTrace(t *testing.T) {
	a := certstest.New(t)
	server, _ := dubboServer(t, dubbotest.Echo)
	settings := testSettings
	settings.TLS = listening(t, a, false)
	addr, _, _ := proxyTraced(t, settings, toDubbo(server), parents{})
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := a.Issue(t, "caller", certstest.Leaf{URI: "spiffe://mesh/shop"})
	pairs, err := certs.Pairs([]string{cert}, []string{key})
	if err != nil {
		t.Fatal(err)
	}
	known := tls.Client(dial(t, addr), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", Certificates: pairs})
	for i, c := range []struct {
		conn net.Conn
		sent []byte
		got  map[string]string
	}{
		{known, nil, map[string]string{identityHeader: "URI=spiffe://mesh/shop"}},
		{known, dubbotest.Map("a", "b", "X-Forwarded-Client-Cert", "URI=spiffe://mesh/bank"), map[string]string{"a": "b", identityHeader: "URI=spiffe://mesh/shop"}},
		{dial(t, addr), dubbotest.Map("x_forwarded_client_cert", "URI=spiffe://mesh/bank"), map[string]string{}},
		{dial(t, addr), []byte("HR\x00\x01x\x16-forwarded-client-cert\x01xZ"), map[string]string{}},
		{dial(t, addr), []byte("H\x17\xc1\xb8-forwarded-client-cert\x01xZ"), map[string]string{}},
		{known, dubbotest.Map(parentHeader, "of the caller"), map[string]string{identityHeader: "URI=spiffe://mesh/shop", parentHeader: "below of the caller"}},
	} {
		q := asked(uint64(i))
		q.Attachments = c.sent
		client := consumeOn(t, c.conn)
		client.send(q)
		_, got := had(t, client.expect(uint64(i), dubbo.OK).Body())
		delete(got, timeoutKey)
		delete(got, countdownKey)
		if fmt.Sprint(got) != fmt.Sprint(c.got) {
			t.Errorf("%d: the server got %v", i, got)
		}
	}
	for i, attachments := range [][]byte{{}, []byte("H\x17x-forwarded-client-certHZZ")} {
		q := asked(9)
		q.Attachments = attachments
		client := consumeOn(t, known)
		client.send(q)
		if f := client.expect(9, dubbo.BadRequest); i == 0 && !bytes.Contains(f.Body(), []byte("cannot be told")) {
			t.Errorf("%q", f.Body())
		}
	}
}

// Routes, and what they allow, go by the service that Dubbo's server calls; where that cannot be known, the call is refused.
func TestDubboServiceIsTheServersOwn(t *testing.T) {
	server, _ := dubboServer(t, dubbotest.Echo)
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`clusters: {stock: {protocol: dubbo, endpoints: [%q]}}
routes:
  - {path: {prefix: /bank}, allow: {networks: [10.0.0.0/8]}, to: stock}
  - {path: {prefix: /}, to: stock}
`, server))
	a := consume(t, addr)
	for i, c := range []struct {
		path, attachments string
		want              dubbo.Status
		at                string // or why
	}{
		{"bank", "N", dubbo.ServiceError, "/bank/ask"},
		{"stock", "H\x04path\x04bankZ", dubbo.ServiceError, "/bank/ask"},
		{"bank", "H\x04path\x05stockZ", dubbo.OK, "/stock/ask"},
		{"stock", "H\x04path\x05stock\x04path\x04bankZ", dubbo.ServiceError, "/bank/ask"},
		{"stock", "H\x04pa\xc1\xb4h\x04bankZ", dubbo.ServiceError, "/bank/ask"},
		{"stock", "H\x04pathNZ", dubbo.BadRequest, "names no service"},
		{"stock", "H\x04path\x90Z", dubbo.BadRequest, "is no text"},
		{"stock", "", dubbo.BadRequest, "routes that are for some clients only"},
		{"stock", "N\x00", dubbo.BadRequest, "routes that are for some clients only"},
		{"stock", "N", dubbo.OK, "/stock/ask"},
	} {
		q := asked(uint64(i))
		q.Path, q.Attachments = c.path, []byte(c.attachments)
		a.send(q)
		a.expect(uint64(i), c.want)
		if d := w.nth(t, i+1); d.Path != c.at && !strings.Contains(d.Why, c.at) {
			t.Errorf("%d: %+v", i, d)
		}
	}
}

// A client that stops within a frame is not waited for.
func TestDubboSilence(t *testing.T) {
	server, _ := dubboServer(t, dubbotest.Echo)
	settings := testSettings
	settings.Silence = 30 * time.Millisecond
	addr, _, _ := proxy(t, settings, toDubbo(server))
	a := consume(t, addr)
	a.write(asked(1).Append(nil)[:30])
	if _, err := a.next(); err != io.EOF {
		t.Errorf("a client that stopped: %v", err)
	}
}
