package rpc

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// half sends half of a body, waits, and returns the call's answer.
func half(t *testing.T, c *http.Client, addr string) int {
	t.Helper()
	body, rest := io.Pipe()
	defer func() { _ = rest.Close() }() // what there is of it has been answered
	q, err := http.NewRequest(http.MethodPut, "http://"+addr+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	q.ContentLength = 8
	go func() { _, _ = io.WriteString(rest, "half") }() // until the answer
	res, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// A server that clients send no more than half of a body is none that fails, whether a call of theirs may be tried again or not.
func TestClientsWithHalfABodySpeakAgainstNoServer(t *testing.T) {
	const timeout = time.Second
	cluster := "connect_timeout: 60s, breaker: {failures: 100, calls: 3, window: 1h, open: 1h}, health: {eject: {failures: 3, for: 1h, longest: 1h}}"
	for _, route := range []string{
		fmt.Sprintf("timeout: %v", timeout),
		fmt.Sprintf("timeout: %v, retry: {when: [timeout], per_try_timeout: 1ms}", timeout),
	} {
		waysBy(t, cluster, route, echo, func(t *testing.T, c *http.Client, addr string, s *Server, w *watched) {
			t.Parallel()
			const wanted, most = 3, 20 // on a busy machine there may be no connection within the time
			late := 0
			for n := 0; late < wanted; n++ {
				if n == most {
					t.Fatalf("%d of %d calls were answered that their body did not come", late, n)
				}
				if half(t, c, addr) != http.StatusRequestTimeout {
					continue
				}
				late++
				told := w.nth(t, n+1)
				if told.Status != http.StatusRequestTimeout || told.Took < timeout || told.Retries != 0 {
					t.Errorf("told of it: %+v", told)
				}
			}
			if v := s.Clusters()["web"].Views()[0]; v.State != "up" {
				t.Errorf("the server is %+v", v)
			}
		})
	}
}

// A server that takes nothing of a body, or says nothing when it has all of it, is one that fails.
func TestServersThatTakeNoBodyFail(t *testing.T) {
	var release atomic.Pointer[chan struct{}] // of the server at work
	silent := func(http.ResponseWriter, *http.Request) { <-*release.Load() }
	for what, body := range map[string]func() io.Reader{
		"all of it is sent": func() io.Reader { return strings.NewReader("all") },
		"much comes":        func() io.Reader { return io.LimitReader(zeroes{}, 64<<20) },
	} {
		t.Run(what, func(t *testing.T) {
			waysBy(t, "connect_timeout: 60s, breaker: {failures: 100, calls: 1, window: 1h, open: 1h}", "timeout: 1s", silent,
				func(t *testing.T, c *http.Client, addr string, s *Server, w *watched) {
					over := make(chan struct{})
					release.Store(&over)
					defer close(over)
					for n := 0; s.Clusters()["web"].Views()[0].State != "open"; n++ {
						if n == 20 {
							t.Fatalf("the server is %+v", s.Clusters()["web"].Views()[0])
						}
						q, err := http.NewRequest(http.MethodPut, "http://"+addr+"/", body())
						if err != nil {
							t.Fatal(err)
						}
						if res, err := c.Do(q); err == nil { // else the client still sent
							_ = res.Body.Close()
						}
						w.nth(t, n+1)
					}
				})
		})
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }

// A stream that has begun, and that its time ends, is none that failed.
func TestGRPCStreamsThatTheirTimeEndsSpeakAgainstNoServer(t *testing.T) {
	_, server := grpcBackend(t, "127.0.0.1:0", &service{stream: func(s testgrpc.TestService_FullDuplexCallServer) error {
		for range 3 {
			if err := s.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
				return err
			}
		}
		<-s.Context().Done()
		return s.Context().Err()
	}})
	for timeout := time.Second; ; timeout *= 2 { // in which a busy machine may have begun nothing
		addr, srv, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q], breaker: {failures: 100, calls: 1, window: 1h, open: 1h}, health: {eject: {failures: 1, for: 1h, longest: 1h, most: 100}}}}
routes: [{to: web, timeout: %v}]`, server, timeout))
		messages, err := stream(t.Context(), grpcClient(t, addr))
		if status.Code(err) != codes.DeadlineExceeded {
			t.Fatal(err)
		}
		if messages < 3 && timeout < time.Minute {
			continue
		}
		w.nth(t, 1)
		if v := srv.Clusters()["web"].Views()[0]; messages != 3 || v.State != "up" {
			t.Errorf("after %d messages the server is %+v", messages, v)
		}
		return
	}
}

// An upgrade that is made has been answered, however long it lasts.
func TestUpgradesCloseBreakers(t *testing.T) {
	addr, srv, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {endpoints: [%q], breaker: {failures: 100, calls: 1, window: 1h, open: 1ns, probes: 1}}}
routes: [{to: web, timeout: 60s}]`, backend(t, upgrading)))
	if code, _ := get(t, "http://"+addr+"/"); code != 500 {
		t.Fatalf("it is to fail: %d", code)
	}
	web := srv.Clusters()["web"]
	eventually(t, "the breaker lets a call through to find out", func() bool { return web.Views()[0].State == "probing" })
	upgrade(t, addr)
	if v := web.Views()[0]; v.State != "up" || v.Active != 1 {
		t.Errorf("while it lasts the server is %+v", v)
	}
}

// upgrading makes upgrades that end with their clients, and fails all else.
func upgrading(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(c, rw)
}

// upgrade makes an upgrade, which end ends.
func upgrade(t *testing.T, addr string) (end func()) {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	return func() { _ = c.Close() }
}

// How long an answer lasts that has begun says nothing of how long its server takes to answer, by which balancers go.
func TestLongAnswersAreNotSlow(t *testing.T) {
	release := make(chan struct{})
	long := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush() // the client tells whether it came
		<-release
	}
	waysBy(t, "connect_timeout: 60s", "timeout: 60s", long, func(t *testing.T, c *http.Client, addr string, s *Server, _ *watched) {
		lasts(t, s, func() (end func()) {
			res, err := c.Get("http://" + addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				release <- struct{}{}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	})
	t.Run("upgrade", func(t *testing.T) {
		addr, s, _ := proxy(t, testSettings, to(backend(t, upgrading)))
		lasts(t, s, func() (end func()) { return upgrade(t, addr) })
	})
}

// lasts makes a call that begins to be answered at once and lasts, and has peak_ewma know its server for what the beginning took.
func lasts(t *testing.T, s *Server, begin func() (end func())) {
	t.Helper()
	e := s.Clusters()["web"].Endpoints[0]
	began := time.Now()
	end := begin()
	least := max(time.Since(began), time.Millisecond)
	<-time.After(4 * least) // it lasts longer than it took to begin, on however busy a machine
	end()
	eventually(t, "the call is over", func() bool { return e.Load.Active() == 0 })
	other := &balance.Load{}
	other.Begin()
	other.End(2 * least)
	eventually(t, "the server is not known for the time that the answer lasted", func() bool { return quicker(t, e, other) })
}

// quicker says whether peak_ewma prefers the server to another.
func quicker(t *testing.T, e *upstream.Endpoint, other *balance.Load) bool {
	t.Helper()
	p, err := balance.New("peak_ewma", nil, []balance.Endpoint{{Load: other}, {Load: e.Load}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Pick() == 1
}
