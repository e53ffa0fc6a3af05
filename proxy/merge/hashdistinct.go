package merge

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// HashDistinct drops each row whose keys it has seen before, in input of any order: UNION DISTINCT, and SELECT DISTINCT
// where the shards do not sort. It streams, and keeps the keys of what it let through within the budget.
type HashDistinct struct {
	input RowStream
	keys  keySet
	key   []byte
	seen  seen
}

// NewHashDistinct returns the first row of each set of equal keys.
func NewHashDistinct(input RowStream, keys []Key, budget *Budget) (*HashDistinct, error) {
	set, err := compileKeys(input.Columns(), keys, equality)
	if err != nil {
		return nil, err
	}
	d := &HashDistinct{input: input, keys: set}
	d.seen.account = &account{budget: budget, operator: "DISTINCT"}
	return d, nil
}

// Columns returns the input's column definitions.
func (d *HashDistinct) Columns() []sqltypes.Column { return d.input.Columns() }

// Next returns the next row with keys not seen yet.
func (d *HashDistinct) Next(ctx context.Context) (sqltypes.Row, error) {
	for {
		row, err := d.input.Next(ctx)
		if err != nil {
			return nil, err
		}
		if d.key, err = d.keys.append(d.key[:0], row); err != nil {
			return nil, err
		}
		fresh, err := d.seen.add(d.key)
		if err != nil {
			return nil, err
		}
		if fresh {
			return row, nil
		}
	}
}

// Close forgets the keys and closes the input.
func (d *HashDistinct) Close() error {
	d.seen.forget()
	d.seen.account.release()
	return d.input.Close()
}

// mapEntry is what an entry of a map with string keys costs beyond the key's bytes: header, hash control, load factor.
const mapEntry = 48

// seen is an accounted set of encoded keys.
type seen struct {
	account *account
	keys    map[string]struct{}
	bytes   int64
}

// add puts key into the set and reports whether it was not there.
func (s *seen) add(key []byte) (bool, error) {
	if _, ok := s.keys[string(key)]; ok {
		return false, nil
	}
	n := int64(len(key)) + mapEntry
	if err := s.account.grow(n); err != nil {
		return false, err
	}
	if s.keys == nil {
		s.keys = make(map[string]struct{})
	}
	s.keys[string(key)] = struct{}{}
	s.bytes += n
	return true, nil
}

// forget empties the set. The map itself goes too: a cleared map keeps the room of the largest group it ever held.
func (s *seen) forget() {
	s.keys = nil
	s.account.shrink(s.bytes)
	s.bytes = 0
}
