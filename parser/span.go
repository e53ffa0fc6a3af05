package parser

import (
	"sort"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
	driver "github.com/pingcap/tidb/pkg/parser/test_driver"
)

// tokens gives the first and the last token of an expression.
func (st *Statement) tokens(e ast.ExprNode) (a, b int, ok bool) {
	if e == nil {
		return 0, 0, false
	}
	switch x := e.(type) {
	case *driver.ValueExpr, *driver.ParamMarkerExpr:
		return st.literalTokens(e)
	case *ast.ColumnNameExpr:
		return st.columnTokens(x)
	case *ast.ParenthesesExpr:
		return st.paren(x.OriginTextPosition())
	case *ast.SubqueryExpr:
		return st.paren(x.OriginTextPosition())
	case *ast.BinaryOperationExpr:
		return st.operation(x)
	case *ast.BetweenExpr:
		return st.between(x.Expr, x.Right)
	case *ast.CompareSubqueryExpr:
		return st.between(x.L, x.R)
	case *ast.UnaryOperationExpr:
		return st.unary(x)
	case *ast.RowExpr:
		return st.row(x)
	case *ast.FuncCallExpr:
		return st.call(x)
	case *ast.AggregateFuncExpr:
		return st.named(x.OriginTextPosition(), x.F)
	case *ast.FuncCastExpr:
		return st.cast(x)
	case *ast.CaseExpr:
		return st.caseTokens(x)
	}
	return st.predicate(e)
}

// predicate handles the forms that end in words: IN (…), IS NULL, LIKE … ESCAPE and so on.
func (st *Statement) predicate(e ast.ExprNode) (a, b int, ok bool) {
	r := &reader{st: st, t: st.Tokens}
	switch x := e.(type) {
	case *ast.PatternInExpr:
		if x.Sel != nil {
			return st.between(x.Expr, x.Sel)
		}
		if a, b, ok = st.tokens(x.Expr); ok {
			b++
			r.skip(&b, "NOT")
			ok = r.is(b, "IN", "(")
			b = r.after(b+1) - 1
		}
	case *ast.PatternLikeOrIlikeExpr:
		if a, b, ok = st.between(x.Expr, x.Pattern); ok && r.is(b+1, "ESCAPE") {
			b += 2
		}
	case *ast.PatternRegexpExpr:
		return st.between(x.Expr, x.Pattern)
	case *ast.IsNullExpr:
		return st.isWord(x.Expr, "NULL")
	case *ast.IsTruthExpr:
		if x.True != 0 {
			return st.isWord(x.Expr, "TRUE")
		}
		return st.isWord(x.Expr, "FALSE")
	case *ast.ExistsSubqueryExpr:
		if a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Is("EXISTS") || t.Is("NOT") }); ok {
			b = a
			if r.is(a, "NOT") {
				b++
			}
			ok = r.is(b, "EXISTS", "(") && (b > a) == x.Not
			b = r.after(b+1) - 1
		}
	case *ast.SetCollationExpr:
		if a, b, ok = st.tokens(x.Expr); ok {
			ok = r.is(b+1, "COLLATE")
			b += 2
		}
	case *ast.VariableExpr:
		return st.variable(x)
	}
	return a, b, ok && b < len(st.Tokens)
}

// operation covers an operator and its operands. The grammar library makes one of the function MOD(x, y) too.
func (st *Statement) operation(x *ast.BinaryOperationExpr) (a, b int, ok bool) {
	a, b, ok = st.between(x.L, x.R)
	if !ok || x.Op != opcode.Mod {
		return a, b, ok
	}
	r := &reader{st: st, t: st.Tokens}
	if _, left, _ := st.tokens(x.L); !r.is(left+1, ",") {
		return a, b, true
	}
	return a - 2, b + 1, r.is(a-2, "MOD", "(") && r.is(b+1, ")")
}

func (st *Statement) between(x, y ast.ExprNode) (a, b int, ok bool) {
	a, _, ok1 := st.tokens(x)
	_, b, ok2 := st.tokens(y)
	return a, b, ok1 && ok2 && a <= b
}

// literalTokens covers an argument, or a literal that is none: NULL, TRUE, a position.
func (st *Statement) literalTokens(e ast.ExprNode) (a, b int, ok bool) {
	if i, linked := st.ArgIndex(e); linked {
		s := st.Args[i].Span()
		a = sort.Search(len(st.Tokens), func(k int) bool { return st.Tokens[k].Start >= s.Start })
		b = sort.Search(len(st.Tokens), func(k int) bool { return st.Tokens[k].End >= s.End })
		return a, b, true
	}
	if _, linked := st.link.arg[e]; linked {
		return 0, 0, false
	}
	a, ok = st.leaf(e.OriginTextPosition(), func(t Token) bool {
		return t.Arg < 0 && (t.Is("NULL") || t.Is("TRUE") || t.Is("FALSE") || t.Kind == Int)
	})
	return a, a, ok
}

