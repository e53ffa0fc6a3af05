package merge

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"
)

// encodeInt appends a signed or unsigned integer of up to 64 bits: a sign byte and eight bytes, so that both kinds
// share one order. Leading zeros (ZEROFILL) do not count.
func encodeInt(dst, cell []byte) ([]byte, bool) {
	negative, u, ok := parseInt(cell)
	if !ok {
		return dst, false
	}
	return appendSigned(dst, negative, u), true
}

// appendSigned appends a sign and a magnitude.
func appendSigned(dst []byte, negative bool, u uint64) []byte {
	if negative && u != 0 {
		return binary.BigEndian.AppendUint64(append(dst, 0), ^u)
	}
	return binary.BigEndian.AppendUint64(append(dst, 1), u)
}

// parseInt reads [-]digits; the magnitude fits 64 bits.
func parseInt(cell []byte) (negative bool, u uint64, ok bool) {
	if len(cell) > 0 && cell[0] == '-' {
		negative, cell = true, cell[1:]
	}
	u, ok = parseUint(cell)
	return negative, u, ok
}

// parseUint reads digits.
func parseUint(cell []byte) (uint64, bool) {
	if len(cell) == 0 {
		return 0, false
	}
	var u uint64
	for _, c := range cell {
		d := uint64(c - '0')
		if d > 9 || u > (math.MaxUint64-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	return u, true
}

// bitValue reads a BIT column: up to eight bytes, the highest first.
func bitValue(cell []byte) (uint64, bool) {
	if len(cell) > 8 {
		return 0, false
	}
	var u uint64
	for _, c := range cell {
		u = u<<8 | uint64(c)
	}
	return u, true
}

// encodeBit appends a BIT column's value.
func encodeBit(dst, cell []byte) ([]byte, bool) {
	u, ok := bitValue(cell)
	return appendSigned(dst, false, u), ok
}

// encodeDouble appends a FLOAT or DOUBLE; -0 equals 0.
func encodeDouble(dst, cell []byte) ([]byte, bool) {
	f, err := strconv.ParseFloat(string(cell), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, false
	}
	if f == 0 {
		f = 0 // drops the sign of -0
	}
	u := math.Float64bits(f)
	if u>>63 != 0 {
		u = ^u
	} else {
		u |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, u), true
}

// The first byte of an encoded decimal.
const (
	decimalNegative = 0
	decimalZero     = 1
	decimalPositive = 2
)

// encodeDecimal appends an exact decimal of any length: its sign, the position of its first significant digit, and
// the significant digits, two a byte. 1, 1.0 and 001 encode alike.
func encodeDecimal(dst, cell []byte) ([]byte, bool) {
	negative := len(cell) > 0 && cell[0] == '-'
	digits := cell
	if negative {
		digits = cell[1:]
	}
	point := len(digits)
	some := false
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			some = true
		case c == '.' && point == len(digits):
			point = i
		default:
			return encodeDecimalSlow(dst, cell)
		}
	}
	if !some {
		return dst, false
	}
	return appendDecimal(dst, negative, digits, point), true
}

// encodeDecimalSlow reads forms that no DECIMAL column prints, an exponent or a plus sign, through the decimal library.
func encodeDecimalSlow(dst, cell []byte) ([]byte, bool) {
	d, _, err := apd.NewFromString(string(cell))
	if err != nil || d.Form != apd.Finite || d.Exponent > 100 || d.Exponent < -100 {
		return dst, false
	}
	plain := []byte(d.Text('f'))
	for _, c := range plain {
		if c != '-' && c != '.' && (c < '0' || c > '9') {
			return dst, false
		}
	}
	return encodeDecimal(dst, plain)
}

// appendDecimal appends digits, of which those before index point are the integer part; the byte at point, if there
// is one, is the decimal point.
func appendDecimal(dst []byte, negative bool, digits []byte, point int) []byte {
	first := 0
	for first < len(digits) && (digits[first] == '0' || digits[first] == '.') {
		first++
	}
	if first == len(digits) {
		return append(dst, decimalZero)
	}
	exponent := point - first // of 0.ddd × 10^exponent
	if first > point {
		exponent = point - first + 1
	}
	last := len(digits)
	for digits[last-1] == '0' || digits[last-1] == '.' {
		last--
	}
	sign := byte(decimalPositive)
	if negative {
		sign = decimalNegative
	}
	dst = append(dst, sign)
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(exponent+0x8000))
	half, high := false, byte(0)
	for _, c := range digits[first:last] {
		switch {
		case c == '.':
		case half:
			dst, half = append(dst, high+c-'0'+1), false
		default:
			high, half = 10*(c-'0'), true
		}
	}
	if half {
		dst = append(dst, high+1)
	}
	dst = append(dst, 0) // below every pair of digits
	if negative {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}
