package sqlgen

import (
	"fmt"
	"strings"
)

// write is an INSERT, UPDATE or DELETE in parts.
type write struct {
	prefix string   // SET STATEMENT … FOR
	head   string   // up to VALUES or WHERE
	rows   []string // of an INSERT
	sets   []string // of an UPDATE
	where  []string
	order  string // of an INSERT … SELECT
	tail   string // ON DUPLICATE KEY …, or ORDER BY and LIMIT
}

// Render gives the text; writes have no exceptions.
func (w *write) Render() (string, string) {
	var b strings.Builder
	b.WriteString(w.prefix + w.head)
	words(&b, " VALUES ", ", ", w.rows)
	words(&b, " SET ", ", ", w.sets)
	words(&b, " WHERE ", " AND ", w.where)
	b.WriteString(w.order + w.tail)
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
	if w.prefix != "" {
		with(func(c *write) { c.prefix = "" })
	}
	if w.tail != "" {
		with(func(c *write) { c.tail = "" })
	}
	return out
}

func (g *Generator) target() table {
	if g.keyed {
		return pick(g, append(placed[:len(placed):len(placed)], copied, alone))
	}
	return pick(g, []table{users, users, users, orders, orders, items, products, notes})
}

func (g *Generator) insert() Statement {
	t := g.target()
	if g.chance(8) {
		return g.insertSelect()
	}
	w := &write{head: pick(g, []string{"INSERT INTO ", "INSERT INTO ", "INSERT INTO ", "INSERT IGNORE INTO ", "REPLACE INTO "})}
	if g.chance(4) {
		w.prefix = "SET STATEMENT sql_mode = '" + pick(g, []string{"", "STRICT_ALL_TABLES", "NO_AUTO_VALUE_ON_ZERO"}) + "' FOR "
	}
	columns := append([]column{}, t.columns[:len(t.key)]...)
	counted := g.keyed && !t.sharded // AUTO_INCREMENT
	if counted && g.chance(50) {
		columns = columns[:0]
	}
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
		if c.kind == integer && c.name != "qty" && g.chance(40) {
			w.tail += " + " + g.number(1, 3)
		}
		if c.kind == integer && c.name != "qty" && g.chance(20) {
			w.tail = fmt.Sprintf(" ON DUPLICATE KEY UPDATE %s = %s", c.name, pick(g, []string{"LAST_INSERT_ID(" + c.name + " + 1)", "LAST_INSERT_ID(VALUES(" + c.name + ") + 100)", t.name + "." + c.name + " - VALUES(" + c.name + ")"}))
		}
		if counted && g.chance(20) {
			w.tail = " ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)"
		}
	}
	if g.chance(10) {
		w.tail += " RETURNING " + pick(g, columns).name
	}
	return w
}

// unfit are values that few columns take as they are: what a shard makes of one in a row is to be told as of the statement's.
var unfit = []string{"'12x'", "-1", "99999999999", "'2024-13-45'", "'a text that is too long for any of the columns'", "1/0", "DEFAULT"}

func (g *Generator) tuple(t table, columns []column) []string {
	var out []string
	for _, c := range columns {
		switch {
		case t.isKey(c) && (c.kind != integer || g.keyed && g.chance(50)):
			out = append(out, g.value(c))
		case t.isKey(c):
			out = append(out, g.number(1, 40))
		case g.chance(10):
			out = append(out, "NULL")
		case g.chance(3):
			out = append(out, pick(g, unfit))
		default:
			out = append(out, g.stored(c))
		}
	}
	return out
}

// insertSelect stores rows of one table in another, or in itself.
func (g *Generator) insertSelect() Statement {
	texts := []string{"orders (user_id, id, product_id) SELECT id, id + 100, score FROM users", "notes (id, user_id, n) SELECT id + 100, user_id, product_id FROM orders",
		"users (id, score) SELECT id + 50, stock FROM products", "order_items (user_id, order_id, line, qty) SELECT user_id, id, 50, product_id FROM orders", "products (id, stock) SELECT id + 20, n FROM notes"}
	if g.keyed {
		texts = []string{"t_mod (id, v, w) SELECT id + 30, v, w FROM t_range", "t_hash (k, v) SELECT CONCAT('c', c), v FROM t_list", "t_pair (a, b, v) SELECT a + 20, a, v FROM t_grid",
			"t_list (c, id, v) SELECT 'ES', id + 30, v FROM t_inline", "b1 (id, v) SELECT id + 60, v FROM plain", "t_days (d, id, v) SELECT d, id + 40, v FROM t_days", "plain (id, v) SELECT id + 70, v FROM t_mod"}
	}
	w := &write{head: pick(g, []string{"INSERT INTO ", "INSERT INTO ", "INSERT IGNORE INTO ", "REPLACE INTO "}) + pick(g, texts)}
	w.order = " ORDER BY 1" // which of two rows of one key stays, and which id is the last
	_, list, _ := strings.Cut(w.head, "SELECT ")
	list, _, _ = strings.Cut(list, " FROM ")
	for i := range strings.Count(list, ", ") {
		w.order += fmt.Sprintf(", %d", i+2)
	}
	if g.chance(50) {
		w.where = []string{"id > " + g.number(0, 6)}
		if strings.HasSuffix(w.head, "t_grid") {
			w.where = []string{"a > " + g.number(0, 4)}
		}
	}
	return w
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
	if !g.keyed && g.chance(12) {
		return g.several()
	}
	t := g.target()
	s := &scope{}
	s.add(t, "")
	w := &write{head: pick(g, []string{"UPDATE ", "UPDATE ", "UPDATE ", "UPDATE IGNORE "}) + t.name}
	for _, c := range some(g, t.columns[len(t.key):], 1+g.r.IntN(2)) {
		value := g.stored(c)
		switch {
		case c.name != "qty" && (c.kind == integer || c.kind == decimal) && g.chance(40):
			value = pick(g, []string{c.name + " + " + g.number(1, 3), "CASE WHEN " + t.key[0] + " > " + g.value(t.columns[0]) + " THEN " + c.name + " ELSE " + g.number(0, 9) + " END"})
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
