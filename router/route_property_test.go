package router

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// cell is a value of a test row: an integer or a text, NULL where null.
type cell struct {
	null bool
	n    int
	s    string
}

func (c cell) value(text bool) sqltypes.Value {
	switch {
	case c.null:
		return sqltypes.NullValue
	case text:
		return sqltypes.StringValue(c.s)
	}
	return sqltypes.IntValue(int64(c.n))
}

// compare orders two cells as the servers do: general_ci, PAD SPACE.
func (c cell) compare(o cell) int {
	if c.s != "" || o.s != "" {
		return strings.Compare(strings.ToLower(strings.TrimRight(c.s, " ")), strings.ToLower(strings.TrimRight(o.s, " ")))
	}
	return c.n - o.n
}

// truth is SQL's: -1 unknown, 0 false, 1 true.
type truth int

// condition is a random condition: its text with parameters inlined, and its truth for a row.
type condition struct {
	sql  string
	eval func(row map[string]cell) truth
}

func not(t truth) truth {
	if t < 0 {
		return t
	}
	return 1 - t
}

func fromBool(b bool) truth {
	if b {
		return 1
	}
	return 0
}

// literal draws a constant and its text.
func literal(t *rapid.T, text bool) (cell, string) {
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return cell{null: true}, "NULL"
	}
	if text {
		s := rapid.SampledFrom([]string{"a", "A", "a ", "b", "B", "c", "d", "zz", "é"}).Draw(t, "text")
		return cell{s: s}, "'" + s + "'"
	}
	n := rapid.IntRange(-6, 6).Draw(t, "int")
	return cell{n: n}, strconv.Itoa(n)
}

var operators = map[string]func(int) bool{
	"=": func(d int) bool { return d == 0 }, "<>": func(d int) bool { return d != 0 }, "<": func(d int) bool { return d < 0 },
	"<=": func(d int) bool { return d <= 0 }, ">": func(d int) bool { return d > 0 }, ">=": func(d int) bool { return d >= 0 },
}

func drawCondition(t *rapid.T, columns []string, text map[string]bool, depth int) condition {
	kinds := []string{"compare", "mirrored", "in", "between", "null", "null-safe", "row", "row-in"}
	if depth > 0 {
		kinds = append(kinds, "and", "or", "not", "and", "or")
	}
	col := rapid.SampledFrom(columns).Draw(t, "column")
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "and":
		a, b := drawCondition(t, columns, text, depth-1), drawCondition(t, columns, text, depth-1)
		return condition{"(" + a.sql + ") AND (" + b.sql + ")", func(r map[string]cell) truth { return min3(a.eval(r), b.eval(r)) }}
	case "or":
		a, b := drawCondition(t, columns, text, depth-1), drawCondition(t, columns, text, depth-1)
		return condition{"((" + a.sql + ") OR (" + b.sql + "))", func(r map[string]cell) truth { return not(min3(not(a.eval(r)), not(b.eval(r)))) }}
	case "not":
		a := drawCondition(t, columns, text, depth-1)
		return condition{"NOT (" + a.sql + ")", func(r map[string]cell) truth { return not(a.eval(r)) }}
	case "mirrored", "compare":
		return drawCompare(t, col, text[col])
	case "in":
		return drawIn(t, col, text[col])
	case "between":
		lo, los := literal(t, text[col])
		hi, his := literal(t, text[col])
		return condition{col + " BETWEEN " + los + " AND " + his, func(r map[string]cell) truth {
			return min3(compareTruth(r[col], lo, operators[">="]), compareTruth(r[col], hi, operators["<="]))
		}}
	case "null":
		neg := rapid.Bool().Draw(t, "is not")
		sql := map[bool]string{true: " IS NOT NULL", false: " IS NULL"}[neg]
		return condition{col + sql, func(r map[string]cell) truth { return fromBool(r[col].null != neg) }}
	case "null-safe":
		v, s := literal(t, text[col])
		return condition{col + " <=> " + s, func(r map[string]cell) truth { return fromBool(nullSafe(r[col], v)) }}
	}
	return drawRow(t, columns, text)
}

func nullSafe(a, b cell) bool {
	if a.null || b.null {
		return a.null && b.null
	}
	return a.compare(b) == 0
}

func min3(a, b truth) truth {
	switch {
	case a == 0 || b == 0:
		return 0
	case a < 0 || b < 0:
		return -1
	}
	return 1
}

func compareTruth(a, b cell, op func(int) bool) truth {
	if a.null || b.null {
		return -1
	}
	return fromBool(op(a.compare(b)))
}

func drawCompare(t *rapid.T, col string, text bool) condition {
	op := rapid.SampledFrom([]string{"=", "=", "=", "<>", "<", "<=", ">", ">="}).Draw(t, "operator")
	v, s := literal(t, text)
	if rapid.Bool().Draw(t, "mirrored") {
		return condition{s + " " + op + " " + col, func(r map[string]cell) truth { return compareTruth(v, r[col], operators[op]) }}
	}
	return condition{col + " " + op + " " + s, func(r map[string]cell) truth { return compareTruth(r[col], v, operators[op]) }}
}

