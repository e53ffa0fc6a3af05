package sharding

import (
	"context"
	"errors"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Weigher gives the weight of text that the package cannot weigh itself. Implementations ask a server, and cache.
type Weigher interface {
	// Weight is WEIGHT_STRING, under collation, of text (bytes in charset) converted to collation's own charset, as
	// it comes: neither padded nor trimmed. It returns ErrLossy when the text cannot be converted without loss.
	// The result is not kept beyond the call, nor changed.
	Weight(ctx context.Context, collation, charset string, text []byte) ([]byte, error)
}

// ErrLossy is a Weigher's answer to text that the collation's charset cannot hold.
var ErrLossy = errors.New("the text cannot be converted to the column's character set")

// Keyer turns SQL values into keys, as one session sees them. The zero Keyer is usable: it then knows neither the
// connection's charset nor its time zone and weighs ASCII only. It is a value, cheap to build per statement.
type Keyer struct {
	Charset string         // of strings whose Collation is 0: character_set_connection; empty: only ASCII is read
	Zone    *time.Location // the session's time_zone, for TIMESTAMP keys; nil: unknown (conditions go to every node)
	Weigher Weigher        // nil: text beyond ASCII cannot be weighed

	// ExactText: the servers compare an integer column with text that is a whole number as integers, however long
	// it is. MariaDB does in every condition, row values included; MySQL in =, <, BETWEEN and IN, not in row values.
	// Drivers that send 64-bit ids as text are routed by it. False: only what a DOUBLE keeps apart is routed.
	ExactText bool
}

// Verdict is what a comparison with a constant means for routing.
type Verdict uint8

// The verdicts.
const (
	// Unknown: rows may be anywhere; send to every node. The key is meaningless.
	Unknown Verdict = iota
	// Exact: every row for which col = value holds has a key Equal to the returned one.
	Exact
	// None: col = value holds for no row.
	None
)

// ForCompare says which rows `col = v` selects, col being a key column of type t and v a constant that has no
// collation of its own making (COLLATE is the planner's to notice). It follows the server's rules of comparison:
//
//   - NULL matches nothing: None. IS NULL and <=> are ForNullSafe's.
//   - A value that the type can hold is Exact, in the type's canonical form; one that it cannot hold is None.
//   - A string column against a number compares as DOUBLE, so that '1', '01' and '1a' equal 1: Unknown.
//   - A number column against a string or a float compares as DOUBLE: Exact or None only where the value and the
//     column are so small that no two values of the column meet in one DOUBLE (15 digits); text with anything but a
//     number and surrounding spaces is Unknown.
//   - Times against text: only the full ISO form is read; anything looser is Unknown.
//   - Whenever the Weigher fails, or there is any doubt: Unknown.
func (k Keyer) ForCompare(ctx context.Context, v sqltypes.Value, t KeyType) (Key, Verdict) {
	if v.IsNull() {
		return Key{}, None
	}
	switch t.Family {
	case FamilyInteger:
		return k.compareInteger(v, t)
	case FamilyDecimal:
		return compareWithDecimal(v, t)
	case FamilyString, FamilyEnum:
		return k.compareString(ctx, v, t)
	case FamilyBinary:
		return compareBinary(v)
	case FamilyDate, FamilyDatetime, FamilyTimestamp:
		return k.compareDate(v, t)
	case FamilyTime:
		return compareClock(v, t)
	case FamilyYear:
		return compareYear(v)
	}
	return Key{}, Unknown
}

// ForNullSafe is ForCompare for `col <=> v`, and with sqltypes.NullValue for `col IS NULL`: NULL selects the rows
// whose key is NULL.
func (k Keyer) ForNullSafe(ctx context.Context, v sqltypes.Value, t KeyType) (Key, Verdict) {
	if !v.IsNull() {
		return k.ForCompare(ctx, v, t)
	}
	if t.Family == FamilyUnknown || t.Family == FamilyUnsupported || t.Family == FamilyFloat {
		return Key{}, Unknown
	}
	return NullKey(t.Family), Exact
}

// ForBound makes the bound of a range condition (<, <=, >, >=, BETWEEN) on a key column: Compare then orders the
// keys of rows and the bound as the server orders the column and v. False: the condition says nothing for routing.
// A bound may be a value that the column cannot hold (1.5 for an INT). NULL gives false: the planner knows that a
// comparison with it holds for no row.
func (k Keyer) ForBound(ctx context.Context, v sqltypes.Value, t KeyType) (Key, bool) {
	switch t.Family {
	case FamilyInteger, FamilyDecimal:
		return k.boundNumber(v, t)
	case FamilyUnknown, FamilyUnsupported, FamilyFloat, FamilyEnum:
		return Key{}, false
	}
	key, verdict := k.ForCompare(ctx, v, t)
	if verdict == Exact {
		return key, true
	}
	return Key{}, false
}

// ForStore is the key of the row that INSERT or UPDATE stores with v in a key column of type t: the value after the
// conversions at storing (rounding, padding, truncation of trailing spaces). Where the conversion depends on the
// sql_mode or is in doubt the error is a *StoreError; it never guesses.
func (k Keyer) ForStore(ctx context.Context, v sqltypes.Value, t KeyType) (Key, error) {
	if v.IsNull() {
		if t.NotNull {
			return Key{}, rejected("NULL for a column that is NOT NULL")
		}
		return NullKey(t.Family), nil
	}
	switch t.Family {
	case FamilyInteger:
		return storeInteger(v, t)
	case FamilyDecimal:
		return storeDecimal(v, t)
	case FamilyString:
		return k.storeString(ctx, v, t)
	case FamilyEnum:
		return k.storeEnum(ctx, v, t)
	case FamilyBinary:
		return storeBinary(v, t)
	case FamilyDate, FamilyDatetime, FamilyTimestamp:
		return k.storeDate(v, t)
	case FamilyTime:
		return storeClock(v, t)
	case FamilyYear:
		return storeYear(v)
	}
	return Key{}, doubtful("its type cannot be a sharding key")
}

// StoreError is a value of which the node cannot be told.
type StoreError struct {
	Reason string
	// Strict: a server in strict sql_mode refuses the row, unless the statement says IGNORE. A caller that knows
	// both may send it to any node for the server's own error.
	Strict bool
}

// Error implements error.
func (e *StoreError) Error() string { return "cannot tell the shard of this value: " + e.Reason }

func doubtful(reason string) error { return &StoreError{Reason: reason} }

func rejected(reason string) error { return &StoreError{Reason: reason, Strict: true} }
