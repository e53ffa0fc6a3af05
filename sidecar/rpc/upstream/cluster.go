package upstream

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/governance/limit"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// Cluster is endpoints that can all answer.
type Cluster struct {
	Name      string
	Protocol  string // as route.Cluster has it
	Local     bool   // likewise
	Endpoints []*Endpoint
	Budget    *limit.Budget // of what routes have tried again, or sent to a second server
	// Concurrency bounds the calls under way; nil: nothing does.
	Concurrency *limit.Adaptive

	rule    *route.Cluster
	policy  string             // of the balancer
	balance balance.Properties // its properties
	eject   *route.Eject       // with what it says by default; nil: none is
	changes sync.Mutex         // of who is out, and of chosen; taken before an endpoint's
	chosen  atomic.Pointer[choice]
	subsets []*Cluster // parts of its endpoints; their states are its own

	// Described is the protocol, where the document of routes describes it.
	Described *xprotocol.Protocol
}

// longest is how long both ends of a connection that is passed on as it is may be silent, unless its cluster says otherwise: what others
// take for a tunnel.
const longest = time.Hour

// Lasting is how long both ends of a connection that is passed on as it is, TCP or an upgrade, may be silent. For the latter idle_timeout says nothing:
// it is for connections between calls.
func (c *Cluster) Lasting() time.Duration {
	if c.Protocol != route.TCP {
		return longest
	}
	return cmp.Or(c.rule.IdleTimeout, longest)
}

// choice is whom calls go to until an endpoint's state changes.
type choice struct {
	endpoints []*Endpoint // none only where the cluster has none
	picker    balance.Picker
	panicking bool      // too few are up: it is not asked who is
	until     time.Time // when time alone changes a state; the zero time: never
}

// newCluster has a cluster be made that nothing is called in yet. zone is where this process runs.
func newCluster(name, zone string, rule *route.Cluster, before *Cluster) *Cluster {
	c := &Cluster{Name: name, Protocol: rule.Protocol, Described: rule.Described, Local: rule.Local, rule: rule, policy: cmp.Or(rule.Balance.Policy, "round_robin"), balance: rule.Balance.Properties}
	if _, given := c.balance["zone"]; c.policy == "zone_first" && !given {
		c.balance = balance.Properties{"zone": zone}
		maps.Copy(c.balance, rule.Balance.Properties)
	}
	percent, perSecond := rule.RetryBudget.WithDefaults()
	if c.Budget = limit.NewBudget(percent, perSecond); before != nil {
		if p, s := before.rule.RetryBudget.WithDefaults(); p == percent && s == perSecond {
			c.Budget = before.Budget
		}
	}
	if rule.Concurrency != nil {
		if c.Concurrency = limit.NewAdaptive(rule.Concurrency.Rule()); before != nil && before.Concurrency != nil && before.Concurrency.Rule() == c.Concurrency.Rule() {
			c.Concurrency = before.Concurrency
		}
	}
	if rule.Health.Eject != nil {
		e := rule.Health.Eject.WithDefaults()
		c.eject = &e
	}
	return c
}

// divide makes the subsets: the same endpoints, with the same connections and states, of which a part is chosen from.
func (c *Cluster) divide() {
	for name, labels := range c.rule.Subsets {
		rule := *c.rule
		rule.Endpoints = nil
		part := &Cluster{
			Name: c.Name + "/" + name, Protocol: c.Protocol, Described: c.Described, Local: c.Local, Budget: c.Budget, Concurrency: c.Concurrency,
			rule: &rule, policy: c.policy, balance: c.balance, eject: c.eject,
		}
		for i, r := range c.rule.Endpoints {
			if r.Has(labels) {
				rule.Endpoints = append(rule.Endpoints, r)
				part.Endpoints = append(part.Endpoints, c.Endpoints[i])
			}
		}
		c.subsets = append(c.subsets, part)
	}
}

// Balance is how it chooses.
func (c *Cluster) Balance() string {
	if by := c.rule.Balance.By; by != "" {
		return c.policy + " by " + by
	}
	return c.policy
}

// Fallback is the cluster that stands in for it where none of its endpoints takes a call; "": none does.
func (c *Cluster) Fallback() string { return c.rule.Fallback }

// Panicking says whether calls go to endpoints that are not up, because too few are.
func (c *Cluster) Panicking() bool { return c.chosen.Load().panicking }

// refresh chooses anew among the endpoints, by the state of each, and has the subsets do so.
func (c *Cluster) refresh(now time.Time) error {
	for _, part := range c.subsets {
		if err := part.refresh(now); err != nil {
			return err
		}
	}
	c.changes.Lock()
	defer c.changes.Unlock()
	next := &choice{}
	states := make([]state, len(c.Endpoints))
	for i, e := range c.Endpoints {
		states[i] = e.look(now)
		if u := states[i].until; u.After(now) && (next.until.IsZero() || u.Before(next.until)) {
			next.until = u
		}
	}
	chosen := c.choose(states)
	switch {
	case chosen == nil && c.rule.Fallback != "" && !slices.ContainsFunc(states, func(s state) bool { return s.kind == well }):
		// that is asked, and not those of whom all is wrong that is known
	case chosen == nil:
		next.panicking = true
		chosen = c.whatever(states)
	}
	if len(chosen) == 0 { // nobody has been found yet, or another cluster stands in
		c.chosen.Store(next)
		return nil
	}
	all := make([]balance.Endpoint, len(chosen))
	for i, k := range chosen {
		e, r := c.Endpoints[k], c.rule.Endpoints[k]
		next.endpoints = append(next.endpoints, e)
		all[i] = balance.Endpoint{Name: r.Address, Zone: r.Zone, Weight: r.Weight, Load: e.Load}
	}
	var err error
	if next.picker, err = balance.New(c.policy, c.properties(chosen), all); err != nil {
		return err
	}
	c.chosen.Store(next)
	return nil
}

