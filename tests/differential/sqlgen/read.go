package sqlgen

import (
	"fmt"
	"slices"
	"strings"
)

// scope is what a read sees: columns under their qualified names.
type scope struct {
	columns []column
	keys    []string
}

func (s *scope) add(t table, alias string) {
	for _, c := range t.columns {
		s.columns = append(s.columns, column{alias + c.name, c.kind, c.values})
	}
	for _, k := range t.key {
		s.keys = append(s.keys, alias+k)
	}
}

func (s *scope) of(kinds ...kind) []column {
	var out []column
	for _, c := range s.columns {
		for _, k := range kinds {
			if c.kind == k {
				out = append(out, c)
			}
		}
	}
	return out
}

func (g *Generator) query() Statement {
	prefix, back := g.perhapsSet()
	defer back()
	q, s := g.from()
	q.prefix, q.ordered = prefix, g.capped
	for range g.r.IntN(3) {
		q.where = append(q.where, g.condition(s, 2))
	}
	switch n := g.r.IntN(100); {
	case n < 15:
		q.parts = true
		q.where = append(q.where, g.subquery(s))
	case n < 20 && !g.keyed && strings.HasPrefix(q.from, "users"):
		q.parts = true
		q.where = append(q.where, g.correlated(s))
	}
	switch n := g.r.IntN(100); {
	case n < 45:
		g.rows(q, s)
	case n < 60:
		g.whole(q, s)
	case n < 90:
		g.groups(q, s)
	default:
		g.distinct(q, s)
	}
	return q
}

// from chooses the tables. Joins are along the sharding key, or with a table that is on every shard.
func (g *Generator) from() (*query, *scope) {
	if g.keyed {
		return g.fromPlaced()
	}
	q, s := &query{}, &scope{}
	one := func(t table) { g.one(q, s, t) }
	kind := pick(g, []string{"JOIN", "JOIN", "LEFT JOIN"})
	switch n := g.r.IntN(100); {
	case n < 40:
		one(users)
	case n < 45:
		g.derived(q, s)
	case n < 60:
		one(orders)
	case n < 65:
		one(items)
	case n < 69:
		one(products)
	case n < 72:
		one(notes)
	case n < 84:
		q.from, q.joins = "users u", []string{kind + " orders o ON o.user_id = u.id"}
		s.add(users, "u.")
		s.add(orders, "o.")
	case n < 90:
		q.from, q.joins = "orders o", []string{kind + " order_items i ON i.user_id = o.user_id AND i.order_id = o.id"}
		s.add(orders, "o.")
		s.add(items, "i.")
	case n < 97:
		q.from, q.joins = "orders o", []string{kind + " products p ON p.id = o.product_id"}
		s.add(orders, "o.")
		s.add(products, "p.")
	default:
		q.from, q.joins = "users u", []string{"JOIN orders o ON o.user_id = u.id", "JOIN order_items i ON i.user_id = u.id AND i.order_id = o.id"}
		s.add(users, "u.")
		s.add(orders, "o.")
		s.add(items, "i.")
	}
	q.keys = s.keys
	return q, s
}

func asItem(c column) item { return item{text: c.name, kind: c.kind} }

func (g *Generator) rows(q *query, s *scope) {
	if len(q.joins) == 0 && g.chance(15) {
		q.items = []item{{text: "*"}}
	} else {
		for _, c := range some(g, s.columns, 1+g.r.IntN(4)) {
			q.items = append(q.items, asItem(c))
		}
		if g.chance(25) {
			q.items = append(q.items, g.expression(s))
		}
		if g.chance(8) {
			q.parts = true
			q.items = append(q.items, g.window(s))
		}
	}
	g.labels(q, s)
	if g.chance(60) || g.capped {
		q.order = g.orderBy(s.columns)
		if q.items[0].label != "" {
			q.order = []item{q.items[0]}
		}
	}
	if label := q.items[0].label; label != "" && !q.items[0].apart && (q.items[0].kind == integer) && g.chance(25) {
		q.having = []string{label + pick(g, []string{" > ", " <> "}) + g.number(0, 3)}
	}
	g.limited(q)
	if g.chance(3) {
		q.lock = " FOR UPDATE"
	}
}

