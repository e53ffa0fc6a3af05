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

// A server that does one call at a time is offered forty: soon fewer are under way, of which each is answered, and the others
// are turned away, as what is told of them says. The bound is the cluster's in force as long as its rule is.
func TestConcurrencyAdapts(t *testing.T) {
	var one sync.Mutex
	h := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		one.Lock()
		defer one.Unlock()
		<-time.After(5 * time.Millisecond) // what it has to do
		_, _ = io.WriteString(w, "done")
	}
	for _, of := range []string{"cluster", "route"} {
		for _, protocol := range []string{"http1", "http2"} {
			t.Run(of+" "+protocol, func(t *testing.T) {
				server := ""
				c := client2(t)
				if protocol == "http2" {
					server, _ = backend2(t, h)
				} else {
					server = backend(t, h)
					tr := &http.Transport{MaxIdleConnsPerHost: 100}
					t.Cleanup(tr.CloseIdleConnections)
					c = &http.Client{Timeout: time.Minute, Transport: tr}
				}
				cluster, route := "concurrency: {min: 1}", ""
				if of == "route" {
					cluster, route = route, cluster
				}
				addr, s, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {protocol: %s, endpoints: [%q], %s}}\nroutes: [{to: web, timeout: 1m, priority: \"header:x-priority\", %s}]\n", protocol, server, cluster, route))
				bound := func() *ConcurrencyView {
					v := s.View()
					if of == "route" {
						return v.Routes[0].Concurrency
					}
					return v.Clusters[0].Concurrency
				}
				first := bound().Limit
				var clients sync.WaitGroup
				var stop atomic.Bool
				for i := range 40 {
					clients.Go(func() {
						for !stop.Load() {
							status, body := ask(t, c, addr, "x", "x-priority", []string{"low", "high"}[i%2])
							if status != 200 && !(status == 503 && strings.Contains(body, "as many calls are under way")) {
								t.Errorf("%d %q", status, body)
								return
							}
							if status == 503 {
								<-time.After(time.Millisecond) // it is told to come again
							}
						}
					})
				}
				for deadline := time.Now().Add(time.Minute); bound().Limit >= first*3/4 && time.Now().Before(deadline); {
					<-time.After(10 * time.Millisecond) // between two looks
				}
				if b := bound(); b.Limit >= first || b.Least == 0 {
					t.Errorf("the bound is %+v, which was %d", *b, first)
				}
				w.told(t, "a call of low priority is turned away", func(d *Done) bool { return d.Shed == "low" && d.Endpoint == "" && d.Status == 503 })
				stop.Store(true)
				clients.Wait()
				eventually(t, "every place is given back", func() bool { return bound().Active == 0 })
			})
		}
	}
}
