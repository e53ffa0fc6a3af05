package merge

import (
	"math/big"
	"math/bits"
	"strconv"
)

// division is how the session divides decimals.
type division struct {
	increment int // div_precision_increment
	maxScale  int // most digits after the point: 38 on MariaDB, 30 on MySQL
}

// The server keeps decimals in words of nine digits, nine words at most.
const (
	wordDigits = 9
	maxWords   = 9
)

// scale returns the digits after the point of a quotient whose dividend has s.
func (d division) scale(s int) int { return min(s+d.increment, d.maxScale) }

// appendQuotient appends sum/count as the server computes AVG of exact numbers. The server divides to whole words,
// cuts off there, and then rounds half away from zero to the result's scale. Where the scale is the end of a
// word there is nothing left to round by: AVG of a DECIMAL(…,5) is cut at nine digits, not rounded. And where the
// integer part leaves too few of the nine words, the result has fewer digits than its scale says. shown is how many digits
// after the point the sum's definition has: the sum itself may have more.
func (d division) appendQuotient(dst []byte, sum *exact, count uint64, shown int) []byte {
	if out, ok := d.appendShort(dst, sum, count, shown); ok {
		return out
	}
	sum.carry()
	negative := sum.high.Sign() < 0
	n, by := new(big.Int).Abs(&sum.high), new(big.Int).SetUint64(count)

	whole := new(big.Int).Quo(n, new(big.Int).Mul(by, pow10(sum.scale)))
	wholeDigits := 0
	if whole.Sign() != 0 {
		wholeDigits = len(whole.Text(10))
	}
	digits := d.quotientDigits(sum.scale, wholeDigits)
	if digits >= sum.scale {
		n.Mul(n, pow10(digits-sum.scale))
	} else {
		by.Mul(by, pow10(sum.scale-digits))
	}
	n.Quo(n, by)

	scale := min(d.scale(shown), digits)
	if drop := digits - scale; drop > 0 {
		unit := pow10(drop)
		n.Add(n, new(big.Int).Quo(unit, big.NewInt(2)))
		n.Quo(n, unit)
	}
	return appendScaled(dst, negative && n.Sign() != 0, n.Append(nil, 10), scale)
}

// appendShort is appendQuotient where 64 bits hold the sum and the quotient and 128 bits what lies between.
func (d division) appendShort(dst []byte, sum *exact, count uint64, shown int) ([]byte, bool) {
	if sum.high.Sign() != 0 || sum.scale >= len(powers) {
		return dst, false
	}
	n := magnitude(sum.low)
	wholeDigits := 0
	for whole := n / count / uint64(powers[sum.scale]); whole > 0; whole /= 10 {
		wholeDigits++
	}
	digits := d.quotientDigits(sum.scale, wholeDigits)
	if digits < sum.scale || digits-sum.scale >= len(powers) {
		return dst, false
	}
	high, low := bits.Mul64(n, uint64(powers[digits-sum.scale]))
	if high >= count {
		return dst, false
	}
	q, _ := bits.Div64(high, low, count)
	scale := min(d.scale(shown), digits)
	if drop := digits - scale; drop >= len(powers) {
		return dst, false
	} else if drop > 0 {
		unit := uint64(powers[drop])
		rest := q % unit
		if q /= unit; rest >= unit/2 {
			q++
		}
	}
	return appendScaled(dst, sum.low < 0 && q != 0, strconv.AppendUint(sum.text[:0], q, 10), scale), true
}

// quotientDigits returns how many digits after the point the server's division yields before rounding.
func (d division) quotientDigits(scale, wholeDigits int) int {
	words := (scale + wordDigits - 1) / wordDigits
	more := max(0, d.increment-(words*wordDigits-scale))
	words += (more + wordDigits - 1) / wordDigits
	wholeWords := (wholeDigits + wordDigits - 1) / wordDigits
	return max(0, min(words, maxWords-wholeWords)) * wordDigits
}
