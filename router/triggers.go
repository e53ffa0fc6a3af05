package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
)

// firedTriggers judges the triggers of the tables that the statement changes: all of them, whatever the event, for an
// INSERT may update and a REPLACE delete.
func (p *planning) firedTriggers(g *judge) error {
	for i := range p.stmt.Tables {
		t := p.byRef[i]
		if t == nil || t.system {
			continue
		}
		if !guarded(t.place.Layout) {
			if p.stmt.Tables[i].Role == parser.RoleInsert && t.single() {
				p.plan.Unjudged = &plan.ActualTable{Schema: t.place.Single.Schema, Table: t.place.Single.Table}
			}
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
		if g.why == "" {
			p.triggerOf(g, t, q)
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

// triggerOf judges a trigger by what the table is.
func (p *planning) triggerOf(g *judge, t *table, q *catalog.Program) {
	mode := p.env.Mode
	mode.SQLMode, mode.Charset = parser.ParseSQLMode(q.SQLMode), parser.CharsetUTF8
	body, err := parser.ParseBody(q.Body, mode)
	if err != nil {
		return // refused already
	}
	p.triggerBody(g, t, "the trigger "+q.Name+" of "+t.name, body, q.When == beforeInsert)
}

// beforeInsert is when a trigger sees a row whose id a server has not generated yet.
const beforeInsert = "BEFORE INSERT"

// triggerBody judges what a trigger does: it may not see or change what Heddle has generated before, and one that acts at several nodes
// may neither depend on where it is nor move a row.
func (p *planning) triggerBody(g *judge, t *table, label string, body *parser.Body, before bool) {
	if len(t.nodes()) > 1 {
		p.manyBody(g, t, label, body)
	}
	if before {
		for _, n := range body.Names {
			if strings.EqualFold(n.Schema, "NEW") && t.generates(n.Name) {
				g.refuse(label, "names NEW."+n.Name+" before the INSERT, where one server has not generated it yet")
			}
		}
	}
}

// manyBody judges the body of a trigger that acts at several nodes.
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
	calls := slices.ContainsFunc(body.Names, func(n parser.BodyName) bool { return n.Called })
	for _, n := range body.Names {
		if !strings.EqualFold(n.Schema, "NEW") || t.keyIndex(n.Name) < 0 && !t.generates(n.Name) {
			continue
		}
		if calls || slices.Contains(body.AssignedNew, n.Name) { // it may be what a procedure gives out
			g.refuse(label, "assigns the column "+n.Name+", which Heddle has placed the row by")
		}
	}
}

// generates reports whether Heddle fills a column.
func (t *table) generates(column string) bool {
	if !t.sharded() || t.schema == nil {
		return false
	}
	g := catalog.GeneratorOf(t.place.Sharded, t.schema)
	return g != nil && strings.EqualFold(g.Column, column)
}
