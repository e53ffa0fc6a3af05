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
	if p.stmt.Executable {
		return p.refuse("LOCK TABLES with executable comments")
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
		for n, node := range t.nodes() {
			if slices.ContainsFunc(t.nodes()[:n], func(o rule.Node) bool { return o.DataSource == node.DataSource && o.Schema == node.Schema }) {
				return p.refuse("LOCK TABLES of " + t.name + ", which has several actual tables in one schema")
			}
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
		l.Parts = append(l.Parts, plan.LockPart{SQL: head + strings.Join(part.tables, ", ") + p.lockWait()})
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

// lockPart is what is locked on one data source.
type lockPart struct {
	target plan.Target
	tables []string
}

// newLockPart begins a part; tables that are not there keep their logical names.
func (p *planning) newLockPart(node rule.Node) *lockPart {
	return &lockPart{target: plan.Target{DataSource: node.DataSource, Schema: node.Schema, Names: p.tableNames(), Schemas: p.databaseNames()}}
}

// add locks one actual table as the statement locks the logical one. Statements read a table of another name under its
// logical one, and change it under its own.
func (l *lockPart) add(p *planning, ref *parser.TableRef, t *table, node rule.Node) {
	l.target.Names[t.index], l.target.Schemas[t.index] = node.Table, node.Schema
	how := p.lockRest(ref)
	name := ident(node.Schema) + "." + ident(node.Table)
	l.tables = append(l.tables, name+how)
	if ref.Alias == "" && node.Table != t.name {
		l.tables = append(l.tables, name+" AS "+ident(t.name)+how)
	}
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
