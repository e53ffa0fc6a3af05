package rpc

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// accepting are settings of a listener that accepts these protocols.
func accepting(protocols ...string) Settings {
	s := testSettings
	s.Protocols = map[string][]string{testListener: protocols}
	return s
}

// bars waits until so many connections have been turned away, and sees of the last that it was for that protocol.
func (w *watched) bars(t *testing.T, n int, protocol string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d connections are turned away", n), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.barred) >= n
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := w.barred[n-1]; len(w.barred) != n || !strings.HasPrefix(got, testListener+" "+protocol+": ") {
		t.Errorf("turned away are %q, and not the last for %s", w.barred, protocol)
	}
}

// A client whose protocol its listener does not accept is told so by that protocol, where it can be, and counted; the accepted ones go on.
func TestListenersAccept(t *testing.T) {
	p := stockProtocol(t)
	stock, _ := stockServer(t, p)
	document := toStock(stock) + "\n"
	document = strings.Replace(document, "routes: [", "routes: [{path: {exact: /ping}, respond: {status: 200, body: pong}}, ", 1)
	const request = "GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
	ping1 := func(t *testing.T, addr string) { // answered
		if got := say(t, addr, request); !strings.HasSuffix(got, "pong") {
			t.Errorf("%q", got)
		}
	}
	deny1 := func(t *testing.T, addr string) {
		if got := say(t, addr, request[:5]); !strings.HasPrefix(got, "HTTP/1.1 505 ") || !strings.Contains(got, "it accepts ") { // no head is waited for
			t.Errorf("%q", got)
		}
	}
	ping2 := func(t *testing.T, addr string) {
		res, err := client2(t).Get("http://" + addr + "/ping")
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
	}
	deny2 := func(t *testing.T, addr string) {
		got := say(t, addr, http2.PrefaceHead)
		if want := string(http2.AppendRefusal(nil, "")); len(got) < len(want) || got[9+9:len(want)] != want[9+9:] || !strings.Contains(got, "it accepts ") {
			t.Errorf("%q", got)
		}
	}
	pingStock := func(t *testing.T, addr string) {
		a := speak(t, dial(t, addr))
		a.write(stockFrame(t, p, 1, 7, "", "svc", "stock"))
		a.expect(xprotocol.Answer, 7, 20)
	}
	denyStock := func(t *testing.T, addr string) {
		a := speak(t, dial(t, addr))
		a.write(stockFrame(t, p, 1, 7, "", "svc", "stock"))
		a.expect(xprotocol.Answer, 7, 70)
		if _, err := a.next(); err != io.EOF {
			t.Errorf("the connection goes on: %v", err)
		}
	}
	denyBolt := func(t *testing.T, addr string) {
		c := dial(t, addr)
		if _, err := c.Write(askedByBolt(7, "stock", 0, nil)); err != nil {
			t.Fatal(err)
		}
		a := &peer[bolt.Frame]{c, t, mux.NewReader(c, bolt.Split, 1<<20, nil)}
		if f := a.answer(); f.ID() != 7 || f.Status() != boltStatuses.failed {
			t.Errorf("% x", f)
		}
		if _, err := a.next(); err != io.EOF {
			t.Errorf("the connection goes on: %v", err)
		}
	}
	denyUnknown := func(t *testing.T, addr string) {
		if got := say(t, addr, "\xff\xff"); got != "" {
			t.Errorf("%q", got)
		}
	}
	for accepted, c := range map[string]struct {
		good []func(*testing.T, string)
		bad  map[string]func(*testing.T, string)
	}{
		"http1":            {[]func(*testing.T, string){ping1}, map[string]func(*testing.T, string){"http2": deny2}},
		"http2":            {[]func(*testing.T, string){ping2}, map[string]func(*testing.T, string){"http1": deny1}},
		"http1 x-stock":    {[]func(*testing.T, string){ping1, pingStock}, map[string]func(*testing.T, string){"http2": deny2, "bolt": denyBolt}},
		"http2 x-stock":    {[]func(*testing.T, string){ping2, pingStock}, map[string]func(*testing.T, string){"http1": deny1}},
		"bolt dubbo":       {nil, map[string]func(*testing.T, string){"http1": deny1, "http2": deny2, "x-stock": denyStock, "unknown": denyUnknown}},
		"http1 http2 bolt": {[]func(*testing.T, string){ping1, ping2}, map[string]func(*testing.T, string){"x-stock": denyStock}},
		"x-stock":          {[]func(*testing.T, string){pingStock}, nil},
	} {
		t.Run(accepted, func(t *testing.T) {
			addr, _, w := proxy(t, accepting(strings.Fields(accepted)...), document)
			n := 0
			for protocol, do := range c.bad {
				do(t, addr)
				n++
				w.bars(t, n, protocol)
			}
			for _, do := range c.good {
				do(t, addr)
			}
			if n == 0 {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.barred) != n {
				t.Errorf("%q", w.barred)
			}
		})
	}
}

