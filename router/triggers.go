package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// firedTriggers judges the triggers of the tables that the statement changes: all of them, whatever the event, for an
// INSERT may update and a REPLACE delete.
func (p *planning) firedTriggers(g *judge) error {
	for i := range p.stmt.Tables {
		t := p.byRef[i]
		if t == nil || t.system || !guarded(t.place.Layout) {
			continue
		}
		switch p.stmt.Tables[i].Role {
		case parser.RoleInsert, parser.RoleUpdate, parser.RoleDelete:
			if err := p.triggersOf(g, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// triggersOf judges the triggers of one table, which have to be the same at all of its nodes.
func (p *planning) triggersOf(g *judge, t *table) error {
	nodes := t.nodes()
	var first []*catalog.Program
	var lead kept
	for i, node := range nodes {
		k, err := p.keptAt(t.place.Layout, node.DataSource)
		if err != nil {
			return p.allKept(t, err)
		}
		here := p.snap.Triggers(k.programs, node.Table)
		if i == 0 {
			first, lead = here, k
		} else if !sameTriggers(first, here) {
			g.refuse("a change of "+t.name, "has other triggers on the shard "+node.Shard+" than on "+nodes[0].Shard)
			return nil
		}
	}
	for _, q := range first {
		if err := g.trigger(lead, q, ""); err != nil {
			return err
		}
		if len(nodes) > 1 && g.why == "" {
			p.triggerOfMany(g, t, lead, q)
		}
	}
	return nil
}

// allKept asks for all of a table's data sources at once.
func (p *planning) allKept(t *table, err error) error {
	var unknown []string
	for _, node := range t.nodes() {
		if _, known := p.snap.Programs(t.place.Layout.Database, node.DataSource); !known {
			unknown = append(unknown, node.DataSource)
		}
	}
	if need, ok := err.(*NeedPrograms); ok {
		return &NeedPrograms{Database: need.Database, DataSources: unknown}
	}
	return err
}

func sameTriggers(a, b []*catalog.Program) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].When != b[i].When || a[i].Body != b[i].Body || a[i].SQLMode != b[i].SQLMode {
			return false
		}
	}
	return true
}

// triggerOfMany judges a trigger that acts at several nodes: it may not depend on where it is, nor move a row.
func (p *planning) triggerOfMany(g *judge, t *table, k kept, q *catalog.Program) {
	mode := p.env.Mode
	mode.SQLMode, mode.Charset = parser.ParseSQLMode(q.SQLMode), parser.CharsetUTF8
	body, err := parser.ParseBody(q.Body, mode)
	if err != nil {
		return // refused already
	}
	p.manyBody(g, t, "the trigger "+q.Name+" of "+t.name, body)
}

func (p *planning) manyBody(g *judge, t *table, label string, body *parser.Body) {
	for _, node := range t.nodes() {
		if g.within != nil && !g.within[node.DataSource] {
			g.refuse(label, "needs a table that is not on the data source "+node.DataSource)
			return
		}
	}
	if len(g.vars) > 0 {
		g.refuse(label, "has user variables, over several shards")
		return
	}
	const perCopy = parser.UseUUID | parser.UseRand | parser.UseRowNum | parser.UseSysdate | parser.UseNonDeterministic | parser.UseSequence
	const perSession = parser.UseLastInsertID | parser.UseLastInsertIDArg | parser.UseFoundRows | parser.UseRowCount |
		parser.UseSysVar | parser.UseVersion | parser.UseLock
	switch {
	case t.broadcast() && g.uses&perCopy != 0:
		g.refuse(label, "is not deterministic, on every copy of a broadcast table")
		return
	case t.broadcast() && g.uses&perSession != 0:
		g.refuse(label, "asks for what each server has its own of, on every copy of a broadcast table")
		return
	case t.broadcast() && g.limits:
		g.refuse(label, "has a LIMIT, which may choose other rows on every copy of a broadcast table")
		return
	}
	for _, column := range body.AssignedNew {
		if t.keyIndex(column) >= 0 || t.sharded() && generates(t.place.Sharded, column) {
			g.refuse(label, "assigns the column "+column+", which Heddle has placed the row by")
		}
	}
}

func generates(t *rule.ShardedTable, column string) bool {
	return t.Generate != nil && strings.EqualFold(t.Generate.Column, column)
}
