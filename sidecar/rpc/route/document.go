// Package route says where calls go: the document that people write, its checking, and the table that it is compiled to, which
// finds the route of a call among ten thousand without trying each. It knows of calls what Call asks, whatever their
// protocol, opens no connection, and keeps no state. Level: sidecar/rpc.
package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// Document is what people write: where calls can go, and which goes where. The first route that matches is taken.
type Document struct {
	Protocols map[string]*xprotocol.Rule `yaml:"protocols"` // beside those of their own name
	Clusters  map[string]*Cluster        `yaml:"clusters"`
	Routes    []*Rule                    `yaml:"routes"`

	described map[string]*xprotocol.Protocol // Protocols, ready
}

// Cluster is a set of servers that can all answer the same calls.
type Cluster struct {
	Endpoints      []*Endpoint   `yaml:"endpoints"`
	Discover       *Discover     `yaml:"discover"` // nil: there are no others
	Protocol       string        `yaml:"protocol"` // that the servers speak: http1, http2 (by prior knowledge; gRPC wants it), bolt, dubbo, tcp, or one of Protocols; empty: http1
	Balance        Balance       `yaml:"balance"`
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // 0: 1s
	MaxConnections int           `yaml:"max_connections"` // to each endpoint; 0: 1024
	MaxPending     int           `yaml:"max_pending"`     // calls that wait for one of them; 0: 1024. One more is refused at once
	IdleTimeout    time.Duration `yaml:"idle_timeout"`    // of a connection that nothing uses; 0: 60s. Shorter than the servers' own. Of tcp: of both ends of a connection that is passed on; 0: 1h
	TLS            *TLS          `yaml:"tls"`             // nil: calls are not encrypted
	Health         Health        `yaml:"health"`
	Breaker        *Breaker      `yaml:"breaker"`      // nil: none
	RetryBudget    *Budget       `yaml:"retry_budget"` // of what routes have tried again, or sent to a second server
	Fallback       string        `yaml:"fallback"`     // the cluster, or its subset, that calls go to while no endpoint takes them; empty: they fail
	Local          bool          `yaml:"local"`        // the service beside this process, whose statements come here
	Concurrency    *Concurrency  `yaml:"concurrency"`  // of the calls to all endpoints together; nil: as many as there are

	Subsets map[string]map[string]string `yaml:"subsets"` // the endpoints that have these labels, which routes name CLUSTER/SUBSET

	Described *xprotocol.Protocol `yaml:"-"` // Protocol, where it is one of Document's
}

// TLS is how a cluster's servers are spoken with. Its files are read again when they change. {} verifies by the system's
// authorities, and the host of each address.
type TLS struct {
	CA         string   `yaml:"ca"`   // authorities (PEM) of the servers' certificates
	Cert       string   `yaml:"cert"` // chain (PEM) that is shown to them
	Key        string   `yaml:"key"`
	ServerName string   `yaml:"server_name"` // that their certificates are for, in place of the host of the address
	Identities []string `yaml:"identities"`  // one of which their certificates have as URI, in place of a name; "spiffe://mesh/ns/*" are all below
}

// Allow is who may take a route: one of the identities, where there are some, from one of the networks, where there are some.
type Allow struct {
	Identities []string `yaml:"identities"` // as in TLS
	Networks   []string `yaml:"networks"`   // 10.0.0.0/8, or one address

	prefixes []netip.Prefix // of networks
}

// Admits says whether a client is one of those. addr is its address, without a port.
func (a *Allow) Admits(identity, addr string) bool {
	if len(a.Identities) > 0 && !secure.Matches(a.Identities, identity) {
		return false
	}
	if len(a.prefixes) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(addr)
	return err == nil && slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(ip.Unmap().WithZone("")) })
}

// parse reads the networks.
func (a *Allow) parse() error {
	var prefixes []netip.Prefix
	for _, text := range a.Networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			ip, ipErr := netip.ParseAddr(text)
			if ipErr != nil {
				return fmt.Errorf("%q is neither a network nor an address", text)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		if p.Masked() != p {
			return fmt.Errorf("the network of %s is written %s", text, p.Masked())
		}
		prefixes = append(prefixes, p)
	}
	if len(a.prefixes) != len(prefixes) { // documents may share it, and calls ask it already
		a.prefixes = prefixes
	}
	return nil
}

// The protocols of clusters.
const (
	HTTP1 = "http1"
	HTTP2 = "http2"
	Bolt  = "bolt"
	Dubbo = "dubbo"
	TCP   = "tcp" // connections of which nothing is read

	// GRPC is no cluster's, but what a listener may accept: HTTP/2 with calls of gRPC alone.
	GRPC = "grpc"
)

// HTTP says whether a protocol is a version of HTTP, which "" is too. Calls by others go only to clusters that speak the same: they come in frames with
// numbers, or are whole connections.
func HTTP(protocol string) bool {
	switch protocol {
	case "", HTTP1, HTTP2, GRPC:
		return true
	}
	return false
}

// Endpoint is one server. A plain text is its address.
type Endpoint struct {
	Address  string `yaml:"address"` // host:port
	Weight   int    `yaml:"weight"`  // 0: 1
	Zone     string `yaml:"zone"`
	Priority int    `yaml:"priority"` // those of a higher number are called only while too few of the lower ones are up

	Labels map[string]string `yaml:"labels"` // by which the cluster has subsets
}

