package digest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/parser"
)

func parsed(t testing.TB, text string) *parser.Statement {
	t.Helper()
	st, err := parser.Parse(text, parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101100}})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return st
}

func TestNormalText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"SELECT c FROM t WHERE id=4711", "SELECT c FROM t WHERE id = ?"},
		{"select  c\n from t  where id = 1 -- a secret 'x'", "select c from t where id = ?"},
		{"SELECT /* a='1' */ `c` FROM db.t a WHERE s = 'it''s' AND x = 0x1F", "SELECT `c` FROM db.t a WHERE s = ? AND x = ?"},
		{"SELECT COUNT(*), MAX(a) FROM t WHERE id IN (1,2 , 3) AND k IN (5)", "SELECT COUNT(*), MAX(a) FROM t WHERE id IN (...) AND k IN (?)"},
		{"INSERT INTO t (a,b) VALUES (1,'x'),(2,'y'),(3,?)", "INSERT INTO t (a, b) VALUES (...)"},
		{"INSERT INTO t VALUES (1),(2),(3)", "INSERT INTO t VALUES (?)"},
		{"INSERT INTO t VALUES (1, NOW()), (2, NOW())", "INSERT INTO t VALUES (?, NOW()), (?, NOW())"},
		{"SET @x = 'secret', @@sort_buffer_size = 5", "SET @x = ?, @@sort_buffer_size = ?"},
		{"CREATE USER u IDENTIFIED BY 'secret'", "CREATE USER u IDENTIFIED BY ?"},
		{"SELECT a FROM t ORDER BY 2 LIMIT 5", "SELECT a FROM t ORDER BY ? LIMIT ?"},
		{"CREATE PROCEDURE p() BEGIN SELECT 'secret'; END", "CREATE PROCEDURE p() BEGIN SELECT ?; END"},
	} {
		if got := string(appendNormal(nil, parsed(t, c.text))); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestEntriesCount(t *testing.T) {
	table := New(1 << 20)
	var cell atomic.Pointer[Entry]
	began := time.Unix(1000, 0)
	x := Execution{
		Cell: &cell, Parsed: parsed(t, "SELECT c FROM t WHERE id=1"), Schema: "shop", Began: began, Took: time.Millisecond,
		Planning: 300 * time.Microsecond, Shards: 4, Shipped: 40, Returned: 10,
	}
	table.Add(&x)
	x.Planning, x.Took, x.Code = 0, 3*time.Millisecond, 1213
	table.Add(&x)
	other := x
	other.Cell, other.Parsed = nil, parsed(t, "SELECT c FROM t WHERE id =  'z'") // the same shape
	table.Add(&other)
	other.Schema = "elsewhere"
	table.Add(&other)
	table.Add(&Execution{Took: time.Hour}) // a text that nobody could read

	rows := table.List()
	if len(rows) != 2 {
		t.Fatalf("%d shapes: %+v", len(rows), rows)
	}
	r := rows[0]
	if r.Schema != "shop" || r.Text != "SELECT c FROM t WHERE id = ?" || r.Kind != "select" && r.Kind != "SELECT" ||
		r.Count != 3 || r.Errors != 2 || r.Shards != 12 || r.Shipped != 120 || r.Returned != 30 || r.Plans != 1 ||
		r.Planning != 300*time.Microsecond || r.Total != 7*time.Millisecond || r.Max != 3*time.Millisecond ||
		!r.First.Equal(began) || !r.Last.Equal(began.Add(3*time.Millisecond)) {
		t.Errorf("%+v", r)
	}
	if r.P50 < 2800*time.Microsecond || r.P999 > r.Max {
		t.Errorf("p50 %v, p999 %v of 1, 3 and 3 ms", r.P50, r.P999)
	}
	var seen string
	for _, c := range table.Tables() {
		if n := c.Statements.Load(); n > 0 {
			seen += fmt.Sprintf("%s.%s %d %d %d;", c.Schema, c.Table, n, c.Errors.Load(), c.Rows.Load())
		}
	}
	if seen != "shop.t 3 2 30;elsewhere.t 1 1 10;" && seen != "elsewhere.t 1 1 10;shop.t 3 2 30;" {
		t.Errorf("tables: %s", seen)
	}
}

// What does not fit makes the coldest go, and the table says how much it has forgotten; a statement that still has the
// entry of a forgotten shape is counted anew.
func TestColdestGo(t *testing.T) {
	table := New(64 << 10)
	var hot atomic.Pointer[Entry]
	x := Execution{Cell: &hot, Parsed: parsed(t, "SELECT 1"), Took: time.Microsecond}
	var cold atomic.Pointer[Entry]
	first := Execution{Cell: &cold, Parsed: parsed(t, "SELECT 1 FROM cold"), Took: time.Microsecond, Began: time.Unix(1, 0)}
	table.Add(&first)
	for i := range 200 {
		x.Began = time.Unix(int64(i+2), 0)
		table.Add(&x)
		table.Add(&Execution{Parsed: parsed(t, fmt.Sprintf("SELECT a FROM t%d", i)), Took: time.Microsecond, Began: x.Began})
	}
	s := table.Stats()
	if s.Bytes > s.Capacity || s.Entries < 8 || s.Evicted == 0 || s.Evicted+uint64(s.Entries) != 202 || s.Dropped != s.Evicted {
		t.Errorf("%+v", s)
	}
	if hot.Load().gone.Load() || !cold.Load().gone.Load() {
		t.Error("the shape in use was forgotten before one that was not")
	}
	first.Began = time.Unix(1000, 0)
	table.Add(&first)
	found := false
	for _, r := range table.List() {
		found = found || r.Text == "SELECT ? FROM cold" && r.Count == 1
	}
	if !found {
		t.Error("a forgotten shape is not counted when it comes again")
	}
}

// Tables beyond the bound are counted together.
func TestTablesAreBounded(t *testing.T) {
	table := New(16 << 20)
	for i := range maxTables + 10 {
		table.Add(&Execution{Parsed: parsed(t, fmt.Sprintf("SELECT a FROM t%d", i))})
	}
	tables := table.Tables()
	if len(tables) != maxTables+1 || tables[maxTables].Statements.Load() != 10 {
		t.Errorf("%d tables, %d statements on others", len(tables), tables[maxTables].Statements.Load())
	}
}

func TestConcurrentUse(t *testing.T) {
	table := New(1 << 20)
	st := parsed(t, "SELECT c FROM t WHERE id=1")
	var cell atomic.Pointer[Entry]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				table.Add(&Execution{Cell: &cell, Parsed: st, Took: time.Millisecond, Shards: 1})
				table.Stats()
			}
			table.List()
		})
	}
	wg.Wait()
	if rows := table.List(); len(rows) != 1 || rows[0].Count != 4000 || rows[0].Shards != 4000 {
		t.Errorf("%+v", rows)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	table := New(1 << 20)
	var cell atomic.Pointer[Entry]
	x := Execution{Cell: &cell, Parsed: parsed(t, "SELECT c FROM t WHERE id=1"), Took: time.Millisecond, Shards: 1, Returned: 1, Shipped: 1}
	table.Add(&x)
	if n := testing.AllocsPerRun(100, func() { table.Add(&x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	x.Cell = nil // as of BEGIN, which is not kept
	if n := testing.AllocsPerRun(100, func() { table.Add(&x) }); n != 0 {
		t.Errorf("%v allocations where the statement is not kept", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	table := New(1 << 20)
	var cell atomic.Pointer[Entry]
	x := Execution{Cell: &cell, Parsed: parsed(b, "SELECT c FROM t WHERE id=1"), Took: time.Millisecond, Shards: 1, Returned: 1, Shipped: 1}
	b.ReportAllocs()
	for b.Loop() {
		table.Add(&x)
	}
}
