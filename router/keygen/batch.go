package keygen

import (
	"math"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Batch is the keys of one call: integers when Texts is nil.
type Batch struct {
	First uint64 // the first integer key
	Step  uint64 // between one key and the next; 1

	Texts  [][]byte // keys that are no integers, one per row
	Binary bool     // Texts are bytes (BINARY(16)), not characters

	use uint64 // segment's name for it until Done
}

// Integer reports whether the keys are integers: only those can be a statement's LAST_INSERT_ID.
func (b Batch) Integer() bool { return b.Texts == nil }

// Value is the i-th key, from 0, as an argument of the statement.
func (b Batch) Value(i int) sqltypes.Value {
	if b.Texts != nil {
		if b.Binary {
			return sqltypes.BinaryValue(b.Texts[i])
		}
		return sqltypes.Value{Kind: sqltypes.KindString, Bytes: b.Texts[i]}
	}
	v := b.First + uint64(i)*b.Step
	if v > math.MaxInt64 {
		return sqltypes.UintValue(v)
	}
	return sqltypes.IntValue(int64(v))
}
