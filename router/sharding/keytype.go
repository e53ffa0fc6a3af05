package sharding

// Family is the kind of a key column, as far as comparison and storage differ.
type Family uint8

// The families. Unknown: the type has not been read yet. Unsupported: the type cannot be a sharding key, because
// equal values have no one canonical text (FLOAT), or none that this format defines (BIT, JSON, SET, UUID …).
const (
	FamilyUnknown Family = iota
	FamilyInteger
	FamilyDecimal
	FamilyString
	FamilyBinary
	FamilyDate
	FamilyDatetime
	FamilyTimestamp
	FamilyTime
	FamilyYear
	FamilyEnum
	FamilyFloat
	FamilyUnsupported
)

// KeyType is what a Keyer has to know of a key column.
type KeyType struct {
	Family    Family
	Unsigned  bool
	Width     int      // bytes of an integer: 1, 2, 3, 4 or 8
	Precision int      // digits of a DECIMAL
	Scale     int      // decimals of a DECIMAL; digits of fractional seconds of a time
	Length    int      // characters of CHAR and VARCHAR, bytes of BINARY and VARBINARY; 0: no limit that matters
	Fixed     bool     // CHAR, BINARY
	Collation string   // of strings and enums, the server's name: utf8mb4_general_ci
	Members   []string // of an ENUM, UTF-8
	NotNull   bool
}

// String names the family as messages have it.
func (f Family) String() string {
	names := [...]string{"unknown", "integer", "decimal", "character string", "byte string", "date", "datetime",
		"timestamp", "time", "year", "enum", "floating point", "unsupported"}
	if int(f) < len(names) {
		return names[f]
	}
	return names[0]
}
