package ops

import (
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// TestKeysAsServersSendThem: a key that is read as text is the key of the row that was stored with the value.
func TestKeysAsServersSendThem(t *testing.T) {
	for _, c := range []struct {
		typ, collation, text string
		stored               sqltypes.Value
	}{
		{"bigint", "", "-7", sqltypes.IntValue(-7)},
		{"bigint unsigned", "", "18446744073709551615", sqltypes.UintValue(1<<64 - 1)},
		{"decimal(10,2)", "", "1.50", sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: []byte("1.5")}},
		{"year(4)", "", "2026", sqltypes.IntValue(2026)},
		{"date", "", "2026-02-28", sqltypes.StringValue("2026-02-28")},
		{"datetime(3)", "", "2026-02-28 01:02:03.400", sqltypes.StringValue("2026-02-28 01:02:03.4")},
		{"time", "", "-01:02:03", sqltypes.StringValue("-01:02:03")},
		{"varchar(10)", "utf8mb4_general_ci", "abc ", sqltypes.StringValue("ABC")},
		{"varbinary(10)", "", "a\x00b", sqltypes.BinaryValue([]byte("a\x00b"))},
		{"enum('a','b')", "utf8mb4_general_ci", "b", sqltypes.StringValue("b")},
	} {
		typ := sharding.ParseKeyType(c.typ, c.collation, false)
		keyer := sharding.Keyer{Charset: "utf8mb4"}
		want, err := keyer.ForStore(t.Context(), c.stored, typ)
		if err != nil {
			t.Fatalf("%s: %v", c.typ, err)
		}
		got, err := keyer.ForStore(t.Context(), keyValue([]byte(c.text), typ), typ)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %q is read as %q, stored as %q: %v", c.typ, c.text, got.Canon, want.Canon, err)
		}
		if null, err := keyer.ForStore(t.Context(), keyValue(nil, typ), typ); err != nil || !null.Null {
			t.Errorf("%s: NULL is %v, %v", c.typ, null, err)
		}
	}
}

func TestConditions(t *testing.T) {
	columns := []catalog.Column{{Name: "a", Key: sharding.ParseKeyType("int", "", true)}, {Name: "b`", Key: sharding.ParseKeyType("varchar(9)", "utf8mb4_bin", true)},
		{Name: "c", Key: sharding.ParseKeyType("varbinary(9)", "", true)}}
	above := literals([][]byte{[]byte("1"), []byte("x'"), []byte("\xff")}, columns)
	got := conditions(beyond(columns, above), "d < 2")
	const want = " WHERE (`a` >= 1 AND (`a` > 1 OR `b``` >= _utf8mb4 x'7827' AND (`b``` > _utf8mb4 x'7827' OR `c` > x'ff'))) AND (d < 2)"
	if got != want {
		t.Errorf("%s", got)
	}
	if got := conditions("", ""); got != "" {
		t.Errorf("no condition: %s", got)
	}
	slots := &sharding.SlotTable{}
	for i := range slots {
		if i >= 100 && i < 200 || i == sharding.SlotCount-1 {
			slots[i] = 1
		}
	}
	if got := notInSlots("h", slots, 1); got != "NOT ((h % 16384 BETWEEN 100 AND 199) OR (h % 16384 BETWEEN 16383 AND 16383))" {
		t.Errorf("%s", got)
	}
	if got := notInSlots("h", slots, 2); got != allWrong {
		t.Errorf("a node without slots: %s", got)
	}
}
