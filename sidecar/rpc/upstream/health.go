package upstream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
)

// kind is what an endpoint's state means for calls.
type kind int

const (
	well        kind = iota
	suspect          // what it answered, or did not, speaks against it
	open             // its breaker is
	unreachable      // nobody could connect
)

// state is an endpoint's, with its reason. until is when time alone changes it; the zero time: never.
type state struct {
	kind  kind
	why   string
	until time.Time
}

// health is what is known of an endpoint by its checks and by its answers. The endpoint's mu guards it.
type health struct {
	asked bool   // a check has been answered
	ill   string // what the checks say is wrong
	row   int    // of checks that say otherwise

	ejected   time.Time // no calls before it
	ejections int       // one soon after the other
	reason    string
}

// look says how the endpoint is.
func (e *Endpoint) look(now time.Time) state {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case now.Before(e.until):
		return state{unreachable, e.unreached, e.until}
	case e.health.ill != "":
		return state{suspect, e.health.ill, time.Time{}}
	case now.Before(e.health.ejected):
		return state{suspect, e.health.reason, e.health.ejected}
	}
	if b := e.breaker.Load(); b != nil {
		switch until, why := b.Open(); {
		case now.Before(until):
			return state{open, "its breaker is open: " + why, until}
		case !until.IsZero():
			return state{well, "its breaker lets probes through: " + why, time.Time{}}
		}
	}
	return state{kind: well}
}

// govern puts what a cluster says of its endpoints into force.
func (e *Endpoint) govern(c *Cluster) {
	e.cluster.Store(c)
	if c.rule.Breaker == nil {
		e.breaker.Store(nil)
	} else {
		b := c.rule.Breaker.WithDefaults()
		rule := breaker.Rule{Share: b.Share, Least: b.Least, Window: b.Window, Open: b.Open, Probes: b.Probes}
		if old := e.breaker.Load(); old == nil || old.Rule() != rule {
			e.breaker.Store(breaker.New(rule))
		}
	}
	if c.eject == nil {
		e.mu.Lock()
		e.health.ejected, e.health.ejections = time.Time{}, 0
		e.mu.Unlock()
		e.failures.Store(0)
	}
}

// admits says whether the endpoint's breaker lets a call through.
func (e *Endpoint) admits(now time.Time) bool {
	b := e.breaker.Load()
	return b == nil || b.Allow(now)
}

// warm is the share of calls, 0 to 1, that the endpoint gets of what it is due, if it came up lately.
func (e *Endpoint) warm(now time.Time, slow time.Duration) float64 {
	const least = 0.1
	since := e.since.Load()
	if since == 0 {
		return 1
	}
	return max(least, float64(now.UnixNano()-since)/float64(slow))
}

// mostForgiven is how many times, one after the other, calls that an endpoint has been sent may be sent again for nothing. Each time is one connection's end, say, whatever number of calls it takes.
const mostForgiven = 8

// mostFailed is how many calls in a row have failed at an endpoint of which nothing is forgiven any more.
const mostFailed = 2

// lenience is what has been forgiven of an endpoint.
type lenience struct {
	times  atomic.Int32 // since a call went well
	failed atomic.Int32 // calls in a row

	mu   sync.Mutex // guards what follows
	last time.Time  // when something was: what had been sent by then and comes back is of the same time
}

// Forgives says whether a call that the endpoint was sent at a time, and has done nothing of, may be sent again for nothing: connections of servers that are well end too, with all that
// they carry, and calls are refused by them. Those of one that fails its calls, or that does well with none, are not forgiven.
func (e *Endpoint) Forgives(sent time.Time) bool {
	l := &e.lenience
	if l.failed.Load() >= mostFailed {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !sent.After(l.last) {
		return true
	}
	if l.times.Load() >= mostForgiven {
		return false
	}
	l.times.Add(1)
	l.last = time.Now()
	return true
}

// note notes what became of a call.
func (l *lenience) note(o breaker.Outcome) {
	switch {
	case o == breaker.Failed:
		if l.failed.Load() < mostFailed {
			l.failed.Add(1)
		}
	case o == breaker.Good && (l.failed.Load() != 0 || l.times.Load() != 0):
		l.failed.Store(0)
		l.times.Store(0)
	}
}

// Over tells an endpoint that Pick gave what became of the call: whether it was answered, and what was wrong. What its
// connections told is known already.
func (e *Endpoint) Over(o breaker.Outcome, why string) {
	e.lenience.note(o)
	c, b := e.cluster.Load(), e.breaker.Load()
	if c == nil || c.eject == nil && b == nil {
		return
	}
	now := time.Now()
	if b != nil && b.Done(now, o) {
		if b.Closed() {
			e.since.Store(now.UnixNano())
		}
		c.changed()
	}
	switch {
	case c.eject == nil, o == breaker.Unknown:
	case o == breaker.Good:
		if e.failures.Load() != 0 {
			e.failures.Store(0)
		}
	case int(e.failures.Add(1)) >= c.eject.Failures:
		if c.out(e, now, fmt.Sprintf("%d calls failed in a row, the last one: %s", c.eject.Failures, why)) {
			e.failures.Store(0)
			c.changed()
		}
	}
}

// out has an endpoint get no calls for some time, unless too many are out already, or it is.
func (c *Cluster) out(e *Endpoint, now time.Time, why string) bool {
	c.changes.Lock()
	defer c.changes.Unlock()
	others := 0
	for _, other := range c.Endpoints {
		other.mu.Lock()
		if now.Before(other.health.ejected) {
			others++
		}
		other.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	h := &e.health
	if now.Before(h.ejected) || (others+1)*100 > len(c.Endpoints)*c.eject.Most {
		return false
	}
	if now.Sub(h.ejected) > c.eject.Longest {
		h.ejections = 0
	}
	h.ejections++
	h.reason = why
	h.ejected = now.Add(min(time.Duration(h.ejections)*c.eject.For, c.eject.Longest))
	e.since.Store(h.ejected.UnixNano())
	return true
}

// View is an endpoint as operators see it.
type View struct {
	Address  string     `json:"address"`
	State    string     `json:"state"` // up, warming, probing, suspect, open, unreachable
	Why      string     `json:"why,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Zone     string     `json:"zone,omitempty"`
	Priority int        `json:"priority"`
	Weight   int        `json:"weight"`
	Active   int        `json:"active"` // calls
	Open     int        `json:"connections"`
	Idle     int        `json:"idle"`

	Labels map[string]string `json:"labels,omitempty"`
}

// Views are all endpoints of the cluster, in the document's order.
func (c *Cluster) Views() []View {
	now := time.Now()
	out := make([]View, len(c.Endpoints))
	for i, e := range c.Endpoints {
		s, r := e.look(now), c.rule.Endpoints[i]
		v := View{Address: e.Address, Why: s.why, Zone: r.Zone, Priority: r.Priority, Weight: max(r.Weight, 1), Active: e.Load.Active(), Labels: r.Labels}
		v.Open, v.Idle = e.Connections()
		v.State = [...]string{well: "up", suspect: "suspect", open: "open", unreachable: "unreachable"}[s.kind]
		slow := c.rule.Health.SlowStart
		switch {
		case s.kind == well && s.why != "":
			v.State = "probing"
		case s.kind == well && slow > 0 && e.warm(now, slow) < 1:
			v.State = "warming"
			v.Why = fmt.Sprintf("it came up lately, and gets %.0f %% of its share", 100*e.warm(now, slow))
		}
		if !s.until.IsZero() {
			v.Until = &s.until
		}
		out[i] = v
	}
	return out
}
