package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
)

// broadcastWrite plans a change of a table that every data source holds whole: each copy runs the statement, so that
// all it says has to come out alike on each.
func (p *planning) broadcastWrite(t *table) error {
	for _, other := range p.tables {
		if !other.broadcast() {
			return p.refuse("a change of the broadcast table " + t.name + " that reads " + other.name + ", which is not a broadcast table")
		}
	}
	if err := p.requireSchema(t); err != nil {
		return err
	}
	if why := p.unlikeCopies(t); why != "" {
		return p.refuse(why + " in a change of the broadcast table " + t.name)
	}
	nodes, err := p.commonNodes()
	if err != nil {
		return err
	}
	if len(nodes) < len(t.nodes()) {
		return p.refuse("a change of the broadcast table " + t.name + " with tables that not all of its copies are beside")
	}
	route, err := p.routeTo(nodes, nil)
	if err != nil {
		return err
	}
	p.clockOf(t)
	route.Opcode = plan.Broadcast
	inserts := p.stmt.Kind == parser.Insert || p.stmt.Kind == parser.Replace
	route.Once.Rand = p.stmt.Uses.Has(parser.UseRand)
	route.Once.AutoIncrement = inserts && t.schema != nil && t.schema.AutoIncrement() != nil
	p.setRoot(route)
	return nil
}

// unlikeCopies names what would make the copies differ.
func (p *planning) unlikeCopies(t *table) string {
	uses, c := p.stmt.Uses, p.stmt.Clauses
	rowByRow := p.stmt.Kind == parser.Insert || p.stmt.Kind == parser.Replace
	fromSelect := c == nil || rowByRow && c.Source != nil
	switch {
	case uses.Has(parser.UseUUID):
		return "UUID()"
	case uses.Has(parser.UseSysdate):
		return "SYSDATE()"
	case uses.Has(parser.UseNonDeterministic):
		return "a function that is not deterministic"
	case uses.Has(parser.UseUnknownFunction):
		return "a function that Heddle does not know"
	case uses.Has(parser.UseSequence):
		return "a sequence"
	case uses.Has(parser.UseUserVarWrite):
		return "the assignment of user variables"
	case uses.Has(parser.UseLock):
		return "GET_LOCK and its kin"
	case uses.Has(parser.UseConnectionID | parser.UseCurrentUser | parser.UseSysVar | parser.UseVersion):
		return "a value of the connection or of the server"
	case uses.Has(parser.UseRand) && (!rowByRow || fromSelect):
		return "RAND()"
	case c == nil:
		return "a statement of a form that Heddle cannot read"
	case c.Limit != nil || c.Source != nil && c.Source.Limit != nil:
		return "LIMIT"
	case rowByRow && c.Source != nil && t.schema != nil && t.schema.AutoIncrement() != nil:
		return "INSERT … SELECT with an AUTO_INCREMENT column"
	case t.schema != nil && unlikeDefaults(t):
		return "a column default that is not deterministic"
	}
	return ""
}

// unlikeDefaults reports whether a column's default is a function other than the clock.
func unlikeDefaults(t *table) bool {
	for _, c := range t.schema.Columns {
		if d := lower(c.Default); c.HasDefault && (strings.Contains(d, "uuid(") || strings.Contains(d, "rand(") || strings.Contains(d, "sysdate(") || strings.Contains(d, "nextval(")) {
			return true
		}
	}
	return false
}

// setRoot puts the node of the statement's kind around its Route.
func (p *planning) setRoot(route *plan.Route) {
	switch p.stmt.Kind {
	case parser.Insert, parser.Replace:
		p.plan.Root = &plan.Insert{Route: route}
	case parser.Update:
		p.plan.Root = &plan.Update{Route: route}
	case parser.Delete:
		p.plan.Root = &plan.Delete{Route: route}
	default:
		p.plan.Root = route
	}
}
