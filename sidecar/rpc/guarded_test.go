package rpc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestDotted(t *testing.T) {
	for path, want := range map[string]bool{
		"/a/b.c/..d/...": false, "/a/./b": true, "/a/..": true, "/%2e%2E/x": true, "/a/..;/b": true, "/a/.%2e;x=1/b": true, "/a/..%2fb": true,
		`/a/..\b`: true, "/a/..%5Cb": true, "/a/%3b/..%3Bx": true, "/a;../b": false, "/a%20b/c": false,
	} {
		if got := dotted([]byte(path)); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
}

// Where a route is for some clients, no other spelling of its path or host takes a broader one to the same server.
func TestOtherSpellingsOfGuardedRoutes(t *testing.T) {
	var came atomic.Int64
	server := backend(t, func(http.ResponseWriter, *http.Request) { came.Add(1) })
	guarded, _, _ := proxy(t, testSettings, fmt.Sprintf(`clusters: {web: {endpoints: [%q]}}
routes:
  - {path: {prefix: /stock}, allow: {networks: [10.0.0.0/8]}, to: web}
  - {hosts: [admin.example], allow: {networks: [10.0.0.0/8]}, to: web}
  - {to: web}
`, server))
	open, _, _ := proxy(t, testSettings, to(server))
	for target, want := range map[string]string{"/stock/x": "403", "/%73tock/x": "400", "//stock/x": "400", "/stock;a/x": "400", `/x\..\stock`: "400", "/x%2Fstock": "400", "/other%20x": "200"} {
		before := came.Load()
		if got := say(t, guarded, "GET "+target+" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%s: %.60q, want %s", target, got, want)
		}
		if want != "200" && came.Load() != before {
			t.Errorf("%s came to the server", target)
		}
	}
	for host, want := range map[string]string{"admin.example": "403", "admin.example.": "403", "ADMIN.example.:80": "403", "admin.example:80:80": "400", "admin.example:x": "400", "[::1]:80": "200"} {
		if got := say(t, guarded, "GET /x HTTP/1.1\r\nhost: "+host+"\r\nconnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%s: %.60q, want %s", host, got, want)
		}
	}
	if got := say(t, open, "GET //stock;a/%73 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("where no route is for some only: %.60q", got)
	}
}

// What Heddle tells a server of a caller is not the caller's to say, in no spelling and not behind the body.
func TestOwnFields(t *testing.T) {
	fields := make(chan http.Header, 1)
	addr, _, _ := proxy(t, testSettings, to(backend(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fields <- r.Header
	})))
	say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\nX_Forwarded_Client_Cert: URI=a\r\nx-forwarded_client-cert: URI=b\r\nx_request_timeout_ms: 1\r\nX_Other: kept\r\nconnection: close\r\n\r\n")
	got := <-fields
	for name := range got {
		if strings.Contains(strings.ToLower(name), "client") || strings.HasPrefix(strings.ToLower(name), "x_request") {
			t.Errorf("the server is told %s: %s", name, got[name])
		}
	}
	if len(got["X_other"]) != 1 {
		t.Errorf("a field with underscores is lost: %v", got)
	}
	for _, name := range []string{"x-forwarded-client-cert", "X_Forwarded_Client_Cert", "x-request-timeout-ms"} {
		said := say(t, addr, "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\na\r\n0\r\n"+name+": x\r\n\r\n")
		if !strings.HasPrefix(said, "HTTP/1.1 400") {
			t.Errorf("%s behind a body: %.60q", name, said)
		}
	}
	if said := say(t, addr, "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\na\r\n0\r\nx-checksum: x\r\n\r\n"); !strings.HasPrefix(said, "HTTP/1.1 200") {
		t.Errorf("another field behind a body: %.60q", said)
	}
}

// A connection that its server is about to end carries no other call, however long the answer is that said so.
func TestAServersLastAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var conns atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() { // answers, says that it is the last, and is slow to end
				r := bufio.NewReader(c)
				for {
					q, err := http.ReadRequest(r)
					if err != nil {
						_ = c.Close()
						return
					}
					_ = q.Body.Close()
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
				}
			}()
		}
	}()
	addr, _, _ := proxy(t, testSettings, to(l.Addr().String()))
	for range 3 {
		if status, body := get(t, "http://"+addr+"/"); status != 200 || len(body) != 100000 {
			t.Fatalf("%d, %d bytes", status, len(body))
		}
	}
	if got := conns.Load(); got != 3 {
		t.Errorf("three calls on %d connections, each of which carries one", got)
	}
}

// A connection to a server is kept for longer than a call may take.
func TestConnectionsOutlastCalls(t *testing.T) {
	server := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	addr, _, _ := proxy(t, testSettings, to(server))
	first := ""
	limit := 100 * time.Millisecond
	for ; first == ""; limit *= 2 {
		status, body := fetch(t, http.DefaultClient, "http://"+addr+"/", TimeoutHeader, strconv.FormatInt(limit.Milliseconds(), 10))
		if status == 200 {
			first = body
		} else if status != 504 || limit > 20*time.Second { // a busy machine may not come to it in time
			t.Fatalf("within %v: %d %s", limit, status, body)
		}
	}
	<-time.After(limit) // the time of the call is over
	if status, second := get(t, "http://"+addr+"/"); status != 200 || second != first {
		t.Errorf("status %d; two calls are on two connections: %s, %s", status, first, second)
	}
}
