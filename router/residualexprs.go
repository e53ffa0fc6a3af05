package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// clause says where an expression stands, which decides what its bare names mean.
type clause uint8

const (
	clauseList   clause = iota // columns only
	clauseHaving               // select items before columns
	clauseOrder                // columns before select items
)

// rewritten is an expression with its aggregates, grouped expressions and columns replaced by parts.
func (r *residualPlan) rewritten(e ast.ExprNode, span parser.Span, in clause) ([]rewrite.Piece, error) {
	return r.rewrittenAs(e, span, in, false, false)
}

// rewrittenAs is rewritten of an expression that is read as a DOUBLE, or as true or false.
func (r *residualPlan) rewrittenAs(e ast.ExprNode, span parser.Span, in clause, real, truth bool) ([]rewrite.Piece, error) {
	v := &residualVisitor{r: r, in: in, reals: map[ast.ExprNode]bool{}, texts: map[ast.ExprNode]bool{}, truths: map[ast.ExprNode]bool{}}
	if real {
		v.mark([]ast.ExprNode{e})
	}
	v.truths[bareExpr(e)] = truth
	if _, bare := bareExpr(e).(*ast.AggregateFuncExpr); bare && truth {
		r.asText = true // of a HAVING that is nothing else MySQL does say it
	}
	e.Accept(v)
	if v.err != nil {
		return nil, v.err
	}
	return rewrite.Cut(r.p.src, rewrite.Span(span), v.splices), nil
}

// residualVisitor finds what has to be replaced.
type residualVisitor struct {
	r       *residualPlan
	in      clause
	splices []rewrite.Splice
	reals   map[ast.ExprNode]bool // what is read as a DOUBLE
	texts   map[ast.ExprNode]bool // what is read as a text where it is an ENUM's or a SET's
	truths  map[ast.ExprNode]bool // what is read as true or false
	err     error
}

// Enter implements ast.Visitor.
func (v *residualVisitor) Enter(n ast.Node) (ast.Node, bool) {
	e, ok := n.(ast.ExprNode)
	if !ok || v.err != nil {
		return n, v.err != nil
	}
	span, spanned := v.r.p.stmt.Span(e)
	if v.computesText(e) {
		v.err = v.r.p.refuse("arithmetic on MIN or MAX of a text that is no column over several shards")
		return n, true
	}
	if a, ok := e.(*ast.AggregateFuncExpr); ok {
		v.replaceAggregate(a, span, spanned)
		return n, true
	}
	v.markReals(e)
	v.markTexts(e)
	v.markTruths(e)
	c, isColumn := e.(*ast.ColumnNameExpr)
	if !spanned {
		if isColumn {
			v.err = v.r.p.refuse("an expression over aggregates of a form that Heddle cannot read over several shards")
		}
		return n, false
	}
	if i := v.r.groupOf(span); i >= 0 {
		v.put(span, v.r.column(v.r.groups[i].span, v.r.groups[i].expr))
		return n, true
	}
	if isColumn {
		v.replaceColumn(c, span)
	}
	return n, isColumn
}

// markTexts takes note of the operands of what compares or joins texts.
func (v *residualVisitor) markTexts(e ast.ExprNode) {
	var operands []ast.ExprNode
	switch e := e.(type) {
	case *ast.BinaryOperationExpr:
		switch e.Op {
		case opcode.EQ, opcode.NE, opcode.LT, opcode.LE, opcode.GT, opcode.GE, opcode.NullEQ:
			operands = []ast.ExprNode{e.L, e.R}
		}
	case *ast.BetweenExpr:
		operands = []ast.ExprNode{e.Expr, e.Left, e.Right}
	case *ast.PatternInExpr:
		operands = append(operands, e.Expr)
	case *ast.PatternLikeOrIlikeExpr:
		operands = append(operands, e.Expr)
	case *ast.IsNullExpr:
		operands = append(operands, e.Expr)
	case *ast.FuncCallExpr:
		switch e.FnName.L {
		case "concat", "concat_ws", "upper", "lower", "length":
			operands = e.Args
			v.r.asText = true
		}
	}
	for _, o := range operands {
		v.texts[bareExpr(o)] = true
	}
}

// markTruths takes note of the operands of AND, OR, XOR and NOT.
func (v *residualVisitor) markTruths(e ast.ExprNode) {
	switch e := e.(type) {
	case *ast.BinaryOperationExpr:
		switch e.Op {
		case opcode.LogicAnd, opcode.LogicOr, opcode.LogicXor:
			v.truths[bareExpr(e.L)], v.truths[bareExpr(e.R)] = true, true
		}
	case *ast.UnaryOperationExpr:
		if e.Op == opcode.Not || e.Op == opcode.Not2 {
			v.truths[bareExpr(e.V)] = true
		}
	}
}

