package router

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// gathered is a temporary table that holds the rows of a part of the statement while the rest of it runs.
type gathered struct {
	index  int
	name   string
	place  *plan.Target // where draft can be described
	draft  string       // a derived table with the same columns
	schema *catalog.TableSchema
}

// gathering plans a statement that cannot be run shard by shard as it stands: parts of it are run first, and what is
// left is planned with their rows in temporary tables. Parts are queries in the statement that say nothing of the rows
// around them, or the one sharded table itself.
type gathering struct {
	p      *planning
	place  *plan.Route // where the whole statement can be described
	groups []queryGroup
	direct []int // occurrences of sharded tables outside of all groups
	locks  bool  // parts lock what they read: it is a write, or what one reads
}

// gather plans the statement so; a refusal leaves what was refused before to be said.
func (p *planning) gather() error {
	if len(p.stmt.Folds) > 0 {
		return &NotFolded{} // its parts are statements of their own, which know nothing of lists
	}
	if why := p.gatherRefusal(); why != "" {
		return sqlerr.NotSupported(why)
	}
	p.lists, p.inlined = nil, false
	p.plan.Root, p.plan.Shape, p.plan.Trial = nil, nil, nil
	place, err := p.gatherPlace()
	if err != nil {
		return err
	}
	g := &gathering{p: p, place: place, locks: p.locks}
	if p.stmt.Clauses == nil { // SET or DO
		g.find()
		return g.choose()
	}
	if _, err := p.describeText(place, place.Template); err != nil {
		return err // a mistake is answered as a server answers it
	}
	if into := p.stmt.Clauses.Into; into.Present() {
		return g.assigned(into.Span)
	}
	g.find()
	return g.choose()
}

// assigned plans a SELECT … INTO @x: queries inside of it are parts, or all of it without the INTO is.
func (g *gathering) assigned(into parser.Span) error {
	if g.find(); len(g.direct) == 0 {
		return g.choose()
	}
	err := g.whole(into)
	if p := g.p; p.intoFirst || !isRefusal(err) {
		return err
	}
	return g.choose()
}

// whole makes one part of the query around INTO. Where that stands in the middle, the statement is planned with it at its
// end, and it comes to stand before FROM again: at the end servers warn of it.
func (g *gathering) whole(into parser.Span) error {
	p := g.p
	end := strings.TrimRight(p.stmt.Text, " \t\r\n")
	if into.End < len(end) {
		moved := &partText{p: p}
		moved.client(parser.Span{End: into.Start})
		moved.client(parser.Span{Start: into.End, End: len(end)})
		moved.made(" ")
		moved.client(into)
		stmt, err := moved.parse()
		if err != nil {
			return err
		}
		sub, err := p.moved(stmt)
		if err != nil {
			return err
		}
		renumber(sub.Root, moved.origins)
		p.plan.Root, p.plan.Rename = sub.Root, p.plan.Rename || sub.Rename
		p.plan.Shape = p.compile(g.place.Targets, nil)
		return nil
	}
	part, err := g.query(queryGroup{span: parser.Span{Start: p.stmt.Tokens[0].Start, End: into.Start}})
	if err == nil && p.intoFirst {
		part.span.End = into.End
		list := part.replace
		part.replace = func(t *partText, name string) {
			from := " FROM " + ident(name)
			query := &partText{p: p}
			list(query, name)
			t.text.WriteString(strings.TrimSuffix(query.text.String(), from))
			t.origins = append(t.origins, query.origins...)
			t.made(" ")
			t.client(into)
			t.made(from)
		}
	}
	if errors.Is(err, errNotHeld) {
		return sqlerr.NotSupported("digits or collations of a query with INTO over several shards")
	}
	return g.try([]*gatheredPart{part}, err)
}

