package router

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// oneDataSource plans a statement whose tables all have one data source in common: the whole text goes there. It
// asks nothing of the syntax tree.
func (p *planning) oneDataSource() (*plan.Route, error) {
	lead, err := p.commonNodes()
	if err == nil {
		lead, err = p.routed(lead)
	}
	if err != nil {
		return nil, err
	}
	route, err := p.routeTo(lead, nil)
	if err != nil {
		return nil, err
	}
	route.Opcode = plan.Unsharded
	if len(p.tables) > 0 && p.allBroadcast() {
		route.Opcode = plan.Reference
	}
	return route, nil
}

func (p *planning) allBroadcast() bool {
	for _, t := range p.tables {
		if !t.broadcast() && t.gathered == nil {
			return false
		}
	}
	return true
}

// commonLead is the table whose places are asked first: a single one, else a broadcast one, else any that is stored.
func (p *planning) commonLead() *table {
	var lead *table
	for _, t := range p.tables {
		switch {
		case t.gathered != nil:
		case t.single() && !t.system:
			return t
		case lead == nil || t.broadcast() && !lead.broadcast():
			lead = t
		}
	}
	return lead
}

// commonNodes finds the places where all tables are, none of them sharded; with no table, the default data source.
func (p *planning) commonNodes() ([]rule.Node, error) {
	lead := p.commonLead()
	if lead == nil && len(p.gathered) > 0 {
		at := p.gathered[0].place
		return []rule.Node{{Shard: at.Shard, DataSource: at.DataSource, Schema: at.Schema}}, nil
	}
	if lead == nil && p.stmt.Uses.Has(parser.UseLock) && p.within == nil {
		return []rule.Node{p.lockNode()}, nil
	}
	if lead == nil {
		l := p.defaultLayout()
		if l == nil {
			return nil, sqlerr.NoDatabase()
		}
		n := l.SingleNode(p.homeOf(l), "")
		if l.Database == "" {
			n.Schema = p.env.Database
		} else if p.env.Database == "" {
			n.Schema = ""
		}
		return []rule.Node{n}, nil
	}
	var common []rule.Node
	for i, n := range lead.nodes() {
		if lead.system && p.env.Database != "" {
			n.Schema = p.schemaOf(n)
		}
		here := p.permitted(n.DataSource)
		for _, t := range p.tables {
			_, ok := p.nodeAt(t, lead, n, i)
			here = here && ok
		}
		if here {
			common = append(common, n)
		}
	}
	if len(common) == 0 {
		return nil, p.apart(lead)
	}
	return common, nil
}

// homeOf is the data source of statements without tables: the default one, unless stored programs need another.
func (p *planning) homeOf(l *rule.Layout) string {
	if !p.permitted(l.DefaultDataSource) {
		for i := range l.DataSources {
			if p.permitted(l.DataSources[i].Name) {
				return l.DataSources[i].Name
			}
		}
	}
	return l.DefaultDataSource
}

// schemaOf is the connection's schema at a node's data source.
func (p *planning) schemaOf(n rule.Node) string {
	l := p.defaultLayout()
	if l == nil || l.Database == "" {
		return p.env.Database
	}
	return l.SingleNode(n.DataSource, "").Schema
}

// apart refuses tables that are not in one place, naming two of them.
func (p *planning) apart(lead *table) error {
	for _, n := range lead.nodes() {
		if !p.permitted(n.DataSource) {
			return p.refuse("a stored program that is not beside the table " + lead.name)
		}
	}
	for _, t := range p.tables {
		if t == lead || t.system {
			continue
		}
		for i, n := range lead.nodes() {
			if _, ok := p.nodeAt(t, lead, n, i); !ok {
				return p.refuse("a statement over tables of different data sources (" + lead.name + ", " + t.name + ")")
			}
		}
	}
	return p.refuse("a statement over tables of different data sources")
}

// routeTo makes a Route whose template is the client's text with the names of the targets.
func (p *planning) routeTo(nodes []rule.Node, lead *table) (*plan.Route, error) {
	targets, at := p.targets(nodes, lead)
	if at != nil {
		what := "a join of the sharded table " + lead.name + " and the table " + at.name + ", which is not beside it"
		return nil, p.refuse(what)
	}
	if t := p.bareAndAliased(targets); t != nil {
		return nil, p.refuse("a statement that changes and reads " + t.name + " and qualifies its columns, where its actual name is another")
	}
	if p.stmt.Uses.Has(parser.UseSystemTime) {
		for _, t := range p.tables {
			if t.gathered == nil && p.renamed(t, targets) {
				return nil, p.refuse(p.timeClause() + " of " + t.name + ", whose actual name is another")
			}
		}
	}
	if err := p.analyses(targets); err != nil {
		return nil, err
	}
	route := &plan.Route{Targets: targets, Tables: p.tableNames(), Databases: p.databaseNames()}
	route.Template = p.compile(targets, nil)
	p.plan.Rename = p.plan.Rename || p.anyRenamed(targets)
	return route, nil
}

// analyses refuses PROCEDURE ANALYSE, whose rows name tables and schemas, where those have other names.
func (p *planning) analyses(targets []plan.Target) error {
	if p.stmt.Uses.Has(parser.UseProcedureAnalyse) && len(p.tables) > 0 && p.anyRenamed(targets) {
		return p.refuse("PROCEDURE ANALYSE of tables whose actual names or schemas are others")
	}
	return nil
}

