package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// keyScope is what conditions are read against: the rows of block, placed by the key of lead.
type keyScope struct {
	p     *planning
	block *block
	lead  *source
	links *links
}

// leaf is one condition on key columns.
type leaf struct {
	cols   []int         // key columns, one for a scalar, several for a row value
	points [][]plan.Expr // equal to one of them
	cond   plan.Cond     // a range or NULL, where points is nil
	list   *inList       // the IN list that points came from
}

// inList is an IN list that can be trimmed: its items' places.
type inList struct {
	items  []parser.Span
	folded int // one more than the number of the folded list that this is; 0: none
}

// selector reads all that is known of the rows of the block. It is nil where nothing is known.
func (s *keyScope) selector() plan.Selector {
	if s.p.facts.Scatter {
		return nil
	}
	var leaves []leaf
	var others []plan.Selector
	for _, e := range s.block.hard {
		l, sel, ok := s.read(e, false)
		switch {
		case !ok:
		case sel != nil:
			others = append(others, sel)
		default:
			leaves = append(leaves, l)
		}
	}
	for _, src := range s.block.sources {
		if src.body == nil || src.nullSide || src.lateral || len(src.body.blocks) != 1 || !linked(s.links, s.lead, src) {
			continue
		}
		if inner := s.p.blockSelector(src.body.blocks[0]); inner != nil {
			others = append(others, inner)
		}
	}
	return s.combine(leaves, others, true)
}

// blockSelector is the selector of a block's own rows, nil where all shards may have some.
func (p *planning) blockSelector(b *block) plan.Selector {
	lead := b.lead()
	if lead == nil || lead.nullSide {
		return nil
	}
	return (&keyScope{p: p, block: b, lead: lead, links: p.linksOf(b)}).selector()
}

// combine makes one selector of conditions that all hold.
func (s *keyScope) combine(leaves []leaf, others []plan.Selector, top bool) plan.Selector {
	width := len(s.lead.sharding().place.Sharded.Key)
	if key := equalKey(leaves, width); key != nil {
		equal := &plan.SelectEqual{Key: key}
		if len(others) == 0 || len(others) == 1 && sameSelector(others[0], equal) {
			return equal
		}
		return and(append([]plan.Selector{equal}, others...))
	}
	var parts []plan.Selector
	conds := make([]plan.Cond, width)
	used := false
	for _, l := range leaves {
		if in := s.wholeKeys(l, width, top); in != nil {
			parts = append(parts, in)
			continue
		}
		for i, col := range l.cols {
			used = mergeCond(&conds[col], l, i) || used
		}
	}
	if used {
		parts = append(parts, &plan.SelectCond{Conds: conds})
	}
	return and(append(parts, others...))
}

// wholeKeys turns a list of whole keys into a selector; nil for everything else.
func (s *keyScope) wholeKeys(l leaf, width int, top bool) plan.Selector {
	if len(l.points) == 0 || len(l.cols) != width || l.cond.NullSafe {
		return nil
	}
	in := &plan.SelectIn{List: -1, Folded: l.folded()}
	for _, point := range l.points {
		key := make([]plan.Expr, width)
		for i, col := range l.cols {
			key[col] = point[i]
		}
		in.Keys = append(in.Keys, key)
	}
	if top && l.list != nil {
		in.List = s.p.trimmed(l.list)
	}
	return in
}

// folded is one more than the number of the folded list whose first element gives the leaf's points; 0: none.
func (l *leaf) folded() int {
	if l.list == nil {
		return 0
	}
	return l.list.folded
}

// equalKey is the key that single equalities give, nil where a column lacks one.
func equalKey(leaves []leaf, width int) []plan.Expr {
	if width == 0 {
		return nil
	}
	key, have := make([]plan.Expr, width), make([]bool, width)
	for _, l := range leaves {
		if len(l.points) != 1 || l.folded() > 0 || l.cond.NullSafe {
			continue
		}
		for i, col := range l.cols {
			if !have[col] {
				key[col], have[col] = l.points[0][i], true
			}
		}
	}
	for _, h := range have {
		if !h {
			return nil
		}
	}
	return key
}

// mergeCond adds what a leaf says of column cols[i] to the condition on it.
func mergeCond(c *plan.Cond, l leaf, i int) bool {
	switch {
	case l.points != nil:
		if c.Points != nil && c.Folded == 0 && (l.folded() > 0 || len(c.Points) <= len(l.points)) {
			return true
		}
		c.Points, c.Folded, c.NullSafe = nil, l.folded(), l.cond.NullSafe
		for _, point := range l.points {
			c.Points = append(c.Points, point[i])
		}
	case l.cond.Null:
		c.Null = true
	case l.cond.Between:
		if c.Low != nil || c.High != nil {
			return true
		}
		c.Low, c.High, c.Between = l.cond.Low, l.cond.High, true
	default:
		if l.cond.Low != nil && c.Low == nil {
			c.Low, c.LowOpen = l.cond.Low, l.cond.LowOpen
		}
		if l.cond.High != nil && c.High == nil {
			c.High, c.HighOpen = l.cond.High, l.cond.HighOpen
		}
	}
	return true
}

