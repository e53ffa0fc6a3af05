package router

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// sharding is the table whose key places the rows of a source; nil for sources that are whole everywhere.
func (s *source) sharding() *table {
	if s.table != nil && s.table.sharded() {
		return s.table
	}
	if s.body == nil {
		return nil
	}
	for _, b := range s.body.blocks {
		if _, t := b.leading(); t != nil {
			return t
		}
	}
	return nil
}

// lead is the first sharded source of a block that no outer join extends.
func (b *block) lead() *source {
	s, _ := b.leading()
	return s
}

// leading is the block's lead and what shards it. Each source is asked once: what is asked twice at each level of derived
// tables takes a time that doubles with each level.
func (b *block) leading() (lead *source, t *table) {
	for _, s := range b.sources {
		st := s.sharding()
		switch {
		case st == nil:
		case !s.nullSide:
			return s, st
		case lead == nil:
			lead, t = s, st
		}
	}
	return lead, t
}

// hasSharded reports whether any source of the block or below it is sharded.
func (q *query) hasSharded() bool {
	for _, b := range q.blocks {
		if b.hasSharded() {
			return true
		}
	}
	return false
}

func (b *block) hasSharded() bool {
	for _, s := range b.sources {
		if s.sharding() != nil || s.body != nil && s.body.hasSharded() {
			return true
		}
	}
	for _, s := range b.subs {
		if s.query.hasSharded() {
			return true
		}
	}
	return false
}

// keyColumn resolves an expression that is a plain column of a sharding key. ok is false for everything else.
func (p *planning) keyColumn(b *block, e ast.ExprNode) (column, bool) {
	c, ok := bareExpr(e).(*ast.ColumnNameExpr)
	if !ok {
		return column{}, false
	}
	return p.resolve(b, c.Name)
}

// resolve finds the sharding key column that a name means, in the block's scope and then in those around it.
func (p *planning) resolve(b *block, name *ast.ColumnName) (column, bool) {
	for ; b != nil; b = b.parent {
		c, found, mine := p.resolveIn(b, name)
		if found || mine {
			return c, found
		}
	}
	return column{}, false
}

// resolveIn looks in one block. mine says that the name belongs here though it is no key column.
func (p *planning) resolveIn(b *block, name *ast.ColumnName) (c column, found, mine bool) {
	for _, s := range b.sources {
		if name.Table.O != "" && !p.names(s, name) {
			continue
		}
		key, has := p.keyOf(s, name.Name.O)
		if key >= 0 {
			return column{s, key}, true, true
		}
		if name.Table.O != "" || has {
			mine = true
		}
	}
	return column{}, false, mine
}

// names reports whether a qualified column name means the source.
func (p *planning) names(s *source, name *ast.ColumnName) bool {
	if !p.sameName(s.alias, name.Table.O) {
		return false
	}
	return name.Schema.O == "" || p.sameName(s.db, name.Schema.O)
}

// keyOf gives the place of a source's column in its sharding key, -1 if it is none; has says that the source has
// such a column. A table whose schema is not known is asked for when the answer could matter.
func (p *planning) keyOf(s *source, name string) (key int, has bool) {
	switch {
	case s.table != nil && s.table.sharded():
		if k := s.table.keyIndex(name); k >= 0 {
			return k, true
		}
		return -1, s.table.schema == nil || s.table.column(name) >= 0
	case s.table != nil:
		if s.table.schema == nil {
			p.maybe(s.table)
			return -1, false
		}
		return -1, s.table.column(name) >= 0
	case s.body != nil && len(s.body.blocks) == 1:
		return p.derivedKey(s.body.blocks[0], name)
	}
	return -1, false
}

// derivedKey looks a column of a derived table up in its select list.
func (p *planning) derivedKey(b *block, name string) (key int, has bool) {
	if b.sel == nil || b.sel.Fields == nil {
		return -1, false
	}
	for _, f := range b.sel.Fields.Fields {
		if f.WildCard != nil {
			if k, ok := p.starKey(b, f.WildCard, name); ok {
				return k, true
			}
			continue
		}
		if !strings.EqualFold(fieldName(f), name) {
			continue
		}
		c, ok := p.keyColumn(b, f.Expr)
		if !ok || !p.isLead(b, c) {
			return -1, true
		}
		return c.key, true
	}
	return -1, false
}

// starKey looks a name up in the columns that * stands for.
func (p *planning) starKey(b *block, w *ast.WildCardField, name string) (int, bool) {
	for _, s := range b.sources {
		if w.Table.O != "" && !p.sameName(s.alias, w.Table.O) {
			continue
		}
		key, has := p.keyOf(s, name)
		if !has {
			continue
		}
		if key >= 0 && p.isLead(b, column{s, key}) {
			return key, true
		}
		return -1, true
	}
	return -1, false
}

// isLead reports whether the column equals the same key column of the block's lead source in every row.
func (p *planning) isLead(b *block, c column) bool {
	lead := b.lead()
	if lead == nil || c.src.nullSide {
		return false
	}
	return c.src == lead || p.linksOf(b).same(c, column{lead, c.key})
}

// fieldName is the name under which a select item is known outside.
func fieldName(f *ast.SelectField) string {
	if f.AsName.O != "" {
		return f.AsName.O
	}
	if c, ok := bareExpr(f.Expr).(*ast.ColumnNameExpr); ok {
		return c.Name.Name.O
	}
	return ""
}

// maybe remembers a table whose schema could have turned a refusal into a plan.
func (p *planning) maybe(t *table) {
	if t.system {
		return
	}
	if _, known := p.snap.Table(t.db, t.name); known {
		return
	}
	for _, m := range p.helpful {
		if m == t {
			return
		}
	}
	p.helpful = append(p.helpful, t)
}
