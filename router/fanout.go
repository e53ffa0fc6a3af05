package router

import (
	"slices"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// fanOut plans one SELECT over several shards.
type fanOut struct {
	p     *planning
	b     *block
	sel   *ast.SelectStmt
	c     *parser.Clauses
	route *plan.Route
	names []rewrite.Splice

	cols    []sqltypes.Column // as described: visible ones, then the draft's hidden ones
	visible int
	hidden  [][]rewrite.Piece // what the shards' statement appends to its select list
	stars   *[2]int           // see starred
	sortLen int               // max_sort_length that the shards' statement needs, 0: any
}

// plan chooses how the shards' rows are put together.
func (f *fanOut) plan() error {
	grouped := f.sel.GroupBy != nil || hasAggregate(f.sel)
	if grouped {
		if err := f.judgeGroups(); err != nil {
			return err
		}
	}
	if grouped && !f.p.groupsByKey(f.b) {
		return f.aggregate()
	}
	return f.rows()
}

// rows plans a SELECT whose rows are made by the shards: they are ordered, made distinct and cut.
func (f *fanOut) rows() error {
	distinct := f.sel.Distinct && !f.p.listsKey(f.b)
	orders, err := f.orderItems()
	if err != nil {
		return err
	}
	if distinct {
		return f.distinct(orders)
	}
	if err := f.keepsDistinct(orders); err != nil {
		return err
	}
	var root plan.Node = f.route
	var order []rewrite.Piece
	if len(orders) > 0 {
		keys, text, err := f.sortKeys(orders)
		if err != nil {
			return err
		}
		root, order = &plan.MergeSort{Input: root, Keys: keys}, text
	}
	f.route.Template = f.template(shardSelect{hidden: f.hidden, order: order, limit: true})
	f.route.SortsTwice = len(f.hidden) > 0 && f.c.Limit == nil && f.listsColumns()
	f.p.plan.Root = f.projected(f.limited(root))
	return nil
}

// listsColumns reports whether nothing is selected but columns.
func (f *fanOut) listsColumns() bool {
	return !slices.ContainsFunc(f.sel.Fields.Fields, func(field *ast.SelectField) bool {
		if field.WildCard != nil {
			return false
		}
		_, column := bareExpr(field.Expr).(*ast.ColumnNameExpr)
		return !column
	})
}

// keepsDistinct refuses what a hidden column would do to SELECT DISTINCT: it may only repeat what is selected.
func (f *fanOut) keepsDistinct(orders []orderItem) error {
	if !f.sel.Distinct || len(orders) == 0 {
		return nil
	}
	if err := f.describe(nil); err != nil {
		return err
	}
	for _, o := range orders {
		if o.random || f.orderedColumn(o) < 0 {
			return f.p.refuse("DISTINCT with ORDER BY of what is not in the select list over several shards")
		}
	}
	return nil
}

// sortKeys describes the draft and makes the keys of a merge: hidden columns are added where needed.
func (f *fanOut) sortKeys(orders []orderItem) ([]plan.Key, []rewrite.Piece, error) {
	draft := make([][]rewrite.Piece, len(orders))
	for i := range orders {
		draft[i] = orders[i].expr
	}
	if err := f.describe(draft); err != nil {
		return nil, nil, err
	}
	var keys []plan.Key
	var order []rewrite.Piece
	for i, o := range orders {
		key, err := f.sortKey(o, &f.cols[f.visible+i])
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, key)
		order = append(order, f.orderText(o, key, i == 0)...)
	}
	return keys, order, nil
}

// sortKey makes the key of one ORDER BY item.
func (f *fanOut) sortKey(o orderItem, c *sqltypes.Column) (plan.Key, error) {
	shape, err := f.p.shapeOf(c, true)
	if err != nil {
		return plan.Key{}, err
	}
	if shape.refuse != "" {
		return plan.Key{}, f.p.refuse(shape.refuse)
	}
	index := f.visibleIndex(o.field)
	if shape.wrap == nil && index >= 0 {
		return shape.key(index, o.desc, o.label), nil
	}
	return shape.keyOf(index, f.hide(shape.apply(o.expr)), o.desc, o.label), nil
}

// orderText is the item of the shards' ORDER BY. What may differ from one evaluation to the next is ordered by the
// hidden column itself.
func (f *fanOut) orderText(o orderItem, key plan.Key, first bool) []rewrite.Piece {
	var out []rewrite.Piece
	if !first {
		out = append(out, text(", "))
	}
	switch {
	case o.random && key.Weight < 0 && key.Column >= f.visible:
		out = append(out, text(hiddenName(key.Column-f.visible)))
	default:
		out = append(out, o.text...)
	}
	if o.desc {
		out = append(out, text(" DESC"))
	}
	return out
}

