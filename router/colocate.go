package router

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/heddle-mesh/heddle/parser"
)

// colocated reports why the rows of a block cannot be made shard by shard; "" if they can: each of its rows then
// comes from the rows of one shard and of tables that every shard holds whole.
func (p *planning) colocated(b *block) string {
	for _, s := range b.sources {
		if why := p.sourceColocated(s); why != "" {
			return why
		}
	}
	links := p.linksOf(b)
	lead := b.lead()
	if lead == nil {
		return p.subqueriesColocated(b)
	}
	if lead.nullSide {
		return "an outer join that keeps the rows of a table that is not sharded and extends them by those of one that is"
	}
	for _, s := range b.sources {
		if s.sharding() != nil && !s.nullSide && !linked(links, lead, s) {
			return "a join of tables that are not colocated (" + lead.name() + ", " + s.name() + ")"
		}
	}
	if why := p.outerColocated(b, newLinks(links), b.joins, lead); why != "" {
		return why
	}
	return p.subqueriesColocated(b)
}

func (s *source) name() string {
	if s.alias == "" && s.table != nil {
		return s.table.name
	}
	return s.alias
}

// sourceColocated checks what stands in a FROM clause.
func (p *planning) sourceColocated(s *source) string {
	switch {
	case s.opaque && p.cteSharded():
		return "a WITH query over several shards"
	case s.body == nil || !s.body.hasSharded():
		return ""
	case s.lateral:
		return "a LATERAL derived table over several shards"
	}
	return p.partitioned(s.body)
}

func (p *planning) cteSharded() bool {
	for _, c := range p.ctes {
		if c.hasSharded() {
			return true
		}
	}
	return false
}

// outerColocated checks the outer joins below t: what may be missing has to be placed by the key of what is kept.
func (p *planning) outerColocated(b *block, links *links, t *joinTree, lead *source) string {
	if t == nil || t.src != nil {
		return ""
	}
	if why := p.outerColocated(b, links, t.left, lead); why != "" {
		return why
	}
	if t.outer {
		p.linkNullSide(links, b, t)
		for _, s := range t.right.sourcesIn() {
			if s.sharding() != nil && !linked(links, lead, s) {
				return "an outer join of tables that are not colocated (" + lead.name() + ", " + s.name() + ")"
			}
		}
	}
	return p.outerColocated(b, links, t.right, lead)
}

// linkNullSide adds the equalities that hold wherever the right side of an outer join has a row.
func (p *planning) linkNullSide(links *links, b *block, t *joinTree) {
	conditions := append(append([]ast.ExprNode(nil), t.on...), hardConditions(t.right)...)
	for _, e := range conditions {
		p.linkBy(links, b, e)
	}
	p.linkJoinNames(links, t)
	p.linkUsing(links, b, t.right)
}

// partitioned checks a derived table: its rows have to be made shard by shard, all rows of a group on one shard.
func (p *planning) partitioned(q *query) string {
	if len(q.blocks) != 1 || q.union != nil {
		return "a derived table that is a UNION over several shards"
	}
	if q.with {
		return "a WITH query over several shards"
	}
	b := q.blocks[0]
	if why := p.colocated(b); why != "" {
		return why
	}
	s := b.sel
	local := p.groupsByKey(b)
	switch {
	case b.lead() == nil:
		return "a subquery on tables that are not colocated"
	case s.Limit != nil:
		return "LIMIT in a derived table over several shards"
	case len(s.WindowSpecs) > 0 || hasWindow(s):
		return "a window function over several shards"
	case s.GroupBy != nil && s.GroupBy.Rollup:
		return "WITH ROLLUP over several shards"
	case s.GroupBy != nil && !local:
		return "a derived table that is not grouped by the sharding key"
	case s.GroupBy == nil && hasAggregate(s):
		return "an aggregate over several shards in a derived table"
	case s.Distinct && !local && !p.listsKey(b):
		return "DISTINCT without the sharding key in a derived table over several shards"
	}
	return ""
}

// groupsByKey reports whether GROUP BY names all columns of the sharding key: each group is then on one shard.
func (p *planning) groupsByKey(b *block) bool {
	if b.sel == nil || b.sel.GroupBy == nil || b.sel.GroupBy.Rollup {
		return false
	}
	var exprs []ast.ExprNode
	for _, it := range b.sel.GroupBy.Items {
		exprs = append(exprs, p.groupExpr(b, it))
	}
	return p.coversKey(b, exprs)
}

// listsKey reports whether the select list holds all columns of the sharding key.
func (p *planning) listsKey(b *block) bool {
	lead := b.lead()
	if lead == nil {
		return false
	}
	var exprs []ast.ExprNode
	for _, f := range b.sel.Fields.Fields {
		if f.WildCard == nil {
			exprs = append(exprs, f.Expr)
		} else if lead.table != nil && (f.WildCard.Table.O == "" || p.sameName(f.WildCard.Table.O, lead.alias)) {
			return true
		}
	}
	return p.coversKey(b, exprs)
}

// coversKey reports whether every column of the key of the block's rows is among the expressions.
func (p *planning) coversKey(b *block, exprs []ast.ExprNode) bool {
	lead := b.lead()
	if lead == nil || lead.nullSide {
		return false
	}
	links := p.linksOf(b)
	have := map[int]bool{}
	for _, e := range exprs {
		if e == nil {
			continue
		}
		if c, ok := p.keyColumn(b, e); ok && (c.src == lead || links.same(c, column{lead, c.key})) {
			have[c.key] = true
		}
	}
	width := len(lead.sharding().place.Sharded.Key)
	return width > 0 && len(have) == width
}

