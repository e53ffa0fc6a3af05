package merge

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The texts are MariaDB 10.11's.
func TestAppendDouble(t *testing.T) {
	for _, tt := range []struct {
		f        float64
		decimals byte
		want     string
	}{
		{0, 31, "0"}, {math.Copysign(0, -1), 31, "0"}, {1.1, 31, "1.1"}, {-5, 31, "-5"},
		{1e14, 31, "100000000000000"}, {1e15, 31, "1e15"}, {1.23e15, 31, "1.23e15"}, {1234567890123456.8, 31, "1234567890123456.8"},
		{1.2345678901234567e16, 31, "1.2345678901234568e16"}, {1.2345678901234567e17, 31, "1.2345678901234566e17"},
		{123456789012345678, 31, "1.2345678901234568e17"}, {1.7976931348623157e308, 31, "1.7976931348623157e308"},
		{1e-5, 31, "0.00001"}, {1e-15, 31, "0.000000000000001"}, {1e-16, 31, "1e-16"}, {5e-324, 31, "5e-324"},
		{1.23456789012e-15, 31, "0.00000000000000123456789012"}, {1e-14 / 3, 31, "0.0000000000000033333333333333332"},
		{-1.2345678901234567e-5, 31, "-0.000012345678901234568"}, {0.30000000000000004, 31, "0.30000000000000004"}, {-2e0 / 3, 31, "-0.6666666666666666"},
		{math.Inf(1), 31, "0"}, {math.NaN(), 4, "0.0000"},
		{1.005, 2, "1.00"}, {0.125, 2, "0.12"}, {0.375, 2, "0.38"}, {-0.375, 2, "-0.38"}, {2.675, 2, "2.67"}, {0.75, 1, "0.8"}, {535, 0, "535"},
		{-1e-7, 6, "-0.000000"}, {0, 2, "0.00"}, {0.4714045207910317, 4, "0.4714"}, {0.4714045207910317, 30, "0.471404520791031700000000000000"},
		{8695878550221855000, 4, "8695878550221855000.0000"}, {18028808536579253e15, 4, "18028808536579253000000000000000.0000"},
		{3002399751580332, 4, "3002399751580332.0000"},
	} {
		if got := string(appendDouble(nil, tt.f, tt.decimals)); got != tt.want {
			t.Errorf("%g with %d decimals: %s, want %s", tt.f, tt.decimals, got, tt.want)
		}
	}
}

func TestDoubleReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Draw(t, "f")
		text := string(appendDouble([]byte("x"), f, 31))[1:]
		if back, err := strconv.ParseFloat(text, 64); err != nil || (back != f && !math.IsInf(f, 0)) {
			t.Fatalf("%g prints as %s", f, text)
		}
	})
}

func TestExactSum(t *testing.T) {
	for _, tt := range []struct {
		scale int
		terms []string
		want  string
	}{
		{0, []string{"1", "2"}, "3"},
		{0, []string{"9223372036854775807", "1"}, "9223372036854775808"},
		{0, []string{"-9223372036854775808", "-1"}, "-9223372036854775809"},
		{0, []string{"18446744073709551615", "1", "3"}, "18446744073709551619"},
		{0, []string{"18446744073709551615", "-18446744073709551615"}, "0"},
		{1, []string{"-0.5", "0.5"}, "0.0"},
		{0, slices.Repeat([]string{"999999999999999999"}, 20), "19999999999999999980"}, // past 64 bits in small steps
		{2, slices.Repeat([]string{"-9999999999999999.99"}, 20), "-199999999999999999.80"},
		{1, append(slices.Repeat([]string{"99999999999999999.9"}, 11), slices.Repeat([]string{"-99999999999999999.9"}, 12)...), "-99999999999999999.9"},
		{2, []string{"1", "2.5", "-0.01"}, "3.49"},
		{2, []string{"-0.01"}, "-0.01"},
		{3, []string{"-0.001", "0.0010"}, "0.0000"}, // the finest term decides
		{2, []string{"99999999999999999999.99", "0.01"}, "100000000000000000000.00"},
		{0, []string{"99999999999999999999999999999999999999999999999999999999999999999", "5"}, "100000000000000000000000000000000000000000000000000000000000000004"},
		{30, []string{"0.000000000000000000000000000001", "1"}, "1.000000000000000000000000000001"},
		{0, []string{"000000000000000000000000000042"}, "42"},
	} {
		var e exact
		e.reset(tt.scale)
		for _, s := range tt.terms {
			if !e.add([]byte(s)) {
				t.Errorf("%s is no number", s)
			}
		}
		if got := string(e.append(nil)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.terms, got, tt.want)
		}
	}
	for _, bad := range []string{"", "-", ".", "1e5", "1.2.3", "+1", " 1", "x"} {
		var e exact
		e.reset(2)
		if e.add([]byte(bad)) {
			t.Errorf("%q was added", bad)
		}
	}
}

