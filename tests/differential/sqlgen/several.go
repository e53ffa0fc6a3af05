package sqlgen

import "strings"

// pairs of tables that lie side by side, as writes of several tables have them.
var pairs = []struct {
	first, second table
	a, b, on      string
}{
	{users, orders, "u", "o", "o.user_id = u.id"}, {orders, items, "o", "i", "i.user_id = o.user_id AND i.order_id = o.id"}, {users, items, "u", "i", "i.user_id = u.id"},
	{orders, products, "o", "p", "p.id = o.product_id"}, {users, notes, "u", "n", "n.user_id = u.id"},
}

// several is an UPDATE or DELETE of two tables. What is assigned is of the row itself, or of the only row that it meets.
func (g *Generator) several() Statement {
	p := pick(g, pairs)
	s := &scope{}
	s.add(p.first, p.a+".")
	s.add(p.second, p.b+".")
	joined := p.first.name + " " + p.a + pick(g, []string{" JOIN ", " LEFT JOIN "}) + p.second.name + " " + p.b + " ON " + p.on
	if g.chance(30) {
		joined = p.first.name + " " + p.a + ", " + Schema + "." + p.second.name + " " + p.b
	}
	w := &write{where: []string{g.condition(s, 1)}}
	if strings.Contains(joined, ", ") {
		w.where = append(w.where, p.on)
	}
	if g.chance(40) {
		w.head = "DELETE " + pick(g, []string{p.a, p.b, p.a + ", " + p.b}) + " FROM " + joined
		return w
	}
	w.head = "UPDATE " + joined
	for _, side := range some(g, []int{0, 1}, 1+g.r.IntN(2)) {
		t, alias := p.first, p.a
		if side == 1 {
			t, alias = p.second, p.b
		}
		c := pick(g, t.columns[len(t.key):])
		value := g.stored(c)
		if c.kind == integer && c.name != "qty" && g.chance(40) {
			value = alias + "." + c.name + " + " + g.number(1, 3)
		}
		w.sets = append(w.sets, alias+"."+c.name+" = "+value)
	}
	return w
}
