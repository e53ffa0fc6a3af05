package dev

import (
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/router/rule"
)

// TestDemoOnOneServer: the demo's schema, rows and examples are right SQL, and its totals are the sums of its items.
func TestDemoOnOneServer(t *testing.T) {
	farm := open(t, t.TempDir(), false)
	defer closeFarm(t, farm)
	servers, err := farm.Start(t.Context(), Spec{Name: "plain"})
	if err != nil {
		t.Fatal(err)
	}
	s := servers[0]
	if err := s.CreateSchema(t.Context(), DemoDatabase); err != nil {
		t.Fatal(err)
	}
	for statement := range DemoStatements() {
		exec1(t, s, DemoDatabase, statement)
	}
	for query, want := range map[string]string{
		"SELECT COUNT(*) FROM users":                             "500",
		"SELECT COUNT(*) FROM orders":                            "2000",
		"SELECT COUNT(*) BETWEEN 3000 AND 8000 FROM order_items": "1",
		"SELECT COUNT(*) FROM shop_settings":                     "4",
		"SELECT COUNT(*) FROM orders o WHERE total <> (SELECT SUM(quantity * price) FROM order_items i WHERE (i.user_id, i.order_id) = (o.user_id, o.id))": "0",
		"SELECT COUNT(*) FROM orders WHERE user_id NOT IN (SELECT id FROM users)":                                                                          "0",
		"SELECT COUNT(*) > 0 FROM orders WHERE user_id = 42":                                                                                               "1",
	} {
		if got := query1(t, s, DemoDatabase, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	db, err := s.Open(DemoDatabase)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, e := range Examples() {
		rows, err := db.QueryContext(t.Context(), e.SQL)
		if err != nil {
			t.Fatalf("%s: %v", e.SQL, err)
		}
		if !rows.Next() {
			t.Errorf("%s: no rows", e.SQL)
		}
		rows.Close()
	}
}

func TestDemoIsTheSameEveryTime(t *testing.T) {
	if !slices.Equal(slices.Collect(DemoStatements()), slices.Collect(DemoStatements())) {
		t.Error("two calls give different rows")
	}
}

func TestDemoRules(t *testing.T) {
	got, err := DemoRules([]Backend{
		{Name: "ds_0", Addr: "127.0.0.1:1", Schema: "shop", User: "root"},
		{Name: "ds_1", Addr: "127.0.0.1:2", Schema: "shop", User: "u", Password: "file:/p"},
		{Name: "ds_2", Addr: "127.0.0.1:3", Schema: "shop", User: "root"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := rule.Parse([]byte(got)); len(problems) > 0 {
		t.Errorf("the rules do not validate: %v\n%s", problems, got)
	}
	if _, problems := rule.ParseUsers([]byte(demoUsers)); len(problems) > 0 {
		t.Errorf("the users do not validate: %v", problems)
	}
	for _, want := range []string{"address: 127.0.0.1:2\n", "ds_0: 0-5460\n", "ds_1: 5461-10921\n", "ds_2: 10922-16383\n", "password: file:/p\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
