package sharding_test

import (
	"context"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/sharding"
	"github.com/heddle-mesh/heddle/router/sharding/shardingtest"
)

func factory(typ string) sharding.Factory {
	return func(ctx context.Context, cfg sharding.Config) (sharding.Algorithm, error) {
		return sharding.New(ctx, typ, cfg)
	}
}

func columns(types ...string) (out []sharding.KeyColumn) {
	for i, t := range types {
		typ, collation, _ := strings.Cut(t, " collate ")
		out = append(out, sharding.KeyColumn{Name: string(rune('a' + i)), Type: sharding.ParseKeyType(typ, collation, false)})
	}
	return out
}

// tuples makes keys out of values, all of one column, or of the same value in every column.
func tuples(t *testing.T, cols []sharding.KeyColumn, values ...string) (out [][]sharding.Key) {
	t.Helper()
	k := sharding.Keyer{Charset: "utf8mb4", Zone: time.UTC}
	for i := range values {
		tuple := make([]sharding.Key, len(cols))
		for j, c := range cols {
			v := sqltypes.StringValue(values[(i+j*3)%len(values)])
			if values[(i+j*3)%len(values)] == "NULL" {
				v = sqltypes.NullValue
			}
			key, err := k.ForStore(t.Context(), v, c.Type)
			if err != nil {
				t.Fatalf("%s: %v", values[i], err)
			}
			tuple[j] = key
		}
		out = append(out, tuple)
	}
	return out
}

var (
	numbers = []string{"-9223372036854775808", "-100", "-7", "-1", "0", "1", "2", "3", "7", "8", "10", "49", "50", "51", "99", "100", "101", "1000", "9223372036854775807", "NULL"}
	words   = []string{"", "a", "A", "a ", "b", "B", "DE", "de", "zz", "~", "ab", "abc", "NULL"}
	dates   = []string{"2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01", "2026-07-15", "2030-01-01", "NULL"}
)

func slotTable(nodes int) *sharding.SlotTable {
	t := &sharding.SlotTable{}
	for i := range t {
		t[i] = uint16(i * nodes / sharding.SlotCount)
	}
	return t
}

func list(items ...any) []any { return items }

func TestConform(t *testing.T) {
	type c struct {
		typ   string
		cols  []sharding.KeyColumn
		keys  []string
		nodes int
		props sharding.Properties
	}
	grid := sharding.Properties{"by": list(map[string]any{"type": "mod", "nodes": int64(2)}, map[string]any{"type": "range", "nodes": int64(3), "bounds": list(int64(0), int64(50))})}
	for name, x := range map[string]c{
		"hash_slot":         {"hash_slot", columns("bigint"), numbers, 4, nil},
		"hash_slot text":    {"hash_slot", columns("varchar(9) collate utf8mb4_general_ci"), words, 4, nil},
		"hash_slot pair":    {"hash_slot", columns("bigint", "bigint"), numbers, 4, nil},
		"hash_mod":          {"hash_mod", columns("bigint"), numbers, 5, nil},
		"mod":               {"mod", columns("bigint"), numbers, 3, nil},
		"range":             {"range", columns("bigint"), numbers, 3, sharding.Properties{"bounds": list(int64(0), int64(50))}},
		"range text":        {"range", columns("varchar(9) collate utf8mb4_unicode_ci"), words, 3, sharding.Properties{"bounds": list("ab", "E")}},
		"range bytes":       {"range", columns("varbinary(9)"), words, 3, sharding.Properties{"bounds": list("B", "ab")}},
		"interval":          {"interval", columns("date"), dates, 4, sharding.Properties{"start": "2026-01-01"}},
		"interval datetime": {"interval", columns("datetime(3)"), dates, 4, sharding.Properties{"start": "2026-01-01", "outside": "clamp", "every": int64(2)}},
		"interval week":     {"interval", columns("timestamp"), dates, 12, sharding.Properties{"start": "2026-01-01 12:00:00", "unit": "week"}},
		"list":              {"list", columns("varchar(9) collate utf8mb4_general_ci"), words, 3, sharding.Properties{"values": list(list("de", "a"), list("b", nil), list()), "default": int64(2)}},
		"list strict":       {"list", columns("int"), []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "NULL"}, 2, sharding.Properties{"values": list(list(int64(1), int64(5), int64(9)), list("2", 7.0))}},
		"inline":            {"inline", columns("bigint"), numbers, 4, sharding.Properties{"expression": "abs(a % 4)"}},
		"inline text":       {"inline", columns("varchar(9) collate utf8mb4_bin"), words, 2, sharding.Properties{"expression": "hasPrefix(a, 'a') ? 0 : 1"}},
		"inline pair":       {"inline", columns("bigint", "bigint"), numbers, 4, sharding.Properties{"expression": "abs(a % 2) * 2 + abs(b % 2)"}},
		"complex":           {"complex", columns("bigint", "bigint"), numbers, 6, grid},
	} {
		t.Run(name, func(t *testing.T) {
			shardingtest.Conform(t, shardingtest.Case{
				Factory: factory(x.typ),
				Config: sharding.Config{Properties: x.props, Nodes: x.nodes, Columns: x.cols, Slots: slotTable(x.nodes),
					Keyer: sharding.Keyer{Charset: "utf8mb4", Zone: time.UTC}},
				Keys: tuples(t, x.cols, x.keys...),
			})
		})
	}
	t.Run("hint", func(t *testing.T) {
		var keys [][]sharding.Key
		for i := range 20 {
			keys = append(keys, []sharding.Key{sharding.IntKey(int64(i - 5))})
		}
		shardingtest.Conform(t, shardingtest.Case{Factory: factory("hint"), Config: sharding.Config{Nodes: 3}, Keys: keys})
	})
}

