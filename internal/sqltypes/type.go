// Package sqltypes holds the words that every floor uses for MySQL data: column types and flags as they
// stand in a column definition packet, values that come from literals and parameters, and rows on their way
// through the merge. It is a leaf: it neither parses SQL nor touches a socket.
package sqltypes

// Type is a column type as the protocol numbers it.
// Source: MySQL internals, "Protocol::ColumnType"; MariaDB knowledge base, "Result Set Packets".
type Type byte

// The protocol's column types.
const (
	Decimal    Type = 0x00
	Tiny       Type = 0x01
	Short      Type = 0x02
	Long       Type = 0x03
	Float      Type = 0x04
	Double     Type = 0x05
	Null       Type = 0x06
	Timestamp  Type = 0x07
	LongLong   Type = 0x08
	Int24      Type = 0x09
	Date       Type = 0x0a
	Time       Type = 0x0b
	Datetime   Type = 0x0c
	Year       Type = 0x0d
	NewDate    Type = 0x0e
	Varchar    Type = 0x0f
	Bit        Type = 0x10
	JSON       Type = 0xf5
	NewDecimal Type = 0xf6
	Enum       Type = 0xf7
	Set        Type = 0xf8
	TinyBlob   Type = 0xf9
	MediumBlob Type = 0xfa
	LongBlob   Type = 0xfb
	Blob       Type = 0xfc
	VarString  Type = 0xfd
	String     Type = 0xfe
	Geometry   Type = 0xff
)

// Flag bits of a column definition.
const (
	FlagNotNull       uint16 = 1
	FlagPrimaryKey    uint16 = 2
	FlagUniqueKey     uint16 = 4
	FlagMultipleKey   uint16 = 8
	FlagBlob          uint16 = 16
	FlagUnsigned      uint16 = 32
	FlagZerofill      uint16 = 64
	FlagBinary        uint16 = 128
	FlagEnum          uint16 = 256
	FlagAutoIncrement uint16 = 512
	FlagTimestamp     uint16 = 1024
	FlagSet           uint16 = 2048
)

// CollationBinary is the id of the collation of numbers, times and byte strings.
const CollationBinary uint16 = 63

// CollationUTF8MB4 is the id of utf8mb4_general_ci: of text that was converted to utf8mb4, whatever it was before.
const CollationUTF8MB4 uint16 = 45

// IsInteger reports whether t is one of the integer types (YEAR included).
func (t Type) IsInteger() bool {
	switch t {
	case Tiny, Short, Int24, Long, LongLong, Year:
		return true
	}
	return false
}

// IsDecimal reports whether t is an exact decimal.
func (t Type) IsDecimal() bool { return t == Decimal || t == NewDecimal }

// IsFloat reports whether t is FLOAT or DOUBLE.
func (t Type) IsFloat() bool { return t == Float || t == Double }

// IsTemporal reports whether t is a date, a time or both.
func (t Type) IsTemporal() bool {
	switch t {
	case Timestamp, Date, Time, Datetime, NewDate:
		return true
	}
	return false
}

// Column is what a column definition packet says.
type Column struct {
	Schema   string // logical database
	Table    string // alias, or the table's name
	OrgTable string // the table's own name
	Name     string // label
	OrgName  string // the column's own name
	Extended []byte // MariaDB's extended metadata (type name, format), as it came; nil where not negotiated

	Collation uint16
	Length    uint32 // display length, bytes
	Type      Type
	Flags     uint16
	Decimals  byte
}

// Unsigned reports whether the column is unsigned.
func (c *Column) Unsigned() bool { return c.Flags&FlagUnsigned != 0 }

// Row is one row on its way through the merge: a cell per column in the form the text protocol gives it (FLOAT
// and DOUBLE that came in the binary protocol as their shortest text that reads back the same), nil for NULL.
// The cells are valid until the stream's next Next.
type Row [][]byte
