package rpc

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A server that is well, and whose connections break with hundreds of calls under way, fails none of those that change nothing.
func TestManyCallsOfConnectionsThatBreak(t *testing.T) {
	const clients, each = 6, 100 // of which half come to each server
	for _, by := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP/", by), func(t *testing.T) {
			var held atomic.Int64
			var broken atomic.Bool
			all, release := make(chan struct{}), make(chan struct{})
			breaks := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if broken.Load() {
					return
				}
				if held.Add(1) == clients*each/2 {
					close(all)
				}
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}))
			breaks.Config.Protocols = &http.Protocols{}
			breaks.Config.Protocols.SetUnencryptedHTTP2(true)
			breaks.Start()
			t.Cleanup(breaks.Close)
			t.Cleanup(func() { close(release) })
			well, _ := backend2(t, func(http.ResponseWriter, *http.Request) {})
			settings := testSettings
			settings.MaxConnections, settings.Silence, settings.HeadTimeout = 2*clients*each, time.Minute, time.Minute
			addr, _, _ := proxy(t, settings, fmt.Sprintf("clusters: {web: {protocol: http2, connect_timeout: 60s, endpoints: [%q, %q]}}\nroutes: [{to: web, timeout: 1m}]\n", breaks.Listener.Addr(), well))
			var callers sync.WaitGroup
			for range clients {
				tr := &http.Transport{MaxIdleConnsPerHost: each}
				c := &http.Client{Timeout: time.Minute, Transport: tr}
				t.Cleanup(tr.CloseIdleConnections)
				if by == 2 {
					c = client2(t)
				}
				for range each {
					callers.Go(func() {
						res, err := c.Get("http://" + addr + "/")
						if err != nil {
							t.Error(err)
							return
						}
						_ = res.Body.Close()
						if res.StatusCode != 200 {
							t.Errorf("status %d", res.StatusCode)
						}
					})
				}
			}
			select {
			case <-all:
			case <-time.After(time.Minute):
				t.Fatalf("the server has %d calls", held.Load())
			}
			broken.Store(true)
			breaks.CloseClientConnections()
			callers.Wait()
		})
	}
}