func TestFactoriesRefuse(t *testing.T) {
	text := columns("varchar(9) collate utf8mb4_general_ci")
	for name, x := range map[string]struct {
		typ   string
		cfg   sharding.Config
		wants string
	}{
		"unknown":           {"modulo", sharding.Config{Nodes: 2}, "known: complex, hash_mod"},
		"no nodes":          {"mod", sharding.Config{Columns: columns("int")}, "no nodes"},
		"float":             {"hash_mod", sharding.Config{Nodes: 2, Columns: columns("double")}, "cannot be that of a sharding key"},
		"mod of text":       {"mod", sharding.Config{Nodes: 2, Columns: text}, "character string"},
		"slots":             {"hash_slot", sharding.Config{Nodes: 2, Columns: columns("int")}, "needs slots"},
		"falling bounds":    {"range", sharding.Config{Nodes: 3, Columns: columns("int"), Properties: sharding.Properties{"bounds": list(int64(5), int64(5))}}, "not above"},
		"equal under ci":    {"list", sharding.Config{Nodes: 2, Columns: text, Properties: sharding.Properties{"values": list(list("a"), list("A "))}}, "listed twice"},
		"inline of ci text": {"inline", sharding.Config{Nodes: 2, Columns: text, Properties: sharding.Properties{"expression": "0"}}, "_bin"},
		"inline clock":      {"inline", sharding.Config{Nodes: 2, Columns: columns("int"), Properties: sharding.Properties{"expression": "now().Year() % 2"}}, "now"},
		"inline typo":       {"inline", sharding.Config{Nodes: 2, Columns: columns("int"), Properties: sharding.Properties{"expression": "id % 2"}}, "unknown name id"},
		"grid":              {"complex", sharding.Config{Nodes: 5, Columns: columns("int", "int"), Properties: sharding.Properties{"by": list(map[string]any{"nodes": int64(2)}, map[string]any{"nodes": int64(2)})}}, "tell 4 nodes apart"},
	} {
		_, err := sharding.New(t.Context(), x.typ, x.cfg)
		if err == nil || !strings.Contains(err.Error(), x.wants) {
			t.Errorf("%s: error %v, want one with %q", name, err, x.wants)
		}
	}
}

