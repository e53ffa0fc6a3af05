package merge

import (
	"context"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// MergeSort merges inputs that are each sorted by its keys into one stream sorted by them. Rows with equal keys come
// in the order of the inputs. It holds one row of each input and allocates nothing per row.
type MergeSort struct {
	inputs  []RowStream
	columns []sqltypes.Column
	keys    keySet
	rows    []sqltypes.Row // the current row of each input
	buffers [][]byte       // what rows' keys are encoded into
	tree    *tournament
	started bool
}

// NewMergeSort returns the merge of inputs of one shape; at least one. Each input must have been sorted by keys
// with the server's own order.
func NewMergeSort(inputs []RowStream, keys []Key) (*MergeSort, error) {
	if err := sameShape(inputs); err != nil {
		return nil, err
	}
	set, err := compileKeys(inputs[0].Columns(), keys, ordering)
	if err != nil {
		return nil, err
	}
	k := len(inputs)
	return &MergeSort{
		inputs: inputs, columns: inputs[0].Columns(), keys: set,
		rows: make([]sqltypes.Row, k), buffers: make([][]byte, k), tree: newTournament(k),
	}, nil
}

// Columns returns the first input's column definitions.
func (m *MergeSort) Columns() []sqltypes.Column { return m.columns }

// Next returns the least of the inputs' current rows.
func (m *MergeSort) Next(ctx context.Context) (sqltypes.Row, error) {
	if err := m.advance(ctx); err != nil {
		return nil, err
	}
	w := m.tree.winner()
	if w < 0 {
		return nil, io.EOF
	}
	return m.rows[w], nil
}

// advance reads on in the input whose row was returned last, at the beginning in all of them.
func (m *MergeSort) advance(ctx context.Context) error {
	if !m.started {
		for i := range m.inputs {
			if err := m.load(ctx, i); err != nil {
				return err
			}
		}
		m.tree.build()
		m.started = true
		return nil
	}
	w := m.tree.winner()
	if w < 0 {
		return nil
	}
	if err := m.load(ctx, w); err != nil {
		return err
	}
	m.tree.replay()
	return nil
}

// load reads input i's next row and encodes its keys; at its end it closes the input.
func (m *MergeSort) load(ctx context.Context, i int) error {
	row, err := m.inputs[i].Next(ctx)
	if err == io.EOF {
		m.rows[i], m.tree.keys[i] = nil, nil
		return m.inputs[i].Close()
	}
	if err != nil {
		return err
	}
	m.rows[i] = row
	if len(m.inputs) == 1 { // nothing to compare with
		m.tree.keys[i] = alone
		return nil
	}
	key, err := m.keys.append(m.buffers[i][:0], row)
	if err != nil {
		return err
	}
	if key == nil {
		key = alone
	}
	m.buffers[i], m.tree.keys[i] = key, key
	return nil
}

// alone stands for a key where there is nothing to encode.
var alone = []byte{}

// Close closes every input.
func (m *MergeSort) Close() error {
	m.started = true
	for i := range m.rows {
		m.rows[i], m.tree.keys[i] = nil, nil
	}
	return closeAll(m.inputs)
}
