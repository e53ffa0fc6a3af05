package merge

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func encode(t interface {
	Helper()
	Fatalf(string, ...any)
}, cols []sqltypes.Column, keys []Key, r sqltypes.Row) []byte {
	t.Helper()
	set, err := compileKeys(cols, keys, ordering)
	if err != nil {
		t.Fatalf("compiling: %v", err)
	}
	b, err := set.append(nil, r)
	if err != nil {
		t.Fatalf("encoding %s: %v", show(r), err)
	}
	return b
}

// serverOrders are values of one column in the order in which MariaDB 10.11 returned them from ORDER BY; values that
// stand in one entry, separated by a space, are equal.
var serverOrders = []struct {
	name string
	col  sqltypes.Column
	asc  []string
}{
	{"int", typed(sqltypes.LongLong), []string{null, "-9223372036854775808", "-10", "-9", "-1", "0 -0 00", "1 01 0001", "9", "10", "9223372036854775807"}},
	{"unsigned", typed(sqltypes.LongLong), []string{null, "0", "9", "10", "9223372036854775808", "18446744073709551615"}},
	{"zerofill", typed(sqltypes.Long), []string{"000000", "000007", "000042", "1234567"}},
	{"year", typed(sqltypes.Year), []string{null, "0000", "1901", "1999", "2000", "2155"}},
	{"bit text", sqltypes.Column{Type: sqltypes.Bit, Collation: 63, Flags: sqltypes.FlagBinary}, []string{null, "0", "1", "255", "256", "1048575"}},
	{"decimal", decimalCol(3), []string{
		null, "-99999999999999999999999999999999999999999999999999999999999999999", "-10.000", "-9.999", "-0.500", "-0.050", "-0.001",
		"0.000 -0.000 0", "0.001 .001", "0.010", "0.011", "0.100 0.1", "0.101", "0.999", "1.000 1 001.0 1e0", "9.999", "10.000 10", "10.001", "11", "100.5 1.005e2", "101",
		"12345678901234567890123456789012345.123", "99999999999999999999999999999999999999999999999999999999999999999",
	}},
	{"double", doubleCol(31), []string{null, "-1.7976931348623157e308", "-1e300", "-5", "-1e-300", "0 -0", "5e-324", "1e-16", "0.00001 1e-5", "5", "9", "10", "1e15", "1e300"}},
	{"date", typed(sqltypes.Date), []string{null, "0000-00-00", "0001-01-01", "1970-01-01", "2000-00-00", "2000-01-00", "2000-01-01", "9999-12-31"}},
	{"datetime", typed(sqltypes.Datetime), []string{
		null, "0000-00-00 00:00:00.00", "1000-01-01 00:00:00", "2000-00-00 01:02:03.40", "2000-01-01 00:00:00",
		"2000-01-01 00:00:00.000001", "2000-01-01 00:00:00.5", "2000-01-01 00:00:00.51", "2000-01-01 00:00:01", "9999-12-31 23:59:59.999999",
	}},
	{"time", typed(sqltypes.Time), []string{
		null, "-838:59:59.000", "-100:00:00", "-99:59:59.999", "-00:00:01.000", "-00:00:00.500 -00:00:00.5", "-00:00:00.000001", "00:00:00.000 00:00:00 -00:00:00",
		"00:00:00.1", "99:59:59.999", "100:00:00.000", "838:59:59.999999",
	}},
	{"binary", binaryCol("b"), []string{null, "", "A", "a", "a\x00", "a ", "aaaaaaaa", "aaaaaaaa\x00", "aaaaaaaab", "aaaaaaaabbbbbbbb", "aaaaaaab", "\xff", "\xff\x00"}},
}

func TestServerOrders(t *testing.T) {
	for _, tt := range serverOrders {
		t.Run(tt.name, func(t *testing.T) {
			cols := []sqltypes.Column{tt.col}
			var asc, desc [][]byte
			for _, entry := range tt.asc {
				values := []string{entry}
				if c := tt.col.Type; c != sqltypes.Datetime && c != sqltypes.VarString && entry != null {
					values = strings.Fields(entry)
				}
				var first []byte
				for i, v := range values {
					up := encode(t, cols, []Key{Asc(0)}, row(v))
					if i == 0 {
						first = up
						asc = append(asc, up)
						desc = append(desc, encode(t, cols, []Key{Desc(0)}, row(v)))
					}
					if !bytes.Equal(up, first) {
						t.Errorf("%q and %q encode as %x and %x", values[0], v, first, up)
					}
				}
			}
			slices.Reverse(desc)
			for i := 1; i < len(asc); i++ {
				if bytes.Compare(asc[i-1], asc[i]) >= 0 {
					t.Errorf("%q does not sort before %q", tt.asc[i-1], tt.asc[i])
				}
				if bytes.Compare(desc[i-1], desc[i]) >= 0 {
					t.Errorf("descending: entry %d of %q", i, tt.asc)
				}
			}
		})
	}
}

