package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// keeping plans an UPDATE that computes the sharding key: what the new keys would be is read first, and none may be of
// another shard. column is one of those that are computed.
func (p *planning) keeping(b *block, ch *change, route *plan.Route, column string) error {
	refused := p.refuse("an expression for the sharding key " + b.sources[0].name() + "." + column + " in an UPDATE")
	c := p.stmt.Clauses
	if len(b.sources) != 1 || p.gathered != nil || ch.limit != nil || ch.with != nil || c.MultiTable || len(c.Assigns) != len(ch.sets) {
		return refused
	}
	t := b.sources[0].table
	assigned := make([]int, len(t.keys)) // by key column: its assignment, -1: none
	for k, name := range t.place.Sharded.Key {
		assigned[k] = slices.IndexFunc(ch.sets, func(a *ast.Assignment) bool { return strings.EqualFold(a.Column.Name.O, name) })
		if n := assigned[k]; n >= 0 && !p.computable(ch, n, c.Assigns[n].Expr) {
			return refused
		}
	}
	input, err := p.newKeys(b, t, assigned)
	if err != nil {
		return err
	}
	if input == nil {
		return refused
	}
	route.Template = p.compile(route.Targets, nil)
	names := t.place.Sharded.Key
	p.plan.Root = &plan.Keeping{Input: input, Write: route, Stored: storedBy(t, names, nil), Table: t.name, Column: strings.Join(names, ",")}
	return nil
}

// computable reports whether assignment n can be computed from a row before it changes, and comes out the same then.
func (p *planning) computable(ch *change, n int, expr parser.Span) bool {
	if p.usesIn(expr, unlike|onceOnly|parser.UseSubquery|parser.UseDefaultFunc) || p.divides(expr) {
		return false
	}
	names := &columnNames{}
	ch.sets[n].Expr.Accept(names)
	for _, name := range names.names {
		for m, other := range ch.sets {
			if m != n && strings.EqualFold(other.Column.Name.O, name.Name.O) {
				return false // it may have changed before
			}
		}
	}
	return true
}

// newKeys plans the locking SELECT of the new keys; nil where that is no plain query of shards.
func (p *planning) newKeys(b *block, t *table, assigned []int) (*plan.Route, error) {
	c := p.stmt.Clauses
	var sql strings.Builder
	var args []int
	take := func(span parser.Span) {
		sql.WriteString(span.In(p.stmt.Text))
		for i, a := range p.stmt.Args {
			if int(a.Start) >= span.Start && int(a.End) <= span.End {
				args = append(args, i)
			}
		}
	}
	sql.WriteString("SELECT ")
	for k, n := range assigned {
		if k > 0 {
			sql.WriteString(", ")
		}
		if n < 0 {
			sql.WriteString(ident(t.place.Sharded.Key[k]))
		} else {
			take(c.Assigns[n].Expr)
		}
	}
	sql.WriteString(" FROM " + p.tableText(b) + " ")
	if c.Where.Present() {
		take(c.Where.Span)
	}
	sql.WriteString(" FOR UPDATE")
	stmt, err := parser.Parse(sql.String(), p.stmt.Mode)
	if err != nil || len(stmt.Args) != len(args) {
		return nil, nil
	}
	sub, err := p.part(stmt, p.givenOf(len(args), func(i int) int { return args[i] }))
	if err != nil {
		return nil, err
	}
	route, ok := sub.Root.(*plan.Route)
	if !ok {
		return nil, nil
	}
	mapArgs(route, args)
	return route, nil
}