// UnmarshalYAML takes an address alone too.
func (e *Endpoint) UnmarshalYAML(decode func(any) error) error {
	if decode(&e.Address) == nil {
		return nil
	}
	type plain Endpoint
	return decode((*plain)(e))
}

// Balance is how one of the endpoints is chosen. A plain text is the policy's name.
type Balance struct {
	Policy     string            `yaml:"policy"` // of governance/balance; empty: round_robin
	Properties map[string]string `yaml:"properties"`
	By         string            `yaml:"by"` // the key of ring_hash and maglev, and of zone_first where one of these comes then: header:NAME, cookie:NAME, source (the client's address) or path
}

// UnmarshalYAML takes a name alone too.
func (b *Balance) UnmarshalYAML(decode func(any) error) error {
	if decode(&b.Policy) == nil {
		return nil
	}
	type plain Balance
	return decode((*plain)(b))
}

// Rule is a route: which calls, and what becomes of them: To, Redirect or Respond.
type Rule struct {
	Name    string   `yaml:"name"`  // in logs and metrics; empty: its number
	Hosts   []string `yaml:"hosts"` // "shop.example", or "*.example" for all names below; none: all
	Path    *Path    `yaml:"path"`  // nil: every path
	Methods []string `yaml:"methods"`

	Listeners []string         `yaml:"listeners"` // where the call came in: as in rpc.address, or :PORT; none: anywhere
	Headers   map[string]Value `yaml:"headers"`
	Query     map[string]Value `yaml:"query"` // of the target's parameters

	Allow *Allow `yaml:"allow"` // nil: everybody; who is not allowed is answered 403

	To       Target    `yaml:"to"`
	Colour   *Colour   `yaml:"colour"`    // nil: calls keep theirs, or have none
	SubsetBy string    `yaml:"subset_by"` // colour, or header:NAME, which is the name of a subset: a call goes there instead, if the cluster has such endpoints
	Redirect *Redirect `yaml:"redirect"`
	Respond  *Respond  `yaml:"respond"`

	Timeout     time.Duration `yaml:"timeout"`     // from the call's head to its answer's; 0: 15s. What is left is told to the server
	LeastTime   time.Duration `yaml:"least_time"`  // a caller that waits less long is refused at once
	Concurrency *Concurrency  `yaml:"concurrency"` // of the calls by the route; nil: as many as there are
	Priority    string        `yaml:"priority"`    // low, normal, high, or header:NAME, whose value is one of these; empty: normal. Who is turned away by concurrency
	Needs       []Need        `yaml:"needs"`       // data sources that calls ask for rows; none: their state is nothing to it
	Retry       *Retry        `yaml:"retry"`       // nil: only what reached no server is tried again
	Limits      []Limit       `yaml:"limits"`
	Fault       *Fault        `yaml:"fault"`  // nil: nothing goes wrong on purpose
	Mirror      *Mirror       `yaml:"mirror"` // nil: calls have no copies
	Hedge       *Hedge        `yaml:"hedge"`  // nil: a call is at one server at a time

	Rewrite  Rewrite `yaml:"rewrite"`
	Request  Edit    `yaml:"request_headers"`
	Response Edit    `yaml:"response_headers"`
}

// Path is one of its fields.
type Path struct {
	Exact  string `yaml:"exact"`
	Prefix string `yaml:"prefix"` // whole segments: /api has /api and /api/x, not /apix
	Regex  string `yaml:"regex"`  // of the whole path; RE2
}

// Target is where calls go, by weight. A plain text is one cluster.
type Target []Share

// Share is a cluster's part of the calls, or that of a subset of one (CLUSTER/SUBSET).
type Share struct {
	Cluster string
	Weight  int
}

// UnmarshalYAML takes a cluster's name, or weights by cluster.
func (t *Target) UnmarshalYAML(decode func(any) error) error {
	var name string
	if decode(&name) == nil {
		*t = Target{{name, 1}}
		return nil
	}
	var weights map[string]int
	if err := decode(&weights); err != nil {
		return err
	}
	for name, weight := range weights {
		*t = append(*t, Share{name, weight})
	}
	slices.SortFunc(*t, func(a, b Share) int { return strings.Compare(a.Cluster, b.Cluster) })
	return nil
}

// Redirect tells the caller to ask elsewhere. What is empty stays as it was asked for.
type Redirect struct {
	Status int    `yaml:"status"` // 0: 302
	Scheme string `yaml:"scheme"`
	Host   string `yaml:"host"`
	Path   string `yaml:"path"`
}

// Respond answers without a server.
type Respond struct {
	Status int    `yaml:"status"`
	Body   string `yaml:"body"` // text/plain
}

// Edit changes a head.
type Edit struct {
	Set    map[string]string `yaml:"set"` // in place of what the field had
	Add    map[string]string `yaml:"add"` // beside what the field has
	Remove []string          `yaml:"remove"`
}

// Empty says whether it changes nothing.
func (e *Edit) Empty() bool { return e.Set == nil && e.Add == nil && e.Remove == nil }
