package rpc

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// eachHedging runs a test with both protocols, and so many servers.
func eachHedging(t *testing.T, n int, hedge string, test func(t *testing.T, c *http.Client, addr string, servers []*slowly, w *watched)) {
	for _, protocol := range []string{"http1", "http2"} {
		t.Run(protocol, func(t *testing.T) {
			servers, addrs := make([]*slowly, n), make([]string, n)
			for i := range servers {
				servers[i] = &slowly{}
				if protocol == "http2" {
					addrs[i], _ = backend2(t, servers[i].ServeHTTP)
				} else {
					addrs[i] = backend(t, servers[i].ServeHTTP)
				}
			}
			c := client2(t)
			if protocol == "http1" {
				tr := &http.Transport{MaxIdleConnsPerHost: 100}
				t.Cleanup(tr.CloseIdleConnections)
				c = &http.Client{Timeout: time.Minute, Transport: tr}
			}
			settings := testSettings
			settings.Silence, settings.HeadTimeout = time.Minute, time.Minute
			addr, _, w := proxy(t, settings, fmt.Sprintf("clusters: {web: {protocol: %s, endpoints: [%s], retry_budget: {percent: 100}}}\nroutes: [{to: web, timeout: 1m, hedge: {%s}}]\n",
				protocol, `"`+strings.Join(addrs, `", "`)+`"`, hedge))
			test(t, c, addr, servers, w)
		})
	}
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
		const warm, offered = 100, 100 // the first earn what a busy machine may need
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
		calls(t, c, addr, 400)
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
	for _, protocol := range []string{"http1", "http2"} {
		for _, broken := range []int{0, 1} { // the server that fails, of the order in which the call comes to them
			for _, status := range []int{0, 503} { // by the end of its connection, or its stream; by its answer
				t.Run(fmt.Sprint(protocol, broken, status), func(t *testing.T) {
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
					addrs := [2]string{}
					for i := range addrs {
						if protocol == "http2" {
							addrs[i], _ = backend2(t, h)
						} else {
							addrs[i] = backend(t, h)
						}
					}
					c := &http.Client{Timeout: time.Minute}
					if protocol == "http2" {
						c = client2(t)
					}
					addr, _, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {protocol: %s, endpoints: [%q, %q]}}\nroutes: [{to: web, timeout: 1m, hedge: {after: 1ms, percent: 100, methods: [POST]}}]\n", protocol, addrs[0], addrs[1]))
					if status, body := ask(t, c, addr, "x"); status != 200 || body != "good" {
						t.Errorf("%d %q", status, body)
					}
					w.told(t, "it is hedged", func(d *Done) bool { return d.Hedged })
				})
			}
		}
	}
}
