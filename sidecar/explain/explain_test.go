package explain

import (
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rule"
)

const rules = `
database: shop
data_sources:
  ds_0: {address: "10.0.0.1:3306", user: u}
  ds_1: {address: "10.0.0.2:3306", user: u}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  orders: {key: user_id, generate: id}
`

func TestPlan(t *testing.T) {
	doc, problems := rule.Parse([]byte(rules))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	layout, err := doc.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	const declared = "CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, note VARCHAR(20));\n-- the end\n"
	for _, c := range []struct {
		name, sql, schema  string
		types              map[string]string
		plan, ask, assumed string
		err                string
		noneAssumed        bool
	}{
		{name: "one shard", sql: "SELECT * FROM orders WHERE user_id = 42", plan: "units:    ds_1", assumed: "orders.user_id is a bigint"},
		{name: "declared", sql: "SELECT * FROM orders WHERE user_id = 42", schema: declared, plan: "equal-unique", noneAssumed: true},
		{name: "a stated type", sql: "SELECT * FROM orders WHERE user_id = 'a'", types: map[string]string{"orders.user_id": "varchar(20)"},
			plan: "equal-unique", assumed: "user_id varchar(20)"},
		{name: "rows", sql: "INSERT INTO orders (user_id) VALUES (1), (2)", schema: declared, plan: "multi-equal", noneAssumed: true},
		{name: "a parameter", sql: "DELETE FROM orders WHERE user_id = ?", schema: declared, plan: "equal-unique", noneAssumed: true},
		{name: "order by text", sql: "SELECT id FROM orders ORDER BY note", schema: declared, plan: "merge-sort", ask: "ds_0, schema shop, would be asked", noneAssumed: true},
		{name: "order by a number", sql: "SELECT id FROM orders ORDER BY id DESC LIMIT 3", schema: declared, plan: "limit", ask: "would be asked", noneAssumed: true},
		{name: "undeclared", sql: "SELECT id FROM orders ORDER BY total", plan: "merge-sort", ask: "would be asked", assumed: "total is a whole number"},
		{name: "an expression", sql: "SELECT id FROM orders ORDER BY UPPER(note)", schema: declared, plan: "merge-sort", ask: "UPPER", assumed: "UPPER(note) is a whole number"},
		{name: "a count", sql: "SELECT COUNT(*) FROM orders", plan: "aggregate", ask: "COUNT"},
		{name: "groups", sql: "SELECT user_id, COUNT(*), MAX(id) FROM orders GROUP BY user_id ORDER BY 2 DESC", plan: "scatter", ask: "COUNT"},
		{name: "groups by another column", sql: "SELECT note, AVG(id) FROM orders GROUP BY note HAVING AVG(id) > 3", schema: declared, plan: "aggregate", ask: "note"},
		{name: "distinct", sql: "SELECT DISTINCT note FROM orders", schema: declared, plan: "distinct", ask: "DISTINCT"},
		{name: "all columns", sql: "SELECT * FROM orders ORDER BY note", schema: declared, plan: "merge-sort", ask: "*", noneAssumed: true},
		{name: "a union", sql: "SELECT id FROM orders UNION SELECT user_id FROM orders", schema: declared, plan: "distinct sorted", ask: "would be asked"},
		{name: "a query inside", sql: "SELECT id FROM orders WHERE id > (SELECT AVG(user_id) FROM orders)", schema: declared, plan: "gather", ask: "AVG"},
		{name: "a window", sql: "SELECT id, ROW_NUMBER() OVER (ORDER BY note) FROM orders", schema: declared, plan: "gather"},
		{name: "update by order", sql: "UPDATE orders SET note = 'x' ORDER BY note LIMIT 2", schema: declared, plan: "by-key", ask: "note"},
		{name: "insert from a query", sql: "INSERT INTO orders (id, user_id) SELECT id, user_id + 1 FROM orders", schema: declared, plan: "transfer"},
		{name: "DDL", sql: "ALTER TABLE orders ADD COLUMN x INT", schema: declared, plan: "ddl"},
		{name: "an unlisted table", sql: "SELECT * FROM other", plan: "unsharded", assumed: "shop.other but its name"},
		{name: "several", sql: "UPDATE orders SET note = 'x' WHERE user_id = 1; SELECT 1", err: `several statements: explain one at a time; after the first there is "SELECT 1"`},
		{name: "one and its end", sql: "SELECT * FROM orders WHERE user_id = 42; -- all", plan: "units:    ds_1", assumed: "orders.user_id is a bigint"},
		{name: "no statement", sql: "/* what is\nthis */ SELEC 1", err: "ERROR 1064 (42000): You have an error in your SQL syntax; near 'SELEC 1' at line 2"},
		{name: "no such database", sql: "SELECT * FROM nope.other", err: "doesn't exist"},
		{name: "a change of the key", sql: "UPDATE orders SET user_id = 3 WHERE user_id = 42", schema: declared, err: "another shard"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := Input{Layouts: []*rule.Layout{layout}, Schema: c.schema, Types: c.types, Flavour: parser.Flavour{MariaDB: true, Version: 101100}}
			got, err := Plan(t.Context(), in, c.sql)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.Plan, c.plan) || (got.Plan == "") != (c.plan == "") {
				t.Errorf("plan:\n%s", got.Plan)
			}
			if asked := strings.Join(got.Asked, "\n"); !strings.Contains(asked, c.ask) || asked != "" && strings.Contains(c.plan, "equal") {
				t.Errorf("asked: %s", asked)
			}
			if c.plan == "" {
				t.Error("the plan is not looked at")
			}
			if all := strings.Join(got.Assumed, "\n"); !strings.Contains(all, c.assumed) || c.noneAssumed && all != "" {
				t.Errorf("assumed:\n%s", all)
			}
		})
	}
}
