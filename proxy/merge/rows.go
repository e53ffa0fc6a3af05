package merge

import (
	"context"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Rows is a stream over rows in memory: small results that the proxy itself makes, and tests.
type Rows struct {
	columns []sqltypes.Column
	rows    []sqltypes.Row
	next    int
}

// NewRows returns a stream of rows. It keeps both slices and changes neither.
func NewRows(columns []sqltypes.Column, rows []sqltypes.Row) *Rows {
	return &Rows{columns: columns, rows: rows}
}

// Columns returns the column definitions.
func (r *Rows) Columns() []sqltypes.Column { return r.columns }

// Next returns the next row.
func (r *Rows) Next(ctx context.Context) (sqltypes.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.next >= len(r.rows) {
		return nil, io.EOF
	}
	r.next++
	return r.rows[r.next-1], nil
}

// Close ends the stream.
func (r *Rows) Close() error {
	r.next = len(r.rows)
	return nil
}
