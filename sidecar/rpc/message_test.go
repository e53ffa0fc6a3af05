package rpc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestBodiesOfEveryKindAndSize(t *testing.T) {
	var unlike atomic.Int64
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			unlike.Add(1)
		}
		w.Header().Set("X-Length", fmt.Sprint(r.ContentLength))
		if r.URL.Query().Get("chunks") == "" {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		for len(body) > 0 {
			n := min(len(body), 1000)
			_, _ = w.Write(body[:n])
			body = body[n:]
		}
	})
	addr, _, w := proxy(t, testSettings, to(server))
	for _, size := range []int{0, 1, 100, 16<<10 - 1, 16 << 10, 16<<10 + 1, 100_000, 5 << 20} {
		for _, query := range []string{"", "?chunks=1"} {
			for _, chunked := range []bool{false, true} {
				body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
				var reader io.Reader = bytes.NewReader(body)
				if chunked {
					reader = io.MultiReader(reader)
				}
				res, err := http.Post("http://"+addr+"/echo"+query, "text/plain", reader)
				if err != nil {
					t.Fatalf("%d bytes, chunked %v: %v", size, chunked, err)
				}
				got, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes, %q, chunked %v: %d came back, %v", size, query, chunked, len(got), err)
				}
				if sized := res.Header.Get("X-Length") != "-1"; sized == chunked && size > 0 {
					t.Errorf("%d bytes, chunked %v: the server saw the length %s", size, chunked, res.Header.Get("X-Length"))
				}
			}
		}
	}
	if unlike.Load() > 0 {
		t.Error("a body did not reach the server whole")
	}
	if d := w.last(t); d.Status != 200 || d.Route != "1" || d.Cluster != "web" || d.Endpoint != server || d.Method != "POST" || d.Path != "/echo" {
		t.Errorf("told %+v", d)
	}
}

func TestPipelinedCallsAreAnsweredInOrder(t *testing.T) {
	server := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path+"\n") })
	addr, _, _ := proxy(t, testSettings, to(server))
	var text strings.Builder
	for i := range 20 {
		fmt.Fprintf(&text, "POST /%d HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", i)
	}
	r := bufio.NewReader(strings.NewReader(say(t, addr, text.String())))
	for i := range 20 {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(res.Body); string(got) != fmt.Sprintf("/%d\n", i) {
			t.Fatalf("answer %d is %q", i, got)
		}
	}
}

func TestHeadsArePassedOnWithoutWhatIsTheConnectionsOwn(t *testing.T) {
	seen := make(chan *http.Request, 1)
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(context.Background())
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("X-Secret", "s")
		w.Header().Set("X-Own", "y")
	})
	addr, _, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {endpoints: [%q]}}
routes:
  - path: {prefix: /shop/}
    to: web
    timeout: 2s
    rewrite: {prefix: /v2, host: inner.example}
    request_headers: {set: {x-team: checkout}, remove: [x-drop]}
    response_headers: {set: {x-via: heddle}, remove: [x-secret]}
`, server))
	answer := say(t, addr, "GET /shop/a%2fb?q=1 HTTP/1.1\r\nHost: shop.example:80\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-Drop: 1\r\nX-Team: other\r\nX-Forwarded-For: 10.0.0.1\r\nX-Keep: 2\r\n\r\n")
	r := <-seen
	want := map[string]string{"X-Keep": "2", "X-Team": "checkout", "X-Forwarded-For": "10.0.0.1, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Hop": "", "Te": "", "X-Drop": "", "Connection": ""}
	for name, value := range want {
		if got := strings.Join(r.Header.Values(name), "|"); got != value {
			t.Errorf("the server got %s: %q, want %q", name, got, value)
		}
	}
	if r.RequestURI != "/v2/a%2fb?q=1" || r.Host != "inner.example" {
		t.Errorf("the server was asked for %s of %s", r.RequestURI, r.Host)
	}
	var left int
	if _, err := fmt.Sscan(r.Header.Get(TimeoutHeader), &left); err != nil || left > 2000 || left < 1 {
		t.Errorf("the server may take %q ms", r.Header.Get(TimeoutHeader))
	}
	for _, want := range []string{"HTTP/1.1 200 OK\r\n", "X-Own: y\r\n", "x-via: heddle\r\n", "connection: close\r\n"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q:\n%s", want, answer)
		}
	}
	for _, not := range []string{"X-Secret", "Keep-Alive"} {
		if strings.Contains(answer, not) {
			t.Errorf("the answer has %s:\n%s", not, answer)
		}
	}
}

func TestOldClients(t *testing.T) {
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunks" {
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "body of "+r.Host)
	})
	addr, _, _ := proxy(t, testSettings, to(server))
	if got := say(t, addr, "GET /chunks HTTP/1.0\r\nHost: old\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nbody of old") || strings.Contains(strings.ToLower(got), "chunked") {
		t.Errorf("chunks for HTTP/1.0: %q", got)
	}
	got := say(t, addr, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\nHost: b\r\n\r\n")
	if !strings.Contains(got, "connection: keep-alive\r\n") || !strings.Contains(got, "body of a") || !strings.HasSuffix(got, "body of b") {
		t.Errorf("two calls of HTTP/1.0: %q", got)
	}
	if got := say(t, addr, "GET / HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "body of "+server) {
		t.Errorf("without a host: %q", got)
	}
}

func TestAnswersOfItsOwn(t *testing.T) {
	addr, _, w := proxy(t, testSettings, `
