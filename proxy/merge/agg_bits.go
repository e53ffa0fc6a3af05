package merge

import (
	"fmt"
	"math"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// bitwise is BIT_AND, BIT_OR and BIT_XOR over 64 bits; never NULL.
type bitwise struct {
	f      Func
	column int
	value  uint64
}

func newBits(f Func, column int) *bitwise {
	b := &bitwise{f: f, column: column}
	b.reset()
	return b
}

func (b *bitwise) reset() {
	b.value = 0
	if b.f == BitAnd {
		b.value = math.MaxUint64
	}
}

func (b *bitwise) add(row sqltypes.Row) error {
	cell := row[b.column]
	if cell == nil {
		return nil
	}
	u, ok := parseUint(cell)
	if !ok {
		return sqlerr.Internal(fmt.Sprintf("%s of a shard reads %.40q", b.f, cell))
	}
	switch b.f {
	case BitAnd:
		b.value &= u
	case BitOr:
		b.value |= u
	default:
		b.value ^= u
	}
	return nil
}

func (b *bitwise) result(dst []byte) ([]byte, bool, error) {
	return strconv.AppendUint(dst, b.value, 10), false, nil
}
