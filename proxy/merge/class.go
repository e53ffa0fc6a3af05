package merge

import (
	"bytes"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// class is how the cells of a column read and compare: what is left of a type when widths are forgotten.
type class uint8

const (
	classNull     class = iota // every cell is NULL
	classInt                   // decimal text, signed or unsigned; YEAR too
	classBit                   // big-endian bytes
	classBitText               // a BIT expression, which MariaDB prints as a number
	classDecimal               // exact decimal text
	classFloat                 // six digits of a value that has more
	classDouble                // shortest text that reads back the same
	classDatetime              // DATE, DATETIME, TIMESTAMP
	classTime                  // signed hours, minutes, seconds
	classBytes                 // memcmp
	classText                  // a collation's order, which the cell does not show
	classOpaque                // an order that the cell does not show: ENUM, SET, JSON, UUID, INET6 …
)

var classNames = [...]string{
	"NULL", "an integer", "BIT", "a BIT expression", "DECIMAL", "FLOAT", "DOUBLE", "a date", "a time", "binary", "text", "a special type",
}

// String names the class for error texts.
func (c class) String() string { return classNames[c] }

// named reports whether the cells are text that nothing compares by itself: what is an ENUM on a shard that groups through a
// temporary table is a text on one that does not.
func (c class) named() bool { return c == classText || c == classOpaque }

// classOf derives the class from a column definition.
func classOf(c *sqltypes.Column) class {
	switch t := c.Type; {
	case t == sqltypes.Null:
		return classNull
	case t.IsInteger():
		return classInt
	case t.IsDecimal():
		return classDecimal
	case t == sqltypes.Float:
		return classFloat
	case t == sqltypes.Double:
		return classDouble
	case t == sqltypes.Time:
		return classTime
	case t.IsTemporal():
		return classDatetime
	case t == sqltypes.Bit && c.Flags&sqltypes.FlagBinary != 0:
		return classBitText
	case t == sqltypes.Bit:
		return classBit
	case t == sqltypes.Enum, t == sqltypes.Set, t == sqltypes.JSON, c.Flags&(sqltypes.FlagEnum|sqltypes.FlagSet) != 0:
		return classOpaque
	case special(c.Extended):
		return classOpaque
	case c.Collation == sqltypes.CollationBinary:
		return classBytes
	}
	return classText
}

// special reports whether MariaDB's extended metadata names a type that is printed otherwise than it is ordered.
func special(extended []byte) bool {
	for _, name := range [...]string{"uuid", "inet4", "inet6"} {
		if bytes.Contains(extended, []byte(name)) {
			return true
		}
	}
	return false
}

// canonical reports whether the metadata names a type whose equal values are printed alike.
func canonical(extended []byte) bool { return special(extended) }
