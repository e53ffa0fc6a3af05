package route

import (
	"bytes"
	"cmp"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// Call is what a protocol knows of a call before its body. Slices are the protocol's own.
type Call interface {
	Host() []byte   // without a port, in lower case
	Path() []byte   // without parameters
	Method() []byte // in capitals
	// Header and Query are the first value of that name; Header's is in lower case.
	Header(name string) (value []byte, ok bool)
	Query(name string) (value string, ok bool)
}

// arrival is a call, and where it came in.
type arrival struct {
	Call
	listener string
}

// Table finds the route of a call. It does not change.
type Table struct {
	Clusters map[string]*Cluster
	routes   []*Route
	names    map[string]*index // by host
	below    map[string]*index // by what follows "*."
	anywhere *index

	// Described are protocols that clients may speak beside the others, by name.
	Described []*xprotocol.Protocol
}

// Route is a rule that is ready for calls.
type Route struct {
	*Rule
	Name    string
	Retry   *Retry // with what it says by default; nil: none
	regex   *regexp.Regexp
	rewrite *regexp.Regexp // nil: the path is not made by one
	headers []condition
	query   []condition
	faulted []condition // of Fault
	weights int

	subsetBy string // the field that names the subset; "": none does
}

// index are the routes of a host, as numbers in the document's order.
type index struct {
	exact    map[string][]int
	prefixes map[string][]int // without a slash at the end
	longest  int              // of prefixes, bytes
	rest     []int            // those with a regex or any path
}

// DefaultTimeout is a route's where it says nothing.
const DefaultTimeout = 15 * time.Second

// Compile makes the table of a document that Parse returned.
func Compile(d *Document) *Table {
	t := &Table{Clusters: d.Clusters, Described: slices.SortedFunc(maps.Values(d.described), func(a, b *xprotocol.Protocol) int { return strings.Compare(a.Name, b.Name) }), names: map[string]*index{}, below: map[string]*index{}, anywhere: newIndex()}
	for i, rule := range d.Routes {
		r := &Route{Rule: rule, Name: cmp.Or(rule.Name, strconv.Itoa(i+1)), headers: conditions(rule.Headers, true), query: conditions(rule.Query, false)}
		if rule.Retry != nil {
			retry := rule.Retry.WithDefaults()
			r.Retry = &retry
		}
		if rule.Fault != nil {
			r.faulted = conditions(rule.Fault.Headers, true)
		}
		if rule.Path != nil && rule.Path.Regex != "" {
			r.regex = regexp.MustCompile(whole(rule.Path.Regex)) // Parse has seen that it is one
		}
		if rule.Rewrite.Regex != "" {
			r.rewrite = regexp.MustCompile(rule.Rewrite.Regex) // likewise
		}
		if name, by := strings.CutPrefix(rule.SubsetBy, "header:"); by {
			r.subsetBy = strings.ToLower(name)
		}
		for _, s := range rule.To {
			r.weights += s.Weight
		}
		t.routes = append(t.routes, r)
		if len(rule.Hosts) == 0 {
			t.anywhere.add(i, rule.Path)
		}
		for _, h := range rule.Hosts {
			into, h := t.names, strings.ToLower(h)
			if name, wild := strings.CutPrefix(h, "*."); wild {
				into, h = t.below, name
			}
			if into[h] == nil {
				into[h] = newIndex()
			}
			into[h].add(i, rule.Path)
		}
	}
	return t
}

// Routes are all, in the document's order.
func (t *Table) Routes() []*Route { return t.routes }

// TimeoutOrDefault is how long a call may take until its answer begins.
func (r *Route) TimeoutOrDefault() time.Duration { return cmp.Or(r.Timeout, DefaultTimeout) }

// Cluster chooses by weight.
func (r *Route) Cluster() string {
	if len(r.To) == 1 {
		return r.To[0].Cluster
	}
	n := rand.IntN(r.weights)
	for _, s := range r.To {
		if n -= s.Weight; n < 0 {
			return s.Cluster
		}
	}
	panic("weights do not add up")
}

func newIndex() *index { return &index{exact: map[string][]int{}, prefixes: map[string][]int{}} }

func (x *index) add(i int, p *Path) {
	switch {
	case p != nil && p.Exact != "":
		x.exact[p.Exact] = append(x.exact[p.Exact], i)
	case p != nil && p.Prefix != "":
		prefix := strings.TrimRight(p.Prefix, "/")
		x.prefixes[prefix] = append(x.prefixes[prefix], i)
		x.longest = max(x.longest, len(prefix))
	default:
		x.rest = append(x.rest, i)
	}
}

// Match is the first route that the call meets which came in at a listener, as rpc.address has it; nil: none.
func (t *Table) Match(call Call, listener string) *Route {
	c := arrival{call, listener}
	best := len(t.routes)
	host := c.Host()
	if x := t.names[string(host)]; x != nil {
		best = t.first(x, c, best)
	}
	if len(t.below) > 0 {
		for rest := host; ; {
			i := bytes.IndexByte(rest, '.')
			if i < 0 {
				break
			}
			rest = rest[i+1:]
			if x := t.below[string(rest)]; x != nil {
				best = t.first(x, c, best)
			}
		}
	}
	if best = t.first(t.anywhere, c, best); best == len(t.routes) {
		return nil
	}
	return t.routes[best]
}

// first is the lowest number below best of a route in x that the call meets, or best.
func (t *Table) first(x *index, c arrival, best int) int {
	path := c.Path()
	best = t.firstOf(x.exact[string(path)], c, best)
	if len(x.prefixes) > 0 {
		for p := path[:min(len(path), x.longest+1)]; ; {
			if len(p) == len(path) || path[len(p)] == '/' {
				best = t.firstOf(x.prefixes[string(p)], c, best)
			}
			if len(p) == 0 {
				break
			}
			p = p[:max(bytes.LastIndexByte(p, '/'), 0)]
		}
	}
	return t.firstOf(x.rest, c, best)
}

func (t *Table) firstOf(numbers []int, c arrival, best int) int {
	for _, i := range numbers {
		if i >= best {
			break
		}
		if t.routes[i].meets(c) {
			return i
		}
	}
	return best
}

// meets says whether all holds that no index has looked at.
func (r *Route) meets(c arrival) bool {
	if len(r.Listeners) > 0 && !slices.ContainsFunc(r.Listeners, func(l string) bool { return at(l, c.listener) }) {
		return false
	}
	if len(r.Methods) > 0 && !slices.ContainsFunc(r.Methods, func(m string) bool { return m == string(c.Method()) }) {
		return false
	}
	if !hold(r.headers, c.Call) {
		return false
	}
	for i := range r.query {
		if v, ok := c.Query(r.query[i].name); !meets(&r.query[i], v, ok) {
			return false
		}
	}
	return r.regex == nil || r.regex.Match(c.Path())
}

// at says whether a listener is the one that a rule names: by its address, or for all of a port.
func at(named, listener string) bool {
	return named == listener || named[0] == ':' && strings.HasSuffix(listener, named)
}

// hold says whether a call's fields are as the conditions have them.
func hold(all []condition, c Call) bool {
	for i := range all {
		if v, ok := c.Header(all[i].name); !meets(&all[i], v, ok) {
			return false
		}
	}
	return true
}
