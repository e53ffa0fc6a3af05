package merge

import (
	"bytes"
	"math"
	"strconv"
)

// anyDecimals is the Decimals of a DOUBLE column definition that fixes no number of digits.
const anyDecimals = 31

// appendDouble appends f as the server's text protocol prints a DOUBLE with the given Decimals. What is not a finite
// number prints as 0.
func appendDouble(dst []byte, f float64, decimals byte) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 {
		f = 0
	}
	if decimals < anyDecimals {
		return appendFixed(dst, f, int(decimals))
	}
	return appendShortest(dst, f)
}

// appendFixed appends f with n digits after the point: the shortest text that reads back as f, filled with zeros,
// where that has no more than n of them, the nearest otherwise.
func appendFixed(dst []byte, f float64, n int) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	have := 0
	if point := bytes.IndexByte(dst[start:], '.'); point >= 0 {
		have = len(dst) - start - point - 1
	}
	if have > n {
		return strconv.AppendFloat(dst[:start], f, 'f', n, 64)
	}
	if have == 0 && n > 0 {
		dst = append(dst, '.')
	}
	for ; have < n; have++ {
		dst = append(dst, '0')
	}
	return dst
}

// The decimal points, counted from the first digit, between which the server avoids an exponent.
const (
	minPlainPoint = -14
	maxPlainPoint = 15
)

// appendShortest appends the shortest text that reads back as f; with an exponent where the server writes one.
func appendShortest(dst []byte, f float64) []byte {
	var scratch [32]byte
	e := strconv.AppendFloat(scratch[:0], f, 'e', -1, 64) // [-]d[.ddd]e±dd
	mark := bytes.IndexByte(e, 'e')
	exponent, _ := strconv.Atoi(string(e[mark+1:]))
	digits := 0
	for _, c := range e[:mark] {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	point := exponent + 1
	if point >= minPlainPoint && (point <= maxPlainPoint || digits > point) {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = append(append(dst, e[:mark]...), 'e')
	return strconv.AppendInt(dst, int64(exponent), 10)
}
