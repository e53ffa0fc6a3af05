package wire

import "github.com/heddle-mesh/heddle/internal/sqltypes"

// nullCell stands for NULL in front of a text row's cell.
const nullCell = 0xfb

// ParseTextRow decodes a row of the text protocol into row, which has a cell for each column. The cells alias p. It
// allocates nothing. Too few or too many cells are malformed.
// Source: MySQL "Text Resultset Row".
func ParseTextRow(p []byte, row sqltypes.Row) error {
	c := cursor{p: p}
	for i := range row {
		if len(c.p) > 0 && c.p[0] == nullCell {
			row[i], c.p = nil, c.p[1:]
			continue
		}
		row[i] = c.lenencBytes()
	}
	if !c.empty() {
		c.fail()
	}
	return c.err("text row")
}

// AppendTextRow appends a row of the text protocol.
func AppendTextRow(b []byte, row sqltypes.Row) []byte {
	for _, cell := range row {
		if cell == nil {
			b = append(b, nullCell)
			continue
		}
		b = AppendLenencString(b, cell)
	}
	return b
}
