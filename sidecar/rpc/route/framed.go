package route

import "strings"

// framedNames are the protocols of frames as people write them.
var framedNames = map[string]string{Bolt: "Bolt", Dubbo: "Dubbo"}

// protocol checks what a cluster's servers speak.
func (c *checker) protocol(at string, cl *Cluster) {
	switch cl.Protocol {
	case "", HTTP1, HTTP2:
	case Bolt, Dubbo:
		if k := cl.Health.Check; k != nil && (k.Path != "" || k.Host != "" || k.Status != nil) {
			c.problem(at+".health.check", "servers of %s are checked by heartbeats: path, host and status are HTTP's", framedNames[cl.Protocol])
		}
	default:
		c.problem(at+".protocol", "the protocol %q is none of http1, http2, bolt and dubbo", cl.Protocol)
	}
}

// framed checks a route to clusters that speak Bolt or Dubbo: all of them do, and it asks for nothing that only calls by HTTP have.
func (c *checker) framed(at string, r *Rule, d *Document) {
	var protocol, cluster string
	for _, s := range r.To {
		if cl := d.Clusters[s.Cluster]; cl != nil && Framed(cl.Protocol) {
			protocol, cluster = cl.Protocol, s.Cluster
		}
	}
	if protocol == "" {
		return
	}
	name, method := framedNames[protocol], strings.ToUpper(protocol)
	for _, s := range r.To {
		if cl := d.Clusters[s.Cluster]; cl != nil && cl.Protocol != protocol {
			c.problem(at+".to", "the cluster %s speaks %s, and %s does not: no call can go to both", cluster, name, s.Cluster)
		}
	}
	for _, f := range []struct {
		name string
		is   bool
	}{
		{"hosts", len(r.Hosts) > 0}, {"query", len(r.Query) > 0}, {"retry", r.Retry != nil}, {"mirror", r.Mirror != nil}, {"hedge", r.Hedge != nil}, {"rewrite", r.Rewrite != (Rewrite{})},
		{"response_headers", r.Response.Set != nil || r.Response.Remove != nil},
	} {
		if f.is {
			c.problem(at+"."+f.name, "calls by %s, which the cluster %s speaks, have no %s", name, cluster, f.name)
		}
	}
	for _, m := range r.Methods {
		if m != method {
			c.problem(at+".methods", "calls by %s, which the cluster %s speaks, have the method %s", name, cluster, method)
		}
	}
}
