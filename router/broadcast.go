package router

import (
	"slices"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
)

// broadcastWrite plans a change of a table that every data source holds whole: each copy runs the statement, so that
// all it says has to come out alike on each. What does not is made to, by a plan that evaluates it once.
func (p *planning) broadcastWrite(t *table) error {
	for _, other := range p.tables {
		if !other.broadcast() && other.gathered == nil {
			return p.refuse("a change of the broadcast table " + t.name + " that reads " + other.name + ", which is not a broadcast table")
		}
	}
	for _, other := range p.tables {
		if err := p.requireSchema(other); err != nil {
			return err
		}
	}
	nodes, err := p.commonNodes()
	if err != nil {
		return err
	}
	if why := p.cascadesFromShards(t); why != "" && len(nodes) > 1 {
		return p.refuse(why)
	}
	if len(nodes) < len(t.nodes()) {
		return p.refuse("a change of the broadcast table " + t.name + " with tables that not all of its copies are beside")
	}
	route, err := p.routeTo(nodes, nil)
	if err != nil {
		return err
	}
	p.clockOf(t)
	if len(nodes) == 1 {
		p.setRoot(route) // the only copy is like itself
		return nil
	}
	for _, other := range p.tables {
		if column := p.unlikeColumn(other); column != "" {
			return p.refuse(column + " in a change of the broadcast table " + t.name)
		}
	}
	route.Opcode = plan.Broadcast
	inserts := p.stmt.Kind == parser.Insert || p.stmt.Kind == parser.Replace
	if why := p.unlikeCopies(t); why != "" {
		refused := p.refuse(why + " in a change of the broadcast table " + t.name)
		if !inserts {
			return p.broadcastByKey(t, route, refused)
		}
		return p.broadcastRows(t, route, refused)
	}
	route.Once.Rand = p.stmt.Uses.Has(parser.UseRand)
	route.Once.AutoIncrement = inserts && t.schema != nil && t.schema.AutoIncrement() != nil
	p.setRoot(route)
	return nil
}

// broadcastByKey plans an UPDATE or DELETE of which only one copy may decide which rows it means (LIMIT, RAND() in a
// condition) or what they become. The first copy's primary keys are those of all.
func (p *planning) broadcastByKey(t *table, route *plan.Route, refused error) error {
	ch, ok := p.readChange()
	if !ok || p.stmt.Clauses.MultiTable || p.stmt.Clauses.Returning.Present() || ch.with != nil || len(p.tables) != 1 || t.schema == nil {
		return refused
	}
	pk := primaryKey(t)
	if len(pk) == 0 || setsAny(ch, pk) || p.stmt.Uses.Has(onceOnly) {
		return refused
	}
	var carried *plan.Image
	if p.unlikeIn(p.stmt.Clauses.Set.Span) {
		if carried = image(t, pk); carried == nil {
			return refused
		}
	}
	b := &block{from: ch.from, where: ch.where}
	p.buildFrom(b)
	if len(b.sources) != 1 {
		return refused
	}
	keyed, err := p.keyed(b, route, pk)
	if err != nil {
		return err
	}
	keyed.Copies, keyed.Image = true, carried
	keyed.Random = slices.ContainsFunc(p.choosing(), p.unlikeIn)
	return nil
}

// onceOnly leave something behind where they are evaluated, which no second evaluation may repeat or miss.
const onceOnly = parser.UseSequence | parser.UseUserVarWrite | parser.UseLock | parser.UseLastInsertIDArg

// unlike are the features that copies may evaluate differently.
const unlike = parser.UseUUID | parser.UseSysdate | parser.UseRand | parser.UseRowNum | parser.UseNonDeterministic | parser.UseUnknownFunction |
	parser.UseConnectionID | parser.UseCurrentUser | parser.UseSysVar | parser.UseVersion

// unlikeIn reports whether a part of the text holds anything that copies may evaluate differently.
func (p *planning) unlikeIn(span parser.Span) bool { return p.usesIn(span, unlike) }

func (p *planning) anyBroadcast() bool {
	return slices.ContainsFunc(p.tables, (*table).broadcast)
}

// lockBroadcast plans a locking read of broadcast tables: it locks on their first copy, where every change of them begins.
func (p *planning) lockBroadcast() error {
	nodes, err := p.commonNodes()
	if err != nil {
		return err
	}
	first := nodes[0].DataSource
	for _, other := range p.tables {
		if other.broadcast() && other.nodes()[0].DataSource != first {
			return p.refuse("a locking read of the broadcast table " + other.name + " beside tables that are not where its first copy is")
		}
	}
	route, err := p.routeTo(nodes[:1], nil)
	if err != nil {
		return err
	}
	route.Opcode = plan.Reference
	if !p.allBroadcast() {
		route.Opcode = plan.Unsharded
	}
	p.plan.Root = route
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
	case rowByRow && t.schema != nil && p.unlikeDefaults(t):
		return "a column default that is not deterministic"
	}
	return ""
}

// unlikeDefaults reports whether a column's default is a function other than the clock.
func (p *planning) unlikeDefaults(t *table) bool {
	return slices.ContainsFunc(t.schema.Columns, func(c catalog.Column) bool { return p.unlikeDefault(&c) })
}

func (p *planning) unlikeDefault(c *catalog.Column) bool {
	return p.defaultUses(c)&(unlike|parser.UseSequence) != 0
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

// cascadesFromShards names a foreign key of a broadcast table that points to a sharded one, whose actions each copy would
// see of its own shard's rows only.
func (p *planning) cascadesFromShards(t *table) string {
	if t.schema == nil {
		return ""
	}
	for _, fk := range t.schema.ForeignKeys {
		db := fk.RefDatabase
		if db == "" {
			db = t.db
		}
		if place, ok := p.snap.Place(db, fk.RefTable); ok && place.Kind == catalog.KindSharded {
			return "a change of the broadcast table " + t.name + ", whose foreign key " + fk.Name + " points to the sharded table " + fk.RefTable
		}
	}
	return ""
}
