package sysview

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Columns and cells of the tables of heddle.

// Text is a column of texts of about so many characters; it may be NULL.
func Text(name string, chars uint32) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.VarString, Collation: sqltypes.CollationUTF8MB4, Length: chars}
}

// Number is a column of whole numbers.
func Number(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.LongLong, Collation: sqltypes.CollationBinary, Length: 20, Flags: sqltypes.FlagBinary}
}

// Moment is a column of times in UTC, by the second.
func Moment(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.Datetime, Collation: sqltypes.CollationBinary, Length: 19, Flags: sqltypes.FlagBinary}
}

// Cells makes a row of strings, whole numbers, truths (yes and no) and times. An empty string and a zero time are NULL.
func Cells(values ...any) sqltypes.Row {
	row := make(sqltypes.Row, len(values))
	for i, v := range values {
		row[i] = ownValue(v)
	}
	return row
}

func ownValue(v any) []byte {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
		return []byte(v)
	case int:
		return strconv.AppendInt(nil, int64(v), 10)
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case uint32:
		return strconv.AppendUint(nil, uint64(v), 10)
	case uint64:
		return strconv.AppendUint(nil, v, 10)
	case uint16:
		return strconv.AppendUint(nil, uint64(v), 10)
	case bool:
		if v {
			return []byte("yes")
		}
		return []byte("no")
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC().AppendFormat(nil, time.DateTime)
	}
	return nil
}

// hexText writes a text of utf8mb4 so that it reads the same under any sql_mode and character set.
func hexText(value []byte) string {
	for _, c := range value {
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return "_utf8mb4 X'" + hex.EncodeToString(value) + "'"
		}
	}
	return "_utf8mb4'" + string(value) + "'"
}
