package router

import (
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// shiftArgs renumbers the arguments of the plan of a part of a statement as the whole statement numbers them: by is
// how many stand before the part. No template is the client's text then.
func shiftArgs(n plan.Node, by int) { shifter(func(i int) int { return i + by }).node(n) }

// mapArgs is shiftArgs for a part that is made of several: to are the whole statement's numbers of its arguments.
func mapArgs(n plan.Node, to []int) { shifter(func(i int) int { return to[i] }).node(n) }

type shifter func(int) int

func (s shifter) node(n plan.Node) {
	switch n := n.(type) {
	case *plan.Route:
		s.template(n.Template)
		s.selector(n.Selector)
	case *plan.MergeSort:
		s.node(n.Input)
	case *plan.Sort:
		s.node(n.Input)
		if n.Limit != nil {
			s.limit(n.Limit)
		}
	case *plan.Limit:
		s.node(n.Input)
		s.limit(&n.Args)
	case *plan.Distinct:
		s.node(n.Input)
	case *plan.Aggregate:
		s.node(n.Input)
	case *plan.Project:
		s.node(n.Input)
	case *plan.Residual:
		s.node(n.Input)
		s.template(n.Shape)
		s.template(n.Final)
	case *plan.Insert:
		s.node(n.Route)
	case *plan.Update:
		s.node(n.Route)
	case *plan.Delete:
		s.node(n.Route)
	case *plan.DDL:
		s.node(n.Route)
	case *plan.TableAdmin:
		s.node(n.Route)
	}
}

func (s shifter) template(t *rewrite.Template) {
	t.Identity = false
	s.pieces(t.Pieces)
	for _, l := range t.Lists {
		for _, item := range l.Items {
			s.pieces(item)
		}
	}
}

func (s shifter) pieces(pieces []rewrite.Piece) {
	for i := range pieces {
		p := &pieces[i]
		switch p.Op {
		case rewrite.Arg, rewrite.Value, rewrite.Label:
			p.N = s(p.N)
		case rewrite.Total:
			p.N, p.M = s.index(p.N), s.index(p.M)
		case rewrite.Generated:
			p.M = s.index(p.M)
		}
	}
}

func (s shifter) index(i int) int {
	if i < 0 {
		return i
	}
	return s(i)
}

func (s shifter) limit(l *plan.LimitArgs) {
	s.expr(l.Offset)
	s.expr(l.Count)
}

func (s shifter) expr(e *plan.Expr) {
	if e != nil {
		e.Arg = s.index(e.Arg)
	}
}

func (s shifter) exprs(list []plan.Expr) {
	for i := range list {
		s.expr(&list[i])
	}
}

func (s shifter) selector(sel plan.Selector) {
	switch sel := sel.(type) {
	case *plan.SelectEqual:
		s.exprs(sel.Key)
	case *plan.SelectIn:
		for _, k := range sel.Keys {
			s.exprs(k)
		}
	case *plan.SelectSame:
		for _, k := range sel.Keys {
			s.exprs(k)
		}
	case *plan.SelectCond:
		for i := range sel.Conds {
			s.exprs(sel.Conds[i].Points)
			s.expr(sel.Conds[i].Low)
			s.expr(sel.Conds[i].High)
		}
	case *plan.SelectAnd:
		for _, part := range sel.Parts {
			s.selector(part)
		}
	case *plan.SelectOr:
		for _, part := range sel.Parts {
			s.selector(part)
		}
	}
}
