package router

import (
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// An average of exact numbers is a DECIMAL where a DECIMAL is calculated with, and the quotient of two DOUBLEs where a DOUBLE
// is: the function at hand decides it, by its own type or by what it compares. What its operands have in turn decides nothing.

// realOperands tells which of an expression's operands are read as DOUBLEs.
type realOperands struct {
	byType  []ast.ExprNode   // where the expression is a DOUBLE
	always  []ast.ExprNode   // whatever it is
	compare [][]ast.ExprNode // lists that are compared with each other
}

func realOperandsOf(e ast.ExprNode) realOperands {
	switch e := e.(type) {
	case *ast.BinaryOperationExpr:
		switch e.Op {
		case opcode.Plus, opcode.Minus, opcode.Mul, opcode.Div, opcode.Mod:
			return realOperands{byType: []ast.ExprNode{e.L, e.R}}
		case opcode.EQ, opcode.NE, opcode.LT, opcode.LE, opcode.GT, opcode.GE, opcode.NullEQ:
			return realOperands{compare: [][]ast.ExprNode{{e.L, e.R}}}
		}
	case *ast.BetweenExpr:
		return realOperands{compare: [][]ast.ExprNode{{e.Expr, e.Left, e.Right}}}
	case *ast.PatternInExpr:
		var out realOperands
		for _, x := range e.List {
			out.compare = append(out.compare, []ast.ExprNode{e.Expr, x})
		}
		return out
	case *ast.FuncCastExpr:
		return realOperands{byType: []ast.ExprNode{e.Expr}}
	case *ast.CaseExpr:
		return realsOfCase(e)
	case *ast.FuncCallExpr:
		return realsOfCall(e)
	}
	return realOperands{}
}

func realsOfCase(e *ast.CaseExpr) realOperands {
	var out realOperands
	for _, when := range e.WhenClauses {
		out.byType = append(out.byType, when.Result)
		if e.Value != nil {
			out.compare = append(out.compare, []ast.ExprNode{e.Value, when.Expr})
		}
	}
	if e.ElseClause != nil {
		out.byType = append(out.byType, e.ElseClause)
	}
	return out
}

func realsOfCall(e *ast.FuncCallExpr) realOperands {
	switch e.FnName.L {
	case "if":
		return realOperands{byType: e.Args[1:]}
	case "ifnull", "coalesce", "nvl", "nvl2", "greatest", "least", "mod":
		return realOperands{byType: e.Args}
	case "sqrt", "pow", "power", "exp", "ln", "log", "log2", "log10", "sin", "cos", "tan", "cot", "asin", "acos", "atan", "atan2", "radians", "degrees":
		return realOperands{always: e.Args}
	}
	return realOperands{}
}

// passesOn are the operands that are read as the expression itself is.
func passesOn(e ast.ExprNode) []ast.ExprNode {
	switch e := e.(type) {
	case *ast.UnaryOperationExpr:
		if e.Op == opcode.Plus {
			return []ast.ExprNode{e.V}
		}
	case *ast.FuncCallExpr:
		switch e.FnName.L {
		case "nullif":
			return e.Args[:1]
		case "greatest", "least":
			return e.Args
		}
	}
	return nil
}

// findReals describes what tells where averages are read as DOUBLEs.
func (r *residualPlan) findReals(orders []orderItem) error {
	if !r.keepDigits {
		return nil
	}
	v := &realsVisitor{r: r, seen: map[ast.ExprNode]bool{}}
	for _, f := range r.sel.Fields.Fields {
		f.Expr.Accept(v)
	}
	if r.sel.Having != nil {
		v.in = clauseHaving
		r.sel.Having.Expr.Accept(v)
	}
	v.in = clauseOrder
	for _, o := range orders {
		o.node.Accept(v)
	}
	if v.err != nil || len(v.nodes) == 0 {
		return v.err
	}
	t := r.template(shardSelect{list: r.list(v.drafts, hiddenName), drop: true, group: r.groupBy(), having: true, draft: true})
	cols, err := r.p.describeText(r.route, t)
	if err != nil {
		return err
	}
	r.types = map[ast.ExprNode]*sqltypes.Column{}
	for i, n := range v.nodes[:min(len(v.nodes), len(cols))] {
		if r.types[n] = &cols[i]; cols[i].Type.IsFloat() && cols[i].Decimals != notFixed {
			return r.p.refuse("an average in a DOUBLE of a fixed number of decimals over several shards")
		}
	}
	return nil
}

// realsVisitor collects the expressions whose types are asked for.
type realsVisitor struct {
	r      *residualPlan
	in     clause
	seen   map[ast.ExprNode]bool
	nodes  []ast.ExprNode
	drafts [][]rewrite.Piece
	err    error
}

// Enter implements ast.Visitor.
func (v *realsVisitor) Enter(n ast.Node) (ast.Node, bool) {
	e, ok := n.(ast.ExprNode)
	if !ok || v.err != nil {
		return n, v.err != nil
	}
	if _, ok := e.(*ast.AggregateFuncExpr); ok {
		return n, true
	}
	ops := realOperandsOf(e)
	if v.r.averages(ops.byType) {
		v.ask(e)
	}
	for _, list := range ops.compare {
		if v.r.averages(list) {
			for _, x := range list {
				v.ask(x)
			}
		}
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *realsVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (v *realsVisitor) ask(e ast.ExprNode) {
	if v.seen[e] {
		return
	}
	v.seen[e] = true
	span, ok := v.r.p.stmt.Span(e)
	if !ok {
		v.err = v.r.p.refuse("an average in an expression of a form that Heddle cannot read over several shards")
		return
	}
	draft := v.r.cut(span)
	if v.in != clauseList {
		if draft, v.err = v.r.withoutAliases(e, span); v.err != nil {
			return
		}
	}
	v.nodes, v.drafts = append(v.nodes, e), append(v.drafts, draft)
}

// averages reports whether one of the operands is an average, or the alias of one.
func (r *residualPlan) averages(operands []ast.ExprNode) bool {
	for _, e := range operands {
		e = bareExpr(e)
		if c, ok := e.(*ast.ColumnNameExpr); ok {
			if field := r.aliasOf(c.Name); field >= 0 {
				e = bareExpr(r.sel.Fields.Fields[field].Expr)
			}
		}
		if a, ok := e.(*ast.AggregateFuncExpr); ok {
			span, _ := r.p.stmt.Span(a)
			if part := r.partOf(span); part != nil && part.real != "" {
				return true
			}
		}
		if r.averages(passesOn(e)) {
			return true
		}
	}
	return false
}

// partOf is the part that an aggregate of this text is.
func (r *residualPlan) partOf(span parser.Span) *residualPart {
	for i := range r.aggregates {
		if r.p.sameTokens(r.aggregates[i].span, span) {
			return &r.aggregates[i]
		}
	}
	return nil
}

// markReals takes note of the operands of an expression that are read as DOUBLEs.
func (v *residualVisitor) markReals(e ast.ExprNode) {
	if !v.r.keepDigits {
		return
	}
	ops := realOperandsOf(e)
	v.mark(ops.always)
	if t := v.r.types[e]; t != nil && t.Type.IsFloat() {
		v.mark(ops.byType)
	}
	for _, list := range ops.compare {
		for _, x := range list {
			if t := v.r.types[x]; t != nil && (t.Type.IsFloat() || isText(t.Type)) {
				v.mark(list)
			}
		}
	}
	if v.reals[e] {
		v.mark(passesOn(e))
	}
}

func (v *residualVisitor) mark(operands []ast.ExprNode) {
	for _, e := range operands {
		for {
			v.reals[e] = true
			p, ok := e.(*ast.ParenthesesExpr)
			if !ok {
				break
			}
			e = p.Expr
		}
	}
}
