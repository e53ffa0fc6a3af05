package sharding_test

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/sharding"
)

//go:embed testdata/slots.tsv
var slotsTSV string

// goldenRow is a value and what the server said of it.
type goldenRow struct {
	typ, collation string
	text, weight   []byte // nil: NULL
	slot           int
	expression     string
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	if s == "-" {
		return nil
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("golden: %q is not hexadecimal", s)
	}
	return b
}

func golden(t testing.TB) (rows []goldenRow, pairs [][]string) {
	for _, line := range strings.Split(strings.TrimRight(slotsTSV, "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			t.Fatalf("golden: %d fields in %q", len(f), line)
		}
		if f[0] == "pair" {
			pairs = append(pairs, f)
			continue
		}
		slot, err := strconv.Atoi(f[4])
		if err != nil {
			t.Fatalf("golden: slot %q", f[4])
		}
		rows = append(rows, goldenRow{f[0], f[1], unhex(t, f[2]), unhex(t, f[3]), slot, f[5]})
	}
	return rows, pairs
}

// goldenWeigher answers what the server did, for text beyond ASCII and for collations without a table.
type goldenWeigher map[string][]byte

func (w goldenWeigher) Weight(_ context.Context, collation, _ string, text []byte) ([]byte, error) {
	if b, ok := w[collation+"\x00"+string(text)]; ok {
		return b, nil
	}
	return nil, sharding.ErrLossy
}

func newGoldenWeigher(rows []goldenRow) goldenWeigher {
	w := goldenWeigher{}
	for _, r := range rows {
		w[r.collation+"\x00"+string(r.text)] = r.weight
	}
	return w
}

// stored makes the value that a driver would send for the column's text.
func stored(r goldenRow, k sharding.KeyType) sqltypes.Value {
	v := sqltypes.Value{Kind: sqltypes.KindString, Collation: 45, Bytes: r.text}
	switch k.Family {
	case sharding.FamilyInteger, sharding.FamilyYear:
		if i, err := strconv.ParseInt(string(r.text), 10, 64); err == nil {
			return sqltypes.IntValue(i)
		}
		u, _ := strconv.ParseUint(string(r.text), 10, 64)
		return sqltypes.UintValue(u)
	case sharding.FamilyDecimal:
		v.Kind = sqltypes.KindDecimal
	case sharding.FamilyBinary:
		v.Kind = sqltypes.KindBinary
	}
	return v
}

func TestSlotsAreThoseOfTheServer(t *testing.T) {
	rows, _ := golden(t)
	if len(rows) < 1000 {
		t.Fatalf("the golden has %d rows only", len(rows))
	}
	k := sharding.Keyer{Charset: "utf8mb4", Zone: time.UTC, Weigher: newGoldenWeigher(rows)}
	for _, r := range rows {
		typ := sharding.ParseKeyType(r.typ, r.collation, false)
		if e, ok := sharding.SlotExpression([]string{"c"}, []sharding.KeyType{typ}); !ok || e != r.expression {
			t.Fatalf("%s %s: SlotExpression is %q, the server was asked %q", r.typ, r.collation, e, r.expression)
		}
		v := sqltypes.NullValue
		if r.text != nil {
			v = stored(r, typ)
		}
		key, err := k.ForStore(t.Context(), v, typ)
		if err != nil {
			t.Errorf("%s %s: store %q: %v", r.typ, r.collation, r.text, err)
			continue
		}
		if got := sharding.Slot([]sharding.Key{key}); got != r.slot {
			t.Errorf("%s %s: slot of %q is %d, the server says %d", r.typ, r.collation, r.text, got, r.slot)
		}
		if r.text == nil || typ.Fixed && typ.Family == sharding.FamilyBinary {
			continue
		}
		same, verdict := k.ForCompare(t.Context(), v, typ)
		if verdict != sharding.Exact || !same.Equal(key) {
			t.Errorf("%s %s: ForCompare(%q) is %v %q, stored as %q", r.typ, r.collation, r.text, verdict, same.Canon, key.Canon)
		}
	}
}

// TestASCIIWeightsAreThoseOfTheServer checks the tables themselves, without the slots in between.
func TestASCIIWeightsAreThoseOfTheServer(t *testing.T) {
	rows, _ := golden(t)
	checked := 0
	for _, r := range rows {
		if r.weight == nil || bytes.ContainsFunc(r.text, func(c rune) bool { return c >= 0x80 }) || r.collation == "utf8mb4_czech_ci" || strings.HasSuffix(r.collation, "_as_cs") {
			continue
		}
		typ := sharding.ParseKeyType(r.typ, r.collation, false)
		v := sqltypes.Value{Kind: sqltypes.KindString, Collation: 45, Bytes: r.text}
		key, err := sharding.Keyer{}.ForStore(t.Context(), v, typ)
		if err != nil {
			t.Errorf("%s: %q: %v", r.collation, r.text, err)
			continue
		}
		if !bytes.HasPrefix(r.weight, key.Canon) {
			t.Errorf("%s: weight of %q is %x, the server says %x", r.collation, r.text, key.Canon, r.weight)
		}
		checked++
	}
	if checked < 500 {
		t.Errorf("only %d weights were compared", checked)
	}
}

func TestSlotOfSeveralColumns(t *testing.T) {
	_, pairs := golden(t)
	types := []sharding.KeyType{sharding.ParseKeyType("bigint(20)", "", false), sharding.ParseKeyType("varchar(20)", "utf8mb4_general_ci", false)}
	expression, ok := sharding.SlotExpression([]string{"a", "b"}, types)
	if !ok || len(pairs) == 0 {
		t.Fatalf("expression %q, %d pairs", expression, len(pairs))
	}
	for _, p := range pairs {
		if p[5] != expression {
			t.Fatalf("SlotExpression is %q, the server was asked %q", expression, p[5])
		}
		key := []sharding.Key{sharding.NullKey(sharding.FamilyInteger), sharding.NullKey(sharding.FamilyString)}
		if p[2] != "-" {
			i, _ := strconv.ParseInt(p[2], 10, 64)
			key[0] = sharding.IntKey(i)
		}
		if p[3] != "-" {
			v := sqltypes.Value{Kind: sqltypes.KindString, Bytes: unhex(t, p[3])}
			var err error
			if key[1], err = (sharding.Keyer{}).ForStore(t.Context(), v, types[1]); err != nil {
				t.Fatal(err)
			}
		}
		if got := strconv.Itoa(sharding.Slot(key)); got != p[4] {
			t.Errorf("slot of (%s, %s) is %s, the server says %s", p[2], p[3], got, p[4])
		}
	}
}
