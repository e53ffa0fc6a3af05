package parser

// insertClauses reads INSERT and REPLACE.
func (r *reader) insertClauses(i, end int) *Clauses {
	c := &Clauses{}
	k := i + 1
	for r.any(k, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO") {
		c.Ignore = c.Ignore || r.is(k, "IGNORE")
		k++
	}
	c.Verb = r.span(i, k)
	_, next, ok := r.tableName(k)
	if !ok {
		return nil
	}
	c.Targets = r.span(k, next)
	k = next
	if r.is(k, "PARTITION", "(") {
		k = r.after(k + 1)
	}
	if r.is(k, "(") && !r.queryStart(k) {
		close := r.after(k)
		c.ColumnsSpan = r.span(k, close)
		if k+1 < close-1 {
			for _, p := range r.commas(k+1, close-1) {
				c.Columns = append(c.Columns, Name{r.name(p[1] - 1), r.span(p[0], p[1])})
			}
		}
		k = close
	}
	return r.insertBody(c, k, end)
}

// insertBody reads what follows the column list.
func (r *reader) insertBody(c *Clauses, k, end int) *Clauses {
	stop := k
	for stop < end && r.clauseAt(stop) != clOnDup && r.clauseAt(stop) != clReturning {
		stop = r.after(stop)
	}
	stop = min(stop, end)
	body := stop
	for a := k; a < stop; a = r.after(a) { // INSERT … VALUES … AS new(a, b), SET … AS new
		if r.is(a, "AS") && r.at(a+1).Ident() && (a+2 == stop || r.is(a+2, "(") && r.after(a+2) == stop) && !r.any(k, "SELECT", "WITH", "(", "TABLE") {
			c.RowAlias, body = r.span(a, stop), a
		}
	}
	switch {
	case r.any(k, "VALUES", "VALUE"):
		c.Values = Clause{r.span(k, body), r.span(k+1, body)}
		c.Rows = r.rows(k+1, body)
	case r.is(k, "SET"):
		c.Set = Clause{r.span(k, body), r.span(k+1, body)}
		c.Assigns = r.assigns(k+1, body)
	case k < body:
		if c.Source = r.query(k, body); c.Source == nil {
			return nil
		}
	default:
		return nil
	}
	r.tail(c, stop, end)
	return c
}

// queryStart reports whether a query stands in the parenthesis at k.
func (r *reader) queryStart(k int) bool {
	for r.is(k, "(") {
		k++
	}
	return r.any(k, "SELECT", "WITH") || r.is(k, "VALUES") && r.any(k+1, "(", "ROW") || r.is(k, "TABLE") && r.at(k+1).Ident()
}

// updateClauses reads UPDATE.
func (r *reader) updateClauses(i, end int) *Clauses {
	c := &Clauses{}
	k := i + 1
	for r.any(k, "LOW_PRIORITY", "IGNORE") {
		c.Ignore = c.Ignore || r.is(k, "IGNORE")
		k++
	}
	c.Verb = r.span(i, k)
	set := k
	for set < end && !r.is(set, "SET") {
		set = r.after(set)
	}
	if set >= end {
		return nil
	}
	c.Targets = r.span(k, set)
	c.MultiTable = r.multi(k, set)
	stop := r.nextClause(set+1, end)
	c.Set = Clause{r.span(set, stop), r.span(set+1, stop)}
	c.Assigns = r.assigns(set+1, stop)
	r.tail(c, stop, end)
	return c
}

// multi reports whether the table references [k, end) name more than one table.
func (r *reader) multi(k, end int) bool {
	for ; k < end; k++ {
		if r.is(k, ",") && r.t[k].Depth == r.t[end-1].Depth || r.any(k, "JOIN", "STRAIGHT_JOIN", "SELECT") {
			return true
		}
		if r.is(k, "(") && k > 0 && r.any(k-1, "INDEX", "KEY", "BY", "PARTITION", "JOIN") {
			k = r.after(k) - 1
		}
	}
	return false
}

// deleteClauses reads DELETE in its three forms.
func (r *reader) deleteClauses(i, end int) *Clauses {
	c := &Clauses{}
	k := i + 1
	for r.any(k, "LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY") {
		c.Ignore = c.Ignore || r.is(k, "IGNORE")
		k++
	}
	c.Verb = r.span(i, k)
	from := r.is(k, "FROM")
	if from {
		stop := r.nextClause(k+1, end)
		using := k
		for using < stop && !(r.is(using, "USING") && !r.is(using+1, "(")) {
			using = r.after(using)
		}
		c.From = Clause{r.span(k, stop), r.span(k+1, stop)}
		c.Targets = r.span(k+1, stop)
		if using < stop {
			c.MultiTable = true
			c.Targets = r.span(k+1, using)
			c.From = Clause{r.span(using, stop), r.span(using+1, stop)}
		}
		r.tail(c, stop, end)
		return c
	}
	stop := r.nextClause(k, end)
	c.MultiTable = true
	c.Targets = r.span(k, stop)
	r.tail(c, stop, end)
	return c
}
