package rpc

import (
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/governance/hedge"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// hedging is what a call knows of a second server beside the first. The zero value has none.
type hedging struct {
	by    *hedge.Hedge // nil: the call is sent to one at a time
	began time.Time    // when the server could begin to answer: all of a body had been sent then
}

// hedged has the call be sent to a second server, if the route says so.
func (x *call) hedged() {
	h := x.route.Hedge
	if h == nil || !h.Of(x.method) {
		return
	}
	x.hedging = hedging{x.table.hedges[x.route], time.Now()}
	x.hedging.by.First()
}

// heard notes that an answer has begun.
func (x *call) heard() {
	now := time.Now()
	x.place.answer = now
	if h := x.hedging.by; h != nil {
		h.Took(now, now.Sub(x.hedging.began))
	}
}

// patience is until when the first server alone is waited for that has all of the call since a time; false: until the end of the call's time.
func (x *call) patience(since time.Time) (until time.Time, ok bool) {
	h := x.hedging.by
	if h == nil || x.done.Hedged {
		return time.Time{}, false
	}
	after := h.After()
	until = since.Add(after)
	return until, after > 0 && until.Before(x.tryBy)
}

// second is another endpoint than the one that has the call; nil: there is none, or no budget, neither of hedges nor of the cluster, whose servers get no more by them than by what is tried again.
func (x *call) second() *upstream.Endpoint {
	e := x.cluster.Pick(append(slices.Clone(x.tried), x.at))
	if e == nil {
		return nil
	}
	if !x.hedging.by.Again() || !x.cluster.Budget.Again(time.Now()) {
		e.Over(breaker.Unknown, "")
		return nil
	}
	x.done.Hedged = true
	return e
}

// beside takes the place of the endpoint that has the call: the second has answered, or the first has failed.
func (x *call) beside(e *upstream.Endpoint, f *failure) {
	if f != nil {
		x.tell(f)
	} else {
		x.at.Over(breaker.Unknown, "") // it may still be at work
	}
	x.at, x.done.Endpoint = e, e.Address
}

// hedges are those of a table's routes; they go on as before where the table before had the same.
func hedges(t *route.Table, before *routed) map[*route.Route]*hedge.Hedge {
	out, had := map[*route.Route]*hedge.Hedge{}, map[string]*hedge.Hedge{}
	if before != nil {
		for old, h := range before.hedges {
			had[old.Name] = h
		}
	}
	for _, r := range t.Routes() {
		if r.Hedge == nil {
			continue
		}
		if out[r] = hedge.New(r.Hedge.Rule()); had[r.Name] != nil && had[r.Name].Rule() == out[r].Rule() {
			out[r] = had[r.Name]
		}
	}
	return out
}
