package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
)

// namedRows puts logical names into the first column of rows that name their table there: the answers of ANALYZE,
// CHECK, CHECKSUM, OPTIMIZE and REPAIR TABLE.
type namedRows struct {
	merge.RowStream
	route  *plan.Route
	target *plan.Target
	row    sqltypes.Row
}

// Next returns the next row.
func (r *namedRows) Next(ctx context.Context) (sqltypes.Row, error) {
	row, err := r.RowStream.Next(ctx)
	if err != nil || len(row) == 0 {
		return row, err
	}
	for i := range r.target.Names {
		if i < len(r.route.Databases) && string(row[0]) == r.target.Schemas[i]+"."+r.target.Names[i] {
			r.row = append(r.row[:0], row...)
			r.row[0] = []byte(r.route.Databases[i] + "." + r.route.Tables[i])
			return r.row, nil
		}
	}
	return row, nil
}