// gatherRefusal names what has to be seen by the rows' own shards, or in one go.
func (p *planning) gatherRefusal() string {
	uses := p.stmt.Uses
	switch {
	case len(p.values) > 0 || p.route != "":
		return "a hint in a statement whose tables one server has to see together"
	case p.anySharded() == nil, p.gathered != nil, p.stmt.Executable, p.stmt.Prefix.Present():
		return "a statement of this form over several shards"
	case p.stmt.Kind == parser.Set, p.stmt.Kind == parser.Do:
		if uses.Has(parser.UseSequence | parser.UseLock | parser.UseLastInsertIDArg) {
			return "what an expression leaves behind over several shards"
		}
		return p.ofAllRows()
	case p.stmt.Kind != parser.Select, p.stmt.Clauses == nil:
		return "a statement of this form over several shards"
	case uses.Has(parser.UseSequence | parser.UseLock), uses.Has(parser.UseForUpdate) && !p.locksOnTop(), uses.Has(parser.UseForShare) && !p.locks && !p.locksOnTop():
		return "locks and sequences over several shards"
	case uses.Has(parser.UseUserVarWrite) && !p.assignsInto():
		return "the assignment of user variables in a query over several shards"
	case uses.Has(parser.UseOutfile | parser.UseLastInsertIDArg | parser.UseProcedureAnalyse):
		return "what a query leaves behind over several shards"
	case uses.Has(parser.UseSystemTime):
		return "FOR SYSTEM_TIME over several shards"
	}
	return p.ofAllRows() // in one place too the rows need not come in the order of one server
}

// locksOnTop reports whether a query locks the rows of its own tables and nothing else: those of queries inside of it are read without,
// and may as well be read before.
func (p *planning) locksOnTop() bool {
	c := p.stmt.Clauses
	if p.locks || c == nil || !c.Lock.Present() || c.Into.Present() || len(c.Branches) > 0 || c.Paren {
		return false
	}
	for _, at := range p.stmt.Uses.At {
		if (at.Use == parser.UseForUpdate || at.Use == parser.UseForShare) && !within(p.stmt.Tokens[at.Tok].Span, c.Lock.Span) {
			return false
		}
	}
	return true
}

// assignsInto reports whether all that a query assigns are the variables of its INTO.
func (p *planning) assignsInto() bool {
	c := p.stmt.Clauses
	if c == nil || !c.Into.Present() || len(c.Branches) > 0 || c.Paren {
		return false
	}
	for _, at := range p.stmt.Uses.At {
		if at.Use == parser.UseUserVarWrite && !within(p.stmt.Tokens[at.Tok].Span, c.Into.Span) {
			return false
		}
	}
	return true
}

// gatherPlace finds a place that has all tables of the statement: of the sharded ones a part.
func (p *planning) gatherPlace() (*plan.Route, error) {
	lead := p.anySharded()
	for i, node := range lead.nodes() {
		target, at := p.targetAt(node, lead, i)
		if at != nil || !p.permitted(node.DataSource) {
			continue
		}
		targets := []plan.Target{target}
		p.plan.Rename = p.plan.Rename || p.anyRenamed(targets)
		return &plan.Route{
			Opcode: plan.None, Targets: targets, Tables: p.tableNames(), Databases: p.databaseNames(), Template: p.compile(targets, nil),
		}, nil
	}
	return nil, p.refuse("tables that are nowhere together")
}

// choose takes as few parts as will do, queries before tables.
func (g *gathering) choose() error {
	if len(g.direct) == 0 {
		return g.try(g.queries(g.groups))
	}
	var last error
	for _, some := range subsets(g.groups) {
		last = g.try(g.queries(some))
		if !isRefusal(last) {
			return last
		}
	}
	if len(g.direct) != 1 {
		return sqlerr.NotSupported("several sharded tables in one place")
	}
	if g.p.locksOnTop() {
		return sqlerr.NotSupported("locks over several shards")
	}
	t, err := g.table(g.direct[0])
	if err != nil {
		return err
	}
	parts, err := g.queries(g.groups)
	return g.try(append(parts, t), err)
}

// subsets are the ways to choose some of the groups, small ones first; of many groups only single ones and all.
func subsets(all []queryGroup) [][]queryGroup {
	var out [][]queryGroup
	for size := 1; size < len(all); size++ {
		for bits := 1; bits < 1<<min(len(all), 4); bits++ {
			var some []queryGroup
			for i := range all {
				if bits>>i&1 == 1 {
					some = append(some, all[i])
				}
			}
			if len(some) == size {
				out = append(out, some)
			}
		}
	}
	if len(all) > 0 {
		out = append(out, all)
	}
	return out
}

