package router

import (
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// A hint of Heddle's own says where a statement goes, which is a part of what the statement means: one that cannot be
// obeyed is an error, where servers pass over an optimizer hint with a warning.

// shardValue is what a hint says of one table, or of all that are sharded by hint.
type shardValue struct {
	table string // lower case, with or without its database; "": all
	value int64
}

// readHints reads the hints of a statement. Those of a statement that EXPLAIN explains are its own.
func (p *planning) readHints() error {
	foreign := false // hints that another product's applications carry along
	for i := range p.stmt.Hints {
		h := &p.stmt.Hints[i]
		name, own := strings.CutPrefix(h.Key, "heddle.")
		sphere := false
		if !own {
			if name, sphere = strings.CutPrefix(h.Key, "shardingsphere."); !sphere {
				continue // a server's
			}
		}
		if p.stmt.Inner != nil && h.Span.Start >= p.stmt.InnerStart {
			continue
		}
		if err := p.readHint(h, name, sphere); err != nil {
			return err
		}
		foreign = foreign || sphere
	}
	return p.checkHints(foreign)
}

// sphereNames are the hints of ShardingSphere by what they are called here; "" for what is so anyway.
var sphereNames = map[string]string{
	"sharding_database_value": "shard_value", "sharding_table_value": "shard_value", "data_source_name": "route", "write_route_only": "",
}

func (p *planning) readHint(h *parser.Hint, name string, sphere bool) error {
	text := h.Span.In(p.stmt.Text)
	if (name == "primary" || name == "replica") && !sphere && h.Value == "" {
		return p.addServer(name)
	}
	if h.Malformed {
		return sqlerr.NotSupported("the hint " + text + ", which is not of the form key=value")
	}
	table := ""
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		table, name = name[:dot], name[dot+1:]
	}
	if sphere {
		known, ok := sphereNames[name]
		if !ok {
			return sqlerr.NotSupported("the hint " + name + " in " + text)
		}
		name = known
	}
	switch {
	case name == "shard_value":
		return p.addShardValue(shardValue{table: table}, h.Value, text)
	case name == "route" && table == "":
		if p.route != "" && p.route != h.Value {
			return sqlerr.NotSupported("two different routes in one statement's hints")
		}
		p.route = h.Value
		return nil
	case name == "" && sphere, name == "transaction" && table == "" && !sphere: // whoever runs the plan looks at that
		return nil
	}
	return sqlerr.NotSupported("the hint " + name + " in " + text + ": there are shard_value, route, primary, replica and transaction")
}

// addServer takes the hint that one of a data source's servers is to answer. Who runs the plan looks at it.
func (p *planning) addServer(name string) error {
	if p.server != "" && p.server != name {
		return sqlerr.NotSupported("the hints primary and replica in one statement")
	}
	p.server = name
	return nil
}

func (p *planning) addShardValue(v shardValue, value, text string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return sqlerr.NotSupported("the hint " + text + ", whose value is no integer")
	}
	v.value = n
	for _, have := range p.values {
		if have.table == v.table && have.value != n {
			return sqlerr.NotSupported("two different values for one table in a statement's hints")
		}
	}
	p.values = append(p.values, v)
	return nil
}

// checkHints refuses hints that would have no effect. Those of another product are for tables that are sharded by hint,
// and say nothing of others.
func (p *planning) checkHints(foreign bool) error {
	if len(p.values) == 0 && p.route == "" {
		return nil
	}
	switch p.stmt.Kind {
	case parser.Select, parser.Insert, parser.Replace, parser.Update, parser.Delete:
	default:
		return p.refuse("a hint that says where a statement goes, in " + p.stmt.Verb())
	}
	for _, v := range p.values {
		if !slices.ContainsFunc(p.tables, func(t *table) bool { return byHint(t) && v.names(t) }) && !foreign {
			return p.refuse("the hint shard_value for " + orAll(v.table) + ", of which none in the statement is sharded by hint")
		}
	}
	if p.route == "" {
		return nil
	}
	switch {
	case len(p.values) > 0:
		return p.refuse("the hints shard_value and route in one statement")
	case p.stmt.Kind != parser.Select || p.plan.Write || p.stmt.Uses.Has(parser.UseForUpdate|parser.UseForShare|parser.UseSequence):
		return p.refuse("the hint route in a statement that changes or locks rows")
	case p.stmt.Uses.Has(parser.UseLock):
		return p.refuse("the hint route in a statement with GET_LOCK and its kin")
	}
	return nil
}

func orAll(table string) string {
	if table == "" {
		return "all tables"
	}
	return "the table " + table
}

func (v *shardValue) names(t *table) bool {
	return v.table == "" || strings.EqualFold(v.table, t.name) || strings.EqualFold(v.table, t.db+"."+t.name)
}

// byHint reports whether a table's rows are placed by hints.
func byHint(t *table) bool { return t.sharded() && len(t.place.Sharded.Key) == 0 }

// hintSelector is where hints send a statement whose first sharded table is lead; nil: they say nothing of it.
func (p *planning) hintSelector(lead *table) (plan.Selector, error) {
	if p.route != "" {
		return p.routeSelector(lead)
	}
	if lead == nil || !byHint(lead) || p.facts.Scatter {
		return nil, nil
	}
	out := &plan.SelectHint{}
	for _, t := range p.tables {
		if !t.sharded() {
			continue
		}
		if v, ok := p.valueFor(t); ok {
			out.Values = append(out.Values, v)
		} else if len(out.Values) > 0 {
			return nil, p.refuse("hints for some of the sharded tables of a statement and none for " + t.name)
		}
	}
	if len(out.Values) == 0 {
		return nil, nil
	}
	if _, ok := p.valueFor(lead); !ok {
		return nil, p.refuse("hints for some of the sharded tables of a statement and none for " + lead.name)
	}
	return out, nil
}

// valueFor finds the value for a table: the statement's for it, the statement's for all, then the session's.
func (p *planning) valueFor(t *table) (plan.HintValue, bool) {
	out := plan.HintValue{Table: t.name}
	found := false
	for _, v := range p.values {
		if v.names(t) && (!found || v.table != "") {
			out.Value, found = v.value, true
		}
	}
	if !found && (slices.Contains(p.env.Hinted, "") || slices.Contains(p.env.Hinted, strings.ToLower(t.name))) {
		out.Session, found = true, true
	}
	return out, found
}

// routeSelector chooses the shards of the data source that a hint names.
func (p *planning) routeSelector(lead *table) (plan.Selector, error) {
	out := &plan.SelectTargets{}
	for i, n := range lead.nodes() {
		if p.routes(n) {
			out.Index = append(out.Index, i)
		}
	}
	if len(out.Index) == 0 {
		return nil, p.refuse("the hint route=" + p.route + ", where the table " + lead.name + " is not")
	}
	return out, nil
}

func (p *planning) routes(n rule.Node) bool { return n.DataSource == p.route || n.Shard == p.route }

// routed keeps the nodes that a hint allows.
func (p *planning) routed(nodes []rule.Node) ([]rule.Node, error) {
	if p.route == "" {
		return nodes, nil
	}
	var out []rule.Node
	for _, n := range nodes {
		if p.routes(n) {
			out = append(out, n)
		}
	}
	if len(out) == 0 && len(p.tables) == 0 {
		if l := p.defaultLayout(); l != nil && l.DataSource(p.route) != nil {
			return []rule.Node{l.SingleNode(p.route, "")}, nil
		}
	}
	if len(out) == 0 {
		return nil, p.refuse("the hint route=" + p.route + ", where the statement's tables are not")
	}
	return out, nil
}

// optimizerHints is the version from which MariaDB reads /*+ … */.
const optimizerHints = 110700

// hintSplices take Heddle's own hints out of comments that a server would read, and warn of.
func (p *planning) hintSplices() []rewrite.Splice {
	if f := p.env.Mode.Flavour; f.MariaDB && f.Version < optimizerHints {
		return nil
	}
	var out []rewrite.Splice
	for i := range p.stmt.Hints {
		h := &p.stmt.Hints[i]
		comment := h.Span.In(p.stmt.Text)
		if !h.At.Present() || !strings.HasPrefix(comment, "/*+") || i > 0 && p.stmt.Hints[i-1].At == h.At {
			continue
		}
		out = append(out, splice(h.At))
		others := strings.Replace(comment[3:len(comment)-2], h.At.In(p.stmt.Text), "", 1)
		if strings.Trim(others, ", \t\r\n") == "" {
			out = append(out, splice(parser.Span{Start: h.Span.Start + 2, End: h.Span.Start + 3}))
		}
	}
	return out
}
