package router

import (
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// fanOutUnion plans set operations whose branches are all made shard by shard: the shards run the whole text, their
// answers are put together as the last operation wants it.
func (p *planning) fanOutUnion(q *query, route *plan.Route) error {
	c := p.stmt.Clauses
	if why := p.unionRefusal(q, c); why != "" {
		return p.refuse(why)
	}
	f := &fanOut{p: p, b: q.blocks[0], sel: q.blocks[0].sel, c: c, route: route, names: p.nameSplices(route.Targets)}
	distinct := q.ops[len(q.ops)-1] == ast.Union
	if !distinct && len(c.OrderItems) == 0 {
		f.route.Template = p.compile(route.Targets, f.limitSplices(true))
		p.plan.Root = f.limited(route)
		return nil
	}
	cols, err := p.describeNamed(route, p.compile(route.Targets, nil))
	if err != nil {
		return err
	}
	f.cols, f.visible = cols, len(cols)
	return f.union(distinct)
}

// unionRefusal names what is not done with unions over shards.
func (p *planning) unionRefusal(q *query, c *parser.Clauses) string {
	switch {
	case q.nested || len(c.Branches) != len(q.blocks) || len(q.ops) != len(q.blocks)-1:
		return "nested set operations over several shards"
	case c.Lock.Present():
		return "a locking UNION over several shards"
	}
	for _, op := range q.ops {
		switch {
		case op != ast.Union && op != ast.UnionAll:
			return "EXCEPT and INTERSECT over several shards"
		case op != q.ops[0]:
			return "UNION and UNION ALL mixed over several shards"
		}
	}
	for i, b := range q.blocks {
		branch := c.Branches[i]
		local := b.sel.GroupBy == nil && !hasAggregate(b.sel) || p.groupsByKey(b)
		switch {
		case b.sel.Limit != nil || branch.Limit != nil:
			return "LIMIT in a branch of a UNION over several shards"
		case !local:
			return "an aggregate in a branch of a UNION over several shards"
		case b.sel.Distinct && q.ops[0] == ast.UnionAll && !p.listsKey(b):
			return "DISTINCT in a branch of a UNION ALL over several shards"
		}
	}
	return ""
}

// union orders and makes distinct. Where a column has to be compared by a hidden one the union becomes a derived
// table: only there it can be computed from the union's own type.
func (f *fanOut) union(distinct bool) error {
	orders, err := f.unionOrder()
	if err != nil {
		return err
	}
	u := &unionPlan{fanOut: f, distinct: distinct, keys: make([]plan.Key, f.visible)}
	for i := range u.keys {
		if err := u.shape(i, orders); err != nil {
			return err
		}
	}
	var merge []plan.Key
	used := make([]bool, f.visible)
	for _, o := range orders {
		key := u.keys[o.field]
		key.Desc, key.Label, used[o.field] = o.desc, o.label, true
		merge = append(merge, key)
	}
	for i := range u.keys {
		if distinct && !used[i] {
			merge = append(merge, u.keys[i])
		}
	}
	var root plan.Node = &plan.MergeSort{Input: f.route, Keys: merge}
	if distinct {
		root = &plan.Distinct{Input: root, Keys: u.keys, Sorted: true}
	}
	f.route.Template = u.template(merge)
	root = f.limited(root)
	if len(f.hidden) > 0 {
		root = &plan.Project{Input: root, Columns: firstColumns(f.visible), Bare: true}
		if !f.p.env.Mode.Flavour.MariaDB { // which describes a derived table's columns otherwise
			f.p.plan.Trial = f.trial()
		}
	}
	f.p.plan.Root = root
	return nil
}

// unionOrder resolves ORDER BY among the union's own columns.
func (f *fanOut) unionOrder() ([]orderItem, error) {
	var out []orderItem
	for _, item := range f.c.OrderItems {
		o := orderItem{field: item.Position - 1, desc: item.Desc, label: item.Expr.In(f.p.stmt.Text)}
		if item.Position == 0 {
			if !f.p.plainColumn(item.Expr) {
				return nil, f.p.refuse("ORDER BY of an expression in a UNION over several shards")
			}
			o.span = item.Expr
			o.field = -1
			if i := f.orderedColumn(orderItem{field: -1, span: item.Expr}); i >= 0 {
				o.field = i
			}
		}
		if o.field < 0 || o.field >= f.visible {
			return nil, f.p.refuse("ORDER BY of what is not a column of the UNION over several shards")
		}
		out = append(out, o)
	}
	return out, nil
}

// unionPlan is the ordering of a union.
type unionPlan struct {
	*fanOut
	distinct bool
	keys     []plan.Key
	apart    []bool // by hidden column
}

// shape makes the key of column i, if it is needed.
func (u *unionPlan) shape(i int, orders []orderItem) error {
	needed := u.distinct
	for _, o := range orders {
		needed = needed || o.field == i
	}
	if !needed {
		return nil
	}
	shape, err := u.p.shapeOf(&u.cols[i], !u.distinct)
	if err != nil {
		return err
	}
	if shape.refuse == "" && !u.sortable(&shape) {
		shape.refuse = "a UNION of long text over several shards"
	}
	if shape.refuse != "" {
		return u.p.refuse(shape.refuse)
	}
	if shape.wrap == nil {
		u.keys[i] = shape.key(i, false, u.cols[i].Name)
		return nil
	}
	for j := range u.visible {
		if j != i && strings.EqualFold(u.cols[j].Name, u.cols[i].Name) {
			return u.p.refuse("ordering a UNION with two columns of one name over several shards")
		}
	}
	expr := []rewrite.Piece{text("_hdlu." + ident(u.cols[i].Name))}
	u.keys[i] = shape.key(u.hide(shape.apply(expr)), false, u.cols[i].Name)
	if u.apart = append(u.apart, shape.apart); shape.apart && slices.ContainsFunc(orders, func(o orderItem) bool { return o.field == i }) {
		return u.p.refuse("ordering by a UUID over several shards")
	}
	return nil
}

// template is the union with the ORDER BY of the merge, around it a SELECT where hidden columns are needed.
func (u *unionPlan) template(merge []plan.Key) *rewrite.Template {
	var order []rewrite.Piece
	for n, key := range merge {
		if n > 0 {
			order = append(order, text(", "))
		}
		order = append(order, text(strconv.Itoa(u.position(key))))
		if key.Desc {
			order = append(order, text(" DESC"))
		}
	}
	if len(u.hidden) == 0 {
		return u.fanOut.template(shardSelect{order: order, limit: !u.distinct || u.allExact(merge)})
	}
	var open []rewrite.Piece
	open = append(open, text("SELECT _hdlu.*"))
	for i, h := range u.hidden {
		open = append(append(append(open, text(", ")), h...), text(" AS "+hiddenName(i)))
	}
	open = append(open, text(" FROM ("))
	end := append([]rewrite.Piece{text(") AS _hdlu ORDER BY ")}, order...)
	var splices []rewrite.Splice
	if u.sortLen > sortedBytes { // before what opens at the same place
		splices = append(splices, insertion(0, []rewrite.Piece{text("SET STATEMENT max_sort_length=" + strconv.Itoa(u.sortLen) + " FOR ")}))
	}
	splices = append(splices, insertion(u.c.Span.Start, open))
	if u.c.OrderBy.Present() {
		splices = append(splices, splice(u.c.OrderBy.Span))
	}
	if u.c.Limit != nil {
		splices = append(splices, splice(u.c.Limit.Span))
		if (!u.distinct || u.allExact(merge)) && !u.countsFound() {
			total := rewrite.Piece{Op: rewrite.Total, N: u.c.Limit.Offset, M: u.c.Limit.Count}
			end = append(end, text(" LIMIT "), total)
		}
	}
	return u.p.compile(u.route.Targets, append(splices, insertion(u.c.Span.End, end)))
}

// position is the column that a key orders by, from 1.
func (u *unionPlan) position(key plan.Key) int {
	if hidden := key.Column - u.visible; hidden >= 0 && hidden < len(u.apart) && u.apart[hidden] {
		return key.Column + 1
	}
	for i := range u.keys {
		if u.keys[i].Column == key.Column && u.keys[i].Label != "" {
			return i + 1
		}
	}
	return key.Column + 1
}

// allExact reports whether no key makes rows equal that a shard may hold as different ones.
func (u *unionPlan) allExact(merge []plan.Key) bool {
	for _, k := range merge {
		if k.Pad {
			return false
		}
	}
	return true
}
