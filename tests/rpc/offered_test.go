package rpc

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// offeredMost is how many requests may come to servers that fail all of them, as a multiple of the calls.
const offeredMost = 1.25

// offeredProtocols are how calls come to servers, with what a route may have for them.
var offeredProtocols = []struct {
	name, protocol, method string
	mirrored               bool // and hedged
	check                  string
	codes                  string // that calls are tried again for, beside statuses
}{
	{name: "HTTP/1.1", protocol: "http1", method: "GET", mirrored: true, check: "path: /healthz, "},
	{name: "HTTP/2", protocol: "http2", method: "GET", mirrored: true, check: "path: /healthz, "},
	{name: "gRPC", protocol: "http2", method: "POST", mirrored: true, check: "grpc: \"\", ", codes: ", unavailable"},
	{name: "Bolt", protocol: "bolt", method: "BOLT"},
}

// offeredCase is one protocol whose servers fail in one way.
type offeredCase struct {
	protocol      int
	fails         failing
	fleet, copies *fleet // copies may be nil
	ask           asker
	offered       int64
}

// What comes to servers that fail every request is no multiple of the calls, whatever a route has done for calls that fail or take long: it tries them again, sends them to a second server, and
// copies them. With HEDDLE_OFFERED each case lasts as long, at the usual budget, and the checks of servers count; without it is a number of calls, at a budget in which no time plays a part.
func TestOfferedLoad(t *testing.T) {
	window, _ := time.ParseDuration(os.Getenv("HEDDLE_OFFERED"))
	for _, c := range offered(t, window > 0) {
		p := offeredProtocols[c.protocol]
		t.Run(p.name+"/"+failings[c.fails], func(t *testing.T) {
			ctx, callers, calls := t.Context(), 8, int64(400)
			if c.fails == stalls {
				callers = 64
			}
			if window > 0 {
				c.warm(t)
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, window)
				defer cancel()
				callers, calls = 64, 1<<40
			}
			c.fail()
			c.load(t, ctx, callers, calls)
			asked, copied := c.fleet.asked.Load(), int64(0)
			if c.copies != nil {
				copied = c.copies.asked.Load()
			}
			if window > 0 {
				asked += c.fleet.checked.Load()
			}
			t.Logf("| %s | %s | %d | %d | %.3f | %.3f |", p.name, failings[c.fails], c.offered, asked, float64(asked)/float64(c.offered), float64(copied)/float64(c.offered))
			if float64(asked) > offeredMost*float64(c.offered) || copied > c.offered {
				t.Errorf("%d requests and %d copies for %d calls", asked, copied, c.offered)
			}
		})
	}
}

// offered starts a heddle before servers of all cases, each with a cluster of its own.
func offered(t *testing.T, usual bool) []*offeredCase {
	t.Helper()
	var cases []*offeredCase
	var clusters, routes strings.Builder
	budget, slow := "{per_second: 0}", "after: 1ms"
	if usual {
		budget, slow = "{}", "quantile: 90"
	}
	for _, fails := range []failing{errs, breaks, closes, twice, stalls} { // copies to servers that do not answer are under way for long, and are as many as may be
		for i, p := range offeredProtocols {
			if !usual && (fails == closes || fails == twice && p.method != "GET") {
				continue // which the others are like
			}
			serve := (*fleet).web
			switch p.name {
			case "gRPC":
				serve = (*fleet).grpc
			case "Bolt":
				serve = (*fleet).bolt
			}
			c, name := &offeredCase{protocol: i, fails: fails, fleet: newFleet(t, 5, serve)}, fmt.Sprintf("c%d-%d", i, fails)
			policies := ""
			if p.mirrored {
				c.copies = newFleet(t, 1, serve)
				policies = fmt.Sprintf(", hedge: {%s, methods: [%s]}, mirror: {cluster: %s-copies}", slow, p.method, name)
				fmt.Fprintf(&clusters, "  %s-copies: {protocol: %s, endpoints: [%q]}\n", name, p.protocol, c.copies.addrs[0])
			}
			fmt.Fprintf(&clusters, "  %s: {protocol: %s, endpoints: [\"%s\"], retry_budget: %s, health: {check: {%sinterval: 1s}}}\n",
				name, p.protocol, strings.Join(c.fleet.addrs, `", "`), budget, p.check)
			fmt.Fprintf(&routes, "- {path: {prefix: /%s}, to: %[1]s, timeout: 10s, retry: {when: [reset, timeout, 502, 503, 504%s], methods: [%s], attempts: 5, per_try_timeout: 100ms, backoff: 1ms}%s}\n", name, p.codes, p.method, policies)
			cases = append(cases, c)
		}
	}
	m := start(t, "clusters:\n"+clusters.String()+"routes:\n"+routes.String(), "rpc.log", "none")
	for _, c := range cases {
		name := fmt.Sprintf("c%d-%d", c.protocol, c.fails)
		switch p := offeredProtocols[c.protocol]; p.name {
		case "gRPC":
			c.ask = grpcAsker(t, m.addr, "/"+name+"/Ask")
		case "Bolt":
			c.ask = boltAsker(t, m.addr, name)
		default:
			c.ask = webAsker(t, "http://"+m.addr+"/"+name, p.protocol == "http2")
		}
	}
	return cases
}

// warm has some calls go well first, so that it is known how long they take; until fail.
func (c *offeredCase) warm(t *testing.T) {
	t.Helper()
	for i := range 60 {
		if fine, err := c.ask(t.Context()); !fine {
			t.Fatalf("call %d of those that are to go well: %v", i, err)
		}
	}
}

// fail has all fail from now on.
func (c *offeredCase) fail() {
	for _, f := range []*fleet{c.fleet, c.copies} {
		if f != nil {
			f.fails.Store(int32(c.fails))
			f.asked.Store(0)
			f.checked.Store(0)
		}
	}
}

// load makes so many calls, or as many as there are until ctx ends, by n callers.
func (c *offeredCase) load(t *testing.T, ctx context.Context, n int, calls int64) {
	t.Helper()
	var offered atomic.Int64
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			for ctx.Err() == nil && offered.Add(1) <= calls {
				if fine, err := c.ask(t.Context()); fine || err != nil {
					t.Errorf("a call that has to fail: %v, %v", fine, err)
					return
				}
			}
		})
	}
	callers.Wait()
	c.offered = min(offered.Load(), calls)
}
