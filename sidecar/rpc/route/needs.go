package route

import (
	"time"
)

// Need is a data source that the calls by a route ask for rows: while it is slow or not there, fewer of them are let in. A plain text is its name.
type Need struct {
	DataSource string        `yaml:"data_source"`
	Slow       time.Duration `yaml:"slow"` // it is slow while its answers, with the wait for a connection, take longer than this on average; 0: only a source that is not there counts
}

// UnmarshalYAML takes a name alone too.
func (n *Need) UnmarshalYAML(decode func(any) error) error {
	if decode(&n.DataSource) == nil {
		return nil
	}
	type plain Need
	return decode((*plain)(n))
}

func (c *checker) needs(at string, r *Rule) {
	if len(r.Needs) > 0 && r.To == nil {
		c.problem(at+".needs", "needs are of routes to a cluster")
	}
	names := map[string]bool{}
	for _, n := range r.Needs {
		switch {
		case n.DataSource == "":
			c.problem(at+".needs", "a need names a data source")
		case names[n.DataSource]:
			c.problem(at+".needs", "the data source %s is named twice", n.DataSource)
		case n.Slow < 0:
			c.problem(at+".needs", "slow is not below 0")
		}
		names[n.DataSource] = true
	}
}
