package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// change is an UPDATE or DELETE as the tree shows it.
type change struct {
	from   ast.ResultSetNode
	where  ast.ExprNode
	order  *ast.OrderByClause
	limit  *ast.Limit
	with   *ast.WithClause
	sets   []*ast.Assignment
	delete []*ast.TableName // targets of a multi-table DELETE
}

// planChange plans UPDATE and DELETE: shard by shard, else with what they read elsewhere gathered first.
func (p *planning) planChange() error {
	return p.orGathered(p.planChanges())
}

// planChanges plans a change for the shards as it stands.
func (p *planning) planChanges() error {
	lead := p.anySharded()
	if lead == nil {
		if t := p.changedBroadcast(); t != nil {
			return p.broadcastWrite(t)
		}
		return p.changeOnePlace()
	}
	if len(lead.nodes()) == 1 {
		route, err := p.routeTo(lead.nodes(), lead)
		if err != nil {
			return err
		}
		p.setRoot(route)
		return nil
	}
	ch, ok := p.readChange()
	if !ok {
		return p.refuseUnread(lead)
	}
	route, err := p.shardRoute(lead)
	if err != nil {
		return err
	}
	b := &block{from: ch.from, where: ch.where}
	p.buildFrom(b)
	p.buildWith(ch.with)
	p.changeSubqueries(b, ch)
	changed, err := p.changedSources(b, ch)
	if err != nil {
		return err
	}
	return p.changeSharded(b, ch, route, changed)
}

// changeOnePlace plans a change without sharded tables.
func (p *planning) changeOnePlace() error {
	route, err := p.oneDataSource()
	if err != nil {
		return err
	}
	p.setRoot(route)
	return nil
}

// changedBroadcast is a broadcast table among those that may change.
func (p *planning) changedBroadcast() *table {
	for i := range p.stmt.Tables {
		r := p.stmt.Tables[i].Role
		if t := p.byRef[i]; t != nil && t.broadcast() && (r == parser.RoleUpdate || r == parser.RoleDelete) {
			return t
		}
	}
	return nil
}

func (p *planning) readChange() (*change, bool) {
	if p.stmt.Clauses == nil {
		return nil, false
	}
	switch n := p.stmt.AST.(type) {
	case *ast.UpdateStmt:
		return &change{from: n.TableRefs.TableRefs, where: n.Where, order: n.Order, limit: n.Limit, with: n.With, sets: n.List}, true
	case *ast.DeleteStmt:
		ch := &change{from: n.TableRefs.TableRefs, where: n.Where, order: n.Order, limit: n.Limit, with: n.With}
		if n.IsMultiTable && n.Tables != nil {
			ch.delete = n.Tables.Tables
		}
		return ch, true
	}
	return nil, false
}

// changeSubqueries builds the queries in WHERE, SET, ON and ORDER BY.
func (p *planning) changeSubqueries(b *block, ch *change) {
	f := &subqueryFinder{}
	f.visitExpr(ch.where)
	f.visitJoin(ch.from)
	for _, a := range ch.sets {
		f.visitExpr(a.Expr)
	}
	if ch.order != nil {
		f.visit(ch.order)
	}
	p.addSubqueries(b, f.found, semiJoins(b.hard))
}

// changedSources are the sources whose rows change: stored, sharded tables, or the statement is refused.
func (p *planning) changedSources(b *block, ch *change) ([]*source, error) {
	var out []*source
	add := func(s *source) {
		for _, have := range out {
			if have == s {
				return
			}
		}
		out = append(out, s)
	}
	switch {
	case ch.sets == nil && ch.delete == nil:
		out = b.sources
	case ch.delete != nil:
		for _, t := range ch.delete {
			s := p.sourceNamed(b, t.Name.O)
			if s == nil {
				if t := p.stmt.Tokens; len(t) > 2 && t[1].Is("HISTORY") && t[2].Is("FROM") {
					return nil, p.refuse("DELETE HISTORY on a sharded table")
				}
				return nil, p.refuse("a DELETE whose targets Heddle cannot find")
			}
			add(s)
		}
	default:
		for _, a := range ch.sets {
			s, err := p.assigned(b, a.Column)
			if err != nil {
				return nil, err
			}
			add(s)
		}
	}
	for _, s := range out {
		if s.table == nil || !s.table.sharded() {
			return nil, p.refuse("a change of the table " + s.name() + ", which is not sharded, together with one that is")
		}
	}
	return out, nil
}

func (p *planning) sourceNamed(b *block, name string) *source {
	for _, s := range b.sources {
		if p.sameName(s.alias, name) {
			return s
		}
	}
	return nil
}

// assigned is the source that an assigned column belongs to.
func (p *planning) assigned(b *block, c *ast.ColumnName) (*source, error) {
	if len(b.sources) == 1 {
		return b.sources[0], nil
	}
	if c.Table.O != "" {
		if s := p.sourceNamed(b, c.Table.O); s != nil {
			return s, nil
		}
		return nil, p.refuse("an UPDATE whose columns Heddle cannot find")
	}
	for _, s := range b.sources {
		if s.table == nil {
			continue
		}
		if err := p.requireSchema(s.table); err != nil {
			return nil, err
		}
		if s.table.column(c.Name.O) >= 0 {
			return s, nil
		}
	}
	return nil, p.refuse("an UPDATE whose columns Heddle cannot find")
}

