package merge

import (
	"context"
	"io"
	"math"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// SortOptions says what a Sort may use.
type SortOptions struct {
	// Limit is how many rows are wanted at most, offset included; 0: all. With a limit only that many are kept.
	Limit  uint64
	Budget *Budget // nil: no limit
	Spill  *Spill  // where rows go when the budget is spent; nil: nowhere
}

// Sort sorts its input, which it reads whole at the first Next. What exceeds the budget goes to disk in sorted runs,
// which are merged as they are read back. Rows with equal keys keep the input's order.
type Sort struct {
	input   RowStream
	keys    keySet
	limit   uint64
	account *account
	rows    arena
	entries []entry
	held    int64 // accounted for entries beside rows
	top     bool  // entries is a heap of at most limit rows, the last in order at its root
	runs    *runs
	seq     uint64
	scratch []byte
	row     sqltypes.Row
	left    uint64
	sorted  bool
	reader  func() ([]byte, error) // next row's cells, once sorted
}

// NewSort returns input sorted by keys.
func NewSort(input RowStream, keys []Key, opts SortOptions) (*Sort, error) {
	return newSort(input, keys, ordering, opts)
}

// newSort is NewSort for a purpose: sorting for equality brings equal keys together in an order that need not be the
// server's.
func newSort(input RowStream, keys []Key, purpose purpose, opts SortOptions) (*Sort, error) {
	set, err := compileKeys(input.Columns(), keys, purpose)
	if err != nil {
		return nil, err
	}
	s := &Sort{
		input: input, keys: set, limit: opts.Limit, left: opts.Limit, top: opts.Limit > 0,
		account: &account{budget: opts.Budget, operator: "ORDER BY"},
		row:     make(sqltypes.Row, len(input.Columns())),
	}
	if s.left == 0 {
		s.left = math.MaxUint64
	}
	s.rows.account = s.account
	if opts.Spill != nil {
		s.runs = newRuns(opts.Spill, s.account)
	}
	return s, nil
}

// Columns returns the input's column definitions.
func (s *Sort) Columns() []sqltypes.Column { return s.input.Columns() }

// Next returns the next row in order.
func (s *Sort) Next(ctx context.Context) (sqltypes.Row, error) {
	if !s.sorted {
		if err := s.readAll(ctx); err != nil {
			return nil, err
		}
		s.sorted = true
	}
	if s.left == 0 || s.reader == nil {
		return nil, io.EOF
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.left--
	cells, err := s.reader()
	if err != nil {
		return nil, err
	}
	return s.row, readRow(s.row, cells)
}

// readAll takes the whole input and prepares the reader.
func (s *Sort) readAll(ctx context.Context) error {
	for {
		row, err := s.input.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if s.scratch, err = s.keys.append(s.scratch[:0], row); err != nil {
			return err
		}
		key := len(s.scratch)
		s.scratch = appendRow(s.scratch, row)
		if err := s.keep(entry{data: s.scratch, key: key, seq: s.seq}); err != nil {
			return err
		}
		s.seq++
	}
	if err := s.input.Close(); err != nil {
		return err
	}
	if s.runs != nil && s.runs.any() {
		if err := s.spill(); err != nil {
			return err
		}
		var err error
		s.reader, err = s.runs.merged()
		return err
	}
	sortEntries(s.entries)
	s.reader = s.fromMemory()
	return nil
}

// fromMemory reads the sorted entries.
func (s *Sort) fromMemory() func() ([]byte, error) {
	i := 0
	return func() ([]byte, error) {
		if i == len(s.entries) {
			return nil, io.EOF
		}
		e := &s.entries[i]
		i++
		return e.data[e.key:], nil
	}
}

// keep copies an entry; without room it first empties the memory to disk.
func (s *Sort) keep(e entry) error {
	if s.runs != nil {
		if err := s.runs.prepare(); err != nil {
			return err
		}
	}
	err := s.insert(e)
	if err == nil || s.runs == nil || len(s.entries) == 0 {
		return err
	}
	if err := s.spill(); err != nil {
		return err
	}
	return s.insert(e)
}

// insert copies an entry into memory.
func (s *Sort) insert(e entry) error {
	if s.top {
		return s.insertTop(e)
	}
	if len(s.entries) == cap(s.entries) {
		size := max(64, 2*cap(s.entries))
		if err := s.hold((size - cap(s.entries)) * entrySize); err != nil {
			return err
		}
		s.entries = append(make([]entry, 0, size), s.entries...)
	}
	data, err := s.rows.copy(e.data)
	if err != nil {
		return err
	}
	e.data = data
	s.entries = append(s.entries, e)
	return nil
}

// insertTop keeps an entry if it is among the first limit ones so far.
func (s *Sort) insertTop(e entry) error {
	full := uint64(len(s.entries)) == s.limit
	if full && e.compare(&s.entries[0]) >= 0 {
		return nil
	}
	var room []byte
	if full {
		room = s.entries[0].data[:0]
	}
	if grown := len(e.data) - cap(room); grown > 0 {
		if !full {
			grown += entrySize * 2 // the slice doubles
		}
		if err := s.hold(grown); err != nil {
			return err
		}
		room = make([]byte, 0, len(e.data))
	}
	e.data = append(room, e.data...)
	if full {
		s.entries[0] = e
		s.sink(0)
		return nil
	}
	s.entries = append(s.entries, e)
	s.rise(len(s.entries) - 1)
	return nil
}

// rise moves an entry towards the root while it comes after its parent in order.
func (s *Sort) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.entries[i].compare(&s.entries[parent]) < 0 {
			return
		}
		s.entries[i], s.entries[parent] = s.entries[parent], s.entries[i]
		i = parent
	}
}

// sink moves an entry away from the root while a child comes after it in order.
func (s *Sort) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(s.entries) {
			return
		}
		if child+1 < len(s.entries) && s.entries[child+1].compare(&s.entries[child]) > 0 {
			child++
		}
		if s.entries[i].compare(&s.entries[child]) > 0 {
			return
		}
		s.entries[i], s.entries[child] = s.entries[child], s.entries[i]
		i = child
	}
}

// spill writes what is in memory to disk as a run and frees it. A Sort that did so once no longer keeps a heap.
func (s *Sort) spill() error {
	s.top = false
	if len(s.entries) == 0 {
		return nil
	}
	sortEntries(s.entries)
	return s.runs.write(s.entries, s.forget)
}

// forget frees the entries.
func (s *Sort) forget() {
	s.entries = nil
	s.rows.free()
	s.account.shrink(s.held)
	s.held = 0
}

// hold accounts n bytes that forget frees.
func (s *Sort) hold(n int) error {
	if err := s.account.grow(int64(n)); err != nil {
		return err
	}
	s.held += int64(n)
	return nil
}

// Close frees memory and disk and closes the input.
func (s *Sort) Close() error {
	s.sorted, s.reader = true, nil
	s.forget()
	if s.runs != nil {
		s.runs.close()
	}
	s.account.release()
	return s.input.Close()
}
