package rpc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/limit"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// View is what operators see of where calls go.
type View struct {
	Routes   []RouteView   `json:"routes"` // in the order in which they are tried
	Clusters []ClusterView `json:"clusters"`
}

// RouteView is a route in words.
type RouteView struct {
	Name        string           `json:"name"`
	Match       string           `json:"match"` // "": every call
	Action      string           `json:"action"`
	Concurrency *ConcurrencyView `json:"concurrency,omitempty"`
	Needs       []NeedView       `json:"needs,omitempty"`
}

// ConcurrencyView is what bounds the calls under way, and how many there are.
type ConcurrencyView struct {
	Limit  int           `json:"limit"`
	Active int           `json:"active"`
	Least  time.Duration `json:"least_ns"` // that an answer takes; 0: it is not known
}

func concurrency(a *limit.Adaptive) *ConcurrencyView {
	if a == nil {
		return nil
	}
	s := a.State()
	return &ConcurrencyView{s.Limit, s.Active, s.Least}
}

// ClusterView is a cluster with its endpoints.
type ClusterView struct {
	Name        string           `json:"name"`
	Balance     string           `json:"balance"`
	Panicking   bool             `json:"panicking"` // too few are up, and checks and ejections are not asked for
	Concurrency *ConcurrencyView `json:"concurrency,omitempty"`
	Endpoints   []upstream.View  `json:"endpoints"`
	// Certificates is why certificate files that have changed are not used; "": they are, or there are none.
	Certificates string `json:"certificates,omitempty"`
}

// View is what holds now.
func (s *Server) View() *View {
	v := &View{Routes: []RouteView{}, Clusters: []ClusterView{}}
	t := s.table.Load()
	for _, r := range t.Routes() {
		v.Routes = append(v.Routes, RouteView{r.Name, matches(r), acts(r), concurrency(t.adaptive[r]), needViews(t.needs[r])})
	}
	clusters := s.clusters.Clusters()
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		c := clusters[name]
		wrong := ""
		if err := s.clusters.Certificates(name); err != nil {
			wrong = err.Error()
		}
		v.Clusters = append(v.Clusters, ClusterView{name, c.Balance(), c.Panicking(), concurrency(c.Concurrency), c.Views(), wrong})
	}
	return v
}

// matches says which calls a route is for.
func matches(r *route.Route) string {
	var parts []string
	if len(r.Listeners) > 0 {
		parts = append(parts, "at "+strings.Join(r.Listeners, "|"))
	}
	if len(r.Methods) > 0 {
		parts = append(parts, strings.Join(r.Methods, "|"))
	}
	if len(r.Hosts) > 0 {
		parts = append(parts, strings.Join(r.Hosts, "|"))
	}
	if p := r.Path; p != nil {
		switch {
		case p.Exact != "":
			parts = append(parts, p.Exact)
		case p.Prefix != "":
			parts = append(parts, strings.TrimRight(p.Prefix, "/")+"/…")
		default:
			parts = append(parts, "~"+p.Regex)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		parts = append(parts, name+": "+r.Headers[name].String())
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		parts = append(parts, "?"+name+"="+r.Query[name].String())
	}
	return strings.Join(parts, " ")
}

// acts says what becomes of them.
func acts(r *route.Route) string {
	switch {
	case r.Respond != nil:
		return fmt.Sprintf("respond %d", r.Respond.Status)
	case r.Redirect != nil:
		return "redirect"
	case len(r.To) == 1:
		return r.To[0].Cluster
	}
	var parts []string
	for _, s := range r.To {
		parts = append(parts, fmt.Sprintf("%s %d", s.Cluster, s.Weight))
	}
	return strings.Join(parts, ", ")
}
