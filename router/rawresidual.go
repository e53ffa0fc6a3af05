package router

import (
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// rowsResidual plans a grouping whose aggregates cannot be put together from parts: the columns that it reads, of all
// rows that WHERE keeps, go into a temporary table of one shard, and the client's own clauses run there.
type rowsResidual struct {
	*grouping
	refs    []rowsRef
	columns []rowsColumn
	exprs   [][]rewrite.Piece // of columns; a constant where there are none
}

// wholeRows reports whether a grouping needs the rows themselves, and why.
func (g *grouping) wholeRows() bool {
	if g.sel.Distinct || g.sel.GroupBy != nil && g.sel.GroupBy.Rollup {
		return true
	}
	for _, a := range scanSelect(g.sel).aggregates {
		fn := lower(a.F)
		known := aggregateFuncs[fn]
		switch {
		case known == plan.First, a.Distinct && !distinctFuncs[fn]:
			return true
		case fn == ast.AggFuncGroupConcat && (a.Distinct || a.Order != nil):
			return true
		}
	}
	return g.severalDistinct() || g.havingDoubts()
}

// havingDoubts reports whether HAVING has a bare name that is both an alias and a column of GROUP BY, which there may have a
// table's name or another alias: a server takes the column, and warns.
func (g *grouping) havingDoubts() bool {
	if g.sel.Having == nil || g.sel.GroupBy == nil {
		return false
	}
	for _, c := range scanExpr(g.sel.Having.Expr).columns {
		field := g.aliasOf(c.Name)
		if field < 0 {
			continue
		}
		if own, ok := bareExpr(g.sel.Fields.Fields[field].Expr).(*ast.ColumnNameExpr); ok && own.Name.Name.L == c.Name.Name.L {
			continue
		}
		for _, by := range g.sel.GroupBy.Items {
			if g.groupsBy(by.Expr, c.Name.Name.L) {
				return true
			}
		}
	}
	return false
}

// groupsBy reports whether an item of GROUP BY is, or stands for, a column of that name.
func (g *grouping) groupsBy(by ast.ExprNode, column string) bool {
	if at, ok := by.(*ast.PositionExpr); ok && at.N > 0 && at.N <= len(g.sel.Fields.Fields) {
		by = g.sel.Fields.Fields[at.N-1].Expr
	}
	name, ok := bareExpr(by).(*ast.ColumnNameExpr)
	if ok && name.Name.Name.L != column {
		if field := g.aliasOf(name.Name); field >= 0 {
			name, ok = bareExpr(g.sel.Fields.Fields[field].Expr).(*ast.ColumnNameExpr)
		}
	}
	return ok && name.Name.Name.L == column
}

// severalDistinct reports whether DISTINCT aggregates have different arguments.
func (g *grouping) severalDistinct() bool {
	var first []parser.Span
	for _, a := range scanSelect(g.sel).aggregates {
		fn := lower(a.F)
		if !a.Distinct || fn == ast.AggFuncMin || fn == ast.AggFuncMax {
			continue
		}
		var spans []parser.Span
		for _, e := range a.Args {
			s, ok := g.p.stmt.Span(e)
			if !ok {
				return true
			}
			spans = append(spans, s)
		}
		if first == nil {
			first = spans
			continue
		}
		same := len(spans) == len(first)
		for i := range spans {
			same = same && i < len(first) && g.p.sameTokens(spans[i], first[i])
		}
		if !same {
			return true
		}
	}
	return false
}

// byRows plans the grouping over the rows themselves.
func (g *grouping) byRows() error {
	for _, item := range g.c.List {
		if item.Star {
			return g.p.refuse("* beside aggregates that need the rows of several shards in one place")
		}
	}
	if why := g.rowsRefusal(); why != "" {
		return g.p.refuse(why)
	}
	if err := g.describe(nil); err != nil {
		return err
	}
	r := &rowsResidual{grouping: g}
	final, err := r.final()
	if err != nil {
		return err
	}
	if len(r.exprs) == 0 {
		r.exprs = [][]rewrite.Piece{{text("1")}}
	}
	shape := r.rows(true)
	cols, err := g.p.describeText(g.route, shape)
	if err != nil {
		return err
	}
	for i := range cols[:min(len(cols), len(r.exprs))] {
		r.exprs[i] = exactly(&cols[i], r.exprs[i])
	}
	shape = g.p.keepJSON(shape, cols, r.columnName)
	g.route.Template = r.rows(false)
	g.p.plan.Root = &plan.Residual{
		Input: g.route, Target: g.route.Targets[0], Shape: shape, Final: final, Result: g.cols[:g.visible],
	}
	return nil
}

// exactly makes the shards send a FLOAT with all of its digits: it prints only six.
func exactly(c *sqltypes.Column, expr []rewrite.Piece) []rewrite.Piece {
	if c.Type != sqltypes.Float {
		return expr
	}
	return append(append([]rewrite.Piece{text("(")}, expr...), text(")+0E0"))
}

// rowsRefusal names what the clauses over the temporary table cannot have.
func (g *grouping) rowsRefusal() string {
	scan := scanSelect(g.sel)
	switch {
	case scan.subqueries > 0:
		return "a subquery beside aggregates over several shards"
	case g.c.Lock.Present():
		return "a locking read with aggregates over several shards"
	case g.p.stmt.Uses.Has(parser.UseDefaultFunc | parser.UseMatch):
		return "DEFAULT() and MATCH beside aggregates over several shards"
	}
	return ""
}

// rows is the shards' statement: the columns that are read, without what is done with them; as a shape, no row.
func (r *rowsResidual) rows(shape bool) *rewrite.Template {
	var list []rewrite.Piece
	for i, e := range r.exprs {
		if i > 0 {
			list = append(list, text(", "))
		}
		list = append(append(list, e...), text(" AS "+r.columnName(i)))
	}
	splices := []rewrite.Splice{splice(parser.Span{Start: r.c.Verb.Start, End: r.c.ListSpan.End}, append([]rewrite.Piece{text("SELECT ")}, list...)...)}
	for _, c := range []parser.Clause{r.c.GroupBy, r.c.Having, r.c.OrderBy} {
		if c.Present() {
			splices = append(splices, splice(c.Span))
		}
	}
	splices = append(splices, r.limitSplices(false)...)
	if shape {
		splices = append(splices, insertion(r.c.Span.End, []rewrite.Piece{text(" LIMIT 0")}))
	}
	t := r.p.compile(r.route.Targets, splices)
	if shape {
		r.p.inlineParams(t)
	}
	return t
}

// inlineParams writes parameters as literals: a CREATE TABLE … SELECT is sent as text.
func (p *planning) inlineParams(t *rewrite.Template) {
	var inline func(pieces []rewrite.Piece)
	inline = func(pieces []rewrite.Piece) {
		for i := range pieces {
			inline(pieces[i].Item)
			if pieces[i].Op == rewrite.Arg && p.stmt.Args[pieces[i].N].Ordinal >= 0 {
				where := p.stmt.Args[pieces[i].N].Span()
				list := p.stmt.Clauses.ListSpan
				p.inlined = p.inlined || list.Start <= where.Start && where.End <= list.End
				pieces[i].Op = rewrite.Value
			}
		}
	}
	inline(t.Pieces)
	for _, l := range t.Lists {
		for _, item := range l.Items {
			inline(item)
		}
	}
	t.CountParams()
}

// final is the client's statement over the temporary table.
func (r *rowsResidual) final() (*rewrite.Template, error) {
	if err := r.read(); err != nil {
		return nil, err
	}
	splices := r.splices()
	t := &rewrite.Template{Pieces: append(setStatement(r.p.groupsMode()), rewrite.Cut(r.p.src, rewrite.Span(r.c.Verb), nil)...)}
	add := func(pieces ...rewrite.Piece) { t.Pieces = append(t.Pieces, pieces...) }
	add(text(" " + r.countingFound()))
	for i, item := range r.c.List {
		if i > 0 {
			add(text(", "))
		}
		add(rewrite.Cut(r.p.src, rewrite.Span(item.Expr), splices)...)
		add(itemLabel(r.p, r.sel, i, item)...)
	}
	add(r.from()...)
	for _, c := range []parser.Clause{r.c.GroupBy, r.c.Having, r.c.OrderBy} {
		if c.Present() {
			add(text(" "))
			add(rewrite.Cut(r.p.src, rewrite.Span(c.Span), splices)...)
		}
	}
	if l := r.c.Limit; l != nil {
		add(text(" "))
		add(rewrite.Cut(r.p.src, rewrite.Span(l.Span), nil)...)
	}
	t.CountParams()
	return t, nil
}

// read finds the columns that the clauses over the temporary table name.
func (r *rowsResidual) read() error {
	v := &rowsVisitor{r: r}
	for _, f := range r.sel.Fields.Fields {
		f.Expr.Accept(v)
	}
	v.in = clauseOrder
	if r.sel.GroupBy != nil {
		for _, it := range r.sel.GroupBy.Items {
			it.Expr.Accept(v)
		}
	}
	if r.sel.OrderBy != nil {
		for _, it := range r.sel.OrderBy.Items {
			if c, ok := bareExpr(it.Expr).(*ast.ColumnNameExpr); ok && r.namedField(c.Name) >= 0 && c.Name.Table.L == "" {
				continue // the select item has the same name there
			}
			it.Expr.Accept(v)
		}
	}
	v.in = clauseHaving
	if r.sel.Having != nil {
		r.sel.Having.Expr.Accept(v)
	}
	if v.err != nil {
		return v.err
	}
	return r.resolve()
}

// rowsVisitor finds the names of columns.
type rowsVisitor struct {
	r      *rowsResidual
	in     clause
	inside int // aggregates around: there no name is an alias
	err    error
}

// Enter implements ast.Visitor.
func (v *rowsVisitor) Enter(n ast.Node) (ast.Node, bool) {
	if _, ok := n.(*ast.AggregateFuncExpr); ok {
		v.inside++
	}
	if q, ok := n.(*ast.SubqueryExpr); ok && v.err == nil {
		switch gathered, others := v.r.p.tablesOf(q); {
		case others, gathered && !onlyReads(q):
			v.err = v.r.p.refuse("a subquery on tables in an aggregate that needs the rows of several shards in one place")
		case gathered:
			return n, true // it is about nothing else: its names are its own
		}
	}
	c, ok := n.(*ast.ColumnNameExpr)
	if !ok || v.err != nil {
		return n, v.err != nil
	}
	alias := v.in != clauseList && v.inside == 0 && v.r.aliasOf(c.Name) >= 0
	if alias && v.in == clauseOrder {
		column, err := v.r.isColumn(c.Name.Name.O)
		if err != nil {
			v.err = err
			return n, true
		}
		alias = !column
	}
	if alias {
		return n, true
	}
	span, ok := v.r.p.stmt.Span(c)
	if !ok {
		v.err = v.r.p.refuse("a column of a form that Heddle cannot read beside aggregates over several shards")
		return n, true
	}
	v.r.refs = append(v.r.refs, rowsRef{name: c.Name, at: rewrite.Span(span)})
	return n, true
}

// tablesOf reports whether a query names temporary tables, and whether it names others.
func (p *planning) tablesOf(q ast.Node) (temporary, others bool) {
	v := &tableVisitor{p: p}
	q.Accept(v)
	return v.temporary, v.others
}

// onlyReads reports whether a query is nothing but a reading of one table: it can name no row around it.
func onlyReads(q *ast.SubqueryExpr) bool {
	sel, ok := q.Query.(*ast.SelectStmt)
	if !ok || sel.Where != nil || sel.From == nil || sel.From.TableRefs.Right != nil {
		return false
	}
	from, ok := sel.From.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return false
	}
	_, table := from.Source.(*ast.TableName)
	return table
}

// tableVisitor sorts the tables of a part of the tree.
type tableVisitor struct {
	p                 *planning
	temporary, others bool
}

// Enter implements ast.Visitor.
func (v *tableVisitor) Enter(n ast.Node) (ast.Node, bool) {
	if t, ok := n.(*ast.TableName); ok {
		if slices.ContainsFunc(v.p.gathered, func(g *gathered) bool { return g.name == t.Name.O }) {
			v.temporary = true
		} else {
			v.others = true
		}
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *tableVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// Leave implements ast.Visitor.
func (v *rowsVisitor) Leave(n ast.Node) (ast.Node, bool) {
	if _, ok := n.(*ast.AggregateFuncExpr); ok {
		v.inside--
	}
	return n, true
}
