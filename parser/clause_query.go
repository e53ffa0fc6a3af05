package parser

// clauses finds the clauses of a query, INSERT, REPLACE, UPDATE or DELETE that starts at token i.
func (r *reader) clauses(i int) {
	switch r.st.Kind {
	case Select, Insert, Replace, Update, Delete:
		r.st.Clauses = r.statementClauses(i, len(r.t))
	}
}

func (r *reader) statementClauses(i, end int) *Clauses {
	start := i
	var with Clause
	recursive := false
	if r.is(i, "WITH") {
		recursive = r.is(i+1, "RECURSIVE")
		i = min(r.skipWith(i), end)
		with = Clause{r.span(start, i), r.span(start+1, i)}
	}
	var c *Clauses
	switch r.at(i).Word {
	case "WITH":
		return nil
	case "INSERT", "REPLACE":
		c = r.insertClauses(i, end)
	case "UPDATE":
		c = r.updateClauses(i, end)
	case "DELETE":
		c = r.deleteClauses(i, end)
	default:
		c = r.query(i, end)
	}
	if c != nil {
		c.With, c.Recursive, c.Span = with, recursive, r.span(start, end)
	}
	return c
}

// query reads [i, end) as a query expression: branches joined by set operations, then the tail.
func (r *reader) query(i, end int) *Clauses {
	if r.is(i, "WITH") {
		return r.statementClauses(i, end)
	}
	cuts, ops := r.setOps(i, end)
	if len(ops) == 0 {
		c, next := r.branch(i, end)
		if c == nil {
			return nil
		}
		if c.Paren && next < end {
			outer := &Clauses{Span: r.span(i, end), Branches: []*Clauses{c}}
			r.tail(outer, next, end)
			return outer
		}
		return c
	}
	c := &Clauses{Span: r.span(i, end), SetOps: ops}
	for n, cut := range cuts {
		stop := cut[1]
		if n == len(cuts)-1 {
			stop = r.tailStart(cut[0], end)
		}
		b, _ := r.branch(cut[0], stop)
		if b == nil {
			return nil
		}
		c.Branches = append(c.Branches, b)
		if n == len(cuts)-1 {
			r.tail(c, stop, end)
		}
	}
	return c
}

// setOps cuts [i, end) at UNION, EXCEPT, INTERSECT and MINUS of its own depth.
func (r *reader) setOps(i, end int) (cuts [][2]int, ops []SetOp) {
	from := i
	for k := i; k < end; k = r.after(k) {
		if !r.setOp(k) {
			continue
		}
		op := SetOp{Op: r.t[k].Word}
		next := k + 1
		if r.any(next, "ALL", "DISTINCT") {
			op.All = r.is(next, "ALL")
			next++
		}
		op.Span = r.span(k, next)
		cuts, ops = append(cuts, [2]int{from, k}), append(ops, op)
		from = next
	}
	return append(cuts, [2]int{from, end}), ops
}

// setOp reports whether a set operation stands at k: EXCEPT and the like are names elsewhere.
func (r *reader) setOp(k int) bool {
	if !r.any(k, "UNION", "EXCEPT", "INTERSECT", "MINUS") {
		return false
	}
	n := k + 1
	if r.any(n, "ALL", "DISTINCT") {
		n++
	}
	return r.any(n, "SELECT", "(", "VALUES", "TABLE", "WITH") && !(r.is(k, "UNION") && r.is(k+1, "="))
}

// branch reads one operand of a set operation, and gives the index after it.
func (r *reader) branch(i, end int) (*Clauses, int) {
	switch {
	case r.is(i, "("):
		next := min(r.after(i), end)
		inner := r.query(i+1, next-1)
		if inner == nil {
			return nil, next
		}
		return &Clauses{Span: r.span(i, next), Paren: true, Inner: inner}, next
	case r.any(i, "SELECT"):
		return r.selectBlock(i, end), end
	case r.any(i, "VALUES"):
		c := &Clauses{Span: r.span(i, end), Verb: r.span(i, i+1)}
		stop := r.tailStart(i, end)
		c.Values = Clause{r.span(i, stop), r.span(i+1, stop)}
		c.Rows = r.rows(i+1, stop)
		r.tail(c, stop, end)
		return c, end
	case r.is(i, "TABLE"):
		c := &Clauses{Span: r.span(i, end), Verb: r.span(i, i+1)}
		stop := r.tailStart(i, end)
		c.From = Clause{r.span(i, stop), r.span(i+1, stop)}
		r.tail(c, stop, end)
		return c, end
	}
	return nil, end
}

// tailStart is where ORDER BY, LIMIT and the like of [i, end) begin.
func (r *reader) tailStart(i, end int) int {
	for k := i; k < end; k = r.after(k) {
		if id := r.clauseAt(k); id >= clOrder {
			return k
		}
	}
	return end
}

