package merge

import (
	"context"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Concat is the rows of its inputs one after the other, in the inputs' order. Rows pass untouched.
type Concat struct {
	inputs  []RowStream
	columns []sqltypes.Column
	current int
}

// NewConcat returns the concatenation of inputs of one shape; at least one.
func NewConcat(inputs []RowStream) (*Concat, error) {
	if err := sameShape(inputs); err != nil {
		return nil, err
	}
	return &Concat{inputs: inputs, columns: inputs[0].Columns()}, nil
}

// Columns returns the first input's column definitions.
func (c *Concat) Columns() []sqltypes.Column { return c.columns }

// Next returns the current input's next row.
func (c *Concat) Next(ctx context.Context) (sqltypes.Row, error) {
	for c.current < len(c.inputs) {
		row, err := c.inputs[c.current].Next(ctx)
		if err != io.EOF {
			return row, err
		}
		if err := c.inputs[c.current].Close(); err != nil {
			return nil, err
		}
		c.current++
	}
	return nil, io.EOF
}

// Close closes every input.
func (c *Concat) Close() error {
	c.current = len(c.inputs)
	return closeAll(c.inputs)
}
