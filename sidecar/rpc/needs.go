package rpc

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/limit"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// Condition is how a data source that calls may need has done since the server was told last.
type Condition struct {
	Down string        // why it lets nobody in; "": it does
	Took time.Duration // its answers on average, with the wait for a connection; 0: it was not asked
}

// need lets fewer calls of a route in while a data source does badly.
type need struct {
	route.Need
	share *limit.Share
	why   atomic.Pointer[string] // it does; nil: it does not
}

// needing are the needs of a table's routes; they go on as before where the table before had the same.
func needing(t *route.Table, before *routed) map[*route.Route][]*need {
	out, had := map[*route.Route][]*need{}, map[string][]*need{}
	if before != nil {
		for old, needs := range before.needs {
			had[old.Name] = needs
		}
	}
	for _, r := range t.Routes() {
		for _, n := range r.Needs {
			is := &need{Need: n, share: limit.NewShare()}
			if i := slices.IndexFunc(had[r.Name], func(old *need) bool { return old.Need == n }); i >= 0 {
				is = had[r.Name][i]
			}
			out[r] = append(out[r], is)
		}
	}
	return out
}

// Needs says whether any route names a data source that its calls need.
func (s *Server) Needs() bool { return len(s.table.Load().needs) > 0 }

// Tell tells of the data sources, by name, about once a second: by that calls are let in that need them.
func (s *Server) Tell(of map[string]Condition) {
	for _, needs := range s.table.Load().needs {
		for _, n := range needs {
			c, known := of[n.DataSource]
			n.told(c, known)
		}
	}
}

func (n *need) told(c Condition, known bool) {
	why := ""
	switch {
	case !known:
		why = "no data source of this instance is called so"
		n.share.Told(true) // its statements go elsewhere
	case c.Down != "":
		why = "it is down: " + c.Down
		n.share.Gone()
	case n.Slow > 0 && c.Took > n.Slow:
		why = fmt.Sprintf("its answers take %v", c.Took.Round(time.Millisecond))
		n.share.Told(false)
	default:
		n.share.Told(true)
		if n.share.Of() < 1 {
			why = "it did badly until just now"
		}
	}
	if why == "" {
		n.why.Store(nil)
	} else {
		n.why.Store(&why)
	}
}

// starved is the failure of a call that is turned away for what a data source can take that it needs; nil: it may go on.
func (x *call) starved() *failure {
	if len(x.route.Needs) == 0 {
		return nil
	}
	p, now := x.route.PriorityOf(x.fields), time.Now()
	for _, n := range x.table.needs[x.route] {
		if n.share.Admit(p, now) {
			continue
		}
		why := ""
		if w := n.why.Load(); w != nil {
			why = ": " + *w
		}
		x.done.Shed = priorityNames[p]
		return &failure{status: http.StatusServiceUnavailable, why: "the data source " + n.DataSource + ", which the route needs, can take no more calls" + why, after: time.Second}
	}
	return nil
}

// NeedView is what operators see of a route's need.
type NeedView struct {
	DataSource string  `json:"data_source"`
	Share      float64 `json:"share"` // of calls that are let in
	Why        string  `json:"why,omitempty"`
}

func needViews(needs []*need) []NeedView {
	var out []NeedView
	for _, n := range needs {
		v := NeedView{DataSource: n.DataSource, Share: n.share.Of()}
		if why := n.why.Load(); why != nil {
			v.Why = *why
		}
		out = append(out, v)
	}
	return out
}