// The clauses in the order in which they stand. Those from clOrder on may follow a union.
const (
	clNone = iota
	clFrom
	clWhere
	clGroup
	clHaving
	clWindow
	clOrder
	clLimit
	clProcedure
	clInto
	clLock
	clOnDup
	clReturning
	clSet
	clValues
)

// clauseAt says which clause of a query begins at token k.
func (r *reader) clauseAt(k int) int {
	t := r.at(k)
	if t.Kind != Word || t.Word == "" {
		return clNone
	}
	prev := r.at(k - 1)
	switch t.Word {
	case "FROM":
		if !prev.Is("DISTINCT") || !r.any(k-2, "IS", "NOT") {
			return clFrom
		}
	case "WHERE":
		return clWhere
	case "GROUP", "ORDER":
		if r.is(k+1, "BY") && !r.indexHint(k) {
			if t.Word == "GROUP" {
				return clGroup
			}
			return clOrder
		}
	case "HAVING":
		return clHaving
	case "WINDOW":
		if r.at(k+1).Ident() && r.is(k+2, "AS", "(") {
			return clWindow
		}
	case "LIMIT":
		return clLimit
	case "OFFSET":
		if (r.at(k+1).Kind == Int || r.at(k+1).Kind == Param) && r.any(k+2, "ROW", "ROWS") {
			return clLimit
		}
	case "FETCH":
		if r.any(k+1, "FIRST", "NEXT") {
			return clLimit
		}
	case "PROCEDURE":
		return clProcedure
	case "INTO":
		return clInto
	case "FOR":
		if r.any(k+1, "UPDATE", "SHARE") {
			return clLock
		}
	case "LOCK":
		if r.is(k+1, "IN", "SHARE", "MODE") {
			return clLock
		}
	case "ON":
		if r.is(k+1, "DUPLICATE", "KEY", "UPDATE") {
			return clOnDup
		}
	case "RETURNING":
		return clReturning
	}
	return clNone
}

// indexHint reports whether the words at k belong to USE INDEX FOR ORDER BY (…).
func (r *reader) indexHint(k int) bool {
	return r.is(k-1, "FOR") && r.any(k-2, "INDEX", "KEY")
}

// selectBlock reads one SELECT.
func (r *reader) selectBlock(i, end int) *Clauses {
	c := &Clauses{Span: r.span(i, end)}
	k := i + 1
	for r.any(k, "ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT",
		"SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_CACHE", "SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS") {
		c.Distinct = c.Distinct || r.any(k, "DISTINCT", "DISTINCTROW")
		k++
	}
	c.Verb = r.span(i, k)
	stop := r.nextClause(k, end)
	c.ListSpan = r.span(k, stop)
	c.List = r.items(k, stop)
	r.tail(c, stop, end)
	return c
}

func (r *reader) nextClause(k, end int) int {
	for k < end && r.clauseAt(k) == clNone {
		k = r.after(k)
	}
	return min(k, end)
}

// tail reads the clauses of [k, end) into c.
func (r *reader) tail(c *Clauses, k, end int) {
	for k < end {
		id := r.clauseAt(k)
		next := r.nextClause(k+1, end)
		switch id {
		case clLimit:
			for next < end && r.clauseAt(next) == clLimit { // OFFSET … FETCH
				next = r.nextClause(next+1, end)
			}
			c.Limit = r.limit(k, next)
		case clLock:
			for next < end && r.clauseAt(next) == clLock {
				next = r.nextClause(next+1, end)
			}
			c.Lock = Clause{r.span(k, next), r.span(k+1, next)}
			c.LockUpdate = c.LockUpdate || r.is(k, "FOR", "UPDATE")
		default:
			r.clause(c, id, k, next)
		}
		k = next
	}
}

func (r *reader) clause(c *Clauses, id, k, next int) {
	words := 1
	switch id {
	case clGroup, clOrder:
		words = 2
	case clOnDup:
		words = 4
	}
	cl := Clause{r.span(k, next), r.span(k+words, next)}
	switch id {
	case clFrom:
		c.From = cl
	case clWhere:
		c.Where = cl
	case clGroup:
		body := next
		if r.is(next-2, "WITH", "ROLLUP") {
			c.Rollup = true
			body -= 2
		}
		c.GroupBy, c.GroupItems = cl, r.orderItems(k+2, body)
	case clHaving:
		c.Having = cl
	case clWindow:
		c.Window = cl
	case clOrder:
		body := next
		if r.is(next-2, "WITH", "ROLLUP") {
			body -= 2
		}
		c.OrderBy, c.OrderItems = cl, r.orderItems(k+2, body)
	case clProcedure:
		c.Procedure = cl
	case clInto:
		c.Into = cl
	case clOnDup:
		c.OnDup, c.OnDupSet = cl, r.assigns(k+4, next)
	case clReturning:
		c.Returning, c.ReturnItems = cl, r.items(k+1, next)
	}
}
