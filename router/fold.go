package router

import (
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// NotFolded is the planner's answer to a folded statement (parser.Scan.ParseFolded) whose plan would depend on how long its
// lists are: parse the text whole and plan again, for this length.
type NotFolded struct{}

// Error implements error.
func (*NotFolded) Error() string { return "a plan that depends on the lengths of lists" }

// foldOf is one more than the number of the folded list that the elements are; 0: none.
func (p *planning) foldOf(elements []ast.ExprNode) int {
	if len(elements) != 2 {
		return 0
	}
	first, ok := p.stmt.Span(elements[0])
	second, also := p.stmt.Span(elements[1])
	for i, f := range p.stmt.Folds {
		if ok && also && f.First == first && f.Second == second {
			return i + 1
		}
	}
	return 0
}

// folds checks that the plan knows nothing of the two elements that stand for each folded list but by way of the list: what
// else names an argument of theirs has taken them for the statement's own.
func (p *planning) folds() bool {
	if len(p.stmt.Folds) == 0 {
		return true
	}
	if p.unfolded {
		return false
	}
	c := foldCheck{p: p, ok: true}
	c.node(p.plan.Root)
	c.template(p.plan.Shape)
	c.template(p.plan.Trial)
	return c.ok
}

// foldCheck looks at every argument that a plan names.
type foldCheck struct {
	p  *planning
	ok bool
}

// arg checks an argument that is named as one of folded list folded-1, or, 0, as one of none.
func (c *foldCheck) arg(i, folded int) {
	of := 0
	for n, f := range c.p.stmt.Folds {
		if i >= f.Arg && i < f.Arg+2*f.Width {
			of = n + 1
			c.ok = c.ok && i < f.Arg+f.Width
		}
	}
	c.ok = c.ok && (i < 0 || of == folded)
}

func (c *foldCheck) exprs(list []plan.Expr, folded int) {
	for i := range list {
		c.arg(list[i].Arg, folded)
	}
}

func (c *foldCheck) expr(e *plan.Expr) {
	if e != nil {
		c.arg(e.Arg, 0)
	}
}

func (c *foldCheck) limit(l *plan.LimitArgs) {
	if l != nil {
		c.expr(l.Offset)
		c.expr(l.Count)
	}
}

func (c *foldCheck) node(n plan.Node) {
	switch n := n.(type) {
	case *plan.Route:
		c.route(n)
	case *plan.Sort:
		c.limit(n.Limit)
	case *plan.Limit:
		c.limit(&n.Args)
	case *plan.Aggregate:
		for i := range n.Output {
			c.expr(n.Output[i].SeparatorArg)
		}
	case *plan.Residual:
		c.template(n.Shape)
		c.template(n.Final)
	case *plan.MergeSort, *plan.Distinct, *plan.Project, *plan.Concat, *plan.Insert, *plan.Update, *plan.Delete:
	default: // whose parts are statements that know nothing of lists
		c.ok = false
		return
	}
	for _, child := range plan.Children(n) {
		c.node(child)
	}
}

func (c *foldCheck) route(r *plan.Route) {
	c.template(r.Template)
	c.selector(r.Selector)
	if r.Stay != nil {
		c.exprs(r.Stay.Key, 0)
	}
	c.ok = c.ok && r.Ask == nil // which numbers what a server says by row
	if r.Rows == nil {
		return
	}
	for _, key := range r.Rows.Keys {
		c.exprs(key, r.Rows.Folded)
	}
	if r.Rows.Generate != nil {
		for _, e := range r.Rows.Generate.Given {
			if e != nil {
				c.arg(e.Arg, r.Rows.Folded)
			}
		}
	}
}

func (c *foldCheck) selector(s plan.Selector) {
	switch s := s.(type) {
	case *plan.SelectEqual:
		c.exprs(s.Key, 0)
	case *plan.SelectIn:
		for _, key := range s.Keys {
			c.exprs(key, s.Folded)
		}
	case *plan.SelectSame:
		for _, key := range s.Keys {
			c.exprs(key, 0)
		}
	case *plan.SelectCond:
		for i := range s.Conds {
			c.exprs(s.Conds[i].Points, s.Conds[i].Folded)
			c.expr(s.Conds[i].Low)
			c.expr(s.Conds[i].High)
		}
	case *plan.SelectAnd:
		for _, part := range s.Parts {
			c.selector(part)
		}
	case *plan.SelectOr:
		for _, part := range s.Parts {
			c.selector(part)
		}
	}
}

func (c *foldCheck) template(t *rewrite.Template) {
	if t == nil {
		return
	}
	c.pieces(t.Pieces, 0)
	for _, l := range t.Lists {
		for _, item := range l.Items {
			c.pieces(item, l.Folded)
		}
	}
}

func (c *foldCheck) pieces(pieces []rewrite.Piece, folded int) {
	for i := range pieces {
		p := &pieces[i]
		switch p.Op {
		case rewrite.Arg, rewrite.Value, rewrite.Label:
			c.arg(p.N, folded)
		case rewrite.Total:
			c.arg(p.N, 0)
			c.arg(p.M, 0)
		case rewrite.Generated:
			c.arg(p.M, folded)
		case rewrite.Repeat:
			c.pieces(p.Item, p.N+1)
		}
	}
}
