package rpc

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What follows is the same for calls by every protocol.

func well(*said) int { return 200 }

// Routes go by what is called and what is said under names; who may not take one, or comes too soon, is told so.
func TestPoliciesOfRoutes(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		var got atomic.Pointer[said]
		keeps := func(q *said) int { got.Store(q); return 200 }
		one, two := d.serve(t, keeps), d.serve(t, keeps)
		addr, _, w := d.proxied(t, parents{}, `clusters:
  one: {PROTOCOL, endpoints: [%q]}
  two: {PROTOCOL, endpoints: [%q]}
routes:
  - {path: {exact: /bank/ask}, allow: {networks: [10.0.0.0/8]}, to: one}
  - {path: {prefix: /own}, allow: {networks: [127.0.0.0/8]}, to: one}
  - {path: {prefix: /stock}, headers: {colour: red}, methods: [METHOD], request_headers: {set: {x-team: checkout}, remove: [x-debug]}, to: two}
  - {path: {prefix: /limited}, limits: [{by: "header:tenant", rate: 0.001, burst: 1}], to: one}
  - {path: {prefix: /stock}, to: one}
`, one, two)
		call := d.dial(t, addr)
		for i, c := range []struct {
			service  string
			pairs    []string
			status   int
			endpoint string
		}{
			{"stock", nil, 200, one},
			{"stock", []string{"colour", "blue"}, 200, one},
			{"stock", []string{"colour", "red", "x-debug", "1"}, 200, two},
			{"bank", nil, 403, ""},
			{"own", nil, 200, one},
			{"elsewhere", nil, 404, ""},
			{"limited", []string{"tenant", "a"}, 200, one},
			{"limited", []string{"tenant", "a"}, 429, ""},
			{"limited", []string{"tenant", "b"}, 200, one},
			{"stock", []string{traceKey(d), "of the caller"}, 200, one},
		} {
			status := call(c.service, time.Minute, c.pairs...)
			done := w.nth(t, i+1)
			if done.Status != c.status || done.Endpoint != c.endpoint || (status == 200) != (c.status == 200) || done.Method != d.method {
				t.Errorf("%d: the client is told %d; %+v", i, status, done)
			}
			if c.endpoint == two && (got.Load().pairs["x-team"] != "checkout" || got.Load().pairs["x-debug"] != "") {
				t.Errorf("the server got %v", got.Load().pairs)
			}
		}
		if q := got.Load(); q.service != "stock" || q.pairs[parentHeader] != "below of the caller" {
			t.Errorf("the server got %+v", q)
		}
	})
}

// traceKey is under what a dialect's calls say of which trace they are.
func traceKey(d *dialect) string {
	if strings.HasPrefix(d.name, "x-") {
		return "trace"
	}
	return parentHeader
}

// The caller's time is lowered by the route's, carried on less what was used, and when there is too little, or none, the call ends.
func TestPoliciesOfTime(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		left := make(chan time.Duration, 10)
		server := d.serve(t, func(q *said) int {
			if q.service == "mute" {
				return nothing
			}
			left <- q.left
			return 200
		})
		addr, _, w := d.proxied(t, nil, `clusters: {one: {PROTOCOL, endpoints: [%q]}}
routes:
  - {path: {prefix: /long}, least_time: 10s, timeout: 1m, to: one}
  - {path: {prefix: /mute}, timeout: 50ms, to: one}
  - {to: one, timeout: 40s}
`, server)
		call := d.dial(t, addr)
		for i, c := range []struct {
			service string
			timeout time.Duration
			status  int
			why     string
			most    time.Duration
		}{
			{"stock", 0, 200, "", 40 * time.Second},
			{"stock", time.Minute, 200, "", 40 * time.Second},
			{"stock", 30 * time.Second, 200, "", 30 * time.Second},
			{"long", 9 * time.Second, 504, "does not wait as long", 0},
			{"long", time.Minute, 200, "", time.Minute},
			{"mute", time.Minute, 504, "time", 0},
		} {
			call(c.service, c.timeout)
			done := w.nth(t, i+1)
			if done.Status != c.status || !strings.Contains(done.Why, c.why) {
				t.Errorf("%d: %+v", i, done)
			}
			if c.most > 0 {
				if is := <-left; is <= 0 || is > c.most {
					t.Errorf("%d: the server has %v, of %v", i, is, c.most)
				}
			}
		}
	})
}

