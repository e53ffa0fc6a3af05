package upstream

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// cluster is the only one of a set, with so many endpoints that nothing listens at.
func cluster(t *testing.T, n int, change func(*route.Cluster)) *Cluster {
	t.Helper()
	rule := &route.Cluster{}
	for i := range n {
		rule.Endpoints = append(rule.Endpoints, &route.Endpoint{Address: "e" + string(rune('0'+i)) + ":1"})
	}
	change(rule)
	s := New("")
	if err := s.Adopt(map[string]*route.Cluster{"web": rule}); err != nil {
		t.Fatal(err)
	}
	return s.Cluster("web")
}

// portions counts whom calls go to.
func portions(c *Cluster, n int) map[string]int {
	out := map[string]int{}
	for range n {
		e := c.Pick(nil)
		if e == nil {
			out["nobody"]++
			continue
		}
		out[e.Address]++
		e.Over(breaker.Unknown, "")
	}
	return out
}

func fails(e *Endpoint, n int) {
	for range n {
		e.Over(breaker.Failed, "status 500")
	}
}

func wantShares(t *testing.T, what string, c *Cluster, want map[string]int) {
	t.Helper()
	n := 0
	for _, k := range want {
		n += k
	}
	got := portions(c, n)
	for address, k := range want {
		if got[address] != k {
			t.Errorf("%s: calls went %v, want %v", what, got, want)
			return
		}
	}
}

func TestEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster(t, 4, func(r *route.Cluster) {
			r.Health.Eject = &route.Eject{Failures: 3, For: 10 * time.Second, Longest: 15 * time.Second}
		})
		bad := c.Endpoints[0]
		fails(bad, 2)
		bad.Over(breaker.Good, "")
		fails(bad, 2)
		wantShares(t, "failures that are not in a row", c, map[string]int{"e0:1": 3, "e1:1": 3, "e2:1": 3, "e3:1": 3})
		fails(bad, 1)
		wantShares(t, "three in a row", c, map[string]int{"e1:1": 4, "e2:1": 4, "e3:1": 4})
		if v := c.Views()[0]; v.State != "suspect" || v.Why != "3 calls failed in a row, the last one: status 500" || time.Until(*v.Until) != 10*time.Second {
			t.Errorf("it is seen as %+v", v)
		}
		fails(c.Endpoints[1], 3)
		fails(c.Endpoints[2], 3)
		wantShares(t, "half may be out, and no more", c, map[string]int{"e2:1": 6, "e3:1": 6})
		time.Sleep(10*time.Second + 1)
		wantShares(t, "when the time is over", c, map[string]int{"e0:1": 3, "e1:1": 3, "e2:1": 3, "e3:1": 3})
		fails(bad, 3)
		if v := c.Views()[0]; time.Until(*v.Until) != 15*time.Second {
			t.Errorf("the second time it is out for %v", time.Until(*v.Until))
		}
		time.Sleep(time.Minute)
		fails(bad, 3)
		if v := c.Views()[0]; time.Until(*v.Until) != 10*time.Second {
			t.Errorf("after a long good time it is out for %v", time.Until(*v.Until))
		}
	})
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster(t, 1, func(r *route.Cluster) {
			r.Breaker = &route.Breaker{Share: 50, Least: 4, Open: 5 * time.Second, Probes: 1}
		})
		e := c.Endpoints[0]
		fails(e, 4)
		if c.Pick(nil) != nil {
			t.Error("a call goes to the only endpoint, whose breaker is open")
		}
		if why := c.Why(); why != "no endpoint takes calls: e0:1: its breaker is open: 4 of 4 failed within 10s" {
			t.Errorf("the caller is told %q", why)
		}
		time.Sleep(5 * time.Second)
		if c.Pick(nil) != e || c.Pick(nil) != nil || c.Views()[0].State != "probing" {
			t.Errorf("there is not one probe: %+v", c.Views())
		}
		e.Over(breaker.Good, "")
		wantShares(t, "after a good probe", c, map[string]int{"e0:1": 5})
	})
}

func TestTooFewAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster(t, 4, func(r *route.Cluster) { r.Endpoints[3].Priority = 1 })
		ill := func(i int) {
			e := c.Endpoints[i]
			if !e.asked(&route.Check{Rise: 1, Fall: 1}, errors.New("it is ill")) {
				t.Fatal("the check changes nothing")
			}
			c.changed()
		}
		well := map[string]int{"e0:1": 2, "e1:1": 2, "e2:1": 2}
		wantShares(t, "all are up", c, well)
		ill(0)
		wantShares(t, "two of three are up", c, map[string]int{"e1:1": 3, "e2:1": 3})
		ill(1)
		wantShares(t, "one of three is up, and the next priority helps", c, map[string]int{"e2:1": 3, "e3:1": 3})
		ill(3)
		if wantShares(t, "too few are up everywhere", c, map[string]int{"e0:1": 2, "e1:1": 2, "e2:1": 2, "e3:1": 2}); !c.Panicking() {
			t.Error("it is not said that health is not asked for")
		}
		c.Endpoints[0].connected(errors.New("refused"))
		wantShares(t, "nobody is sent to where nobody listens", c, map[string]int{"e1:1": 2, "e2:1": 2, "e3:1": 2})
	})
}

// The share of an endpoint that has come up grows to a full one; bounds of chance are at six sigma.
func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster(t, 2, func(r *route.Cluster) { r.Health.SlowStart = 10 * time.Second })
		if got := portions(c, 1000); got["e0:1"] != 500 {
			t.Errorf("at the start of all %v", got)
		}
		e := c.Endpoints[0]
		e.connected(errors.New("refused"))
		e.connected(nil)
		// Of its half, it keeps the warmth w; what it gives away, or the other does not, comes back by half, thrice at most.
		last := 0
		for _, step := range []struct {
			after       time.Duration
			least, most int
		}{{0, 500, 1900}, {5 * time.Second, 2700, 4100}, {5 * time.Second, 5000, 5000}} {
			time.Sleep(step.after)
			got := portions(c, 10_000)["e0:1"]
			if got < step.least || got > step.most || got < last {
				t.Errorf("%v later it gets %d of 10000, want %d to %d", step.after, got, step.least, step.most)
			}
			last = got
		}
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}

// run has a set run until the test ends.
func run(t *testing.T) *Set {
	s, done, over := New(""), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		s.Run(done, func(cluster string, err error) { t.Errorf("%s: %v", cluster, err) })
	}()
	t.Cleanup(func() {
		close(done)
		<-over
	})
	return s
}

func TestChecks(t *testing.T) {
	var status, asked atomic.Int64
	status.Store(200)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || r.Host != "inner" {
			t.Errorf("the check asks %s%s", r.Host, r.URL.Path)
		}
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(server.Close)
	silent := listen(t)
	s := run(t)
	rule := &route.Cluster{
		Endpoints: []*route.Endpoint{{Address: server.Listener.Addr().String()}, {Address: silent.addr()}},
		Health:    route.Health{Check: &route.Check{Path: "/healthz", Host: "inner", Interval: time.Millisecond, Timeout: 500 * time.Millisecond}},
	}
	adopt := func() *Cluster {
		if err := s.Adopt(map[string]*route.Cluster{"web": rule}); err != nil {
			t.Fatal(err)
		}
		return s.Cluster("web")
	}
	c := adopt()
	is := func(i int, state, why string) func() bool {
		return func() bool { v := c.Views()[i]; return v.State == state && strings.Contains(v.Why, why) }
	}
	eventually(t, "who does not answer is suspect", is(1, "suspect", "no answer within 500ms"))
	eventually(t, "all calls go to the one that is up", func() bool { // which a busy machine may have been late to ask, too
		return portions(c, 10)[server.Listener.Addr().String()] == 10
	})
	status.Store(500)
	eventually(t, "who answers badly is suspect", is(0, "suspect", "the check: GET /healthz: status 500"))
	status.Store(204)
	eventually(t, "who answers well again is up", is(0, "up", ""))
	rule.Health.Check = &route.Check{Interval: time.Millisecond}
	c = adopt()
	eventually(t, "who can be connected to is up", is(1, "up", ""))
	_ = silent.Close()
	eventually(t, "who cannot be is not", is(1, "suspect", "refused"))
	rule.Health.Check = nil
	c = adopt()
	if !is(1, "up", "")() {
		t.Errorf("without a check it is %+v", c.Views()[1])
	}
	s.checks.Wait() // they have ended
}

