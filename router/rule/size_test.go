package rule

import (
	"fmt"
	"strings"
	"testing"
)

// manyTables is a document of n tables over four shards.
func manyTables(n int) []byte {
	var b strings.Builder
	b.WriteString("database: shop\ndefaults: {user: root}\ndata_sources:\n")
	for i := range 4 {
		fmt.Fprintf(&b, "  ds_%d: {address: \"127.0.0.1:3306\", schema: shop_%d}\n", i, i)
	}
	b.WriteString("slots: {ds_0: 0-4095, ds_1: 4096-8191, ds_2: 8192-12287, ds_3: 12288-16383}\ntables:\n")
	for i := range n {
		fmt.Fprintf(&b, "  t%d: {key: id, generate: {column: id, type: snowflake}}\n", i)
	}
	return []byte(b.String())
}

// A table of a document takes a few kilobytes to read, not a slot table of its own.
func TestTablesShareSlots(t *testing.T) {
	doc, problems := Parse(manyTables(3))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	l, err := doc.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range l.Tables {
		if table.Slots == nil || table.Slots != l.Tables[0].Slots {
			t.Errorf("%s has another slot table than %s", table.Name, l.Tables[0].Name)
		}
	}
}

func BenchmarkParse10000Tables(b *testing.B) {
	text := manyTables(10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Parse(text); len(problems) > 0 {
			b.Fatal(problems)
		}
	}
}
