package rpc

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux/muxtest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

func toStock(addr string) string {
	return fmt.Sprintf("clusters: {stock: {protocol: x-stock, connect_timeout: 60s, endpoints: [%q]}}\nroutes: [{path: {prefix: /stock}, to: stock, timeout: 1m}]\n", addr) + describedStock
}

// stockServer answers all that it is asked that it is well.
func stockServer(t *testing.T, p *xprotocol.Protocol) (addr string, conns *atomic.Int64) {
	t.Helper()
	return serving(t, func(l net.Listener, answer func(out []byte, f []byte) []byte) { muxtest.Serve(l, p.Split, answer) }, func(out []byte, f []byte) []byte {
		from := len(out)
		out = p.AppendFailure(out, p.ID(f), 0)
		out[from+3] = 20
		return out
	})
}

// speaking is an end of a connection of x-stock.
type speaking struct {
	peer[[]byte]
	p *xprotocol.Protocol
}

func speak(t *testing.T, c net.Conn) *speaking {
	p := stockProtocol(t)
	return &speaking{peer[[]byte]{c, t, mux.NewReader(c, p.Split, 1<<20, nil)}, p}
}

// expect sees that the next frame has that kind, number and status.
func (a *speaking) expect(kind xprotocol.FrameKind, id uint64, status byte) []byte {
	a.t.Helper()
	f := a.answer()
	if a.p.Kind(f) != kind || a.p.ID(f) != id || f[3] != status {
		a.t.Errorf("% x has not kind %d, number %d and status %d", f, kind, id, status)
	}
	return f
}

// A call's number, time and metadata are another's for the server, and all else is as it was: the bits of the kind that do not count, and the body.
func TestDescribedFrames(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, _, w := proxy(t, testSettings, toStock(l.Addr().String()))
	a := speak(t, dial(t, addr))
	const high = 1<<63 + 7
	a.write(stockFrame(t, a.p, 1, high, "what?", "svc", "stock", "mth", "ask", "k", "v", "Who", "me", "x_forwarded-client-cert", "me"))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server := speak(t, c)
	q := server.answer()
	pairs, err := a.p.AppendPairs(nil, q)
	if err != nil || len(pairs) != 4 || string(pairs[2].Value) != "v" || string(pairs[3].Key) != "ttl" || !bytes.HasSuffix(q, []byte("what?")) || q[2] != 0x31 {
		t.Errorf("the server got % x: %q, %v", q, pairs, err)
	}
	answer := append(a.p.AppendFailure(nil, a.p.ID(q), 0), "that"...)
	answer[3], answer[12], answer[2] = 20, 28, 0x73
	server.write(append(a.p.AppendFailure(nil, 1<<40, 0), answer...)) // the first is nobody's
	a.p.SetID(answer, high)
	if f := a.answer(); !bytes.Equal(f, answer) {
		t.Errorf("% x\nis not\n% x", f, answer)
	}
	a.write(a.p.AppendHeartbeat(nil, 9))
	a.expect(xprotocol.HeartbeatAnswer, 9, 20)
	server.write(a.p.AppendHeartbeat(nil, 8))
	server.expect(xprotocol.HeartbeatAnswer, 8, 20)
	server.write(stockFrame(t, a.p, 1, 5, "", "svc", "client"))
	server.expect(xprotocol.Answer, 5, 60)
	a.write(stockFrame(t, a.p, 2, 3, "", "svc", "stock", "mth", "tell"))
	if f := server.answer(); a.p.Kind(f) != xprotocol.Oneway || a.p.ID(f) != mux.None || a.p.Deadline(f) != 0 {
		t.Errorf("a oneway call is % x", f)
	}
	if d := w.nth(t, 2); d.Path != "/stock/tell" || d.Status != 202 || d.Method != "X-STOCK" {
		t.Errorf("%+v", d)
	}
	parting := a.p.AppendHeartbeat(nil, 0)
	parting[2] = 6
	server.write(parting)
	if _, err := server.next(); err != io.EOF {
		t.Errorf("a server that parts: %v", err)
	}
}

