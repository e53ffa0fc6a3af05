package parser

// Defining lists the arguments that may have a say in the names and types of what the statement's expressions give: a
// select item without an alias is named by its text, and a literal's digits and letters make types. Those of WHERE and
// LIMIT make neither.
func (st *Statement) Defining() []int {
	var out []int
	for i := range st.Args {
		if !st.Clauses.selects(st.Args[i].Span()) {
			out = append(out, i)
		}
	}
	return out
}

// selects reports whether a span is in a clause that chooses rows and says nothing of their columns.
func (c *Clauses) selects(at Span) bool {
	if c == nil {
		return false
	}
	in := func(s Span) bool { return s.Start <= at.Start && at.End <= s.End }
	if in(c.Where.Span) || c.Limit != nil && in(c.Limit.Span) {
		return true
	}
	for _, b := range c.Branches {
		if b.selects(at) {
			return true
		}
	}
	return false
}
