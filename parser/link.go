package parser

import (
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	driver "github.com/pingcap/tidb/pkg/parser/test_driver"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// linkTable ties nodes of the tree to tokens. The grammar gives expressions the offset of the first token of the rule
// that made them last, which for a few rules is a word before the expression (WHERE, ELSE): leaves are looked up
// with that in mind and checked against what they hold; spans of composed expressions come from their leaves.
type linkTable struct {
	arg  map[ast.ExprNode]int
	at   offsets
	used []uint32 // how many nodes claim each argument
}

// ArgIndex gives the argument that a literal, a temporal literal or a parameter of AST stands for. It says no rather
// than guess.
func (st *Statement) ArgIndex(e ast.ExprNode) (int, bool) {
	i, ok := st.link.arg[e]
	return i, ok && st.link.used[i] == 1
}

// Span gives the exact bytes of an expression of AST, or says no.
func (st *Statement) Span(e ast.ExprNode) (Span, bool) {
	a, b, ok := st.tokens(e)
	if !ok || st.Tokens[a].Depth != st.Tokens[b].Depth {
		return Span{}, false
	}
	return Span{st.Tokens[a].Start, st.Tokens[b].End}, true
}

func (l *linkTable) build(st *Statement, node ast.StmtNode, c canon) {
	l.arg, l.used, l.at = make(map[ast.ExprNode]int, len(st.Args)), make([]uint32, len(st.Args)), c.at
	node.Accept(&linker{st, l})
}

// linker visits the leaves.
type linker struct {
	st *Statement
	l  *linkTable
}

// Enter implements ast.Visitor.
func (v *linker) Enter(n ast.Node) (ast.Node, bool) {
	switch x := n.(type) {
	case *driver.ParamMarkerExpr:
		if i, ok := v.l.at.token(x.Offset); ok && v.st.Tokens[i].Kind == Param {
			v.claim(x, v.st.Tokens[i].Arg)
		}
	case *driver.ValueExpr:
		if i, ok := v.st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Arg >= 0 }); ok && v.st.holds(x, v.st.Tokens[i].Arg) {
			v.claim(x, v.st.Tokens[i].Arg)
		}
	case *ast.FuncCallExpr:
		if strings.HasSuffix(x.FnName.L, "literal") {
			i, ok := v.st.leaf(x.OriginTextPosition(), func(t Token) bool { return t.Arg >= 0 })
			if ok && v.st.Args[v.st.Tokens[i].Arg].Kind >= ArgDate {
				v.claim(x, v.st.Tokens[i].Arg)
			}
			return n, true
		}
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *linker) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (v *linker) claim(e ast.ExprNode, arg int) {
	if _, seen := v.l.arg[e]; arg < 0 || seen {
		return
	}
	v.l.arg[e] = arg
	v.l.used[arg]++
}

// before are the words whose offset the grammar may give to the expression behind them.
func before(t Token) bool {
	return t.Is("WHERE") || t.Is("HAVING") || t.Is("ELSE") || t.Is("ON") || t.Is("DEFAULT") || t.Is("ESCAPE") || t.Is("THEN") || t.Is("SEPARATOR")
}

// leaf finds the token at a canonical offset, or the one behind a word such as WHERE, if it is fit.
func (st *Statement) leaf(offset int, fit func(Token) bool) (int, bool) {
	i, ok := st.link.at.token(offset)
	if !ok {
		return 0, false
	}
	if before(st.Tokens[i]) && i+1 < len(st.Tokens) && !fit(st.Tokens[i]) {
		i++
	}
	return i, fit(st.Tokens[i])
}

// holds reports whether the node's value is that of the argument.
func (st *Statement) holds(x *driver.ValueExpr, arg int) bool {
	a := st.Args[arg]
	v, err := st.Value(arg)
	if err != nil && a.Kind != ArgString && a.Kind != ArgHex && a.Kind != ArgBit {
		return false
	}
	switch a.Kind {
	case ArgInt:
		switch x.Kind() {
		case driver.KindInt64:
			return v.Kind == sqltypes.KindInt && x.GetInt64() == v.Int
		case driver.KindUint64:
			return v.Kind == sqltypes.KindUint && x.GetUint64() == uint64(v.Int)
		}
		return v.Kind == sqltypes.KindDecimal && x.Kind() == driver.KindMysqlDecimal
	case ArgDecimal:
		return x.Kind() == driver.KindMysqlDecimal
	case ArgFloat:
		f, err := strconv.ParseFloat(string(v.Bytes), 64)
		return err == nil && x.Kind() == driver.KindFloat64 && x.GetFloat64() == f
	case ArgString:
		return x.Kind() == driver.KindString && (err != nil || x.GetString() == st.Mode.Charset.utf8(string(v.Bytes)))
	case ArgHex, ArgBit:
		return x.Kind() == driver.KindBinaryLiteral
	}
	return false
}
