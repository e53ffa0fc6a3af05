package route

// protocol checks what a cluster's servers speak.
func (c *checker) protocol(at string, cl *Cluster) {
	switch cl.Protocol {
	case "", HTTP1, HTTP2:
	case Bolt:
		if k := cl.Health.Check; k != nil && (k.Path != "" || k.Host != "" || k.Status != nil) {
			c.problem(at+".health.check", "servers of Bolt are checked by heartbeats: path, host and status are HTTP's")
		}
	default:
		c.problem(at+".protocol", "the protocol %q is none of http1, http2 and bolt", cl.Protocol)
	}
}

// bolt checks a route to clusters that speak Bolt: all of them do, and it asks for nothing that only calls by HTTP have.
func (c *checker) bolt(at string, r *Rule, d *Document) {
	bolt, other := "", ""
	for _, s := range r.To {
		switch cl := d.Clusters[s.Cluster]; {
		case cl == nil:
		case cl.Protocol == Bolt:
			bolt = s.Cluster
		default:
			other = s.Cluster
		}
	}
	if bolt == "" {
		return
	}
	if other != "" {
		c.problem(at+".to", "the cluster %s speaks Bolt, and %s does not: no call can go to both", bolt, other)
	}
	for _, f := range []struct {
		name string
		is   bool
	}{
		{"hosts", len(r.Hosts) > 0}, {"query", len(r.Query) > 0}, {"retry", r.Retry != nil}, {"mirror", r.Mirror != nil}, {"hedge", r.Hedge != nil}, {"rewrite", r.Rewrite != (Rewrite{})},
		{"response_headers", r.Response.Set != nil || r.Response.Remove != nil},
	} {
		if f.is {
			c.problem(at+"."+f.name, "calls by Bolt, which the cluster %s speaks, have no %s", bolt, f.name)
		}
	}
	for _, m := range r.Methods {
		if m != "BOLT" {
			c.problem(at+".methods", "calls by Bolt, which the cluster %s speaks, have the method BOLT", bolt)
		}
	}
}