func TestDatetimeForms(t *testing.T) {
	cols := []sqltypes.Column{typed(sqltypes.Timestamp)}
	same := []string{"2000-01-01 00:00:00", "2000-01-01T00:00:00", "2000-01-01 00:00:00.0", "2000-01-01 00:00:00.000000", "2000-01-01"}
	for _, s := range same[1:] {
		if !bytes.Equal(encode(t, cols, []Key{Asc(0)}, row(same[0])), encode(t, cols, []Key{Asc(0)}, row(s))) {
			t.Errorf("%q is not %q", s, same[0])
		}
	}
}

func TestBitOrder(t *testing.T) {
	cols := []sqltypes.Column{typed(sqltypes.Bit)}
	values := []string{"\x00\x00\x00", "\x00\x00\x01", "\x00\x00\xff", "\x00\x01\x00", "\x0f\xff\xff"}
	for i := 1; i < len(values); i++ {
		if bytes.Compare(encode(t, cols, []Key{Asc(0)}, row(values[i-1])), encode(t, cols, []Key{Asc(0)}, row(values[i]))) >= 0 {
			t.Errorf("%x does not sort before %x", values[i-1], values[i])
		}
	}
}

func TestKeysOfSeveralColumns(t *testing.T) {
	cols := []sqltypes.Column{binaryCol("a"), intCol("b")}
	keys := []Key{Asc(0), Desc(1)}
	sorted := []sqltypes.Row{row(null, "5"), row("", "9"), row("", null), row("a", "2"), row("a", "1"), row("a\x00", "7"), row("ab", "3")}
	for i := 1; i < len(sorted); i++ {
		if bytes.Compare(encode(t, cols, keys, sorted[i-1]), encode(t, cols, keys, sorted[i])) >= 0 {
			t.Errorf("%s does not sort before %s", show(sorted[i-1]), show(sorted[i]))
		}
	}
}

func TestWeights(t *testing.T) {
	cols := []sqltypes.Column{textCol("name"), binaryCol("w"), intCol("n")}
	byWeight := []Key{{Column: 0, Weight: 1, Pad: []byte{0, 0x20}}}
	a, aSpace := row("a", "\x00A", "1"), row("a ", "\x00A\x00 ", "1")
	if !bytes.Equal(encode(t, cols, byWeight, a), encode(t, cols, byWeight, aSpace)) {
		t.Error("'a' and 'a ' differ under PAD SPACE")
	}
	tab := row("a\t", "\x00A\x00\x09", "1")
	if bytes.Compare(encode(t, cols, byWeight, tab), encode(t, cols, byWeight, a)) >= 0 {
		t.Error("'a\\t' does not sort before 'a' under PAD SPACE")
	}
	plain := []Key{{Column: 0, Weight: 1}}
	if bytes.Compare(encode(t, cols, plain, a), encode(t, cols, plain, aSpace)) >= 0 {
		t.Error("'a' does not sort before 'a ' under NO PAD")
	}
	number := []Key{{Column: 0, Weight: 2}} // ENUM by its number
	if bytes.Compare(encode(t, cols, number, row("b", "", "9")), encode(t, cols, number, row("a", "", "10"))) >= 0 {
		t.Error("9 does not sort before 10")
	}
}

