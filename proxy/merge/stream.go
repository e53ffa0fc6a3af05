package merge

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// RowStream is rows of one shape. Columns does not change over the stream's life. Next returns io.EOF at the end;
// the row, its cells included, is valid until the next Next or Close and must not be changed. Close is idempotent,
// must be called, and releases the shard's connection. A stream is used by one goroutine at a time.
type RowStream interface {
	Columns() []sqltypes.Column
	Next(ctx context.Context) (sqltypes.Row, error)
	Close() error
}

// closeAll closes every stream, also after a failure, and joins the failures.
func closeAll(in []RowStream) error {
	var errs []error
	for _, s := range in {
		if err := s.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sameShape reports the first column in which an input differs from the first input in a way that changes how
// cells read: their number, or the class of a column's type. Widths and flags may differ, as they do when shards
// execute one statement by different means.
func sameShape(in []RowStream) error {
	if len(in) == 0 {
		return sqlerr.Internal("a merge without inputs")
	}
	first := in[0].Columns()
	for i, s := range in[1:] {
		cols := s.Columns()
		if len(cols) != len(first) {
			return sqlerr.ShardsDiffer(fmt.Sprintf("%d columns from the first, %d from number %d", len(first), len(cols), i+2))
		}
		for c := range cols {
			a, b := classOf(&first[c]), classOf(&cols[c])
			if a != b && a != classNull && b != classNull && !(a.named() && b.named()) {
				return sqlerr.ShardsDiffer(fmt.Sprintf("column '%s' is %s on the first, %s on number %d", first[c].Name, a, b, i+2))
			}
		}
	}
	return nil
}
