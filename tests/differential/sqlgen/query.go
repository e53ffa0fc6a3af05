package sqlgen

import (
	"fmt"
	"slices"
	"strings"
)

// query is a SELECT in parts.
type query struct {
	prefix   string // SET STATEMENT … FOR
	options  string // SQL_CALC_FOUND_ROWS
	distinct bool
	items    []item
	from     string
	joins    []string
	where    []string
	group    []item // expressions; a read without groups has none
	rollup   bool
	having   []string
	order    []item
	keys     []string // makes the order total: primary keys, or nothing where groups do
	limit    string
	lock     string
	ordered  bool // the order has to stay
	parts    bool // a query stands in it, or a window: the server may sort through a temporary table
}

// item is one expression and what must be known of it.
type item struct {
	text  string
	label string
	apart bool // the label is not for other clauses: it is a text, or a column's name too
	kind  kind
	code  string // the exception that its values need
	desc  bool
}

func (i item) sql() string {
	if i.label != "" {
		return i.text + " AS " + i.label
	}
	return i.text
}

// name is how other clauses call it.
func (i item) name() string {
	if i.label != "" && !i.apart {
		return i.label
	}
	return i.text
}

// Render gives the text and the codes.
func (q *query) Render() (string, string) {
	var b strings.Builder
	b.WriteString(q.prefix + "SELECT " + q.options)
	if q.distinct {
		b.WriteString("DISTINCT ")
	}
	list(&b, "", ", ", q.items, item.sql)
	b.WriteString(" FROM " + q.from)
	for _, j := range q.joins {
		b.WriteString(" " + j)
	}
	words(&b, " WHERE ", " AND ", q.where)
	list(&b, " GROUP BY ", ", ", q.group, item.name)
	if q.rollup {
		b.WriteString(" WITH ROLLUP")
	}
	words(&b, " HAVING ", " AND ", q.having)
	order := q.ordering()
	words(&b, " ORDER BY ", ", ", order)
	codes := q.codes(len(order) > 0)
	if q.limit != "" {
		b.WriteString(" LIMIT " + q.limit)
		if len(order) == 0 {
			codes = append(codes, "limit")
		}
	}
	b.WriteString(q.lock)
	return b.String(), strings.Join(codes, " ")
}

func list(b *strings.Builder, head, sep string, items []item, show func(item) string) {
	var texts []string
	for _, i := range items {
		texts = append(texts, show(i))
	}
	words(b, head, sep, texts)
}

func words(b *strings.Builder, head, sep string, texts []string) {
	if len(texts) > 0 {
		b.WriteString(head + strings.Join(texts, sep))
	}
}

// ordering is the ORDER BY list, completed to a total order.
func (q *query) ordering() []string {
	var out []string
	for _, o := range q.order {
		text := o.name()
		if o.desc {
			text += " DESC"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return nil
	}
	if len(q.group) == 0 && !q.distinct {
		return append(out, q.keys...)
	}
	rest := q.group
	if q.distinct {
		rest = q.items
	}
	for _, i := range rest {
		if !slices.ContainsFunc(q.order, func(o item) bool { return o.text == i.text }) {
			out = append(out, i.text)
		}
	}
	return out
}

// codes tells the exceptions of the columns.
func (q *query) codes(ordered bool) []string {
	columns := map[string][]string{}
	for n, i := range q.items {
		code := i.code
		if code == "" && i.kind == text && (q.distinct || len(q.group) > 0) {
			code = "rep"
		}
		if code != "" {
			columns[code] = append(columns[code], fmt.Sprint(n+1))
		}
	}
	var codes []string
	for _, code := range []string{"rep", "concat", "double"} {
		if list := columns[code]; list != nil {
			codes = append(codes, code+"="+strings.Join(list, ","))
		}
	}
	if q.parts {
		codes = append(codes, "temptable")
	}
	return codes
}

// Smaller drops one part.
func (q *query) Smaller() []Statement {
	var out []Statement
	with := func(change func(*query)) {
		c := *q
		change(&c)
		out = append(out, &c)
	}
	if q.limit != "" {
		with(func(c *query) { c.limit = "" })
	}
	if q.lock != "" {
		with(func(c *query) { c.lock = "" })
	}
	if q.prefix != "" {
		with(func(c *query) { c.prefix = "" })
	}
	if q.options != "" {
		with(func(c *query) { c.options = "" })
	}
	if q.rollup {
		with(func(c *query) { c.rollup = false })
	}
	if len(q.order) > 0 && q.limit == "" && !q.ordered {
		with(func(c *query) { c.order = nil })
	}
	for i := range q.having {
		with(func(c *query) { c.having = without(q.having, i) })
	}
	for i := range q.where {
		with(func(c *query) { c.where = without(q.where, i) })
	}
	for i := range q.order {
		if len(q.order) > 1 {
			with(func(c *query) { c.order = without(q.order, i) })
		}
	}
	for i := range q.group {
		if len(q.group) > 1 {
			with(func(c *query) { // which row of a group would give its value is nobody's promise
				same := func(other item) bool { return other.text == q.group[i].text }
				c.group, c.items, c.order = without(q.group, i), slices.DeleteFunc(slices.Clone(q.items), same), slices.DeleteFunc(slices.Clone(q.order), same)
			})
		}
	}
	for i := range q.items {
		if len(q.items) > 1 {
			with(func(c *query) { c.items = without(q.items, i) })
		}
	}
	if n := len(q.joins); n > 0 {
		with(func(c *query) { c.joins = q.joins[:n-1] })
	}
	if q.distinct {
		with(func(c *query) { c.distinct = false })
	}
	return out
}

func without[T any](list []T, i int) []T { return slices.Concat(list[:i], list[i+1:]) }
