// Package upstream keeps the servers that calls go to: clusters of endpoints, which of them are well, whom a call goes to, and the
// connections to each. Its connections carry one call at a time, or many where their protocol can; what is said on them is another's business. Level: sidecar/rpc.
package upstream

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
)

// Set is all clusters of a table of routes. Endpoints that two tables have in common keep their connections.
type Set struct {
	zone      string // where this process runs; "": nobody has said
	mu        sync.Mutex
	clusters  map[string]*Cluster
	subsets   map[string]*Cluster          // of them, by CLUSTER/SUBSET
	rules     map[string]*route.Cluster    // as adopted
	found     map[string][]*route.Endpoint // by cluster
	endpoints map[key]*Endpoint
	secure    map[string]*secure.Outgoing // by cluster
	checks    sync.WaitGroup
	over      bool // nothing is checked any more
}

// key is what tells endpoints apart: clusters do not share connections, their limits differ; nor do those that are spoken with
// in another way than before.
type key struct{ cluster, address, way string }

// New returns a set without a cluster. zone is where this process runs; "": nobody has said.
func New(zone string) *Set {
	return &Set{zone: zone, clusters: map[string]*Cluster{}, found: map[string][]*route.Endpoint{}, endpoints: map[key]*Endpoint{}}
}

// Cluster is the cluster of that name.
func (s *Set) Cluster(name string) *Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clusters[name]; c != nil {
		return c
	}
	return s.subsets[name]
}

// Subset is the part of a cluster, or of the cluster that a part is of, that has the name; nil: it has no such endpoints.
func (s *Set) Subset(cluster, name string) *Cluster {
	cluster, _, _ = strings.Cut(cluster, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.subsets[cluster+"/"+name]; c != nil && len(c.Endpoints) > 0 {
		return c
	}
	return nil
}

// Clusters are all, by name; the caller owns the map.
func (s *Set) Clusters() map[string]*Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.clusters)
}

// Certificates is what is wrong with the changed certificate files of a cluster, whose files of before serve; nil: nothing.
func (s *Set) Certificates(cluster string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.secure[cluster]; o != nil {
		return o.Wrong()
	}
	return nil
}

// Adopt makes the clusters be those. Calls under way go on where they are; an endpoint that is left by all ends when they have.
func (s *Set) Adopt(clusters map[string]*route.Cluster) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.adopt(clusters); err != nil {
		return err
	}
	s.rules = clusters
	return nil
}

// Found makes a cluster's endpoints be those, beside the ones that its rule names.
func (s *Set) Found(cluster string, endpoints []*route.Endpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.found[cluster]
	s.found[cluster] = endpoints
	err := s.adopt(s.rules)
	if err != nil && known {
		s.found[cluster] = before
	} else if err != nil {
		delete(s.found, cluster)
	}
	return err
}

// with is a cluster's rule with the endpoints that were found for it. mu is held.
func (s *Set) with(name string, rule *route.Cluster) *route.Cluster {
	if rule.Discover == nil {
		return rule
	}
	all, named := *rule, map[string]bool{}
	all.Endpoints = slices.Clone(rule.Endpoints)
	for _, e := range all.Endpoints {
		named[e.Address] = true
	}
	for _, e := range s.found[name] {
		if !named[e.Address] {
			named[e.Address] = true
			all.Endpoints = append(all.Endpoints, e)
		}
	}
	return &all
}

// adopt makes the clusters be those, with what was found for them. mu is held.
func (s *Set) adopt(clusters map[string]*route.Cluster) error {
	next, kept, subsets := map[string]*Cluster{}, map[key]*Endpoint{}, map[string]*Cluster{}
	encrypted := map[string]*secure.Outgoing{}
	for name, rule := range clusters {
		rule = s.with(name, rule)
		if t := rule.TLS; t != nil {
			o, err := secure.NewOutgoing(secure.Files{Authorities: t.CA, Chain: t.Cert, Key: t.Key, Name: t.ServerName, Identities: t.Identities, HTTP2: rule.Protocol == route.HTTP2, Unnamed: !route.HTTP(rule.Protocol)})
			if err != nil {
				return fmt.Errorf("cluster %s: %w", name, err)
			}
			encrypted[name] = o
		}
		c := newCluster(name, s.zone, rule, s.clusters[name])
		for _, r := range rule.Endpoints {
			k := key{name, r.Address, fmt.Sprint(rule.TLS, rule.Protocol)}
			e := s.endpoints[k]
			if e == nil {
				e = &Endpoint{Address: r.Address, Load: &balance.Load{}, shares: shares{vacant: make(chan struct{}, 1)}}
				if s.clusters[name] != nil { // it has joined one that has been at work
					e.since.Store(time.Now().UnixNano())
				}
			}
			kept[k] = e
			c.Endpoints = append(c.Endpoints, e)
		}
		c.divide()
		if err := c.refresh(time.Now()); err != nil {
			return fmt.Errorf("cluster %s: %w", name, err)
		}
		next[name] = c
		for _, part := range c.subsets {
			subsets[part.Name] = part
		}
	}
	for k, e := range kept {
		rule := clusters[k.cluster]
		e.set(limits{
			connect: cmp.Or(rule.ConnectTimeout, time.Second), idle: cmp.Or(rule.IdleTimeout, time.Minute),
			most: cmp.Or(rule.MaxConnections, 1024), pending: cmp.Or(rule.MaxPending, 1024),
		}, encrypted[k.cluster])
		e.govern(next[k.cluster])
		s.check(e, rule.Health.Check)
	}
	for k, e := range s.endpoints {
		if kept[k] == nil {
			s.check(e, nil)
			e.set(limits{}, nil)
		}
	}
	for _, c := range next {
		c.changed() // by what governs its endpoints now
	}
	s.clusters, s.subsets, s.endpoints, s.secure = next, subsets, kept, encrypted
	return nil
}

// Run ends connections that nothing has used for their cluster's idle_timeout, and reads certificates again that have changed,
// until done is closed; then it ends all that are idle, and all checks. What is wrong with certificates is told to complain; those of before stay.
func (s *Set) Run(done <-chan struct{}, complain func(cluster string, err error)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-tick.C:
		}
		s.mu.Lock()
		all, encrypted := maps.Clone(s.endpoints), s.secure
		s.mu.Unlock()
		for name, o := range encrypted {
			if _, err := o.Refresh(); err != nil {
				complain(name, err)
			}
		}
		for _, e := range all {
			if over {
				e.set(limits{}, nil)
			}
			e.reap(time.Now())
		}
	}
	s.mu.Lock()
	s.over = true
	for _, e := range s.endpoints {
		s.check(e, nil)
	}
	s.mu.Unlock()
	s.checks.Wait()
}
