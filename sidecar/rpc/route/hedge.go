package route

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/hedge"
)

// Hedge has a call that takes long be sent to another server beside the first; the answer that begins first is the call's.
type Hedge struct {
	After    time.Duration `yaml:"after"`    // what takes longer; 0: as Quantile says
	Quantile float64       `yaml:"quantile"` // per cent of the route's calls of late that took less long; 0: 95
	Percent  *int          `yaml:"percent"`  // of the calls that may be sent twice; nil: 10
	Methods  []string      `yaml:"methods"`  // that may be; none: those that change nothing (RFC 9110, section 9.2.1)
}

// Rule is that of governance/hedge.
func (h *Hedge) Rule() hedge.Rule {
	r := hedge.Rule{After: h.After, Percent: 10}
	if h.After == 0 {
		r.Quantile = cmp.Or(h.Quantile, 95)
	}
	if h.Percent != nil {
		r.Percent = *h.Percent
	}
	return r
}

// Of says whether calls of that method are hedged.
func (h *Hedge) Of(method []byte) bool {
	if h.Methods != nil {
		return slices.ContainsFunc(h.Methods, func(m string) bool { return m == string(method) })
	}
	switch string(method) {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

func (c *checker) hedge(at string, r *Rule) {
	h := r.Hedge
	if h == nil {
		return
	}
	at += ".hedge"
	if r.To == nil {
		c.problem(at, "hedges are of routes to a cluster")
	}
	c.positive(at, field{"after", int64(h.After)})
	switch {
	case h.After != 0 && h.Quantile != 0:
		c.problem(at, "a hedge has one of after and quantile")
	case !(h.Quantile >= 0 && h.Quantile < 100):
		c.problem(at+".quantile", "a quantile is above 0 and below 100 per cent")
	}
	if h.Percent != nil {
		c.percent(at, "percent", *h.Percent)
	}
	for _, m := range h.Methods {
		if m != strings.ToUpper(m) || m == "" {
			c.problem(at+".methods", "the method %q is not in capitals", m)
		}
	}
}
