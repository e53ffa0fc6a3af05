package sharding_test

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/sharding"
)

//go:embed testdata/conversions.tsv
var conversionsTSV string

var literalKinds = map[string]sqltypes.Kind{
	"decimal": sqltypes.KindDecimal, "double": sqltypes.KindDouble, "string": sqltypes.KindString, "binary": sqltypes.KindBinary,
	"date": sqltypes.KindDate, "datetime": sqltypes.KindDatetime, "time": sqltypes.KindTime,
}

// hexText reads "x61" as "a"; false for "-" and for an error number.
func hexText(t *testing.T, s string) ([]byte, bool) {
	t.Helper()
	rest, ok := strings.CutPrefix(s, "x")
	if !ok {
		return nil, false
	}
	b, err := hex.DecodeString(rest)
	if err != nil {
		t.Fatalf("golden: %q", s)
	}
	return b, true
}

func literal(t *testing.T, kind, text string) sqltypes.Value {
	t.Helper()
	b, _ := hexText(t, text)
	switch kind {
	case "int":
		i, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return sqltypes.IntValue(i)
	case "uint":
		u, err := strconv.ParseUint(string(b), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return sqltypes.UintValue(u)
	}
	return sqltypes.Value{Kind: literalKinds[kind], Bytes: b}
}

// keyOf is the key of a value as the server holds it; false where no key can be told even of the clean text.
func keyOf(t *testing.T, k sharding.Keyer, typ sharding.KeyType, text []byte) (sharding.Key, bool) {
	t.Helper()
	key, err := k.ForStore(t.Context(), stored(goldenRow{text: text}, typ), typ)
	return key, err == nil
}

func conversions() [][]string {
	var rows [][]string
	for _, line := range strings.Split(strings.TrimRight(conversionsTSV, "\n"), "\n") {
		rows = append(rows, strings.Split(line, "\t"))
	}
	return rows
}

var conversionKeyer = sharding.Keyer{Charset: "utf8mb4", Zone: time.UTC}

func TestForCompareAgreesWithTheServer(t *testing.T) {
	exact := conversionKeyer
	exact.ExactText = true
	for name, k := range map[string]sharding.Keyer{"plain": conversionKeyer, "exact text": exact} {
		t.Run(name, func(t *testing.T) { compareAgrees(t, k) })
	}
}

func compareAgrees(t *testing.T, k sharding.Keyer) {
	verdicts := map[sharding.Verdict]int{}
	for _, f := range conversions() {
		if f[0] != "compare" {
			continue
		}
		typ := sharding.ParseKeyType(f[1], f[2], false)
		v := literal(t, f[3], f[4])
		key, verdict := k.ForCompare(t.Context(), v, typ)
		verdicts[verdict]++
		if f[5] == "-" || verdict == sharding.Unknown {
			continue
		}
		for _, m := range strings.Split(f[5], ",") {
			text, ok := hexText(t, m)
			if !ok {
				continue // the server refuses the comparison: it will say so from whatever node
			}
			held, told := keyOf(t, k, typ, text)
			switch {
			case !told:
				t.Errorf("%s %s = %s %q: verdict %v, yet it finds %q, whose key cannot be told", f[1], f[2], f[3], v.AppendText(nil), verdict, text)
			case verdict == sharding.None:
				t.Errorf("%s %s = %s %q: verdict None, yet the server finds %q", f[1], f[2], f[3], v.AppendText(nil), text)
			case !held.Equal(key):
				t.Errorf("%s %s = %s %q: key %q, yet the server finds %q with key %q", f[1], f[2], f[3], v.AppendText(nil), key.Canon, text, held.Canon)
			}
		}
	}
	if verdicts[sharding.Exact] < 800 || verdicts[sharding.None] < 300 {
		t.Errorf("verdicts %v: too few comparisons are routed", verdicts)
	}
}

func TestForStoreAgreesWithTheServer(t *testing.T) {
	told, untold := 0, 0
	for _, f := range conversions() {
		if f[0] != "store" {
			continue
		}
		typ := sharding.ParseKeyType(f[1], f[2], false)
		v := literal(t, f[3], f[4])
		key, err := conversionKeyer.ForStore(t.Context(), v, typ)
		var se *sharding.StoreError
		if errors.As(err, &se) {
			untold++
			if _, accepted := hexText(t, f[5]); se.Strict && accepted {
				t.Errorf("%s %s ← %s %q: %v, said to be refused in strict mode, and is not", f[1], f[2], f[3], v.AppendText(nil), err)
			}
			continue
		}
		told++
		for mode, answer := range map[string]string{"strict": f[5], "permissive": f[6]} {
			text, ok := hexText(t, answer)
			if !ok {
				if mode == "permissive" {
					t.Errorf("%s %s ← %s %q: key %q, yet the server answers %s", f[1], f[2], f[3], v.AppendText(nil), key.Canon, answer)
				}
				continue // refused: no row, no matter where it is sent
			}
			held, ok := keyOf(t, conversionKeyer, typ, text)
			if !ok || !held.Equal(key) {
				t.Errorf("%s %s ← %s %q (%s): key %q, yet the server stores %q with key %q", f[1], f[2], f[3], v.AppendText(nil), mode, key.Canon, text, held.Canon)
			}
		}
	}
	if told < 1200 {
		t.Errorf("%d values told, %d not: too few INSERTs are routed", told, untold)
	}
}
