package merge

import (
	"math"
	"math/big"
	"strconv"
)

// powers are the powers of ten that fit int64.
var powers = [...]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// exact is a sum of integers and decimals without rounding and without a limit: a count of units of 10^-scale, in 64
// bits as long as they do, then in a big integer.
type exact struct {
	low   int64   // units not yet in high
	high  big.Int // units moved out of low before it overflowed
	scale int     // digits after the point; grows to the finest term's
	term  big.Int // scratch
	text  []byte  // scratch
}

// reset makes the sum 0 with the given scale.
func (e *exact) reset(scale int) {
	e.low, e.scale = 0, scale
	e.high.SetInt64(0)
}

// add adds decimal text without exponent, and reports whether it was that.
func (e *exact) add(cell []byte) bool {
	negative := len(cell) > 0 && cell[0] == '-'
	digits := cell
	if negative {
		digits = cell[1:]
	}
	e.text = e.text[:0]
	frac, point, units := 0, false, int64(0)
	for _, c := range digits {
		switch {
		case c == '.' && !point:
			point = true
			continue
		case c < '0' || c > '9':
			return false
		case point:
			frac++
		}
		if len(e.text) < len(powers)-1 {
			units = units*10 + int64(c-'0')
		}
		if c != '0' || len(e.text) > 0 {
			e.text = append(e.text, c)
		}
	}
	if len(digits) == 0 || (point && len(digits) == 1) {
		return false
	}
	if frac > e.scale {
		e.rescale(frac)
	}
	if shift := e.scale - frac; len(e.text)+shift < len(powers) {
		units *= powers[shift]
		if negative {
			units = -units
		}
		e.addUnits(units)
		return true
	}
	e.addLong(negative, e.scale-frac)
	return true
}

// addUnits adds to low; what would overflow goes to high first.
func (e *exact) addUnits(units int64) {
	if sum := e.low + units; (sum > e.low) == (units > 0) || units == 0 {
		e.low = sum
		return
	}
	e.carry()
	e.low = units
}

// addLong adds the digits in text, shifted.
func (e *exact) addLong(negative bool, shift int) {
	for range shift {
		e.text = append(e.text, '0')
	}
	e.term.SetInt64(0)
	var chunk big.Int
	for rest := e.text; len(rest) > 0; {
		n := min(len(rest), len(powers)-1)
		u, _ := parseUint(rest[:n])
		e.term.Mul(&e.term, chunk.SetInt64(powers[n]))
		e.term.Add(&e.term, chunk.SetUint64(u))
		rest = rest[n:]
	}
	if negative {
		e.term.Neg(&e.term)
	}
	e.high.Add(&e.high, &e.term)
}

// addUint adds an integer.
func (e *exact) addUint(u uint64) {
	if e.scale == 0 && u <= math.MaxInt64 {
		e.addUnits(int64(u))
		return
	}
	e.term.SetUint64(u)
	e.term.Mul(&e.term, pow10(e.scale))
	e.high.Add(&e.high, &e.term)
}

// carry moves low into high.
func (e *exact) carry() {
	if e.low != 0 {
		e.high.Add(&e.high, e.term.SetInt64(e.low))
		e.low = 0
	}
}

// rescale makes the units finer.
func (e *exact) rescale(scale int) {
	e.carry()
	e.high.Mul(&e.high, pow10(scale-e.scale))
	e.scale = scale
}

// round drops digits after the point, half away from zero.
func (e *exact) round(scale int) {
	if scale >= e.scale {
		return
	}
	e.carry()
	unit := pow10(e.scale - scale)
	half := new(big.Int).Rsh(unit, 1)
	if e.high.Sign() < 0 {
		half.Neg(half)
	}
	e.high.Quo(e.high.Add(&e.high, half), unit)
	e.scale = scale
}

// words drops the words of nine digits at the end that are 0, but those that scale digits need.
func (e *exact) words(scale int) {
	e.carry()
	for to := (e.scale - 1) / wordDigits * wordDigits; to >= scale; to -= wordDigits {
		quo, rest := new(big.Int).QuoRem(&e.high, pow10(e.scale-to), new(big.Int))
		if rest.Sign() != 0 {
			return
		}
		e.high.Set(quo)
		e.scale = to
	}
}

// A server adds DECIMALs in nine words of nine digits each, before and after the point together, and drops digits after the point of what
// does not fit, as it goes along. The groups of a temporary table have the digits of a column: what does not fit is not their sum.
const (
	decimalWords = 9
	// DecimalDigits are those of a column.
	DecimalDigits = 65
)

// fits reports whether a server has the digits of the sum.
func (e *exact) fits(grouped bool) bool {
	if e.high.Sign() == 0 {
		return true
	}
	e.carry()
	e.term.Abs(&e.high)
	e.text = e.term.Append(e.text[:0], 10)
	whole := max(len(e.text)-e.scale, 0)
	if grouped {
		return whole+e.scale <= DecimalDigits
	}
	words := func(digits int) int { return (digits + wordDigits - 1) / wordDigits }
	return words(whole)+words(e.scale) <= decimalWords
}

// pow10 returns 10^n.
func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// append appends the sum with all its digits after the point.
func (e *exact) append(dst []byte) []byte {
	if e.high.Sign() == 0 {
		return appendScaled(dst, e.low < 0, strconv.AppendUint(e.text[:0], magnitude(e.low), 10), e.scale)
	}
	e.carry()
	negative := e.high.Sign() < 0
	e.term.Abs(&e.high)
	return appendScaled(dst, negative, e.term.Append(e.text[:0], 10), e.scale)
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

// appendScaled appends digits with the point before the last scale of them.
func appendScaled(dst []byte, negative bool, digits []byte, scale int) []byte {
	if negative {
		dst = append(dst, '-')
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, digits[:whole]...)
		digits = digits[whole:]
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