// What cannot be known is refused, and so is a call whose caller waits no more.
func TestDescribedRefusals(t *testing.T) {
	addr, _, w := proxy(t, testSettings, toStock("127.0.0.1:1"))
	a := speak(t, dial(t, addr))
	for i, c := range []struct {
		pairs  []string
		status byte
		why    string
	}{
		{nil, 70, "names no service"},
		{[]string{"svc", " "}, 70, "names no service"},
		{[]string{"svc", "stock", "svc", "bank"}, 70, "two services"},
		{[]string{"svc", "stock", "mth", "a", "mth", "b"}, 70, "two methods"},
		{[]string{"svc", "stock", "ttl", "10", "ttl", "20"}, 70, "two times"},
		{[]string{"svc", "st/ock"}, 70, "has a /"},
		{[]string{"Svc", "stock"}, 70, "names no service"},
		{[]string{"svc", "stock", "ttl", "0"}, 62, "time is over"},
		{[]string{"svc", "stock", "ttl", "-5"}, 62, "time is over"},
		{[]string{"svc", "stock", "svc", "stock"}, 61, "connect to"},
	} {
		a.write(stockFrame(t, a.p, 1, uint64(i), "", c.pairs...))
		a.expect(xprotocol.Answer, uint64(i), c.status)
		if d := w.nth(t, i+1); !strings.Contains(d.Why, c.why) {
			t.Errorf("%d: %+v", i, d)
		}
	}
	cut := stockFrame(t, a.p, 1, 50, "", "svc", "stock")
	cut[16], cut[12] = cut[16]-1, cut[12]-1
	a.write(cut[:len(cut)-1])
	a.expect(xprotocol.Answer, 50, 70)
}

// What is no frame, too long, or shorter than its head says, ends its connection alone, and is noted; so does a client that stops within a frame.
func TestDescribedHostileClients(t *testing.T) {
	p := stockProtocol(t)
	server, _ := stockServer(t, p)
	settings := testSettings
	addr, s, w := proxy(t, settings, toStock(server))
	good := stockFrame(t, p, 1, 7, "what?", "svc", "stock")
	change := func(at int, b ...byte) []byte {
		f := bytes.Clone(good)
		copy(f[at:], b)
		return f
	}
	for name, text := range map[string][]byte{
		"long": change(12, 0xff, 0xff, 0xff, 0x7f), "shorter than its head": change(12, 23, 0, 0, 0), "shorter than its metadata": change(12, 30, 0, 0, 0),
		"another protocol": []byte("\xca\xff" + strings.Repeat(" ", 30)), "another kind": change(2, 0x0f),
	} {
		a := speak(t, dial(t, addr))
		a.write(append(bytes.Clone(good), text...))
		a.expect(xprotocol.Answer, 7, 20)
		if _, err := a.next(); err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	w.told(t, "it is noted", func(d *Done) bool {
		return d.Status == 400 && d.Method == "X-STOCK" && strings.Contains(d.Why, "at least")
	})
	again := speak(t, dial(t, addr)) // numbers that are used twice at a time
	again.write(bytes.Repeat(good, 10))
	for range 10 {
		again.expect(xprotocol.Answer, 7, 20)
	}
	for n := 1; n < len(good); n += 5 { // cut
		a := speak(t, dial(t, addr))
		a.write(good[:n])
		_ = a.Conn.(*net.TCPConn).CloseWrite()
		if f, err := a.next(); err != io.EOF {
			t.Errorf("after %d bytes: % x, %v", n, f, err)
		}
	}
	settings.Silence, settings.HeadTimeout = 30*time.Millisecond, 30*time.Millisecond
	s.Set(settings)
	for _, n := range []int{1, 10} {
		a := speak(t, dial(t, addr))
		a.write(good[:n])
		if _, err := a.next(); err != io.EOF {
			t.Errorf("a client that stops after %d bytes: %v", n, err)
		}
	}
}

// A magic that begins as HTTP does is told from it by what follows.
func TestDescribedMagics(t *testing.T) {
	document := "clusters: {stock: {protocol: x-letters, endpoints: [\"127.0.0.1:1\"]}}\nroutes: [{path: {prefix: /x-letters}, to: stock}, {respond: {status: 200, body: HTTP}}]\n" +
		"protocols: {x-letters: {magic: \"505252\", head: 9, lengths: [{at: 8, width: 1, of: body}], id: {at: 3, width: 4}, kind: {at: 7, width: 1, request: [1], answer: [2]}}}\n"
	addr, _, _ := proxy(t, testSettings, document)
	for _, text := range []string{"PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"} {
		if got := say(t, addr, text); !strings.HasSuffix(got, "HTTP") {
			t.Errorf("%q", got)
		}
		c := dial(t, addr)
		for _, b := range []byte(text) {
			if _, err := c.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "HTTP") {
			t.Errorf("%q, %v", got, err)
		}
	}
	c := dial(t, addr)
	for _, b := range []byte("PRR\x00\x00\x00\x09\x01\x00") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 9)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "PRR\x00\x00\x00\x09\x02\x00" {
		t.Errorf("%q, %v", got, err)
	}
}

