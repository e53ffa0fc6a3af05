package sqlgen

import (
	"fmt"
	"strings"
)

// write is an INSERT, UPDATE or DELETE in parts.
type write struct {
	head  string   // up to VALUES or WHERE
	rows  []string // of an INSERT
	sets  []string // of an UPDATE
	where []string
	tail  string // ON DUPLICATE KEY …, or ORDER BY and LIMIT
}

// Render gives the text; writes have no exceptions.
func (w *write) Render() (string, string) {
	var b strings.Builder
	b.WriteString(w.head)
	words(&b, " VALUES ", ", ", w.rows)
	words(&b, " SET ", ", ", w.sets)
	words(&b, " WHERE ", " AND ", w.where)
	b.WriteString(w.tail)
	return b.String(), ""
}

// Smaller drops a row, an assignment, a condition or the tail.
func (w *write) Smaller() []Statement {
	var out []Statement
	with := func(change func(*write)) {
		c := *w
		change(&c)
		out = append(out, &c)
	}
	for i := range w.rows {
		if len(w.rows) > 1 {
			with(func(c *write) { c.rows = without(w.rows, i) })
		}
	}
	for i := range w.sets {
		if len(w.sets) > 1 {
			with(func(c *write) { c.sets = without(w.sets, i) })
		}
	}
	for i := range w.where {
		with(func(c *write) { c.where = without(w.where, i) })
	}
	if w.tail != "" {
		with(func(c *write) { c.tail = "" })
	}
	return out
}

func (g *Generator) target() table {
	return pick(g, []table{users, users, users, orders, orders, items, products, notes})
}

func (g *Generator) insert() Statement {
	t := g.target()
	w := &write{head: pick(g, []string{"INSERT INTO ", "INSERT INTO ", "INSERT INTO ", "INSERT IGNORE INTO ", "REPLACE INTO "})}
	columns := append([]column{}, t.columns[:len(t.key)]...)
	columns = append(columns, some(g, t.columns[len(t.key):], 1+g.r.IntN(3))...)
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	w.head += t.name + " (" + strings.Join(names, ", ") + ")"
	for range 1 + g.r.IntN(4) {
		w.rows = append(w.rows, "("+strings.Join(g.tuple(t, columns), ", ")+")")
	}
	if strings.HasPrefix(w.head, "INSERT INTO") && g.chance(35) {
		c := columns[len(columns)-1]
		w.tail = fmt.Sprintf(" ON DUPLICATE KEY UPDATE %s = %s", c.name, pick(g, []string{"VALUES(" + c.name + ")", g.stored(c), c.name}))
	}
	return w
}

func (g *Generator) tuple(t table, columns []column) []string {
	var out []string
	for _, c := range columns {
		switch {
		case t.isKey(c):
			out = append(out, g.number(1, 40))
		case g.chance(10):
			out = append(out, "NULL")
		default:
			out = append(out, g.stored(c))
		}
	}
	return out
}

// stored is a value that the column takes.
func (g *Generator) stored(c column) string {
	if c.kind == enum {
		v := c.values[g.r.IntN(3)]
		return literal("str", v, "'"+v+"'")
	}
	if c.name == "qty" {
		return g.number(0, 9)
	}
	return g.value(c)
}

func (g *Generator) update() Statement {
	t := g.target()
	s := &scope{}
	s.add(t, "")
	w := &write{head: "UPDATE " + t.name}
	for _, c := range some(g, t.columns[len(t.key):], 1+g.r.IntN(2)) {
		value := g.stored(c)
		switch {
		case c.name != "qty" && (c.kind == integer || c.kind == decimal) && g.chance(40):
			value = c.name + " + " + g.number(1, 3)
		case g.chance(8):
			value = "NULL"
		}
		w.sets = append(w.sets, c.name+" = "+value)
	}
	g.narrow(w, t, s)
	return w
}

func (g *Generator) remove() Statement {
	t := g.target()
	s := &scope{}
	s.add(t, "")
	w := &write{head: "DELETE FROM " + t.name}
	w.where = []string{g.condition(s, 0)}
	g.narrow(w, t, s)
	return w
}

// narrow adds conditions, and a limit with a total order.
func (g *Generator) narrow(w *write, t table, s *scope) {
	for range g.r.IntN(3) {
		w.where = append(w.where, g.condition(s, 1))
	}
	if !g.chance(15) {
		return
	}
	var keys []string
	if g.chance(50) {
		keys = append(keys, pick(g, t.columns).name+pick(g, []string{"", " DESC"}))
	}
	w.tail = " ORDER BY " + strings.Join(append(keys, t.key...), ", ") + " LIMIT " + g.number(0, 4)
}
