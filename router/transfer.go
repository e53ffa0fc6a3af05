package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// transfer plans an INSERT … SELECT that no shard can run by itself: the query is planned like any other, and what it
// yields is stored like any rows. refused is why it could not be planned otherwise.
func (p *planning) transfer(t *table, refused error) error {
	if byHint(t) || len(p.values) > 0 || p.route != "" {
		return refused // a hint means the whole statement
	}
	if e := sqlerr.As(refused); e == nil || e.Code != sqlerr.CodeNotSupportedYet {
		return refused
	}
	n, ok := p.stmt.AST.(*ast.InsertStmt)
	c := p.stmt.Clauses
	if !ok || c == nil || n.Select == nil || c.Source == nil || c.RowAlias.Present() || p.stmt.Uses.Has(onceOnly) {
		return refused
	}
	if slices.ContainsFunc(p.tables, func(t *table) bool { return t.system }) {
		return refused // their rows tell of one server
	}
	if err := p.allThere(); err != nil {
		return err
	}
	input, err := p.source(c.Source)
	if err != nil {
		return err
	}
	q, target := p.only(t)
	route, err := q.transferRoute(target)
	if err != nil {
		return err
	}
	i := &insertPlan{p: q, t: target, n: n, c: c, route: route, genCol: -1}
	if ok, err := i.updatesAlone(p); err != nil || !ok {
		return orRefused(err, refused)
	}
	out := &plan.Transfer{Input: input, Write: route, GenerateAt: -1}
	if err := i.transferKeys(out); err != nil {
		return err
	}
	out.Columns = len(i.lead)
	for _, name := range i.lead {
		col := target.schema.Column(name)
		out.Numeric = append(out.Numeric, col != nil && (numeric(col.DataType) || col.DataType == "bit" || col.DataType == "year"))
	}
	out.Divides = p.divides(c.Source.Span)
	q.clockOf(target)
	i.transferTemplate(out)
	p.plan.Root = out
	return nil
}

// source plans the query of an INSERT … SELECT. Its rows are locked as a server locks them.
func (p *planning) source(c *parser.Clauses) (plan.Node, error) {
	if err := p.refuseTable(c); err != nil {
		return nil, err
	}
	return p.sourceOf(c.Span)
}

// sourceOf is source of a query by its place in the text.
func (p *planning) sourceOf(query parser.Span) (plan.Node, error) {
	text := query.In(p.stmt.Text)
	stmt, err := parser.Parse(text, p.stmt.Mode)
	if err != nil {
		return nil, p.refuse("INSERT … SELECT of a query that Heddle cannot read")
	}
	if len(stmt.Tables) > 0 && !stmt.Uses.Has(parser.UseForUpdate|parser.UseForShare) {
		if stmt.Clauses == nil || len(stmt.Clauses.Branches) > 0 || stmt.Clauses.Paren || stmt.Clauses.Into.Present() {
			return nil, p.refuse("INSERT … SELECT of a UNION that no shard can run by itself")
		}
		if stmt, err = parser.Parse(text+" LOCK IN SHARE MODE", p.stmt.Mode); err != nil {
			return nil, p.refuse("INSERT … SELECT of a query that Heddle cannot read")
		}
	}
	before := 0
	for _, a := range p.stmt.Args {
		if int(a.Start) < query.Start {
			before++
		}
	}
	sub, err := p.part(stmt, p.givenFrom(before))
	if err != nil {
		return nil, err
	}
	shiftArgs(sub.Root, before)
	p.plan.Rename = p.plan.Rename || sub.Rename
	p.plan.Clock = p.plan.Clock || sub.Clock
	return sub.Root, nil
}

// divides reports whether a part of the text computes quotients: a server keeps more of their digits than it shows.
func (p *planning) divides(span parser.Span) bool {
	for _, t := range p.tokensIn(span) {
		if t.Is("/") || t.Is("AVG") {
			return true
		}
	}
	return false
}

// only is the planning of the statement as if it named one table.
func (p *planning) only(t *table) (*planning, *table) {
	q, alone := *p, *t
	alone.index = 0
	q.tables, q.lists, q.helpful = []*table{&alone}, nil, nil
	q.byRef = make([]*table, len(p.byRef))
	for i, have := range p.byRef {
		if have == t && p.stmt.Tables[i].Role == parser.RoleInsert {
			q.byRef[i] = &alone
		}
	}
	return &q, &alone
}

