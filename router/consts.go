package router

import (
	"reflect"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// constant reads an expression whose value is known without a server: a literal, a parameter, either with a sign,
// NULL, TRUE and FALSE.
func (p *planning) constant(e ast.ExprNode) (plan.Expr, bool) {
	switch e := bareExpr(e).(type) {
	case *ast.UnaryOperationExpr:
		v, ok := p.constant(e.V)
		switch {
		case !ok || v.Arg < 0 && !v.Const.IsNull():
			return plan.Expr{}, false
		case e.Op == opcode.Plus:
			return v, true
		case e.Op == opcode.Minus:
			v.Negate = !v.Negate
			return v, true
		}
	default:
		if i, ok := p.stmt.ArgIndex(e); ok {
			return plan.Expr{Arg: i}, true
		}
		return keyword(e)
	}
	return plan.Expr{}, false
}

// keyword reads NULL, TRUE and FALSE, which are no arguments. A literal that could not be linked to its argument is
// none of them: its value may be another one at the next execution.
func keyword(e ast.ExprNode) (plan.Expr, bool) {
	value, ok := e.(ast.ValueExpr)
	if _, param := e.(ast.ParamMarkerExpr); param || !ok {
		return plan.Expr{}, false
	}
	switch v := value.GetValue().(type) {
	case nil:
		return plan.Expr{Arg: -1, Const: sqltypes.NullValue}, true
	case int64:
		if value.GetType().GetFlag()&mysql.IsBooleanFlag != 0 {
			return plan.Expr{Arg: -1, Const: sqltypes.IntValue(v)}, true
		}
	}
	return plan.Expr{}, false
}

// truth reads a condition that is the same for every row and does not depend on arguments.
func (p *planning) truth(e ast.ExprNode) (value, ok bool) {
	k, isKeyword := keyword(bareExpr(e))
	if !isKeyword || k.Const.IsNull() {
		return false, false
	}
	return k.Const.Int != 0, true
}

// trimmed registers an IN list for trimming and returns its index among the template's lists.
func (p *planning) trimmed(l *inList) int {
	for i, have := range p.lists {
		if have.items[0] == l.items[0] {
			return i
		}
	}
	p.lists = append(p.lists, l)
	return len(p.lists) - 1
}

// sameExpr reports whether two constants are equal in every execution.
func (p *planning) sameExpr(a, b plan.Expr) bool {
	if a.Arg < 0 || b.Arg < 0 {
		return a.Arg < 0 && b.Arg < 0 && reflect.DeepEqual(a.Const, b.Const)
	}
	return a.Negate == b.Negate && (a.Arg == b.Arg || p.stmt.SameArg(a.Arg, b.Arg))
}

func sameSelector(a, b plan.Selector) bool { return reflect.DeepEqual(a, b) }
