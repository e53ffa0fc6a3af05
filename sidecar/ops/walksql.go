package ops

import (
	"encoding/hex"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/sharding"
)

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func quotedAll(list []string) []string {
	out := make([]string, len(list))
	for i, name := range list {
		out[i] = quoted(name)
	}
	return out
}

func names(columns []catalog.Column) []string {
	out := make([]string, len(columns))
	for i := range columns {
		out[i] = quoted(columns[i].Name)
	}
	return out
}

func joined(parts []string, by string) string { return strings.Join(parts, by) }

// text is a literal that yields to a column's collation, whatever the charset's default collation is.
func text(s string) string {
	return "_utf8 " + string(sqltypes.BinaryValue([]byte(s)).AppendSQL(nil))
}

// conditions joins those that are not empty to a WHERE clause.
func conditions(list ...string) string {
	var parts []string
	for _, c := range list {
		if c != "" {
			parts = append(parts, "("+c+")")
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// pageColumns are the columns of the primary key, if rows can be gone through in its order: nil where a part is a prefix, or
// of a type whose order is not that of its literals.
func pageColumns(s *tableSchema) []catalog.Column {
	if len(s.Indexes) == 0 || s.Indexes[0].Name != catalog.Primary {
		return nil
	}
	var out []catalog.Column
	for _, part := range s.Indexes[0].Columns {
		c := s.Column(part.Name)
		if c == nil || part.Prefix > 0 {
			return nil
		}
		switch c.Key.Family {
		case sharding.FamilyInteger, sharding.FamilyDecimal, sharding.FamilyString, sharding.FamilyBinary, sharding.FamilyDate,
			sharding.FamilyDatetime, sharding.FamilyTimestamp, sharding.FamilyTime, sharding.FamilyYear:
			out = append(out, *c)
		default:
			return nil
		}
	}
	return out
}

// beyond is the condition for rows whose primary key is above a key, given as literals; nil is no condition. It is written
// out column by column, because servers use an index for that, and not for a comparison of rows.
func beyond(columns []catalog.Column, above []string) string {
	if len(above) == 0 {
		return ""
	}
	c := quoted(columns[0].Name)
	if len(above) == 1 {
		return c + " > " + above[0]
	}
	return c + " >= " + above[0] + " AND (" + c + " > " + above[0] + " OR " + beyond(columns[1:], above[1:]) + ")"
}

// literals writes the primary key of a row as SQL.
func literals(row [][]byte, columns []catalog.Column) []string {
	out := make([]string, len(columns))
	for i := range columns {
		out[i] = literal(row[i], &columns[i])
	}
	return out
}

func literal(v []byte, c *catalog.Column) string {
	switch c.Key.Family {
	case sharding.FamilyInteger, sharding.FamilyDecimal, sharding.FamilyYear:
		return string(v)
	case sharding.FamilyString:
		return "_utf8mb4 x'" + hex.EncodeToString(v) + "'"
	case sharding.FamilyBinary:
		return "x'" + hex.EncodeToString(v) + "'"
	}
	return "'" + string(v) + "'"
}

// keyValue is a column's value, as a server sent it as text, for Keyer.ForStore.
func keyValue(v []byte, t sharding.KeyType) sqltypes.Value {
	if v == nil {
		return sqltypes.NullValue
	}
	switch t.Family {
	case sharding.FamilyInteger, sharding.FamilyDecimal:
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: v}
	case sharding.FamilyBinary:
		return sqltypes.BinaryValue(v)
	}
	return sqltypes.StringValue(string(v))
}