clusters: {none: {endpoints: ["127.0.0.1:1"]}}
routes:
  - {name: teapot, path: {exact: /tea}, respond: {status: 418, body: short and stout}}
  - {path: {prefix: /old}, redirect: {status: 308, scheme: https, host: new.example}}
  - {path: {exact: /gone}, to: none}
`)
	const teapot = "HTTP/1.1 418 I'm a teapot\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 15\r\n\r\n"
	for _, c := range []struct{ text, want, why string }{
		{"GET /tea HTTP/1.1\r\nhost: x\r\n\r\n", teapot + "short and stout", ""},
		{"HEAD /tea HTTP/1.1\r\nhost: x\r\n\r\n", teapot, ""},
		{"GET /old/x?y=1 HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 308 Permanent Redirect\r\nlocation: https://new.example/old/x?y=1\r\ncontent-length: 0\r\n\r\n", ""},
		{"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "no route"},
		{"GET /gone HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n", "connect to 127.0.0.1:1"},
		{"GET /tea HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "one field Host"},
		{"GET /a/%2E%2e/tea HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "segments"},
		{"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n", "tunnels"},
		{"GET http://x/tea HTTP/1.1\r\nhost: y\r\n\r\n", "HTTP/1.1 418 I'm a teapot\r\n", ""},
		{"GET http://x?tea HTTP/1.1\r\nhost: y\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "no route"},
		{"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n", "HTTP/1.1"},
		{"POST /tea HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "length and chunks"},
	} {
		if got := say(t, addr, c.text); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q was answered %q, want %q", c.text, got, c.want)
		}
		if d := w.last(t); !strings.Contains(d.Why, c.why) {
			t.Errorf("%q: told %q, want %q", c.text, d.Why, c.why)
		}
	}
}

func TestAnEarlyAnswerIsHeard(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() }) // not before: what it has not read would take its answer away
			_, _ = c.Read(make([]byte, 1000))
			_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno")
		}
	}()
	addr, _, _ := proxy(t, testSettings, to(l.Addr().String()))
	c := dial(t, addr)
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n%s", strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 413 || !res.Close {
		t.Fatalf("%+v, %v", res, err)
	}
	if got, _ := io.ReadAll(res.Body); string(got) != "no" {
		t.Errorf("the body is %q", got)
	}
}

func TestUpgrade(t *testing.T) {
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" {
			w.WriteHeader(400)
			return
		}
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello ")
		_, _ = io.Copy(c, rw)
	})
	addr, _, _ := proxy(t, testSettings, to(server))
	got := say(t, addr, "GET /ws HTTP/1.1\r\nhost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\nwhat is said")
	if !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "\r\n\r\nhello what is said") || !strings.Contains(got, "Upgrade: echo\r\n") {
		t.Errorf("the tunnel said %q", got)
	}
}

func TestContinue(t *testing.T) {
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // has the library send 100
		_, _ = w.Write(body)
	})
	addr, _, _ := proxy(t, testSettings, to(server))
	c := dial(t, addr)
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
	if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatal(line, err)
	}
	_, _ = r.ReadString('\n')
	_, _ = io.WriteString(c, "body")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(res.Body); string(got) != "body" {
		t.Errorf("answered %q", got)
	}
}
