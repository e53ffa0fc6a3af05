package router

import (
	"errors"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// grouping plans a SELECT whose groups have rows on several shards.
type grouping struct {
	*fanOut
	groups   []groupItem
	distinct *distinctArgs // arguments of COUNT(DISTINCT …) and its kin

	output []plan.Aggregation
	more   []rewrite.Splice // changes of the select list's aggregates into their parts
}

// groupItem is one item of GROUP BY.
type groupItem struct {
	expr  []rewrite.Piece
	span  parser.Span
	field int // the select item that it means or equals, -1: none
	label string

	key   plan.Key
	shape keyShape
	order []rewrite.Piece // what the shards sort by
}

// distinctArgs are the one list of arguments that DISTINCT aggregates of a statement may have.
type distinctArgs struct {
	node  *ast.AggregateFuncExpr
	spans []parser.Span
	keys  []plan.Key
	cols  []int // the hidden columns that hold the values
	order []rewrite.Piece
	group []rewrite.Piece
}

// errByRows says that the rows themselves are needed in one place.
var errByRows = errors.New("the rows are needed")

// aggregate plans GROUP BY and aggregates over shards.
func (f *fanOut) aggregate() error {
	g := &grouping{fanOut: f}
	if g.wholeRows() {
		return g.byRows()
	}
	if err := g.groupItems(); err != nil {
		return err
	}
	if why := g.refusal(); why != "" {
		return f.p.refuse(why)
	}
	switch err := g.findDistinct(); {
	case errors.Is(err, errByRows):
		return g.byRows()
	case err != nil:
		return err
	}
	orders, err := f.orderItems()
	if err != nil {
		return err
	}
	if g.needsResidual(orders) {
		return g.residual(orders)
	}
	return g.native(orders)
}

// refusal names what has no meaning shard by shard.
func (g *grouping) refusal() string {
	if g.sel.GroupBy == nil {
		for _, field := range g.sel.Fields.Fields {
			if field.WildCard != nil {
				return "* beside aggregates without GROUP BY over several shards"
			}
		}
	}
	scan := scanSelect(g.sel)
	if scan.subqueries > 0 {
		return "a subquery beside aggregates over several shards"
	}
	if g.sel.GroupBy == nil && len(scan.columns) > 0 && g.looseColumns() {
		return "a column beside aggregates without GROUP BY over several shards"
	}
	return ""
}

// looseColumns reports whether a select item or HAVING names a column outside of aggregates.
func (g *grouping) looseColumns() bool {
	for _, field := range g.sel.Fields.Fields {
		if field.Expr != nil && len(scanExpr(field.Expr).columns) > 0 {
			return true
		}
	}
	if g.sel.Having == nil {
		return false
	}
	for _, c := range scanExpr(g.sel.Having.Expr).columns {
		if g.aliasOf(c.Name) < 0 {
			return true
		}
	}
	return false
}

// groupItems resolves GROUP BY: a position, a column, an alias, or an expression. Of a bare name the column goes
// before the alias.
func (g *grouping) groupItems() error {
	if g.sel.GroupBy == nil {
		return nil
	}
	if len(g.c.GroupItems) != len(g.sel.GroupBy.Items) {
		return g.p.refuse("a GROUP BY of a form that Heddle cannot read over several shards")
	}
	for i, by := range g.sel.GroupBy.Items {
		item := g.c.GroupItems[i]
		gi := groupItem{field: -1, span: item.Expr, expr: g.cut(item.Expr), label: item.Expr.In(g.p.stmt.Text)}
		if item.Position > 0 {
			field, err := g.fieldAt(item.Position)
			if err != nil {
				return err
			}
			g.groups = append(g.groups, g.ofField(gi, field))
			continue
		}
		if name, ok := bareExpr(by.Expr).(*ast.ColumnNameExpr); ok {
			if field := g.aliasOf(name.Name); field >= 0 {
				column, err := g.isColumn(name.Name.Name.O)
				if err != nil {
					return err
				}
				if !column {
					g.groups = append(g.groups, g.ofField(gi, field))
					continue
				}
				if gi.expr, err = g.qualified(name.Name); err != nil {
					return err
				}
				gi.field = g.equalField(item.Expr)
				g.groups = append(g.groups, gi)
				continue
			}
		}
		expr, err := g.withoutAliases(by.Expr, item.Expr)
		if err != nil {
			return err
		}
		gi.expr = expr
		gi.field = g.equalField(item.Expr)
		g.groups = append(g.groups, gi)
	}
	return nil
}

// qualified is a column with its table: in the ORDER BY that the shards are given its bare name would mean the alias.
func (g *grouping) qualified(name *ast.ColumnName) ([]rewrite.Piece, error) {
	table := name.Table.O
	for _, s := range g.b.sources {
		if name.Table.O != "" || s.table == nil || s.table.column(name.Name.O) < 0 {
			continue
		}
		if table != "" {
			return nil, g.p.refuse("GROUP BY of a column of two tables whose name is an alias as well over several shards")
		}
		table = s.name()
	}
	if table == "" {
		return nil, g.p.refuse("GROUP BY of a column of a derived table whose name is an alias as well over several shards")
	}
	return []rewrite.Piece{text(ident(table) + "." + ident(name.Name.O))}, nil
}

func (g *grouping) ofField(gi groupItem, field int) groupItem {
	gi.field, gi.span = field, g.c.List[field].Expr
	gi.expr = g.cut(gi.span)
	return gi
}

// equalField is the select item with the same text, -1: none.
func (g *grouping) equalField(span parser.Span) int {
	for i, it := range g.c.List {
		if !it.Star && g.p.sameTokens(it.Expr, span) {
			return i
		}
	}
	return -1
}

// findDistinct finds the arguments of DISTINCT aggregates.
func (g *grouping) findDistinct() error {
	for _, a := range scanSelect(g.sel).aggregates {
		if !a.Distinct || lower(a.F) == ast.AggFuncMin || lower(a.F) == ast.AggFuncMax {
			continue
		}
		spans, err := g.argSpans(a)
		if err != nil {
			return err
		}
		if g.distinct == nil {
			g.distinct = &distinctArgs{node: a, spans: spans}
			continue
		}
	}
	if g.distinct == nil {
		return nil
	}
	texts, err := g.sumsTexts()
	if err != nil {
		return err
	}
	if texts || g.sel.GroupBy == nil && g.constantFields() {
		g.distinct = nil
		return errByRows
	}
	return nil
}

// sumsTexts reports whether DISTINCT values that are no numbers are added up: which of them are the same is decided by the
// numbers that they are taken for.
func (g *grouping) sumsTexts() (bool, error) {
	sums := false
	for _, a := range scanSelect(g.sel).aggregates {
		fn := lower(a.F)
		sums = sums || a.Distinct && (fn == ast.AggFuncSum || fn == ast.AggFuncAvg)
	}
	if !sums {
		return false, nil
	}
	cols, err := g.describeDistinct()
	if err != nil || len(cols) == 0 {
		return false, err
	}
	c := &cols[0]
	return isText(c.Type) || c.Type == sqltypes.Enum || c.Type == sqltypes.Set || c.Flags&(sqltypes.FlagEnum|sqltypes.FlagSet) != 0, nil
}

// constantFields reports whether a select item holds no aggregate.
func (g *grouping) constantFields() bool {
	for _, field := range g.sel.Fields.Fields {
		if field.Expr != nil && len(scanExpr(field.Expr).aggregates) == 0 {
			return true
		}
	}
	return false
}

// argSpans are the places of an aggregate's arguments.
func (g *grouping) argSpans(a *ast.AggregateFuncExpr) ([]parser.Span, error) {
	var out []parser.Span
	for _, e := range a.Args {
		s, ok := g.p.stmt.Span(e)
		if !ok {
			return nil, g.p.refuse("an argument of " + a.F + " of a form that Heddle cannot read over several shards")
		}
		out = append(out, s)
	}
	return out, nil
}

// needsResidual reports whether anything but plain columns of the grouping's output is asked for.
func (g *grouping) needsResidual(orders []orderItem) bool {
	if g.sel.Having != nil {
		return true
	}
	for _, field := range g.sel.Fields.Fields {
		if field.Expr == nil || len(scanExpr(field.Expr).aggregates) == 0 {
			continue
		}
		if _, plain := bareExpr(field.Expr).(*ast.AggregateFuncExpr); !plain {
			return true
		}
	}
	for _, o := range orders {
		if o.field < 0 && g.groupOf(o.span) < 0 {
			return true
		}
	}
	return false
}

// groupOf is the GROUP BY item with the same text, -1: none.
func (g *grouping) groupOf(span parser.Span) int {
	for i := range g.groups {
		if g.p.sameTokens(g.groups[i].span, span) {
			return i
		}
	}
	return -1
}

// describeParts asks for the select list, the GROUP BY expressions and the DISTINCT arguments.
func (g *grouping) describeParts() (groups, args []sqltypes.Column, err error) {
	draft := make([][]rewrite.Piece, len(g.groups))
	for i := range g.groups {
		draft[i] = g.groups[i].expr
	}
	if err := g.describe(draft); err != nil {
		return nil, nil, err
	}
	groups = g.cols[g.visible:]
	if g.distinct == nil {
		return groups, nil, nil
	}
	args, err = g.describeDistinct()
	return groups, args, err
}

// describeDistinct asks for the arguments of the DISTINCT aggregates.
func (g *grouping) describeDistinct() ([]sqltypes.Column, error) {
	var list []rewrite.Piece
	for i, s := range g.distinct.spans {
		if i > 0 {
			list = append(list, text(", "))
		}
		list = append(append(list, g.cut(s)...), text(" AS "+hiddenName(i)))
	}
	return g.p.describeText(g.route, g.ungrouped(list))
}

// ungrouped is the statement's FROM and WHERE under another select list.
func (g *grouping) ungrouped(list []rewrite.Piece) *rewrite.Template {
	splices := []rewrite.Splice{splice(g.c.ListSpan, list...)}
	for _, c := range []parser.Clause{g.c.GroupBy, g.c.Having, g.c.OrderBy} {
		if c.Present() {
			splices = append(splices, splice(c.Span))
		}
	}
	return g.p.compile(g.route.Targets, append(splices, g.limitSplices(false)...))
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// aggregateFuncs are the functions that can be put together from parts.
var aggregateFuncs = map[string]plan.AggregateFunc{
	"count": plan.Count, "sum": plan.Sum, "min": plan.Min, "max": plan.Max, "avg": plan.Avg,
	"bit_and": plan.BitAnd, "bit_or": plan.BitOr, "bit_xor": plan.BitXor,
	"var_pop": plan.VarPop, "variance": plan.VarPop, "var_samp": plan.VarSamp,
	"stddev_pop": plan.StdPop, "stddev": plan.StdPop, "std": plan.StdPop, "stddev_samp": plan.StdSamp,
	"group_concat": plan.GroupConcat, "json_arrayagg": plan.JSONArrayAgg, "json_objectagg": plan.JSONObjectAgg,
}

// distinctFuncs are those that may have DISTINCT.
var distinctFuncs = map[string]bool{"count": true, "sum": true, "avg": true, "min": true, "max": true}
