package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// byColour is Rule.SubsetBy where the colour of a call is the name of its subset.
const byColour = "colour"

// Has says whether an endpoint has all those labels.
func (e *Endpoint) Has(labels map[string]string) bool {
	for name, value := range labels {
		if had, ok := e.Labels[name]; !ok || had != value {
			return false
		}
	}
	return true
}

// Subset is the name of the subset that a call of that colour asks for; "": it asks for none.
func (r *Route) Subset(c Call, colour string) string {
	switch {
	case r.SubsetBy == byColour:
		return colour
	case r.subsetBy == "":
		return ""
	}
	v, _ := c.Header(r.subsetBy)
	return string(v)
}

// cluster is the cluster that a name means, or of which it means a subset; nil: there is none.
func (d *Document) cluster(name string) *Cluster {
	cluster, subset, part := strings.Cut(name, "/")
	cl := d.Clusters[cluster]
	if cl == nil || part && cl.Subsets[subset] == nil {
		return nil
	}
	return cl
}

// subsets checks those of a cluster.
func (c *checker) subsets(at, name string, cl *Cluster) {
	if strings.Contains(name, "/") {
		c.problem(at, "the name of a cluster has no /: behind it is that of a subset")
	}
	for _, subset := range slices.Sorted(maps.Keys(cl.Subsets)) {
		at := fmt.Sprintf("%s.subsets.'%s'", at, subset)
		if subset == "" || strings.Contains(subset, "/") {
			c.problem(at, "the name of a subset is not empty, and has no /")
		}
		if len(cl.Subsets[subset]) == 0 {
			c.problem(at, "the subset %s has no labels: it would be the cluster", subset)
		}
	}
}

// subsetBy checks by what calls of a route choose a subset.
func (c *checker) subsetBy(at string, r *Rule, d *Document) {
	if r.SubsetBy == "" {
		return
	}
	if r.To == nil {
		c.problem(at+".subset_by", "subsets are of clusters: give to")
	}
	if name, is := strings.CutPrefix(r.SubsetBy, "header:"); (!is || name == "") && r.SubsetBy != byColour {
		c.problem(at+".subset_by", "a subset is chosen by colour or header:NAME, not %q", r.SubsetBy)
	}
	for _, s := range r.To {
		if cl := d.cluster(s.Cluster); cl != nil && len(cl.Subsets) > 0 {
			return
		}
	}
	if r.To != nil {
		c.problem(at+".subset_by", "none of its clusters has subsets")
	}
}

// fallback checks which cluster stands in for another.
func (c *checker) fallback(at string, cl *Cluster, d *Document) {
	if cl.Fallback == "" {
		return
	}
	switch to := d.cluster(cl.Fallback); {
	case to == nil:
		c.problem(at, "there is no cluster %s", cl.Fallback)
	case to.Fallback != "":
		c.problem(at, "the cluster %s has a fallback itself: calls fall back once", cl.Fallback)
	case cmp.Or(to.Protocol, HTTP1) != cmp.Or(cl.Protocol, HTTP1):
		c.problem(at, "the cluster %s speaks another protocol", cl.Fallback)
	}
}