func (st *Statement) columnTokens(x *ast.ColumnNameExpr) (a, b int, ok bool) {
	a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Ident() && !before(t) })
	if !ok {
		return 0, 0, false
	}
	r := &reader{st: st, t: st.Tokens}
	b = a
	for _, q := range []string{x.Name.Schema.O, x.Name.Table.O} {
		if q != "" {
			if !strings.EqualFold(r.name(b), q) || !r.is(b+1, ".") {
				return 0, 0, false
			}
			b += 2
		}
	}
	return a, b, strings.EqualFold(r.name(b), x.Name.Name.O)
}

func (st *Statement) paren(offset int) (a, b int, ok bool) {
	a, ok = st.leaf(offset, func(t Token) bool { return t.Is("(") })
	if !ok {
		return 0, 0, false
	}
	b = int(st.match[a])
	return a, b, b < len(st.Tokens)
}

func (st *Statement) unary(x *ast.UnaryOperationExpr) (a, b int, ok bool) {
	a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool {
		return t.Is("-") || t.Is("+") || t.Is("!") || t.Is("~") || t.Is("NOT")
	})
	first, b, ok2 := st.tokens(x.V)
	return a, b, ok && ok2 && first == a+1
}

func (st *Statement) row(x *ast.RowExpr) (a, b int, ok bool) {
	a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Is("(") || t.Is("ROW") })
	if !ok {
		return 0, 0, false
	}
	r := &reader{st: st, t: st.Tokens}
	open := a
	r.skip(&open, "ROW")
	if !r.is(open, "(") {
		return 0, 0, false
	}
	return a, r.after(open) - 1, len(r.commas(open+1, r.after(open)-1)) == len(x.Values)
}

// named covers name(…).
func (st *Statement) named(offset int, name string) (a, b int, ok bool) {
	r := &reader{st: st, t: st.Tokens}
	a, ok = st.leaf(offset, func(t Token) bool { return t.Kind == Word && strings.EqualFold(t.In(st.Text), name) })
	if !ok || !r.is(a+1, "(") {
		return 0, 0, false
	}
	return a, r.after(a+1) - 1, !r.is(r.after(a+1), "OVER")
}

// call covers a function. Operators that the grammar turns into functions (|| and + INTERVAL) begin with their first
// operand, not with a name and a parenthesis in front of it: they are told no.
func (st *Statement) call(x *ast.FuncCallExpr) (a, b int, ok bool) {
	if _, linked := st.ArgIndex(x); linked {
		return st.literalTokens(x)
	}
	a, b, ok = st.named(x.OriginTextPosition(), x.FnName.O)
	if !ok {
		a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool {
			return bare[t.Word] != 0 && strings.EqualFold(t.Word, x.FnName.O)
		})
		return a, a, ok && len(x.Args) == 0
	}
	if len(x.Args) == 0 {
		return a, b, true
	}
	first, _, ok := st.tokens(x.Args[0])
	return a, b, ok && first > a && first < b
}

func (st *Statement) cast(x *ast.FuncCastExpr) (a, b int, ok bool) {
	for _, n := range []string{"CAST", "CONVERT"} {
		if a, b, ok = st.named(x.OriginTextPosition(), n); ok {
			first, _, inner := st.tokens(x.Expr)
			return a, b, inner && first == a+2
		}
	}
	return 0, 0, false
}

func (st *Statement) caseTokens(x *ast.CaseExpr) (a, b int, ok bool) {
	a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Is("CASE") })
	if !ok {
		return 0, 0, false
	}
	r := &reader{st: st, t: st.Tokens}
	for b, open := a, 0; b < len(st.Tokens); b = r.after(b) {
		switch {
		case r.is(b, "CASE"):
			open++
		case r.is(b, "END"):
			if open--; open == 0 {
				return a, b, true
			}
		}
	}
	return 0, 0, false
}

func (st *Statement) isWord(e ast.ExprNode, w string) (a, b int, ok bool) {
	r := &reader{st: st, t: st.Tokens}
	a, b, ok = st.tokens(e)
	b++
	if !ok || !r.skip(&b, "IS") {
		return 0, 0, false
	}
	r.skip(&b, "NOT")
	return a, b, r.is(b, w)
}

func (st *Statement) variable(x *ast.VariableExpr) (a, b int, ok bool) {
	a, ok = st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Kind == UserVar || t.Kind == SysVar })
	if !ok {
		return 0, 0, false
	}
	r := &reader{st: st, t: st.Tokens}
	b = a
	if st.Tokens[a].Kind == SysVar {
		b++
		for r.is(b+1, ".") {
			b += 2
		}
	}
	if x.Value != nil {
		_, b, ok = st.tokens(x.Value)
	}
	return a, b, ok
}
