package route

// Mirror has copies of a route's calls go to another cluster, whose answers nobody waits for.
type Mirror struct {
	Cluster string   `yaml:"cluster"`
	Percent *float64 `yaml:"percent"`  // of the calls, by chance; nil: 100
	MaxBody int      `yaml:"max_body"` // bytes; a call with a longer body is not mirrored. 0: 65536
}

// DefaultMirrored is Mirror.MaxBody where it says nothing, and most what it may say.
const (
	DefaultMirrored = 64 << 10
	MostMirrored    = 1 << 20
)

// Mirrored says by chance whether a call has a copy.
func (r *Route) Mirrored() bool { return r.Mirror != nil && falls(r.Mirror.Percent) }

func (c *checker) mirror(at string, r *Rule, d *Document) {
	m := r.Mirror
	if m == nil {
		return
	}
	at += ".mirror"
	if r.To == nil {
		c.problem(at, "mirrors are of routes to a cluster")
	}
	switch cl := d.cluster(m.Cluster); {
	case cl == nil:
		c.problem(at+".cluster", "there is no cluster %s", m.Cluster)
	case !HTTP(cl.Protocol):
		c.problem(at+".cluster", "the cluster %s speaks %s, whose calls are not mirrored", m.Cluster, framedName(cl.Protocol))
	}
	if m.MaxBody < 0 || m.MaxBody > MostMirrored {
		c.problem(at+".max_body", "max_body is a number of bytes from 0 to %d", MostMirrored)
	}
	c.share(at, m.Percent)
}
