package rpc

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
)

// slowly is a server that counts its calls, and while it is slow answers none.
type slowly struct {
	addr             string
	calls, cancelled atomic.Int64
	slow             atomic.Bool
}

func (s *slowly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	body, _ := io.ReadAll(r.Body)
	if s.slow.Load() {
		<-r.Context().Done()
		s.cancelled.Add(1)
		return
	}
	_, _ = w.Write(append([]byte("answer to "), body...))
}

// hedgedPair is a client's version of HTTP and its servers'.
type hedgedPair struct {
	client, servers int
	tls             *certstest.Authority // of servers that speak TLS; nil: they do not
}

// eachHedged runs a test with each version of HTTP of a client, and each of servers, byTLS of those too that are encrypted. serve starts a server, and cluster
// is what is said beside its endpoints.
func eachHedged(t *testing.T, byTLS bool, test func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) (addr string), cluster string)) {
	a := certstest.New(t)
	all := []hedgedPair{{1, 1, nil}, {1, 2, nil}, {2, 1, nil}, {2, 2, nil}}
	if byTLS {
		all = append(all, hedgedPair{1, 1, a}, hedgedPair{1, 2, a}, hedgedPair{2, 1, a}, hedgedPair{2, 2, a})
	}
	for _, pair := range all {
		name, cluster := fmt.Sprintf("%d to %d", pair.client, pair.servers), fmt.Sprintf("protocol: http%d, connect_timeout: 60s, retry_budget: {percent: 100}", pair.servers)
		if pair.tls != nil {
			name, cluster = name+" by TLS", cluster+fmt.Sprintf(", tls: {ca: %q}", a.File)
		}
		t.Run(name, func(t *testing.T) {
			tr := &http.Transport{MaxIdleConnsPerHost: 100}
			t.Cleanup(tr.CloseIdleConnections)
			c := &http.Client{Timeout: time.Minute, Transport: tr}
			if pair.client == 2 {
				c = client2(t)
			}
			test(t, c, func(h http.HandlerFunc) string { return pair.serve(t, h) }, cluster)
		})
	}
}

func (p hedgedPair) serve(t *testing.T, h http.HandlerFunc) (addr string) {
	t.Helper()
	switch {
	case p.tls != nil:
		s := httptest.NewUnstartedServer(h)
		cert, key := p.tls.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1"})
		c, err := secure.Listener([]string{cert}, []string{key}, "", false, &secure.Tickets{})
		if err != nil {
			t.Fatal(err)
		}
		s.TLS, s.EnableHTTP2, s.Config.ErrorLog = c, p.servers == 2, log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	case p.servers == 2:
		addr, _ = backend2(t, h)
		return addr
	}
	return backend(t, h)
}

// eachHedging is eachHedged with so many servers, which are not encrypted.
func eachHedging(t *testing.T, n int, hedge string, test func(t *testing.T, c *http.Client, addr string, servers []*slowly, w *watched)) {
	eachHedged(t, false, func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) string, cluster string) {
		servers, addrs := make([]*slowly, n), make([]string, n)
		for i := range servers {
			servers[i] = &slowly{}
			addrs[i] = serve(servers[i].ServeHTTP)
		}
		settings := testSettings
		settings.Silence, settings.HeadTimeout = time.Minute, time.Minute
		addr, _, w := proxy(t, settings, fmt.Sprintf("clusters: {web: {%s, endpoints: [%s]}}\nroutes: [{to: web, timeout: 1m, hedge: {%s}}]\n",
			cluster, `"`+strings.Join(addrs, `", "`)+`"`, hedge))
		test(t, c, addr, servers, w)
	})
}

// calls has so many calls be made, four at a time, each of which has to be answered.
func calls(t *testing.T, c *http.Client, addr string, n int) {
	t.Helper()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for i := range n / 4 {
				body := fmt.Sprint("number ", i)
				if status, got := ask(t, c, addr, body); status != 200 || got != "answer to "+body {
					t.Errorf("%d %q", status, got)
				}
			}
		})
	}
	clients.Wait()
}

// One of ten servers does not answer: no caller notices, its calls are ended, and all servers together get no more than the budget beside what is offered.
func TestHedges(t *testing.T) {
	eachHedging(t, 10, "after: 1s, percent: 50, methods: [POST]", func(t *testing.T, c *http.Client, addr string, servers []*slowly, w *watched) {
		const warm, offered = 100, 60 // the first earn what a busy machine may need
		calls(t, c, addr, warm)
		fast := servers[3].calls.Load()
		servers[3].slow.Store(true)
		calls(t, c, addr, offered)
		eventually(t, "losers are cancelled", func() bool {
			return servers[3].cancelled.Load() > 0 && servers[3].cancelled.Load() == servers[3].calls.Load()-fast
		})
		all := int64(0)
		for _, s := range servers {
			all += s.calls.Load()
		}
		if all > (warm+offered)*15/10 {
			t.Errorf("%d calls are offered, and servers get %d", warm+offered, all)
		}
		eventually(t, "they are told of", func() bool { return w.count() == warm+offered })
		hedged, won := 0, 0
		for _, d := range w.calls {
			if d.Hedged {
				hedged++
			}
			if d.HedgeWon {
				won++
			}
		}
		if int64(hedged) < servers[3].cancelled.Load() || won == 0 { // on a busy machine the slow one may be the second, too
			t.Errorf("%d calls were hedged, and %d answered by the second server", hedged, won)
		}
	})
}