// isRefusal reports whether an error says that Heddle does not do something; only then another way is worth trying.
func isRefusal(err error) bool {
	if _, ok := errors.AsType[*tooComplex](err); ok {
		return false
	}
	e := sqlerr.As(err)
	return e != nil && e.Code == sqlerr.CodeNotSupportedYet
}

// Bounds of one planning. Of two ways to plan a query each may have two for a query in it, and so on: without a bound a
// short statement could be planned for hours.
const (
	maxPartDepth = 16
	maxPlannings = 2000 // of statements made of parts of it
)

// tooComplex ends the planning: no other way is tried.
type tooComplex struct{ refusal *sqlerr.Error }

// Error implements error.
func (e *tooComplex) Error() string { return e.refusal.Error() }

// Unwrap gives what the client gets.
func (e *tooComplex) Unwrap() error { return e.refusal }

// effort counts a planning, of which all that belong to one statement share the count.
func (p *planning) effort() error {
	*p.plannings++
	switch {
	case p.depth > maxPartDepth:
		return &tooComplex{sqlerr.NotSupported("queries in queries, more than " + strconv.Itoa(maxPartDepth) + " deep, over several shards")}
	case *p.plannings > maxPlannings:
		return &tooComplex{sqlerr.NotSupported("a statement of so many queries over several shards")}
	}
	return nil
}

// gatheredPart is a part that becomes a temporary table.
type gatheredPart struct {
	span    parser.Span // what is replaced
	plain   bool        // it has to run shard by shard as it stands
	binary  bool        // its rows have to come in binary form
	locks   bool        // it locks what it reads
	stmt    *parser.Statement
	origins []argOrigin
	columns []catalog.Column
	shape   []rewrite.Piece // a query with the columns of the part, at the place
	replace func(t *partText, name string)
}

// try plans the statement with these parts.
func (g *gathering) try(parts []*gatheredPart, err error) error {
	if err != nil {
		return err
	}
	p := g.p
	root := &plan.Gather{Place: g.place}
	var temporary []*gathered
	var asked needs
	rest := &partText{p: p}
	at := 0
	for i, part := range sortedParts(parts) {
		name := "heddle gather " + strconv.Itoa(i)
		run := part
		if g.locks {
			if run, err = p.locked(part); err != nil {
				return err
			}
		}
		sub, err := p.planPart(run)
		if asked.take(err) {
			continue
		}
		if err != nil {
			return err
		}
		renumber(sub.Root, part.origins)
		p.plan.Rename = p.plan.Rename || sub.Rename
		t, err := g.temporary(part, i, name)
		if err != nil {
			return err
		}
		temporary = append(temporary, t)
		shape, err := g.keptShape(part)
		if asked.take(err) {
			continue
		}
		if err != nil {
			return err
		}
		root.Parts = append(root.Parts, plan.GatheredPart{Name: name, Node: sub.Root, Shape: shape, Binary: part.binary, Strict: p.strict()})
		rest.client(parser.Span{Start: at, End: part.span.Start})
		part.replace(rest, name)
		at = part.span.End
	}
	if err := asked.err(); err != nil {
		return err
	}
	rest.client(parser.Span{Start: at, End: len(p.stmt.Text)})
	stmt, err := rest.parseAs(p.stmt.Kind)
	if err != nil {
		return err
	}
	sub, err := p.over(stmt, partEnv{temporary: temporary, given: p.givenBy(rest.origins)})
	if err != nil {
		return err
	}
	if changesRows(p.stmt.Kind) && !writesInPlace(sub.Root) {
		return sqlerr.NotSupported("a write of this form beside queries that are run first")
	}
	renumber(sub.Root, rest.origins)
	if sub.Trial != nil {
		origins(rest.origins).template(sub.Trial)
	}
	root.Input, root.Trial = sub.Root, sub.Trial
	if _, ok := sub.Root.(*plan.ByKey); ok {
		root.Rest = sub.Shape
		origins(rest.origins).template(root.Rest)
	}
	p.plan.Root, p.plan.Rename, p.plan.Clock = root, p.plan.Rename || sub.Rename, p.plan.Clock || sub.Clock
	p.plan.Shape = p.compile(g.place.Targets, nil)
	if p.stmt.Kind == parser.Select && !p.stmt.Clauses.Into.Present() {
		p.plan.Trial = (&fanOut{p: p, c: p.stmt.Clauses, route: g.place}).trial()
	}
	return nil
}