func TestExactSumAgainstRat(t *testing.T) {
	number := rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{1,12})?`), rapid.StringMatching(`-?9{17,19}(\.99)?`), rapid.StringMatching(`-?[0-9]\.[0-9]{2}`))
	rapid.Check(t, func(t *rapid.T) {
		var e exact
		e.reset(0)
		want := new(big.Rat)
		for _, s := range rapid.SliceOf(number).Draw(t, "terms") {
			r, _ := new(big.Rat).SetString(s)
			want.Add(want, r)
			if !e.add([]byte(s)) {
				t.Fatalf("%s is no number", s)
			}
		}
		u := rapid.Uint64().Draw(t, "u")
		e.addUint(u)
		want.Add(want, new(big.Rat).SetInt(new(big.Int).SetUint64(u)))
		text := string(e.append(nil))
		if text != want.FloatString(e.scale) && strings.TrimPrefix(want.FloatString(e.scale), "-") != text {
			t.Fatalf("%s, want %s", text, want.FloatString(e.scale))
		}
	})
}

// The quotients are MariaDB 10.11's AVG.
func TestQuotient(t *testing.T) {
	usual, none := division{4, 38}, division{0, 38}
	for _, tt := range []struct {
		d     division
		sum   string
		scale int
		count uint64
		want  string
	}{
		{usual, "2", 0, 3, "0.6667"}, {usual, "2.00", 2, 3, "0.666667"},
		{usual, "2.00000", 5, 3, "0.666666666"},                      // cut, not rounded
		{usual, "-2.00000", 5, 3, "-0.666666666"},                    // likewise
		{usual, "-2.0000", 4, 3, "-0.66666667"},                      // rounded
		{usual, "2.000000000", 9, 3, "0.6666666666667"},              // rounded
		{usual, "-2.00000000000000", 14, 3, "-0.666666666666666666"}, // cut
		{usual, "-2", 23, 3, "-0.666666666666666666666666666"},       // cut
		{usual, "-2", 32, 3, "-0.666666666666666666666666666666666666"},
		{usual, "2", 30, 3, "0.6666666666666666666666666666666667"},
		{usual, "2", 38, 3, "0.66666666666666666666666666666666666667"},
		{division{4, 30}, "2", 30, 3, "0.666666666666666666666666666667"},
		{none, "-2.00000", 5, 3, "-0.66667"}, {none, "-2", 32, 3, "-0.66666666666666666666666666666667"},
		{division{5, 38}, "-2.00000", 5, 3, "-0.6666666667"}, {division{5, 38}, "-2", 4, 3, "-0.666666666"},
		{division{5, 38}, "-2", 23, 3, "-0.6666666666666666666666666667"},
		{division{30, 38}, "-2", 6, 3, "-0.666666666666666666666666666666666666"},
		{division{30, 38}, "-2", 5, 3, "-0.66666666666666666666666666666666667"},
		{division{30, 38}, "2", 0, 3, "0.666666666666666666666666666667"},
		{division{9, 38}, "2", 0, 3, "0.666666666"}, {division{9, 38}, "2.00", 2, 3, "0.66666666667"},
		{division{30, 38}, "2888888888888888888888888888888888888888888888888888888888890", 5, 7, "412698412698412698412698412698412698412698412698412698412698.571428571428571428"},
		{usual, "-1", 0, 30000, "0.0000"}, {usual, "-1", 0, 20000, "-0.0001"}, {usual, "-1", 0, 20002, "0.0000"},
		{usual, "18446744073709551619", 0, 3, "6148914691236517206.3333"},
		{usual, "1.0000", 4, 7, "0.14285714"}, {usual, "1.00001", 5, 2, "0.500005000"},
	} {
		var e exact
		e.reset(tt.scale)
		e.add([]byte(tt.sum))
		if got := string(tt.d.appendQuotient(nil, &e, tt.count, e.scale)); got != tt.want {
			t.Errorf("%s (scale %d) / %d, increment %d: %s, want %s", tt.sum, tt.scale, tt.count, tt.d.increment, got, tt.want)
		}
	}
}

// TestShortQuotient checks the quotients of small numbers against those of big ones.
func TestShortQuotient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := division{rapid.IntRange(0, 30).Draw(t, "increment"), rapid.SampledFrom([]int{30, 38}).Draw(t, "most")}
		var e exact
		e.reset(rapid.IntRange(0, 18).Draw(t, "scale"))
		e.low = rapid.Int64().Draw(t, "sum")
		count := rapid.Uint64Range(1, 1<<40).Draw(t, "count")
		short, ok := d.appendShort(nil, &e, count, e.scale)
		e.carry() // nothing is short any more, but zero
		if long := d.appendQuotient(nil, &e, count, e.scale); ok && string(short) != string(long) {
			t.Fatalf("%s, want %s", short, long)
		}
	})
}