func drawIn(t *rapid.T, col string, text bool) condition {
	var cells []cell
	var texts []string
	for range rapid.IntRange(1, 5).Draw(t, "items") {
		v, s := literal(t, text)
		cells, texts = append(cells, v), append(texts, s)
	}
	neg := rapid.IntRange(0, 3).Draw(t, "not in") == 0
	in := func(r map[string]cell) truth {
		out := truth(0)
		for _, c := range cells {
			out = not(min3(not(out), not(compareTruth(r[col], c, operators["="]))))
		}
		if neg {
			return not(out)
		}
		return out
	}
	return condition{col + map[bool]string{true: " NOT IN (", false: " IN ("}[neg] + strings.Join(texts, ", ") + ")", in}
}

// drawRow draws (c1, c2) IN ((…), (…)), of one row an equality.
func drawRow(t *rapid.T, columns []string, text map[string]bool) condition {
	cols := rapid.Permutation(columns).Draw(t, "columns")
	if len(cols) > 2 {
		cols = cols[:2]
	}
	var rows [][]cell
	var texts []string
	for range rapid.IntRange(1, 4).Draw(t, "rows") {
		var row []cell
		var parts []string
		for _, c := range cols {
			v, s := literal(t, text[c])
			row, parts = append(row, v), append(parts, s)
		}
		rows, texts = append(rows, row), append(texts, "("+strings.Join(parts, ", ")+")")
	}
	sql := "(" + strings.Join(cols, ", ") + ") IN (" + strings.Join(texts, ", ") + ")"
	if len(rows) == 1 {
		sql = "(" + strings.Join(cols, ", ") + ") = " + texts[0]
	}
	return condition{sql, func(r map[string]cell) truth {
		out := truth(0)
		for _, row := range rows {
			one := truth(1)
			for i, c := range cols {
				one = min3(one, compareTruth(r[c], row[i], operators["="]))
			}
			out = not(min3(not(out), not(one)))
		}
		return out
	}}
}

const propertyRules = `
database: shop
defaults: {user: u}
data_sources: {ds_0: {address: "127.0.0.1:1"}, ds_1: {address: "127.0.0.1:2"}, ds_2: {address: "127.0.0.1:3"}}
slots: {ds_0: 0-5000, ds_1: 5001-11000, ds_2: 11001-16383}
tables:
  num: {key: k}
  txt: {key: k}
  two: {key: [a, b]}
  ranged: {key: k, algorithm: {type: range, bounds: [-2, 3]}}
  rests: {key: k, algorithm: {type: mod}}
`

// Every row that meets a condition is on a shard that the condition is sent to, and none of the list items that the row
// could match is taken from the text that its shard gets.
func TestChosenShardsHoldMatchingRows(t *testing.T) {
	w := newWorld()
	if err := w.rules(propertyRules); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"num\nk bigint null\nx int null", "txt\nk varchar(10) null\nx int null", "two\na bigint null\nb varchar(10) null\nx int null",
		"ranged\nk int null\nx int null", "rests\nk bigint null\nx int null",
	} {
		if err := w.schema("shop", s); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"num", "txt", "two", "ranged", "rests"}).Draw(t, "table")
		columns, text := []string{"k", "x"}, map[string]bool{"k": name == "txt"}
		if name == "two" {
			columns, text = []string{"a", "b", "x"}, map[string]bool{"b": true}
		}
		cond := drawCondition(t, columns, text, 3)
		checkCondition(t, w, name, columns, text, cond)
	})
}

func checkCondition(t *rapid.T, w *world, name string, columns []string, text map[string]bool, cond condition) {
	sql := "SELECT * FROM " + name + " WHERE " + cond.sql
	stmt, err := parser.Parse(sql, w.mode)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	p, _, err := w.plan(stmt, Env{Database: "shop", Mode: w.mode})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	args := &testArgs{ownArgs: ownArgs{stmt: stmt}}
	checkRoute(t, w, name, columns, text, cond, sql, firstRoute(p.Root), args)
	if folded, args := foldedRoute(t, w, sql, stmt); folded != nil {
		checkRoute(t, w, name, columns, text, cond, sql, folded, args)
	}
}

// foldedRoute is the route of the folded text, with the arguments of the text; nil where there is none.
func foldedRoute(t *rapid.T, w *world, sql string, whole *parser.Statement) (*plan.Route, *testArgs) {
	var s parser.Scan
	if err := s.Scan([]byte(sql), w.mode); err != nil || len(s.Folds) == 0 {
		return nil, nil
	}
	stmt, err := s.ParseFolded(nil)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	p, _, err := w.plan(stmt, Env{Database: "shop", Mode: w.mode})
	if err != nil {
		t.Fatalf("%s, folded: %v", sql, err)
	}
	return firstRoute(p.Root), &testArgs{ownArgs: ownArgs{stmt: whole, folds: s.Folds}}
}

