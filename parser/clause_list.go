package parser

import "strconv"

// items reads a select list.
func (r *reader) items(i, end int) []Item {
	if i >= end {
		return nil
	}
	var out []Item
	for _, p := range r.commas(i, end) {
		out = append(out, r.selectItem(p[0], p[1]))
	}
	return out
}

func (r *reader) selectItem(i, end int) Item {
	it := Item{Span: r.span(i, end), Expr: r.span(i, end)}
	if r.is(end-1, "*") && (end-1 == i || r.is(end-2, ".")) {
		it.Star = true
		return it
	}
	if a, n := r.alias(i, end); n > 0 {
		it.Alias, it.AliasTok, it.Expr = r.name(a), r.at(a).Span, r.span(i, end-n)
	}
	return it
}

// alias finds the alias at the end of the element [i, end): its token, and how many tokens it takes with its AS.
func (r *reader) alias(i, end int) (tok, n int) {
	last := end - 1
	if last <= i {
		return 0, 0
	}
	t := r.t[last]
	if r.is(last-1, "AS") && (t.Ident() || t.Kind == String) {
		return last, 2
	}
	if !t.Ident() && !(t.Kind == String && t.Arg < 0) {
		return 0, 0
	}
	p := r.t[last-1]
	switch p.Kind {
	case Op:
		if !p.Is(")") {
			return 0, 0
		}
	case Word:
		if p.Word == "" || !operatorWords[p.Word] {
			break
		}
		return 0, 0
	case SysVar:
		return 0, 0
	}
	if t.Kind == Word && (endWords[t.Word] || intervalUnits[t.Word] && r.intervalOpen(i, last)) {
		return 0, 0
	}
	return last, 1
}

// intervalOpen reports whether the last INTERVAL among the tokens [i, last) still waits for its unit.
func (r *reader) intervalOpen(i, last int) bool {
	open := false
	for j := i; j < last; j++ {
		switch t := r.t[j]; {
		case t.Depth != r.t[last].Depth:
		case r.is(j, "INTERVAL"):
			end := int(r.st.match[j+1])
			open = !r.is(j+1, "(") || len(r.commas(j+2, end)) == 1 // else the function
		case open && t.Kind == Word && intervalUnits[t.Word] && !r.is(j-1, "INTERVAL") && (r.t[j-1].Kind != Op || r.is(j-1, ")")):
			open = false
		}
	}
	return open
}

// intervalUnits end INTERVAL expr unit. They are no reserved words.
var intervalUnits = map[string]bool{
	"MICROSECOND": true, "SECOND": true, "MINUTE": true, "HOUR": true, "DAY": true, "WEEK": true, "MONTH": true, "QUARTER": true,
	"YEAR": true, "SECOND_MICROSECOND": true, "MINUTE_MICROSECOND": true, "MINUTE_SECOND": true, "HOUR_MICROSECOND": true,
	"HOUR_SECOND": true, "HOUR_MINUTE": true, "DAY_MICROSECOND": true, "DAY_SECOND": true, "DAY_MINUTE": true, "DAY_HOUR": true,
	"YEAR_MONTH": true, "SQL_TSI_SECOND": true, "SQL_TSI_MINUTE": true, "SQL_TSI_HOUR": true, "SQL_TSI_DAY": true,
	"SQL_TSI_WEEK": true, "SQL_TSI_MONTH": true, "SQL_TSI_QUARTER": true, "SQL_TSI_YEAR": true,
}

// operatorWords stand before an operand: what follows them is no alias.
var operatorWords = map[string]bool{
	"AND": true, "OR": true, "XOR": true, "NOT": true, "LIKE": true, "REGEXP": true, "RLIKE": true, "DIV": true, "MOD": true,
	"IS": true, "IN": true, "BETWEEN": true, "BINARY": true, "COLLATE": true, "INTERVAL": true, "CASE": true, "WHEN": true,
	"THEN": true, "ELSE": true, "OVER": true, "ESCAPE": true, "SOUNDS": true, "DISTINCT": true, "ALL": true, "OF": true,
	"EXISTS": true, "PRIOR": true, "SELECT": true, "FOR": true,
}