// computesText reports whether an expression is arithmetic on what is made of text by MIN or MAX.
func (v *residualVisitor) computesText(e ast.ExprNode) bool {
	var operands []ast.ExprNode
	switch e := e.(type) {
	case *ast.BinaryOperationExpr:
		switch e.Op {
		case opcode.Plus, opcode.Minus, opcode.Mul, opcode.Div, opcode.Mod, opcode.IntDiv:
			operands = []ast.ExprNode{e.L, e.R}
		}
	case *ast.UnaryOperationExpr:
		if e.Op == opcode.Minus {
			operands = []ast.ExprNode{e.V}
		}
	}
	for _, o := range operands {
		a, ok := bareExpr(o).(*ast.AggregateFuncExpr)
		if !ok {
			continue
		}
		span, ok := v.r.p.stmt.Span(a)
		for _, part := range v.r.aggregates {
			if ok && part.textual && v.r.p.sameTokens(part.span, span) {
				return true
			}
		}
	}
	return false
}

// Leave implements ast.Visitor.
func (v *residualVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (v *residualVisitor) put(span parser.Span, name string) {
	v.splices = append(v.splices, splice(span, text(name)))
}

func (v *residualVisitor) replaceAggregate(a *ast.AggregateFuncExpr, span parser.Span, ok bool) {
	if ok {
		for _, part := range v.r.aggregates {
			if v.r.p.sameTokens(part.span, span) {
				if part.refuse != "" && !v.r.whole {
					v.err = v.r.p.refuse(part.refuse)
				}
				if part.member && !v.r.whole && !v.texts[a] {
					v.err = v.r.p.refuse("MIN or MAX of an ENUM or SET in functions over several shards")
				}
				v.r.asOther = v.r.asOther || part.text
				v.put(span, v.readAs(a, &part))
				return
			}
		}
	}
	v.err = v.r.p.refuse("the aggregate " + a.F + " of a form that Heddle cannot read over several shards")
}

// untold reports whether one server says nothing of a MIN or MAX that is no number where it is read as one: MySQL does of what it
// makes of that, as of CONCAT.
func (r *residualPlan) untold() bool {
	return r.asOther && !r.asText && !r.p.env.Mode.Flavour.MariaDB
}

// readAs is a part for the way that it is read. A text is true by the number that it begins with, as a DOUBLE; that of a
// table's column, and of an alias in HAVING, as a DECIMAL.
func (v *residualVisitor) readAs(a *ast.AggregateFuncExpr, part *residualPart) string {
	switch {
	case part.float && !v.r.whole && !v.r.p.env.Mode.Flavour.MariaDB: // of which MySQL makes a DOUBLE, with its digits
		return "(" + part.replace + "+0E0)"
	case v.reals[a] && part.real != "":
		return part.real
	case v.truths[a] && part.text:
		return "(" + part.replace + "+0E0)"
	}
	return part.replace
}

// replaceColumn replaces a column outside of aggregates, or a select item's alias by its expression.
func (v *residualVisitor) replaceColumn(c *ast.ColumnNameExpr, span parser.Span) {
	field := v.r.aliasOf(c.Name)
	if field >= 0 && v.in == clauseOrder {
		column, err := v.r.isColumn(c.Name.Name.O)
		if err != nil {
			v.err = err
			return
		}
		if column {
			field = -1
		}
	}
	if v.in != clauseList && field >= 0 {
		expr, err := v.r.rewrittenAs(v.r.sel.Fields.Fields[field].Expr, v.r.c.List[field].Expr, clauseList, v.reals[c], false)
		if err != nil {
			v.err = err
			return
		}
		pieces := append([]rewrite.Piece{text("(")}, expr...)
		v.splices = append(v.splices, splice(span, append(pieces, text(")"))...))
		return
	}
	if len(v.r.groups) == 0 {
		v.err = v.r.p.refuse("a column beside aggregates without GROUP BY over several shards")
		return
	}
	v.put(span, v.r.column(span, v.r.cut(span)))
}

// column is the part that carries an expression of the group's rows.
func (r *residualPlan) column(span parser.Span, expr []rewrite.Piece) string {
	for _, part := range r.columns {
		if r.p.sameTokens(part.span, span) {
			return part.replace
		}
	}
	index := r.hide(expr)
	name := r.addOutput(plan.Aggregation{
		Func: plan.First, Column: index, Second: -1, Third: -1, Inherit: true, Label: span.In(r.p.stmt.Text),
	}, expr)
	r.columns = append(r.columns, residualPart{span: span, replace: name})
	return name
}
