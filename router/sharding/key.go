package sharding

import (
	"bytes"
	"strconv"
)

// Key is one key column's value in canonical form: values that the server's = finds equal in that column have equal
// Canon. It is made by a Keyer.
type Key struct {
	Null   bool
	Family Family
	// Canon are the canonical bytes of the hash_slot format; nil for NULL.
	Canon []byte
	// Text is the value as a person writes it, for inline and for messages; trailing spaces removed under PAD SPACE.
	// It is not canonical where the collation ignores case. In the encoding of the value it came from.
	Text []byte
	// pad is the weight of a space under a PAD SPACE collation, for Compare; nil elsewhere.
	pad []byte
}

// NullKey is SQL's NULL.
func NullKey(f Family) Key { return Key{Null: true, Family: f} }

// IntKey is an integer key.
func IntKey(i int64) Key {
	t := strconv.AppendInt(nil, i, 10)
	return Key{Family: FamilyInteger, Canon: t, Text: t}
}

// Equal reports whether the column's = finds k and o equal. NULL equals nothing but NULL here (as <=> has it).
func (k Key) Equal(o Key) bool {
	return k.Null == o.Null && bytes.Equal(k.Canon, o.Canon)
}

// Compare orders two keys of one column as the server does: negative, 0, positive. NULL is lowest.
func (k Key) Compare(o Key) int {
	switch {
	case k.Null && o.Null:
		return 0
	case k.Null:
		return -1
	case o.Null:
		return 1
	}
	switch k.Family {
	case FamilyInteger, FamilyDecimal, FamilyYear:
		return compareDecimal(k.Canon, o.Canon)
	case FamilyTime:
		return compareTime(k.Canon, o.Canon)
	case FamilyString, FamilyEnum:
		return compareWeights(k.Canon, o.Canon, k.pad)
	}
	return bytes.Compare(k.Canon, o.Canon)
}

// Int is the key as an int64; false when it is NULL, no integer, or out of range.
func (k Key) Int() (int64, bool) {
	if k.Null || (k.Family != FamilyInteger && k.Family != FamilyDecimal && k.Family != FamilyYear) {
		return 0, false
	}
	i, err := strconv.ParseInt(string(k.Canon), 10, 64)
	return i, err == nil
}

// compareWeights compares collation weights, the shorter one continued with the weight of a space.
func compareWeights(a, b, pad []byte) int {
	n := min(len(a), len(b))
	if d := bytes.Compare(a[:n], b[:n]); d != 0 || len(a) == len(b) || len(pad) == 0 {
		if d != 0 {
			return d
		}
		return bytes.Compare(a, b)
	}
	rest, sign := a[n:], 1
	if len(b) > n {
		rest, sign = b[n:], -1
	}
	for i, c := range rest {
		if p := pad[i%len(pad)]; c != p {
			if c < p {
				return -sign
			}
			return sign
		}
	}
	return 0
}
