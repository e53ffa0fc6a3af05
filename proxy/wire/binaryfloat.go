package wire

import (
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

const (
	// notFixed is the number of decimals of a FLOAT or DOUBLE declared without any, and of expressions.
	notFixed = 31
	// plainDigits is the decimal exponent up to which servers write a number without one.
	plainDigits = 15
)

// appendFloatCell reads a FLOAT or DOUBLE and appends its text in col.
func appendFloatCell(b []byte, c *cursor, col *sqltypes.Column) []byte {
	start := len(b)
	if col.Type == sqltypes.Float {
		b = appendFloat(b, float64(math.Float32frombits(c.u32())), 32, col.Decimals)
	} else {
		b = appendFloat(b, math.Float64frombits(c.u64()), 64, col.Decimals)
	}
	return zerofill(b, start, col)
}

// appendFloat appends v's text: with the column's decimals if that reads back the same, else the shortest that does,
// in the notation that servers use: digits alone while the point is within plainDigits, an exponent without padding
// beyond ("1e15", "1e-15").
func appendFloat(b []byte, v float64, bits int, decimals byte) []byte {
	start := len(b)
	if decimals < notFixed {
		b = strconv.AppendFloat(b, v, 'f', int(decimals), bits)
		if readsBack(b[start:], v, bits) {
			return b
		}
		b = b[:start]
	}
	exp := 0
	if v != 0 {
		exp = decimalExponent(v, bits)
	}
	if exp >= plainDigits || exp < -plainDigits {
		b = strconv.AppendFloat(b, v, 'e', -1, bits)
		return trimExponent(b, start)
	}
	return strconv.AppendFloat(b, v, 'f', -1, bits)
}

// readsBack reports whether s is the text of exactly v.
func readsBack(s []byte, v float64, bits int) bool {
	back, err := strconv.ParseFloat(string(s), bits)
	return err == nil && math.Float64bits(back) == math.Float64bits(v)
}

// decimalExponent is the exponent of v's shortest text in scientific notation.
func decimalExponent(v float64, bits int) int {
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], v, 'e', -1, bits)
	for i, ch := range s {
		if ch == 'e' {
			exp, _ := strconv.Atoi(string(s[i+1:]))
			return exp
		}
	}
	return 0 // Inf, NaN: no column holds them
}

// trimExponent turns "1e+15" and "1e-05" behind start into "1e15" and "1e-5".
func trimExponent(b []byte, start int) []byte {
	for i := start; i < len(b); i++ {
		if b[i] != 'e' {
			continue
		}
		digits := i + 1
		out := b[:digits]
		if b[digits] == '-' {
			out = b[:digits+1]
		}
		digits++
		for digits < len(b)-1 && b[digits] == '0' {
			digits++
		}
		return append(out, b[digits:]...)
	}
	return b
}

// appendBinaryFloat encodes a number's text.
func appendBinaryFloat(b []byte, t sqltypes.Type, cell []byte) (_ []byte, ok bool) {
	if t == sqltypes.Float {
		v, err := strconv.ParseFloat(string(cell), 32)
		return appendU32(b, math.Float32bits(float32(v))), err == nil
	}
	v, err := strconv.ParseFloat(string(cell), 64)
	return appendU64(b, math.Float64bits(v)), err == nil
}