// Connections of clients outlive a change of the document, one of their protocol's description too: they go on as they began, and new ones begin by the new.
func TestDescribedAnew(t *testing.T) {
	p := stockProtocol(t)
	server, conns := stockServer(t, p)
	addr, s, _ := proxy(t, testSettings, toStock(server))
	a := speak(t, dial(t, addr))
	known, unknown := stockFrame(t, p, 1, 7, "", "svc", "stock"), stockFrame(t, p, 1, 8, "", "svc", "nobody")
	asks := func(by *speaking, nobody byte) {
		t.Helper()
		by.write(known)
		by.expect(xprotocol.Answer, 7, 20)
		by.write(unknown)
		by.expect(xprotocol.Answer, 8, nobody)
	}
	asks(a, 60)
	if err := s.Adopt(table(t, strings.Replace(toStock(server), "timeout: 1m", "timeout: 50s", 1))); err != nil {
		t.Fatal(err)
	}
	asks(a, 60)
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections to the server", n)
	}
	if err := s.Adopt(table(t, strings.Replace(toStock(server), "tell: {404: 60", "tell: {404: 59", 1))); err != nil {
		t.Fatal(err)
	}
	asks(a, 60)
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections to the server", n)
	}
	b := speak(t, dial(t, addr))
	asks(b, 59)
	asks(a, 60)
	if n := conns.Load(); n != 2 { // one by each description
		t.Errorf("%d connections to the server", n)
	}
	if status, _ := get(t, "http://"+addr+"/stock"); status != http.StatusServiceUnavailable {
		t.Errorf("HTTP to servers of x-stock: %d", status)
	}
}

