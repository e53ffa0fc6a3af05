package rpc

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// A second server that is asked late is not blamed for the end of the caller's time: it never had any to speak of.
func TestRivalsThatAreAskedLate(t *testing.T) {
	eachHedged(t, false, func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) string, cluster string) {
		var asked [2]atomic.Bool
		addrs := make([]string, 2)
		for i := range addrs {
			addrs[i] = serve(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				asked[i].Store(true)
				<-r.Context().Done()
			})
		}
		addr, s, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {%s, endpoints: [%q, %q], health: {eject: {failures: 1, for: 1h, most: 100}}}}\nroutes: [{to: web, timeout: 1m, hedge: {after: 1ms, percent: 100, methods: [POST]}}]\n", cluster, addrs[0], addrs[1]))
		calls := 0
		for !asked[0].Load() || !asked[1].Load() {
			if status, _ := ask(t, c, addr, "x", TimeoutHeader, "1000"); status != 504 {
				t.Errorf("status %d", status)
			}
			calls++
		}
		eventually(t, "they are told of", func() bool { return w.count() == calls })
		eventually(t, "neither server is busy", func() bool {
			for _, v := range s.Clusters()["web"].Views() {
				if v.Active > 0 {
					return false
				}
			}
			return true
		})
		for _, v := range s.Clusters()["web"].Views() {
			if v.State != "up" {
				t.Errorf("%s is %s: %s", v.Address, v.State, v.Why)
			}
		}
	})
}

// waited is a call whose second server has no connection for it: that, of which there may be one, carries another call.
type waited struct {
	busy    *upstream.Endpoint // the second server
	release func()             // ends the other call
	answer  chan int           // what the first server answers
	got     chan string        // what the client gets
}

// eachWaited runs a test with each version of HTTP of a client and of servers.
func eachWaited(t *testing.T, test func(t *testing.T, w *waited)) {
	eachHedged(t, false, func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) string, cluster string) {
		if strings.Contains(t.Name(), "to_2") {
			serve = func(h http.HandlerFunc) string { return oneStream(t, h) }
		}
		release, came := make(chan struct{}), make(chan string, 10)
		x := &waited{release: sync.OnceFunc(func() { close(release) }), answer: make(chan int, 1), got: make(chan string, 1)}
		addrs := [2]string{}
		var order atomic.Int64
		for i := range addrs {
			addrs[i] = serve(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("x-warm") != "" {
					_, _ = io.WriteString(w, addrs[i])
					return
				}
				n := order.Add(1)
				came <- addrs[i]
				switch n {
				case 1:
					<-release
				case 2:
					w.WriteHeader(<-x.answer)
				}
				_, _ = io.WriteString(w, "good")
			})
		}
		addr, s, _ := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {%s, max_connections: 1, endpoints: [%q, %q]}}\nroutes: [{headers: {x-hedged: \"yes\"}, to: web, timeout: 1m, hedge: {after: 1ms, percent: 100, methods: [POST]}}, {to: web, timeout: 1m}]\n", cluster, addrs[0], addrs[1]))
		for known := map[string]bool{}; len(known) < 2; { // an answer comes behind what its server has to say of streams
			_, is := ask(t, c, addr, "x", "x-warm", "yes")
			known[is] = true
		}
		var callers sync.WaitGroup
		t.Cleanup(func() { x.release(); callers.Wait() })
		callers.Go(func() {
			if status, _ := ask(t, c, addr, "x"); status != 200 {
				t.Errorf("the other call got %d", status)
			}
		})
		busy := <-came
		for _, e := range s.Clusters()["web"].Endpoints {
			if e.Address == busy {
				x.busy = e
			}
		}
		callers.Go(func() {
			status, body := ask(t, c, addr, "x", "x-hedged", "yes")
			x.got <- fmt.Sprint(status, " ", body)
		})
		if first := <-came; first == busy {
			t.Fatal("one server has both")
		}
		eventually(t, "the second server is waited for", func() bool { return x.busy.Waiting() == 1 })
		test(t, x)
	})
}

// oneStream is a server of HTTP/2 that takes one call at a time on a connection.
func oneStream(t *testing.T, h http.HandlerFunc) (addr string) {
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// A second try waits for a connection no longer than until the first server answers.
func TestRivalsWaitNoLongerThanTheirCalls(t *testing.T) {
	eachWaited(t, func(t *testing.T, w *waited) {
		w.answer <- 200
		if got := <-w.got; got != "200 good" {
			t.Errorf("%q", got)
		}
		eventually(t, "nobody waits", func() bool { return w.busy.Waiting() == 0 })
	})
}

// A first server that fails while there is no connection to the second yet does not end the call.
func TestRivalsAreWaitedFor(t *testing.T) {
	eachWaited(t, func(t *testing.T, w *waited) {
		w.answer <- 500
		w.release()
		if got := <-w.got; got != "200 good" {
			t.Errorf("%q", got)
		}
	})
}

// A second server of a call that names no host is asked by its own address.
func TestRivalsOfCallsWithoutAHost(t *testing.T) {
	hosts := make(chan string, 2)
	var order atomic.Int64
	addrs := [2]string{}
	for i := range addrs {
		addrs[i] = backend(t, func(_ http.ResponseWriter, r *http.Request) {
			if r.Host != addrs[i] {
				t.Errorf("%s is asked for %s", addrs[i], r.Host)
			}
			hosts <- r.Host
			if order.Add(1) == 1 {
				<-r.Context().Done()
			}
		})
	}
	addr, _, _ := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {connect_timeout: 60s, retry_budget: {percent: 100}, endpoints: [%q, %q]}}\nroutes: [{to: web, timeout: 1m, hedge: {after: 1ms, percent: 100}}]\n", addrs[0], addrs[1]))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 ") {
		t.Errorf("%q %v", got, err)
	}
	if <-hosts == <-hosts {
		t.Error("one server has both")
	}
}
