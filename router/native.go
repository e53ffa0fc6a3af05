package router

import (
	"slices"
	"strings"
	"unicode"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// native plans a grouping whose answer is made of group columns and bare aggregates: each keeps its place in the
// select list, what else is needed is hidden behind it.
func (g *grouping) native(orders []orderItem) error {
	groupCols, argCols, err := g.describeParts()
	if err != nil {
		return err
	}
	for i := range g.visible {
		if err := g.visibleOutput(i); err != nil {
			return err
		}
	}
	if err := g.makeKeys(groupCols, argCols); err != nil {
		return err
	}
	if err := g.sortsApart(orders); err != nil {
		return err
	}
	merged, aligned := g.align(orders)
	node, order := g.aggregateNode(merged)
	pushed := len(g.groups) > 0 && g.distinct == nil && order != nil && (aligned || len(orders) == 0)
	node, err = g.sorted(node, orders, aligned && order != nil)
	if err != nil {
		return err
	}
	g.route.Template = g.template(shardSelect{
		hidden: g.hidden, order: order, drop: true, limit: pushed && g.c.Limit != nil, group: g.shardGroup(), more: g.more,
	})
	node = g.limited(node)
	if len(g.output) > g.visible {
		node = projectFirst(node, g.visible)
	}
	g.p.plan.Root = node
	return nil
}

// visibleOutput adds the output of the answer's column i.
func (g *grouping) visibleOutput(i int) error {
	if field := g.itemOf(i); field >= 0 {
		if a, ok := bareExpr(g.sel.Fields.Fields[field].Expr).(*ast.AggregateFuncExpr); ok {
			return g.aggregateOutput(i, a, g.c.List[field])
		}
	}
	first := plan.Aggregation{Func: plan.First, Column: i, Second: -1, Third: -1, Result: g.cols[i], Inherit: true, Label: g.cols[i].Name}
	g.output = append(g.output, first)
	return nil
}

// aggregateOutput adds the output of column i, which the select item makes by an aggregate.
func (g *grouping) aggregateOutput(i int, a *ast.AggregateFuncExpr, item parser.Item) error {
	agg, replace, err := g.parts(a, item.Expr, i, &g.cols[i])
	if err != nil {
		return err
	}
	if replace != nil {
		if item.Alias == "" {
			replace = append(replace, g.p.label(item.Expr)...)
		}
		g.more = append(g.more, splice(item.Expr, replace...))
	}
	g.output = append(g.output, agg)
	return nil
}

// parts splits an aggregate. index is the shards' column in its place; replace is what stands there instead of the
// function, nil: the function itself.
func (g *grouping) parts(a *ast.AggregateFuncExpr, span parser.Span, index int, result *sqltypes.Column) (agg plan.Aggregation, replace []rewrite.Piece, err error) {
	fn := aggregateFuncs[lower(a.F)]
	agg = plan.Aggregation{
		Func: fn, Column: index, Second: -1, Third: -1, Inherit: true, Label: span.In(g.p.stmt.Text), Result: *result,
	}
	if a.Distinct && fn != plan.Min && fn != plan.Max {
		return g.distinctParts(agg)
	}
	if g.distinct != nil && result.Type == sqltypes.Bit {
		return agg, nil, g.p.refuse("an aggregate of BIT beside one with DISTINCT over several shards") // it is shown as a number then
	}
	switch fn {
	case plan.Avg:
		agg.Inherit = false
		arg, err := g.firstArg(a)
		if err != nil {
			return agg, nil, err
		}
		agg.Second = g.hide(call("COUNT(", arg))
		return g.bounded(a, agg, call("SUM(", arg))
	case plan.Sum:
		return g.bounded(a, agg, nil)
	case plan.VarPop, plan.VarSamp, plan.StdPop, plan.StdSamp:
		agg.Inherit = false
		arg, err := g.firstArg(a)
		if err != nil {
			return agg, nil, err
		}
		agg.Second = g.hide(append(call("AVG((", arg), text("+0E0)+0")))
		agg.Third = g.hide(append(call("VAR_POP((", arg), text("+0E0)+0")))
		return agg, call("COUNT(", arg), nil
	case plan.Min, plan.Max:
		return g.extreme(agg, span, result)
	case plan.GroupConcat:
		return g.separator(agg, span)
	}
	return agg, nil, nil
}

// bounded makes an overflow of a sum of DOUBLEs known, which a shard shows as 0 if it shows it at all: what is too large for one
// order of the rows is not for another. Of a column the largest value tells. Looking at an expression twice would have the shards
// warn of it twice: of those 0 is added to the sum, which is an error where that has no end.
func (g *grouping) bounded(a *ast.AggregateFuncExpr, agg plan.Aggregation, sum []rewrite.Piece) (plan.Aggregation, []rewrite.Piece, error) {
	spans, err := g.argSpans(a)
	if err != nil {
		return agg, nil, err
	}
	if isDecimal(&agg.Result) && g.quotient(spans) {
		agg.Third = g.hide(g.allDigits("SUM(", spans[0]))
	}
	if agg.Result.Type != sqltypes.Double {
		return agg, sum, nil
	}
	if c, ok := bareExpr(a.Args[0]).(*ast.ColumnNameExpr); ok {
		name, err := g.dataType(c.Name)
		if err != nil {
			return agg, nil, err
		}
		switch name {
		case "float": // no number of them is too large
			if agg.Result.Decimals == notFixed {
				return agg, sum, nil
			}
		case "double":
			agg.Third = g.hide(call("MAX(ABS(", append(g.cut(spans[0]), text(")"))))
			return agg, sum, nil
		}
	}
	if sum == nil {
		sum = call("SUM(", g.cut(spans[0]))
	}
	if agg.Result.Decimals != notFixed {
		agg.Inherit = false // the part shows all digits
	}
	return agg, append(sum, text("+0E0")), nil
}

// dataType is the type of a column of a table in FROM, "" if it is of none.
func (g *grouping) dataType(name *ast.ColumnName) (string, error) {
	for _, s := range g.b.sources {
		if s.table == nil || name.Table.L != "" && !strings.EqualFold(name.Table.O, s.name()) {
			continue
		}
		if err := g.p.requireSchema(s.table); err != nil {
			return "", err
		}
		if i := s.table.column(name.Name.O); i >= 0 {
			return s.table.schema.Columns[i].DataType, nil
		}
	}
	return "", nil
}

// firstArg is the text of an aggregate's argument.
func (g *grouping) firstArg(a *ast.AggregateFuncExpr) ([]rewrite.Piece, error) {
	spans, err := g.argSpans(a)
	if err != nil || len(spans) == 0 {
		return nil, err
	}
	return g.cut(spans[0]), nil
}

func call(name string, arg []rewrite.Piece) []rewrite.Piece {
	return append(append([]rewrite.Piece{text(name)}, arg...), text(")"))
}

// extreme compares the shards' MIN or MAX; text by its weight, ENUM and SET by their text as the function does.
func (g *grouping) extreme(agg plan.Aggregation, span parser.Span, result *sqltypes.Column) (plan.Aggregation, []rewrite.Piece, error) {
	c := *result
	if c.Flags&(sqltypes.FlagEnum|sqltypes.FlagSet) != 0 {
		c.Flags &^= sqltypes.FlagEnum | sqltypes.FlagSet
		c.Type = sqltypes.VarString
	}
	if isText(result.Type) && g.readsByNumber(agg.Label) {
		g.p.whole = true
		return agg, nil, g.p.refuse(agg.Label + " where that column, a text, is compared with a number, over several shards: by an index a server looks for the text of the number")
	}
	weighed := isText(c.Type) && c.Collation != sqltypes.CollationBinary
	shape, err := g.p.shapeOf(&c, !weighed)
	if err == nil && shape.refuse == "" && shape.weight && !weighed {
		shape, err = g.p.shapeOf(&c, false)
	}
	if err != nil {
		return agg, nil, err
	}
	if shape.refuse != "" {
		return agg, nil, g.p.refuse(shape.refuse)
	}
	if shape.bytes >= 1<<24 {
		return agg, nil, g.p.refuse(agg.Label + " of very long text over several shards")
	}
	if c.Type == sqltypes.Float || !shape.weight && isText(c.Type) {
		shape.wrap = nil
	}
	agg.Order = shape.key(agg.Column, false, "")
	if shape.wrap != nil {
		agg.Order = shape.key(g.hide(shape.apply(g.cut(span))), false, "")
	}
	return agg, nil, nil
}

// separator finds what stands between the texts of GROUP_CONCAT: the literal behind SEPARATOR.
func (g *grouping) separator(agg plan.Aggregation, span parser.Span) (plan.Aggregation, []rewrite.Piece, error) {
	agg.Separator = []byte(",")
	tokens := g.p.tokensIn(span)
	for i, t := range tokens {
		if !t.Is("SEPARATOR") {
			continue
		}
		if i+1 >= len(tokens) || tokens[i+1].Arg < 0 {
			return agg, nil, g.p.refuse("GROUP_CONCAT with a SEPARATOR that Heddle cannot read over several shards")
		}
		agg.SeparatorArg = &plan.Expr{Arg: tokens[i+1].Arg}
	}
	for _, t := range tokens {
		if t.Is("LIMIT") {
			return agg, nil, g.p.refuse("GROUP_CONCAT with LIMIT over several shards")
		}
	}
	return agg, nil, nil
}

// distinctParts makes a DISTINCT aggregate of the rows that arrive sorted by its arguments.
func (g *grouping) distinctParts(agg plan.Aggregation) (plan.Aggregation, []rewrite.Piece, error) {
	arg := g.cut(g.distinct.spans[0])
	switch agg.Func {
	case plan.Count:
		agg.Func = plan.CountDistinct
		return agg, call("COUNT(", arg), nil
	case plan.Sum:
		agg.Func = plan.SumDistinct
		return agg, call("SUM(", arg), nil
	}
	agg.Func, agg.Inherit = plan.AvgDistinct, false
	return agg, call("SUM(", arg), nil
}

// makeKeys makes the keys of the groups and of the DISTINCT arguments.
func (g *grouping) makeKeys(groupCols, argCols []sqltypes.Column) error {
	for i := range g.groups {
		gi := &g.groups[i]
		shape, err := g.p.shapeOf(&groupCols[i], false)
		if err != nil {
			return err
		}
		gi.shape = shape
		if gi.shape.refuse != "" {
			return g.p.refuse(gi.shape.refuse)
		}
		index := g.visibleIndex(gi.field)
		if index >= 0 && gi.shape.wrap == nil {
			gi.key = gi.shape.key(index, false, gi.label)
		} else {
			gi.key = gi.shape.keyOf(index, g.hide(g.grouped(&gi.shape, gi.expr, gi.span)), false, gi.label)
		}
		gi.order = g.groupOrder(gi, index)
		if g.distinct != nil && !g.sortable(&gi.shape) {
			return g.p.refuse("DISTINCT aggregates in groups of long text over several shards")
		}
	}
	if g.distinct == nil {
		return nil
	}
	return g.distinctKeys(argCols)
}

// grouped is the hidden column that compares a grouped expression. Where the server wants every column to be grouped
// and the expression is more than a column, the least value stands for the group: all are equal.
func (g *grouping) grouped(shape *keyShape, expr []rewrite.Piece, span parser.Span) []rewrite.Piece {
	if shape.wrap != nil && !shape.member && !g.p.groupsJudged && g.p.env.Mode.SQLMode.Has(parser.OnlyFullGroupBy) && !g.p.plainColumn(span) {
		return shape.apply(call("MIN(", expr))
	}
	return shape.apply(expr)
}

// groupOrder is what sorts the shards' rows by a group's key without a name that could mean something else.
func (g *grouping) groupOrder(gi *groupItem, index int) []rewrite.Piece {
	if gi.shape.apart {
		return []rewrite.Piece{text(hiddenName(gi.key.Weight - g.visible))}
	}
	if index >= 0 {
		return []rewrite.Piece{text(decimal(uint64(index) + 1))}
	}
	if !gi.shape.weight && gi.shape.wrap == nil {
		return []rewrite.Piece{text(hiddenName(gi.key.Column - g.visible))}
	}
	return gi.expr
}

// distinctKeys adds the DISTINCT arguments to the shards' columns and to what they are grouped by.
func (g *grouping) distinctKeys(cols []sqltypes.Column) error {
	d := g.distinct
	for i, s := range d.spans {
		shape, err := g.p.shapeOf(&cols[i], false)
		if err != nil {
			return err
		}
		if shape.refuse != "" {
			return g.p.refuse(shape.refuse)
		}
		if !g.sortable(&shape) {
			return g.p.refuse("DISTINCT aggregates of long text over several shards")
		}
		expr := g.cut(s)
		value := g.hide(expr)
		label := s.In(g.p.stmt.Text)
		key := shape.key(value, false, label)
		whole := value
		if shape.wrap != nil {
			wrapped := g.hide(g.grouped(&shape, expr, s))
			key = shape.keyOf(value, wrapped, false, label)
			if cols[i].Type == sqltypes.Float {
				whole = wrapped // it prints six of its digits only
			}
		}
		d.keys, d.cols = append(d.keys, key), append(d.cols, whole)
		sep := text(", ")
		d.group = append(append(d.group, sep), text(hiddenName(value-g.visible)))
		sorted := value
		if shape.apart {
			sorted = key.Weight
		}
		d.order = append(append(d.order, sep), text(hiddenName(sorted-g.visible)))
	}
	for i := range g.output {
		switch g.output[i].Func {
		case plan.SumDistinct, plan.AvgDistinct:
			g.output[i].Column = d.cols[0]
			g.output[i].DistinctKeys = d.keys
		case plan.CountDistinct:
			g.output[i].DistinctKeys = d.keys
		}
	}
	return nil
}

// shardGroup is the shards' GROUP BY where DISTINCT arguments make it finer; nil: the client's.
func (g *grouping) shardGroup() []rewrite.Piece {
	if g.distinct == nil {
		return nil
	}
	if g.c.GroupBy.Present() {
		return append(g.cut(g.c.GroupBy.Body), g.distinct.group...)
	}
	return g.distinct.group[1:]
}

// readsByNumber reports whether the statement's only group is of rows whose columns WHERE compares with numbers, one being what an
// aggregate is of. A server that looks such a MIN or MAX up in an index may find nothing at all, or another row than by reading.
func (g *grouping) readsByNumber(label string) bool {
	if g.sel.GroupBy != nil || g.sel.Where == nil {
		return false
	}
	_, arg, _ := strings.Cut(strings.ToLower(label), "(")
	words := strings.FieldsFunc(arg, func(c rune) bool { return c != '_' && c != '$' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	v := &numberVisitor{words: words}
	g.sel.Where.Accept(v)
	return v.found
}

// numberVisitor looks for comparisons of a column with a number, one of those that an aggregate's argument names.
type numberVisitor struct {
	words []string
	found bool
}

// names reports whether the argument names a column. A name with other characters than words have is taken for named.
func (v *numberVisitor) names(column string) bool {
	return slices.Contains(v.words, column) || strings.ContainsFunc(column, func(c rune) bool { return c != '_' && c != '$' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

// Enter implements ast.Visitor.
func (v *numberVisitor) Enter(n ast.Node) (ast.Node, bool) {
	e, ok := n.(ast.ExprNode)
	if !ok {
		return n, false
	}
	for _, list := range realOperandsOf(e).compare {
		column, number := false, false
		for _, e := range list {
			e = bareExpr(e)
			if u, ok := e.(*ast.UnaryOperationExpr); ok {
				e = bareExpr(u.V)
			}
			switch e := e.(type) {
			case *ast.ColumnNameExpr:
				column = column || v.names(e.Name.Name.L)
			case ast.ValueExpr:
				switch e.GetValue().(type) {
				case nil, string, []byte:
				default:
					number = true
				}
			}
		}
		v.found = v.found || column && number
	}
	return n, v.found
}

// Leave implements ast.Visitor.
func (v *numberVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }
