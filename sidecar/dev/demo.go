package dev

import (
	"bytes"
	_ "embed"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"text/template"
)

// DemoDatabase is the logical database of the demo, and the name of its schema on every private server.
const DemoDatabase = "shop"

// slotCount is the number of slots of hash_slot; a part of its storage format.
const slotCount = 16384

var (
	//go:embed demo/rules.yaml.tmpl
	demoRules string
	//go:embed demo/users.yaml
	demoUsers string
	//go:embed demo/schema.sql
	demoSchema string
)

// Example is a statement of the demo, shown with its plan and its result.
type Example struct{ Title, SQL string }

// Examples are the three statements that `heddle dev` shows.
func Examples() []Example {
	return []Example{
		{"One user's orders: one shard", "SELECT id, status, total FROM orders WHERE user_id = 42 ORDER BY id DESC LIMIT 3"},
		{"The largest orders: all shards, merged in order", "SELECT id, user_id, total FROM orders ORDER BY total DESC, id LIMIT 5"},
		{"Revenue by category: joined on each shard, added up over all",
			"SELECT p.category, COUNT(*) AS items, SUM(i.quantity * i.price) AS revenue" +
				" FROM order_items i JOIN products p ON p.id = i.product_id GROUP BY p.category ORDER BY revenue DESC"},
	}
}

// slotShare is a backend's part of the slots, both ends included.
type slotShare struct {
	Name        string
	First, Last int
}

// DemoRules is the demo's rule document for these backends, which share the slots equally.
func DemoRules(backends []Backend) (string, error) {
	t, err := template.New("rules").Parse(demoRules)
	if err != nil {
		return "", fmt.Errorf("the demo's rules: %w", err)
	}
	var shares []slotShare
	for i, b := range backends {
		shares = append(shares, slotShare{b.Name, slotCount * i / len(backends), slotCount*(i+1)/len(backends) - 1})
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{"Backends": backends, "Slots": shares}); err != nil {
		return "", fmt.Errorf("the demo's rules: %w", err)
	}
	return out.String(), nil
}

// The sizes of the demo.
const (
	demoUserCount    = 500
	demoProductCount = 60
	demoOrderCount   = 2000
	demoBatch        = 200 // rows of one INSERT
)

// DemoStatements yields what fills the logical database: the tables, then INSERTs of up to 200 rows. The rows are
// the same at every call: 500 users, 60 products, 2000 orders, some 5000 items, 4 settings.
func DemoStatements() iter.Seq[string] {
	return func(yield func(string) bool) {
		for statement, err := range Statements(strings.NewReader(demoSchema)) {
			if err != nil || !yield(statement) {
				return
			}
		}
		for _, table := range demoTables() {
			for len(table.rows) > 0 {
				n := min(demoBatch, len(table.rows))
				if !yield("INSERT INTO " + table.into + " VALUES\n" + strings.Join(table.rows[:n], ",\n")) {
					return
				}
				table.rows = table.rows[n:]
			}
		}
	}
}

// demoTable is a table's rows as SQL literals: "(1, 'a')".
type demoTable struct {
	into string // the table's name with its columns
	rows []string
}

var (
	demoNames  = strings.Fields("Ada Ben Clara Deniz Edith Farid Greta Hanna Iwan Jonas Keiko Linus Maya Nils Olga Paul Rosa Sven Tara Uwe")
	demoCities = []string{"Berlin", "Lyon", "Oslo", "Porto", "Gdańsk", "Graz", "Turku", "Utrecht"}
	demoGoods  = []string{"yarn", "shuttle", "reed", "bobbin", "loom", "shears"}
	demoStates = []string{"new", "paid", "sent", "sent", "sent", "returned"}
)

func demoTables() []demoTable {
	r := rand.New(rand.NewPCG(1804, 1)) // a fixed seed: the demo's output can be printed in the documentation
	users := demoTable{into: "users (id, name, city, joined)"}
	for id := 1; id <= demoUserCount; id++ {
		users.rows = append(users.rows, fmt.Sprintf("(%d, '%s %c.', '%s', '20%02d-%02d-%02d')", id, pick(r, demoNames),
			'A'+rune(r.IntN(26)), pick(r, demoCities), 20+r.IntN(6), 1+r.IntN(12), 1+r.IntN(28)))
	}
	products, prices := demoTable{into: "products (id, name, category, price)"}, make([]int, demoProductCount+1)
	for id := 1; id <= demoProductCount; id++ {
		prices[id] = 199 + r.IntN(9800)
		kind := demoGoods[id%len(demoGoods)]
		products.rows = append(products.rows, fmt.Sprintf("(%d, '%s no. %d', '%s', %s)", id, kind, id, kind, cents(prices[id])))
	}
	orders, items := demoOrders(r, prices)
	settings := demoTable{into: "shop_settings (name, value)", rows: []string{
		"('currency', 'EUR')", "('motto', 'separate the threads before the shuttle passes')", "('open', '1')", "('vat', '19')"}}
	return []demoTable{users, products, orders, items, settings}
}

// demoOrders makes orders whose total is the sum of their one to four items.
func demoOrders(r *rand.Rand, prices []int) (orders, items demoTable) {
	orders.into = "orders (id, user_id, status, total, created)"
	items.into = "order_items (user_id, order_id, line, product_id, quantity, price)"
	for id := 1; id <= demoOrderCount; id++ {
		user, total := 1+r.IntN(demoUserCount), 0
		for line := 1; line <= 1+r.IntN(4); line++ {
			product, quantity := 1+r.IntN(demoProductCount), 1+r.IntN(3)
			total += quantity * prices[product]
			items.rows = append(items.rows, fmt.Sprintf("(%d, %d, %d, %d, %d, %s)", user, id, line, product, quantity, cents(prices[product])))
		}
		orders.rows = append(orders.rows, fmt.Sprintf("(%d, %d, '%s', %s, '2026-%02d-%02d %02d:%02d:%02d')", id, user,
			pick(r, demoStates), cents(total), 1+r.IntN(10), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60)))
	}
	return orders, items
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
