package route

import (
	"bytes"
	"maps"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Parser reads documents, each of which is most often the one before with a few changes: it reads what has changed. What its documents have in
// common they share, so nobody may change them. The zero value has read none; any goroutine may call its methods.
type Parser struct {
	mu       sync.Mutex
	clusters map[string]*namedCluster // by their text, of the last document
	routes   map[string]*Rule
	known    known
}

// known is what a document had that was right. What is right of a route depends on which clusters there are, on what these speak, and on their subsets.
type known struct {
	clusters  map[*Cluster]bool
	routes    map[*Rule]bool
	protocols map[string]string // by cluster; "" by subset
}

func (k *known) hasCluster(c *Cluster) bool { return k != nil && k.clusters[c] }
func (k *known) hasRoute(r *Rule) bool      { return k != nil && k.routes[r] }

// knownOf is what a document has that is right.
func knownOf(d *Document) known {
	k := known{clusters: map[*Cluster]bool{}, routes: make(map[*Rule]bool, len(d.Routes)), protocols: protocols(d)}
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
			for subset := range c.Subsets {
				out[name+"/"+subset] = ""
			}
		}
	}
	return out
}

type namedCluster struct {
	name    string
	cluster *Cluster
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
	clusters, routes, ok := split(text)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &Document{}
	if len(clusters) > 0 {
		d.Clusters = make(map[string]*Cluster, len(clusters))
	}
	named := make(map[string]*namedCluster, len(clusters))
	for _, part := range clusters {
		c := p.clusters[part]
		if c == nil {
			if c = readCluster(part); c == nil {
				return nil
			}
		}
		if _, twice := d.Clusters[c.name]; twice {
			return nil
		}
		d.Clusters[c.name], named[part] = c.cluster, c
	}
	if d.Routes = p.read(routes); d.Routes == nil {
		return nil
	}
	c := &checker{}
	if maps.Equal(p.known.protocols, protocols(d)) {
		c.known = &p.known
	}
	if c.document(d); len(c.problems) > 0 {
		return nil // it knows no places
	}
	p.known = knownOf(d)
	p.clusters, p.routes = named, make(map[string]*Rule, len(routes))
	for i, part := range routes {
		p.routes[part] = d.Routes[i]
	}
	return d
}

func readCluster(part string) *namedCluster {
	var one map[string]*Cluster
	if yaml.UnmarshalWithOptions([]byte(part), &one, yaml.Strict()) != nil || len(one) != 1 {
		return nil
	}
	for name, c := range one {
		return &namedCluster{name, c}
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

// split takes a document apart: the texts of clusters and of routes, each of whole lines. It does so where nothing in one part can
// depend on another: the two sections stand in blocks, each part begins at its section's indent, and there are no anchors.
func split(text string) (clusters, routes []string, ok bool) {
	if refers(text) {
		return nil, nil, false
	}
	const none = -1
	var into *[]string
	indent, from := none, none
	end := func(at int) {
		if from != none {
			*into = append(*into, text[from:at])
		}
		from = none
	}
	seen := [2]bool{}
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
		switch {
		case bare == "" || bare[0] == '#': // whosever it is
		case bare[0] == '\t':
			return nil, nil, false
		case depth == 0 && (bare == "clusters:" || bare == "routes:"):
			end(at)
			which := 0
			if into = &clusters; bare == "routes:" {
				into, which = &routes, 1
			}
			if seen[which] {
				return nil, nil, false
			}
			seen[which], indent = true, none
		case into == nil:
			return nil, nil, false
		default:
			if indent == none {
				indent = depth
			}
			isRoute := into == &routes
			switch {
			case depth > indent:
			case depth < indent, isRoute != item, !isRoute && depth == 0:
				return nil, nil, false
			default:
				end(at)
				from = at
			}
		}
		at = next
	}
	end(len(text))
	return clusters, routes, seen[1] && len(routes) > 0 && strings.HasSuffix(text, "\n")
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
