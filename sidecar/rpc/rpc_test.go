package rpc

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// watched keeps what a server tells of its calls.
type watched struct {
	mu     sync.Mutex
	calls  []Done
	faults []string
	copies map[string]int // by outcome
	conns  atomic.Int64
	lost   atomic.Int64 // handshakes
	barred []string
}

func (w *watched) Call(d *Done) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, *d)
}

func (w *watched) Handshake(error) { w.lost.Add(1) }

func (w *watched) Connections(change int) { w.conns.Add(int64(change)) }

func (w *watched) Mirrored(_, _, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.copies == nil {
		w.copies = map[string]int{}
	}
	w.copies[outcome]++
}

// mirrored is how many copies ended so.
func (w *watched) mirrored(outcome string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.copies[outcome]
}

func (w *watched) Barred(listener, protocol, why, _ string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.barred = append(w.barred, listener+" "+protocol+": "+why)
}

func (w *watched) Fault(code, why, _ string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, code+": "+why)
}

func (w *watched) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.calls)
}

// told waits until a call is told of that is as said; a client may have its answer before that.
func (w *watched) told(t *testing.T, what string, is func(d *Done) bool) {
	t.Helper()
	eventually(t, what, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.calls, func(d Done) bool { return is(&d) })
	})
}

// nth waits until so many calls are told of, and returns the last of them. A client of Bolt may have its answer before that, and then the next one's.
func (w *watched) nth(t *testing.T, n int) Done {
	t.Helper()
	eventually(t, fmt.Sprintf("%d calls are told of", n), func() bool { return w.count() >= n })
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[n-1]
}

// last is the call that was told of last, of a client whose connection has ended.
func (w *watched) last(t *testing.T) Done {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.calls) == 0 {
		t.Fatal("no call was told of")
	}
	return w.calls[len(w.calls)-1]
}

// testSettings have times that a busy machine may need.
var testSettings = Settings{MaxConnections: 100, HeadSize: 64 << 10, IdleTimeout: time.Minute, HeadTimeout: time.Minute, Silence: time.Minute, FrameSize: 1 << 20}

// testListener is the name of the listener that tests have.
const testListener = "here"

// proxy serves a document and returns its address.
func proxy(t *testing.T, settings Settings, document string) (addr string, s *Server, w *watched) {
	t.Helper()
	return proxyTraced(t, settings, document, nil)
}

func proxyTraced(t *testing.T, settings Settings, document string, tracer Tracer) (addr string, s *Server, w *watched) {
	t.Helper()
	w = &watched{}
	s, addr = serve(t, table(t, document), settings, w, tracer)
	return addr, s, w
}

