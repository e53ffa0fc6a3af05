package router

import (
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// sortsApart refuses an ORDER BY of groups that are merged in another order than a server has them in.
func (g *grouping) sortsApart(orders []orderItem) error {
	for _, o := range orders {
		if i := g.groupFor(o); i >= 0 && g.groups[i].shape.apart {
			return g.p.refuse("ordering by a UUID over several shards")
		}
	}
	return nil
}

// align puts the groups in the order that ORDER BY asks for. aligned is false where ORDER BY needs more than the
// groups' own keys: the result is then sorted once more.
func (g *grouping) align(orders []orderItem) (merged []int, aligned bool) {
	used := make([]bool, len(g.groups))
	aligned = true
	var desc []bool
	for _, o := range orders {
		i := g.groupFor(o)
		if i < 0 {
			aligned = false
			merged, desc, used = nil, nil, make([]bool, len(g.groups))
			break
		}
		if !used[i] {
			used[i] = true
			merged, desc = append(merged, i), append(desc, o.desc)
		}
	}
	for n, i := range merged {
		g.groups[i].key.Desc = desc[n]
	}
	for i := range g.groups {
		if !used[i] {
			merged = append(merged, i)
		}
	}
	return merged, aligned
}

// groupFor is the GROUP BY item that an ORDER BY item means, -1: none.
func (g *grouping) groupFor(o orderItem) int {
	for i := range g.groups {
		if o.field >= 0 && g.groups[i].field == o.field {
			return i
		}
	}
	return g.groupOf(o.span)
}

// aggregateNode puts the groups together: sorted streams where the shards can sort, else by hashing. order is the
// shards' ORDER BY, nil: none.
func (g *grouping) aggregateNode(merged []int) (plan.Node, []rewrite.Piece) {
	node := &plan.Aggregate{Input: g.route, Output: g.output}
	var order []rewrite.Piece
	streamed := true
	for _, i := range merged {
		gi := &g.groups[i]
		node.Keys = append(node.Keys, gi.key)
		streamed = g.sortable(&gi.shape) && streamed
		order = append(order, text(", "))
		order = append(order, gi.order...)
		if gi.key.Desc {
			order = append(order, text(" DESC"))
		}
	}
	sort := append([]plan.Key(nil), node.Keys...)
	if g.distinct != nil {
		order = append(order, g.distinct.order...)
		sort = append(sort, g.distinct.keys...)
	}
	switch {
	case len(sort) == 0:
		return node, nil
	case !streamed && g.distinct == nil:
		node.Mode, g.sortLen = plan.Hash, 0
		return node, nil
	}
	node.Input = &plan.MergeSort{Input: g.route, Keys: sort}
	return node, order[1:]
}

// sorted sorts the groups by what is known of them only now.
func (g *grouping) sorted(n plan.Node, orders []orderItem, done bool) (plan.Node, error) {
	if len(orders) == 0 || done {
		return n, nil
	}
	agg := n.(*plan.Aggregate)
	sort := &plan.Sort{Input: n, Limit: limitArgs(g.c.Limit)}
	if g.countsFound() {
		sort.Limit = nil
	}
	for _, o := range orders {
		key, err := g.outputKey(agg, o)
		if err != nil {
			return nil, err
		}
		sort.Keys = append(sort.Keys, key)
	}
	return sort, nil
}

// ofMembers reports whether an expression is MIN or MAX of an ENUM or SET.
func (g *grouping) ofMembers(e ast.ExprNode) (bool, error) {
	a, ok := bareExpr(e).(*ast.AggregateFuncExpr)
	if !ok || lower(a.F) != ast.AggFuncMin && lower(a.F) != ast.AggFuncMax {
		return false, nil
	}
	c, ok := bareExpr(a.Args[0]).(*ast.ColumnNameExpr)
	if !ok {
		return false, nil
	}
	name, err := g.dataType(c.Name)
	return name == "enum" || name == "set", err
}

// outputKey is the key of an ORDER BY item among the aggregation's outputs.
func (g *grouping) outputKey(agg *plan.Aggregate, o orderItem) (plan.Key, error) {
	if i := g.groupFor(o); i >= 0 {
		gi := &g.groups[i]
		key := gi.key
		key.Column = g.carry(agg, gi.key.Column)
		if key.Weight >= 0 {
			key.Weight = g.carry(agg, gi.key.Weight)
		}
		key.Desc, key.Label = o.desc, o.label
		return key, nil
	}
	index := g.visibleIndex(o.field)
	if index < 0 {
		return plan.Key{}, g.p.refuse("ORDER BY of a select item behind a * over several shards")
	}
	switch member, err := g.ofMembers(g.sel.Fields.Fields[o.field].Expr); {
	case err != nil:
		return plan.Key{}, err
	case member:
		return plan.Key{}, g.p.refuse("ORDER BY of MIN or MAX of an ENUM or SET over several shards: they are found by their texts and sorted by their numbers")
	}
	shape, err := g.p.shapeOf(&g.cols[index], true)
	switch {
	case err != nil:
		return plan.Key{}, err
	case shape.refuse != "":
		return plan.Key{}, g.p.refuse(shape.refuse)
	case shape.wrap == nil:
		return shape.key(index, o.desc, o.label), nil
	}
	out := &agg.Output[index]
	switch out.Func {
	case plan.First:
		return shape.key(g.carry(agg, g.hide(shape.apply(o.expr))), o.desc, o.label), nil
	case plan.Min, plan.Max:
		if !shape.weight {
			return shape.key(index, o.desc, o.label), nil
		}
		weight := plan.Aggregation{Func: out.Func, Column: out.Order.Weight, Second: -1, Third: -1, Order: out.Order, Inherit: true, Label: "weight"}
		agg.Output = append(agg.Output, weight)
		g.output = agg.Output
		key := shape.key(len(agg.Output)-1, o.desc, o.label)
		return key, nil
	}
	return plan.Key{}, g.p.refuse("ORDER BY of the text of an aggregate over several shards")
}

// carry makes a shards' column an output of the aggregation.
func (g *grouping) carry(agg *plan.Aggregate, column int) int {
	for i := range agg.Output {
		if agg.Output[i].Func == plan.First && agg.Output[i].Column == column {
			return i
		}
	}
	agg.Output = append(agg.Output, plan.Aggregation{Func: plan.First, Column: column, Second: -1, Third: -1, Inherit: true, Label: "key"})
	g.output = agg.Output
	return len(agg.Output) - 1
}
