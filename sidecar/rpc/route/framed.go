package route

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// framedName is a protocol of frames as people write it.
func framedName(protocol string) string {
	return cmp.Or(map[string]string{Bolt: "Bolt", Dubbo: "Dubbo", TCP: "TCP"}[protocol], protocol)
}

// FramedMethod is what routes have for the method of calls by a protocol of frames.
func FramedMethod(protocol string) string { return strings.ToUpper(protocol) }

// protocols makes those that the document describes ready, or has them as they were found right. What else there is may be new.
func (c *checker) protocols(d *Document) {
	d.described = make(map[string]*xprotocol.Protocol, len(d.Protocols))
	for _, name := range slices.Sorted(maps.Keys(d.Protocols)) {
		at := fmt.Sprintf("$.protocols.'%s'", name)
		p := c.described[name]
		if p == nil {
			p = c.describe(at, name, d.Protocols[name])
		}
		if p == nil {
			continue
		}
		for _, other := range slices.Sorted(maps.Keys(d.described)) {
			if d.described[other].MayCollide(p.Magic()) {
				c.problem(at+".magic", "what begins so may be a frame of %s", other)
			}
		}
		for _, cl := range slices.Sorted(maps.Keys(d.Clusters)) {
			if known := d.Clusters[cl]; known != nil && p.MayCollide(magics[known.Protocol]) && magics[known.Protocol] != nil {
				c.problem(at+".magic", "what begins so may be a frame of %s, which the cluster %s speaks", framedName(known.Protocol), cl)
			}
		}
		d.described[name] = p
	}
}

// describe makes one ready; nil: it is wrong.
func (c *checker) describe(at, name string, rule *xprotocol.Rule) *xprotocol.Protocol {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		c.problem(at, "the name of a protocol has letters from a to z, figures and -")
	}
	if slices.Contains([]string{HTTP1, HTTP2, GRPC, Bolt, Dubbo, TCP}, name) {
		c.problem(at, "the protocol %s needs no description", name)
		return nil
	}
	if rule == nil {
		c.problem(at, "the protocol %s is not described", name)
		return nil
	}
	p, problems := xprotocol.Compile(name, *rule)
	for _, one := range problems {
		c.problem(at+one.At, "%s", one.Message)
	}
	return p
}

// magics are by what frames begin whose protocols need no description.
var magics = map[string][]byte{Bolt: {bolt.V1}, Dubbo: {dubbo.Magic0}}

// protocol checks what a cluster's servers speak.
func (c *checker) protocol(at string, cl *Cluster, d *Document) {
	switch cl.Protocol {
	case "", HTTP1, HTTP2:
		return
	case Bolt, Dubbo, TCP:
	default:
		if _, described := d.Protocols[cl.Protocol]; !described {
			c.problem(at+".protocol", "the protocol %q is none of http1, http2, bolt, dubbo and tcp, nor is it described", cl.Protocol)
			return
		}
		if p := d.described[cl.Protocol]; cl.Described != p { // documents may share the cluster, and calls ask it already
			cl.Described = p
		}
	}
	by := "heartbeats"
	if cl.Protocol == TCP {
		by = "a connection"
	}
	if k := cl.Health.Check; k != nil && (k.Path != "" || k.Host != "" || k.Status != nil) {
		c.problem(at+".health.check", "servers of %s are checked by %s: path, host and status are HTTP's", framedName(cl.Protocol), by)
	}
}

// framed checks a route to clusters that speak a protocol of frames: all of them do, and it asks for nothing that only calls by HTTP have.
func (c *checker) framed(at string, r *Rule, d *Document) {
	var protocol, cluster string
	for _, s := range r.To {
		if cl := d.cluster(s.Cluster); cl != nil && !HTTP(cl.Protocol) {
			protocol, cluster = cl.Protocol, s.Cluster
		}
	}
	if protocol == "" {
		return
	}
	name, method := framedName(protocol), FramedMethod(protocol)
	for _, s := range r.To {
		if cl := d.cluster(s.Cluster); cl != nil && cl.Protocol != protocol {
			c.problem(at+".to", "the cluster %s speaks %s, and %s does not: no call can go to both", cluster, name, s.Cluster)
		}
	}
	whole := protocol == TCP // connections, of which nothing is known but their listener
	mute := whole || d.described[protocol] != nil && !d.described[protocol].Tells()
	for _, f := range []struct {
		name string
		is   bool
	}{
		{"hosts", len(r.Hosts) > 0}, {"query", len(r.Query) > 0}, {"mirror", r.Mirror != nil}, {"hedge", r.Hedge != nil}, {"rewrite", r.Rewrite != (Rewrite{})},
		{"response_headers", !r.Response.Empty()}, {"request_headers.add", r.Request.Add != nil},
		{"headers", mute && r.Headers != nil}, {"request_headers", mute && !r.Request.Empty()}, {"subset_by", mute && r.SubsetBy != ""}, {"colour", mute && r.Colour != nil},
		{"retry", whole && r.Retry != nil}, {"fault", whole && r.Fault != nil},
	} {
		if f.is {
			c.problem(at+"."+f.name, "calls by %s, which the cluster %s speaks, have no %s", name, cluster, f.name)
		}
	}
	if y := r.Retry; y != nil {
		if y.Methods == nil && (y.When.Reset || y.When.Timeout) {
			c.problem(at+".retry", "calls by %s are tried again upon reset and timeout where methods: [%s] declares that they may be repeated", name, method)
		}
		for _, m := range y.Methods {
			if m != method {
				c.problem(at+".retry.methods", "calls by %s, which the cluster %s speaks, have the method %s", name, cluster, method)
			}
		}
	}
	for _, m := range r.Methods {
		if m != method {
			c.problem(at+".methods", "calls by %s, which the cluster %s speaks, have the method %s", name, cluster, method)
		}
	}
}