func checkRoute(t *rapid.T, w *world, name string, columns []string, text map[string]bool, cond condition, sql string, route *plan.Route, args *testArgs) {
	units, err := (&Router{}).Route(context.Background(), route, args)
	if err != nil {
		if _, unknown := err.(*KeyUnknown); unknown {
			return // planned anew for all shards
		}
		t.Fatalf("%s: %v", sql, err)
	}
	for range 12 {
		row := drawMatchable(t, columns, text)
		if cond.eval(row) != 1 {
			continue
		}
		node, ok := nodeOf(t, route, w, name, row, text)
		if ok && !covered3(t, units, node, route, args, row, text) {
			t.Fatalf("%s: the row %v is on node %d, the units are %s", sql, row, node, plan.Format(&plan.Plan{Root: route}, units))
		}
	}
}

func drawMatchable(t *rapid.T, columns []string, text map[string]bool) map[string]cell {
	row := map[string]cell{}
	for _, c := range columns {
		row[c], _ = literal(t, text[c])
	}
	return row
}

// nodeOf is the node that a row is stored on; false for rows that no shard takes, or whose text is not ASCII.
func nodeOf(t *rapid.T, route *plan.Route, w *world, name string, row map[string]cell, text map[string]bool) (int, bool) {
	place, _ := w.snap.Place("shop", name)
	if len(route.Targets) == 0 || route.Algorithm == nil {
		t.Fatalf("no algorithm for %s", name)
	}
	var key []sharding.Key
	for i, c := range place.Sharded.Key {
		k, err := sharding.Keyer{}.ForStore(context.Background(), row[c].value(text[c]), route.Keys[i])
		if err != nil {
			return 0, false
		}
		key = append(key, k)
	}
	node, err := route.Algorithm.Locate(key)
	return node, err == nil
}

// covered3 reports whether the row's node is among the units, with an IN list that still holds what the row matches.
func covered3(t *rapid.T, units []RouteUnit, node int, route *plan.Route, args rewrite.Args, row map[string]cell, text map[string]bool) bool {
	for _, u := range units {
		if u.Index != node {
			continue
		}
		r, err := rewrite.Render(nil, route.Template, rewrite.Names{Tables: u.Target.Names, Schemas: u.Target.Schemas}, u.Keep, args)
		if err != nil || strings.Contains(string(r.SQL), "IN ()") {
			t.Fatalf("%s: %v", r.SQL, err)
		}
		return keptMatches(t, u, route, args, row, text)
	}
	return false
}

// keptMatches checks the items of trimmed lists: one that the row's key equals is kept wherever the row is.
func keptMatches(t *rapid.T, u RouteUnit, route *plan.Route, args rewrite.Args, row map[string]cell, text map[string]bool) bool {
	for _, in := range selectIns(route.Selector) {
		if in.List < 0 || in.List >= len(u.Keep) || u.Keep[in.List] == nil {
			continue
		}
		n := len(in.Keys)
		if in.Folded > 0 {
			n = args.Elements(in.Folded - 1)
		}
		for item := range n {
			key := in.Keys[min(item, len(in.Keys)-1)]
			if in.Folded > 0 {
				key = at(nil, in.Keys[0], item)
			}
			if !matches(t, key, route, args, row, text) {
				continue
			}
			kept := false
			for _, k := range u.Keep[in.List] {
				kept = kept || int(k) == item
			}
			if !kept {
				return false
			}
		}
	}
	return true
}

func matches(t *rapid.T, key []plan.Expr, route *plan.Route, args rewrite.Args, row map[string]cell, text map[string]bool) bool {
	for i := range key {
		v, known, err := value(&key[i], args)
		if err != nil || !known {
			t.Fatalf("%v %v", known, err)
		}
		c := cell{null: v.IsNull(), n: int(v.Int), s: string(v.Bytes)}
		if compareTruth(row[route.KeyNames[i]], c, operators["="]) != 1 {
			return false
		}
	}
	return true
}

func selectIns(s plan.Selector) []*plan.SelectIn {
	switch s := s.(type) {
	case *plan.SelectIn:
		return []*plan.SelectIn{s}
	case *plan.SelectAnd:
		var out []*plan.SelectIn
		for _, part := range s.Parts {
			out = append(out, selectIns(part)...)
		}
		return out
	}
	return nil
}

// A point select allocates the unit, the key and its canonical form, and no more.
func TestRouteAllocations(t *testing.T) {
	w := newWorld()
	if err := w.rules(propertyRules); err != nil {
		t.Fatal(err)
	}
	if err := w.schema("shop", "num\nk bigint\nx int null"); err != nil {
		t.Fatal(err)
	}
	stmt, err := parser.Parse("SELECT * FROM num WHERE k = ?", w.mode)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := w.plan(stmt, Env{Database: "shop", Mode: w.mode})
	if err != nil {
		t.Fatal(err)
	}
	var args rewrite.Args = &testArgs{ownArgs: ownArgs{stmt: stmt}, params: []sqltypes.Value{sqltypes.IntValue(123456)}}
	r, ctx, route := &Router{}, context.Background(), firstRoute(p.Root)
	n := testing.AllocsPerRun(200, func() {
		if _, err := r.Route(ctx, route, args); err != nil {
			t.Fatal(err)
		}
	})
	if n > 4 {
		t.Fatalf("%v allocations", n)
	}
	t.Log(fmt.Sprint(n))
}
