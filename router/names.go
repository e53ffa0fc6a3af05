package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// targets makes one target per node of lead, with the names that all tables of the statement have there. ok is
// false where a table is not at every node; at is then that table.
func (p *planning) targets(lead []rule.Node, leadTable *table) (targets []plan.Target, at *table) {
	for i, node := range lead {
		t, at := p.targetAt(node, leadTable, i)
		if at != nil {
			return nil, at
		}
		if l := p.defaultLayout(); l != nil && t.Schema == l.SingleNode(t.DataSource, "").Schema {
			t.Database = l.Database
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// passesThrough reports whether the schemas of the server that has the tables are the client's, the default one among
// them.
func (p *planning) passesThrough() bool {
	for _, t := range p.tables {
		if t.gathered != nil || !t.system && t.place.Layout.Database != "" {
			return false
		}
	}
	if len(p.tables) == 0 {
		return false // the lead node says it
	}
	l, ok := p.snap.Database(p.env.Database)
	return p.env.Database == "" || ok && l.Database == ""
}

// targetAt is the target of node i of the lead, or the table that is not there.
func (p *planning) targetAt(node rule.Node, leadTable *table, i int) (t plan.Target, at *table) {
	t = plan.Target{Shard: node.Shard, DataSource: node.DataSource, Schema: node.Schema}
	if p.passesThrough() {
		t.Schema = p.env.Database // what is not a table, such as a function, is looked for in the client's own schema
	}
	for _, tab := range p.tables {
		n, ok := p.nodeAt(tab, leadTable, node, i)
		if !ok {
			return t, tab
		}
		t.Names = append(t.Names, n.Table)
		t.Schemas = append(t.Schemas, n.Schema)
		if tab.gathered == nil && p.sameName(tab.db, p.env.Database) {
			t.Schema = n.Schema
		}
	}
	return t, nil
}

// nodeAt finds the node of tab that stands beside node i of lead.
func (p *planning) nodeAt(tab, lead *table, node rule.Node, i int) (rule.Node, bool) {
	if tab == lead {
		return node, true
	}
	if tab.gathered != nil {
		return rule.Node{DataSource: node.DataSource, Schema: node.Schema, Table: tab.name}, true
	}
	if tab.system {
		return rule.Node{DataSource: node.DataSource, Schema: tab.db, Table: tab.name}, true
	}
	if tab.sharded() {
		nodes := tab.nodes()
		if i >= len(nodes) || nodes[i].DataSource != node.DataSource {
			return rule.Node{}, false
		}
		return nodes[i], true
	}
	for _, n := range tab.nodes() {
		if n.DataSource == node.DataSource {
			return n, true
		}
	}
	return rule.Node{}, false
}

// nameSplices replaces logical names by those of the targets. Where a table is read under another name it gets its
// logical one as an alias, so that column labels, qualifiers and definitions stay the client's. Under LOCK TABLES it is read
// under its actual name, for a server locks two tables under one alias no more than it reads them.
func (p *planning) nameSplices(targets []plan.Target) []rewrite.Splice {
	var out []rewrite.Splice
	for i := range p.stmt.Tables {
		ref := &p.stmt.Tables[i]
		if ref.CTE {
			continue
		}
		if ref.DeleteRef && p.env.Locked {
			out = append(out, p.deleteTargetSplices(ref, targets)...)
			continue
		}
		if ref.DeleteRef {
			// The target of a multi-table DELETE repeats the alias; with an alias in place a schema is not allowed.
			if ref.SchemaSpan.Present() && p.deleteTargetMoves(ref, targets) {
				out = append(out, rewrite.Splice{Span: rewrite.Span{Start: ref.SchemaSpan.Start, End: ref.NameSpan.Start}})
			}
			continue
		}
		if t := p.byRef[i]; t != nil {
			out = append(out, p.refSplices(ref, t, targets)...)
		}
	}
	for _, r := range p.routines {
		if r.physical != "" {
			out = append(out, splice(r.schema, text(ident(r.physical))))
		} else if point := p.stmt.TokenAfter(r.schema); point.Is(".") {
			out = append(out, rewrite.Splice{Span: rewrite.Span{Start: r.schema.Start, End: point.End}})
		}
	}
	return append(append(out, p.qualifierSplices(targets)...), p.hintSplices()...)
}

// refSplices are those of one occurrence of a table.
func (p *planning) refSplices(ref *parser.TableRef, t *table, targets []plan.Target) []rewrite.Splice {
	if t.gathered != nil {
		return []rewrite.Splice{splice(ref.NameSpan, rewrite.Piece{Op: rewrite.Gathered, N: t.gathered.index, Text: t.name})}
	}
	var out []rewrite.Splice
	if ref.SchemaSpan.Present() && p.schemaMoves(t, ref.Schema, targets) {
		out = append(out, splice(ref.SchemaSpan, rewrite.Piece{Op: rewrite.Schema, N: t.index}))
	}
	if !p.renamed(t, targets) {
		if first := p.stmt.Text[ref.NameSpan.Start]; len(out) > 0 && '0' <= first && first <= '9' {
			// After a quoted schema, .1a is no name to the server but the number .1
			return append(out, splice(ref.NameSpan, rewrite.Piece{Op: rewrite.Table, N: t.index}))
		}
		if !ref.SchemaSpan.Present() && p.schemaElsewhere(t, targets) {
			out = append(out, splice(parser.Span{Start: ref.NameSpan.Start, End: ref.NameSpan.Start},
				rewrite.Piece{Op: rewrite.Schema, N: t.index}, text(".")))
		}
		return out
	}
	pieces := []rewrite.Piece{{Op: rewrite.Table, N: t.index}}
	if !ref.SchemaSpan.Present() && p.schemaElsewhere(t, targets) {
		pieces = []rewrite.Piece{{Op: rewrite.Schema, N: t.index}, text("."), {Op: rewrite.Table, N: t.index}}
	}
	if ref.Alias == "" && p.aliasable(ref) {
		pieces = append(pieces, text(" AS "+ident(ref.Name)))
	}
	return append(out, splice(ref.NameSpan, pieces...))
}

// aliasable reports whether an occurrence may be given an alias in every server's grammar.
func (p *planning) aliasable(ref *parser.TableRef) bool {
	if p.env.Locked {
		return false
	}
	switch ref.Role {
	case parser.RoleRead, parser.RoleUpdate:
		return aliasKinds[p.stmt.Kind]
	case parser.RoleDelete:
		return p.stmt.Clauses != nil && p.stmt.Clauses.MultiTable
	}
	return false
}

// aliasKinds are the statements whose table references take an alias.
var aliasKinds = map[parser.Kind]bool{
	parser.Select: true, parser.Insert: true, parser.Replace: true, parser.Update: true, parser.Delete: true,
	parser.Do: true, parser.Set: true, parser.CreateTable: true, parser.CreateView: true, parser.CreateTemporaryTable: true,
	parser.Explain: true, parser.Analyze: true, parser.Call: true,
}

// qualifierSplices replaces the schema and, where no alias stands in for it, the table in front of a column.
func (p *planning) qualifierSplices(targets []plan.Target) []rewrite.Splice {
	var out []rewrite.Splice
	for i := range p.stmt.Qualifiers {
		q := &p.stmt.Qualifiers[i]
		if t := p.aliased(q); t != nil {
			if p.schemaMoves(t, q.Schema, targets) {
				out = append(out, splice(q.SchemaSpan, rewrite.Piece{Op: rewrite.Schema, N: t.index}))
			}
			continue
		}
		t := p.qualified(q)
		if t == nil {
			continue
		}
		if q.SchemaSpan.Present() && p.schemaMoves(t, q.Schema, targets) {
			out = append(out, splice(q.SchemaSpan, rewrite.Piece{Op: rewrite.Schema, N: t.index}))
		}
		if p.renamed(t, targets) && p.bare(t) {
			out = append(out, splice(q.NameSpan, rewrite.Piece{Op: rewrite.Table, N: t.index}))
		}
	}
	return out
}

// aliased finds the table whose alias stands behind a schema: to a server it is in the schema of its table.
func (p *planning) aliased(q *parser.Qualifier) *table {
	if !q.SchemaSpan.Present() {
		return nil
	}
	for i := range p.stmt.Tables {
		t := p.byRef[i]
		if t != nil && t.gathered == nil && p.stmt.Tables[i].Alias != "" && p.sameName(p.stmt.Tables[i].Alias, q.Name) && p.sameName(t.db, q.Schema) {
			return t
		}
	}
	return nil
}

// qualified finds the table that a qualifier names.
func (p *planning) qualified(q *parser.Qualifier) *table {
	db := q.Schema
	if db == "" {
		for i := range p.stmt.Tables {
			if t := p.byRef[i]; t != nil && p.stmt.Tables[i].Alias == "" && p.sameName(t.name, q.Name) {
				return t
			}
		}
		return nil
	}
	for _, t := range p.tables {
		if p.sameName(t.db, db) && p.sameName(t.name, q.Name) {
			return t
		}
	}
	return nil
}

// bare reports whether the table stands in the statement without an alias where none can be given.
func (p *planning) bare(t *table) bool {
	for i := range p.stmt.Tables {
		ref := &p.stmt.Tables[i]
		if p.byRef[i] == t && ref.Alias == "" && !p.aliasable(ref) {
			return true
		}
	}
	return false
}

// bareAndAliased reports a table that is written without alias and read with one in the same statement: its
// qualifiers could mean either.
func (p *planning) bareAndAliased(targets []plan.Target) *table {
	for _, t := range p.tables {
		if !p.renamed(t, targets) || !p.bare(t) {
			continue
		}
		for i := range p.stmt.Tables {
			ref := &p.stmt.Tables[i]
			if p.byRef[i] == t && ref.Alias == "" && p.aliasable(ref) && p.hasQualifier(t) {
				return t
			}
		}
	}
	return nil
}

func (p *planning) hasQualifier(t *table) bool {
	for i := range p.stmt.Qualifiers {
		if p.qualified(&p.stmt.Qualifiers[i]) == t {
			return true
		}
	}
	return false
}

// renamed reports whether any target knows the table by another name.
func (p *planning) renamed(t *table, targets []plan.Target) bool {
	for i := range targets {
		if targets[i].Names[t.index] != t.name {
			return true
		}
	}
	return false
}

// schemaMoves reports whether a written schema has another name at any target.
func (p *planning) schemaMoves(t *table, written string, targets []plan.Target) bool {
	for i := range targets {
		if targets[i].Schemas[t.index] != written {
			return true
		}
	}
	return false
}

// schemaElsewhere reports whether the table is not in the schema that the connection is in.
func (p *planning) schemaElsewhere(t *table, targets []plan.Target) bool {
	for i := range targets {
		if targets[i].Schemas[t.index] != targets[i].Schema {
			return true
		}
	}
	return false
}

// deleteTargetSplices give the target of a multi-table DELETE the actual name of a table that has no alias.
func (p *planning) deleteTargetSplices(ref *parser.TableRef, targets []plan.Target) []rewrite.Splice {
	t := p.qualified(&parser.Qualifier{Schema: ref.Schema, Name: ref.Name})
	if t == nil || !p.bare(t) || !p.renamed(t, targets) && !p.schemaElsewhere(t, targets) && !ref.SchemaSpan.Present() {
		return nil
	}
	span := ref.NameSpan
	if ref.SchemaSpan.Present() {
		span.Start = ref.SchemaSpan.Start
	}
	return []rewrite.Splice{splice(span, rewrite.Piece{Op: rewrite.Schema, N: t.index}, text("."), rewrite.Piece{Op: rewrite.Table, N: t.index})}
}

func (p *planning) deleteTargetMoves(ref *parser.TableRef, targets []plan.Target) bool {
	for _, t := range p.tables {
		if p.sameName(t.name, ref.Name) && p.sameName(t.db, ref.Schema) && p.renamed(t, targets) {
			return true
		}
	}
	return false
}

func splice(at parser.Span, pieces ...rewrite.Piece) rewrite.Splice {
	return rewrite.Splice{Span: rewrite.Span(at), Pieces: pieces}
}

func text(s string) rewrite.Piece { return rewrite.Piece{Op: rewrite.Text, Text: s} }

// ident quotes an identifier.
func ident(name string) string { return string(rewrite.AppendName(nil, name)) }