// endWords end an expression themselves and are reserved: they are no aliases.
var endWords = map[string]bool{
	"NULL": true, "TRUE": true, "FALSE": true, "END": true,
	"CURRENT_DATE": true, "CURRENT_TIME": true, "CURRENT_TIMESTAMP": true, "CURRENT_USER": true, "LOCALTIME": true,
	"LOCALTIMESTAMP": true, "UTC_DATE": true, "UTC_TIME": true, "UTC_TIMESTAMP": true,
}

// orderItems reads the elements of ORDER BY or GROUP BY.
func (r *reader) orderItems(i, end int) []Item {
	var out []Item
	for _, p := range r.commas(i, end) {
		it := Item{Span: r.span(p[0], p[1])}
		e := p[1]
		if r.any(e-1, "ASC", "DESC") && e-1 > p[0] {
			it.Desc = r.is(e-1, "DESC")
			e--
		}
		it.Expr = r.span(p[0], e)
		it.Position = r.position(p[0], e)
		out = append(out, it)
	}
	return out
}

// position reads 2, +2 and (2) as the server reads them.
func (r *reader) position(i, end int) int {
	for i < end && (r.is(i, "+") || r.is(i, "(") && int(r.st.match[i]) == end-1) {
		if r.is(i, "(") {
			end--
		}
		i++
	}
	if end != i+1 || r.t[i].Kind != Int {
		return 0
	}
	n, _ := strconv.Atoi(r.t[i].In(r.st.Text))
	return n
}

// limit reads LIMIT [o,] n, LIMIT n OFFSET o, OFFSET o ROWS FETCH FIRST n ROWS ONLY and combinations.
func (r *reader) limit(i, end int) *Limit {
	l := &Limit{Span: r.span(i, end), Offset: -1, Count: -1}
	set := func(k int, arg *int, sp *Span) {
		t := r.at(k)
		if k < end && t.Kind != End {
			*arg, *sp = t.Arg, t.Span
		}
	}
	for k := i; k < end; k++ {
		switch {
		case r.is(k, "LIMIT") && !r.is(k+1, "ROWS"):
			if r.is(k+2, ",") {
				set(k+1, &l.Offset, &l.OffsetSpan)
				set(k+3, &l.Count, &l.CountSpan)
			} else {
				set(k+1, &l.Count, &l.CountSpan)
			}
		case r.is(k, "OFFSET"):
			set(k+1, &l.Offset, &l.OffsetSpan)
		case r.is(k, "FETCH"):
			if !r.any(k+2, "ROW", "ROWS") {
				set(k+2, &l.Count, &l.CountSpan)
			}
		case r.is(k, "WITH", "TIES"):
			l.WithTies = true
		case r.is(k, "ROWS", "EXAMINED"):
			l.RowsExamined = true
		}
	}
	return l
}

// assigns reads a = x, b = y.
func (r *reader) assigns(i, end int) []Assign {
	var out []Assign
	for _, p := range r.commas(i, end) {
		a := Assign{Span: r.span(p[0], p[1])}
		for k := p[0]; k < p[1]; k++ {
			if r.is(k, "=") || r.is(k, ":=") {
				a.Target, a.Expr, a.Column = r.span(p[0], k), r.span(k+1, p[1]), r.name(k-1)
				if r.is(k-2, ".") {
					a.Qualifier = r.name(k - 3)
				}
				break
			}
		}
		out = append(out, a)
	}
	return out
}

// rows reads (…), (…) or ROW(…), ROW(…).
func (r *reader) rows(i, end int) []Row {
	var out []Row
	for _, p := range r.commas(i, end) {
		open := p[0]
		r.skip(&open, "ROW")
		row := Row{Span: r.span(p[0], p[1])}
		if r.is(open, "(") && r.after(open) == p[1] {
			if open+1 < p[1]-1 {
				for _, v := range r.commas(open+1, p[1]-1) {
					row.Values = append(row.Values, r.span(v[0], v[1]))
				}
			}
		}
		out = append(out, row)
	}
	return out
}