func TestPendingCallsAreBounded(t *testing.T) {
	rule := at(listen(t).addr())
	rule.MaxConnections, rule.MaxPending = 1, 1
	e := endpoint(t, New(""), rule)
	held, _ := get(t, e)
	waited := make(chan *Conn)
	go func() {
		c, _, err := e.Get(time.Now().Add(30*time.Second), nil)
		if err != nil {
			t.Error(err)
		}
		waited <- c
	}()
	eventually(t, "a call waits", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.waiting) == 1 })
	if _, _, err := e.Get(time.Now().Add(30*time.Second), nil); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	held.Put()
	if c := <-waited; c != held {
		t.Error("the call that waited got another connection")
	}
}

// Calls of a key go to one endpoint, and back to it when it is up again; those of the others stay where they are.
func TestKeysFollowHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster(t, 4, func(r *route.Cluster) { r.Balance = route.Balance{Policy: "ring_hash", By: "path"} })
		where := func() (out [100]*Endpoint) {
			for key := range out {
				out[key] = c.PickBy(balance.Hash([]byte{byte(key)}), nil)
			}
			return out
		}
		before := where()
		if before != where() {
			t.Error("a key goes to two endpoints")
		}
		gone := before[0]
		gone.connected(errors.New("refused"))
		for key, e := range where() {
			if e == gone || before[key] != gone && e != before[key] {
				t.Errorf("the key %d of %s goes to %s", key, before[key].Address, e.Address)
			}
		}
		gone.connected(nil)
		if before != where() {
			t.Error("the keys do not come back")
		}
	})
}

// TestZonesSpill: what is left of a zone gets what it has endpoints for.
func TestZonesSpill(t *testing.T) {
	c := cluster(t, 4, func(r *route.Cluster) {
		r.Balance.Policy, r.Balance.Properties = "zone_first", map[string]string{"zone": "south"}
		for _, e := range r.Endpoints[:3] {
			e.Zone = "south"
		}
		r.Breaker = &route.Breaker{Least: 2, Open: time.Hour, Window: time.Hour}
	})
	if got := portions(c, 300); got["e3:1"] != 0 {
		t.Errorf("all of the zone are up: %v", got)
	}
	fails(c.Endpoints[0], 2)
	fails(c.Endpoints[1], 2)
	if got := portions(c, 10_000); got["e2:1"] < 4_300 || got["e2:1"] > 5_000 || got["e2:1"]+got["e3:1"] != 10_000 { // 1.4 times the third that it usually gets
		t.Errorf("one of three is left: %v", got)
	}
}

// zone_first is about the zone of this process, unless the document names one.
func TestZones(t *testing.T) {
	for named, want := range map[string]string{"": "e1:1", "north": "e0:1"} {
		rule := at("e0:1", "e1:1")
		rule.Endpoints[0].Zone, rule.Endpoints[1].Zone = "north", "south"
		rule.Balance.Policy = "zone_first"
		if named != "" {
			rule.Balance.Properties = map[string]string{"zone": named}
		}
		s := New("south")
		if err := s.Adopt(map[string]*route.Cluster{"web": rule}); err != nil {
			t.Fatal(err)
		}
		if got := portions(s.Cluster("web"), 10); got[want] != 10 {
			t.Errorf("zone %q: calls go %v", named, got)
		}
	}
}

// Connections of servers that are well end, and that is forgiven, whatever number of calls they take with them; a server that fails its calls, or has done none well for long, is not forgiven.
func TestForgives(t *testing.T) {
	e := &Endpoint{}
	forgives := func(want int) {
		t.Helper()
		n := 0
		for range 2 * mostForgiven {
			if e.Forgives(time.Now().Add(time.Hour)) { // sent after whatever has been forgiven
				n++
			}
		}
		if n != want {
			t.Errorf("%d times it is forgiven, not %d", n, want)
		}
	}
	forgives(mostForgiven) // nothing is known of it
	e.Over(breaker.Unknown, "")
	forgives(0)
	for range 1000 { // of the connections that have ended
		if !e.Forgives(time.Now().Add(-time.Hour)) {
			t.Fatal("a call that was under way is not forgiven")
		}
	}
	e.Over(breaker.Good, "")
	forgives(mostForgiven)
	e.Over(breaker.Good, "")
	e.Over(breaker.Failed, "") // one of many
	forgives(mostForgiven)
	e.Over(breaker.Failed, "")
	forgives(0)
	if e.Forgives(time.Now().Add(-time.Hour)) {
		t.Error("a server that fails its calls is forgiven")
	}
	e.Over(breaker.Good, "")
	forgives(mostForgiven)
}
