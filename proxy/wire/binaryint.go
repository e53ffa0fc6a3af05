package wire

import (
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// intWidth is the length of an integer type in the binary protocol, bytes. INT24 travels as four.
func intWidth(t sqltypes.Type) int {
	switch t {
	case sqltypes.Tiny:
		return 1
	case sqltypes.Short, sqltypes.Year:
		return 2
	case sqltypes.Long, sqltypes.Int24:
		return 4
	}
	return 8
}

// readInt reads an integer's bytes, not sign-extended.
func readInt(c *cursor, t sqltypes.Type) uint64 {
	switch intWidth(t) {
	case 1:
		return uint64(c.u8())
	case 2:
		return uint64(c.u16())
	case 4:
		return uint64(c.u32())
	}
	return c.u64()
}

// signed extends the sign of an integer of t.
func signed(v uint64, t sqltypes.Type) int64 {
	shift := 64 - 8*intWidth(t)
	return int64(v<<shift) >> shift
}

// appendIntCell appends an integer as the text protocol shows it in col: YEAR with four digits, ZEROFILL padded to
// the display length.
func appendIntCell(b []byte, v uint64, col *sqltypes.Column) []byte {
	start := len(b)
	switch {
	case col.Type == sqltypes.Year:
		return padZero(strconv.AppendUint(b, v, 10), start, 4)
	case col.Unsigned():
		b = strconv.AppendUint(b, v, 10)
	default:
		b = strconv.AppendInt(b, signed(v, col.Type), 10)
	}
	return zerofill(b, start, col)
}

// zerofill pads b[start:] if col is ZEROFILL; such columns are unsigned.
func zerofill(b []byte, start int, col *sqltypes.Column) []byte {
	if col.Flags&sqltypes.FlagZerofill == 0 || len(b) == start || b[start] == '-' {
		return b
	}
	return padZero(b, start, int(min(col.Length, 255))) // no display width is longer
}

// padZero puts zeros in front of b[start:] until it is width bytes long.
func padZero(b []byte, start, width int) []byte {
	n := width - (len(b) - start)
	if n <= 0 {
		return b
	}
	for range n {
		b = append(b, '0')
	}
	copy(b[start+n:], b[start:])
	for i := range n {
		b[start+i] = '0'
	}
	return b
}

// appendBinaryInt encodes an integer's text; ok is false if it is none or out of the type's range.
func appendBinaryInt(b []byte, col *sqltypes.Column, cell []byte) (_ []byte, ok bool) {
	v, negative, ok := parseInt(cell)
	if !ok {
		return b, false
	}
	width := intWidth(col.Type)
	limit := uint64(math.MaxUint64) >> (64 - 8*width)
	switch {
	case col.Unsigned() || col.Type == sqltypes.Year:
		ok = v <= limit && (!negative || v == 0)
	case negative:
		ok = v <= limit/2+1
	default:
		ok = v <= limit/2
	}
	if negative {
		v = -v
	}
	switch width {
	case 1:
		return append(b, byte(v)), ok
	case 2:
		return appendU16(b, uint16(v)), ok
	case 4:
		return appendU32(b, uint32(v)), ok
	}
	return appendU64(b, v), ok
}

// parseInt reads decimal digits with an optional sign.
func parseInt(s []byte) (v uint64, negative, ok bool) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative, s = s[0] == '-', s[1:]
	}
	if len(s) == 0 {
		return 0, false, false
	}
	for _, d := range s {
		if d -= '0'; d > 9 || v > (math.MaxUint64-uint64(d))/10 {
			return 0, false, false
		}
		v = v*10 + uint64(d)
	}
	return v, negative, true
}