// properties are the balancer's, among the endpoints chosen. It is told how many of the process's own zone there would be.
func (c *Cluster) properties(chosen []int) balance.Properties {
	if c.policy != "zone_first" {
		return c.balance
	}
	last := 0
	for _, i := range chosen {
		last = max(last, c.rule.Endpoints[i].Priority)
	}
	declared := 0
	for _, r := range c.rule.Endpoints {
		if r.Zone == c.balance["zone"] && r.Priority <= last {
			declared++
		}
	}
	p := maps.Clone(c.balance)
	p["declared"] = strconv.Itoa(declared)
	return p
}

// choose are the endpoints that are up, of the first priority of which enough are, and of those before it. nil: there is no such.
func (c *Cluster) choose(states []state) (chosen []int) {
	levels := map[int]bool{}
	for _, r := range c.rule.Endpoints {
		levels[r.Priority] = true
	}
	order := make([]int, 0, len(levels))
	for p := range levels {
		order = append(order, p)
	}
	slices.Sort(order)
	for _, p := range order {
		all, up := 0, 0
		for i, r := range c.rule.Endpoints {
			if r.Priority != p {
				continue
			}
			all++
			if states[i].kind == well {
				up++
				chosen = append(chosen, i)
			}
		}
		if up > 0 && up*100 >= all*c.rule.Health.PanicOrDefault() {
			return chosen
		}
	}
	return nil
}

// whatever are the endpoints that might answer although they are not up; where there are none, all.
func (c *Cluster) whatever(states []state) (chosen []int) {
	for i := range states {
		if states[i].kind == well || states[i].kind == suspect {
			chosen = append(chosen, i)
		}
	}
	if chosen == nil {
		for i := range states {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// changed has the state of an endpoint be seen by calls.
func (c *Cluster) changed() { _ = c.refresh(time.Now()) } // Adopt has made such a balancer

// Keyed says whether calls go by a key.
func (c *Cluster) Keyed() bool { return c.rule.Balance.By != "" }

// Key is a call's; see PickBy.
func (c *Cluster) Key(call route.Call, client string) (key uint64, ok bool) {
	return c.rule.Balance.Key(call, client)
}

// Pick chooses an endpoint for a call that has failed at those in tried. Each one picked is told by Over what became of the call.
// One that nobody could connect to lately is chosen only where the others have been tried. It returns nil when nobody is left
// who may be given the call.
func (c *Cluster) Pick(tried []*Endpoint) *Endpoint {
	now := time.Now()
	ch := c.current(now)
	if len(ch.endpoints) == 0 {
		return nil
	}
	return c.from(ch, c.first(ch, now), tried, now)
}

// PickBy is Pick for a call that has a key, in a cluster that is Keyed: the endpoint that the key's calls go to, if it is up.
func (c *Cluster) PickBy(key uint64, tried []*Endpoint) *Endpoint {
	now := time.Now()
	ch := c.current(now)
	if len(ch.endpoints) == 0 {
		return nil
	}
	return c.from(ch, ch.picker.(balance.Keyed).PickBy(key), tried, now)
}

// current is whom calls go to now.
func (c *Cluster) current(now time.Time) *choice {
	ch := c.chosen.Load()
	if !ch.until.IsZero() && !now.Before(ch.until) {
		c.changed()
		ch = c.chosen.Load()
	}
	return ch
}

// from is the first that may be given a call, from the place first on.
func (c *Cluster) from(ch *choice, first int, tried []*Endpoint, now time.Time) *Endpoint {
	for i := range ch.endpoints {
		e := ch.endpoints[(first+i)%len(ch.endpoints)]
		if !slices.Contains(tried, e) && e.admits(now) {
			return e
		}
	}
	for _, e := range c.Endpoints {
		if !slices.Contains(tried, e) && !slices.Contains(ch.endpoints, e) && e.look(now).kind == unreachable && e.admits(now) {
			return e
		}
	}
	return nil
}

// first is where the balancer begins. An endpoint that has come up a moment ago often gives its turn to another one.
func (c *Cluster) first(ch *choice, now time.Time) int {
	i := ch.picker.Pick()
	if slow := c.rule.Health.SlowStart; slow > 0 {
		for try := 0; try < 3 && rand.Float64() > ch.endpoints[i].warm(now, slow); try++ {
			i = rand.IntN(len(ch.endpoints))
		}
	}
	return i
}

// Why is what keeps calls from the first endpoint that is not up: what a caller is told for whom there is none.
func (c *Cluster) Why() string {
	for _, e := range c.Endpoints {
		if s := e.look(time.Now()); s.kind != well || s.why != "" {
			return "no endpoint takes calls: " + e.Address + ": " + s.why
		}
	}
	if len(c.Endpoints) == 0 {
		return "no endpoint has been found"
	}
	return "no endpoint takes calls"
}
