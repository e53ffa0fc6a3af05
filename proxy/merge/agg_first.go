package merge

import "github.com/heddle-mesh/heddle/internal/sqltypes"

// first keeps the group's first cell. Where count names a column, a shard whose COUNT is 0 had no row to take a value
// from: its cell stands only until another shard had one.
type first struct {
	column, count int
	cell          cellBuffer
	null          bool
	some, firm    bool // a cell is kept; it is a table row's
}

func (f *first) reset() { f.cell.bytes, f.null, f.some, f.firm = f.cell.bytes[:0], false, false, false }

func (f *first) add(row sqltypes.Row) error {
	if f.firm {
		return nil
	}
	firm := f.count < 0 || !isZero(row[f.count])
	if f.some && !firm {
		return nil
	}
	f.some, f.firm = true, firm
	f.null = row[f.column] == nil
	return f.cell.set(row[f.column])
}

// isZero reports whether a COUNT is 0.
func isZero(cell []byte) bool { return len(cell) == 1 && cell[0] == '0' }

func (f *first) result(dst []byte) ([]byte, bool, error) {
	return append(dst, f.cell.bytes...), f.null || !f.some, nil
}
