package router

import (
	"sort"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// orderItem is one item of ORDER BY.
type orderItem struct {
	field  int             // the select item that it means, -1: none
	expr   []rewrite.Piece // what is compared, as an expression for the select list
	text   []rewrite.Piece // what stands in the shards' ORDER BY
	span   parser.Span     // of the expression that is compared
	node   ast.ExprNode
	desc   bool
	label  string
	random bool // another value at each evaluation
}

// orderItems resolves ORDER BY: a position, the alias or column of a select item, or an expression. Like a server
// it looks for a bare name in the select list first; inside an expression in the tables first.
func (f *fanOut) orderItems() ([]orderItem, error) {
	if f.sel.OrderBy == nil {
		return nil, nil
	}
	if len(f.c.OrderItems) != len(f.sel.OrderBy.Items) {
		return nil, f.p.refuse("an ORDER BY of a form that Heddle cannot read over several shards")
	}
	var out []orderItem
	for i, by := range f.sel.OrderBy.Items {
		item := f.c.OrderItems[i]
		if v, ok := bareExpr(by.Expr).(ast.ValueExpr); ok && item.Position == 0 {
			if _, isArg := f.p.stmt.ArgIndex(v); !isArg {
				continue // ORDER BY NULL
			}
		}
		o, err := f.orderItem(by, item)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (f *fanOut) orderItem(by *ast.ByItem, item parser.Item) (orderItem, error) {
	o := orderItem{field: -1, desc: by.Desc, node: by.Expr, span: item.Expr, text: f.cut(item.Expr), label: item.Expr.In(f.p.stmt.Text)}
	if item.Position > 0 {
		field, err := f.fieldAt(item.Position)
		if err != nil {
			return o, err
		}
		return f.fieldItem(o, field), nil
	}
	if name, ok := bareExpr(by.Expr).(*ast.ColumnNameExpr); ok {
		if field := f.namedField(name.Name); field >= 0 {
			return f.fieldItem(o, field), nil
		}
	}
	expr, err := f.withoutAliases(by.Expr, item.Expr)
	if err != nil {
		return o, err
	}
	o.expr = expr
	o.random = f.p.usesIn(item.Expr, parser.UseRand|parser.UseRowNum|parser.UseUUID|parser.UseNonDeterministic|parser.UseSysdate|parser.UseUnknownFunction)
	for i, it := range f.c.List {
		if !it.Star && f.p.sameTokens(it.Expr, item.Expr) {
			o.field = i
		}
	}
	return o, nil
}

// fieldItem makes the item mean a select item.
func (f *fanOut) fieldItem(o orderItem, field int) orderItem {
	o.field = field
	o.span = f.c.List[field].Expr
	o.expr = f.cut(o.span)
	o.node = f.sel.Fields.Fields[field].Expr
	return o
}

// fieldAt is the select item at a position.
func (f *fanOut) fieldAt(position int) (int, error) {
	for _, item := range f.c.List[:min(position, len(f.c.List))] {
		if item.Star {
			return 0, f.p.refuse("ORDER BY or GROUP BY a position behind a * over several shards")
		}
	}
	if position > len(f.c.List) {
		if _, err := f.p.describeText(f.route, f.p.compile(f.route.Targets, nil)); err != nil {
			return 0, err // in the server's words
		}
		return 0, sqlerr.UnknownColumn(strconv.Itoa(position), "order clause")
	}
	return position - 1, nil
}

// namedField is the select item that a bare name means: its alias, or a plain column of that name; -1: none.
func (f *fanOut) namedField(name *ast.ColumnName) int {
	for i, field := range f.sel.Fields.Fields {
		if field.WildCard != nil {
			continue
		}
		if field.AsName.L != "" {
			if name.Table.L == "" && field.AsName.L == name.Name.L {
				return i
			}
			continue
		}
		c, ok := bareExpr(field.Expr).(*ast.ColumnNameExpr)
		if !ok || c.Name.Name.L != name.Name.L {
			continue
		}
		if name.Table.L == "" || c.Name.Table.O == name.Table.O {
			return i
		}
	}
	return -1
}

// withoutAliases gives an expression as it can stand in a select list: names that mean select items are replaced by
// their expressions.
func (f *fanOut) withoutAliases(e ast.ExprNode, span parser.Span) ([]rewrite.Piece, error) {
	var splices []rewrite.Splice
	for _, c := range scanExpr(e).columns {
		field := f.aliasOf(c.Name)
		if field < 0 {
			continue
		}
		column, err := f.isColumn(c.Name.Name.O)
		if err != nil {
			return nil, err
		}
		at, ok := f.p.stmt.Span(c)
		if column || !ok {
			continue
		}
		pieces := append([]rewrite.Piece{text("(")}, f.cut(f.c.List[field].Expr)...)
		splices = append(splices, splice(at, append(pieces, text(")"))...))
	}
	return rewrite.Cut(f.p.src, rewrite.Span(span), append(splices, f.names...)), nil
}

// aliasOf is the select item whose alias a name is, -1: none.
func (f *fanOut) aliasOf(name *ast.ColumnName) int {
	if name.Table.L != "" {
		return -1
	}
	for i, field := range f.sel.Fields.Fields {
		if field.WildCard == nil && field.AsName.L != "" && field.AsName.L == name.Name.L {
			return i
		}
	}
	return -1
}

// isColumn reports whether a bare name is a column of the FROM clause. It may ask for schemas.
func (f *fanOut) isColumn(name string) (bool, error) {
	for _, s := range f.b.sources {
		found, err := f.sourceHas(s, name)
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// sourceHas is isColumn for one item of FROM.
func (f *fanOut) sourceHas(s *source, name string) (bool, error) {
	switch {
	case s.table != nil:
		if err := f.p.requireSchema(s.table); err != nil {
			return false, err
		}
		return s.table.column(name) >= 0, nil
	case s.body != nil && len(s.body.blocks) == 1:
		return f.derivedColumn(s.body.blocks[0], name)
	}
	return false, f.p.refuse("an alias that may be a column as well over several shards")
}

// derivedColumn reports whether a derived table has a column of that name.
func (f *fanOut) derivedColumn(b *block, name string) (bool, error) {
	for _, field := range b.sel.Fields.Fields {
		if field.WildCard != nil {
			found, err := (&fanOut{p: f.p, b: b}).isColumn(name)
			if found || err != nil {
				return found, err
			}
			continue
		}
		if strings.EqualFold(fieldName(field), name) {
			return true, nil
		}
	}
	return false, nil
}

// usesIn reports whether a feature occurs in a part of the text.
func (p *planning) usesIn(span parser.Span, use parser.Feature) bool {
	for _, at := range p.stmt.Uses.At {
		if at.Use&use == 0 {
			continue
		}
		if t := p.stmt.Tokens[at.Tok]; t.Start >= span.Start && t.End <= span.End {
			return true
		}
	}
	return false
}

// sameTokens reports whether two parts of the text say the same in every execution.
func (p *planning) sameTokens(a, b parser.Span) bool {
	x, y := p.tokensIn(a), p.tokensIn(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		switch {
		case x[i].Arg >= 0 && y[i].Arg >= 0:
			if !p.stmt.SameArg(x[i].Arg, y[i].Arg) {
				return false
			}
		case x[i].Kind != y[i].Kind || !strings.EqualFold(x[i].In(p.stmt.Text), y[i].In(p.stmt.Text)):
			return false
		}
	}
	return true
}

func (p *planning) tokensIn(span parser.Span) []parser.Token {
	all := p.stmt.Tokens
	all = all[sort.Search(len(all), func(i int) bool { return all[i].Start >= span.Start }):]
	n := sort.Search(len(all), func(i int) bool { return all[i].End > span.End })
	if n > 0 && all[n-1].Kind == parser.End {
		n--
	}
	return all[:n:n]
}
