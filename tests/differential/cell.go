package differential

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Collator says whether a collation, by name, finds two utf8mb4 values equal; the plain server does.
type Collator func(collation string, a, b []byte) bool

// cellsEqual compares the cells of one column under the exception kind ("" for none).
func (c *Comparer) cellsEqual(kind string, e *Expect, col *sqltypes.Column, plain, heddle []byte) bool {
	if plain == nil || heddle == nil {
		return plain == nil && heddle == nil
	}
	if bytes.Equal(plain, heddle) && kind != "genid" {
		return true
	}
	switch kind {
	case "rep":
		// A text column's own collation is not in its definition, which has the connection's.
		return col.Collation != sqltypes.CollationBinary && c.Collate(e.collation(), plain, heddle)
	case "concat":
		return slices.Equal(members(plain), members(heddle))
	case "double":
		return closeDoubles(plain, heddle)
	case "clock":
		return closeClocks(string(plain), string(heddle))
	case "connid":
		return isID(plain) && isID(heddle)
	case "uuid":
		return uuidForm.Match(plain) && uuidForm.Match(heddle)
	case "genid":
		return c.sameID(string(plain), string(heddle))
	}
	return false
}

// members of a GROUP_CONCAT, sorted.
func members(cell []byte) []string {
	list := strings.Split(string(cell), ",")
	slices.Sort(list)
	return list
}

// doubleTolerance is what the order of additions may change in a DOUBLE aggregate, relatively.
const doubleTolerance = 1e-12

func closeDoubles(plain, heddle []byte) bool {
	a, errA := strconv.ParseFloat(string(plain), 64)
	b, errB := strconv.ParseFloat(string(heddle), 64)
	if errA != nil || errB != nil {
		return false
	}
	return math.Abs(a-b) <= doubleTolerance*max(math.Abs(a), math.Abs(b), 1)
}

// clockForms are the forms in which servers print times; the seconds' fraction is compared by its length.
var clockForms = []string{"2006-01-02 15:04:05", "2006-01-02", "15:04:05", "20060102150405", "20060102"}

// clockTolerance covers the time between the run on the plain server and the one on heddle.
const clockTolerance = 30 * time.Minute

func closeClocks(plain, heddle string) bool {
	if len(plain) != len(heddle) {
		return false
	}
	for _, form := range clockForms {
		a, errA := time.Parse(form, plain)
		b, errB := time.Parse(form, heddle)
		if errA == nil && errB == nil {
			d := a.Sub(b).Abs()
			return d <= clockTolerance || form == "15:04:05" && d >= 24*time.Hour-clockTolerance ||
				len(form) <= 10 && d <= 24*time.Hour
		}
	}
	a, errA := strconv.ParseFloat(plain, 64) // UNIX_TIMESTAMP
	b, errB := strconv.ParseFloat(heddle, 64)
	return errA == nil && errB == nil && math.Abs(a-b) <= clockTolerance.Seconds()
}

func isID(cell []byte) bool {
	n, err := strconv.ParseUint(string(cell), 10, 32)
	return err == nil && n > 0
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// sameID keeps which of heddle's generated ids stands for which of the server's: one for one, in the same order.
func (c *Comparer) sameID(plain, heddle string) bool {
	a, errA := strconv.ParseUint(plain, 10, 64)
	b, errB := strconv.ParseUint(heddle, 10, 64)
	if errA != nil || errB != nil {
		return false
	}
	if a == 0 || b == 0 {
		return a == b
	}
	if known, ok := c.ids[a]; ok {
		return known == b
	}
	for otherA, otherB := range c.ids {
		if (otherA < a) != (otherB < b) || otherB == b {
			return false
		}
	}
	if c.ids == nil {
		c.ids = map[uint64]uint64{}
	}
	c.ids[a] = b
	return true
}
