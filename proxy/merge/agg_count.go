package merge

import (
	"fmt"
	"math/bits"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// count adds the shards' counts, or counts single values. Which of those are NULL and do not count is for the caller
// that deduplicates them: COUNT(DISTINCT a, b) leaves out rows where either is.
type count struct {
	column int
	single bool
	n      uint64
}

func (c *count) reset() { c.n = 0 }

func (c *count) add(row sqltypes.Row) error {
	u := uint64(1)
	if !c.single {
		var err error
		if u, err = counter(row[c.column]); err != nil {
			return err
		}
	}
	n, carry := bits.Add64(c.n, u, 0)
	if carry != 0 {
		return sqlerr.Internal("a COUNT beyond 64 bits")
	}
	c.n = n
	return nil
}

// counter reads a COUNT; NULL is 0.
func counter(cell []byte) (uint64, error) {
	if cell == nil {
		return 0, nil
	}
	u, ok := parseUint(cell)
	if !ok {
		return 0, sqlerr.Internal(fmt.Sprintf("a count reads %.40q", cell))
	}
	return u, nil
}

func (c *count) result(dst []byte) ([]byte, bool, error) {
	return strconv.AppendUint(dst, c.n, 10), false, nil
}
