package wire

import (
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// binaryRowOffset is where a row's NULL bitmap begins counting.
const binaryRowOffset = 2

// ParseBinaryRow decodes a row of the binary protocol into row, which has a cell for each column of cols, in the form
// that sqltypes.Row documents. Strings alias p; numbers and times are written behind scratch, which is returned
// grown, to be handed in again as scratch[:0] for the next row.
// Source: MySQL "Binary Protocol Resultset Row".
func ParseBinaryRow(p []byte, cols []sqltypes.Column, row sqltypes.Row, scratch []byte) ([]byte, error) {
	c := cursor{p: p}
	if c.u8() != 0x00 {
		c.fail()
	}
	nulls := c.take((len(cols) + 7 + binaryRowOffset) / 8)
	if c.bad || len(row) != len(cols) {
		return scratch, malformed("binary row")
	}
	for i := range cols {
		bit := i + binaryRowOffset
		if nulls[bit/8]&(1<<(bit%8)) != 0 {
			row[i] = nil
			continue
		}
		row[i], scratch = binaryCell(&c, &cols[i], scratch)
		if c.bad {
			return scratch, malformed("binary row")
		}
	}
	if !c.empty() {
		return scratch, malformed("binary row")
	}
	return scratch, nil
}

// binaryCell decodes one cell, which is never nil on success.
func binaryCell(c *cursor, col *sqltypes.Column, scratch []byte) (cell, grown []byte) {
	start := len(scratch)
	switch {
	case col.Type.IsInteger():
		scratch = appendIntCell(scratch, readInt(c, col.Type), col)
	case col.Type.IsFloat():
		scratch = appendFloatCell(scratch, c, col)
	case col.Type == sqltypes.Time:
		t := readTime(c)
		scratch = t.appendTime(scratch, col.Decimals)
	case col.Type.IsTemporal():
		t := readDatetime(c)
		if col.Type == sqltypes.Date || col.Type == sqltypes.NewDate {
			scratch = t.appendDate(scratch)
		} else {
			scratch = t.appendDatetime(scratch, col.Decimals)
		}
	case col.Type == sqltypes.Null:
		c.fail()
	default:
		return c.lenencBytes(), scratch
	}
	return scratch[start:len(scratch):len(scratch)], scratch
}

// AppendBinaryRow appends row, in the form that sqltypes.Row documents, as a row of the binary protocol. A cell that
// is not a value of its column's type is an error.
func AppendBinaryRow(b []byte, cols []sqltypes.Column, row sqltypes.Row) ([]byte, error) {
	if len(row) != len(cols) {
		return b, fmt.Errorf("wire: binary row: %d cells for %d columns", len(row), len(cols))
	}
	b = append(b, 0x00)
	nulls := len(b)
	for range (len(cols) + 7 + binaryRowOffset) / 8 {
		b = append(b, 0)
	}
	for i := range cols {
		if row[i] == nil {
			bit := i + binaryRowOffset
			b[nulls+bit/8] |= 1 << (bit % 8)
			continue
		}
		var ok bool
		if b, ok = appendBinaryCell(b, &cols[i], row[i]); !ok {
			return b, fmt.Errorf("wire: binary row: column %q of type %#x cannot hold %.64q", cols[i].Name, byte(cols[i].Type), row[i])
		}
	}
	return b, nil
}

// appendBinaryCell encodes one cell; ok is false if cell is not a value of the column's type.
func appendBinaryCell(b []byte, col *sqltypes.Column, cell []byte) (_ []byte, ok bool) {
	switch {
	case col.Type.IsInteger():
		return appendBinaryInt(b, col, cell)
	case col.Type.IsFloat():
		return appendBinaryFloat(b, col.Type, cell)
	case col.Type == sqltypes.Time:
		t, ok := parseTimeText(cell)
		if !ok {
			return b, false
		}
		return t.appendBinaryTime(b), true
	case col.Type.IsTemporal():
		t, ok := parseDatetimeText(cell)
		if !ok {
			return b, false
		}
		return t.appendBinaryDatetime(b), true
	case col.Type == sqltypes.Null:
		return b, false
	}
	return AppendLenencString(b, cell), true
}
