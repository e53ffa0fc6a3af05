package router

import (
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// residualPlan plans a grouping with HAVING or expressions over aggregates: the groups go into a temporary table of one
// shard, column c0 … for each part, and the client's expressions are evaluated there with the parts in their places.
type residualPlan struct {
	*grouping
	aggregates []residualPart                    // bare aggregates by their text
	columns    []residualPart                    // columns and grouped expressions outside of aggregates
	whole      bool                              // what is rewritten is a select item that is nothing but an aggregate
	types      map[ast.ExprNode]*sqltypes.Column // of what tells where averages are read as DOUBLEs
	increment  int                               // how many digits a division adds
	keepDigits bool                              // quotients keep the digits that they do not show
	asText     bool                              // functions make other texts of them, or one is all of HAVING
	asOther    bool                              // there is a MIN or MAX of a text
	stored     bool                              // a server has the groups in a temporary table before it computes with them
	shape      [][]rewrite.Piece
}

// residualPart is what a part of the client's text becomes.
type residualPart struct {
	span    parser.Span
	replace string // "c3", "(c1/c2)"
	real    string // what stands for it where it is read as a DOUBLE; "": the same
	refuse  string // why it cannot be a part of an expression
	text    bool   // it is a text
	float   bool   // it is a FLOAT
	member  bool   // it is made of an ENUM or SET: only some functions take it for a text
	textual bool   // it is made of text that is no column's: arithmetic would have other digits over a table's column
}

func (g *grouping) residual(orders []orderItem) error {
	for _, field := range g.sel.Fields.Fields {
		if field.WildCard != nil {
			return g.p.refuse("* beside expressions over aggregates over several shards")
		}
	}
	groupCols, argCols, err := g.describeParts()
	if err != nil {
		return err
	}
	r := &residualPlan{grouping: g}
	result := g.cols[:g.visible]
	g.visible = 0
	for i := range g.groups {
		g.groups[i].field = -1
	}
	r.keepDigits = r.p.env.Mode.Flavour.MariaDB && r.sortsGroups()
	r.stored = r.keepDigits && r.storesGroups(orders)
	if err := r.findAggregates(orders); err != nil {
		return err
	}
	if err := r.findReals(orders); err != nil {
		return err
	}
	final, err := r.final(orders)
	if err != nil {
		return err
	}
	shape := r.shapeTemplate()
	types, err := g.p.describeText(g.route, shape)
	if err != nil {
		return err
	}
	for i := range types[:min(len(types), len(g.output))] {
		at := g.output[i].Column
		g.hidden[at] = exactly(&types[i], g.hidden[at])
	}
	shape = g.p.keepJSON(shape, types, partName)
	if err := g.makeKeys(groupCols, argCols); err != nil {
		return err
	}
	merged, _ := g.align(nil)
	node, order := g.aggregateNode(merged)
	g.route.Template = g.template(shardSelect{list: r.list(g.hidden, hiddenName), order: order, drop: true, group: r.groupBy(), having: true})
	g.p.plan.Root = &plan.Residual{
		Input: node, Target: g.route.Targets[0], Shape: shape, Final: final, Result: result, FreeGroups: g.p.groupsJudged,
		Stands: r.stands(), Untold: r.untold(),
	}
	return nil
}

// stands says what the parts stand for, for errors of the server that finishes the statement.
func (r *residualPlan) stands() (out []plan.Stand) {
	for _, part := range slices.Concat(r.aggregates, r.columns) {
		if part.replace != "" {
			out = append(out, plan.Stand{Columns: strings.Trim(part.replace, "()"), Text: part.span.In(r.p.stmt.Text)})
		}
	}
	return out
}

// findAggregates describes all aggregates of the statement and splits each into parts.
func (r *residualPlan) findAggregates(orders []orderItem) error {
	var nodes []*ast.AggregateFuncExpr
	var spans []parser.Span
	found := scanSelect(r.sel).aggregates
	for _, o := range orders {
		found = append(found, scanExpr(o.node).aggregates...)
	}
	for _, a := range found {
		span, ok := r.p.stmt.Span(a)
		if !ok {
			return r.p.refuse("an aggregate of a form that Heddle cannot read over several shards")
		}
		if !r.knownSpan(spans, span) {
			nodes, spans = append(nodes, a), append(spans, span)
		}
	}
	cols, err := r.describeAggregates(spans)
	if err != nil {
		return err
	}
	for i, a := range nodes {
		if err := r.addAggregate(a, spans[i], &cols[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *residualPlan) knownSpan(spans []parser.Span, span parser.Span) bool {
	for _, s := range spans {
		if r.p.sameTokens(s, span) {
			return true
		}
	}
	return false
}

func (r *residualPlan) describeAggregates(spans []parser.Span) ([]sqltypes.Column, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	parts := make([][]rewrite.Piece, len(spans), len(spans)+1)
	for i, s := range spans {
		parts[i] = r.cut(s)
	}
	if r.keepDigits && r.quotient(spans) {
		parts = append(parts, []rewrite.Piece{text("1/7")})
	}
	t := r.template(shardSelect{list: r.list(parts, hiddenName), drop: true, group: r.groupBy(), having: true, draft: true})
	cols, err := r.p.describeText(r.route, t)
	if err != nil || len(cols) == len(spans) {
		return cols, err
	}
	r.increment = int(cols[len(spans)].Decimals)
	return cols[:len(spans)], nil
}

// addAggregate makes the outputs of one aggregate. An average is kept as its two parts and divided by the server, to
// all the digits that it computes with.
func (r *residualPlan) addAggregate(a *ast.AggregateFuncExpr, span parser.Span, col *sqltypes.Column) error {
	if col.Type == sqltypes.Bit {
		// It reads as a number or as bytes, by the way that the server goes to it.
		return r.p.refuse("an aggregate of BIT beside HAVING or expressions over aggregates over several shards")
	}
	if done, err := r.addQuotient(a, span, col); done || err != nil {
		return err
	}
	index := r.hide(nil)
	agg, replace, err := r.parts(a, span, index, col)
	if err != nil {
		return err
	}
	if isDecimal(col) {
		agg.Third = -1 // what the shards show is what the groups of one server hold
	}
	switch agg.Func {
	case plan.VarPop, plan.VarSamp, plan.StdPop, plan.StdSamp:
		// The temporary table would keep as many digits as are shown, and a prepared statement's rows have all of them.
		return r.p.refuse("STDDEV and VARIANCE beside HAVING or expressions over aggregates over several shards")
	}
	if agg.Func != plan.Avg && col.Type.IsFloat() && col.Decimals != notFixed && !r.ofStored(a) {
		return r.p.refuse("an aggregate of DOUBLEs of a fixed number of decimals beside HAVING or expressions over aggregates over several shards")
	}
	r.hidden[index] = replace
	if replace == nil {
		r.hidden[index] = r.cut(span)
	}
	if agg.Func == plan.Min || agg.Func == plan.Max {
		return r.addExtreme(a, agg, span, col)
	}
	if agg.Func != plan.Avg {
		r.aggregates = append(r.aggregates, residualPart{span: span, replace: r.addOutput(agg, r.cut(span)), text: isText(col.Type)})
		return nil
	}
	sum, count := agg, agg
	sum.Func, sum.Second, sum.Inherit, sum.Result = plan.Sum, -1, true, sqltypes.Column{}
	count.Func, count.Column, count.Second, count.Third, count.Inherit, count.Result = plan.Count, agg.Second, -1, -1, true, sqltypes.Column{}
	s := r.addOutput(sum, r.hidden[agg.Column])
	c := r.addOutput(count, r.hidden[agg.Second])
	r.aggregates = append(r.aggregates, r.average(span, s, c, col))
	return nil
}

// ofStored reports whether an aggregate of numbers with a fixed number of decimals has no more of them than are shown: one of stored DOUBLEs,
// and MIN and MAX of stored FLOATs.
func (r *residualPlan) ofStored(a *ast.AggregateFuncExpr) bool {
	c, ok := bareExpr(a.Args[0]).(*ast.ColumnNameExpr)
	if !ok {
		return false
	}
	name, err := r.dataType(c.Name)
	fn := lower(a.F)
	return err == nil && (name == "double" || name == "float" && (fn == ast.AggFuncMin || fn == ast.AggFuncMax))
}

// addExtreme is addAggregate for MIN and MAX. Of an ENUM or SET they are text to what compares or joins them, a number cut to an
// integer to other functions, and where there are groups also the member's number: by whether the server has put the groups into
// a temporary table.
func (r *residualPlan) addExtreme(a *ast.AggregateFuncExpr, agg plan.Aggregation, span parser.Span, col *sqltypes.Column) error {
	textual := isText(col.Type)
	part, typed := residualPart{span: span, text: textual, float: col.Type == sqltypes.Float}, r.cut(span)
	_, column := bareExpr(a.Args[0]).(*ast.ColumnNameExpr)
	part.textual = textual && !column
	switch member, err := r.ofMembers(a); {
	case err != nil:
		return err
	case member && len(r.groups) > 0:
		part.refuse = "MIN or MAX of an ENUM or SET in expressions beside GROUP BY over several shards"
	case member:
		typed, part.textual, part.member = call("CONCAT(", typed), true, true
	}
	part.replace = r.addOutput(agg, typed)
	r.aggregates = append(r.aggregates, part)
	return nil
}

// addOutput adds an output of the aggregation and what gives its type; it returns its name.
func (r *residualPlan) addOutput(agg plan.Aggregation, typed []rewrite.Piece) string {
	r.output = append(r.output, agg)
	r.shape = append(r.shape, typed)
	return partName(len(r.output) - 1)
}

func partName(i int) string { return "c" + strconv.Itoa(i) }

// list is a select list of expressions with names.
func (r *residualPlan) list(exprs [][]rewrite.Piece, name func(int) string) []rewrite.Piece {
	var out []rewrite.Piece
	for i, e := range exprs {
		if i > 0 {
			out = append(out, text(", "))
		}
		out = append(append(out, e...), text(" AS "+name(i)))
	}
	return out
}

// groupBy is the shards' GROUP BY: the client's names may mean select items that are not there any more.
func (r *residualPlan) groupBy() []rewrite.Piece {
	var out []rewrite.Piece
	for i := range r.groups {
		out = append(append(out, text(", ")), r.groups[i].expr...)
	}
	if r.distinct != nil {
		out = append(out, r.distinct.group...)
	}
	if len(out) == 0 {
		return nil
	}
	return out[1:]
}

// shapeTemplate is a SELECT without rows that gives the types of the parts.
func (r *residualPlan) shapeTemplate() *rewrite.Template {
	splices := []rewrite.Splice{splice(r.c.ListSpan, r.list(r.shape, partName)...)}
	if r.c.GroupBy.Present() {
		var by []rewrite.Piece
		for i := range r.groups {
			by = append(append(by, text(", ")), r.groups[i].expr...)
		}
		splices = append(splices, splice(r.c.GroupBy.Body, by[1:]...))
	}
	for _, c := range []parser.Clause{r.c.Having, r.c.OrderBy, r.c.Lock} {
		if c.Present() {
			splices = append(splices, splice(c.Span))
		}
	}
	splices = append(splices, r.limitSplices(false)...)
	t := r.p.compile(r.route.Targets, append(splices, insertion(r.c.Span.End, []rewrite.Piece{text(" LIMIT 0")})))
	r.p.inlineParams(t)
	return t
}

// final is the SELECT over the temporary table.
func (r *residualPlan) final(orders []orderItem) (*rewrite.Template, error) {
	t := &rewrite.Template{Pieces: []rewrite.Piece{text("SELECT " + r.countingFound())}}
	add := func(pieces ...rewrite.Piece) { t.Pieces = append(t.Pieces, pieces...) }
	for i, item := range r.c.List {
		if i > 0 {
			add(text(", "))
		}
		_, r.whole = bareExpr(r.sel.Fields.Fields[i].Expr).(*ast.AggregateFuncExpr)
		expr, err := r.rewritten(r.sel.Fields.Fields[i].Expr, item.Expr, clauseList)
		r.whole = false
		if err != nil {
			return nil, err
		}
		add(expr...)
		add(itemLabel(r.p, r.sel, i, item)...)
	}
	add(text(" FROM "), rewrite.Piece{Op: rewrite.Table})
	if r.sel.Having != nil {
		expr, err := r.rewrittenAs(r.sel.Having.Expr, r.c.Having.Body, clauseHaving, false, true)
		if err != nil {
			return nil, err
		}
		add(text(" WHERE "))
		add(expr...)
	}
	for i, o := range orders {
		expr, err := r.orderExpr(o)
		if err != nil {
			return nil, err
		}
		add(text(map[bool]string{true: " ORDER BY ", false: ", "}[i == 0]))
		add(expr...)
		if o.desc {
			add(text(" DESC"))
		}
	}
	if l := r.c.Limit; l != nil {
		add(text(" "))
		add(rewrite.Cut(r.p.src, rewrite.Span(l.Span), nil)...)
	}
	t.CountParams()
	return t, nil
}

// orderExpr is an ORDER BY item over the temporary table: a select item by its position.
func (r *residualPlan) orderExpr(o orderItem) ([]rewrite.Piece, error) {
	if o.field >= 0 {
		return []rewrite.Piece{text(strconv.Itoa(o.field + 1))}, nil
	}
	return r.rewritten(o.node, o.span, clauseOrder)
}

// itemLabel names a select item as the client's text does.
func itemLabel(p *planning, sel *ast.SelectStmt, i int, item parser.Item) []rewrite.Piece {
	if item.Alias != "" {
		return p.as(item.AliasTok)
	}
	if _, ok := bareExpr(sel.Fields.Fields[i].Expr).(*ast.ColumnNameExpr); ok {
		tokens := p.tokensIn(item.Expr)
		for len(tokens) > 0 && !tokens[len(tokens)-1].Ident() { // a parenthesis around it
			tokens = tokens[:len(tokens)-1]
		}
		if len(tokens) > 0 {
			return p.as(tokens[len(tokens)-1].Span)
		}
	}
	return p.label(item.Expr)
}

// as gives the name that the client has written at a place, in the client's own bytes, which are in its charset. A bare
// word is quoted: behind a qualifier it may be a reserved one.
func (p *planning) as(name parser.Span) []rewrite.Piece {
	if strings.IndexByte("`'\"", p.stmt.Text[name.Start]) < 0 {
		return []rewrite.Piece{text(" AS `" + name.In(p.stmt.Text) + "`")}
	}
	return append([]rewrite.Piece{text(" AS ")}, rewrite.Cut(p.src, rewrite.Span(name), nil)...)
}
