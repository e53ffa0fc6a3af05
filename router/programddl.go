package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

var programKinds = map[string]catalog.ProgramKind{
	"procedure": catalog.Procedure, "function": catalog.Function, "package": catalog.Package, "package body": catalog.PackageBody,
	"trigger": catalog.Trigger, "event": catalog.Event,
}

// programDDL reports whether the statement creates, alters or drops a stored program.
func (p *planning) programDDL() bool {
	d := p.stmt.DDL
	return p.stmt.Kind == parser.OtherDDL && d != nil && !d.Soname && programKinds[d.Object] != ""
}

// planProgram plans the DDL of a stored program: it is kept where what its body names is. A routine that names no table
// is kept on every data source, so that a function can be part of any statement.
func (p *planning) planProgram() error {
	d := p.stmt.DDL
	l := p.defaultLayout()
	if d.Schema != "" {
		named, ok := p.snap.Database(d.Schema)
		if !ok {
			return p.planOther() // the server knows no such schema either
		}
		l = named
	}
	if !guarded(l) {
		return p.planOther()
	}
	if err := p.routineSchema(l, d.SchemaSpan, false); err != nil {
		return err
	}
	kind := programKinds[d.Object]
	holders, err := p.holders(l, kind, d.Name, true)
	if err != nil {
		return err
	}
	body, err := p.newBody(l, kind)
	if err != nil {
		return err
	}
	nodes := p.programNodes(l, kind, body, holders)
	if nodes, err = p.besideOld(kind, nodes, holders); err != nil {
		return err
	}
	return p.programRoute(l, nodes)
}

// newBody judges the body that the statement brings; nil: it brings none.
func (p *planning) newBody(l *rule.Layout, kind catalog.ProgramKind) (*judge, error) {
	if p.stmt.Tokens[0].Is("DROP") {
		return nil, nil
	}
	d := p.stmt.DDL
	g := &judge{p: p, seen: map[string]bool{}}
	label := "the " + kindName(kind) + " " + d.Name
	body := p.stmt.Body()
	if err := g.own(l, label, body); err != nil {
		return nil, err
	}
	if t := p.triggerTable(); t != nil && g.why == "" {
		p.triggerBody(g, t, label, body, p.createsBeforeInsert())
		if t.nodesShareSchema() {
			g.refuse(label, "would have to have a name of its own on every table of one schema")
		}
	}
	if g.why == "" && g.within != nil && len(g.within) == 0 {
		g.refuse(label, "names tables of different data sources")
	}
	if g.why != "" {
		return nil, p.refuse(g.why)
	}
	return g, nil
}

// createsBeforeInsert reports whether the trigger that is created is one BEFORE INSERT.
func (p *planning) createsBeforeInsert() bool {
	for i, t := range p.stmt.Tokens[:max(len(p.stmt.Tokens)-1, 0)] {
		if t.Is("BEFORE") && p.stmt.Tokens[i+1].Is("INSERT") {
			return true
		}
	}
	return false
}

// triggerTable is the table of CREATE TRIGGER.
func (p *planning) triggerTable() *table {
	for i := range p.stmt.Tables {
		if p.stmt.DDL.Object == "trigger" && p.stmt.Tables[i].Role == parser.RoleDDL {
			return p.byRef[i]
		}
	}
	return nil
}

// nodesShareSchema reports whether two of a table's nodes are in one schema.
func (t *table) nodesShareSchema() bool {
	seen := map[string]bool{}
	for _, n := range t.nodes() {
		if seen[n.DataSource] {
			return true
		}
		seen[n.DataSource] = true
	}
	return false
}

