package sharding

import "bytes"

// Decimal text: an optional '-', digits, optionally '.' and digits. Canonical text has no leading zeros before the
// last integer digit, no trailing zeros behind the point, no bare point, and no minus sign on zero.

// canonicalDecimal brings decimal text with an optional sign and exponent into canonical form. It reports false for
// anything else, and for exponents that would make a text of more than maxDigits.
func canonicalDecimal(s []byte) ([]byte, bool) {
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	mantissa, exp, ok := splitExponent(s)
	if !ok {
		return nil, false
	}
	whole, frac, _ := bytes.Cut(mantissa, []byte("."))
	if len(whole)+len(frac) == 0 || !digits(whole) || !digits(frac) {
		return nil, false
	}
	all := append(append(make([]byte, 0, len(whole)+len(frac)), whole...), frac...)
	return placePoint(all, len(whole)+exp, neg)
}

// maxDigits is more than any DECIMAL has (65 digits, 38 of them decimals).
const maxDigits = 400

// placePoint writes digits with the point before digits[point], canonically.
func placePoint(all []byte, point int, neg bool) ([]byte, bool) {
	for len(all) > 0 && all[0] == '0' {
		all, point = all[1:], point-1
	}
	for len(all) > 0 && all[len(all)-1] == '0' {
		all = all[:len(all)-1]
	}
	if len(all) == 0 {
		return []byte("0"), true
	}
	if point > maxDigits || point < -maxDigits {
		return nil, false
	}
	out := make([]byte, 0, len(all)+max(point, -point)+3)
	if neg {
		out = append(out, '-')
	}
	if point <= 0 {
		out = append(out, "0."...)
		out = append(out, bytes.Repeat([]byte("0"), -point)...)
		return append(out, all...), true
	}
	if point >= len(all) {
		out = append(out, all...)
		return append(out, bytes.Repeat([]byte("0"), point-len(all))...), true
	}
	out = append(append(out, all[:point]...), '.')
	return append(out, all[point:]...), true
}

// splitExponent cuts "1.5e3" into "1.5" and 3.
func splitExponent(s []byte) (mantissa []byte, exp int, ok bool) {
	i := bytes.IndexAny(s, "eE")
	if i < 0 {
		return s, 0, true
	}
	e, neg := s[i+1:], false
	if len(e) > 0 && (e[0] == '-' || e[0] == '+') {
		neg, e = e[0] == '-', e[1:]
	}
	if len(e) == 0 || len(e) > 4 || !digits(e) {
		return nil, 0, false
	}
	for _, c := range e {
		exp = exp*10 + int(c-'0')
	}
	if neg {
		exp = -exp
	}
	return s[:i], exp, true
}

func digits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// compareDecimal orders two canonical decimal texts by value.
func compareDecimal(a, b []byte) int {
	an, bn := len(a) > 0 && a[0] == '-', len(b) > 0 && b[0] == '-'
	switch {
	case an && bn:
		return compareMagnitude(b[1:], a[1:])
	case an:
		return -1
	case bn:
		return 1
	}
	return compareMagnitude(a, b)
}

func compareMagnitude(a, b []byte) int {
	aw, af, _ := bytes.Cut(a, []byte("."))
	bw, bf, _ := bytes.Cut(b, []byte("."))
	if d := len(aw) - len(bw); d != 0 {
		return d
	}
	if d := bytes.Compare(aw, bw); d != 0 {
		return d
	}
	return bytes.Compare(af, bf) // no trailing zeros: a longer fraction that starts alike is greater
}

// isWhole reports whether canonical decimal text is an integer.
func isWhole(s []byte) bool { return bytes.IndexByte(s, '.') < 0 }

// wholeDigits counts the digits before the point of canonical text, 0 for a leading zero.
func wholeDigits(s []byte) int {
	s = bytes.TrimPrefix(s, []byte("-"))
	w, _, _ := bytes.Cut(s, []byte("."))
	if len(w) == 1 && w[0] == '0' {
		return 0
	}
	return len(w)
}

// decimals counts the digits behind the point of canonical text.
func decimals(s []byte) int {
	_, f, _ := bytes.Cut(s, []byte("."))
	return len(f)
}

// roundDecimal rounds canonical text to scale digits behind the point, halves away from zero, as the server stores
// exact numbers.
func roundDecimal(s []byte, scale int) []byte {
	if decimals(s) <= scale {
		return s
	}
	neg := s[0] == '-'
	w, f, _ := bytes.Cut(bytes.TrimPrefix(s, []byte("-")), []byte("."))
	all := append(append([]byte{'0'}, w...), f[:scale]...)
	if f[scale] >= '5' {
		i := len(all) - 1
		for ; all[i] == '9'; i-- {
			all[i] = '0'
		}
		all[i]++
	}
	out, _ := placePoint(all, len(w)+1, neg)
	return out
}
