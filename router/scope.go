package router

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// source is one element of a FROM clause: a stored table, a derived table, or something opaque (a CTE).
type source struct {
	alias, db string
	table     *table // stored table
	body      *query // derived table
	opaque    bool   // a CTE's name, a table function
	lateral   bool
	nullSide  bool // an outer join may extend rows without it
	id        int
}

// block is one SELECT (or the table part of an UPDATE or DELETE) with its scope.
type block struct {
	parent  *block
	sel     *ast.SelectStmt // nil for UPDATE and DELETE
	from    ast.ResultSetNode
	where   ast.ExprNode
	sources []*source
	hard    []ast.ExprNode // what every row of the block meets: conjuncts of WHERE and of inner joins
	joins   *joinTree
	subs    []*subquery // in expressions of the block
	links   *links
}

// query is a SELECT or a union of them.
type query struct {
	blocks []*block
	union  *ast.SetOprStmt // nil for a single SELECT
	ops    []ast.SetOprType
	with   bool // has a WITH clause of its own
	nested bool // a branch is a union itself
}

// subquery is a query in an expression.
type subquery struct {
	query *query
	where bool // a conjunct of WHERE holds it as EXISTS or as IN's right side, unnegated
	in    ast.ExprNode
}

// joinTree mirrors the FROM clause.
type joinTree struct {
	src         *source
	left, right *joinTree
	outer       bool // left is preserved, right is null-supplied
	on          []ast.ExprNode
	using       []string
	natural     bool
}

// column is a column of a source: for sharded sources by the place in the sharding key.
type column struct {
	src *source
	key int
}

// buildQuery makes the blocks of a query.
func (p *planning) buildQuery(n ast.ResultSetNode, parent *block) *query {
	q := &query{}
	p.addBranches(q, n, parent)
	return q
}

func (p *planning) addBranches(q *query, n ast.Node, parent *block) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		q.with = q.with || n.With != nil
		q.blocks = append(q.blocks, p.buildSelect(n, parent))
		p.buildWith(n.With)
	case *ast.SetOprStmt:
		q.with = q.with || n.With != nil
		if q.union == nil {
			q.union = n
		}
		p.buildWith(n.With)
		p.addBranches(q, n.SelectList, parent)
	case *ast.SetOprSelectList:
		p.buildWith(n.With)
		q.with = q.with || n.With != nil
		for _, s := range n.Selects {
			if _, list := s.(*ast.SetOprSelectList); list {
				q.nested = true
			}
			if op := setOperator(s); op != nil {
				q.ops = append(q.ops, *op)
			}
			p.addBranches(q, s, parent)
		}
	case *ast.SubqueryExpr:
		p.addBranches(q, n.Query, parent)
	}
}

func setOperator(n ast.Node) *ast.SetOprType {
	switch n := n.(type) {
	case *ast.SelectStmt:
		return n.AfterSetOperator
	case *ast.SetOprSelectList:
		return n.AfterSetOperator
	}
	return nil
}

// buildWith makes the blocks of CTE bodies; they stand beside the statement, not in its scope.
func (p *planning) buildWith(w *ast.WithClause) {
	if w == nil {
		return
	}
	p.hasCTE = true
	for _, c := range w.CTEs {
		p.ctes = append(p.ctes, p.buildQuery(c.Query.Query, nil))
	}
}

func (p *planning) buildSelect(s *ast.SelectStmt, parent *block) *block {
	b := &block{parent: parent, sel: s, where: s.Where}
	if s.From != nil {
		b.from = s.From.TableRefs
	}
	p.buildFrom(b)
	p.collectSubqueries(b, s)
	return b
}

// buildFrom makes the sources, the join tree and the hard conjuncts.
func (p *planning) buildFrom(b *block) {
	if b.from != nil {
		b.joins = p.buildJoin(b, b.from, false)
	}
	b.hard = append(b.hard, conjuncts(b.where)...)
	b.hard = append(b.hard, hardConditions(b.joins)...)
	p.blocks = append(p.blocks, b)
}

