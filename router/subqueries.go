package router

import (
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// collectSubqueries builds the queries in the expressions of a SELECT.
func (p *planning) collectSubqueries(b *block, s *ast.SelectStmt) {
	semi := semiJoins(b.hard)
	f := &subqueryFinder{}
	if s.Fields != nil {
		f.visit(s.Fields)
	}
	f.visitExpr(s.Where)
	f.visitJoin(b.from)
	if s.GroupBy != nil {
		f.visit(s.GroupBy)
	}
	if s.Having != nil {
		f.visit(s.Having)
	}
	if s.OrderBy != nil {
		f.visit(s.OrderBy)
	}
	for i := range s.WindowSpecs {
		f.visit(&s.WindowSpecs[i])
	}
	p.addSubqueries(b, f.found, semi)
}

// addSubqueries builds what a finder found.
func (p *planning) addSubqueries(b *block, found []*ast.SubqueryExpr, semi map[*ast.SubqueryExpr]ast.ExprNode) {
	for _, e := range found {
		in, positive := semi[e]
		b.subs = append(b.subs, &subquery{query: p.buildQuery(e.Query, b), where: positive, in: in})
	}
}

// semiJoins maps the subqueries that a row has to match to be kept, to the left side that is compared (nil: EXISTS).
func semiJoins(hard []ast.ExprNode) map[*ast.SubqueryExpr]ast.ExprNode {
	out := map[*ast.SubqueryExpr]ast.ExprNode{}
	for _, e := range hard {
		switch e := bareExpr(e).(type) {
		case *ast.PatternInExpr:
			if s, ok := e.Sel.(*ast.SubqueryExpr); ok && !e.Not {
				out[s] = e.Expr
			}
		case *ast.ExistsSubqueryExpr:
			if s, ok := e.Sel.(*ast.SubqueryExpr); ok && !e.Not {
				out[s] = nil
			}
		case *ast.CompareSubqueryExpr:
			if s, ok := e.R.(*ast.SubqueryExpr); ok && !e.All && e.Op == opcode.EQ {
				out[s] = e.L
			}
		}
	}
	return out
}

// subqueryFinder lists the subqueries of expressions, not those inside them.
type subqueryFinder struct{ found []*ast.SubqueryExpr }

// Enter implements ast.Visitor.
func (f *subqueryFinder) Enter(n ast.Node) (ast.Node, bool) {
	if s, ok := n.(*ast.SubqueryExpr); ok {
		f.found = append(f.found, s)
		return n, true
	}
	return n, false
}

// Leave implements ast.Visitor.
func (f *subqueryFinder) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (f *subqueryFinder) visit(n ast.Node) { n.Accept(f) }

func (f *subqueryFinder) visitExpr(e ast.ExprNode) {
	if e != nil {
		e.Accept(f)
	}
}

// visitJoin visits the ON clauses.
func (f *subqueryFinder) visitJoin(n ast.ResultSetNode) {
	switch n := n.(type) {
	case *ast.Join:
		f.visitJoin(n.Left)
		if n.Right != nil {
			f.visitJoin(n.Right)
		}
		if n.On != nil {
			f.visitExpr(n.On.Expr)
		}
	case *ast.TableSource:
		if j, ok := n.Source.(*ast.Join); ok {
			f.visitJoin(j)
		}
	}
}