// anyRenamed reports whether definitions or messages of a target can carry physical names.
func (p *planning) anyRenamed(targets []plan.Target) bool {
	for _, t := range p.tables {
		if t.gathered == nil && (p.renamed(t, targets) || p.schemaMoves(t, t.db, targets)) {
			return true
		}
	}
	for i := range targets {
		if targets[i].Schema != p.env.Database {
			return true
		}
	}
	return false
}

// compile makes a template of the client's text with the targets' names and more splices.
func (p *planning) compile(targets []plan.Target, more []rewrite.Splice) *rewrite.Template {
	return p.compileSpan(targets, parser.Span{Start: 0, End: len(p.stmt.Text)}, more)
}

// compileSpan is compile for a part of the text.
func (p *planning) compileSpan(targets []plan.Target, span parser.Span, more []rewrite.Splice) *rewrite.Template {
	names := p.nameSplices(targets)
	// A label goes before what is inserted at the same place: hidden columns behind the last item.
	splices := append(append(p.labelSplices(names, more), more...), names...)
	t := &rewrite.Template{Identity: len(splices) == 0 && len(p.lists) == 0 && span.Len() == len(p.stmt.Text)}
	for i, l := range p.lists {
		first, last := l.items[0], l.items[len(l.items)-1]
		if l.folded > 0 {
			item := p.src.Item(l.folded-1, splices)
			t.Lists = append(t.Lists, rewrite.List{Items: [][]rewrite.Piece{item}, Separator: ", ", Folded: l.folded})
		} else {
			items := make([]rewrite.Span, len(l.items))
			for j, it := range l.items {
				items[j] = rewrite.Span(it)
			}
			t.AddList(p.src, items, ", ", splices)
		}
		splices = append(splices, splice(parser.Span{Start: first.Start, End: last.End}, rewrite.Piece{Op: rewrite.ListItems, N: i}))
	}
	t.Pieces = rewrite.Cut(p.src, rewrite.Span(span), splices)
	t.CountParams()
	return t
}

// labelSplices give select items whose text changes the label that the client's text would have given them.
func (p *planning) labelSplices(names, more []rewrite.Splice) []rewrite.Splice {
	c := p.stmt.Clauses
	if c == nil {
		return nil
	}
	if len(c.Branches) > 0 {
		c = c.Branches[0]
	}
	var out []rewrite.Splice
	for _, item := range append(append([]parser.Item(nil), c.List...), c.ReturnItems...) {
		if item.Star || item.Alias != "" || !changed(names, item.Expr) || p.plainColumn(item.Expr) || covered(more, item.Expr) {
			continue
		}
		out = append(out, splice(parser.Span{Start: item.Expr.End, End: item.Expr.End}, p.label(item.Expr)...))
	}
	return out
}

// covered reports whether a splice replaces all of a span.
func covered(splices []rewrite.Splice, span parser.Span) bool {
	for _, s := range splices {
		if s.Start <= span.Start && s.End >= span.End {
			return true
		}
	}
	return false
}

// label is an alias that repeats a part of the text, its literals as they are at run time.
func (p *planning) label(span parser.Span) []rewrite.Piece {
	pieces := []rewrite.Piece{text(" AS `")}
	for _, piece := range rewrite.Cut(p.src, rewrite.Span(span), nil) {
		switch piece.Op {
		case rewrite.Repeat:
			p.unfolded = true
		case rewrite.Arg:
			piece.Op, piece.M = rewrite.Label, int(p.stmt.Mode.Charset)
		default:
			piece.Text = p.stmt.Mode.Charset.DoubleBackticks(piece.Text)
		}
		pieces = append(pieces, piece)
	}
	return append(pieces, text("`"))
}

func changed(splices []rewrite.Splice, span parser.Span) bool {
	for _, s := range splices {
		if s.Start >= span.Start && s.End <= span.End {
			return true
		}
	}
	return false
}

// plainColumn reports whether the text is a column's name and nothing else.
func (p *planning) plainColumn(span parser.Span) bool {
	words, dots := 0, 0
	for _, t := range p.stmt.Tokens {
		if t.Start < span.Start || t.End > span.End {
			continue
		}
		switch {
		case t.Ident():
			words++
		case t.Is("."):
			dots++
		default:
			return false
		}
	}
	return words == dots+1
}

// planOther plans the statements that need no more than one place: everything that is neither query, change nor DDL
// of a table.
func (p *planning) planOther() error {
	if p.stmt.Kind == parser.LockTables && len(p.tables) > 0 {
		return p.planLock()
	}
	if p.stmt.Kind == parser.TableAdmin {
		for _, t := range p.tables {
			if t.sharded() || t.broadcast() {
				return p.planTableAdmin(t)
			}
		}
	}
	if p.stmt.Kind == parser.CreateTemporaryTable {
		made := p.createdView()
		if err := p.likeOneShard(made); err != nil {
			return err
		}
		if t := p.anySharded(); t != nil && t != made {
			return p.createTemporary(made)
		}
	}
	if t := p.anySharded(); t != nil {
		return p.refuse(p.stmt.Verb() + " on the sharded table " + t.name)
	}
	if p.plan.Write && p.allBroadcast() && len(p.tables) > 0 {
		return p.refuse(p.stmt.Verb() + " on the broadcast table " + p.tables[0].name)
	}
	route, err := p.oneDataSource()
	if err != nil {
		return err
	}
	p.plan.Root = route
	return nil
}
