package route

import (
	"cmp"
	"strings"

	"github.com/heddle-mesh/heddle/governance/limit"
)

// Concurrency bounds the calls under way by how long they take; governance/limit has its law. {} is all defaults.
type Concurrency struct {
	Least     int     `yaml:"min"`       // 0: 3
	Most      int     `yaml:"max"`       // 0: 1000
	Tolerance float64 `yaml:"tolerance"` // per cent that answers may take longer than the least that they have to; 0: 25
}

// Rule is that of governance/limit.
func (c *Concurrency) Rule() limit.Concurrency {
	return limit.Concurrency{Least: cmp.Or(c.Least, 3), Most: cmp.Or(c.Most, 1000), Tolerance: cmp.Or(c.Tolerance, 25)}
}

// PriorityOf is how late a call is turned away.
func (r *Route) PriorityOf(c Call) limit.Priority {
	if name, is := strings.CutPrefix(r.Priority, "header:"); is {
		v, _ := c.Header(strings.ToLower(name))
		return priority(string(v))
	}
	return priority(r.Priority)
}

func priority(name string) limit.Priority {
	switch name {
	case "low":
		return limit.Low
	case "high":
		return limit.High
	}
	return limit.Normal
}

func (c *checker) concurrency(at string, k *Concurrency) {
	if k == nil {
		return
	}
	at += ".concurrency"
	c.positive(at, field{"min", int64(k.Least)}, field{"max", int64(k.Most)})
	if r := k.Rule(); r.Least > r.Most {
		c.problem(at, "min is not above max")
	}
	if !(k.Tolerance >= 0 && k.Tolerance <= 1000) {
		c.problem(at+".tolerance", "tolerance is 0 to 1000 per cent")
	}
}

func (c *checker) priority(at string, r *Rule) {
	if r.To == nil && (r.Concurrency != nil || r.Priority != "") {
		c.problem(at, "concurrency and priority are of routes to a cluster")
	}
	c.concurrency(at, r.Concurrency)
	switch name, header := strings.CutPrefix(r.Priority, "header:"); {
	case header && name != "":
	case r.Priority != "" && r.Priority != "low" && r.Priority != "normal" && r.Priority != "high":
		c.problem(at+".priority", "a priority is low, normal, high or header:NAME, not %q", r.Priority)
	}
}