// groupExpr is what an item of GROUP BY groups by: of a position or an alias the select item's expression.
func (p *planning) groupExpr(b *block, it *ast.ByItem) ast.ExprNode {
	fields := b.sel.Fields.Fields
	if pos, ok := it.Expr.(*ast.PositionExpr); ok {
		if pos.N < 1 || pos.N > len(fields) {
			return nil
		}
		for _, f := range fields[:pos.N] {
			if f.WildCard != nil {
				return nil
			}
		}
		return fields[pos.N-1].Expr
	}
	c, ok := bareExpr(it.Expr).(*ast.ColumnNameExpr)
	if !ok || c.Name.Table.O != "" {
		return it.Expr
	}
	if _, isKey := p.keyColumn(b, c); isKey {
		for _, f := range fields {
			if _, also := p.keyColumn(b, f.Expr); f.AsName.L == c.Name.Name.L && !also && len(b.sources) > 1 {
				return nil // of a column of two tables an alias goes before both
			}
		}
		return it.Expr // a column of a table goes before an alias
	}
	for _, f := range fields {
		if f.AsName.L == "" || f.AsName.L != c.Name.Name.L {
			continue
		}
		for _, s := range b.sources {
			if s.table == nil || s.table.schema == nil || s.table.column(c.Name.Name.O) >= 0 {
				return it.Expr // no key column, or it cannot be told
			}
		}
		return f.Expr
	}
	return it.Expr
}

// groupedAliases asks for the schemas of the tables whose columns may go before a select item's alias in GROUP BY.
func (p *planning) groupedAliases() error {
	if p.stmt.AST == nil || p.anySharded() == nil {
		return nil
	}
	v := &aliasVisitor{}
	if p.stmt.AST.Accept(v); !v.found {
		return nil
	}
	for _, t := range p.tables {
		if err := p.requireSchema(t); err != nil {
			return err
		}
	}
	return nil
}

// aliasVisitor finds a GROUP BY of an alias.
type aliasVisitor struct{ found bool }

// Enter implements ast.Visitor.
func (v *aliasVisitor) Enter(n ast.Node) (ast.Node, bool) {
	s, ok := n.(*ast.SelectStmt)
	if !ok || s.GroupBy == nil || s.Fields == nil {
		return n, v.found
	}
	for _, it := range s.GroupBy.Items {
		c, ok := bareExpr(it.Expr).(*ast.ColumnNameExpr)
		for _, f := range s.Fields.Fields {
			v.found = v.found || ok && c.Name.Table.O == "" && f.AsName.L != "" && f.AsName.L == c.Name.Name.L
		}
	}
	return n, v.found
}

// Leave implements ast.Visitor.
func (v *aliasVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// subqueriesColocated checks the subqueries in the block's expressions.
func (p *planning) subqueriesColocated(b *block) string {
	for _, sub := range b.subs {
		if !sub.query.hasSharded() {
			continue
		}
		if sub.query.with {
			return "a WITH query over several shards"
		}
		for _, inner := range sub.query.blocks {
			if why := p.colocated(inner); why != "" {
				return why
			}
			if p.anchored(inner) || p.semiJoin(b, sub, inner) {
				continue
			}
			return "a subquery on tables that are not colocated with the outer ones"
		}
	}
	return ""
}

// anchored reports whether a subquery's rows have the key of a row around it: all it sees is then on that row's shard.
func (p *planning) anchored(inner *block) bool {
	lead := inner.lead()
	if lead == nil {
		return false
	}
	links := p.linksOf(inner)
	for b := inner.parent; b != nil; b = b.parent {
		for _, s := range b.sources {
			if s.sharding() != nil && linked(links, lead, s) {
				return true
			}
		}
	}
	return false
}

// semiJoin reports whether a row is kept only by subquery rows of its own key: key IN (SELECT key …).
func (p *planning) semiJoin(b *block, sub *subquery, inner *block) bool {
	lead, outer := inner.lead(), b.lead()
	if !sub.where || sub.in == nil || lead == nil || outer == nil || len(sub.query.blocks) != 1 {
		return false
	}
	s := inner.sel
	grouped := s.GroupBy == nil && !hasAggregate(s) || p.groupsByKey(inner)
	if s.Limit != nil || !grouped || hasWindow(s) || s.Fields == nil {
		return false
	}
	left := []ast.ExprNode{sub.in}
	if row, ok := bareExpr(sub.in).(*ast.RowExpr); ok {
		left = row.Values
	}
	if len(left) != len(s.Fields.Fields) {
		return false
	}
	both := newLinks(p.linksOf(inner))
	for i, f := range s.Fields.Fields {
		if f.WildCard != nil {
			return false
		}
		x, okx := p.keyColumn(b, left[i])
		y, oky := p.keyColumn(inner, f.Expr)
		if okx && oky && comparable(x, y) {
			both.join(x, y)
		}
	}
	return linked(both, lead, outer)
}

// unseen reports whether the tokens show a sharded table that the tree's blocks do not: something stands where nobody
// looked, and nothing can be proven.
func (p *planning) unseen() bool {
	named, found := 0, 0
	for i := range p.stmt.Tables {
		if t := p.byRef[i]; t != nil && t.sharded() && p.stmt.Tables[i].Role != parser.RoleInsert {
			named++
		}
	}
	for _, b := range p.blocks {
		for _, s := range b.sources {
			if s.table != nil && s.table.sharded() {
				found++
			}
		}
	}
	return named != found
}
