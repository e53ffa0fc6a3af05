// Package replica decides which replica of a data source answers a read: who may be read is told it from outside (Set.Update), a
// balancer chooses, and what the user has written before must be there (User). It opens no connection and asks no server; the
// session does, and tells how it went. Level: proxy, below proxy/session; it knows governance/balance and nothing else of
// governance.
package replica

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/internal/gtid"
)

// Writes is how a user is kept from missing what he wrote.
type Writes uint8

// The ways.
const (
	ByGTID Writes = iota // a replica has to have it
	ByLag                // for as long as a replica may be late the primary is read
	Never                // he is not
)

// Policy is what the rules say of a data source.
type Policy struct {
	Reads       bool // replicas are read; else only where a hint says so
	Balancer    string
	Zone        string // the process's own
	Writes      Writes
	MaxLag      time.Duration
	ErrorIfNone bool
	// FailoverWait is how long a statement waits for a server that takes writes.
	FailoverWait time.Duration
}

// Server is a replica that may be read.
type Server struct {
	Endpoint string // name of its pool
	Zone     string
	Weight   int
	Applied  gtid.Position // what it has at the least
}

// Update is what is known of a data source now.
type Update struct {
	DataSource string
	Policy     Policy
	Servers    []Server      // that may be read
	Written    gtid.Position // what the primary had written when it was asked at Asked; both zero where it does not answer
	Asked      time.Time
}

// Set is all data sources with replicas. It is safe for concurrent use.
type Set struct {
	groups atomic.Pointer[map[string]*Group] // never changed in place

	mu        sync.Mutex // guards what follows, and the replacement of groups
	endpoints map[string]*Endpoint
	users     map[string]*User
}

// NewSet returns a Set without data sources.
func NewSet() *Set {
	s := &Set{endpoints: map[string]*Endpoint{}, users: map[string]*User{}}
	s.groups.Store(&map[string]*Group{})
	return s
}

// Any reports whether there is a data source with replicas.
func (s *Set) Any() bool { return len(*s.groups.Load()) > 0 }

// Group is the data source's; nil where it has no replicas.
func (s *Set) Group(dataSource string) *Group { return (*s.groups.Load())[dataSource] }

// Update puts into force what is known of a data source.
func (s *Set) Update(u Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.Group(u.DataSource)
	g := &Group{policy: u.Policy, written: u.Written, asked: u.Asked}
	var among []balance.Endpoint
	for _, server := range u.Servers {
		e := s.endpoints[server.Endpoint]
		if e == nil {
			e = &Endpoint{Name: server.Endpoint}
			s.endpoints[server.Endpoint] = e
		}
		if was.contains(e) {
			e.Has(server.Applied)
		} else {
			e.reset(server.Applied) // it was away, and may have been made anew from something older
		}
		g.endpoints, g.weights = append(g.endpoints, e), append(g.weights, server.Weight)
		among = append(among, balance.Endpoint{Name: e.Name, Zone: server.Zone, Weight: server.Weight, Load: &e.load})
	}
	switch {
	case len(among) == 0:
	case was != nil && was.sameServers(g):
		g.picker = was.picker
	default:
		var err error
		if g.picker, err = newPicker(u.Policy, among); err != nil {
			return fmt.Errorf("replicas of %s: %w", u.DataSource, err)
		}
	}
	next := maps.Clone(*s.groups.Load())
	next[u.DataSource] = g
	s.groups.Store(&next)
	return nil
}

func newPicker(p Policy, among []balance.Endpoint) (balance.Picker, error) {
	var properties balance.Properties
	if p.Balancer == "zone_first" {
		properties = balance.Properties{"zone": p.Zone}
	}
	return balance.New(p.Balancer, properties, among)
}

// Forget takes a data source away.
func (s *Set) Forget(dataSource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(*s.groups.Load())
	delete(next, dataSource)
	s.groups.Store(&next)
}

// User is what is remembered of a user's writes, one for all of his connections.
func (s *Set) User(name string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[name]
	if u == nil {
		u = &User{set: s}
		u.marks.Store(&map[string]*mark{})
		s.users[name] = u
	}
	return u
}

// Group are the replicas of a data source that may be read now. It does not change.
type Group struct {
	policy    Policy
	endpoints []*Endpoint
	weights   []int
	picker    balance.Picker // nil: there are none
	written   gtid.Position
	asked     time.Time
}

func (g *Group) contains(e *Endpoint) bool { return g != nil && slices.Contains(g.endpoints, e) }

func (g *Group) sameServers(o *Group) bool {
	if g.policy != o.policy || len(g.endpoints) != len(o.endpoints) || g.picker == nil {
		return false
	}
	for i := range g.endpoints {
		if g.endpoints[i] != o.endpoints[i] || g.weights[i] != o.weights[i] {
			return false
		}
	}
	return true
}

// Policy is what the rules say.
func (g *Group) Policy() *Policy { return &g.policy }

// Len is how many there are.
func (g *Group) Len() int { return len(g.endpoints) }

// Pick chooses one, the i-th of an attempt: the balancer's choice first, then any other. Nil: there are no more.
func (g *Group) Pick(i int, before *Endpoint) *Endpoint {
	if i == 0 && g.picker != nil {
		return g.endpoints[g.picker.Pick()]
	}
	for k, e := range g.endpoints {
		if e == before && len(g.endpoints) > i {
			return g.endpoints[(k+1)%len(g.endpoints)]
		}
	}
	return nil
}

// Endpoint is one replica, whatever its state.
type Endpoint struct {
	Name string
	load balance.Load

	mu      sync.Mutex // guards applied
	applied gtid.Position
}

// Begin notes that it is given something to do, End that it is done, after took.
func (e *Endpoint) Begin() { e.load.Begin() }

// End is the counterpart of Begin.
func (e *Endpoint) End(took time.Duration) { e.load.End(took) }

// Has notes what it is known to have applied.
func (e *Endpoint) Has(p gtid.Position) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applied = e.applied.Merge(p)
}

func (e *Endpoint) reset(p gtid.Position) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applied = p.Clone()
}

// covers reports whether it is known to have p.
func (e *Endpoint) covers(p gtid.Position) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.applied.Covers(p)
}
