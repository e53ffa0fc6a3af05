package merge

import (
	"bytes"
	"context"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Distinct drops each row whose keys equal those of the row before it. Its input is sorted by the keys, or at least
// has equal ones together. NULL equals NULL.
type Distinct struct {
	input      RowStream
	keys       keySet
	last, next []byte
	some       bool
}

// NewDistinct returns the first row of each run of equal keys.
func NewDistinct(input RowStream, keys []Key) (*Distinct, error) {
	set, err := compileKeys(input.Columns(), keys, equality)
	if err != nil {
		return nil, err
	}
	return &Distinct{input: input, keys: set}, nil
}

// Columns returns the input's column definitions.
func (d *Distinct) Columns() []sqltypes.Column { return d.input.Columns() }

// Next returns the next row that differs from its predecessor.
func (d *Distinct) Next(ctx context.Context) (sqltypes.Row, error) {
	for {
		row, err := d.input.Next(ctx)
		if err != nil {
			return nil, err
		}
		if d.next, err = d.keys.append(d.next[:0], row); err != nil {
			return nil, err
		}
		if d.some && bytes.Equal(d.next, d.last) {
			continue
		}
		d.some = true
		d.last, d.next = d.next, d.last
		return row, nil
	}
}

// Close closes the input.
func (d *Distinct) Close() error { return d.input.Close() }
