package wire

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func column(t sqltypes.Type, flags uint16, length uint32, decimals byte) sqltypes.Column {
	return sqltypes.Column{Type: t, Flags: flags, Length: length, Decimals: decimals}
}

// The values of the protocol's page "Binary Protocol Value" and what MariaDB 10.11 sent, beside its text.
func TestBinaryCells(t *testing.T) {
	const u, z = sqltypes.FlagUnsigned, sqltypes.FlagUnsigned | sqltypes.FlagZerofill
	for _, c := range []struct {
		col  sqltypes.Column
		wire string
		text string
	}{
		{column(sqltypes.Tiny, 0, 4, 0), "80", "-128"},
		{column(sqltypes.Tiny, u, 3, 0), "80", "128"},
		{column(sqltypes.Tiny, z, 3, 0), "05", "005"},
		{column(sqltypes.Short, 0, 6, 0), "fdff", "-3"},
		{column(sqltypes.Short, u, 5, 0), "ffff", "65535"},
		{column(sqltypes.Int24, 0, 9, 0), "000080ff", "-8388608"},
		{column(sqltypes.Int24, z, 8, 0), "4d000000", "00000077"},
		{column(sqltypes.Long, 0, 11, 0), "00000080", "-2147483648"},
		{column(sqltypes.Long, z, 3, 0), "07000000", "007"},
		{column(sqltypes.Long, z, 3, 0), "d2040000", "1234"},
		{column(sqltypes.LongLong, 0, 20, 0), "0000000000000080", "-9223372036854775808"},
		{column(sqltypes.LongLong, u, 20, 0), "ffffffffffffffff", "18446744073709551615"},
		{column(sqltypes.Year, z, 4, 0), "cf07", "1999"},
		{column(sqltypes.Year, z, 4, 0), "0000", "0000"},
		{column(sqltypes.Double, 0, 22, 31), "6666666666662440", "10.2"},
		{column(sqltypes.Double, 0, 22, 31), "0000000000000080", "-0"},
		{column(sqltypes.Double, 0, 15, 3), "6e861bf0f9210940", "3.14159"},
		{column(sqltypes.Double, 0, 15, 3), "000000000000f83f", "1.500"},
		{column(sqltypes.Double, z, 22, 31), "000000000000f83f", "00000000000000000001.5"},
		{column(sqltypes.Float, 0, 12, 31), "33332341", "10.2"},
		{column(sqltypes.Float, 0, 7, 2), "0000a03f", "1.25"},
		{column(sqltypes.Date, 0, 10, 0), "04 da070a11", "2010-10-17"},
		{column(sqltypes.Date, 0, 10, 0), "00", "0000-00-00"},
		{column(sqltypes.Datetime, 0, 19, 0), "07 da070a11131b1e", "2010-10-17 19:27:30"},
		{column(sqltypes.Datetime, 0, 26, 6), "0b da070a11131b1e01000000", "2010-10-17 19:27:30.000001"},
		{column(sqltypes.Datetime, 0, 19, 0), "0b da070a11131b1e01000000", "2010-10-17 19:27:30.000001"},
		{column(sqltypes.Datetime, 0, 23, 3), "07 da070a11131b1e", "2010-10-17 19:27:30.000"},
		{column(sqltypes.Datetime, 0, 26, 6), "00", "0000-00-00 00:00:00.000000"},
		{column(sqltypes.Timestamp, 0, 19, 0), "04 da070a11", "2010-10-17 00:00:00"},
		{column(sqltypes.Time, 0, 10, 0), "08 01 78000000 131b1e", "-2899:27:30"},
		{column(sqltypes.Time, 0, 17, 6), "0c 01 78000000 131b1e 01000000", "-2899:27:30.000001"},
		{column(sqltypes.Time, 0, 10, 0), "00", "00:00:00"},
		{column(sqltypes.Time, 0, 13, 2), "0c 01 00000000 000000 10270000", "-00:00:00.01"},
		{column(sqltypes.NewDecimal, 0, 22, 5), "0c 2d31323334352e3637383030", "-12345.67800"},
		{column(sqltypes.Bit, u, 13, 0), "02 1555", "\x15\x55"},
		{column(sqltypes.JSON, 0, 0, 0), "02 7b7d", "{}"},
		{column(sqltypes.Blob, 0, 0, 0), "00", ""},
		{column(sqltypes.Geometry, 0, 0, 0), "01 00", "\x00"},
		{column(0xf2, 0, 0, 0), "04 0000803f", "\x00\x00\x80\x3f"}, // VECTOR
	} {
		cols := []sqltypes.Column{c.col}
		p := unhex("00 00" + c.wire)
		row := make(sqltypes.Row, 1)
		if _, err := ParseBinaryRow(p, cols, row, nil); err != nil || string(row[0]) != c.text || row[0] == nil {
			t.Errorf("%#x %s: %q, %v; want %q", byte(c.col.Type), c.wire, row[0], err, c.text)
		}
		if back, err := AppendBinaryRow(nil, cols, sqltypes.Row{[]byte(c.text)}); err != nil || string(back) != string(p) {
			t.Errorf("%#x %q: % x, %v; want % x", byte(c.col.Type), c.text, back, err, p)
		}
	}
}