// changeSharded plans the change of sharded rows.
func (p *planning) changeSharded(b *block, ch *change, route *plan.Route, changed []*source) error {
	hint, err := p.hintSelector(p.anySharded())
	if err != nil {
		return err
	}
	why := p.colocated(b)
	if p.cteSharded() {
		why = "a WITH query over several shards"
	}
	if p.unseen() {
		why = "a change of a form that Heddle cannot read over several shards"
	}
	if b.lead() == nil {
		why = "a change whose sharded tables are in subqueries only"
	}
	if hint != nil {
		route.Selector = hint
	} else if why == "" {
		route.Selector = p.blockSelector(b)
	}
	if why == "" && !oneTarget(route.Selector) {
		why = p.changeRefusal()
	}
	if !oneTarget(route.Selector) {
		p.oneShard(route, why)
	}
	route.Opcode = opcodeOf(route.Selector)
	one := oneTarget(route.Selector)
	if !one && why != "" {
		return p.refuse(why)
	}
	for _, s := range changed {
		p.clockOf(s.table)
	}
	if err := p.keepIDs(b, ch); err != nil {
		return err
	}
	computed, err := p.keepKey(b, ch, route)
	if err != nil {
		return err
	}
	if computed != "" {
		return p.keeping(b, ch, route, computed)
	}
	if ch.limit != nil && !one {
		return p.byKey(b, ch, route)
	}
	route.Template = p.compile(route.Targets, nil)
	p.setRoot(route)
	return nil
}

// changeRefusal names what a change over several shards cannot have.
func (p *planning) changeRefusal() string {
	uses := p.stmt.Uses
	switch {
	case uses.Has(parser.UseUserVarWrite):
		return "the assignment of user variables in a change over several shards"
	case uses.Has(parser.UseSequence):
		return "a sequence in a change over several shards"
	case uses.Has(parser.UseLastInsertIDArg):
		return "LAST_INSERT_ID(expr) in a change over several shards"
	case uses.Has(parser.UseLock):
		return "GET_LOCK and its kin over several shards"
	}
	return ""
}

// keepKey sees to assignments of the sharding key: the new key has to be that of the shards that the statement reaches.
// computed names a key column whose new value only a server can compute.
func (p *planning) keepKey(b *block, ch *change, route *plan.Route) (computed string, err error) {
	moves := map[*source]map[int]plan.Expr{}
	for _, a := range ch.sets {
		s, err := p.assigned(b, a.Column)
		if err != nil {
			return "", err
		}
		k := s.table.keyIndex(a.Column.Name.O)
		if k < 0 {
			continue
		}
		if c, ok := p.keyColumn(b, a.Expr); ok && c.src == s && c.key == k {
			continue // the key stays itself
		}
		v, ok := p.constant(a.Expr)
		if !ok {
			computed = a.Column.Name.O
			continue
		}
		if moves[s] == nil {
			moves[s] = map[int]plan.Expr{}
		}
		moves[s][k] = v
	}
	if computed != "" {
		return computed, nil
	}
	for s, sets := range moves {
		if route.Stay != nil {
			return "", p.refuse("an UPDATE of the sharding keys of several tables")
		}
		stay, err := p.stay(route, s, sets)
		if err != nil {
			return "", err
		}
		route.Stay = stay
	}
	return "", nil
}

// keepIDs refuses the assignment of ids that Heddle generates where the shards do not see that another row has one.
func (p *planning) keepIDs(b *block, ch *change) error {
	for _, a := range ch.sets {
		s, err := p.assigned(b, a.Column)
		if err != nil {
			return err
		}
		if err := p.requireSchema(s.table); err != nil {
			return err
		}
		if s.table.schema == nil {
			continue
		}
		g := catalog.GeneratorOf(s.table.place.Sharded, s.table.schema)
		if g == nil || !strings.EqualFold(g.Column, a.Column.Name.O) || p.isColumn(b, a.Expr, s, g.Column) || s.table.uniqueLacking(g) == nil {
			continue
		}
		return p.refuse("an UPDATE " + givenID(s.table, g))
	}
	return nil
}

// isColumn reports whether an expression is a column of a source.
func (p *planning) isColumn(b *block, e ast.ExprNode, s *source, column string) bool {
	name, ok := e.(*ast.ColumnNameExpr)
	if !ok || !strings.EqualFold(name.Name.Name.O, column) {
		return false
	}
	of, err := p.assigned(b, name.Name)
	return err == nil && of == s
}

// stay is the new key: what is assigned, and what the conditions say of the rest.
func (p *planning) stay(route *plan.Route, s *source, sets map[int]plan.Expr) (*plan.Stay, error) {
	names := s.table.place.Sharded.Key
	stay := &plan.Stay{Table: s.table.name, Column: strings.Join(names, ",")}
	eq, _ := route.Selector.(*plan.SelectEqual)
	for k := range names {
		v, ok := sets[k]
		switch {
		case ok:
		case eq != nil:
			v = eq.Key[k]
		default:
			return nil, p.refuse("an UPDATE of a part of the sharding key of " + s.table.name + " over several shards")
		}
		stay.Key = append(stay.Key, v)
	}
	return stay, nil
}
