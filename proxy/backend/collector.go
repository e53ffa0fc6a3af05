package backend

import (
	"bytes"
	"errors"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// maxCollected is how much a control question may answer, bytes: it is held in memory.
const maxCollected = 16 << 20

var errTooMuch = errors.New("the answer to a control question is longer than 16 MiB")

// collector keeps a small result.
type collector struct {
	cols  []sqltypes.Column
	rows  []sqltypes.Row
	bytes int

	room    func(bytes int64) error // asked in the place of maxCollected; nil: maxCollected it is
	refused error                   // its answer; no more rows are kept then, but read to the end
}

func (k *collector) column(p []byte, caps wire.Capability) error {
	var col sqltypes.Column
	if err := wire.ParseColumn(p, caps, &col); err != nil {
		return err
	}
	k.cols = append(k.cols, col)
	return nil
}

func (k *collector) row(p []byte, columns int) error {
	if k.bytes += len(p); k.room == nil && k.bytes > maxCollected {
		return errTooMuch
	}
	if k.room != nil && k.refused == nil {
		k.refused = k.room(int64(len(p)))
	}
	if k.refused != nil {
		return nil
	}
	row := make(sqltypes.Row, columns)
	if err := wire.ParseTextRow(bytes.Clone(p), row); err != nil {
		return err
	}
	k.rows = append(k.rows, row)
	return nil
}