func (g *Generator) orderBy(columns []column) []item {
	var out []item
	for _, c := range some(g, columns, 1+g.r.IntN(2)) {
		i := asItem(c)
		i.desc = g.chance(40)
		out = append(out, i)
	}
	return out
}

func (g *Generator) limited(q *query) {
	if !g.chance(35) {
		return
	}
	if g.chance(10) {
		q.options = "SQL_CALC_FOUND_ROWS "
	}
	if g.chance(15) {
		q.limit = g.number(0, 3) + ", " + g.number(0, 6)
		return
	}
	q.limit = g.number(0, 8)
	if g.chance(30) {
		q.limit += " OFFSET " + g.number(0, 6)
	}
}

// expression is over columns, exact and without warnings.
func (g *Generator) expression(s *scope) item {
	exact := slices.DeleteFunc(s.of(integer, decimal), func(c column) bool { return strings.HasSuffix(c.name, "qty") }) // unsigned
	if g.chance(60) {
		a, b := pick(g, exact), pick(g, exact)
		return pick(g, []item{
			{text: fmt.Sprintf("%s + %s", a.name, b.name)}, {text: fmt.Sprintf("%s * %s + %s", a.name, g.number(2, 3), g.number(0, 9))}, {text: fmt.Sprintf("COALESCE(%s, -1)", a.name)},
			{text: fmt.Sprintf("CASE WHEN %s > %s THEN 'gt' ELSE 'le' END", a.name, b.name)}, {text: fmt.Sprintf("IF(%s IS NULL, 0, 1)", a.name)},
			{text: fmt.Sprintf("ABS(%s)", a.name)}, {text: fmt.Sprintf("%s DIV 3", a.name)}, {text: fmt.Sprintf("-%s", a.name)},
		})
	}
	t := pick(g, s.of(text, binary, enum, integer))
	if a := pick(g, exact); g.chance(30) {
		return pick(g, []item{
			{text: a.name + " / 7"}, {text: a.name + " || 0"}, {text: "CONCAT(" + t.name + ", 'é')"}, {text: t.name + " = 'É'"}, {text: "DATE_FORMAT('2024-03-01', '%M')"},
			{text: "CONVERT(" + t.name + " USING latin1)"}, {text: "FROM_UNIXTIME(ABS(" + a.name + "))"}, {text: "HEX(" + t.name + ")"}, {text: "NOT " + a.name + " BETWEEN -5 AND 5"},
			{text: "CONCAT_WS('\\\\', " + t.name + ", " + a.name + ")"}, {text: "CAST(" + a.name + " AS CHAR)"}, {text: "@b"}, {text: "'ß'"}, {text: t.name + " LIKE 'É%'"},
		})
	}
	return pick(g, []item{
		{text: fmt.Sprintf("CONCAT(%s, %s)", t.name, literal("str", "-", "'-'"))}, {text: fmt.Sprintf("UPPER(%s)", t.name)}, {text: fmt.Sprintf("LENGTH(%s)", t.name)},
		{text: fmt.Sprintf("LEFT(%s, 1)", t.name)}, {text: fmt.Sprintf("IFNULL(%s, 'none')", t.name)}, {text: "'lit'"}, {text: "NULL"}, {text: "1.50"},
	})
}

// whole is aggregates over everything.
func (g *Generator) whole(q *query, s *scope) {
	for range 1 + g.r.IntN(4) {
		q.items = append(q.items, g.aggregate(s))
	}
}

