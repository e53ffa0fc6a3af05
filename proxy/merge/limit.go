package merge

import (
	"context"
	"io"
	"math"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// NoLimit is the count of a Limit that only skips.
const NoLimit uint64 = math.MaxUint64

// Limit is a part of a stream. Once it has returned its last row, the next Next closes the input without reading on.
type Limit struct {
	input RowStream
	skip  uint64
	left  uint64
	done  bool
}

// NewLimit returns count rows of input after the first offset ones. With a count of 0 the input is closed unread.
func NewLimit(input RowStream, offset, count uint64) *Limit {
	return &Limit{input: input, skip: offset, left: count}
}

// Columns returns the input's column definitions.
func (l *Limit) Columns() []sqltypes.Column { return l.input.Columns() }

// Next returns the next row within the limit.
func (l *Limit) Next(ctx context.Context) (sqltypes.Row, error) {
	for ; l.skip > 0 && l.left > 0 && !l.done; l.skip-- {
		if _, err := l.input.Next(ctx); err != nil {
			return nil, err
		}
	}
	if l.left == 0 || l.done {
		l.done = true
		if err := l.input.Close(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	row, err := l.input.Next(ctx)
	if err != nil {
		return nil, err
	}
	if l.left != NoLimit {
		l.left--
	}
	return row, nil
}

// Close closes the input.
func (l *Limit) Close() error {
	l.done = true
	return l.input.Close()
}
