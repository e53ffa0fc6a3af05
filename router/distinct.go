package router

import (
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// distinct plans SELECT DISTINCT: the shards send distinct rows, sorted by all of their columns where that is
// possible, so that equal rows of several shards meet.
func (f *fanOut) distinct(orders []orderItem) error {
	if err := f.describe(nil); err != nil {
		return err
	}
	shapes := make([]keyShape, f.visible)
	sorted, exact := true, true
	for i := range shapes {
		shape, err := f.p.shapeOf(&f.cols[i], false)
		if err != nil {
			return err
		}
		shapes[i] = shape
		if shapes[i].refuse != "" {
			return f.p.refuse(shapes[i].refuse)
		}
		// A server that sorts distinct BITs makes numbers of them.
		sorted = f.sortable(&shapes[i]) && sorted && f.cols[i].Type != sqltypes.Bit
		exact = exact && !shapes[i].pad
	}
	keys := make([]plan.Key, f.visible)
	for i := range shapes {
		key, err := f.columnKey(i, &shapes[i])
		if err != nil {
			return err
		}
		keys[i] = key
	}
	merge, order, err := f.distinctOrder(orders, keys, shapes, sorted)
	if err != nil {
		return err
	}
	if !sorted {
		f.sortLen = 0
	}
	var root plan.Node = f.route
	if len(merge) > 0 {
		root = &plan.MergeSort{Input: root, Keys: merge}
	}
	root = &plan.Distinct{Input: root, Keys: keys, Sorted: sorted}
	f.route.Template = f.template(shardSelect{hidden: f.hidden, order: order, limit: exact})
	f.p.plan.Root = f.projected(f.limited(root))
	return nil
}

// sortable reports whether a server can be made to sort by all of a key; it raises what the statement needs.
func (f *fanOut) sortable(s *keyShape) bool {
	if s.bytes == 0 {
		return true
	}
	if !f.p.env.Mode.Flavour.MariaDB || s.bytes > maxSortLength {
		return false
	}
	f.sortLen = max(f.sortLen, s.bytes)
	return true
}

// columnKey is the key of an answer's column.
func (f *fanOut) columnKey(i int, shape *keyShape) (plan.Key, error) {
	label := f.cols[i].Name
	if shape.wrap == nil {
		return shape.key(i, false, label), nil
	}
	expr, err := f.columnExpr(i)
	if err != nil {
		return plan.Key{}, err
	}
	return shape.keyOf(i, f.hide(shape.apply(expr)), false, label), nil
}

// columnExpr is the expression of an answer's column: the select item's, or the column that a * brought.
func (f *fanOut) columnExpr(i int) ([]rewrite.Piece, error) {
	if field := f.itemOf(i); field >= 0 {
		return f.cut(f.c.List[field].Expr), nil
	}
	c := &f.cols[i]
	if c.Table == "" || c.Name == "" || f.p.env.Locked && f.p.anyRenamed(f.route.Targets) {
		return nil, f.p.refuse("DISTINCT or grouping by a column whose name is not known over several shards")
	}
	return []rewrite.Piece{text(ident(c.Table) + "." + ident(c.Name))}, nil
}

// distinctOrder makes the merge keys and the shards' ORDER BY: the client's items, then all other columns.
func (f *fanOut) distinctOrder(orders []orderItem, keys []plan.Key, shapes []keyShape, sorted bool) ([]plan.Key, []rewrite.Piece, error) {
	var merge []plan.Key
	var order []rewrite.Piece
	used := make([]bool, f.visible)
	add := func(key plan.Key, item []rewrite.Piece) {
		if len(order) > 0 {
			order = append(order, text(", "))
		}
		order = append(order, item...)
		if key.Desc {
			order = append(order, text(" DESC"))
		}
		merge = append(merge, key)
	}
	for _, o := range orders {
		i := f.orderedColumn(o)
		if i < 0 {
			return nil, nil, f.p.refuse("DISTINCT with ORDER BY of what is not in the select list over several shards")
		}
		if !sorted && shapes[i].bytes > 0 {
			return nil, nil, f.p.refuse("DISTINCT with ORDER BY of long text over several shards")
		}
		if shapes[i].apart {
			return nil, nil, f.p.refuse("ordering by a UUID over several shards")
		}
		key := keys[i]
		key.Desc, key.Label = o.desc, o.label
		used[i] = true
		add(key, o.text)
	}
	if !sorted {
		return merge, order, nil
	}
	for i := range keys {
		switch {
		case used[i]:
		case shapes[i].apart:
			add(keys[i], []rewrite.Piece{text(hiddenName(keys[i].Weight - f.visible))})
		default:
			add(keys[i], []rewrite.Piece{text(strconv.Itoa(i + 1))})
		}
	}
	return merge, order, nil
}

// orderedColumn is the answer's column that an ORDER BY item means, -1: none.
func (f *fanOut) orderedColumn(o orderItem) int {
	if i := f.visibleIndex(o.field); i >= 0 {
		return i
	}
	if !f.p.plainColumn(o.span) {
		return -1
	}
	tokens := f.p.tokensIn(o.span)
	name := identText(f.p.stmt.Text, tokens[len(tokens)-1])
	found := -1
	for i := range f.visible {
		if strings.EqualFold(f.cols[i].Name, name) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// identText is an identifier without its quotes.
func identText(s string, t parser.Token) string {
	w := t.In(s)
	if t.Kind == parser.Quoted && len(w) >= 2 {
		q := w[:1]
		return strings.ReplaceAll(w[1:len(w)-1], q+q, q)
	}
	return w
}
