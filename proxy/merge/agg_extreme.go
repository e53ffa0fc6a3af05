package merge

import (
	"bytes"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// extreme is MIN and MAX: the cell with the least key; MAX inverts its keys. Of equal ones the first stays.
type extreme struct {
	column int
	order  keyPart
	next   []byte
	best   cellBuffer
	cell   cellBuffer
	some   bool
}

func newExtreme(column int, order keyPart, acct *account) *extreme {
	return &extreme{column: column, order: order, best: cellBuffer{account: acct}, cell: cellBuffer{account: acct}}
}

func (e *extreme) reset() { e.some = false }

func (e *extreme) add(row sqltypes.Row) error {
	if row[e.column] == nil {
		return nil
	}
	var err error
	if e.next, err = e.order.append(e.next[:0], row); err != nil {
		return err
	}
	if e.some && bytes.Compare(e.next, e.best.bytes) >= 0 {
		return nil
	}
	e.some = true
	if err := e.best.set(e.next); err != nil {
		return err
	}
	return e.cell.set(row[e.column])
}

func (e *extreme) result(dst []byte) ([]byte, bool, error) {
	return append(dst, e.cell.bytes...), !e.some, nil
}
