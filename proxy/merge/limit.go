package merge

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// NoLimit is the count of a Limit that only skips.
const NoLimit uint64 = math.MaxUint64

// Limit is a part of a stream. Once it has returned its last row, the next Next closes the input: without reading on,
// unless the rows have to be counted.
type Limit struct {
	input RowStream
	skip  uint64
	left  uint64
	done  bool

	found func(rows uint64) // is told how many rows the input has; nil: nobody
	seen  uint64
}

// NewLimit returns count rows of input after the first offset ones. With a count of 0 the input is closed unread.
func NewLimit(input RowStream, offset, count uint64) *Limit {
	return &Limit{input: input, skip: offset, left: count}
}

// NewCountedLimit is NewLimit for SQL_CALC_FOUND_ROWS: it reads all of input and says how many rows that were.
func NewCountedLimit(input RowStream, offset, count uint64, found func(rows uint64)) *Limit {
	return &Limit{input: input, skip: offset, left: count, found: found}
}

// Columns returns the input's column definitions.
func (l *Limit) Columns() []sqltypes.Column { return l.input.Columns() }

// Next returns the next row within the limit.
func (l *Limit) Next(ctx context.Context) (sqltypes.Row, error) {
	for ; l.skip > 0 && l.left > 0 && !l.done; l.skip-- {
		if _, err := l.read(ctx); err != nil {
			return nil, err
		}
	}
	if l.left == 0 || l.done {
		if err := l.finish(ctx); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	row, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	if l.left != NoLimit {
		l.left--
	}
	return row, nil
}

// read returns the input's next row.
func (l *Limit) read(ctx context.Context) (sqltypes.Row, error) {
	row, err := l.input.Next(ctx)
	switch {
	case err == nil:
		l.seen++
	case errors.Is(err, io.EOF) && l.found != nil:
		l.found(l.seen)
	}
	return row, err
}

// finish closes the input, after its rows are counted where they have to be.
func (l *Limit) finish(ctx context.Context) error {
	for l.found != nil && !l.done {
		if _, err := l.read(ctx); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	l.done = true
	return l.input.Close()
}

// Close closes the input.
func (l *Limit) Close() error {
	l.done = true
	return l.input.Close()
}