// serve serves a table.
func serve(t *testing.T, table *route.Table, settings Settings, w *watched, tracer Tracer) (*Server, string) {
	t.Helper()
	s, err := New(table, settings, w, tracer, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(l, testListener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

func table(t *testing.T, document string) *route.Table {
	t.Helper()
	d, err := route.Parse([]byte(document))
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	for _, c := range d.Clusters {
		c.ConnectTimeout = cmp.Or(c.ConnectTimeout, time.Minute) // which a busy machine may need
	}
	return route.Compile(d)
}

// to is a document that has all calls go to servers.
func to(addrs ...string) string {
	return fmt.Sprintf("clusters: {web: {connect_timeout: 60s, endpoints: [%s]}}\nroutes: [{to: web, timeout: 60s}]\n", `"`+strings.Join(addrs, `", "`)+`"`)
}

func backend(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// dial is a client's connection that does not wait for ever.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// say sends text on a connection of its own, and returns all that comes until the other end closes it.
func say(t *testing.T, addr, text string) string {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("after %q: %v", got, err)
	}
	return strings.ReplaceAll(string(got), string(processing), "") // which it is asked when it is waited for
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(got)
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var accepted atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			accepted.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	addr, srv, w := proxy(t, testSettings, to(s.Listener.Addr().String()))
	for i := range 50 {
		if _, got := get(t, fmt.Sprintf("http://%s/%d", addr, i)); got != fmt.Sprintf("/%d", i) {
			t.Fatalf("call %d was answered %q", i, got)
		}
	}
	if accepted.Load() != 1 || w.conns.Load() != 1 {
		t.Errorf("50 calls took %d connections to the server, and %d of the client", accepted.Load(), w.conns.Load())
	}
	e := srv.Clusters()["web"].Endpoints[0]
	for open, idle := e.Connections(); idle == 0; open, idle = e.Connections() { // the client may have its answer a bit earlier
		if open != 1 {
			t.Fatalf("%d connections", open)
		}
		runtime.Gosched()
	}
}

func TestADeadServerIsPassedOver(t *testing.T) {
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {})
	addr, srv, _ := proxy(t, testSettings, to("127.0.0.1:1", server))
	for range 10 {
		if status, _ := get(t, "http://"+addr+"/"); status != 200 {
			t.Fatal(status)
		}
	}
	if dead := srv.Clusters()["web"].Endpoints[0]; dead.Aside().IsZero() {
		t.Error("the dead endpoint is not set aside")
	}
}

// A connection that its server has ended meanwhile is not used for a call, which might then have to be sent twice.
func TestAServerThatEndsIdleConnections(t *testing.T) {
	idle := make(chan net.Conn, 100)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	s.Config.ConnState = func(c net.Conn, st http.ConnState) {
		if st == http.StateIdle {
			idle <- c
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	addr, _, _ := proxy(t, testSettings, to(s.Listener.Addr().String()))
	for range 20 {
		res, err := http.Post("http://"+addr+"/", "text/plain", strings.NewReader("not to be sent twice"))
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
		_ = (<-idle).Close()
	}
}

func TestTimeIsOver(t *testing.T) {
	release := make(chan struct{})
	server := backend(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	addr, srv, w := proxy(t, testSettings, to(server))
	inTime(t, func(ms int) string {
		got := say(t, addr, fmt.Sprintf("GET / HTTP/1.1\r\nhost: x\r\n%s: %d\r\n\r\n", TimeoutHeader, ms))
		if !strings.HasPrefix(got, "HTTP/1.1 504 ") {
			t.Errorf("answered %q, told %+v", got, w.last(t))
		}
		return w.last(t).Why
	})
	if open, _ := srv.Clusters()["web"].Endpoints[0].Connections(); open != 0 {
		t.Errorf("%d connections wait for an answer that nobody wants", open)
	}
	for _, late := range []string{"0", "-7", "-99999999999999999999", "60000\r\n" + TimeoutHeader + ": 0"} { // of two the least
		if got := say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\n"+TimeoutHeader+": "+late+"\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 504 ") {
			t.Errorf("a call that has %s ms was answered %q", late, got)
		}
	}
}

// inTime sees that a call says why there is no answer: its server did not answer in time. It gets more time where a busy machine did not come
// to ask the server.
func inTime(t *testing.T, call func(ms int) (why string)) {
	t.Helper()
	for ms := 50; ; ms *= 2 {
		switch why := call(ms); {
		case strings.Contains(why, "the server did not answer in time"):
			return
		case !strings.Contains(why, "the call's time ") || ms > 20_000:
			t.Fatalf("within %d ms: %q", ms, why)
		}
	}
}

func TestSlowAndTooMany(t *testing.T) {
	settings := testSettings
	settings.HeadTimeout, settings.HeadSize = 50*time.Millisecond, 1000
	addr, _, _ := proxy(t, settings, "routes: [{respond: {status: 200}}]")
	slow := dial(t, addr)
	_, _ = io.WriteString(slow, "GET / HTTP/1.1\r\nhost: x")
	if got, err := io.ReadAll(slow); !strings.HasPrefix(string(got), "HTTP/1.1 408 ") || err != nil {
		t.Errorf("a slow head was answered %q, %v", got, err)
	}
	settings.HeadTimeout = testSettings.HeadTimeout
	addr, _, _ = proxy(t, settings, "routes: [{respond: {status: 200}}]")
	if got := say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\nlong: "+strings.Repeat("x", 1000)+"\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("a long head was answered %q", got)
	}
	settings.IdleTimeout = 200 * time.Millisecond
	addr, _, _ = proxy(t, settings, "routes: [{respond: {status: 200}}]")
	if got, err := io.ReadAll(dial(t, addr)); len(got) != 0 || err != nil {
		t.Errorf("an idle connection ended with %q, %v", got, err)
	}
	settings.IdleTimeout, settings.MaxConnections = time.Minute, 2
	addr, _, w := proxy(t, settings, "routes: [{respond: {status: 200}}]")
	for range 2 {
		c := dial(t, addr)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
		_, _ = c.Read(make([]byte, 1))
	}
	if got := say(t, addr, ""); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("a third connection was answered %q, beside %d", got, w.conns.Load())
	}
}

func TestRoutesChangeUnderLoad(t *testing.T) {
	says := func(n string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, n) }
	}
	changeUnderLoad(t, http.DefaultClient, to(backend(t, says("a"))), to(backend(t, says("b"))))
	a, _ := backend2(t, says("a"))
	b, _ := backend2(t, says("b"))
	changeUnderLoad(t, client2(t), to2(a), to2(b))
	changeUnderLoad(t, client2(t), to2(a), to(backend(t, says("b"))))
}

func changeUnderLoad(t *testing.T, client *http.Client, documents ...string) {
	t.Helper()
	addr, srv, _ := proxy(t, testSettings, documents[0])
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	called := make(chan struct{})
	var wrong atomic.Int64
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				res, err := client.Get("http://" + addr + "/")
				if err != nil {
					wrong.Add(1)
					continue
				}
				got, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if s := string(got); err != nil || s != "a" && s != "b" {
					wrong.Add(1)
				}
				select {
				case called <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	for i := range 100 {
		if err := srv.Adopt(table(t, documents[i%2])); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			<-called
		}
	}
	stop()
	clients.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d calls went wrong", wrong.Load())
	}
}

func TestDrain(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	server := backend(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	addr, srv, w := proxy(t, testSettings, to(server))
	idle := dial(t, addr)
	answer := make(chan string)
	go func() { answer <- say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\n\r\n") }()
	<-begun
	for w.conns.Load() < 2 {
		runtime.Gosched()
	}
	ended := make(chan error)
	go func() { ended <- srv.Shutdown(context.Background()) }()
	if got, err := io.ReadAll(idle); len(got) > 0 || err != nil {
		t.Errorf("the idle connection ended with %q, %v", got, err)
	}
	close(release)
	if got := <-answer; !strings.HasSuffix(got, "done") || !strings.Contains(got, "connection: close\r\n") {
		t.Errorf("the call under way was answered %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWhatIsLeftAtTheEndOfTheDrainIsCut(t *testing.T) {
	release := make(chan struct{})
	begun := make(chan struct{})
	server := backend(t, func(w http.ResponseWriter, r *http.Request) { close(begun); <-release })
	t.Cleanup(func() { close(release) })
	s, err := New(table(t, to(server)), testSettings, &watched{}, nil, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(l, testListener) }()
	c := dial(t, l.Addr().String())
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "1 calls") {
		t.Errorf("the drain ended with %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if got, _ := io.ReadAll(c); len(got) > 0 {
		t.Errorf("the call that was cut was answered %q", got)
	}
}
