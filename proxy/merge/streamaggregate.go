package merge

import (
	"bytes"
	"context"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// StreamAggregate aggregates input that has each group's rows together, as sorting by the group's keys makes it. It
// holds one group. Without keys there is one group, and one row even when the input is empty: COUNT 0, BIT_AND all
// ones, the rest NULL.
type StreamAggregate struct {
	input     RowStream
	agg       *aggregation
	groups    []accumulator
	last, key []byte
	some      bool // a group is open
	done      bool
	emitter   emitter
}

// NewStreamAggregate returns the groups of input in its order.
func NewStreamAggregate(input RowStream, spec AggregateSpec) (*StreamAggregate, error) {
	agg, err := spec.compile(input.Columns(), "GROUP BY", false)
	if err != nil {
		return nil, err
	}
	s := &StreamAggregate{input: input, agg: agg, emitter: emitter{account: agg.account}}
	s.groups = agg.group()
	return s, nil
}

// group makes the accumulators of one group.
func (a *aggregation) group() []accumulator {
	g := make([]accumulator, len(a.make))
	for i, build := range a.make {
		g[i] = build()
	}
	return g
}

// Columns returns the outputs' definitions.
func (s *StreamAggregate) Columns() []sqltypes.Column { return s.agg.columns }

// Next returns the next group.
func (s *StreamAggregate) Next(ctx context.Context) (sqltypes.Row, error) {
	for !s.done {
		row, err := s.input.Next(ctx)
		if err == io.EOF {
			return s.finish()
		}
		if err != nil {
			return nil, err
		}
		if s.key, err = s.agg.keys.append(s.key[:0], row); err != nil {
			return nil, err
		}
		if s.some && bytes.Equal(s.key, s.last) {
			if err := addAll(s.groups, row); err != nil {
				return nil, err
			}
			continue
		}
		var out sqltypes.Row
		if s.some {
			if out, err = s.emitter.emit(s.groups); err != nil {
				return nil, err
			}
		}
		if err := s.begin(row); err != nil {
			return nil, err
		}
		if out != nil {
			return out, nil
		}
	}
	return nil, io.EOF
}

// begin opens a group with its first row.
func (s *StreamAggregate) begin(row sqltypes.Row) error {
	s.last, s.key, s.some = s.key, s.last, true
	for _, acc := range s.groups {
		acc.reset()
	}
	return addAll(s.groups, row)
}

// finish returns the last group.
func (s *StreamAggregate) finish() (sqltypes.Row, error) {
	s.done = true
	if err := s.input.Close(); err != nil {
		return nil, err
	}
	if !s.some && len(s.agg.keys) > 0 {
		return nil, io.EOF
	}
	return s.emitter.emit(s.groups)
}

func addAll(group []accumulator, row sqltypes.Row) error {
	for _, acc := range group {
		if err := acc.add(row); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the memory back and closes the input.
func (s *StreamAggregate) Close() error {
	s.done = true
	s.agg.account.release()
	return s.input.Close()
}

// emitter makes rows of accumulators. The row is valid until the next one is made.
type emitter struct {
	account *account
	bytes   []byte
	ends    []int // of each cell in bytes; -1: NULL
	row     sqltypes.Row
}

func (e *emitter) emit(group []accumulator) (sqltypes.Row, error) {
	if e.bytes == nil {
		e.bytes = make([]byte, 0, 64) // not nil: an empty cell must not read as NULL
	}
	had := cap(e.bytes)
	e.bytes, e.ends, e.row = e.bytes[:0], e.ends[:0], e.row[:0]
	for _, acc := range group {
		out, null, err := acc.result(e.bytes)
		if err != nil {
			return nil, err
		}
		end := len(out)
		if null {
			end, out = -1, out[:len(e.bytes)]
		}
		e.bytes, e.ends = out, append(e.ends, end)
	}
	if err := e.account.grow(int64(cap(e.bytes) - had)); err != nil {
		return nil, err
	}
	start := 0
	for _, end := range e.ends {
		if end < 0 {
			e.row = append(e.row, nil)
			continue
		}
		e.row = append(e.row, e.bytes[start:end:end])
		start = end
	}
	return e.row, nil
}
