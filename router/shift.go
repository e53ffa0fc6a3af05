package router

import (
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// shiftArgs renumbers the arguments of the plan of a part of a statement as the whole statement numbers them: by is
// how many stand before the part. No template is the client's text then.
func shiftArgs(n plan.Node, by int) {
	(&shifter{to: func(i int) int { return i + by }}).node(n)
}

// mapArgs is shiftArgs for a part that is made of several: to are the whole statement's numbers of its arguments.
func mapArgs(n plan.Node, to []int) { (&shifter{to: func(i int) int { return to[i] }}).node(n) }

// renumber is mapArgs for a part some of whose arguments were made for it.
func renumber(n plan.Node, to []argOrigin) {
	origins(to).node(n)
}

// origins is the shifter from a part's arguments to what they come from.
func origins(to []argOrigin) *shifter {
	return &shifter{to: func(i int) int { return to[i].arg }, made: func(i int) (string, bool) { return to[i].made, to[i].arg < 0 }}
}

// argOrigin says where an argument of a part comes from.
type argOrigin struct {
	arg  int    // the statement's argument; -1: made for the part
	made string // its text then, a number
}

type shifter struct {
	to   func(int) int
	made func(int) (text string, made bool) // nil: no argument was
}

// text is that of an argument that was made for the part.
func (s *shifter) text(i int) (string, bool) {
	if s.made == nil || i < 0 {
		return "", false
	}
	return s.made(i)
}

func (s *shifter) node(n plan.Node) {
	switch n := n.(type) {
	case *plan.Route:
		s.template(n.Template)
		s.selector(n.Selector)
		if n.Stay != nil {
			s.exprs(n.Stay.Key)
		}
		s.rows(n.Rows)
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
		for i := range n.Output {
			s.expr(n.Output[i].SeparatorArg)
		}
	case *plan.Project:
		s.node(n.Input)
	case *plan.Residual:
		s.node(n.Input)
		s.template(n.Shape)
		s.template(n.Final)
	case *plan.Gather:
		s.node(n.Place)
		for i := range n.Parts {
			s.node(n.Parts[i].Node)
			s.template(n.Parts[i].Shape)
		}
		s.node(n.Input)
		for _, t := range []*rewrite.Template{n.Trial, n.Rest} {
			if t != nil {
				s.template(t)
			}
		}
	case *plan.Insert:
		s.node(n.Route)
	case *plan.Update:
		s.node(n.Route)
	case *plan.Delete:
		s.node(n.Route)
	case *plan.ByKey:
		s.node(n.Input)
		s.node(n.Write)
	case *plan.DDL:
		s.node(n.Route)
	case *plan.TableAdmin:
		s.node(n.Route)
	}
}

func (s *shifter) rows(rows *plan.Rows) {
	if rows == nil {
		return
	}
	for _, key := range rows.Keys {
		s.exprs(key)
	}
	if rows.Generate != nil {
		for _, given := range rows.Generate.Given {
			s.expr(given)
		}
	}
}

func (s *shifter) template(t *rewrite.Template) {
	t.Identity = false // the text is a part's, not the client's
	s.pieces(t.Pieces)
	for _, l := range t.Lists {
		for _, item := range l.Items {
			s.pieces(item)
		}
	}
}

func (s *shifter) pieces(pieces []rewrite.Piece) {
	for i := range pieces {
		p := &pieces[i]
		switch p.Op {
		case rewrite.Arg, rewrite.Value, rewrite.Label:
			if text, made := s.text(p.N); made {
				*p = rewrite.Piece{Op: rewrite.Text, Text: text}
				continue
			}
			p.N = s.to(p.N)
		case rewrite.Total:
			p.N, p.M = s.index(p.N), s.index(p.M)
		case rewrite.Generated:
			p.M = s.index(p.M)
		}
	}
}

func (s *shifter) index(i int) int {
	if i < 0 {
		return i
	}
	return s.to(i)
}

func (s *shifter) limit(l *plan.LimitArgs) {
	s.expr(l.Offset)
	s.expr(l.Count)
}

func (s *shifter) expr(e *plan.Expr) {
	if e == nil {
		return
	}
	if text, made := s.text(e.Arg); made {
		n, _ := strconv.ParseInt(text, 10, 64) // made by the planner, which makes numbers
		e.Arg, e.Const = -1, sqltypes.IntValue(n)
		return
	}
	e.Arg = s.index(e.Arg)
}

func (s *shifter) exprs(list []plan.Expr) {
	for i := range list {
		s.expr(&list[i])
	}
}

func (s *shifter) selector(sel plan.Selector) {
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