// transferRoute is the Route to the places of the rows' table, its template not compiled yet.
func (p *planning) transferRoute(t *table) (*plan.Route, error) {
	if t.sharded() {
		return p.shardRoute(t)
	}
	route, err := p.routeTo(t.nodes(), nil)
	if err != nil {
		return nil, err
	}
	if t.broadcast() && len(route.Targets) > 1 {
		route.Opcode = plan.Broadcast
	}
	route.Once.AutoIncrement = t.schema != nil && t.schema.AutoIncrement() != nil
	return route, nil
}

// updatesAlone reports whether ON DUPLICATE KEY UPDATE needs nothing of the query: its rows are values then. whole is
// the planning of the whole statement.
func (i *insertPlan) updatesAlone(whole *planning) (bool, error) {
	for n, a := range i.c.OnDupSet {
		if n >= len(i.n.OnDuplicate) || i.p.usesIn(a.Expr, parser.UseSubquery) || i.t.broadcast() && i.p.unlikeIn(a.Expr) {
			return false, nil
		}
		names := &columnsBesideValues{}
		i.n.OnDuplicate[n].Expr.Accept(names)
		for _, name := range names.names {
			if name.Table.O != "" && whole.sameName(name.Table.O, i.t.name) {
				continue
			}
			if name.Table.O != "" {
				return false, nil
			}
			for r, t := range whole.byRef {
				if t == nil || whole.stmt.Tables[r].Role != parser.RoleRead {
					continue
				}
				if err := whole.requireSchema(t); err != nil {
					return false, err
				}
				if t.schema == nil || t.column(name.Name.O) >= 0 {
					return false, nil
				}
			}
			if i.t.column(name.Name.O) < 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

// columnsBesideValues collects the columns of an expression, those in VALUES(column) aside.
type columnsBesideValues struct{ columnNames }

// Enter implements ast.Visitor.
func (c *columnsBesideValues) Enter(n ast.Node) (ast.Node, bool) {
	if _, ok := n.(*ast.ValuesExpr); ok {
		return n, true
	}
	return c.columnNames.Enter(n)
}

// transferKeys finds the sharding key among the values, and the generated column.
func (i *insertPlan) transferKeys(out *plan.Transfer) error {
	if !i.t.sharded() {
		i.columns()
		return nil
	}
	if why := i.refusal(); why != "" {
		return i.p.refuse(why)
	}
	if err := i.generated(); err != nil {
		return err
	}
	i.columns()
	if i.gen != nil {
		out.Generate, out.GenerateAt = i.gen, i.genCol
	}
	for _, name := range i.t.place.Sharded.Key {
		at := i.leadIndex(name)
		if at < 0 && (i.gen == nil || !strings.EqualFold(i.gen.Column, name)) {
			return i.p.refuse("INSERT … SELECT without a value for the sharding key " + i.t.name + "." + name)
		}
		out.Key = append(out.Key, at)
	}
	out.Stored = storedBy(i.t, i.t.place.Sharded.Key, nil)
	return nil
}

// transferTemplate is the statement with rows in the place of its query.
func (i *insertPlan) transferTemplate(out *plan.Transfer) {
	query := i.c.Source.Span
	splices := []rewrite.Splice{splice(query, text("VALUES "), rewrite.Piece{Op: rewrite.ListItems, N: 0})}
	values := out.Columns
	if i.gen != nil && i.genCol < 0 {
		values++
		name := ident(i.gen.Column)
		if len(i.c.Columns) > 0 {
			splices = append(splices, insertion(i.c.ColumnsSpan.End-1, []rewrite.Piece{text(", " + name)}))
		}
	}
	t := i.p.compile(i.route.Targets, splices)
	// A server that is asked to describe the statement finds a row of no values there.
	none := "(" + strings.TrimSuffix(strings.Repeat("NULL, ", values), ", ") + ")"
	t.Lists = []rewrite.List{{Separator: ", ", Items: [][]rewrite.Piece{{text(none)}}}}
	i.route.Template = t
}
