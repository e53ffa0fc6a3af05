package route

import (
	"bytes"
	"maps"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// Parser reads documents, each of which is most often the one before with a few changes: it reads what has changed. What its documents have in
// common they share, so nobody may change them. The zero value has read none; any goroutine may call its methods.
type Parser struct {
	mu        sync.Mutex
	clusters  map[string]*named[Cluster] // by their text, of the last document
	protocols map[string]*named[xprotocol.Rule]
	routes    map[string]*Rule
	known     known
}

// known is what a document had that was right. What is right of a cluster depends on which protocols are described, and how; what is right of a route on
// that too, on which clusters there are, and on what these speak.
type known struct {
	clusters  map[*Cluster]bool
	routes    map[*Rule]bool
	protocols map[string]string // by cluster
	rules     map[string]*xprotocol.Rule
	described map[string]*xprotocol.Protocol
}

func (k *known) hasCluster(c *Cluster) bool { return k != nil && k.clusters[c] }
func (k *known) hasRoute(r *Rule) bool      { return k != nil && k.routes[r] }

// knownOf is what a document has that is right.
func knownOf(d *Document) known {
	k := known{clusters: map[*Cluster]bool{}, routes: make(map[*Rule]bool, len(d.Routes)), protocols: protocols(d), rules: d.Protocols, described: d.described}
	for _, c := range d.Clusters {
		k.clusters[c] = true
	}
	for _, r := range d.Routes {
		k.routes[r] = true
	}
	return k
}

func protocols(d *Document) map[string]string {
	out := make(map[string]string, len(d.Clusters))
	for name, c := range d.Clusters {
		if c != nil {
			out[name] = c.Protocol
		}
	}
	return out
}

// named is what stands behind a key.
type named[T any] struct {
	name  string
	value *T
}

// Parse is the function of that name. Whatever is written in a way that cannot be taken apart surely, or is wrong, is read as a whole by it.
func (p *Parser) Parse(text []byte) (*Document, error) {
	if d := p.parts(string(text)); d != nil {
		return d, nil
	}
	return Parse(text)
}

// parts reads the document part by part; nil: it has to be read as a whole.
func (p *Parser) parts(text string) *Document {
	parts, ok := split(text)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d, c := &Document{}, &checker{}
	protocolTexts, ok := readNamed(parts[protocolsAt], p.protocols, &d.Protocols, func(*named[xprotocol.Rule]) bool { return true })
	if !ok {
		return nil
	}
	alike := maps.Equal(p.known.rules, d.Protocols) // the very same: what has been read of them is kept
	if alike {
		c.described = p.known.described
	}
	clusterTexts, ok := readNamed(parts[clustersAt], p.clusters, &d.Clusters, func(n *named[Cluster]) bool { return alike || n.value == nil || n.value.Described == nil })
	if !ok {
		return nil
	}
	routes := parts[routesAt]
	if d.Routes = p.read(routes); d.Routes == nil {
		return nil
	}
	if alike && maps.Equal(p.known.protocols, protocols(d)) {
		c.known = &p.known
	}
	if c.document(d); len(c.problems) > 0 {
		return nil // it knows no places
	}
	p.known = knownOf(d)
	p.protocols, p.clusters, p.routes = protocolTexts, clusterTexts, make(map[string]*Rule, len(routes))
	for i, part := range routes {
		p.routes[part] = d.Routes[i]
	}
	return d
}

// readNamed reads parts that are a key and what stands behind it, of which those are taken from before that are alike there and may be shared. It
// returns all by their texts.
func readNamed[T any](parts []string, before map[string]*named[T], into *map[string]*T, shared func(*named[T]) bool) (all map[string]*named[T], ok bool) {
	if len(parts) > 0 {
		*into = make(map[string]*T, len(parts))
	}
	all = make(map[string]*named[T], len(parts))
	for _, part := range parts {
		n := before[part]
		if n == nil || !shared(n) {
			if n = readOne[T](part); n == nil {
				return nil, false
			}
		}
		if _, twice := (*into)[n.name]; twice {
			return nil, false
		}
		(*into)[n.name], all[part] = n.value, n
	}
	return all, true
}

func readOne[T any](part string) *named[T] {
	var one map[string]*T
	if yaml.UnmarshalWithOptions([]byte(part), &one, yaml.Strict()) != nil || len(one) != 1 {
		return nil
	}
	for name, v := range one {
		return &named[T]{name, v}
	}
	return nil
}

// read reads routes; those that are new in one go. As many as there are parts are as many parts that stand for themselves: one that
// goes on in the next, a quotation say, makes one less. nil: they do not.
func (p *Parser) read(parts []string) []*Rule {
	var text strings.Builder
	all := make([]*Rule, len(parts))
	var fresh []int
	for i, part := range parts {
		if all[i] = p.routes[part]; all[i] == nil {
			fresh = append(fresh, i)
			text.WriteString(part)
		}
	}
	if len(fresh) == 0 {
		return all
	}
	var rules []*Rule
	if yaml.UnmarshalWithOptions([]byte(text.String()), &rules, yaml.Strict()) != nil || len(rules) != len(fresh) {
		return nil
	}
	for i, rule := range rules {
		if rule == nil {
			return nil
		}
		all[fresh[i]] = rule
	}
	return all
}

// The sections of a document.
const (
	clustersAt = iota
	routesAt
	protocolsAt
	sections
)

var sectionOf = map[string]int{"clusters:": clustersAt, "routes:": routesAt, "protocols:": protocolsAt}

// split takes a document apart: the texts of clusters, routes and protocols, each of whole lines. It does so where nothing in one part can
// depend on another: the sections stand in blocks, each part begins at its section's indent, and there are no anchors.
func split(text string) (parts [sections][]string, ok bool) {
	if refers(text) {
		return parts, false
	}
	const none = -1
	into, indent, from := none, none, none
	end := func(at int) {
		if from != none {
			parts[into] = append(parts[into], text[from:at])
		}
		from = none
	}
	var seen [sections]bool
	for at := 0; at < len(text); {
		next := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := text[at:next]
		bare := strings.TrimLeft(line, " ")
		depth := len(line) - len(bare)
		bare = strings.TrimRight(bare, " \r\n")
		item := bare == "-" || strings.HasPrefix(bare, "- ")
		which, begins := sectionOf[bare]
		switch {
		case bare == "" || bare[0] == '#': // whosever it is
		case bare[0] == '\t':
			return parts, false
		case depth == 0 && begins:
			if end(at); seen[which] {
				return parts, false
			}
			into, seen[which], indent = which, true, none
		case into == none:
			return parts, false
		default:
			if indent == none {
				indent = depth
			}
			isRoute := into == routesAt
			switch {
			case depth > indent:
			case depth < indent, isRoute != item, !isRoute && depth == 0:
				return parts, false
			default:
				end(at)
				from = at
			}
		}
		at = next
	}
	end(len(text))
	return parts, seen[routesAt] && len(parts[routesAt]) > 0 && strings.HasSuffix(text, "\n")
}

// refers says whether a text may have an anchor, or refer to one, or be of several documents. It says so of some that have none.
func refers(text string) bool {
	if strings.Contains(text, "---") || strings.Contains(text, "...") || strings.Contains(text, "<<") || strings.HasPrefix(text, "%") || strings.HasPrefix(text, "\ufeff") {
		return true
	}
	for _, mark := range []byte{'&', '*'} {
		for i, rest := 0, text; ; {
			n := strings.IndexByte(rest, mark)
			if n < 0 {
				break
			}
			i += n
			if i == 0 || bytes.IndexByte([]byte(" \t\r\n[{,:-?!"), text[i-1]) >= 0 {
				return true
			}
			i++
			rest = text[i:]
		}
	}
	return false
}