// What is not accepted is not waited for: a byte that begins one described protocol alone, which the listener does not accept, is HTTP's.
func TestNobodyWaitsForTheExcluded(t *testing.T) {
	document := "clusters: {stock: {protocol: x-letters, endpoints: [\"127.0.0.1:1\"]}}\nroutes: [{path: {prefix: /x-letters}, to: stock}]\n" +
		"protocols: {x-letters: {magic: \"505252\", head: 9, lengths: [{at: 8, width: 1, of: body}], id: {at: 3, width: 4}, kind: {at: 7, width: 1, request: [1], answer: [2]}}}\n"
	addr, _, w := proxy(t, accepting("bolt", "dubbo"), document)
	c := dial(t, addr)
	if _, err := c.Write([]byte("P")); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n') // while nothing more comes
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 505 ") {
		t.Errorf("%q, %v", line, err)
	}
	w.bars(t, 1, "http1")
}

// A listener that accepts gRPC takes no other calls by HTTP/2.
func TestListenersOfGRPC(t *testing.T) {
	addr, _, _ := proxy(t, accepting("grpc"), "routes: [{respond: {status: 200, body: pong}}]\n")
	for contentType, want := range map[string]int{"application/grpc": 200, "text/plain": 415} {
		q, err := http.NewRequest(http.MethodPost, "http://"+addr+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("content-type", contentType)
		res, err := client2(t).Do(q)
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %v, %v", contentType, res, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
}

// What a listener accepts may change while it is there, for connections that come then.
func TestAcceptedAnew(t *testing.T) {
	addr, s, w := proxy(t, accepting("bolt", "dubbo"), "routes: [{respond: {status: 200, body: pong}}]\n")
	const request = "GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
	if got := say(t, addr, request); !strings.HasPrefix(got, "HTTP/1.1 505 ") {
		t.Errorf("%q", got)
	}
	w.bars(t, 1, "http1")
	s.Set(testSettings)
	if got := say(t, addr, request); !strings.HasSuffix(got, "pong") {
		t.Errorf("%q", got)
	}
}

// TLS agrees on nothing that the listener does not accept.
func TestAcceptedByTLS(t *testing.T) {
	settings := testSettings
	settings.TLS = listening(t, certstest.New(t), false)
	for accepted, want := range map[string]string{"http1 bolt": "http/1.1", "http2 bolt": "h2", "bolt dubbo": "", "http1 http2": "h2"} {
		settings.Protocols = map[string][]string{testListener: strings.Fields(accepted)}
		addr, _, _ := proxy(t, settings, "routes: [{respond: {status: 200, body: pong}}]\n")
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Errorf("%s: %v", accepted, err)
			continue
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != want {
			t.Errorf("%s: %q is agreed on", accepted, got)
		}
		_ = c.Close()
	}
}

// greeter is a server that speaks first, and then says all again that it is told.
func greeter(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello\n"))
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// A listener of tcp waits for nothing: a server may speak first, and what a client says is the server's as it is, be it TLS.
func TestConnectionsAsTheyAre(t *testing.T) {
	server := greeter(t)
	document := fmt.Sprintf("clusters: {any: {protocol: tcp, local: true, connect_timeout: 60s, endpoints: [%q], health: {check: {interval: 10ms}}}}\nroutes: [{path: {exact: /"+testListener+"}, methods: [TCP], to: any}]\n", server)
	settings := testSettings
	settings.TLS = listening(t, certstest.New(t), false) // which has clients be waited for elsewhere
	settings.Protocols = map[string][]string{testListener: {"tcp"}}
	addr, s, w := proxy(t, settings, document)
	c := dial(t, addr)
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if only, tied := s.Only(); !tied || !only.Until.IsZero() {
		t.Errorf("a connection that lasts for ever is over at %v", only.Until)
	}
	for _, text := range []string{"\x16\x03\x01 as it is\n", "GET / HTTP/1.1\r\n"} {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if line, err := r.ReadString('\n'); err != nil || line != text {
			t.Errorf("%q, %v", line, err)
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if d := w.nth(t, 1); d.Status != 200 || d.Method != "TCP" || d.Path != "/"+testListener || d.Endpoint != server || d.Why != "" {
		t.Errorf("%+v", d)
	}
	settings.StrictOn = []string{testListener}
	s.Set(settings)
	plain := dial(t, addr)
	if _, err := plain.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(plain); err != nil && !errors.Is(err, syscall.ECONNRESET) || len(got) > 0 {
		t.Errorf("a client that has to speak TLS is told %q, %v", got, err)
	}
	settings.StrictOn = nil
	s.Set(settings)
	for text, want := range map[string]string{strings.Replace(document, server, "127.0.0.1:1", 1): "127.0.0.1:1", strings.Replace(document, "/"+testListener, "/elsewhere", 1): "no route"} {
		if err := s.Adopt(table(t, text)); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(dial(t, addr)); err != nil || len(got) > 0 {
			t.Errorf("%q, %v", got, err)
		}
		w.told(t, want, func(d *Done) bool { return d.Status >= 400 && strings.Contains(d.Why, want) })
	}
}
