package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// broadcastRows plans an INSERT or REPLACE of rows into a broadcast table that holds what the copies would evaluate
// differently: the first copy evaluates it, and all copies are given the values.
func (p *planning) broadcastRows(t *table, route *plan.Route, refused error) error {
	n, ok := p.stmt.AST.(*ast.InsertStmt)
	if !ok || p.stmt.Clauses == nil || t.schema == nil || n.Select != nil || p.stmt.Uses.Has(onceOnly) {
		return refused
	}
	i := &insertPlan{p: p, t: t, n: n, c: p.stmt.Clauses, route: route, genCol: -1}
	i.columns()
	if i.rowsReadable() != "" {
		return refused
	}
	i.rows = make([][]rewrite.Splice, len(n.Lists))
	for r, values := range n.Lists {
		if len(values) != len(i.lead) {
			return refused // the wrong number of values, which the copies agree on, beside what they do not
		}
		if ok, err := i.evaluateRow(r, values); err != nil || !ok {
			return orRefused(err, refused)
		}
	}
	if ok, err := i.evaluateUpdate(); err != nil || !ok {
		return orRefused(err, refused)
	}
	if !i.evaluateDefaults() || !i.covered() || i.ask.n > maxAsked {
		return refused
	}
	splices := i.splice
	for _, r := range i.rows {
		splices = append(splices, r...)
	}
	p.plan.Shape = p.compile(route.Targets, nil)
	route.Template = p.compile(route.Targets, splices)
	route.Ask = i.ask.plan(0)
	route.Once.AutoIncrement = t.schema.AutoIncrement() != nil
	p.plan.Root = &plan.Insert{Route: route}
	return nil
}

func orRefused(err, refused error) error {
	if err != nil {
		return err
	}
	return refused
}

// evaluateRow has the first copy evaluate the values of a row that others would evaluate differently.
func (i *insertPlan) evaluateRow(row int, values []ast.ExprNode) (bool, error) {
	for n, e := range values {
		span := i.valueSpan(row, n)
		if d, ok := e.(*ast.DefaultExpr); ok && d.Name == nil {
			c := i.t.schema.Column(i.lead[n])
			if c == nil || !i.p.unlikeDefault(c) {
				continue
			}
			value, ok := i.evaluateDefault(c)
			if !ok {
				return false, nil
			}
			i.rows[row] = append(i.rows[row], splice(span, value))
			continue
		}
		if !i.p.unlikeIn(span) {
			continue
		}
		if ok, err := i.askable(e, span); err != nil || !ok || i.p.divides(span) {
			return false, err
		}
		i.rows[row] = append(i.rows[row], splice(span, i.ask.value(0, i.p.exprPieces(i.route.Targets, span))))
	}
	return true, nil
}

// evaluateUpdate does the same for ON DUPLICATE KEY UPDATE, which one row evaluates at most once.
func (i *insertPlan) evaluateUpdate() (bool, error) {
	for n, a := range i.c.OnDupSet {
		if !i.p.unlikeIn(a.Expr) {
			continue
		}
		if len(i.n.Lists) != 1 || n >= len(i.n.OnDuplicate) {
			return false, nil
		}
		if ok, err := i.askable(i.n.OnDuplicate[n].Expr, a.Expr); err != nil || !ok || i.p.divides(a.Expr) {
			return false, err
		}
		i.splice = append(i.splice, splice(a.Expr, i.ask.value(0, i.p.exprPieces(i.route.Targets, a.Expr))))
	}
	return true, nil
}

// evaluateDefaults gives the rows values for the columns that they do not name and whose default is another one at
// each evaluation.
func (i *insertPlan) evaluateDefaults() bool {
	for n := range i.t.schema.Columns {
		c := &i.t.schema.Columns[n]
		if !i.p.unlikeDefault(c) || i.leadIndex(c.Name) >= 0 {
			continue
		}
		if !i.n.Setlist && len(i.c.Columns) == 0 {
			return false
		}
		for r := range i.rows {
			value, ok := i.evaluateDefault(c)
			if !ok {
				return false
			}
			i.addValue(r, c.Name, value)
		}
		if !i.n.Setlist {
			i.splice = append(i.splice, insertion(i.c.ColumnsSpan.End-1, []rewrite.Piece{text(", " + ident(c.Name))}))
		}
	}
	return true
}

// addValue gives a row a value for a column that it lacks.
func (i *insertPlan) addValue(row int, column string, value rewrite.Piece) {
	if !i.n.Setlist {
		i.rows[row] = append(i.rows[row], i.appendToRow(row, value))
		return
	}
	last := i.c.Assigns[len(i.c.Assigns)-1]
	i.splice = append(i.splice, insertion(last.End, []rewrite.Piece{text(", " + ident(column) + " = "), value}))
}

// evaluateDefault has the first copy evaluate a default that depends on no other column.
func (i *insertPlan) evaluateDefault(c *catalog.Column) (rewrite.Piece, bool) {
	stmt, err := parser.Parse("SELECT "+c.Default, i.p.stmt.Mode)
	if err != nil || stmt.AST == nil || stmt.Uses.Has(onceOnly) {
		return rewrite.Piece{}, false
	}
	names := &columnNames{}
	stmt.AST.Accept(names)
	if len(names.names) > 0 {
		return rewrite.Piece{}, false
	}
	return i.ask.value(0, []rewrite.Piece{text(c.Default)}), true
}

// covered reports whether nothing unlike is left outside of what is evaluated once.
func (i *insertPlan) covered() bool {
	all := append([]rewrite.Splice(nil), i.splice...)
	for _, r := range i.rows {
		all = append(all, r...)
	}
	for _, at := range i.p.stmt.Uses.At {
		if at.Use&unlike == 0 {
			continue
		}
		tok := i.p.stmt.Tokens[at.Tok]
		if !covered(all, tok.Span) {
			return false
		}
	}
	return true
}