// What takes long is learnt.
func TestHedgesByQuantile(t *testing.T) {
	eachHedging(t, 2, "quantile: 50, percent: 100, methods: [POST]", func(t *testing.T, c *http.Client, addr string, servers []*slowly, _ *watched) {
		calls(t, c, addr, 200)
		servers[0].slow.Store(true)
		calls(t, c, addr, 20)
		if servers[0].calls.Load() == 0 {
			t.Error("the slow server got none")
		}
	})
}

// Nothing is sent twice that the route does not declare safe to be, nor beyond the budget, nor what is too long to be kept.
func TestNotHedged(t *testing.T) {
	for what, hedge := range map[string]string{"method": "after: 1ms, percent: 100", "budget": "after: 1ms, percent: 0, methods: [POST]", "body": "after: 1ms, percent: 100, methods: [POST]"} {
		t.Run(what, func(t *testing.T) {
			eachHedging(t, 2, hedge, func(t *testing.T, c *http.Client, addr string, servers []*slowly, w *watched) {
				for _, s := range servers {
					s.slow.Store(true)
				}
				done := make(chan struct{})
				body := "short"
				if what == "body" {
					body = strings.Repeat("long ", 100_000)
				}
				go func() {
					defer close(done)
					if status, _ := ask(t, c, addr, body, TimeoutHeader, "300"); status != 504 {
						t.Errorf("status %d", status)
					}
				}()
				<-done
				if all := servers[0].calls.Load() + servers[1].calls.Load(); all > 1 {
					t.Errorf("%d servers got it", all)
				}
				w.told(t, "it is not hedged", func(d *Done) bool { return !d.Hedged && d.Status == 504 })
			})
		})
	}
}

// A server that fails once both have the call fails nobody, whichever got it first.
func TestHedgesThatFail(t *testing.T) {
	for _, broken := range []int{0, 1} { // the server that fails, of the order in which the call comes to them
		for _, status := range []int{0, 503} { // by the end of its connection, or its stream; by its answer
			eachHedged(t, status == 0, func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) string, cluster string) {
				var order atomic.Int64
				failed := make(chan struct{})
				second := make(chan struct{})
				h := func(w http.ResponseWriter, r *http.Request) {
					n := int(order.Add(1)) - 1
					if n == 1 {
						close(second)
					}
					if n == broken {
						if n == 0 {
							<-second
						}
						defer close(failed)
						if status == 0 {
							panic(http.ErrAbortHandler)
						}
						w.WriteHeader(status)
						return
					}
					<-failed
					_, _ = io.WriteString(w, "good")
				}
				addr, _, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {%s, endpoints: [%q, %q]}}\nroutes: [{to: web, timeout: 1m, hedge: {after: 1ms, percent: 100, methods: [POST]}}]\n", cluster, serve(h), serve(h)))
				if status, body := ask(t, c, addr, "x"); status != 200 || body != "good" {
					t.Errorf("%d %q", status, body)
				}
				w.told(t, "it is hedged", func(d *Done) bool { return d.Hedged })
			})
		}
	}
}

// A call whose body comes later than the second server would be asked is sent there when all of it has come; a client of HTTP/1 to servers of HTTP/1 is not
// waited for.
func TestHedgesWithLateBodies(t *testing.T) {
	eachHedged(t, true, func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) string, cluster string) {
		if strings.Contains(t.Name(), "1_to_1") {
			return
		}
		var order atomic.Int64
		begun := make(chan struct{}, 2)
		bodies := make(chan string, 2)
		h := func(w http.ResponseWriter, r *http.Request) {
			n := order.Add(1)
			begun <- struct{}{}
			body, _ := io.ReadAll(r.Body)
			bodies <- string(body)
			if n == 1 {
				<-r.Context().Done()
				return
			}
			_, _ = io.WriteString(w, "of the second")
		}
		addr, s, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {%s, endpoints: [%q, %q]}}\nroutes: [{to: web, timeout: 1m, hedge: {after: 1ns, percent: 100, methods: [POST]}}]\n", cluster, serve(h), serve(h)))
		body, client := io.Pipe()
		go func() {
			_, _ = io.WriteString(client, "first, ")
			<-begun
			_, _ = io.WriteString(client, "last")
			_ = client.Close()
		}()
		res, err := c.Post("http://"+addr+"/", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != 200 || string(got) != "of the second" {
			t.Errorf("%d %q %v", res.StatusCode, got, err)
		}
		for range 2 {
			if is := <-bodies; is != "first, last" {
				t.Errorf("a server got %q", is)
			}
		}
		w.told(t, "the second is told of", func(d *Done) bool { return d.Hedged && d.HedgeWon && d.Status == 200 })
		eventually(t, "neither server is busy", func() bool {
			for _, v := range s.Clusters()["web"].Views() {
				if v.Active > 0 {
					return false
				}
			}
			return true
		})
	})
}

// Who leaves while two servers have the call ends it at both.
func TestHedgesThatNobodyWaitsFor(t *testing.T) {
	eachHedging(t, 2, "after: 1ms, percent: 100, methods: [POST]", func(t *testing.T, c *http.Client, addr string, servers []*slowly, w *watched) {
		for _, s := range servers {
			s.slow.Store(true)
		}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			q, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/", strings.NewReader("x"))
			if res, err := c.Do(q); err == nil {
				_ = res.Body.Close()
				t.Errorf("status %d", res.StatusCode)
			}
		}()
		eventually(t, "both have it", func() bool { return servers[0].calls.Load() == 1 && servers[1].calls.Load() == 1 })
		leave()
		<-left
		eventually(t, "it is ended at both", func() bool { return servers[0].cancelled.Load() == 1 && servers[1].cancelled.Load() == 1 })
		w.told(t, "it is told of", func(d *Done) bool { return d.Hedged && !d.HedgeWon && d.Status == 0 })
	})
}
