package router

import (
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/parser"
)

// TestInsertTable: INSERT … TABLE of several places is refused when it is planned, not where a shard runs it. Its source is a table like
// any other: one that stands elsewhere may not be read where the target is.
func TestInsertTable(t *testing.T) {
	w := newWorld()
	w.mode.Flavour = parser.Flavour{Version: 80037}
	if err := w.rules(`database: shop
defaults: {user: u, algorithm: {type: mod}}
data_sources:
  ds_0: {address: "127.0.0.1:1", schema: p0}
  ds_1: {address: "127.0.0.1:2", schema: p1}
tables:
  orders: {key: user_id, nodes: ["ds_${0..1}.orders_${0..1}"]}
broadcast: [countries]
single: {ds_0: [conf, more], ds_1: [other]}
`); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orders", "countries", "conf", "more", "other"} {
		if err := w.schema("shop", name+"\nuser_id bigint pk\nn int null"); err != nil {
			t.Fatal(err)
		}
	}
	for text, refused := range map[string]bool{
		"INSERT INTO orders TABLE conf":             true,
		"INSERT INTO conf TABLE orders":             true,
		"INSERT INTO orders (user_id) TABLE orders": true,
		"REPLACE INTO countries TABLE conf":         true,
		"INSERT INTO conf TABLE other":              true,
		"INSERT INTO conf TABLE more":               false,
	} {
		stmt, err := parser.Parse(text, w.mode)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.plan(stmt, Env{Database: "shop", Mode: w.mode})
		if got := err != nil && strings.Contains(err.Error(), "1235"); got != refused || err != nil && !refused {
			t.Errorf("%s: %v, want refused %v", text, err, refused)
		}
	}
}