func (g *Generator) groups(q *query, s *scope) {
	for _, c := range some(g, s.of(integer, decimal, text, binary, enum, moment), 1+g.r.IntN(2)) {
		q.group = append(q.group, asItem(c))
		q.items = append(q.items, asItem(c))
	}
	for range 1 + g.r.IntN(3) {
		q.items = append(q.items, g.aggregate(s))
	}
	if g.chance(25) {
		q.having = append(q.having, g.having(s))
	}
	g.labels(q, s)
	for i := range q.group {
		q.group[i] = q.items[i]
	}
	if last := q.items[len(q.items)-1]; last.label != "" && !last.apart && last.code == "" && !strings.HasPrefix(last.text, "JSON_") && g.chance(40) {
		q.having = append(q.having, last.label+pick(g, []string{" > 1", " IS NOT NULL", " <> 2"}))
	}
	// Of a super-aggregate servers make NULLs of an array's members, and forget DISTINCT where a key makes it needless in the groups.
	strange := slices.ContainsFunc(q.items, func(i item) bool { return strings.HasPrefix(i.text, "JSON_") || strings.Contains(i.text, "DISTINCT") })
	if g.chance(10) && !g.capped && !strange {
		q.rollup = true
		return
	}
	if g.chance(65) || g.capped {
		q.order = []item{q.group[0]}
		q.order[0].desc = g.chance(40)
		if g.chance(35) {
			q.order = []item{{text: "COUNT(*)", desc: g.chance(50)}}
		}
		g.limited(q)
	}
}

func (g *Generator) distinct(q *query, s *scope) {
	q.distinct = true
	for _, c := range some(g, s.of(integer, decimal, text, binary, enum, moment), 1+g.r.IntN(2)) {
		q.items = append(q.items, asItem(c))
	}
	g.labels(q, s)
	if g.chance(65) || g.capped {
		q.order = []item{q.items[0]}
		q.order[0].desc = g.chance(40)
		if g.chance(20) {
			q.order[0] = item{text: pick(g, []string{"LENGTH(", "HEX("}) + q.items[0].text + ")", desc: g.chance(40)}
		}
		g.limited(q)
	}
}

// subquery is a condition with a query that says nothing of the rows around it.
func (g *Generator) subquery(s *scope) string {
	t, inner := pick(g, g.read()), &scope{}
	inner.add(t, "")
	where := ""
	if g.chance(50) {
		where = " WHERE " + g.condition(inner, 1)
	}
	left, right := pick(g, s.of(integer, decimal)), pick(g, inner.of(integer))
	from := " FROM " + t.name + where + ")"
	switch g.r.IntN(4) {
	case 0:
		return left.name + pick(g, []string{" IN", " NOT IN"}) + " (SELECT " + right.name + from
	case 1:
		return pick(g, []string{"EXISTS", "NOT EXISTS"}) + " (SELECT 1" + from
	case 2:
		return left.name + pick(g, []string{" > ", " <= "}) + pick(g, []string{"ALL", "ANY"}) + " (SELECT " + right.name + from
	}
	return left.name + pick(g, []string{" = ", " > ", " <= "}) + "(SELECT " + pick(g, []string{"MIN", "MAX", "AVG", "SUM", "COUNT"}) + "(" + right.name + ")" + from
}

// derived reads from groups.
func (g *Generator) derived(q *query, s *scope) {
	t, inner := pick(g, g.grouped()), &scope{}
	inner.add(t, "")
	key, least := pick(g, inner.of(integer)), pick(g, inner.of(integer))
	q.parts = true
	q.from = fmt.Sprintf("(SELECT %s AS k, COUNT(*) AS n, MIN(%s) AS m FROM %s GROUP BY %s) d", key.name, least.name, t.name, key.name)
	s.columns = []column{{"d.k", integer, key.values}, {"d.n", integer, least.values}, {"d.m", integer, least.values}}
	s.keys = []string{"d.k"}
}

