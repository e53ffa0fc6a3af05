package merge

import (
	"context"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// HashAggregate aggregates input of any order. It reads all of it at the first Next, holds every group within the
// budget, and returns the groups in the order of their first rows.
type HashAggregate struct {
	input   RowStream
	agg     *aggregation
	index   map[string]int
	groups  [][]accumulator
	next    int
	read    bool
	emitter emitter
}

// groupOverhead is what a group costs beside its key and its accumulators' texts, and accumulatorSize what an
// accumulator costs beside its text: the largest of them, an exact AVG.
const (
	groupOverhead   = mapEntry + 32
	accumulatorSize = 256
)

// NewHashAggregate returns the groups of input.
func NewHashAggregate(input RowStream, spec AggregateSpec) (*HashAggregate, error) {
	agg, err := spec.compile(input.Columns(), "GROUP BY", true)
	if err != nil {
		return nil, err
	}
	return &HashAggregate{input: input, agg: agg, index: map[string]int{}, emitter: emitter{account: agg.account}}, nil
}

// Columns returns the outputs' definitions.
func (h *HashAggregate) Columns() []sqltypes.Column { return h.agg.columns }

// Next returns the next group.
func (h *HashAggregate) Next(ctx context.Context) (sqltypes.Row, error) {
	if !h.read {
		if err := h.readAll(ctx); err != nil {
			return nil, err
		}
		h.read = true
	}
	if h.next >= len(h.groups) {
		return nil, io.EOF
	}
	group := h.groups[h.next]
	h.groups[h.next] = nil
	h.next++
	return h.emitter.emit(group)
}

// readAll groups the whole input and closes it.
func (h *HashAggregate) readAll(ctx context.Context) error {
	var key []byte
	for {
		row, err := h.input.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if key, err = h.agg.keys.append(key[:0], row); err != nil {
			return err
		}
		i, ok := h.index[string(key)]
		if !ok {
			if i, err = h.open(key); err != nil {
				return err
			}
		}
		if err := addAll(h.groups[i], row); err != nil {
			return err
		}
	}
	h.index = nil
	if len(h.groups) == 0 && len(h.agg.keys) == 0 {
		h.groups = append(h.groups, h.agg.group())
	}
	return h.input.Close()
}

// open makes a new group.
func (h *HashAggregate) open(key []byte) (int, error) {
	n := len(key) + groupOverhead + len(h.agg.make)*accumulatorSize
	if err := h.agg.account.grow(int64(n)); err != nil {
		return 0, err
	}
	i := len(h.groups)
	h.index[string(key)] = i
	h.groups = append(h.groups, h.agg.group())
	return i, nil
}

// Close forgets the groups and closes the input.
func (h *HashAggregate) Close() error {
	h.read, h.groups, h.index, h.next = true, nil, nil, 0
	h.agg.account.release()
	return h.input.Close()
}