func (p *planning) buildJoin(b *block, n ast.ResultSetNode, nullSide bool) *joinTree {
	switch n := n.(type) {
	case *ast.TableSource:
		if j, ok := n.Source.(*ast.Join); ok {
			return p.buildJoin(b, j, nullSide)
		}
		s := p.newSource(b, n, nullSide)
		return &joinTree{src: s}
	case *ast.TableName:
		s := p.newSource(b, &ast.TableSource{Source: n}, nullSide)
		return &joinTree{src: s}
	case *ast.Join:
		if n.Right == nil {
			return p.buildJoin(b, n.Left, nullSide)
		}
		t := &joinTree{natural: n.NaturalJoin}
		if n.On != nil {
			t.on = conjuncts(n.On.Expr)
		}
		for _, c := range n.Using {
			t.using = append(t.using, c.Name.O)
		}
		t.outer = n.Tp == ast.LeftJoin || n.Tp == ast.RightJoin
		t.left = p.buildJoin(b, n.Left, nullSide || n.Tp == ast.RightJoin)
		t.right = p.buildJoin(b, n.Right, nullSide || n.Tp == ast.LeftJoin)
		if n.Tp == ast.RightJoin {
			t.left, t.right = t.right, t.left
		}
		return t
	}
	s := &source{opaque: true, nullSide: nullSide}
	b.sources = append(b.sources, s)
	return &joinTree{src: s}
}

func (p *planning) newSource(b *block, n *ast.TableSource, nullSide bool) *source {
	s := &source{alias: n.AsName.O, nullSide: nullSide, lateral: n.Lateral, id: p.sourceCount}
	p.sourceCount++
	b.sources = append(b.sources, s)
	switch src := n.Source.(type) {
	case *ast.TableName:
		s.db = src.Schema.O
		if s.db == "" && p.isCTE(src.Name.O) {
			s.opaque = true
		} else {
			if s.db == "" {
				s.db = p.env.Database
			}
			s.table = p.known(s.db, src.Name.O)
			s.opaque = s.table == nil
		}
		if s.alias == "" {
			s.alias = src.Name.O
		}
	case *ast.SelectStmt, *ast.SetOprStmt:
		scope := b.parent
		if n.Lateral {
			scope = b
		}
		s.body = p.buildQuery(n.Source, scope)
	default:
		s.opaque = true
	}
	return s
}

func (p *planning) isCTE(name string) bool {
	for _, c := range p.stmt.CTEs {
		if strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

// known finds a table that resolveTables met; nil if the tokenizer did not see it as one.
func (p *planning) known(db, name string) *table {
	for _, t := range p.tables {
		if p.sameName(t.db, db) && p.sameName(t.name, name) {
			return t
		}
	}
	return nil
}

// conjuncts splits a condition at its ANDs.
func conjuncts(e ast.ExprNode) []ast.ExprNode { return appendConjuncts(nil, e) }

func appendConjuncts(out []ast.ExprNode, e ast.ExprNode) []ast.ExprNode {
	e = bareExpr(e)
	if e == nil {
		return out
	}
	if b, ok := e.(*ast.BinaryOperationExpr); ok && isAnd(b) {
		return appendConjuncts(appendConjuncts(out, b.L), b.R)
	}
	return append(out, e)
}

// hardConditions are the conjuncts of ON clauses that every row meets: not those inside or of an outer join's null side.
func hardConditions(t *joinTree) []ast.ExprNode {
	if t == nil || t.src != nil {
		return nil
	}
	if t.outer {
		return hardConditions(t.left)
	}
	out := append([]ast.ExprNode(nil), t.on...)
	out = append(out, hardConditions(t.left)...)
	return append(out, hardConditions(t.right)...)
}

// bareExpr strips parentheses.
func bareExpr(e ast.ExprNode) ast.ExprNode {
	for {
		p, ok := e.(*ast.ParenthesesExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// sourcesIn lists the sources of a join tree.
func (t *joinTree) sourcesIn() []*source {
	if t == nil {
		return nil
	}
	if t.src != nil {
		return []*source{t.src}
	}
	return append(t.left.sourcesIn(), t.right.sourcesIn()...)
}