// programNodes is where a program is to be kept.
func (p *planning) programNodes(l *rule.Layout, kind catalog.ProgramKind, g *judge, holders []kept) []rule.Node {
	if t := p.triggerTable(); t != nil {
		return t.nodes()
	}
	if g == nil || !p.stmt.Tokens[0].Is("CREATE") { // DROP, ALTER
		return holderNodes(holders)
	}
	var nodes []rule.Node
	for i := range l.DataSources {
		if ds := l.DataSources[i].Name; g.within == nil || g.within[ds] {
			nodes = append(nodes, l.SingleNode(ds, ""))
		}
	}
	if kind == catalog.Event { // it acts by itself, once
		for _, n := range nodes {
			if n.DataSource == l.DefaultDataSource {
				return []rule.Node{n}
			}
		}
		return nodes[:1]
	}
	return nodes
}

func holderNodes(holders []kept) []rule.Node {
	var nodes []rule.Node
	for _, k := range holders {
		nodes = append(nodes, k.layout.SingleNode(k.ds, ""))
	}
	return nodes
}

// besideOld gives the nodes in place of which a program of the same name is kept already: there the servers say what
// there is to say.
func (p *planning) besideOld(kind catalog.ProgramKind, nodes []rule.Node, holders []kept) ([]rule.Node, error) {
	if len(holders) == 0 || !p.stmt.Tokens[0].Is("CREATE") {
		return nodes, nil
	}
	old := holderNodes(holders)
	if !p.stmt.DDL.OrReplace {
		if p.triggerTable() != nil && len(old) != len(nodes) {
			return nil, p.refuse("a trigger of the name of another table's, which is on other data sources")
		}
		if p.triggerTable() == nil {
			return old, nil
		}
		return nodes, nil
	}
	for _, n := range old {
		found := false
		for _, m := range nodes {
			found = found || m.DataSource == n.DataSource
		}
		if !found {
			return nil, p.refuse("CREATE OR REPLACE of the " + kindName(kind) + " " + p.stmt.DDL.Name + ", which would leave the data source " + n.DataSource + "; drop it first")
		}
	}
	return nodes, nil
}

// programRoute sends the DDL to the nodes, or where a server says that there is no such program.
func (p *planning) programRoute(l *rule.Layout, nodes []rule.Node) error {
	lead := p.triggerTable()
	if len(nodes) == 0 {
		nodes = []rule.Node{l.SingleNode(l.DefaultDataSource, "")}
	}
	if lead != nil && lead.single() {
		lead = nil
	}
	route, err := p.routeTo(nodes, leadIf(lead))
	if err != nil {
		return err
	}
	route.Opcode = plan.Broadcast
	if len(nodes) == 1 {
		route.Opcode = plan.Unsharded
	}
	p.plan.Root = &plan.DDL{Route: route, Database: l.Database}
	return nil
}

func leadIf(t *table) *table {
	if t != nil && t.sharded() {
		return t
	}
	return nil
}

// planView plans CREATE VIEW. The view is kept where the tables are that it reads.
func (p *planning) planView() error {
	view := p.createdView()
	if view == nil || !view.single() || view.system || !guarded(view.place.Layout) {
		return p.planOther()
	}
	for _, t := range p.tables {
		if t.sharded() && len(t.nodes()) > 1 {
			return p.refuse(p.stmt.Verb() + " on the sharded table " + t.name)
		}
	}
	if view.schema == nil && view.place.Kind == catalog.KindUnknown {
		l := view.place.Layout
		for _, t := range p.tables {
			if t != view && !t.system && !t.broadcast() && l.DataSource(t.nodes()[0].DataSource) != nil {
				view.place.Single = l.SingleNode(t.nodes()[0].DataSource, view.name)
			}
		}
		if !p.permitted(view.place.Single.DataSource) {
			for i := range l.DataSources {
				if p.permitted(l.DataSources[i].Name) {
					view.place.Single = l.SingleNode(l.DataSources[i].Name, view.name)
					break
				}
			}
		}
	}
	route, err := p.oneDataSource()
	if err != nil {
		return err
	}
	p.plan.Root = route
	return nil
}

// createdView is the view of CREATE VIEW.
func (p *planning) createdView() *table {
	for i := range p.stmt.Tables {
		if p.stmt.Tables[i].Role == parser.RoleDDL {
			return p.byRef[i]
		}
	}
	return nil
}
