package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// byKey plans an UPDATE or DELETE with LIMIT over several shards: a locking SELECT finds the primary keys of the rows
// in the statement's order over all shards, then each shard changes those that it sent.
func (p *planning) byKey(b *block, ch *change, route *plan.Route) error {
	kind := p.stmt.Verb()
	if len(b.sources) != 1 || route.Stay != nil || p.stmt.Clauses.Returning.Present() || p.stmt.Clauses.Limit == nil {
		return p.refuse(kind + " with LIMIT of this form over several shards")
	}
	pk := primaryKey(b.sources[0].table)
	if len(pk) == 0 {
		return p.refuse(kind + " with LIMIT of a table without primary key over several shards")
	}
	if setsAny(ch, pk) {
		return p.refuse("UPDATE of the primary key with LIMIT over several shards")
	}
	_, err := p.keyed(b, route, pk)
	return err
}

// keyed makes the plan of a change by keys.
func (p *planning) keyed(b *block, route *plan.Route, pk []string) (*plan.ByKey, error) {
	if p.readsItself(b) && p.readsAssigned() {
		return nil, p.refuse("an UPDATE that reads its table in a subquery and, in an assignment, a column that it has assigned before, whose rows are found apart")
	}
	input, err := p.keysInOrder(b, pk)
	if err != nil {
		return nil, err
	}
	out := &plan.ByKey{Input: input, Write: route}
	for i := range pk {
		out.Keys = append(out.Keys, i)
	}
	p.plan.Shape = p.compile(route.Targets, nil)
	p.lists, route.Selector = nil, nil
	route.Template = p.writeByKey(route, pk)
	p.plan.Root = out
	return out, nil
}

// readsItself reports whether a subquery names the table that is changed. A MariaDB server then changes it as one of several
// tables: all assignments see the row as it was, not as those before them have left it.
func (p *planning) readsItself(b *block) bool {
	return slices.ContainsFunc(p.stmt.Tables, func(ref parser.TableRef) bool {
		return ref.Depth > 0 && strings.EqualFold(ref.Name, b.sources[0].table.name)
	})
}

// readsAssigned reports whether an assignment of an UPDATE reads a column that one before it has assigned.
func (p *planning) readsAssigned() bool {
	update, ok := p.stmt.AST.(*ast.UpdateStmt)
	if !ok {
		return false
	}
	v := &assignedVisitor{assigned: map[string]bool{}}
	for _, a := range update.List {
		a.Expr.Accept(v)
		v.assigned[a.Column.Name.L] = true
	}
	return v.found
}

// assignedVisitor finds names of assigned columns.
type assignedVisitor struct {
	assigned map[string]bool // lower case
	found    bool
}

// Enter implements ast.Visitor.
func (v *assignedVisitor) Enter(n ast.Node) (ast.Node, bool) {
	if c, ok := n.(*ast.ColumnNameExpr); ok {
		v.found = v.found || v.assigned[c.Name.Name.L]
	}
	return n, v.found
}

// Leave implements ast.Visitor.
func (v *assignedVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// setsAny reports whether a change assigns one of the columns.
func setsAny(ch *change, columns []string) bool {
	for _, a := range ch.sets {
		for _, c := range columns {
			if strings.EqualFold(a.Column.Name.O, c) {
				return true
			}
		}
	}
	return false
}

func primaryKey(t *table) []string {
	for _, idx := range t.schema.Indexes {
		if idx.Name != "PRIMARY" {
			continue
		}
		var out []string
		for _, c := range idx.Columns {
			if c.Prefix != 0 {
				return nil
			}
			out = append(out, c.Name)
		}
		return out
	}
	return nil
}

// keysInOrder plans the locking SELECT: it is a statement of its own, made of the parts of this one. Its arguments
// are the last of this one's.
func (p *planning) keysInOrder(b *block, pk []string) (plan.Node, error) {
	var sql strings.Builder
	sql.WriteString("SELECT " + quotedList(pk) + " FROM " + p.tableText(b))
	start := len(p.stmt.Text)
	for _, part := range p.choosing() {
		sql.WriteString(" " + part.In(p.stmt.Text))
		start = min(start, part.Start)
	}
	sql.WriteString(" FOR UPDATE")
	stmt, err := parser.Parse(sql.String(), p.stmt.Mode)
	if err != nil {
		return nil, p.refuse("an UPDATE or DELETE with LIMIT of a form that Heddle cannot read over several shards")
	}
	skipped := 0
	for _, a := range p.stmt.Args {
		if int(a.Start) < start {
			skipped++
		}
	}
	if len(stmt.Args) != len(p.stmt.Args)-skipped {
		return nil, p.refuse("an UPDATE or DELETE with LIMIT of a form that Heddle cannot read over several shards")
	}
	sub, err := p.over(stmt, partEnv{temporary: p.gathered, given: p.givenFrom(skipped)})
	if err != nil {
		return nil, err
	}
	shiftArgs(sub.Root, skipped)
	return sub.Root, nil
}

// choosing are the clauses of a change that say which rows it means, in the text's order.
func (p *planning) choosing() []parser.Span {
	c := p.stmt.Clauses
	var out []parser.Span
	for _, part := range []parser.Clause{c.Where, c.OrderBy} {
		if part.Present() {
			out = append(out, part.Span)
		}
	}
	if c.Limit != nil {
		out = append(out, c.Limit.Span)
	}
	return out
}

// tableText is the table reference as the client wrote it.
func (p *planning) tableText(b *block) string {
	for i := range p.stmt.Tables {
		ref := &p.stmt.Tables[i]
		if p.byRef[i] != b.sources[0].table || ref.Depth != 0 {
			continue
		}
		start, end := ref.NameSpan.Start, ref.NameSpan.End
		if ref.SchemaSpan.Present() {
			start = ref.SchemaSpan.Start
		}
		if ref.AliasSpan.Present() {
			return p.stmt.Text[start:end] + " AS " + ident(ref.Alias)
		}
		return p.stmt.Text[start:end]
	}
	return ident(b.sources[0].table.name)
}

// writeByKey is the statement with the keys in the place of its conditions. It keeps its order, in which rows that get
// each other's unique values have to change.
func (p *planning) writeByKey(route *plan.Route, pk []string) *rewrite.Template {
	c := p.stmt.Clauses
	keys := []rewrite.Piece{text(" WHERE (" + quotedList(pk) + ") IN ("), {Op: rewrite.ListItems, N: 0}, text(") ")}
	end := c.Set.End
	if p.stmt.Kind == parser.Delete {
		end = c.From.End
	}
	var splices []rewrite.Splice
	if parts := p.choosing(); len(parts) > 0 {
		end = parts[0].Start
	}
	if c.Where.Present() {
		splices = append(splices, splice(c.Where.Span))
	}
	if c.Limit != nil {
		splices = append(splices, splice(c.Limit.Span))
	}
	splices = append(splices, insertion(end, keys))
	t := p.compile(route.Targets, splices)
	// A server that is asked to describe the statement finds a key there that no row has.
	none := strings.TrimSuffix(strings.Repeat("NULL, ", len(pk)), ", ")
	if len(pk) > 1 {
		none = "(" + none + ")"
	}
	t.Lists = []rewrite.List{{Separator: ", ", Items: [][]rewrite.Piece{{text(none)}}}}
	return t
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = ident(n)
	}
	return strings.Join(quoted, ", ")
}