// What is done to calls on purpose is done, and what is under way bounds what is let through.
func TestPoliciesOfFaultsAndConcurrency(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		come, let := make(chan struct{}, 10), make(chan struct{})
		server := d.serve(t, func(q *said) int {
			if q.service == "held" {
				come <- struct{}{}
				<-let
			}
			return 200
		})
		addr, _, w := d.proxied(t, nil, `clusters: {one: {PROTOCOL, endpoints: [%q]}}
routes:
  - {path: {prefix: /abort}, fault: {delay: {for: 20ms}, abort: {status: 418}}, to: one}
  - {path: {prefix: /delay}, timeout: 1m, fault: {headers: {x-test: "yes"}, delay: {for: 20ms}}, to: one}
  - {path: {prefix: /held}, timeout: 1m, concurrency: {min: 1, max: 1}, priority: high, to: one}
`, server)
		call := d.dial(t, addr)
		if call("abort", 0); w.nth(t, 1).Status != 418 || !w.nth(t, 1).Aborted || w.nth(t, 1).Delayed == 0 {
			t.Errorf("%+v", w.nth(t, 1))
		}
		began := time.Now()
		if status := call("delay", 0, "x-test", "yes"); status != 200 || time.Since(began) < 20*time.Millisecond {
			t.Errorf("%d after %v", status, time.Since(began))
		}
		other, ended := d.dial(t, addr), make(chan int)
		go func() { ended <- other("held", 0) }()
		<-come
		if status := call("held", 0); status == 200 {
			t.Error("a second call is let through")
		}
		close(let)
		if status := <-ended; status != 200 {
			t.Errorf("the first call: %d", status)
		}
		w.told(t, "who is turned away is told of", func(d *Done) bool { return d.Shed == "high" && d.Status == 503 })
	})
}

// A server that cannot be connected to, fails, or is found ill, is passed over.
func TestPoliciesOfHealth(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		good, bad := d.serve(t, well), d.serve(t, func(*said) int { return 500 })
		addr, s, w := d.proxied(t, nil, `clusters:
  down: {PROTOCOL, endpoints: [{address: "127.0.0.1:1"}, {address: %q, priority: 1}]}
  eject: {PROTOCOL, endpoints: [%q, %q], health: {eject: {failures: 2, for: 1h, longest: 1h}}}
  broken: {PROTOCOL, endpoints: [%q], breaker: {failures: 50, calls: 4, window: 1h, open: 1h}}
  checked: {PROTOCOL, endpoints: [%q], health: {check: {interval: 10ms, timeout: 30s}}}
routes:
  - {path: {prefix: /down}, to: down}
  - {path: {prefix: /eject}, to: eject}
  - {path: {prefix: /broken}, to: broken}
  - {path: {prefix: /checked}, to: checked}
`, good, bad, good, bad, good)
		call := d.dial(t, addr)
		if status := call("down", time.Minute); status != 200 || w.nth(t, 1).Retries != 1 {
			t.Errorf("beside one that cannot be connected to: %d, %+v", status, w.nth(t, 1))
		}
		failed := 0
		for i := range 20 {
			if call("eject", time.Minute) != 200 {
				failed++
			}
			w.nth(t, 2+i) // the server is told what became of it by then
		}
		if v := s.Clusters()["eject"].Views()[0]; failed != 2 || v.State != "suspect" || !strings.Contains(v.Why, "2 calls failed in a row") {
			t.Errorf("%d of 20 calls failed, and the server is %+v", failed, v)
		}
		for i := range 6 {
			call("broken", time.Minute)
			if done := w.nth(t, 22+i); (done.Endpoint == "") != (i >= 4) {
				t.Errorf("the breaker at the call %d: %+v", i, done)
			}
		}
		if status := call("checked", time.Minute); status != 200 {
			t.Errorf("a server that is checked: %d", status)
		}
	})
}

// Many calls of many clients are each answered once, and change of the routes under them disturbs none.
func TestPoliciesUnderLoad(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		one, two := d.serve(t, well), d.serve(t, well)
		document := "clusters: {one: {PROTOCOL, endpoints: [%q]}}\nroutes: [{to: one, timeout: 1m}]\n"
		addr, s, w := d.proxied(t, nil, document, one)
		const clients, calls = 4, 50
		var all sync.WaitGroup
		for range clients {
			call := d.dial(t, addr)
			all.Go(func() {
				for range calls {
					if status := call("stock", time.Minute); status != 200 {
						t.Errorf("answered %d", status)
					}
				}
			})
		}
		for i := range 20 {
			text := strings.ReplaceAll(fmt.Sprintf(document, []string{two, one}[i%2]), "PROTOCOL", d.spoken()) + d.protocols
			if err := s.Adopt(table(t, text)); err != nil {
				t.Error(err)
			}
		}
		all.Wait()
		if n := w.nth(t, clients*calls); n.Status != 200 || w.count() != clients*calls {
			t.Errorf("%d calls are told of", w.count())
		}
	})
}

