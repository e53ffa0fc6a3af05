package sharding

import (
	"bytes"
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// safeDigits is how many decimal digits every DOUBLE keeps apart.
const safeDigits = 15

// exactNumber reads v as an exact number. approximate is set when the server compares it as DOUBLE; ok is false
// when v is no number at all, or not a plain one.
func exactNumber(v sqltypes.Value) (canon []byte, approximate, ok bool) {
	switch v.Kind {
	case sqltypes.KindInt:
		return strconv.AppendInt(nil, v.Int, 10), false, true
	case sqltypes.KindUint:
		return strconv.AppendUint(nil, uint64(v.Int), 10), false, true
	case sqltypes.KindDecimal:
		canon, ok = canonicalDecimal(v.Bytes)
		return canon, false, ok
	case sqltypes.KindDouble:
		canon, ok = canonicalDecimal(v.Bytes)
		return canon, true, ok
	case sqltypes.KindString:
		canon, ok = canonicalDecimal(bytes.Trim(v.Bytes, " "))
		return canon, true, ok
	}
	return nil, false, false
}

// fewDigits reports whether canonical text has so few digits that no two such numbers share a DOUBLE.
func fewDigits(canon []byte) bool {
	n := 0
	for _, c := range canon {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n <= safeDigits
}

func numberKey(f Family, canon []byte) Key { return Key{Family: f, Canon: canon, Text: canon} }

func (k Keyer) compareInteger(v sqltypes.Value, t KeyType) (Key, Verdict) {
	canon, approximate, ok := exactNumber(v)
	approximate = approximate && !k.exactText(v)
	if !ok || approximate && !fewDigits(canon) {
		return Key{}, Unknown
	}
	if !isWhole(canon) || !inRange(canon, t) {
		return Key{}, None
	}
	return numberKey(FamilyInteger, canon), Exact
}

func compareWithDecimal(v sqltypes.Value, t KeyType) (Key, Verdict) {
	canon, approximate, ok := exactNumber(v)
	if !ok || approximate && (!fewDigits(canon) || t.Precision > safeDigits) {
		return Key{}, Unknown
	}
	if decimals(canon) > t.Scale || !fitsDecimal(canon, t) {
		return Key{}, None
	}
	return numberKey(FamilyDecimal, canon), Exact
}

// exactText reports whether v is text of digits that the servers compare as an integer.
func (k Keyer) exactText(v sqltypes.Value) bool {
	if !k.ExactText || v.Kind != sqltypes.KindString {
		return false
	}
	text := bytes.TrimPrefix(v.Bytes, []byte("-"))
	return len(text) > 0 && len(text) < 19 && digits(text)
}

func (k Keyer) boundNumber(v sqltypes.Value, t KeyType) (Key, bool) {
	canon, approximate, ok := exactNumber(v)
	approximate = approximate && !(t.Family == FamilyInteger && k.exactText(v))
	if !ok {
		return Key{}, false
	}
	if approximate && (!fewDigits(canon) || t.Family == FamilyDecimal && t.Precision > safeDigits) {
		return Key{}, false
	}
	return numberKey(t.Family, canon), true
}

// storeInteger: exact numbers and text are rounded half away from zero; a DOUBLE's halves are left alone, as its
// rounding is the C library's.
func storeInteger(v sqltypes.Value, t KeyType) (Key, error) {
	canon, _, ok := exactNumber(v)
	switch {
	case !ok && v.Kind == sqltypes.KindString:
		return Key{}, notNumber(v.Bytes)
	case !ok:
		return Key{}, doubtful("it is no plain number")
	case v.Kind == sqltypes.KindDouble && (!isWhole(canon) || !fewDigits(canon)):
		return Key{}, doubtful("it is a floating-point number")
	}
	canon = roundDecimal(canon, 0)
	if !inRange(canon, t) {
		return Key{}, rejected("it is out of the column's range")
	}
	return numberKey(FamilyInteger, canon), nil
}

func storeDecimal(v sqltypes.Value, t KeyType) (Key, error) {
	canon, _, ok := exactNumber(v)
	switch {
	case !ok && v.Kind == sqltypes.KindString:
		return Key{}, notNumber(v.Bytes)
	case !ok:
		return Key{}, doubtful("it is no plain number")
	case v.Kind == sqltypes.KindDouble && (!fewDigits(canon) || decimals(canon) > t.Scale):
		return Key{}, doubtful("it is a floating-point number")
	}
	canon = roundDecimal(canon, t.Scale)
	if !fitsDecimal(canon, t) {
		return Key{}, rejected("it is out of the column's range")
	}
	return numberKey(FamilyDecimal, canon), nil
}

// notNumber is the error of text that canonicalDecimal does not read. White space other than spaces is skipped by
// servers, so that such text may yet be a number.
func notNumber(text []byte) error {
	const reason = "it is text that is not a number"
	if bytes.ContainsAny(text, "\t\n\v\f\r") {
		return doubtful(reason)
	}
	return rejected(reason)
}

// inRange reports whether canonical whole text fits an integer column.
func inRange(canon []byte, t KeyType) bool {
	bits := uint(8 * t.Width)
	if bits == 0 || bits > 64 {
		bits = 64
	}
	if t.Unsigned {
		u, err := strconv.ParseUint(string(canon), 10, 64)
		return err == nil && u <= math.MaxUint64>>(64-bits)
	}
	i, err := strconv.ParseInt(string(canon), 10, 64)
	return err == nil && i <= math.MaxInt64>>(64-bits) && i >= math.MinInt64>>(64-bits)
}

// fitsDecimal reports whether canonical text fits a DECIMAL column but for its decimals.
func fitsDecimal(canon []byte, t KeyType) bool {
	if t.Unsigned && canon[0] == '-' {
		return false
	}
	return t.Precision == 0 || wholeDigits(canon) <= t.Precision-t.Scale
}

// integersBetween lists the integers of a short closed range.
func integersBetween(lo, hi Bound) ([]Key, bool) {
	if lo.Key.Family != FamilyInteger || hi.Key.Family != FamilyInteger {
		return nil, false
	}
	a, okA := lo.Key.Int()
	b, okB := hi.Key.Int()
	if !okA || !okB || a == math.MaxInt64 || b == math.MinInt64 {
		return nil, false
	}
	if !lo.Inclusive {
		a++
	}
	if !hi.Inclusive {
		b--
	}
	if a > b {
		return []Key{}, true
	}
	if uint64(b)-uint64(a) >= maxSpan {
		return nil, false
	}
	keys := make([]Key, 0, b-a+1)
	for i := a; ; i++ {
		keys = append(keys, IntKey(i))
		if i == b {
			return keys, true
		}
	}
}
