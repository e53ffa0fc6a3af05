package merge

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// entry is a row that Sort keeps: its encoded key, then its cells, each with its length plus one before it, 0 for
// NULL.
type entry struct {
	data []byte
	key  int    // length of the key
	seq  uint64 // number of the row in the input: equal keys keep the input's order
}

// entrySize is what an entry costs beside its data.
const entrySize = 40

func (e *entry) compare(o *entry) int {
	return cmp.Or(bytes.Compare(e.data[:e.key], o.data[:o.key]), cmp.Compare(e.seq, o.seq))
}

func sortEntries(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int { return a.compare(&b) })
}

// appendRow appends the row's cells.
func appendRow(dst []byte, row sqltypes.Row) []byte {
	for _, cell := range row {
		if cell == nil {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(cell))+1)
		dst = append(dst, cell...)
	}
	return dst
}

// readRow fills row, which has its full length, with the cells in data. The cells point into data.
func readRow(row sqltypes.Row, data []byte) error {
	for i := range row {
		n, used := binary.Uvarint(data)
		if used <= 0 || n > uint64(len(data)-used)+1 {
			return sqlerr.Internal("a sorted row does not read back")
		}
		if data = data[used:]; n == 0 {
			row[i] = nil
			continue
		}
		row[i] = data[: n-1 : n-1]
		data = data[n-1:]
	}
	return nil
}

// arena gives out accounted memory for rows that are freed together.
type arena struct {
	account *account
	block   []byte // the current block's free part
	bytes   int64  // accounted
}

// arenaBlock is the size of a block; a larger row has one of its own.
const arenaBlock = 32 << 10

// copy returns a copy of p.
func (a *arena) copy(p []byte) ([]byte, error) {
	if len(p) > len(a.block) {
		size := max(arenaBlock, len(p))
		if err := a.account.grow(int64(size)); err != nil {
			if size = len(p); a.account.grow(int64(size)) != nil {
				return nil, err
			}
		}
		a.block = make([]byte, size)
		a.bytes += int64(size)
	}
	n := copy(a.block, p)
	kept := a.block[:n:n]
	a.block = a.block[n:]
	return kept, nil
}

// free gives everything back.
func (a *arena) free() {
	a.account.shrink(a.bytes)
	a.block, a.bytes = nil, 0
}
