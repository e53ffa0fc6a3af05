package rpc

import (
	"fmt"
	"net/http"
	"time"

	"github.com/heddle-mesh/heddle/governance/limit"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// place is what a call takes of what may be under way, of its route and of its cluster.
type place struct {
	of     [2]*limit.Adaptive // nil: there is no bound
	began  time.Time
	answer time.Time // when one has begun; the zero time: none has
}

// enter takes the call's place, or is the failure of one that is turned away.
func (x *call) enter() *failure {
	of := [2]*limit.Adaptive{1: x.cluster.Concurrency}
	if x.route.Concurrency != nil {
		of[0] = x.table.adaptive[x.route]
	}
	if of[0] == nil && of[1] == nil {
		return nil
	}
	p := x.route.PriorityOf(x.fields)
	for i, a := range of {
		if a == nil || a.Enter(p) {
			continue
		}
		if i == 1 && of[0] != nil {
			of[0].Forget()
		}
		x.done.Shed = priorityNames[p]
		return &failure{status: http.StatusServiceUnavailable, why: fmt.Sprintf("as many calls are under way as answers take long for (%d), for one of %s priority", a.State().Limit, x.done.Shed)}
	}
	x.place = place{of: of, began: time.Now()}
	return nil
}

var priorityNames = map[limit.Priority]string{limit.Low: "low", limit.Normal: "normal", limit.High: "high"}

// leave gives the call's place back. An answer says how long one takes, and so does it that none came in time.
func (x *call) leave() {
	p := &x.place
	for _, a := range p.of {
		if a == nil {
			continue
		}
		now := time.Now()
		switch {
		case !p.answer.IsZero():
			a.Leave(p.began, p.answer.Sub(p.began), now)
		case x.done.Status == http.StatusGatewayTimeout && x.done.Endpoint != "":
			a.Leave(p.began, now.Sub(p.began), now)
		default:
			a.Forget()
		}
	}
	p.of = [2]*limit.Adaptive{}
}

// adaptive are the bounds of a table's routes; they go on as before where the table before had the same.
func adaptive(t *route.Table, before *routed) map[*route.Route]*limit.Adaptive {
	out, had := map[*route.Route]*limit.Adaptive{}, map[string]*limit.Adaptive{}
	if before != nil {
		for old, a := range before.adaptive {
			had[old.Name] = a
		}
	}
	for _, r := range t.Routes() {
		if r.Concurrency == nil {
			continue
		}
		if out[r] = limit.NewAdaptive(r.Concurrency.Rule()); had[r.Name] != nil && had[r.Name].Rule() == out[r].Rule() {
			out[r] = had[r.Name]
		}
	}
	return out
}