// hide appends a hidden column and returns its index among the shards' columns.
func (f *fanOut) hide(expr []rewrite.Piece) int {
	f.hidden = append(f.hidden, expr)
	return f.visible + len(f.hidden) - 1
}

func hiddenName(i int) string { return "`_hdl" + strconv.Itoa(i) + "`" }

// describe asks for the columns of the statement with the hidden ones behind its own.
func (f *fanOut) describe(hidden [][]rewrite.Piece) error {
	cols, err := f.p.describeText(f.route, f.template(shardSelect{hidden: hidden, plain: true}))
	if err != nil {
		return err
	}
	f.cols, f.visible = cols, len(cols)-len(hidden)
	return nil
}

// describeText finds a draft's columns in the facts, or asks for them.
func (p *planning) describeText(route *plan.Route, t *rewrite.Template) ([]sqltypes.Column, error) {
	cols, _, err := p.describeDraft(route, t, false)
	return cols, err
}

// describeNamed is describeText with the names that the columns have when the statement runs: those of its own text.
func (p *planning) describeNamed(route *plan.Route, t *rewrite.Template) ([]sqltypes.Column, error) {
	cols, err := p.describeText(route, t)
	if err != nil || p.given == nil {
		return cols, err
	}
	given := p.given
	p.given = nil
	named, err := p.describeText(route, t)
	p.given = given
	if err != nil || len(named) != len(cols) {
		return nil, err
	}
	cols = slices.Clone(cols)
	for i := range cols {
		cols[i].Name = named[i].Name
	}
	return cols, nil
}

// describeDraft is describeText for a draft that a server may refuse: failed says that it does.
func (p *planning) describeDraft(route *plan.Route, t *rewrite.Template, mayFail bool) (cols []sqltypes.Column, failed bool, err error) {
	for _, t := range p.tables {
		// The answer depends on the table: its version has to be known, so that DDL makes the plan invalid.
		if err := p.requireSchema(t); err != nil {
			return nil, false, err
		}
	}
	target := &route.Targets[0]
	p.at = target
	if p.env.Mode.Flavour.MariaDB {
		// Without this the server answers with the collation of the results, not with that of the values.
		set := setStatement("character_set_results=NULL", p.groupsMode())
		t = &rewrite.Template{Pieces: append(set, t.Pieces...), Lists: t.Lists}
	}
	drafts, err := p.drafts(target)
	if err != nil {
		return nil, false, err
	}
	r, err := rewrite.Render(nil, p.asGiven(t), rewrite.Names{Tables: target.Names, Schemas: target.Schemas, Gathered: drafts}, nil, ownArgs{p.stmt, p.stmt.Folds, p.given})
	if err != nil {
		return nil, false, err
	}
	sql := string(r.SQL)
	if p.facts.Refused[sql] {
		return nil, true, nil
	}
	cols, ok := p.facts.Columns[sql]
	if !ok {
		return nil, false, &NeedColumns{Target: target, Route: route, SQL: sql, Key: sql, MayFail: mayFail, Own: p.ownText(route, target, drafts)}
	}
	return cols, false, nil
}

// ownText is the statement as it stands, with the names of a target.
func (p *planning) ownText(route *plan.Route, target *plan.Target, drafts []string) string {
	whole := rewrite.Span{Start: 0, End: len(p.stmt.Text)}
	t := &rewrite.Template{Pieces: rewrite.Cut(p.src, whole, p.nameSplices(route.Targets))}
	r, err := rewrite.Render(nil, t, rewrite.Names{Tables: target.Names, Schemas: target.Schemas, Gathered: drafts}, nil, ownArgs{p.stmt, p.stmt.Folds, nil})
	if err != nil {
		return ""
	}
	return string(r.SQL)
}

// asGiven is a draft in which what is given of a parameter stands for its value too.
func (p *planning) asGiven(t *rewrite.Template) *rewrite.Template {
	if p.given == nil {
		return t
	}
	pieces := slices.Clone(t.Pieces)
	for i := range pieces {
		if pieces[i].Op == rewrite.Value && givenAt(p.given, pieces[i].N) != "" {
			pieces[i].Op = rewrite.Arg
		}
	}
	return &rewrite.Template{Pieces: pieces, Lists: t.Lists}
}

// visibleIndex is the place of a select item among the answer's columns; -1 where stars leave it open.
func (f *fanOut) visibleIndex(field int) int {
	first, last := f.starred()
	switch {
	case field < 0:
		return -1
	case first < 0 || field <= first:
		return field
	case field >= last:
		return f.visible - (len(f.c.List) - field)
	}
	return -1
}