// condition is over the scope; depth bounds AND, OR and NOT inside.
func (g *Generator) condition(s *scope, depth int) string {
	if depth > 0 && g.chance(25) {
		a, b := g.condition(s, depth-1), g.condition(s, depth-1)
		return pick(g, []string{"(" + a + " OR " + b + ")", "(" + a + " AND " + b + ")", "NOT (" + a + ")"})
	}
	if g.chance(12) {
		return g.onRow(s)
	}
	c := pick(g, s.columns)
	if g.chance(35) {
		c = s.columns[0] // the sharding key
	}
	if list := s.of(text, binary); len(list) > 0 && g.chance(4) {
		v := pick(g, []string{"é", "ß", "Zoé", "ann "})
		if g.foreign != "" {
			return pick(g, list).name + pick(g, []string{" = ", " <> ", " LIKE ", " > "}) + "'" + g.foreign + "'"
		}
		return pick(g, list).name + pick(g, []string{" = ", " <> ", " LIKE ", " > "}) + literal("str", v, "'"+v+"'")
	}
	if list := s.of(text, binary); len(list) > 0 && g.chance(2) {
		return pick(g, list).name + pick(g, []string{" = \"ann\"", " LIKE 'b\\_%'", " <> 'x\\\\'", " = CONCAT('a', @b)", " = @b", " = N'é'", " = _latin1'ann'"})
	}
	switch g.r.IntN(9) {
	case 0, 1, 2:
		return c.name + " = " + g.value(c)
	case 3:
		return c.name + pick(g, []string{" < ", " > ", " <= ", " >= ", " <> ", " <=> "}) + g.value(c)
	case 4:
		var list []string
		for range 1 + g.r.IntN(4) {
			list = append(list, g.value(c))
		}
		return c.name + pick(g, []string{" IN (", " IN (", " NOT IN ("}) + strings.Join(list, ", ") + ")"
	case 5:
		return c.name + " BETWEEN " + g.value(c) + " AND " + g.value(c)
	case 6:
		return c.name + pick(g, []string{" IS NULL", " IS NOT NULL"})
	case 7:
		if list := s.of(text, binary); len(list) > 0 {
			return pick(g, list).name + " LIKE " + pick(g, []string{"'%a%'", "'b%'", "'_o_'", "'%'"})
		}
	}
	return c.name + " = " + c.name
}

// pair is two reads of one column each, united.
type pair struct {
	word        string
	first, rest *query
	more        *query // nil: there is no third
	order       bool
}

func (g *Generator) union() Statement {
	mixed := g.chance(35)
	one := func() *query {
		t, s := pick(g, g.read()), &scope{}
		s.add(t, "")
		q := &query{from: t.name}
		q.items = []item{asItem(pick(g, s.of(integer)))}
		if mixed {
			q.items = []item{asItem(pick(g, s.of(integer, decimal, double, text, binary, enum, moment)))}
		}
		if g.chance(20) {
			q.items = []item{{text: "COUNT(*)"}}
		}
		q.where = []string{g.condition(s, 1)}
		return q
	}
	if g.chance(15) {
		mixed = false
		return &pair{word: pick(g, []string{" UNION ", " UNION ALL "}), first: one(), rest: one(), more: one(), order: g.chance(60) || g.capped}
	}
	words := []string{" UNION ", " UNION ", " UNION ALL ", " UNION ALL ", " EXCEPT ", " INTERSECT "}
	p := &pair{word: pick(g, words), first: one(), rest: one(), order: g.chance(60) || g.capped}
	if p.order && mixed && p.word == " UNION ALL " { // texts that are equal have no order
		p.word = " UNION "
	}
	return p
}

// Render gives the text.
func (p *pair) Render() (string, string) {
	a, _ := p.first.Render()
	b, _ := p.rest.Render()
	if p.more != nil {
		c, _ := p.more.Render()
		b += p.word + c
	}
	if p.order {
		b += " ORDER BY 1"
	}
	codes := ""
	texts := func(q *query) bool { return q != nil && q.items[0].kind != integer }
	if p.word != " UNION ALL " && (texts(p.first) || texts(p.rest) || texts(p.more)) {
		codes = "rep=1"
	}
	return a + p.word + b, codes
}

// Smaller has each half alone, and smaller halves.
func (p *pair) Smaller() []Statement {
	out := []Statement{p.first, p.rest}
	if p.more != nil {
		out = append(out, &pair{p.word, p.first, p.rest, nil, p.order})
	}
	if p.order {
		out = append(out, &pair{p.word, p.first, p.rest, p.more, false})
	}
	for _, s := range p.first.Smaller() {
		out = append(out, &pair{p.word, s.(*query), p.rest, p.more, p.order})
	}
	for _, s := range p.rest.Smaller() {
		out = append(out, &pair{p.word, p.first, s.(*query), p.more, p.order})
	}
	return out
}