// planPart plans a part, in parts of its own if need be.
func (p *planning) planPart(of *gatheredPart) (*plan.Plan, error) {
	given := p.givenBy(of.origins)
	if of.plain {
		return p.over(of.stmt, partEnv{temporary: []*gathered{}, given: given})
	}
	if of.locks {
		return p.over(of.stmt, partEnv{given: given, locks: true})
	}
	return p.part(of.stmt, given)
}

// shape is the query that a part's temporary table is made from.
func (g *gathering) shape(part *gatheredPart) *rewrite.Template {
	t := &rewrite.Template{Pieces: append([]rewrite.Piece{text("SELECT * FROM (")}, part.shape...)}
	t.Pieces = append(t.Pieces, text(") AS `heddle part` LIMIT 0"))
	for i := range t.Pieces {
		if t.Pieces[i].Op == rewrite.Arg && g.p.stmt.Args[t.Pieces[i].N].Ordinal >= 0 {
			t.Pieces[i].Op = rewrite.Value // a CREATE TABLE … SELECT is sent as text
		}
	}
	t.CountParams()
	return t
}

// keptShape is the shape of a part whose JSON the statement's functions still take for JSON.
func (g *gathering) keptShape(part *gatheredPart) (*rewrite.Template, error) {
	shape := g.shape(part)
	if !g.p.env.Mode.Flavour.MariaDB || !slices.ContainsFunc(g.p.stmt.Tokens, func(t parser.Token) bool { return strings.HasPrefix(t.Word, "JSON_") }) {
		return shape, nil
	}
	cols, err := g.p.describeText(g.place, shape)
	if err != nil {
		return nil, err
	}
	return g.p.keepJSON(shape, cols, func(i int) string { return ident(cols[i].Name) }), nil
}

// temporary describes a part's temporary table for the planning of the rest.
func (g *gathering) temporary(part *gatheredPart, index int, name string) (*gathered, error) {
	target := &g.place.Targets[0]
	r, err := rewrite.Render(nil, &rewrite.Template{Pieces: part.shape}, rewrite.Names{Tables: target.Names, Schemas: target.Schemas}, nil, ownArgs{stmt: g.p.stmt, given: g.p.given})
	if err != nil {
		return nil, err
	}
	draft := "(" + string(r.SQL) + ")"
	if !part.plain {
		draft += " AS " + ident(name) // a table has an alias in the statement
	}
	return &gathered{
		index: index, name: name, place: target, draft: draft,
		schema: &catalog.TableSchema{Name: name, Columns: part.columns},
	}, nil
}

// temporary is the temporary table of a name, nil: there is none.
func (p *planning) temporary(name string) *table {
	for _, g := range p.gathered {
		if g.name != name {
			continue
		}
		for _, t := range p.tables {
			if t.gathered == g {
				return t
			}
		}
		t := &table{db: p.env.Database, name: name, index: len(p.tables), schema: g.schema, gathered: g}
		p.tables = append(p.tables, t)
		return t
	}
	return nil
}

// drafts are what stands for the temporary tables in a draft. It has to be described where their tables are.
func (p *planning) drafts(target *plan.Target) ([]string, error) {
	var out []string
	for _, g := range p.gathered {
		if g.place.DataSource != target.DataSource || g.place.Schema != target.Schema {
			return nil, p.refuse("tables whose first shards are in different places")
		}
		out = append(out, g.draft)
	}
	return out, nil
}