// itemOf is the select item that makes the answer's column i; -1 where a star does, or may.
func (f *fanOut) itemOf(i int) int {
	first, last := f.starred()
	if i < len(f.c.List) && (first < 0 || i < first) {
		return i
	}
	if field := len(f.c.List) - (f.visible - i); field > last {
		return field
	}
	return -1
}

// starred is where the first and the last star of the select list stand; -1: there is none.
func (f *fanOut) starred() (first, last int) {
	if f.stars == nil {
		f.stars = &[2]int{-1, -1}
		for i, item := range f.c.List {
			if !item.Star {
				continue
			}
			if f.stars[0] < 0 {
				f.stars[0] = i
			}
			f.stars[1] = i
		}
	}
	return f.stars[0], f.stars[1]
}

// projected cuts the hidden columns off.
func (f *fanOut) projected(n plan.Node) plan.Node {
	if len(f.hidden) == 0 {
		return n
	}
	return projectFirst(n, f.visible)
}

func projectFirst(n plan.Node, count int) plan.Node {
	return &plan.Project{Input: n, Columns: firstColumns(count)}
}

func firstColumns(count int) []plan.ProjectColumn {
	out := make([]plan.ProjectColumn, count)
	for i := range out {
		out[i].Column = i
	}
	return out
}

// limited applies the LIMIT clause.
func (f *fanOut) limited(n plan.Node) plan.Node {
	args := limitArgs(f.c.Limit)
	if args == nil {
		return n
	}
	return &plan.Limit{Input: n, Args: *args, Count: f.countsFound()}
}

// countsFound reports whether all rows have to be seen, whatever LIMIT says.
func (f *fanOut) countsFound() bool { return f.p.stmt.Uses.Has(parser.UseCalcFoundRows) }

// countingFound is what has a server that finishes a statement count all of its rows.
func (f *fanOut) countingFound() string {
	if f.countsFound() {
		return "SQL_CALC_FOUND_ROWS "
	}
	return ""
}

func limitArgs(l *parser.Limit) *plan.LimitArgs {
	if l == nil {
		return nil
	}
	args := &plan.LimitArgs{}
	if l.Offset >= 0 {
		args.Offset = &plan.Expr{Arg: l.Offset}
	}
	if l.Count >= 0 {
		args.Count = &plan.Expr{Arg: l.Count}
	}
	return args
}

// shardSelect says how the shards' statement differs from the client's.
type shardSelect struct {
	hidden [][]rewrite.Piece // behind the select list
	order  []rewrite.Piece   // the ORDER BY's items; nil: as the client wrote it
	drop   bool              // ORDER BY is left out where order is nil
	limit  bool              // LIMIT becomes offset + count, else it is left out
	group  []rewrite.Piece   // the GROUP BY's items; nil: as the client wrote it
	having bool              // HAVING is left out
	more   []rewrite.Splice  // changes inside the select list
	plain  bool              // a draft: nothing but the hidden columns is changed
	draft  bool              // a draft of another kind
	list   []rewrite.Piece   // the whole select list; nil: the client's
}

// template makes the shards' statement.
func (f *fanOut) template(s shardSelect) *rewrite.Template {
	splices := append([]rewrite.Splice(nil), s.more...)
	if s.list != nil {
		splices = append(splices, splice(f.c.ListSpan, s.list...))
	}
	var hidden []rewrite.Piece
	for i, h := range s.hidden {
		hidden = append(append(append(hidden, text(", ")), h...), text(" AS "+hiddenName(i)))
	}
	if len(hidden) > 0 {
		splices = append(splices, insertion(f.c.ListSpan.End, hidden))
	}
	if !s.plain {
		splices = append(splices, f.tailSplices(s)...)
	}
	if !s.plain && !s.draft {
		sort := ""
		if f.sortLen > sortedBytes {
			sort = "max_sort_length=" + strconv.Itoa(f.sortLen)
		}
		if set := setStatement(sort, f.p.groupsMode()); set != nil {
			splices = append(splices, insertion(0, set))
		}
	}
	return f.p.compile(f.route.Targets, splices)
}

