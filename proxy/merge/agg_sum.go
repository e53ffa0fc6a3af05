package merge

import (
	"fmt"
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
	return 0, sqlerr.Internal(fmt.Sprintf("%s over '%s', which is %s", f, col.Name, classOf(col)))
}

// total adds cells of one column. SUM beyond 64 bits stays exact, as the server's DECIMAL does.
type total struct {
	column int
	kind   kind
	scale  int // digits after the point of an exact column
	some   bool
	exact  exact
	double float64
}

func (t *total) reset() {
	t.some, t.double = false, 0
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
	if !t.some {
		t.reset()
	}
	t.some = true
	ok := true
	switch t.kind {
	case kindExact:
		ok = t.exact.add(cell)
	case kindBit:
		var u uint64
		if u, ok = bitValue(cell); ok {
			t.exact.addUint(u)
		}
	case kindDouble:
		f, err := strconv.ParseFloat(string(cell), 64)
		t.double += f
		ok = err == nil
	}
	if !ok {
		return sqlerr.Internal(fmt.Sprintf("a number to add reads %.40q", cell))
	}
	return nil
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
	return s.exact.append(dst), false, nil
}