func TestRoutePrunes(t *testing.T) {
	build := func(typ string, nodes int, props sharding.Properties, cols ...string) sharding.Algorithm {
		a, err := sharding.New(t.Context(), typ, sharding.Config{Properties: props, Nodes: nodes, Columns: columns(cols...)})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	point := func(v ...int64) (c sharding.Cond) {
		c.Points = []sharding.Key{}
		for _, i := range v {
			c.Points = append(c.Points, sharding.IntKey(i))
		}
		return c
	}
	upTo := func(lo, hi int64, inclusive bool) sharding.Cond {
		return sharding.Cond{Lo: &sharding.Bound{Key: sharding.IntKey(lo), Inclusive: inclusive}, Hi: &sharding.Bound{Key: sharding.IntKey(hi), Inclusive: inclusive}}
	}
	mod := build("mod", 8, nil, "bigint")
	ranges := build("range", 4, sharding.Properties{"bounds": list(int64(10), int64(20), int64(30))}, "bigint")
	grid := build("complex", 6, sharding.Properties{"by": list(map[string]any{"type": "mod", "nodes": int64(2)}, map[string]any{"type": "mod", "nodes": int64(3)})}, "bigint", "bigint")
	both := point(1, 2, 3)
	both.Lo = &sharding.Bound{Key: sharding.IntKey(2)}
	for name, x := range map[string]struct {
		a     sharding.Algorithm
		conds []sharding.Cond
		want  sharding.Set
	}{
		"one point":         {mod, []sharding.Cond{point(9)}, sharding.Set{1}},
		"list":              {mod, []sharding.Cond{point(9, 1, 12)}, sharding.Set{1, 4}},
		"no point":          {mod, []sharding.Cond{point()}, sharding.Set{}},
		"short range":       {mod, []sharding.Cond{upTo(3, 5, true)}, sharding.Set{3, 4, 5}},
		"open range":        {mod, []sharding.Cond{upTo(3, 5, false)}, sharding.Set{4}},
		"empty range":       {mod, []sharding.Cond{upTo(5, 3, true)}, sharding.Set{}},
		"long range":        {mod, []sharding.Cond{upTo(0, 1000, true)}, sharding.All(8)},
		"points and bounds": {mod, []sharding.Cond{both}, sharding.Set{3}},
		"nothing":           {mod, []sharding.Cond{{}}, sharding.All(8)},
		"range":             {ranges, []sharding.Cond{upTo(15, 500, true)}, sharding.Set{1, 2, 3}},
		"second of a grid":  {grid, []sharding.Cond{{}, point(1)}, sharding.Set{1, 4}},
		"first of a grid":   {grid, []sharding.Cond{point(1), {}}, sharding.Set{3, 4, 5}},
		"both of a grid":    {grid, []sharding.Cond{point(1), point(2)}, sharding.Set{5}},
	} {
		if diff := cmp.Diff(x.want, sharding.Route(x.a, x.conds)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// FuzzKeyer looks for panics, and for a value whose stored key is not the one that a comparison with it asks for.
func FuzzKeyer(f *testing.F) {
	types := []sharding.KeyType{}
	for _, c := range columns("bigint", "int unsigned", "decimal(10,2)", "varchar(20) collate utf8mb4_general_ci", "char(5) collate utf8mb4_nopad_bin",
		"binary(4)", "date", "datetime(3)", "timestamp", "time(1)", "year", "enum('a','b') collate utf8mb4_bin") {
		types = append(types, c.Type)
	}
	for _, s := range []string{"1", "-1.5e3", "2026-01-02 03:04:05.6", "838:59:59", "a ", "\x00", "1e999", "-", ".", "é"} {
		f.Add(uint8(5), uint8(0), s)
	}
	f.Fuzz(func(t *testing.T, kind, typ uint8, text string) {
		k := sharding.Keyer{Charset: "utf8mb4", Zone: time.UTC}
		v := sqltypes.Value{Kind: sqltypes.Kind(kind % 10), Bytes: []byte(text), Int: int64(len(text))}
		kt := types[int(typ)%len(types)]
		stored, err := k.ForStore(t.Context(), v, kt)
		compared, verdict := k.ForCompare(t.Context(), v, kt)
		k.ForBound(t.Context(), v, kt)
		if err != nil || stored.Null {
			return
		}
		if n := sharding.Slot([]sharding.Key{stored}); n < 0 || n >= sharding.SlotCount {
			t.Fatalf("slot %d", n)
		}
		if string(stored.Text) == text && verdict == sharding.Exact && !kt.Fixed && !stored.Equal(compared) {
			t.Fatalf("%q is stored with key %q and looked for with key %q", text, stored.Canon, compared.Canon)
		}
	})
}

func TestCompatible(t *testing.T) {
	typ := func(s string) sharding.KeyType { return columns(s)[0].Type }
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"int", "bigint unsigned", true},
		{"bigint", "decimal(20,4)", true},
		{"int", "varchar(9) collate utf8mb4_bin", false},
		{"varchar(9) collate utf8mb4_general_ci", "char(20) collate utf8mb3_general_ci", true},
		{"varchar(9) collate utf8mb4_bin", "char(20) collate utf8mb3_bin", false},
		{"varchar(9) collate utf8mb4_bin", "char(20) collate utf8mb4_general_ci", false},
		{"varchar(9) collate utf8mb4_bin", "varchar(9) collate utf8mb4_nopad_bin", false},
		{"date", "datetime", false},
		{"datetime", "datetime(6)", true},
		{"double", "double", false},
	} {
		if got := sharding.Compatible(typ(x.a), typ(x.b)); got != x.want {
			t.Errorf("Compatible(%s, %s) is %v", x.a, x.b, got)
		}
	}
}

func TestNullSafe(t *testing.T) {
	k := sharding.Keyer{}
	bigint := columns("bigint")[0].Type
	if _, v := k.ForCompare(t.Context(), sqltypes.NullValue, bigint); v != sharding.None {
		t.Errorf("= NULL is %v", v)
	}
	key, v := k.ForNullSafe(t.Context(), sqltypes.NullValue, bigint)
	if v != sharding.Exact || !key.Null || sharding.Slot([]sharding.Key{key}) != 0 {
		t.Errorf("<=> NULL is %v %v", key, v)
	}
	if key, v := k.ForNullSafe(t.Context(), sqltypes.IntValue(5), bigint); v != sharding.Exact || !key.Equal(sharding.IntKey(5)) {
		t.Errorf("<=> 5 is %v %v", key, v)
	}
	bigint.NotNull = true
	if _, err := k.ForStore(t.Context(), sqltypes.NullValue, bigint); err == nil {
		t.Error("NULL is stored in a NOT NULL column")
	}
}

func TestExactText(t *testing.T) {
	bigint := columns("bigint")[0].Type
	for text, want := range map[string]sharding.Verdict{"123456789012345678": sharding.Exact, "-123456789012345678": sharding.Exact, " 123456789012345678": sharding.Unknown,
		"123456789012345678.0": sharding.Unknown, "9223372036854775808": sharding.Unknown, "12": sharding.Exact} {
		if _, v := (sharding.Keyer{ExactText: true}).ForCompare(t.Context(), sqltypes.StringValue(text), bigint); v != want {
			t.Errorf("%s: %v, want %v", text, v, want)
		}
	}
	if _, v := (sharding.Keyer{}).ForCompare(t.Context(), sqltypes.StringValue("123456789012345678"), bigint); v != sharding.Unknown {
		t.Errorf("without ExactText: %v", v)
	}
}

func TestTimestampsOfDoubleAndMissingHours(t *testing.T) {
	berlin := time.FixedZone("+05:30", 19800)
	ts := columns("timestamp")[0].Type
	k := sharding.Keyer{Zone: berlin}
	key, v := k.ForCompare(t.Context(), sqltypes.StringValue("2026-01-02 05:30:00"), ts)
	if v != sharding.Exact || string(key.Canon) != "2026-01-02 00:00:00" {
		t.Errorf("%q %v", key.Canon, v)
	}
	if _, v := (sharding.Keyer{}).ForCompare(t.Context(), sqltypes.StringValue("2026-01-02 05:30:00"), ts); v != sharding.Unknown {
		t.Errorf("without a zone: %v", v)
	}
	stored := sqltypes.Value{Kind: sqltypes.KindDatetime, Bytes: []byte("2026-10-25 00:30:00.500" + sharding.UTC)}
	fine := columns("timestamp(3)")[0].Type
	if key, err := k.ForStore(t.Context(), stored, fine); err != nil || string(key.Canon) != "2026-10-25 00:30:00.5" {
		t.Errorf("what a server has stored: %q, %v", key.Canon, err)
	}
	if _, err := k.ForStore(t.Context(), stored, columns("datetime(3)")[0].Type); err == nil {
		t.Error("a moment for a DATETIME")
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	k.Zone = zone
	for text, want := range map[string]sharding.Verdict{
		"2026-03-29 02:30:00": sharding.Unknown, // skipped
		"2026-10-25 02:30:00": sharding.Unknown, // there twice
		"2026-10-25 01:59:59": sharding.Exact,
		"2026-10-25 03:00:00": sharding.Exact,
	} {
		if _, v := k.ForCompare(t.Context(), sqltypes.StringValue(text), ts); v != want {
			t.Errorf("%s: %v, want %v", text, v, want)
		}
	}
}
