package router

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// planExplain plans EXPLAIN and ANALYZE of a statement: its Route with the explaining words before the template. What
// the proxy would do above the Route is in the notes.
func (p *planning) planExplain() error {
	inner := p.stmt.Inner
	if inner == nil {
		return p.planOther()
	}
	sub, err := p.part(inner, nil)
	if err != nil {
		return err
	}
	if _, parts := sub.Root.(*plan.Gather); parts && sub.Write && p.stmt.Kind == parser.Analyze {
		return sqlerr.NotSupported("ANALYZE of a write that runs in parts over several shards")
	}
	route := routeOf(sub.Root)
	if route == nil {
		return sqlerr.NotSupported("EXPLAIN of this statement")
	}
	before := 0
	for _, a := range p.stmt.Args {
		if int(a.Start) < p.stmt.InnerStart {
			before++
		}
	}
	shiftArgs(route, before)
	head := rewrite.Cut(p.src, rewrite.Span{Start: 0, End: p.stmt.InnerStart}, nil)
	t := *route.Template
	t.Pieces = append(head, t.Pieces...)
	t.CountParams()
	route.Template = &t
	if sub.Root != plan.Node(route) {
		p.plan.Notes = append(p.plan.Notes, "the plan over all shards is "+plan.Format(sub, nil))
	}
	p.plan.Root, p.plan.Rename, p.plan.Explained = route, sub.Rename, sub
	p.plan.Write = sub.Write && p.stmt.Kind == parser.Analyze
	if len(p.tables) == 0 {
		p.plan.Tables = sub.Tables
	}
	return nil
}

// routeOf is the first Route of a tree.
func routeOf(n plan.Node) *plan.Route {
	switch n := n.(type) {
	case *plan.Route:
		return n
	case *plan.MergeSort:
		return routeOf(n.Input)
	case *plan.Sort:
		return routeOf(n.Input)
	case *plan.Limit:
		return routeOf(n.Input)
	case *plan.Distinct:
		return routeOf(n.Input)
	case *plan.Aggregate:
		return routeOf(n.Input)
	case *plan.Project:
		return routeOf(n.Input)
	case *plan.Residual:
		return routeOf(n.Input)
	case *plan.Gather:
		return n.Place
	case *plan.Insert:
		return n.Route
	case *plan.Update:
		return n.Route
	case *plan.Delete:
		return n.Route
	case *plan.ByKey:
		return n.Write
	case *plan.Keeping:
		return n.Write
	case *plan.Transfer:
		return routeOf(n.Input)
	case *plan.DDL:
		return n.Route
	case *plan.TableAdmin:
		return n.Route
	}
	return nil
}
