package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
)

// gatherWrite plans an INSERT of values, UPDATE or DELETE in whose conditions, values or derived tables are queries over other
// places. Those that say nothing of the rows around them are run first, with the locks that servers take on what a write
// reads, and the write is planned with their rows in temporary tables. A change of a table that its own queries read is
// one server's too: it finds all rows before it changes the first.
func (p *planning) gatherWrite() error {
	if why := p.gatherWriteRefusal(); why != "" {
		return sqlerr.NotSupported(why)
	}
	if len(p.stmt.Folds) > 0 {
		return &NotFolded{} // its parts are statements of their own, which know nothing of lists
	}
	p.lists, p.inlined = nil, false
	p.plan.Root, p.plan.Shape, p.plan.Trial = nil, nil, nil
	place, err := p.gatherPlace()
	if err != nil {
		return err
	}
	g := &gathering{p: p, place: place, locks: true}
	if _, err := p.describeText(place, place.Template); err != nil {
		return err // a mistake is answered as a server answers it
	}
	g.find()
	err = sqlerr.NotSupported("a write without queries that can be run first")
	for _, some := range subsets(g.groups) {
		if err = g.try(g.queries(some)); !isRefusal(err) {
			return err
		}
	}
	return err
}

// orGathered is what became of the planning of a write, or, where it was refused, of gatherWrite.
func (p *planning) orGathered(err error) error {
	if isRefusal(err) {
		if other := p.gatherWrite(); !isRefusal(other) {
			return other
		}
	}
	return err
}

// gatherWriteRefusal names what has to be seen in one go.
func (p *planning) gatherWriteRefusal() string {
	uses := p.stmt.Uses
	const leaves = parser.UseForUpdate | parser.UseForShare | onceOnly | parser.UseSystemTime
	switch {
	case !uses.Has(parser.UseSubquery), p.anySharded() == nil, p.gathered != nil, p.stmt.Executable, p.stmt.Prefix.Present(), p.stmt.Clauses == nil,
		p.stmt.Clauses.Returning.Present():
		return "a write of this form over several shards"
	case len(p.values) > 0 || p.route != "":
		return "a hint in a statement whose tables one server has to see together"
	case uses.Has(leaves):
		return "what a write leaves behind over several shards"
	case p.readsChanged() && p.readsAssigned():
		return "an UPDATE that reads its table in a subquery and, in an assignment, a column that it has assigned before, whose rows are found apart"
	}
	return p.ofAllRows()
}

// readsChanged reports whether a query inside of a change names a table that is changed.
func (p *planning) readsChanged() bool {
	for i, t := range p.byRef {
		role := p.stmt.Tables[i].Role
		if t == nil || role != parser.RoleUpdate && role != parser.RoleDelete {
			continue
		}
		for n, other := range p.byRef {
			if other == t && p.stmt.Tables[n].Depth > 0 {
				return true
			}
		}
	}
	return false
}

// locked is a part of a write, which locks what it reads.
func (p *planning) locked(of *gatheredPart) (*gatheredPart, error) {
	c := of.stmt.Clauses
	if c == nil || len(c.Branches) > 0 || c.Paren || c.Into.Present() || c.Lock.Present() {
		return nil, sqlerr.NotSupported("a query of this form in a write over several shards")
	}
	stmt, err := p.facts.parse(strings.TrimRight(of.stmt.Text, " \t\r\n")+" LOCK IN SHARE MODE", of.stmt.Mode)
	if err != nil || stmt.Kind != parser.Select || len(stmt.Args) != len(of.origins) {
		return nil, sqlerr.NotSupported("a query in a write that cannot be read by itself")
	}
	part := *of
	part.stmt, part.locks = stmt, true
	return &part, nil
}

// strict reports whether in strict mode what a query inside of the statement warns of is an error. A DELETE only warns. Of a value that
// an index is searched for, a server forgets what it has warned of: which it searches is not known here.
func (p *planning) strict() bool {
	return changesRows(p.stmt.Kind) && p.stmt.Kind != parser.Delete && !p.stmt.Clauses.Ignore
}

// changesRows reports whether a statement is one of the kinds that gatherWrite plans.
func changesRows(kind parser.Kind) bool {
	return kind == parser.Insert || kind == parser.Replace || kind == parser.Update || kind == parser.Delete
}

// writesInPlace reports whether a plan is that of a write which runs wherever its rows are, and asks nothing before.
func writesInPlace(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Insert, *plan.Update, *plan.Delete:
		return plan.Leaf(n).Ask == nil
	case *plan.ByKey:
		return !n.Copies
	}
	return false
}
