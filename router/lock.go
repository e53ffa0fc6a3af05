package router

import (
	"cmp"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

// planLock plans LOCK TABLES: on every data source the actual tables that are there, in the order of the data sources, so
// that two sessions that lock the same tables wait for each other and not in a circle.
func (p *planning) planLock() error {
	for i := range p.stmt.Tokens {
		// A comment with LOCAL alone, which dump programs write behind READ, stands within what is copied of one table.
		if t := &p.stmt.Tokens[i]; t.Exec && !t.Is("LOCAL") {
			return p.refuse("LOCK TABLES with " + t.In(p.stmt.Text) + " in an executable comment")
		}
	}
	l := &plan.Lock{Route: &plan.Route{Opcode: plan.Scatter, Tables: p.tableNames(), Databases: p.databaseNames()}}
	parts := map[string]*lockPart{}
	head := ""
	for i := range p.stmt.Tables {
		ref, t := &p.stmt.Tables[i], p.byRef[i]
		if t == nil {
			continue
		}
		if head == "" {
			head = p.stmt.Text[:start(ref)]
		}
		if ref.Alias != "" && t.nodesShareSchema() {
			return p.refuse("LOCK TABLES of " + t.name + " under an alias, where it has several actual tables in one schema")
		}
		for _, node := range t.nodes() {
			part := parts[node.DataSource]
			if part == nil {
				part = p.newLockPart(node)
				parts[node.DataSource] = part
			}
			part.add(p, ref, t, node)
		}
	}
	for _, part := range parts {
		l.Route.Targets = append(l.Route.Targets, part.target)
		l.Parts = append(l.Parts, plan.LockPart{Beside: part.beside, SQL: head + strings.Join(part.tables, ", ") + p.lockWait()})
	}
	order := make([]int, len(l.Parts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(l.Route.Targets[a].DataSource, l.Route.Targets[b].DataSource) })
	targets, texts := slices.Clone(l.Route.Targets), slices.Clone(l.Parts)
	for to, from := range order {
		l.Route.Targets[to], l.Parts[to] = targets[from], texts[from]
	}
	for i := range l.Parts {
		l.Parts[i].Target = &l.Route.Targets[i]
	}
	p.plan.Rename = true
	p.plan.Root = l
	return nil
}

// lockedViews judges the views that LOCK TABLES names, each by itself: a server locks with a view the tables that it reads,
// where the view is.
func (p *planning) lockedViews() error {
	for i := range p.stmt.Tables {
		g := &judge{p: p, seen: map[string]bool{}}
		if err := p.usedView(g, i); err != nil {
			return err
		}
		if g.within != nil && !g.within[p.byRef[i].place.Single.DataSource] {
			g.refuse("the view "+p.byRef[i].name, "needs tables of another data source")
		}
		if g.why != "" {
			return p.refuse(g.why)
		}
	}
	return nil
}

// lockPart is what is locked on one data source.
type lockPart struct {
	target plan.Target
	has    map[int]bool  // the tables whose names target has
	beside []plan.Target // see plan.LockPart
	tables []string
}

// newLockPart begins a part; tables that are not there keep their logical names.
func (p *planning) newLockPart(node rule.Node) *lockPart {
	return &lockPart{has: map[int]bool{}, target: plan.Target{DataSource: node.DataSource, Schema: node.Schema, Names: p.tableNames(), Schemas: p.databaseNames()}}
}

// add locks one actual table as the statement locks the logical one. Statements name it so while tables are locked.
func (l *lockPart) add(p *planning, ref *parser.TableRef, t *table, node rule.Node) {
	if l.has[t.index] && l.target.Names[t.index] != node.Table {
		other := l.target
		other.Names, other.Schemas = slices.Clone(other.Names), slices.Clone(other.Schemas)
		other.Names[t.index], other.Schemas[t.index] = node.Table, node.Schema
		l.beside = append(l.beside, other)
	} else {
		l.target.Names[t.index], l.target.Schemas[t.index], l.has[t.index] = node.Table, node.Schema, true
	}
	l.tables = append(l.tables, ident(node.Schema)+"."+ident(node.Table)+p.lockRest(ref))
}

// lockRest is what stands behind a table's name: an alias, and the kind of lock.
func (p *planning) lockRest(ref *parser.TableRef) string {
	end := len(p.stmt.Text)
	for _, t := range p.stmt.Tokens {
		if t.Start < ref.NameSpan.End {
			continue
		}
		if t.Is(",") || t.Is("WAIT") || t.Is("NOWAIT") {
			end = t.Start
			break
		}
	}
	return strings.TrimRight(p.stmt.Text[ref.NameSpan.End:end], " \t\r\n")
}

// lockWait is the WAIT or NOWAIT at the end.
func (p *planning) lockWait() string {
	for _, t := range p.stmt.Tokens {
		if t.Is("WAIT") || t.Is("NOWAIT") {
			return " " + p.stmt.Text[t.Start:]
		}
	}
	return ""
}
