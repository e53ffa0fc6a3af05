package sqlgen

import "strconv"

// kind of a column decides what is done with it.
type kind int

const (
	integer kind = iota
	decimal
	double
	text   // under a collation that knows no case
	binary // text under a binary collation
	enum
	moment
)

type column struct {
	name   string
	kind   kind
	values []string // literals that occur, or nearly
}

type table struct {
	name    string
	key     []string // primary key; sharded tables: the sharding key first
	columns []column
	sharded bool
}

// The tables of cases/generated.sql.
var (
	countries = []string{"DE", "FR", "IT", "ES", "XX", "de"}
	days      = []string{"1990-01-01", "1985-05-05", "2000-02-29", "1999-12-31", "2024-01-01"}
	times     = []string{"2024-01-01 10:00:00", "2024-01-02 11:00:00", "2024-03-01 12:00:00", "2023-12-31 23:59:59"}

	users = table{"users", []string{"id"}, []column{
		{"id", integer, []string{"1", "2", "3", "4", "7", "12", "77"}}, {"name", text, []string{"ann", "ANN", "bob", "eve", "zoe", "", "ss", "nobody"}},
		{"code", binary, []string{"a1", "B2", "b2", "e5", "", "z"}}, {"country", text, countries}, {"score", integer, []string{"0", "10", "20", "-7", "50", "1000"}},
		{"balance", decimal, []string{"10.50", "-5.25", "0", "7", "99999.99", "3.14159"}}, {"born", moment, days}, {"level", enum, []string{"low", "mid", "high", "A", "nope"}},
		{"ratio", double, []string{"0.5", "1.25", "7", "0.001"}}, {"seen", moment, times}}, true}
	orders = table{"orders", []string{"user_id", "id"}, []column{
		{"user_id", integer, []string{"1", "2", "4", "8", "20", "99"}}, {"id", integer, []string{"1", "2", "3", "9"}}, {"product_id", integer, []string{"1", "2", "3", "9"}},
		{"amount", decimal, []string{"10", "50", "33.33", "999.99", "0.01"}}, {"qty", integer, []string{"0", "1", "3", "9", "4294967295"}},
		{"state", enum, []string{"new", "paid", "sent"}}, {"placed", moment, times}, {"note", text, []string{"first", "x", "X", "late", "", "zz"}}}, true}
	items = table{"order_items", []string{"user_id", "order_id", "line"}, []column{
		{"user_id", integer, []string{"1", "2", "4", "9"}}, {"order_id", integer, []string{"1", "2", "9"}}, {"line", integer, []string{"1", "2"}},
		{"product_id", integer, []string{"1", "2", "3"}}, {"qty", integer, []string{"1", "2", "7"}}, {"price", decimal, []string{"25", "0.01", "111.11"}}}, true}
	products = table{"products", []string{"id"}, []column{
		{"id", integer, []string{"1", "2", "3", "5", "9"}}, {"title", text, []string{"hammer", "NAIL", "drill"}}, {"price", decimal, []string{"12.5", "30", "0.05"}},
		{"stock", integer, []string{"0", "5", "10", "1000"}}}, false}
	notes = table{"notes", []string{"id"}, []column{
		{"id", integer, []string{"1", "2", "3", "9"}}, {"user_id", integer, []string{"1", "2", "99"}}, {"body", text, []string{"first", "FIRST", "third", "none"}},
		{"n", integer, []string{"1", "3", "5"}}}, false}
)

// The tables of cases/generatedkeys.sql: one for each way to place rows, and two that are not placed.
var (
	numbers = column{"v", integer, []string{"1", "2", "3", "7", "50"}}
	letters = column{"w", text, []string{"a", "A", "b", "c", "x", "none"}}
	money   = column{"m", decimal, []string{"1.5", "0", "-1", "3.33", "10"}}
	lows    = []string{"0", "1", "2", "3", "5", "10", "77"}

	placed = []table{
		{"t_mod", []string{"id"}, []column{{"id", integer, lows}, numbers, letters, money}, true},
		{"t_hash", []string{"k"}, []column{{"k", text, []string{"ann", "ANN", "bob", "7", "", "zoe", "ss", "10", "x"}}, numbers, letters, money}, true},
		{"t_range", []string{"id"}, []column{{"id", integer, []string{"-5", "3", "4", "8", "9", "19", "20", "1000"}}, numbers, letters, money}, true},
		{"t_list", []string{"c", "id"}, []column{{"c", text, []string{"DE", "de", "FR", "IT", "ES", "XX", "QQ"}}, {"id", integer, lows}, numbers, letters}, true},
		{"t_days", []string{"d", "id"}, []column{{"d", moment, []string{"1970-01-01", "1980-01-01", "1991-12-31", "1992-01-01", "2004-02-29", "2024-01-01"}}, {"id", integer, lows}, numbers, letters}, true},
		{"t_inline", []string{"id"}, []column{{"id", integer, lows}, numbers, letters, money}, true},
		{"t_grid", []string{"a", "b"}, []column{{"a", integer, lows}, {"b", text, []string{"a", "A", "b", "x", "", "A b"}}, numbers, letters}, true},
		{"t_pair", []string{"a", "b"}, []column{{"a", integer, lows}, {"b", integer, lows}, numbers, letters}, true},
	}
	copied = table{"b1", []string{"id"}, []column{{"id", integer, []string{"1", "2", "3", "4"}}, numbers, letters}, false}
	alone  = table{"plain", []string{"id"}, []column{{"id", integer, []string{"1", "2", "3", "4"}}, numbers, letters}, false}
)

// read are the tables of a query of one table, the sharded ones more often than the others.
func (g *Generator) read() []table {
	if g.keyed {
		return append(placed[:len(placed):len(placed)], copied, alone)
	}
	return []table{users, users, orders, orders, products, notes}
}

// Names are those by which statements call the tables.
func Names() []string {
	names := []string{"users", "orders", "order_items", "products", "notes", "b1", "plain", "u", "o", "i", "p", "t", "s", "b", "x", "s1", "g1", "g2", "a", "d"}
	for _, t := range placed {
		names = append(names, t.name)
	}
	return names
}

// isKey reports whether c is a column of t's primary key.
func (t *table) isKey(c column) bool {
	for _, k := range t.key {
		if k == c.name {
			return true
		}
	}
	return false
}

// value is a literal to compare or to store the column with.
func (g *Generator) value(c column) string {
	v := pick(g, c.values)
	switch c.kind {
	case integer:
		if g.chance(15) {
			n, _ := strconv.Atoi(v) // the schema's own numbers
			v = strconv.Itoa(n + g.r.IntN(3) - 1)
		}
		return literal("int", v, v)
	case decimal:
		return literal("dec", v, v)
	case double:
		return literal("double", v, v+"e0")
	case moment:
		if len(v) == len("2006-01-02") {
			return literal("date", v, "'"+v+"'")
		}
		return literal("datetime", v, "'"+v+"'")
	}
	return literal("str", v, "'"+v+"'")
}