// tailSplices change what stands behind FROM and WHERE.
func (f *fanOut) tailSplices(s shardSelect) []rewrite.Splice {
	var out []rewrite.Splice
	tail := f.tail()
	switch {
	case s.group == nil:
	case f.c.GroupBy.Present():
		out = append(out, splice(f.c.GroupBy.Body, s.group...))
	default:
		at := f.afterWhere()
		out = append(out, insertion(at, append([]rewrite.Piece{text(" GROUP BY ")}, s.group...)))
	}
	if s.having && f.c.Having.Present() {
		out = append(out, splice(f.c.Having.Span))
	}
	switch {
	case s.order != nil && f.c.OrderBy.Present():
		out = append(out, splice(f.c.OrderBy.Body, s.order...))
	case s.order != nil:
		pieces := append([]rewrite.Piece{text(" ORDER BY ")}, s.order...)
		out = append(out, insertion(tail, append(pieces, text(" "))))
	case s.drop && f.c.OrderBy.Present():
		out = append(out, splice(f.c.OrderBy.Span))
	}
	return append(out, f.limitSplices(s.limit)...)
}

// limitSplices make LIMIT what each shard has to send.
func (f *fanOut) limitSplices(keep bool) []rewrite.Splice {
	l := f.c.Limit
	keep = keep && !f.countsFound()
	switch {
	case l == nil || keep && l.Offset < 0 && !l.OffsetSpan.Present():
		return nil
	case !keep:
		return []rewrite.Splice{splice(l.Span)}
	}
	return []rewrite.Splice{splice(l.Span, text("LIMIT "), rewrite.Piece{Op: rewrite.Total, N: l.Offset, M: l.Count})}
}

// tail is where an ORDER BY clause goes.
func (f *fanOut) tail() int {
	end := f.c.Span.End
	if f.c.Limit != nil {
		end = min(end, f.c.Limit.Start)
	}
	for _, c := range []parser.Clause{f.c.OrderBy, f.c.Procedure, f.c.Lock} {
		if c.Present() {
			end = min(end, c.Start)
		}
	}
	return end
}

// afterWhere is where a GROUP BY clause goes.
func (f *fanOut) afterWhere() int {
	for _, c := range []parser.Clause{f.c.Where, f.c.From} {
		if c.Present() {
			return c.End
		}
	}
	return f.tail()
}

func insertion(at int, pieces []rewrite.Piece) rewrite.Splice {
	return rewrite.Splice{Span: rewrite.Span{Start: at, End: at}, Pieces: pieces}
}

// cut is a part of the client's text with the names of the targets.
func (f *fanOut) cut(span parser.Span) []rewrite.Piece {
	return rewrite.Cut(f.p.src, rewrite.Span(span), f.names)
}

// ownArgs are the arguments that a statement's own text holds: those of a draft.
type ownArgs struct {
	stmt  *parser.Statement
	folds []parser.Fold // of stmt
	given []string      // Facts.Given
}

func (a ownArgs) Elements(i int) int { return a.folds[i].Count }

// Value decodes a literal. A parameter has no value yet: any will do for a text that is only described.
func (a ownArgs) Value(i int) (sqltypes.Value, error) {
	if i = a.place(i); a.stmt.Args[i].Kind == parser.ArgParam {
		return sqltypes.IntValue(1), nil
	}
	return a.stmt.Value(i)
}

// place is where an argument of a folded list's element is.
func (a ownArgs) place(i int) int {
	i, element := rewrite.SplitElement(i)
	return parser.Whole(a.folds, i, element)
}

// Param is the number of a parameter, where nothing else stands for it.
func (a ownArgs) Param(i int) int {
	if i = a.place(i); givenAt(a.given, i) != "" {
		return -1
	}
	return int(a.stmt.Args[i].Ordinal)
}

func (a ownArgs) Generated(int) sqltypes.Value { return sqltypes.NullValue }

func (a ownArgs) AppendText(b []byte, i int) []byte {
	i = a.place(i)
	if given := givenAt(a.given, i); given != "" {
		return append(b, given...)
	}
	return append(b, a.stmt.Args[i].Span().In(a.stmt.Text)...)
}

func givenAt(given []string, i int) string {
	if i >= len(given) {
		return ""
	}
	return given[i]
}

// givenOf is what is given of the arguments of a part: from says which of the statement's each one is, -1: none.
func (p *planning) givenOf(n int, from func(int) int) []string {
	if p.given == nil {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		if at := from(i); at >= 0 {
			out[i] = givenAt(p.given, at)
		}
	}
	return out
}

// givenFrom is givenOf for a part whose arguments are the statement's from one on.
func (p *planning) givenFrom(first int) []string {
	return p.givenOf(len(p.stmt.Args)-first, func(i int) int { return first + i })
}

// givenBy is givenOf for a part that is made of several.
func (p *planning) givenBy(origins []argOrigin) []string {
	return p.givenOf(len(origins), func(i int) int { return origins[i].arg })
}
