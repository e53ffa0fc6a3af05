package rule

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/heddle-mesh/heddle/internal/cputime"
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

// validate is what is done with a document before it is put into force.
func validate(tb testing.TB, text []byte) {
	tb.Helper()
	doc, problems := Parse(text)
	if err := problems.Err(); err != nil {
		tb.Fatal(err)
	}
	if _, err := doc.Resolve(); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkValidate10000Tables(b *testing.B) {
	text := manyTables(10_000)
	b.ReportAllocs()
	before := cputime.Used(b)
	for b.Loop() {
		validate(b, text)
	}
	b.ReportMetric(float64((cputime.Used(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// TestManyTablesInTime: 10,000 tables are validated in less than a second of processor time.
func TestManyTablesInTime(t *testing.T) {
	const bound = cputime.Slower * time.Second
	text := manyTables(10_000)
	took := cputime.Least(t, bound, func() { validate(t, text) })
	t.Logf("%d bytes in %v", len(text), took)
	if took >= bound {
		t.Errorf("10,000 tables take %v of processor time, want less than %v", took, bound)
	}
}

// TestLongDocumentsGrowLinearly: of twice as many tables reading takes about twice as much memory, which bounds its time too,
// whatever else the machine does: where it grew with their square, it was four times as much.
func TestLongDocumentsGrowLinearly(t *testing.T) {
	measure := func(n int) uint64 {
		text := manyTables(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, problems := Parse(text); len(problems) > 0 {
			t.Fatal(problems)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	small, large := measure(4000), measure(8000)
	if ratio := float64(large) / float64(small); ratio > 2.3 {
		t.Errorf("4,000 tables take %d MB, 8,000 take %d MB: %.1f times as much", small>>20, large>>20, ratio)
	}
	if perTable := large / 8000; perTable > 40<<10 {
		t.Errorf("a table takes %d bytes to read", perTable)
	}
}

// whole reads a text as it was read before it was cut.
func whole(t testing.TB, text string) (string, bool) {
	src := newSource(text)
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return "", false
	}
	return shown(file, src), true
}

// shown writes out what a file reads as, with places.
func shown(file *ast.File, src *source) string {
	c := &converter{src: src}
	var b strings.Builder
	var write func(n *node)
	write = func(n *node) {
		if !n.isNull() { // nothing stands anywhere
			fmt.Fprintf(&b, "%v=%v(", n.at, n.value)
		}
		for _, e := range n.entries {
			fmt.Fprintf(&b, "%q@%v:", e.key, e.at)
			write(e.value)
		}
		for _, i := range n.items {
			write(i)
		}
		b.WriteString(")")
	}
	for _, d := range file.Docs {
		if d.Body != nil {
			write(c.convert(d.Body))
		}
	}
	fmt.Fprint(&b, c.problems)
	return b.String()
}

// samePieces checks that a text reads the same in pieces.
func samePieces(t testing.TB, text string) (cut bool) {
	want, ok := whole(t, text)
	rest, pieces := cutLong([]byte(text))
	if !ok || len(pieces) == 0 {
		return false
	}
	file := together(rest, pieces)
	if file == nil {
		return false // it is read as a whole
	}
	if got := shown(file, newSource(text)); got != want {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		i = max(0, i-100)
		t.Errorf("in pieces it reads as\n…%.300s\nand as a whole as\n…%.300s\n%.400q", got[i:], want[i:], text)
	}
	return true
}

func TestPiecesReadAsTheWhole(t *testing.T) {
	long := func(entry string) string {
		var b strings.Builder
		for i := range 3 * pieceLines {
			fmt.Fprintf(&b, entry, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"flow":       "database: d\ntables:\n" + long("  t%d: {key: id}\n") + "broadcast: [x]\n",
		"block":      "tables: # all\n" + long("    t%d:\n        key: id # x\n\n        algorithm:\n          type: mod\n") + "---\nusers:\n" + long("  u%d:\n"),
		"comments":   "tables:\n# top\n  # deep\n" + long("  t%d: {key: id}\n# between\n"),
		"duplicates": "tables:\n" + long("  t%d: {key: id}\n") + "  t1: {key: id}\nsingle:\n  a: [b]\n",
		"CRLF":       strings.ReplaceAll("tables:\n"+long("  t%d: {key: id}\n")+"x: 1\n", "\n", "\r\n"),
	} {
		if !samePieces(t, text) {
			t.Errorf("%s: it is not cut", name)
		}
	}
	for _, text := range []string{ // cut in the middle of a value, or no mapping
		"tables:\n" + long("  - t%d\n"),
		"tables:\n  a: |\n" + long("  x%d: y\n"),
		"tables:\n  a: \"" + long("  x%d: y\n") + "\"\n",
		"tables:\n  {a: 1,\n" + long("  x%d: y,\n") + "  }\n",
	} {
		samePieces(t, text)
	}
}

func FuzzPieces(f *testing.F) {
	f.Add("database: d\ntables:\n", "  t: {key: id}\n", "broadcast: [x]\n")
	f.Add("tables:\n  a: \"", "\n  x: 1", "\"\n")
	f.Add("tables:\n  a: |\n", "   x\n  y: 1\n", "---\nusers: {}\n")
	f.Fuzz(func(t *testing.T, head, entry, tail string) {
		if len(head)+len(entry)+len(tail) > 400 {
			return
		}
		var b strings.Builder
		b.WriteString(head)
		for i := range 3 * pieceLines {
			b.WriteString(strings.ReplaceAll(entry, "t:", fmt.Sprintf("t%d:", i)))
		}
		samePieces(t, b.String()+tail)
	})
}

// TestComparingPlacesOfManyTables: the slots are gone through once, and not once for each table.
func TestComparingPlacesOfManyTables(t *testing.T) {
	layouts := make([]*Layout, 2)
	for i, text := range []string{string(manyTables(2000)), strings.Replace(string(manyTables(2000)), "ds_0: 0-4095, ds_1: 4096-8191", "ds_0: 0-4094, ds_1: 4095-8191", 1)} {
		d, problems := Parse([]byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		var err error
		if layouts[i], err = d.Resolve(); err != nil {
			t.Fatal(err)
		}
	}
	if changed := PlacementChanges(layouts[0], layouts[1]); len(changed) != 2000 {
		t.Errorf("%d tables have rows elsewhere", len(changed))
	}
	if changed := PlacementChanges(layouts[0], layouts[0]); len(changed) != 0 {
		t.Errorf("%v have rows elsewhere", changed)
	}
	if n := testing.AllocsPerRun(1, func() { PlacementChanges(layouts[0], layouts[0]) }); n > 2000*30 {
		t.Errorf("comparing 2,000 tables makes %.0f allocations", n)
	}
}