func and(parts []plan.Selector) plan.Selector {
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	return &plan.SelectAnd{Parts: parts}
}

// read reads a condition, negated or not. It gives a leaf, or a selector where the condition is made of several;
// ok is false for a condition that says nothing of the key.
func (s *keyScope) read(e ast.ExprNode, not bool) (leaf, plan.Selector, bool) {
	switch e := bareExpr(e).(type) {
	case *ast.BinaryOperationExpr:
		return s.readBinary(e, not)
	case *ast.UnaryOperationExpr:
		if e.Op == opcode.Not || e.Op == opcode.Not2 {
			return s.read(e.V, !not)
		}
	case *ast.PatternInExpr:
		if e.Not == not && e.Sel == nil {
			return s.readIn(e)
		}
	case *ast.BetweenExpr:
		if e.Not == not {
			return s.readBetween(e)
		}
	case *ast.IsNullExpr:
		if c, ok := s.column(e.Expr); ok && e.Not == not {
			return leaf{cols: []int{c}, cond: plan.Cond{Null: true}}, nil, true
		}
	}
	if v, isConst := s.p.truth(e); isConst && v == not {
		return leaf{}, &plan.SelectNone{}, true
	}
	return leaf{}, nil, false
}

func (s *keyScope) readBinary(e *ast.BinaryOperationExpr, not bool) (leaf, plan.Selector, bool) {
	switch e.Op {
	case opcode.LogicAnd, opcode.LogicOr:
		return s.readLogic(e, (e.Op == opcode.LogicAnd) != not, not)
	case opcode.EQ, opcode.NE:
		if (e.Op == opcode.EQ) == not {
			return leaf{}, nil, false
		}
		return s.readEqual(e, false)
	case opcode.NullEQ:
		if not {
			return leaf{}, nil, false
		}
		return s.readEqual(e, true)
	case opcode.LT, opcode.LE, opcode.GT, opcode.GE:
		return s.readCompare(e, not)
	}
	return leaf{}, nil, false
}

// readLogic reads conditions with AND or OR between them. Lists of them are of any length, and each is an operand of the tree
// below: they are read one after the other, not one inside of the other.
func (s *keyScope) readLogic(e *ast.BinaryOperationExpr, isAnd, not bool) (leaf, plan.Selector, bool) {
	operands := spine(e)
	l, lok := s.part(operands[0], not)
	for _, o := range operands[1:] {
		r, rok := s.part(o, not)
		switch {
		case isAnd && lok && rok:
			l = and([]plan.Selector{l, r})
		case isAnd && rok:
			l, lok = r, true
		case !isAnd && lok && rok:
			l = or(l, r)
		case !isAnd:
			l, lok = nil, false
		}
	}
	return leaf{}, l, lok
}

// spine is what stands left and right of an operator, and of the same one on its left, in order.
func spine(e *ast.BinaryOperationExpr) []ast.ExprNode {
	n := 2
	for b, ok := bareExpr(e.L).(*ast.BinaryOperationExpr); ok && b.Op == e.Op; b, ok = bareExpr(b.L).(*ast.BinaryOperationExpr) {
		n++
	}
	operands := make([]ast.ExprNode, n)
	for n--; n > 1; n-- {
		operands[n] = e.R
		e = bareExpr(e.L).(*ast.BinaryOperationExpr)
	}
	operands[0], operands[1] = e.L, e.R
	return operands
}

// or adds r to l, which is nobody else's.
func or(l, r plan.Selector) plan.Selector {
	if o, ok := l.(*plan.SelectOr); ok {
		o.Parts = append(o.Parts, r)
		return o
	}
	return &plan.SelectOr{Parts: []plan.Selector{l, r}}
}

// part is read as a selector of its own.
func (s *keyScope) part(e ast.ExprNode, not bool) (plan.Selector, bool) {
	l, sel, ok := s.read(e, not)
	if !ok || sel != nil {
		return sel, ok
	}
	return s.combine([]leaf{l}, nil, false), true
}

// column gives the place in the key of an expression that is a key column of lead's rows.
func (s *keyScope) column(e ast.ExprNode) (int, bool) {
	c, ok := s.p.keyColumn(s.block, e)
	if !ok || c.src != s.lead && !s.links.same(c, column{s.lead, c.key}) {
		return 0, false
	}
	return c.key, true
}

