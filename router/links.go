package router

import (
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// links are the key columns that are equal in every row of a block: a union-find over columns.
type links struct{ parent map[column]column }

func newLinks(from *links) *links {
	l := &links{parent: map[column]column{}}
	if from != nil {
		for k, v := range from.parent {
			l.parent[k] = v
		}
	}
	return l
}

func (l *links) find(c column) column {
	for {
		up, ok := l.parent[c]
		if !ok || up == c {
			return c
		}
		c = up
	}
}

func (l *links) join(a, b column) {
	ra, rb := l.find(a), l.find(b)
	if ra != rb {
		l.parent[ra] = rb
	}
}

func (l *links) same(a, b column) bool { return l.find(a) == l.find(b) }

// linksOf are the equalities that hold for every row of the block, those of the blocks around it included.
func (p *planning) linksOf(b *block) *links {
	if b.links != nil {
		return b.links
	}
	var outer *links
	if b.parent != nil {
		outer = p.linksOf(b.parent)
	}
	l := newLinks(outer)
	b.links = l // before resolving: a derived table's columns ask for their own block's
	for _, e := range b.hard {
		p.linkBy(l, b, e)
	}
	p.linkUsing(l, b, b.joins)
	return l
}

// linkBy adds an equality of two key columns, or of rows of them.
func (p *planning) linkBy(l *links, b *block, e ast.ExprNode) {
	eq, ok := bareExpr(e).(*ast.BinaryOperationExpr)
	if !ok || eq.Op != opcode.EQ {
		return
	}
	if lr, ok := bareExpr(eq.L).(*ast.RowExpr); ok {
		rr, ok := bareExpr(eq.R).(*ast.RowExpr)
		if !ok || len(lr.Values) != len(rr.Values) {
			return
		}
		for i := range lr.Values {
			p.linkPair(l, b, lr.Values[i], rr.Values[i])
		}
		return
	}
	p.linkPair(l, b, eq.L, eq.R)
}

func (p *planning) linkPair(l *links, b *block, x, y ast.ExprNode) {
	cx, okx := p.keyColumn(b, x)
	cy, oky := p.keyColumn(b, y)
	if okx && oky && comparable(cx, cy) {
		l.join(cx, cy)
	}
}

// comparable reports whether = of two key columns means that their rows are on one shard: the same place in the key
// of tables that are placed alike, and one type.
func comparable(a, b column) bool {
	ta, tb := a.src.sharding(), b.src.sharding()
	if ta == nil || tb == nil || a.key != b.key || !alike(ta, tb) {
		return false
	}
	return a.key < len(ta.keys) && b.key < len(tb.keys) && sameType(ta.keys[a.key], tb.keys[b.key])
}

// alike reports whether two tables place equal keys on equal node indexes: they are of one binding group, or the rules and the
// types of their keys show that a group of them would be one.
func alike(a, b *table) bool {
	x, y := a.place.Sharded, b.place.Sharded
	switch {
	case a == b:
		return true
	case a.place.Layout != b.place.Layout:
		return false
	case x.Group != 0 && x.Group == y.Group:
		return true
	}
	if len(a.keys) == 0 || len(a.keys) != len(b.keys) || !rule.PlacedAlike(x, y) {
		return false
	}
	for i := range a.keys {
		if !sameType(a.keys[i], b.keys[i]) || !sharding.Compatible(a.keys[i], b.keys[i]) {
			return false
		}
	}
	return true
}

// sameType reports whether two columns compare as their canonical keys do.
func sameType(a, b sharding.KeyType) bool {
	if a.Family != b.Family || a.Family == sharding.FamilyUnknown || a.Family == sharding.FamilyUnsupported {
		return false
	}
	switch a.Family {
	case sharding.FamilyString:
		return a.Collation == b.Collation
	case sharding.FamilyEnum:
		return false
	}
	return true
}

// linkUsing adds the equalities of USING and NATURAL joins outside null sides.
func (p *planning) linkUsing(l *links, b *block, t *joinTree) {
	if t == nil || t.src != nil {
		return
	}
	p.linkUsing(l, b, t.left)
	if t.outer {
		return
	}
	p.linkUsing(l, b, t.right)
	p.linkJoinNames(l, t)
}

// linkJoinNames adds the equalities of one join's USING or NATURAL.
func (p *planning) linkJoinNames(l *links, t *joinTree) {
	names := t.using
	if t.natural {
		names = p.commonKeys(t)
	}
	for _, n := range names {
		left, ok := p.usingColumn(t.left, n)
		right, ok2 := p.usingColumn(t.right, n)
		if ok && ok2 && comparable(left, right) {
			l.join(left, right)
		}
	}
}

// usingColumn finds the one key column of that name below t. Sources that could hide another are not passed over.
func (p *planning) usingColumn(t *joinTree, name string) (column, bool) {
	for _, s := range t.sourcesIn() {
		if key, has := p.keyOf(s, name); key >= 0 {
			return column{s, key}, true
		} else if has {
			return column{}, false
		}
	}
	return column{}, false
}

// commonKeys are the key columns on the left of a NATURAL join that the right side has under the same name.
func (p *planning) commonKeys(t *joinTree) []string {
	var out []string
	for _, s := range t.left.sourcesIn() {
		if s.table == nil || !s.table.sharded() {
			continue
		}
		for _, k := range s.table.place.Sharded.Key {
			if _, ok := p.usingColumn(t.right, k); ok {
				out = append(out, k)
			}
		}
	}
	return out
}

// linked reports whether the rows of two sources that meet in the block have the same whole key.
func linked(l *links, a, b *source) bool {
	ta, tb := a.sharding(), b.sharding()
	if a == b {
		return true
	}
	if ta == nil || tb == nil || !alike(ta, tb) || len(ta.keys) == 0 {
		return false
	}
	for i := range ta.keys {
		if !l.same(column{a, i}, column{b, i}) {
			return false
		}
	}
	return true
}