// The text that MariaDB 10.11 gives for the same numbers.
func TestFloatNotation(t *testing.T) {
	for v, want := range map[float64]string{
		1e15: "1e15", 1e14: "100000000000000", 1e-15: "0.000000000000001", 1e-16: "1e-16", 1.25e-16: "1.25e-16", 1.5e-15: "0.0000000000000015",
		1e-5: "0.00001", 123456789.125: "123456789.125", 999999999999999: "999999999999999", 1.5e15: "1.5e15", 1e100: "1e100",
		-12345678901234567890: "-1.2345678901234567e19", math.MaxFloat64: "1.7976931348623157e308", 5e-324: "5e-324", 0: "0",
		0.000000000012345: "0.000000000012345", 123456789012345678: "1.2345678901234568e17",
	} {
		if got := string(appendFloat(nil, v, 64, notFixed)); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}

func TestBadBinaryRows(t *testing.T) {
	for name, c := range map[string]struct {
		col  sqltypes.Column
		wire string
	}{
		"header":            {column(sqltypes.Tiny, 0, 4, 0), "01 00 05"},
		"no bitmap":         {column(sqltypes.Tiny, 0, 4, 0), "00"},
		"cut":               {column(sqltypes.Long, 0, 4, 0), "00 00 0500"},
		"too long":          {column(sqltypes.Tiny, 0, 4, 0), "00 00 05 05"},
		"length of a date":  {column(sqltypes.Date, 0, 4, 0), "00 00 05 0102030405"},
		"length of a time":  {column(sqltypes.Time, 0, 4, 0), "00 00 04 01020304"},
		"microseconds":      {column(sqltypes.Time, 0, 4, 0), "00 00 0c 00 00000000 000000 40420f00"},
		"NULL with a value": {column(sqltypes.Null, 0, 4, 0), "00 00"},
		"string":            {column(sqltypes.VarString, 0, 4, 0), "00 00 fe ffffffffffffffff 61"},
	} {
		_, err := ParseBinaryRow(unhex(c.wire), []sqltypes.Column{c.col}, make(sqltypes.Row, 1), nil)
		if errCode(err) != sqlerr.CodeMalformedPacket {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, typ := range map[string]sqltypes.Type{
		"128": sqltypes.Tiny, "-129": sqltypes.Tiny, "": sqltypes.Long, "1.5": sqltypes.LongLong, "9223372036854775808": sqltypes.LongLong,
		"99999999999999999999": sqltypes.LongLong, "x": sqltypes.Double, "2020": sqltypes.Date, "2020-01-01 1": sqltypes.Datetime,
		"12:00": sqltypes.Time, "12:00:00.": sqltypes.Time, "12:00:00.1234567": sqltypes.Time, "2020-01-01 10:00:00x": sqltypes.Datetime, "n": sqltypes.Null,
	} {
		if b, err := AppendBinaryRow(nil, []sqltypes.Column{{Type: typ}}, sqltypes.Row{[]byte(text)}); err == nil {
			t.Errorf("%q as %#x: % x", text, byte(typ), b)
		}
	}
}

func TestNullBitmap(t *testing.T) {
	cols := make([]sqltypes.Column, 17)
	want := make(sqltypes.Row, 17)
	for i := range cols {
		cols[i].Type = sqltypes.VarString
		if i%3 == 0 {
			want[i] = []byte{byte('a' + i)}
		}
	}
	p, err := AppendBinaryRow(nil, cols, want)
	if err != nil {
		t.Fatal(err)
	}
	got := make(sqltypes.Row, 17)
	if _, err := ParseBinaryRow(p, cols, got, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func drawColumn(t *rapid.T) sqltypes.Column {
	types := []sqltypes.Type{
		sqltypes.Decimal, sqltypes.Tiny, sqltypes.Short, sqltypes.Long, sqltypes.Float, sqltypes.Double, sqltypes.Timestamp,
		sqltypes.LongLong, sqltypes.Int24, sqltypes.Date, sqltypes.Time, sqltypes.Datetime, sqltypes.Year, sqltypes.Varchar,
		sqltypes.Bit, sqltypes.JSON, sqltypes.NewDecimal, sqltypes.Enum, sqltypes.Set, sqltypes.Blob, sqltypes.VarString,
		sqltypes.String, sqltypes.Geometry,
	}
	c := column(rapid.SampledFrom(types).Draw(t, "type"), 0, rapid.Uint32Range(0, 30).Draw(t, "length"),
		rapid.SampledFrom([]byte{0, 1, 3, 6, 31, 39}).Draw(t, "decimals"))
	c.Flags = rapid.SampledFrom([]uint16{0, sqltypes.FlagUnsigned, sqltypes.FlagUnsigned | sqltypes.FlagZerofill}).Draw(t, "flags")
	return c
}

// Whatever a server sends comes back byte for byte, or, where a value has longer forms, means the same.
func TestBinaryRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		col := drawColumn(t)
		cols := []sqltypes.Column{col}
		first := append([]byte{0, 0}, drawBinaryValue(t, col.Type)...)
		row := make(sqltypes.Row, 1)
		if _, err := ParseBinaryRow(first, cols, row, nil); err != nil {
			t.Fatalf("% x: %v", first, err)
		}
		second, err := AppendBinaryRow(nil, cols, row)
		if err != nil {
			t.Fatal(err)
		}
		if !col.Type.IsTemporal() && string(first) != string(second) {
			t.Fatalf("% x → %q → % x", first, row[0], second)
		}
		again := make(sqltypes.Row, 1)
		if _, err := ParseBinaryRow(second, cols, again, nil); err != nil || string(again[0]) != string(row[0]) {
			t.Fatalf("% x → %q → % x → %q, %v", first, row[0], second, again[0], err)
		}
	})
}

func drawBinaryValue(t *rapid.T, typ sqltypes.Type) []byte {
	bytes := func(n int) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes") }
	switch {
	case typ.IsInteger():
		return bytes(intWidth(typ))
	case typ == sqltypes.Float:
		return appendU32(nil, math.Float32bits(rapid.Float32().Draw(t, "float")))
	case typ == sqltypes.Double:
		return appendU64(nil, math.Float64bits(rapid.Float64().Draw(t, "double")))
	case typ == sqltypes.Time:
		m := moment{negative: rapid.Bool().Draw(t, "neg"), hours: rapid.Uint64Range(0, maxHours).Draw(t, "h")}
		drawClock(t, &m)
		return m.appendBinaryTime(nil)
	case typ.IsTemporal():
		m := moment{
			year: rapid.Uint64Range(0, 9999).Draw(t, "y"), month: rapid.Uint64Range(0, 12).Draw(t, "mon"),
			day: rapid.Uint64Range(0, 31).Draw(t, "d"), hours: rapid.Uint64Range(0, 23).Draw(t, "h"),
		}
		drawClock(t, &m)
		return m.appendBinaryDatetime(nil)
	}
	return AppendLenencString(nil, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "string"))
}

func drawClock(t *rapid.T, m *moment) {
	m.minutes, m.seconds = rapid.Uint64Range(0, 59).Draw(t, "min"), rapid.Uint64Range(0, 59).Draw(t, "sec")
	m.micros = rapid.SampledFrom([]uint64{0, 1, 500_000, 123_456, 120_000, 999_999}).Draw(t, "micros")
}

func TestTextRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := sqltypes.Row(rapid.SliceOfN(rapid.OneOf(
			rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 1, 300), rapid.Just([]byte{}),
		), 0, 10).Draw(t, "row"))
		p := AppendTextRow(nil, want)
		got := make(sqltypes.Row, len(want))
		if err := ParseTextRow(p, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestBadTextRows(t *testing.T) {
	for _, in := range []string{"", "01", "0161", "0161 0162 0163", "ff", "fe ffffffffffffff7f 61 0161", "fc ff"} {
		if err := ParseTextRow(unhex(in), make(sqltypes.Row, 2)); errCode(err) != sqlerr.CodeMalformedPacket {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	cols := []sqltypes.Column{column(sqltypes.Long, 0, 11, 0), column(sqltypes.Datetime, 0, 26, 6), column(sqltypes.Double, 0, 22, 31), column(sqltypes.VarString, 0, 0, 0)}
	want := sqltypes.Row{[]byte("12345"), []byte("2020-02-29 10:11:12.120000"), []byte("1.5e20"), []byte("hello")}
	p, err := AppendBinaryRow(nil, cols, want)
	if err != nil {
		t.Fatal(err)
	}
	row, scratch, out := make(sqltypes.Row, 4), make([]byte, 0, 100), make([]byte, 0, 200)
	text := AppendTextRow(nil, want)
	if n := testing.AllocsPerRun(100, func() {
		if scratch, err = ParseBinaryRow(p, cols, row, scratch[:0]); err != nil {
			t.Fatal(err)
		}
		if out, err = AppendBinaryRow(out[:0], cols, row); err != nil {
			t.Fatal(err)
		}
		if err = ParseTextRow(text, row); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if string(out) != string(p) {
		t.Errorf("% x", out)
	}
}