// What failed is tried again where that is said, within the budget: what may be repeated, and whatever a server says that it has not done.
func TestPoliciesOfRetries(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		var mu sync.Mutex
		came := map[string]int{}
		server := d.serve(t, func(q *said) int {
			mu.Lock()
			defer mu.Unlock()
			if came[q.service]++; came[q.service] > 1 && q.service != "always" {
				return 200
			}
			switch q.service {
			case "breaks":
				return breaks
			case "slow":
				return nothing
			case "fails":
				return 500
			}
			return 503
		})
		addr, _, w := d.proxied(t, nil, `clusters:
  one: {PROTOCOL, endpoints: [%q], retry_budget: {percent: 100, per_second: 1000}}
  poor: {PROTOCOL, endpoints: [%[1]q], retry_budget: {percent: 20, per_second: 0}}
routes:
  - {path: {prefix: /breaks}, to: one, timeout: 1m, retry: {when: [reset], methods: [METHOD], backoff: 1ms}}
  - {path: {prefix: /slow}, to: one, timeout: 1m, retry: {when: [timeout], methods: [METHOD], per_try_timeout: 50ms, attempts: 500, backoff: 1ms}}
  - {path: {prefix: /fails}, to: one, timeout: 1m, retry: {when: [500], methods: [METHOD], backoff: 1ms}}
  - {path: {prefix: /busy}, to: one, timeout: 1m, retry: {backoff: 1ms}}
  - {path: {prefix: /always}, to: poor, timeout: 1m, retry: {attempts: 3, methods: [METHOD], backoff: 1ns}}
  - {path: {prefix: /plain}, to: one, timeout: 1m}
`, server)
		call := d.dial(t, addr)
		for i, c := range []struct {
			service         string
			status, retries int
		}{{"breaks", 200, 1}, {"slow", 200, 1}, {"fails", 200, 1}, {"busy", 200, 1}, {"plain", 503, 0}} {
			status := call(c.service, time.Minute)
			if done := w.nth(t, i+1); done.Status != c.status || done.Retries != c.retries && c.service != "slow" || done.Retries < c.retries || (status == 200) != (c.status == 200) {
				t.Errorf("%s: the client is told %d; %+v", c.service, status, done)
			}
		}
		const calls = 100
		for range calls {
			call("always", time.Minute)
		}
		mu.Lock()
		defer mu.Unlock()
		if n := came["always"]; n < calls || n > calls*5/4 {
			t.Errorf("of %d calls %d came to a server that fails them all", calls, n)
		}
	})
}

// What a call by frames may have done is not done twice, unless the route says that it may be; nor is one that is too long to be kept, or oneway.
func TestFramedCallsAreNotRepeated(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		if strings.HasPrefix(d.name, "http") {
			return // whose methods say it
		}
		var came atomic.Int64
		server := d.serve(t, func(q *said) int {
			came.Add(1)
			switch q.service {
			case "breaks":
				return breaks
			case "fails":
				return 500
			}
			return 503
		})
		addr, _, w := d.proxied(t, nil, `clusters: {one: {PROTOCOL, endpoints: [%q], retry_budget: {percent: 100}}}
routes:
  - {path: {prefix: /long}, to: one, timeout: 1m, retry: {methods: [METHOD], backoff: 1ms}}
  - {to: one, timeout: 1m, retry: {when: [500, 502, 503], backoff: 1ms}}
`, server)
		call := d.dial(t, addr)
		for i, c := range []struct {
			service string
			status  int
		}{{"breaks", 502}, {"fails", 500}, {"long", 503}} {
			came.Store(0)
			var pairs []string
			if c.service == "long" {
				for k := range 20 {
					pairs = append(pairs, fmt.Sprint("key", k), strings.Repeat("x", 1000))
				}
			}
			call(c.service, time.Minute, pairs...)
			if done := w.nth(t, i+1); done.Status != c.status || done.Retries != 0 || came.Load() != 1 {
				t.Errorf("%s came %d times: %+v", c.service, came.Load(), done)
			}
		}
	})
}

// A call that takes long is sent to a second server, and copies go to another cluster, where calls are HTTP's: of other protocols no document may have that.
func TestPoliciesOfHedgesAndMirrors(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		if !strings.HasPrefix(d.name, "http") {
			return // which route's own tests see
		}
		var came atomic.Int64
		do := func(q *said) int {
			if q.service == "slow" && came.Add(1) == 1 {
				return nothing
			}
			return 200
		}
		copies := make(chan *said, 10)
		shadow := serveHTTP(backend)(t, func(q *said) int { copies <- q; return 200 })
		addr, _, w := d.proxied(t, nil, `clusters:
  web: {PROTOCOL, endpoints: [%q, %q]}
  shadow: {connect_timeout: 60s, endpoints: [%q]}
routes:
  - {path: {prefix: /slow}, to: web, timeout: 1m, hedge: {after: 1ms, percent: 100, methods: [METHOD]}}
  - {path: {prefix: /copied}, to: web, timeout: 1m, mirror: {cluster: shadow}}
`, d.serve(t, do), d.serve(t, do), shadow)
		call := d.dial(t, addr)
		if status := call("slow", 0); status != 200 || came.Load() != 2 {
			t.Errorf("%d, and servers got it %d times", status, came.Load())
		}
		if slow := w.nth(t, 1); !slow.Hedged { // on a busy machine it comes to the second server first, at times
			t.Errorf("%+v", slow)
		}
		if status := call("copied", 0); status != 200 {
			t.Errorf("%d", status)
		}
		if q := <-copies; q.service != "copied" || q.pairs[MirrorHeader] != "1" {
			t.Errorf("the copy is %+v", q)
		}
	})
}
