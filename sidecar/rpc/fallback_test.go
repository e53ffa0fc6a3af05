package rpc

import (
	"sync/atomic"
	"testing"
	"time"
)

// Calls go to the cluster that stands in while no server of their own takes any, and back.
func TestFallback(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		var ill atomic.Bool
		own := d.serve(t, func(*said) int {
			if ill.Load() {
				return 500
			}
			return 200
		})
		pool, gone := d.serve(t, well), "127.0.0.1:1"
		addr, _, w := d.proxied(t, nil, `clusters:
  own: {PROTOCOL, endpoints: [%q], fallback: pool, breaker: {calls: 2, window: 1m, open: 100ms, probes: 1}}
  gone: {PROTOCOL, endpoints: [%q], fallback: pool/all}
  none: {PROTOCOL, endpoints: [%q], subsets: {blue: {version: blue}}, fallback: pool}
  lost: {PROTOCOL, endpoints: [%q], fallback: gone2}
  gone2: {PROTOCOL, endpoints: [%q]}
  pool: {PROTOCOL, endpoints: [{address: %q, labels: {of: all}}], subsets: {all: {of: all}}, concurrency: {min: 1, max: 100}}
routes:
  - {path: {prefix: /own}, to: own, concurrency: {min: 1, max: 100}}
  - {path: {prefix: /gone}, to: gone}
  - {path: {prefix: /none}, to: none/blue}
  - {path: {prefix: /lost}, to: lost}
`, own, gone, own, gone, gone, pool)
		call, n := d.dial(t, addr), 0
		ask := func(service string) Done {
			call(service, time.Minute)
			n++
			return w.nth(t, n)
		}
		for _, c := range []struct {
			service, cluster string
			status           int
		}{
			{"own", "own", 200}, {"gone", "pool/all", 200}, {"gone", "pool/all", 200}, {"none", "pool", 200}, {"lost", "gone2", 503}, {"own", "own", 200},
		} {
			if done := ask(c.service); done.Cluster != c.cluster || done.Status != c.status {
				t.Errorf("%s: %+v", c.service, done)
			}
		}
		ill.Store(true)
		if done := until(t, ask, func(done *Done) bool { return done.Cluster != "own" }); done.Status != 200 || done.Endpoint != pool {
			t.Errorf("nothing is well of its own: %+v", done)
		}
		ill.Store(false)
		until(t, ask, func(done *Done) bool { return done.Cluster == "own" && done.Status == 200 })
	})
}

// until asks again until it is so.
func until(t *testing.T, ask func(service string) Done, is func(*Done) bool) Done {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		done := ask("own")
		if is(&done) {
			return done
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never is so: %+v", done)
		}
	}
}