func TestKeysRefused(t *testing.T) {
	enum := sqltypes.Column{Name: "e", Type: sqltypes.String, Collation: 45, Flags: sqltypes.FlagEnum}
	binaryEnum := sqltypes.Column{Name: "e", Type: sqltypes.String, Collation: 63, Flags: sqltypes.FlagSet}
	uuid := sqltypes.Column{Name: "u", Type: sqltypes.String, Collation: 63, Extended: []byte("\x00\x04uuid")}
	cols := []sqltypes.Column{
		textCol("name"), binaryCol("w"), enum, binaryEnum, uuid, typed(sqltypes.JSON), typed(sqltypes.Float), intCol("n"),
	}
	for name, k := range map[string]Key{
		"text":           Asc(0),
		"weight is text": {Column: 1, Weight: 0},
		"enum":           Asc(2), "set": Asc(3), "uuid": Asc(4), "json": Asc(5), "float": Asc(6),
		"no such column": Asc(8), "negative": Asc(-1), "no such weight": {Column: 0, Weight: 8},
		"pad without weight": {Column: 1, Weight: -1, Pad: []byte{0x20}},
		"pad of a number":    {Column: 0, Weight: 7, Pad: []byte{0x20}},
		"pad of nothing":     {Column: 0, Weight: 1, Pad: []byte{}},
		"pad of two levels":  {Column: 0, Weight: 1, Pad: []byte{0x02, 0x09, 0, 0, 0, 0x20}},
	} {
		if _, err := compileKeys(cols, []Key{k}, ordering); sqlerr.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUUIDsAreOnlyEqual(t *testing.T) {
	cols := []sqltypes.Column{{Name: "u", Type: sqltypes.String, Collation: 45, Extended: []byte("\x00\x04uuid")}}
	const a, b = "11111111-1111-1111-1111-111111111111", "22222222-1111-1111-1111-111111111111"
	in := func() RowStream { return newProbe(cols, rows(b, a, b)) }
	d := must(NewHashDistinct(in(), []Key{Asc(0)}, nil))(t)
	if got := drain(t, d); !slices.Equal(got, []string{b, a}) {
		t.Errorf("distinct: %v", got)
	}
	together := must(newSort(in(), []Key{Asc(0)}, equality, SortOptions{}))(t)
	s := must(NewStreamAggregate(together, AggregateSpec{Keys: []Key{Asc(0)}, Output: []Agg{On(First, 0)}}))(t)
	if got := drain(t, s); !slices.Equal(got, []string{a, b}) {
		t.Errorf("groups: %v", got)
	}
	for name, err := range map[string]error{
		"sort":       failure(NewSort(in(), []Key{Asc(0)}, SortOptions{})),
		"merge-sort": failure(NewMergeSort([]RowStream{in()}, []Key{Asc(0)})),
	} {
		if sqlerr.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failure is the error of a constructor that must fail.
func failure[T any](_ T, err error) error { return err }

func TestValuesRefused(t *testing.T) {
	text := []sqltypes.Column{textCol("name"), binaryCol("w")}
	for name, tt := range map[string]struct {
		cols []sqltypes.Column
		key  Key
		row  sqltypes.Row
	}{
		"weight is NULL":        {text, Key{Column: 0, Weight: 1}, row("x", null)},
		"weight of half a unit": {text, Key{Column: 0, Weight: 1, Pad: []byte{0, 0x20}}, row("x", "\x00A\x00")},
		"int":                   {[]sqltypes.Column{typed(sqltypes.Long)}, Asc(0), row("1x")},
		"int is empty":          {[]sqltypes.Column{typed(sqltypes.Long)}, Asc(0), row("")},
		"int beyond 64 bits":    {[]sqltypes.Column{typed(sqltypes.LongLong)}, Asc(0), row("18446744073709551616")},
		"bit beyond 64 bits":    {[]sqltypes.Column{typed(sqltypes.Bit)}, Asc(0), row("123456789")},
		"decimal":               {[]sqltypes.Column{decimalCol(2)}, Asc(0), row("1.2.3")},
		"decimal is a point":    {[]sqltypes.Column{decimalCol(2)}, Asc(0), row("-.")},
		"decimal is NaN":        {[]sqltypes.Column{decimalCol(2)}, Asc(0), row("NaN")},
		"double":                {[]sqltypes.Column{doubleCol(31)}, Asc(0), row("nan")},
		"date":                  {[]sqltypes.Column{typed(sqltypes.Date)}, Asc(0), row("2000/01/01")},
		"datetime":              {[]sqltypes.Column{typed(sqltypes.Datetime)}, Asc(0), row("2000-01-01 1")},
		"time":                  {[]sqltypes.Column{typed(sqltypes.Time)}, Asc(0), row("12:3")},
		"time's fraction":       {[]sqltypes.Column{typed(sqltypes.Time)}, Asc(0), row("12:30:00.1234567")},
	} {
		set, err := compileKeys(tt.cols, []Key{tt.key}, ordering)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := set.append(nil, tt.row); sqlerr.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// sameOrder checks that two encodings compare as want does.
func sameOrder(t *rapid.T, col sqltypes.Column, a, b string, want int) {
	t.Helper()
	cols := []sqltypes.Column{col}
	ka, kb := encode(t, cols, []Key{Asc(0)}, row(a)), encode(t, cols, []Key{Asc(0)}, row(b))
	if got := bytes.Compare(ka, kb); got != want {
		t.Fatalf("%q against %q: %d, want %d", a, b, got, want)
	}
}

func TestOrderProperties(t *testing.T) {
	decimal := rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{1,30})?`)
	t.Run("decimal", rapid.MakeCheck(func(t *rapid.T) {
		a, b := decimal.Draw(t, "a"), decimal.Draw(t, "b")
		da, _, _ := apd.NewFromString(a)
		db, _, _ := apd.NewFromString(b)
		sameOrder(t, decimalCol(30), a, b, da.Cmp(db))
	}))
	near := rapid.StringMatching(`-?[01]{1,3}(\.[01]{1,3})?`)
	t.Run("close decimals", rapid.MakeCheck(func(t *rapid.T) {
		a, b := near.Draw(t, "a"), near.Draw(t, "b")
		da, _, _ := apd.NewFromString(a)
		db, _, _ := apd.NewFromString(b)
		sameOrder(t, decimalCol(3), a, b, da.Cmp(db))
	}))
	t.Run("int", rapid.MakeCheck(func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		sameOrder(t, typed(sqltypes.LongLong), strconv.FormatInt(a, 10), strconv.FormatInt(b, 10), compare(a, b))
	}))
	t.Run("unsigned", rapid.MakeCheck(func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		sameOrder(t, typed(sqltypes.LongLong), strconv.FormatUint(a, 10), strconv.FormatUint(b, 10), compare(a, b))
	}))
	t.Run("double", rapid.MakeCheck(func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if math.IsInf(a, 0) || math.IsInf(b, 0) {
			t.Skip("no column holds it")
		}
		sameOrder(t, doubleCol(31), strconv.FormatFloat(a, 'g', -1, 64), strconv.FormatFloat(b, 'g', -1, 64), compare(a, b))
	}))
	short := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xff, 'a'}), 0, 20)
	t.Run("binary", rapid.MakeCheck(func(t *rapid.T) {
		a, b := short.Draw(t, "a"), short.Draw(t, "b")
		sameOrder(t, binaryCol("b"), string(a), string(b), bytes.Compare(a, b))
	}))
}

func compare[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestPaddedOrder(t *testing.T) {
	for _, pad := range []string{" ", "\x00 ", "\x02\x09", "\x00\x00 ", "\x00\x00\x00 "} {
		t.Run(strconv.Quote(pad), rapid.MakeCheck(func(t *rapid.T) {
			unit := rapid.SampledFrom([]string{pad, pad, strings.Repeat("\x00", len(pad)), strings.Repeat("\x01", len(pad)), strings.Repeat("a", len(pad))})
			a := strings.Join(rapid.SliceOfN(unit, 0, 24).Draw(t, "a"), "")
			b := strings.Join(rapid.SliceOfN(unit, 0, 24).Draw(t, "b"), "")
			longA, longB := a, b
			for len(longA) < len(longB) {
				longA += pad
			}
			for len(longB) < len(longA) {
				longB += pad
			}
			cols := []sqltypes.Column{textCol("s"), binaryCol("w"), intCol("n")}
			keys := []Key{{Column: 0, Weight: 1, Pad: []byte(pad)}, Asc(2)} // the second key must not bleed into the first
			ka, kb := encode(t, cols, keys, row("", a, "9")), encode(t, cols, keys, row("", b, "9"))
			if got, want := bytes.Compare(ka, kb), strings.Compare(longA, longB); got != want {
				t.Fatalf("%q against %q: %d, want %d", a, b, got, want)
			}
		}))
	}
}

func FuzzEncode(f *testing.F) {
	for _, o := range serverOrders {
		for _, v := range o.asc {
			f.Add([]byte(v))
		}
	}
	types := []sqltypes.Type{
		sqltypes.LongLong, sqltypes.Bit, sqltypes.NewDecimal, sqltypes.Double, sqltypes.Datetime, sqltypes.Time, sqltypes.VarString,
	}
	f.Fuzz(func(t *testing.T, cell []byte) {
		for _, typ := range types {
			set, err := compileKeys([]sqltypes.Column{typed(typ)}, []Key{Desc(0)}, ordering)
			if err != nil {
				t.Fatal(err)
			}
			a, err := set.append(nil, sqltypes.Row{cell})
			if err != nil {
				continue
			}
			b, err := set.append([]byte("before"), sqltypes.Row{cell})
			if err != nil || !bytes.Equal(a, b[len("before"):]) {
				t.Fatalf("type %d: %x, then %x, %v", typ, a, b, err)
			}
		}
		if out, ok := encodePadded(nil, cell, []byte(" ")); !ok || len(out) == 0 {
			t.Fatalf("padded: %x", out)
		}
	})
}

func TestNulAtTheEnd(t *testing.T) {
	cols := []sqltypes.Column{{Name: "c", Type: sqltypes.VarString, Collation: 1032}, {Type: sqltypes.VarString, Collation: sqltypes.CollationBinary}}
	set, err := compileKeys(cols, []Key{{Column: 0, Weight: 1, Nul: 2}}, ordering)
	if err != nil {
		t.Fatal(err)
	}
	for weights, refused := range map[string]bool{"": false, "\x00A": false, "A\x00": false, "\x00A\x00\x00": true, "\x00\x00\x00A": false} {
		_, err := set.append(nil, sqltypes.Row{[]byte("x"), []byte(weights)})
		if e := sqlerr.As(err); (e != nil && e.Code == sqlerr.CodeNotSupportedYet) != refused {
			t.Errorf("%q: %v", weights, err)
		}
	}
}
