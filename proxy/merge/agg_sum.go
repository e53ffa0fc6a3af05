package merge

import (
	"fmt"
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// kind is how numbers are added.
type kind uint8

const (
	kindExact  kind = iota // integers and decimals: no rounding, no limit
	kindDouble             // as float64
	kindBit                // bytes of a BIT column
)

// numberKind chooses how a column is added.
func numberKind(col *sqltypes.Column, f Func) (kind, error) {
	switch classOf(col) {
	case classInt, classDecimal, classBitText, classNull:
		return kindExact, nil
	case classFloat, classDouble:
		return kindDouble, nil
	case classBit:
		return kindBit, nil
	}
	return 0, sqlerr.NotSupported(fmt.Sprintf("%s of values that the shards tell one by one, of which each is %s", f, classOf(col)))
}

// total adds cells of one column. SUM beyond 64 bits stays exact, as the server's DECIMAL does.
type total struct {
	column  int
	beside  int // the column with the largest absolute value of doubles, or with all digits of decimals; -1: none
	kind    kind
	grouped bool // there is a GROUP BY
	scale   int  // digits after the point of an exact column
	some    bool
	exact   exact
	double  float64
	size    float64 // of the doubles, the sum of their absolute values
}

// manyFit is a size of which as many doubles as a table has rows can be added in any order.
const manyFit = 1e288

func (t *total) reset() {
	t.some, t.double, t.size = false, 0, 0
	t.exact.reset(t.exactScale())
}

func (t *total) exactScale() int {
	if t.kind == kindExact {
		return t.scale
	}
	return 0
}

func (t *total) add(row sqltypes.Row) error {
	cell := row[t.column]
	if cell == nil {
		return nil
	}
	if t.beside >= 0 && row[t.beside] != nil {
		if t.kind == kindExact {
			cell = row[t.beside]
		} else if f, err := strconv.ParseFloat(string(row[t.beside]), 64); err != nil || f > manyFit {
			return Overflow()
		}
	}
	if !t.some {
		t.reset()
	}
	t.some = true
	ok := true
	switch t.kind {
	case kindExact:
		if t.grouped && len(cell) >= DecimalDigits && cut(cell) {
			return TooLong()
		}
		ok = t.exact.add(cell)
	case kindBit:
		var u uint64
		if u, ok = bitValue(cell); ok {
			t.exact.addUint(u)
		}
	case kindDouble:
		f, err := strconv.ParseFloat(string(cell), 64)
		t.double += f
		if t.size += math.Abs(f); math.IsInf(t.size, 0) {
			return Overflow()
		}
		ok = err == nil
	}
	if !ok {
		return sqlerr.Internal(fmt.Sprintf("a number to add reads %.40q", cell))
	}
	return nil
}

// cut reports whether a shard's sum is the largest DECIMAL, which stands for any that is larger.
func cut(cell []byte) bool {
	nines := 0
	for _, c := range cell {
		if c == '9' {
			nines++
		}
	}
	return nines == DecimalDigits
}

// Overflow refuses a sum of DOUBLEs that one server may have overflow, by the order in which it adds its rows, and then
// shows as 0 or NULL.
func Overflow() error {
	return sqlerr.NotSupported("SUM, AVG, STDDEV or VARIANCE of DOUBLEs that overflows, over several shards")
}

// TooLong refuses a sum of DECIMALs that has more digits than one server keeps while it adds: which it drops hangs on the order of rows.
func TooLong() error {
	return sqlerr.NotSupported("SUM or AVG of DECIMALs that has more digits than a DECIMAL, over several shards")
}

// sum is SUM: NULL when there was nothing to add.
type sum struct {
	total
	decimals byte
}

func (s *sum) result(dst []byte) ([]byte, bool, error) {
	switch {
	case !s.some:
		return dst, true, nil
	case s.kind == kindDouble:
		return appendDouble(dst, s.double, s.decimals), false, nil
	}
	if s.beside >= 0 {
		s.exact.round(s.scale)
	}
	if !s.exact.fits(s.grouped) {
		return dst, false, TooLong()
	}
	return s.exact.append(dst), false, nil
}
