package router

import "github.com/pingcap/tidb/pkg/parser/ast"

// exprScan says what an expression or a SELECT's own clauses hold, subqueries aside.
type exprScan struct {
	aggregates []*ast.AggregateFuncExpr
	windows    int
	subqueries int
	columns    []*ast.ColumnNameExpr
}

// Enter implements ast.Visitor.
func (s *exprScan) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.AggregateFuncExpr:
		s.aggregates = append(s.aggregates, n)
		return n, true
	case *ast.WindowFuncExpr:
		s.windows++
		return n, true
	case *ast.SubqueryExpr:
		s.subqueries++
		return n, true
	case *ast.ColumnNameExpr:
		s.columns = append(s.columns, n)
	}
	return n, false
}

// Leave implements ast.Visitor.
func (s *exprScan) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func scanExpr(e ast.Node) *exprScan {
	s := &exprScan{}
	if e != nil {
		e.Accept(s)
	}
	return s
}

func scanSelect(sel *ast.SelectStmt) *exprScan {
	s := &exprScan{}
	if sel.Fields != nil {
		for _, f := range sel.Fields.Fields {
			if f.Expr != nil {
				f.Expr.Accept(s)
			}
		}
	}
	if sel.Having != nil {
		sel.Having.Expr.Accept(s)
	}
	if sel.OrderBy != nil {
		for _, it := range sel.OrderBy.Items {
			it.Expr.Accept(s)
		}
	}
	return s
}

func hasAggregate(sel *ast.SelectStmt) bool { return len(scanSelect(sel).aggregates) > 0 }

func hasWindow(sel *ast.SelectStmt) bool {
	return len(sel.WindowSpecs) > 0 || scanSelect(sel).windows > 0
}
