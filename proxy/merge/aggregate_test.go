package merge

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// both aggregates rows by streaming and by hashing and checks that the answers are alike.
func both(t *testing.T, cols []sqltypes.Column, in []sqltypes.Row, spec AggregateSpec) []string {
	t.Helper()
	spec.Budget = NewBudget(1<<20, "memory", nil)
	stream := must(NewStreamAggregate(newProbe(cols, in), spec))(t)
	got := drain(t, stream)
	hash := must(NewHashAggregate(newProbe(cols, in), spec))(t)
	if d := cmp.Diff(got, drain(t, hash)); d != "" {
		t.Errorf("hashed against streamed: %s", d)
	}
	if d := cmp.Diff(stream.Columns(), hash.Columns()); d != "" {
		t.Error(d)
	}
	if n := spec.Budget.Used(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
	return got
}

func with(a Agg, change func(*Agg)) Agg {
	change(&a)
	return a
}

func average(sum, count int) Agg { return with(On(Avg, sum), func(a *Agg) { a.Count = count }) }

func spread(f Func, mean, count, spread int) Agg {
	return with(On(f, mean), func(a *Agg) { a.Count, a.Spread = count, spread })
}

func TestAggregateFunctions(t *testing.T) {
	k, text, weight := intCol("k"), textCol("s"), binaryCol("w")
	byWeight := func(f Func) Agg {
		return with(On(f, 1), func(a *Agg) { a.Order = Key{Column: 1, Weight: 2, Pad: []byte(" ")} })
	}
	for name, tt := range map[string]struct {
		cols []sqltypes.Column
		in   []string
		out  Agg
		want string
	}{
		"COUNT":                 {[]sqltypes.Column{k, intCol("n")}, []string{"1|3", "1|0", "1|4"}, On(Count, 1), "7"},
		"SUM of integers":       {[]sqltypes.Column{k, decimalCol(0)}, []string{"1|18446744073709551615", "1|NULL", "1|3"}, On(Sum, 1), "18446744073709551618"},
		"SUM of decimals":       {[]sqltypes.Column{k, decimalCol(2)}, []string{"1|1.10", "1|-2.25"}, On(Sum, 1), "-1.15"},
		"SUM of nothing":        {[]sqltypes.Column{k, decimalCol(2)}, []string{"1|NULL", "1|NULL"}, On(Sum, 1), "NULL"},
		"SUM of DOUBLE":         {[]sqltypes.Column{k, doubleCol(31)}, []string{"1|1e15", "1|2.5"}, On(Sum, 1), "1000000000000002.5"},
		"SUM of DOUBLE(10,2)":   {[]sqltypes.Column{k, doubleCol(2)}, []string{"1|1.10", "1|2.20"}, On(Sum, 1), "3.30"},
		"MIN of integers":       {[]sqltypes.Column{k, intCol("n")}, []string{"1|10", "1|NULL", "1|9"}, On(Min, 1), "9"},
		"MAX of integers":       {[]sqltypes.Column{k, intCol("n")}, []string{"1|9", "1|10", "1|NULL"}, On(Max, 1), "10"},
		"MAX of FLOAT":          {[]sqltypes.Column{k, typed(sqltypes.Float)}, []string{"1|9.5", "1|10.5"}, On(Max, 1), "10.5"},
		"MIN of nothing":        {[]sqltypes.Column{k, intCol("n")}, []string{"1|NULL"}, On(Min, 1), "NULL"},
		"MIN of text":           {[]sqltypes.Column{k, text, weight}, []string{"1|b|B", "1|NULL|NULL", "1|a |A ", "1|A|A"}, byWeight(Min), "a "},
		"MAX of text":           {[]sqltypes.Column{k, text, weight}, []string{"1|b|B", "1|B|B", "1|a|A"}, byWeight(Max), "b"},
		"MAX of TIME":           {[]sqltypes.Column{k, typed(sqltypes.Time)}, []string{"1|99:00:00", "1|100:00:00", "1|-838:59:59"}, On(Max, 1), "100:00:00"},
		"AVG":                   {[]sqltypes.Column{k, decimalCol(0), intCol("n")}, []string{"1|2|2", "1|NULL|0", "1|0|1"}, average(1, 2), "0.6667"},
		"AVG of nothing":        {[]sqltypes.Column{k, decimalCol(0), intCol("n")}, []string{"1|NULL|0"}, average(1, 2), "NULL"},
		"AVG is cut":            {[]sqltypes.Column{k, decimalCol(5), intCol("n")}, []string{"1|1.00000|1", "1|1.00000|2"}, average(1, 2), "0.666666666"},
		"AVG of DOUBLE":         {[]sqltypes.Column{k, doubleCol(31), intCol("n")}, []string{"1|1|2", "1|1|1"}, average(1, 2), "0.6666666666666666"},
		"AVG of DOUBLE(10,2)":   {[]sqltypes.Column{k, doubleCol(2), intCol("n")}, []string{"1|1.00|2", "1|1.00|1"}, average(1, 2), "0.666667"},
		"BIT_AND":               {[]sqltypes.Column{k, intCol("n")}, []string{"1|18446744073709551615", "1|12", "1|6"}, On(BitAnd, 1), "4"},
		"BIT_OR":                {[]sqltypes.Column{k, intCol("n")}, []string{"1|9223372036854775808", "1|6"}, On(BitOr, 1), "9223372036854775814"},
		"BIT_XOR":               {[]sqltypes.Column{k, intCol("n")}, []string{"1|12", "1|6", "1|0"}, On(BitXor, 1), "10"},
		"VAR_POP":               {[]sqltypes.Column{k, doubleCol(31), intCol("n"), doubleCol(31)}, []string{"1|1|2|0", "1|NULL|0|NULL", "1|0|1|0"}, spread(VarPop, 1, 2, 3), "0.2222222222222222"},
		"VAR_SAMP of one":       {[]sqltypes.Column{k, doubleCol(31), intCol("n"), doubleCol(31)}, []string{"1|1|1|0"}, spread(VarSamp, 1, 2, 3), "NULL"},
		"STDDEV_POP of one":     {[]sqltypes.Column{k, doubleCol(31), intCol("n"), doubleCol(31)}, []string{"1|1e200|1|0"}, spread(StdPop, 1, 2, 3), "0"},
		"STDDEV_SAMP":           {[]sqltypes.Column{k, doubleCol(31), intCol("n"), doubleCol(31)}, []string{"1|1|1|0", "1|3|1|0"}, spread(StdSamp, 1, 2, 3), "1.4142135623730951"},
		"VAR_POP of nothing":    {[]sqltypes.Column{k, doubleCol(31), intCol("n"), doubleCol(31)}, []string{"1|NULL|0|NULL"}, spread(VarPop, 1, 2, 3), "NULL"},
		"first":                 {[]sqltypes.Column{k, text}, []string{"1|NULL", "1|x"}, On(First, 1), "NULL"},
		"first of real rows":    {[]sqltypes.Column{k, text, intCol("n")}, []string{"1|NULL|0", "1|x|2", "1|y|1"}, with(On(First, 1), func(a *Agg) { a.Count = 2 }), "x"},
		"first without rows":    {[]sqltypes.Column{k, text, intCol("n")}, []string{"1|x|0", "1|y|0"}, with(On(First, 1), func(a *Agg) { a.Count = 2 }), "x"},
		"COUNT(DISTINCT)":       {[]sqltypes.Column{k, intCol("n")}, []string{"1|NULL", "1|3", "1|3", "1|4"}, with(On(Count, 1), func(a *Agg) { a.Distinct = []Key{Asc(1)} }), "2"},
		"COUNT(DISTINCT a, b)":  {[]sqltypes.Column{k, intCol("a"), intCol("b")}, []string{"1|NULL|1", "1|3|NULL", "1|3|1", "1|3|2", "1|3|2"}, with(On(Count, 1), func(a *Agg) { a.Distinct = []Key{Asc(1), Asc(2)} }), "2"},
		"SUM(DISTINCT)":         {[]sqltypes.Column{k, decimalCol(1)}, []string{"1|NULL", "1|1.5", "1|1.50", "1|2.0"}, with(On(Sum, 1), func(a *Agg) { a.Distinct = []Key{Asc(1)} }), "3.5"},
		"SUM(DISTINCT) of BIT":  {[]sqltypes.Column{k, typed(sqltypes.Bit)}, []string{"1|\x00\x01", "1|\x00\x01", "1|\x01\x00"}, with(On(Sum, 1), func(a *Agg) { a.Distinct = []Key{Asc(1)} }), "257"},
		"AVG(DISTINCT)":         {[]sqltypes.Column{k, intCol("n")}, []string{"1|NULL", "1|0", "1|1", "1|1"}, with(On(Avg, 1), func(a *Agg) { a.Distinct = []Key{Asc(1)} }), "0.5000"},
		"AVG(DISTINCT) of NULL": {[]sqltypes.Column{k, intCol("n")}, []string{"1|NULL"}, with(On(Avg, 1), func(a *Agg) { a.Distinct = []Key{Asc(1)} }), "NULL"},
		"GROUP_CONCAT(DISTINCT)": {[]sqltypes.Column{k, text, weight}, []string{"1|a|A", "1|A|A", "1|b|B"}, with(On(GroupConcat, 1), func(a *Agg) {
			a.Distinct, a.Separator = []Key{{Column: 1, Weight: 2}}, []byte("-")
		}), "a-b"},
		"JSON_ARRAYAGG":          {[]sqltypes.Column{k, text}, []string{`1|[1,"]"]`, "1|NULL", "1|[null]"}, with(On(JSONArrayAgg, 1), func(a *Agg) { a.Separator = []byte(",") }), `[1,"]",null]`},
		"JSON_ARRAYAGG, nothing": {[]sqltypes.Column{k, text}, []string{"1|NULL"}, On(JSONArrayAgg, 1), "NULL"},
		"JSON_OBJECTAGG":         {[]sqltypes.Column{k, text}, []string{`1|{"a":1, "b":2}`, `1|{"a":3}`}, with(On(JSONObjectAgg, 1), func(a *Agg) { a.Separator = []byte(", ") }), `{"a":1, "b":2, "a":3}`},
		"JSON_OBJECTAGG, MySQL": {[]sqltypes.Column{k, text}, []string{`1|{"b": {"x": [1, 2]}, "aa": "},\""}`, `1|{}`, `1|{"c\"": 1, "b": 3, "a": null}`}, with(On(JSONObjectAgg, 1), func(a *Agg) {
			a.Separator, a.Normalize = []byte(", "), true
		}), `{"a": null, "b": 3, "aa": "},\"", "c\"": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := both(t, tt.cols, rows(tt.in...), AggregateSpec{Keys: []Key{Asc(0)}, Output: []Agg{tt.out}, DivPrecisionIncrement: 4})
			if d := cmp.Diff([]string{tt.want}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	cols := []sqltypes.Column{textCol("s"), binaryCol("w"), intCol("n"), decimalCol(0)}
	spec := AggregateSpec{Keys: []Key{{Column: 0, Weight: 1, Pad: []byte(" ")}}, Output: []Agg{On(First, 0), On(Count, 2), On(Sum, 3), On(Max, 3)}}
	got := both(t, cols, rows("NULL|NULL|1|NULL", "NULL|NULL|2|7", "a|A|1|1", "A|A|1|2", "a |A |1|3", "b|B|1|NULL"), spec)
	if d := cmp.Diff([]string{"NULL|3|7|7", "a|3|6|3", "b|1|NULL|NULL"}, got); d != "" {
		t.Error(d)
	}
	if got := both(t, cols, nil, spec); len(got) != 0 {
		t.Errorf("groups of nothing: %v", got)
	}
	unordered := must(NewHashAggregate(newProbe(cols, rows("b|B|1|1", "a|A|1|1", "b |B |5|1")), spec))(t)
	if d := cmp.Diff([]string{"b|6|2|1", "a|1|1|1"}, drain(t, unordered)); d != "" {
		t.Error(d)
	}
}

func TestOneRowOfNothing(t *testing.T) {
	cols := []sqltypes.Column{intCol("n"), decimalCol(2), doubleCol(31), textCol("s"), binaryCol("w")}
	spec := AggregateSpec{Output: []Agg{
		On(Count, 0), On(Sum, 1), average(1, 0), On(Min, 1), On(BitAnd, 0), On(BitOr, 0), On(BitXor, 0),
		spread(StdPop, 2, 0, 2), On(GroupConcat, 3), On(JSONArrayAgg, 3), On(JSONObjectAgg, 3), On(First, 3),
		with(On(Count, 0), func(a *Agg) { a.Distinct = []Key{Asc(0)} }),
	}}
	want := "0|NULL|NULL|NULL|18446744073709551615|0|0|NULL|NULL|NULL|NULL|NULL|0"
	if d := cmp.Diff([]string{want}, both(t, cols, nil, spec)); d != "" {
		t.Error(d)
	}
}

func TestGroupConcatIsCut(t *testing.T) {
	// The first four are MariaDB 10.11's, whose text column held aé€, 😀b and NULL, its latin1 column aéé, ab and z.
	for _, tt := range []struct {
		parts   []string
		charset Charset
		max     int
		want    string
		row     int // that the warning names; 0: none
	}{
		{[]string{"aé€", "😀b"}, CharsetUTF8, 9, "aé€,", 2},
		{[]string{"aé€", "😀b", null}, CharsetUTF8, 4, "aé", 1},
		{[]string{"aéé", "ab", null, "z"}, CharsetUTF8Bytes, 7, "aéé,ab,", 3},
		{[]string{"aé€", "xyz"}, CharsetUTF8Wide, 7, "aé€", 2},
		{[]string{"a", "b"}, CharsetUTF8, 3, "a,b", 0},
		{[]string{"a", "b"}, CharsetUTF8, 2, "a,", 2},
		{[]string{"a", "b", "c"}, CharsetUTF8, 1, "a", 2},
		{[]string{"\xc3", "b"}, CharsetBinary, 2, "\xc3,", 2},
		{[]string{"😀", "x"}, CharsetUTF8Wide, 6, "😀,", 2},
		{[]string{"😀", "x"}, CharsetUTF8Four, 8, "😀,", 2},
		{[]string{"一", "二"}, CharsetUTF8Double, 4, "一,", 2},
		{[]string{"\xd2\xbb", "\xb6\xfe"}, CharsetGBK, 4, "\xd2\xbb,", 2},
		{[]string{"\x83\x5c\xb1"}, CharsetSJIS, 2, "\x83\x5c", 1},
		{[]string{"\x8f\xa1\xa1\x8e\xa1"}, CharsetUJIS, 4, "\x8f\xa1\xa1", 1},
		{[]string{"\x81\x30\x81\x30\x81\x40"}, CharsetGB18030, 5, "\x81\x30\x81\x30", 1},
		{[]string{"", "", ""}, CharsetUTF8, 1, ",", 3},
		{[]string{""}, CharsetUTF8, 1, "", 0},
		{[]string{null}, CharsetUTF8, 1, "NULL", 0},
		{[]string{"aé"}, CharsetUTF8, 0, "aé", 0},
		{[]string{"aé"}, CharsetUnknown, 100, "aé", 0},
	} {
		var warned []string
		var in []sqltypes.Row
		for _, p := range tt.parts {
			in = append(in, row(p))
		}
		agg := with(On(GroupConcat, 0), func(a *Agg) { a.Separator, a.MaxLen, a.Charset = []byte(","), tt.max, tt.charset })
		s := must(NewStreamAggregate(NewRows([]sqltypes.Column{textCol("s")}, in), AggregateSpec{
			Output: []Agg{agg}, Warn: func(w *sqlerr.Error) { warned = append(warned, w.Msg) },
		}))(t)
		if got := drain(t, s); got[0] != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.parts, tt.max, got[0], tt.want)
		}
		var want []string
		if tt.row > 0 {
			want = []string{fmt.Sprintf("Row %d was cut by GROUP_CONCAT()", tt.row)}
		}
		if d := cmp.Diff(want, warned); d != "" {
			t.Errorf("%q at %d: %s", tt.parts, tt.max, d)
		}
	}
}

func TestCharsetFor(t *testing.T) {
	for _, tt := range []struct {
		came, measured uint16
		want           Charset
	}{
		{45, 45, CharsetUTF8}, {45, 33, CharsetUTF8}, {46, 2304, CharsetUTF8}, {1069, 1070, CharsetUTF8}, {255, 309, CharsetUTF8},
		{45, 8, CharsetUTF8Bytes}, {45, 35, CharsetUTF8Wide}, {45, 54, CharsetUTF8Wide}, {45, 60, CharsetUTF8Four}, {45, 28, CharsetUTF8Double},
		{63, 63, CharsetBinary}, {63, 45, CharsetBinary}, {8, 8, CharsetBinary}, {8, 11, CharsetBinary}, {28, 28, CharsetGBK}, {87, 1111, CharsetGBK},
		{8, 45, CharsetUnknown}, {28, 45, CharsetUnknown}, {8, 35, CharsetUnknown}, {45, 12, CharsetUnknown},
		{13, 13, CharsetSJIS}, {12, 91, CharsetUJIS}, {248, 249, CharsetGB18030},
	} {
		if got := CharsetFor(tt.came, tt.measured); got != tt.want {
			t.Errorf("%d measured as %d: %d, want %d", tt.came, tt.measured, got, tt.want)
		}
	}
}

func TestAggregateRefuses(t *testing.T) {
	cols := []sqltypes.Column{intCol("n"), textCol("s"), doubleCol(31)}
	for name, out := range map[string]Agg{
		"no such column":       On(Sum, 3),
		"SUM of text":          On(Sum, 1),
		"MIN of text":          On(Min, 1),
		"AVG without COUNT":    On(Avg, 0),
		"variance without AVG": On(VarPop, 0),
		"DISTINCT over text":   with(On(Count, 1), func(a *Agg) { a.Distinct = []Key{Asc(1)} }),
		"no such function":     {Func: 99, Count: -1, Spread: -1},
		"no such count":        average(0, 7),
		"variance of DISTINCT": with(spread(VarPop, 2, 0, 2), func(a *Agg) { a.Distinct = []Key{Asc(0)} }),
	} {
		if _, err := NewStreamAggregate(NewRows(cols, nil), AggregateSpec{Output: []Agg{out}}); sqlerr.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := func(cells string, out Agg) error {
		s := must(NewStreamAggregate(NewRows(cols, rows(cells)), AggregateSpec{Output: []Agg{out}}))(t)
		_, err := collect(s)
		return err
	}
	for name, err := range map[string]error{
		"COUNT":          bad("x|s|1", On(Count, 0)),
		"SUM":            bad("x|s|1", On(Sum, 0)),
		"SUM of DOUBLE":  bad("1|s|x", On(Sum, 2)),
		"BIT_OR":         bad("-1|s|1", On(BitOr, 0)),
		"variance":       bad("1|s|x", spread(VarPop, 2, 0, 2)),
		"JSON":           bad("1|s|1", On(JSONArrayAgg, 1)),
		"JSON object":    bad(`1|{x:1}|1`, with(On(JSONObjectAgg, 1), func(a *Agg) { a.Normalize = true })),
		"JSON is cut":    bad(`1|["1234567890"]|1`, with(On(JSONArrayAgg, 1), func(a *Agg) { a.MaxLen = 8 })),
		"unknown length": bad(`1|1234567890|1`, with(On(GroupConcat, 1), func(a *Agg) { a.MaxLen, a.Charset = 30, CharsetUnknown })),
	} {
		if sqlerr.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAggregateBeyondBudget(t *testing.T) {
	cols := []sqltypes.Column{intCol("k"), textCol("s")}
	var in []sqltypes.Row
	for i := range 5000 {
		in = append(in, row(strconv.Itoa(i), strings.Repeat("x", 50)))
	}
	concat := with(On(GroupConcat, 1), func(a *Agg) { a.Separator = []byte(",") })
	distinct := with(On(Count, 0), func(a *Agg) { a.Distinct, a.Unsorted = []Key{Asc(0)}, true })
	for name, spec := range map[string]AggregateSpec{
		"groups":   {Keys: []Key{Asc(0)}, Output: []Agg{On(Count, 0)}},
		"text":     {Output: []Agg{concat}},
		"distinct": {Output: []Agg{distinct}},
	} {
		spec.Budget = NewBudget(100<<10, "memory.query", nil)
		h := must(NewHashAggregate(NewRows(cols, in), spec))(t)
		_, err := collect(h)
		if e := sqlerr.As(err); e == nil || *e != *sqlerr.MemoryExceeded("GROUP BY", "memory.query") {
			t.Errorf("%s: %v", name, err)
		}
		if err := h.Close(); err != nil || spec.Budget.Used() != 0 {
			t.Errorf("%s: closed: %v, %d bytes are still reserved", name, err, spec.Budget.Used())
		}
	}
	// One group after the other needs the memory of one.
	spec := AggregateSpec{Keys: []Key{Asc(0)}, Output: []Agg{concat, distinct}, Budget: NewBudget(100<<10, "memory.query", nil)}
	if got := drain(t, must(NewStreamAggregate(NewRows(cols, in), spec))(t)); len(got) != len(in) {
		t.Errorf("%d groups", len(got))
	}
}

func TestAggregateFails(t *testing.T) {
	cols := []sqltypes.Column{intCol("k")}
	for name, build := range map[string]func(RowStream, AggregateSpec) (RowStream, error){
		"stream": func(in RowStream, s AggregateSpec) (RowStream, error) { return done(NewStreamAggregate(in, s)) },
		"hash":   func(in RowStream, s AggregateSpec) (RowStream, error) { return done(NewHashAggregate(in, s)) },
	} {
		p := newProbe(cols, rows("1", "2", "3"))
		p.failAt = 3
		s := must(build(p, AggregateSpec{Keys: []Key{Asc(0)}, Output: []Agg{On(First, 0)}}))(t)
		if _, err := collect(s); !errors.Is(err, errProbe) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil || p.closes == 0 {
			t.Errorf("%s: %v, %d closes", name, err, p.closes)
		}
	}
}

func TestDefinitions(t *testing.T) {
	sumInt := sqltypes.Column{Name: "sum(i)", Type: sqltypes.NewDecimal, Collation: 63, Length: 33, Flags: 128}
	sumD5 := sqltypes.Column{Name: "sum(d5)", Type: sqltypes.NewDecimal, Collation: 63, Length: 36, Decimals: 5, Flags: 128}
	long := sqltypes.Column{Name: "i", Type: sqltypes.Long, Collation: 63, Length: 11}
	given := sqltypes.Column{Name: "avg", Type: sqltypes.NewDecimal, Collation: 63, Length: 18, Decimals: 9, Flags: 128}
	cols := []sqltypes.Column{sumInt, sumD5, long, doubleCol(2)}
	distinct := func(a Agg) Agg { a.Distinct = []Key{Asc(2)}; return a }
	s := must(NewStreamAggregate(NewRows(cols, nil), AggregateSpec{DivPrecisionIncrement: 6, Output: []Agg{
		average(0, 2), average(1, 2), distinct(On(Sum, 2)), distinct(On(Avg, 2)), distinct(On(Count, 2)), average(3, 2),
		with(average(1, 2), func(a *Agg) { a.Result = &given }), On(BitOr, 2), On(Sum, 0),
	}}))(t)
	want := []sqltypes.Column{
		{Name: "sum(i)", Type: sqltypes.NewDecimal, Collation: 63, Length: 18, Decimals: 6, Flags: 128},
		{Name: "sum(d5)", Type: sqltypes.NewDecimal, Collation: 63, Length: 20, Decimals: 11, Flags: 128},
		{Name: "i", Type: sqltypes.NewDecimal, Collation: 63, Length: 33, Flags: 128},
		{Name: "i", Type: sqltypes.NewDecimal, Collation: 63, Length: 18, Decimals: 6, Flags: 128},
		{Name: "i", Type: sqltypes.LongLong, Collation: 63, Length: 21, Flags: 129},
		{Name: "f", Type: sqltypes.Double, Collation: 63, Length: 23, Decimals: 8},
		{Name: "avg", Type: sqltypes.NewDecimal, Collation: 63, Length: 20, Decimals: 11, Flags: 128},
		{Name: "i", Type: sqltypes.LongLong, Collation: 63, Length: 21, Flags: 161},
		sumInt,
	}
	if d := cmp.Diff(want, s.Columns()); d != "" {
		t.Error(d)
	}
}

// TestAggregateAgainstOneServer splits values over shards, aggregates each as a shard would, and compares with the
// aggregate of all.
func TestAggregateAgainstOneServer(t *testing.T) {
	cols := []sqltypes.Column{intCol("g"), intCol("count"), decimalCol(2), intCol("min"), doubleCol(31), doubleCol(31)}
	spec := AggregateSpec{Keys: []Key{Asc(0)}, Output: []Agg{On(First, 0), On(Count, 1), On(Sum, 2), On(Min, 3), spread(VarPop, 4, 1, 5), average(2, 1)}, DivPrecisionIncrement: 4}
	rapid.Check(t, func(t *rapid.T) {
		var in []RowStream
		all := map[int][]int64{}
		for range rapid.IntRange(1, 5).Draw(t, "shards") {
			shard := map[int][]int64{}
			for range rapid.IntRange(0, 20).Draw(t, "rows") {
				g, v := rapid.IntRange(0, 3).Draw(t, "g"), rapid.Int64Range(-100000, 100000).Draw(t, "v")
				shard[g], all[g] = append(shard[g], v), append(all[g], v)
			}
			var rs []sqltypes.Row
			for g := range 4 {
				if vs := shard[g]; len(vs) > 0 {
					n, sum, low, mean, v := summary(vs)
					rs = append(rs, row(strconv.Itoa(g), n, sum, low, fmt.Sprint(mean), fmt.Sprint(v)))
				}
			}
			in = append(in, newProbe(cols, rs))
		}
		m, err := NewMergeSort(in, []Key{Asc(0)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewStreamAggregate(m, spec)
		if err != nil {
			t.Fatal(err)
		}
		got := drain(t, s)
		for g := range 4 {
			vs := all[g]
			if len(vs) == 0 {
				continue
			}
			n, sum, low, _, v := summary(vs)
			cells := strings.Split(got[0], "|")
			got = got[1:]
			if want := []string{strconv.Itoa(g), n, sum, low}; !slices.Equal(want, cells[:4]) {
				t.Fatalf("%v, want %v", cells, want)
			}
			if f, _ := strconv.ParseFloat(cells[4], 64); math.Abs(f-v) > 1e-9*max(1, v) {
				t.Fatalf("variance %v, want %v", f, v)
			}
			rat, _ := new(big.Rat).SetString(sum)
			rat.Quo(rat, big.NewRat(int64(len(vs)), 1))
			if want := rat.FloatString(6); cells[5] != want && rat.Sign() != 0 && cells[5] != strings.TrimPrefix(want, "-") {
				t.Fatalf("average %s, want %s", cells[5], want)
			}
		}
		if len(got) != 0 {
			t.Fatalf("more groups: %v", got)
		}
	})
}

// summary returns what a shard sends for values of hundredths.
func summary(vs []int64) (n, sum, low string, mean, variance float64) {
	total, least := int64(0), vs[0]
	for _, v := range vs {
		total += v
		least = min(least, v)
	}
	mean = float64(total) / float64(len(vs))
	for _, v := range vs {
		variance += (float64(v) - mean) * (float64(v) - mean)
	}
	return strconv.Itoa(len(vs)), big.NewRat(total, 100).FloatString(2), strconv.FormatInt(least, 10), mean, variance / float64(len(vs))
}

func TestStreamAggregateDoesNotAllocatePerRow(t *testing.T) {
	cols := []sqltypes.Column{intCol("k"), textCol("s"), binaryCol("w")}
	spec := AggregateSpec{Keys: []Key{Asc(0)}, Output: []Agg{
		On(First, 0), On(Sum, 0), On(Count, 0), with(On(Max, 1), func(a *Agg) { a.Order = Key{Column: 1, Weight: 2} }),
	}}
	s := must(NewStreamAggregate(newEndless(cols, 1, 1<<40), spec))(t)
	step := func() {
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per row", n)
	}
}

func BenchmarkStreamAggregate(b *testing.B) {
	cols := []sqltypes.Column{intCol("k"), textCol("s"), binaryCol("w")}
	s, err := NewStreamAggregate(newEndless(cols, 1, 1<<60), AggregateSpec{
		Keys: []Key{Asc(0)}, Output: []Agg{On(First, 0), On(Sum, 0), average(0, 0)}, DivPrecisionIncrement: 4,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