func (s *keyScope) readEqual(e *ast.BinaryOperationExpr, nullSafe bool) (leaf, plan.Selector, bool) {
	lr, lok := bareExpr(e.L).(*ast.RowExpr)
	rr, rok := bareExpr(e.R).(*ast.RowExpr)
	if lok && rok && len(lr.Values) == len(rr.Values) && !nullSafe {
		return s.readRow(lr.Values, [][]ast.ExprNode{rr.Values})
	}
	left, right := e.L, e.R
	col, ok := s.column(left)
	if !ok {
		left, right = right, left
		if col, ok = s.column(left); !ok {
			return leaf{}, nil, false
		}
	}
	v, ok := s.p.constant(right)
	if !ok {
		return leaf{}, nil, false
	}
	return leaf{cols: []int{col}, points: [][]plan.Expr{{v}}, cond: plan.Cond{NullSafe: nullSafe}}, nil, true
}

// readRow reads (a, b) = one of rows, keeping the columns that are key columns compared with constants.
func (s *keyScope) readRow(left []ast.ExprNode, rows [][]ast.ExprNode) (leaf, plan.Selector, bool) {
	l := leaf{points: make([][]plan.Expr, len(rows))}
	for i, e := range left {
		col, ok := s.column(e)
		if !ok {
			continue
		}
		values := make([]plan.Expr, len(rows))
		for r := range rows {
			if values[r], ok = s.p.constant(rows[r][i]); !ok {
				break
			}
		}
		if !ok {
			continue
		}
		l.cols = append(l.cols, col)
		for r := range rows {
			l.points[r] = append(l.points[r], values[r])
		}
	}
	return l, nil, len(l.cols) > 0
}

func (s *keyScope) readIn(e *ast.PatternInExpr) (leaf, plan.Selector, bool) {
	left := []ast.ExprNode{e.Expr}
	if row, ok := bareExpr(e.Expr).(*ast.RowExpr); ok {
		left = row.Values
	}
	rows := make([][]ast.ExprNode, len(e.List))
	list := &inList{folded: s.p.foldOf(e.List)}
	for i, item := range e.List {
		rows[i] = []ast.ExprNode{item}
		if row, ok := bareExpr(item).(*ast.RowExpr); ok {
			rows[i] = row.Values
		}
		if len(rows[i]) != len(left) {
			return leaf{}, nil, false
		}
		if span, ok := s.p.stmt.Span(item); ok {
			list.items = append(list.items, span)
		}
	}
	if list.folded > 0 {
		rows = rows[:1]
	}
	l, sel, ok := s.readRow(left, rows)
	if list.folded > 0 {
		l.list = list
	} else if len(list.items) == len(rows) && len(rows) > 1 {
		l.list = list
	}
	return l, sel, ok
}

func (s *keyScope) readBetween(e *ast.BetweenExpr) (leaf, plan.Selector, bool) {
	col, ok := s.column(e.Expr)
	low, lok := s.p.constant(e.Left)
	high, hok := s.p.constant(e.Right)
	if !ok || !lok || !hok {
		return leaf{}, nil, false
	}
	return leaf{cols: []int{col}, cond: plan.Cond{Low: &low, High: &high, Between: true}}, nil, true
}

func (s *keyScope) readCompare(e *ast.BinaryOperationExpr, not bool) (leaf, plan.Selector, bool) {
	op, left, right := e.Op, e.L, e.R
	col, ok := s.column(left)
	if !ok {
		left, right = right, left
		op = mirrored[op]
		if col, ok = s.column(left); !ok {
			return leaf{}, nil, false
		}
	}
	if not {
		op = negated[op]
	}
	v, ok := s.p.constant(right)
	if !ok {
		return leaf{}, nil, false
	}
	c := plan.Cond{}
	switch op {
	case opcode.LT, opcode.LE:
		c.High, c.HighOpen = &v, op == opcode.LT
	default:
		c.Low, c.LowOpen = &v, op == opcode.GT
	}
	return leaf{cols: []int{col}, cond: c}, nil, true
}

var mirrored = map[opcode.Op]opcode.Op{opcode.LT: opcode.GT, opcode.LE: opcode.GE, opcode.GT: opcode.LT, opcode.GE: opcode.LE}

var negated = map[opcode.Op]opcode.Op{opcode.LT: opcode.GE, opcode.LE: opcode.GT, opcode.GT: opcode.LE, opcode.GE: opcode.LT}

func isAnd(e *ast.BinaryOperationExpr) bool { return e.Op == opcode.LogicAnd }
