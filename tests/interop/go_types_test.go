package interop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// goColumns: a column of every type, what is given as a parameter, and what Scan makes of the value in a variable of
// want's type.
func goColumns() []struct {
	name, declaration string
	in, want          any
} {
	day := time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)
	moment := time.Date(2026, 2, 28, 23, 59, 59, 123456000, time.UTC)
	wide, bytes := "größe 東京 🙂 ", []byte{0, 1, 0x27, 0x5c, 0xff}
	long := strings.Repeat("x", 70000)
	return []struct {
		name, declaration string
		in, want          any
	}{
		{"ti", "TINYINT", int64(-128), int64(-128)},
		{"tu", "TINYINT UNSIGNED", 255, int64(255)},
		{"bool", "BOOL", true, true},
		{"si", "SMALLINT", -32768, int64(-32768)},
		{"mi", "MEDIUMINT", -8388608, int64(-8388608)},
		{"i", "INT", math.MinInt32, int64(math.MinInt32)},
		{"iu", "INT UNSIGNED", uint32(math.MaxUint32), int64(math.MaxUint32)},
		{"b", "BIGINT", int64(math.MinInt64), int64(math.MinInt64)},
		{"bu", "BIGINT UNSIGNED", uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{"f", "FLOAT", float32(1.5), 1.5},
		{"d", "DOUBLE", -1.25e100, -1.25e100},
		{"de", "DECIMAL(30,10)", "12345678901234567890.0123456789", "12345678901234567890.0123456789"},
		{"bl", "BIT(9)", []byte{1, 0xaa}, []byte{1, 0xaa}},
		{"y", "YEAR", 2026, int64(2026)},
		{"da", "DATE", day, day},
		{"t", "TIME(6)", "-123:04:05.000006", "-123:04:05.000006"},
		{"dt", "DATETIME(6)", moment, moment},
		{"ts", "TIMESTAMP(6) NULL", moment, moment},
		{"c", "CHAR(10)", "abc", "abc"},
		{"v", "VARCHAR(100)", wide, wide},
		{"tx", "TEXT", wide, wide},
		{"lt", "LONGTEXT", long, long},
		{"bn", "BINARY(4)", []byte{1, 2}, []byte{1, 2, 0, 0}},
		{"vb", "VARBINARY(100)", bytes, bytes},
		{"bo", "BLOB", bytes, bytes},
		{"lb", "LONGBLOB", []byte(long), []byte(long)},
		{"e", "ENUM('a','b')", "b", "b"},
		{"s", "SET('x','y','z')", "x,z", "x,z"},
		{"j", "JSON", `{"a": [1, null]}`, `{"a": [1, null]}`},
		{"u", "UUID", "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8057"},
		{"ip", "INET6", "2001:db8::1", "2001:db8::1"},
		{"n", "VARCHAR(10)", nil, nil},
	}
}

// variable is a fresh variable of want's type for Scan, and what it holds.
func variable(want any) (into any, value func() any) {
	switch want.(type) {
	case int64:
		v := new(int64)
		return v, func() any { return *v }
	case uint64:
		v := new(uint64)
		return v, func() any { return *v }
	case float64:
		v := new(float64)
		return v, func() any { return *v }
	case bool:
		v := new(bool)
		return v, func() any { return *v }
	case time.Time:
		v := new(time.Time)
		return v, func() any { return *v }
	case []byte:
		v := new([]byte)
		return v, func() any { return *v }
	case string:
		v := new(string)
		return v, func() any { return *v }
	}
	v := new(any)
	return v, func() any { return *v }
}

// goTypes writes rows with every type and reads them from one shard and from all.
func goTypes(g *goTarget, db *sql.DB) error {
	ctx := g.t.Context()
	columns := goColumns()
	var names, declarations []string
	var args []any
	for _, c := range columns {
		names, declarations, args = append(names, c.name), append(declarations, c.name+" "+c.declaration), append(args, c.in)
	}
	list, marks := strings.Join(names, ", "), strings.Repeat(", ?", len(names))
	err := g.exec("DROP TABLE IF EXISTS types", "CREATE TABLE types (id BIGINT NOT NULL PRIMARY KEY, "+strings.Join(declarations, ", ")+")")
	if err != nil {
		return err
	}
	for id := range 4 {
		if _, err := db.ExecContext(ctx, "INSERT INTO types (id, "+list+") VALUES (?"+marks+")", append([]any{id}, args...)...); err != nil {
			return err
		}
	}
	return errors.Join(
		compareTypes(ctx, db, 1, "SELECT "+list+" FROM types WHERE id = ?", 3),
		compareTypes(ctx, db, 4, "SELECT "+list+" FROM types WHERE id >= ? ORDER BY id", 0),
		compareTypes(ctx, db, 4, "SELECT "+list+" FROM types WHERE dt = ? AND bu = ? AND vb = ? AND de = ?", args[16], args[8], args[23], args[11]),
	)
}

func compareTypes(ctx context.Context, db *sql.DB, count int, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := goColumns()
	into, values := make([]any, len(columns)), make([]func() any, len(columns))
	var wrong []error
	n := 0
	for ; rows.Next(); n++ {
		for i, c := range columns {
			into[i], values[i] = variable(c.want)
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, c := range columns {
			if err := same(values[i](), c.want); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", c.name, err))
			}
		}
	}
	return errors.Join(append(wrong, rows.Err(), same(n, count))...)
}
