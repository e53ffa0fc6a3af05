package sqlgen

import "strings"

// fromPlaced chooses among the tables of generatedkeys.sql. Joins are along the whole key, or with the broadcast table.
func (g *Generator) fromPlaced() (*query, *scope) {
	q, s := &query{}, &scope{}
	t := pick(g, placed)
	kind := pick(g, []string{"JOIN", "LEFT JOIN"})
	switch n := g.r.IntN(100); {
	case n < 70:
		g.one(q, s, t)
	case n < 78:
		g.one(q, s, pick(g, []table{copied, alone}))
	case n < 82:
		g.derived(q, s)
	case n < 91:
		var on []string
		for _, k := range t.key {
			on = append(on, "s."+k+" = t."+k)
		}
		q.from, q.joins = t.name+" t", []string{kind + " " + t.name + " s ON " + strings.Join(on, " AND ")}
		s.add(t, "t.")
		s.add(t, "s.")
	default:
		q.from, q.joins = t.name+" t", []string{kind + " b1 b ON b.id = t.v"}
		s.add(t, "t.")
		s.add(copied, "b.")
	}
	q.keys = s.keys
	return q, s
}

// grouped are the tables that a derived table groups.
func (g *Generator) grouped() []table {
	if !g.keyed {
		return []table{users, orders}
	}
	return placed
}

// onRow is a condition on the key with a row value, a range or a user variable.
func (g *Generator) onRow(s *scope) string {
	columns := s.columns[:1]
	if len(s.columns) > 1 {
		columns = s.columns[:2]
	}
	key := columns[0]
	row := func() string {
		var values []string
		for _, c := range columns {
			values = append(values, g.value(c))
		}
		return "(" + strings.Join(values, ", ") + ")"
	}
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	left := "(" + strings.Join(names, ", ") + ")"
	switch g.r.IntN(8) {
	case 0:
		return left + " = " + row()
	case 1:
		return left + pick(g, []string{" IN (", " NOT IN ("}) + row() + ", " + row() + ")"
	case 2:
		return left + pick(g, []string{" > ", " <= ", " < ", " >= "}) + row()
	case 3:
		return "(" + key.name + " > " + g.value(key) + " AND " + key.name + " < " + g.value(key) + ")"
	case 4:
		return "(" + left + " = " + row() + " OR " + left + " = " + row() + " OR " + key.name + " = " + g.value(key) + ")"
	case 5:
		if key.kind == integer {
			return key.name + pick(g, []string{" = @a", " <> @a", " IN (@a, 3)", " = @a + 1"})
		}
		return key.name + " >= " + g.value(key)
	case 6:
		if v := pick(g, key.values); key.kind == integer {
			return key.name + pick(g, []string{" = ", " <= "}) + literal("str", v, "'"+v+"'") // the key's number as a text
		}
		return key.name + " NOT BETWEEN " + g.value(key) + " AND " + g.value(key)
	}
	return "NOT (" + key.name + " BETWEEN " + g.value(key) + " AND " + g.value(key) + ")"
}

// correlated is a condition with a query on rows of the same shard as the user's around it.
func (g *Generator) correlated(s *scope) string {
	inner := &scope{}
	inner.add(orders, "x.")
	from := " FROM orders x WHERE x.user_id = " + s.columns[0].name + " AND " + g.condition(inner, 1) + ")"
	if g.chance(50) {
		return pick(g, []string{"EXISTS", "NOT EXISTS"}) + " (SELECT 1" + from
	}
	return pick(g, []string{"(SELECT COUNT(*)", "(SELECT SUM(x.qty)"}) + from + " > " + g.number(0, 3)
}