// While the document changes under load, its protocol's description or something else of it, no call fails, and no connection is lost.
func TestDescribedUnderLoad(t *testing.T) {
	p := stockProtocol(t)
	server, conns := stockServer(t, p)
	parser := &route.Parser{}
	document := func(timeout int, tell int) *route.Table {
		text := describedStock + fmt.Sprintf("clusters:\n  stock: {protocol: x-stock, connect_timeout: 60s, endpoints: [%q]}\n  web: {endpoints: [\"127.0.0.1:1\"]}\nroutes:\n- {path: {prefix: /stock}, to: stock, timeout: %ds}\n", server, timeout)
		d, err := parser.Parse([]byte(strings.Replace(text, "404: 60", fmt.Sprintf("404: %d", tell), 1)))
		if err != nil {
			t.Fatal(err)
		}
		return route.Compile(d)
	}
	w := &watched{}
	s, addr := serve(t, document(60, 60), testSettings, w, nil)
	var clients sync.WaitGroup
	var calls atomic.Int64
	over := make(chan struct{})
	for range 4 {
		a := speak(t, dial(t, addr))
		q := stockFrame(t, p, 1, 7, "what?", "svc", "stock")
		clients.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if _, err := a.Write(q); err != nil {
					t.Error(err)
					return
				}
				f, err := a.next()
				if err != nil || f[3] != 20 {
					t.Errorf("% x, %v", f, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	change := func(timeout, tell int) {
		before := calls.Load()
		if err := s.Adopt(document(timeout, tell)); err != nil {
			t.Error(err)
		}
		eventually(t, "calls go on", func() bool { return calls.Load() >= before+20 || t.Failed() })
	}
	for i := range 20 {
		change(60+i, 60)
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections to the server", n)
	}
	for i := range 10 {
		change(60, 50+i)
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections to the server for clients of before", n)
	}
	close(over)
	clients.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.calls {
		if d.Status != http.StatusOK {
			t.Fatalf("%+v", d)
		}
	}
}

// Dubbo's heads, described: calls go by the protocol's name, and bodies are not looked at.
func TestDescribedDubbo(t *testing.T) {
	server, conns := dubboServer(t, dubbotest.Echo)
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`protocols:
  x-dubbo:
    magic: "da bb"
    head: 16
    lengths: [{at: 12, width: 4, of: body}]
    id: {at: 4, width: 8}
    kind: {at: 2, width: 1, mask: 0xe0, request: [0xc0], oneway: [0x80], answer: [0x00], heartbeat: [0xe0], heartbeat_answer: [0x20], parting: [0xa0]}
    status: {at: 3, width: 1, ok: [20], failed: 70, tell: {404: 60, 503: 80, 504: 31}, count: {60: 404, 40: 400, 100: 503, 31: 504}, unexecuted: [100]}
    service: shop
    failure: "da bb 02 00 0000000000000000 00000001 4e"
    heartbeat: "da bb e2 00 0000000000000000 00000001 4e"
    heartbeat_answer: "da bb 22 14 0000000000000000 00000001 4e"
clusters:
  shop: {protocol: x-dubbo, endpoints: [%q], health: {check: {interval: 10ms, timeout: 30s}}}
routes: [{path: {exact: /shop}, to: shop, timeout: 1m}]
`, server))
	a := consume(t, addr)
	for i := range uint64(20) {
		q := asked(1<<50 + i)
		a.send(q)
		if f := a.expect(1<<50+i, dubbo.OK); !bytes.Equal(f.Body(), dubbo.Frame(q.Append(nil)).Body()) {
			t.Errorf("% x is not what was asked", f.Body())
		}
	}
	if d := w.nth(t, 20); d.Path != "/shop" || d.Method != "X-DUBBO" || d.Status != 200 || conns.Load() < 1 {
		t.Errorf("%+v", d)
	}
	a.write(dubbo.AppendHeartbeat(nil, 77))
	if f := a.answer(); !f.Event() || f.Request() || f.ID() != 77 || f.Status() != dubbo.OK {
		t.Errorf("a heartbeat is answered % x", f)
	}
}

// At the drain clients are told, calls that come still are answered, and the connection ends.
func TestDescribedDrain(t *testing.T) {
	p := stockProtocol(t)
	server, _ := stockServer(t, p)
	addr, s, _ := proxy(t, testSettings, toStock(server))
	s.lastCalls = time.Hour
	a := speak(t, dial(t, addr))
	q := stockFrame(t, p, 1, 7, "", "svc", "stock")
	a.write(q)
	a.expect(xprotocol.Answer, 7, 20)
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	a.expect(xprotocol.Parting, 0, 0)
	a.write(q)
	a.expect(xprotocol.Answer, 7, 20)
	_ = a.Close() // a client that has heard it does
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A frame of a client's whose checksum is wrong ends its connection and is noted; one of a server's fails its call. What the server gets, with its number and time
// changed, has right ones.
func TestDescribedChecksums(t *testing.T) {
	p := compiled(t, "x-sums", describedSums)
	spoil := make(chan bool, 1)
	server, _ := serving(t, func(l net.Listener, answer func(out []byte, f []byte) []byte) { muxtest.Serve(l, p.Split, answer) }, func(out []byte, f []byte) []byte {
		from := len(out)
		out = p.AppendFailure(out, p.ID(f), 0)
		out[from+3] = 20
		if p.Seal(out[from:]); <-spoil {
			out[len(out)-1]++
		}
		return out
	})
	document := fmt.Sprintf("clusters: {stock: {protocol: x-sums, connect_timeout: 60s, endpoints: [%q]}}\nroutes: [{path: {prefix: /stock}, to: stock, timeout: 1m}]\n", server) + describedSums
	addr, _, w := proxy(t, testSettings, document)
	a := &speaking{peer[[]byte]{nil, t, nil}, p}
	a.Conn = dial(t, addr)
	a.r = mux.NewReader(a.Conn, p.Split, 1<<20, nil)
	q := sumsFrame(t, p, 1, 7, "what?", "svc", "stock")
	for _, c := range []struct {
		spoil  bool
		status byte
	}{{false, 20}, {true, 70}, {false, 20}} {
		spoil <- c.spoil
		a.write(q)
		a.expect(xprotocol.Answer, 7, c.status)
	}
	if d := w.nth(t, 2); d.Status != http.StatusBadGateway || !strings.Contains(d.Why, "the crc32c of a frame is wrong") {
		t.Errorf("%+v", d)
	}
	q[len(q)-6]++ // of the body
	a.write(q)
	if _, err := a.next(); err != io.EOF {
		t.Errorf("a wrong checksum is answered: %v", err)
	}
	if d := w.nth(t, 4); d.Status != http.StatusBadRequest || !strings.Contains(d.Why, "of a frame is wrong") {
		t.Errorf("%+v", d)
	}
}
