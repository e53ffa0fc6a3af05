package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
)

// exactColumns are the definitions that one server gives the answer of a statement that is merged here: a shard is asked
// to describe the client's own text, once per statement shape. Nil where the answer's rows come with them.
func (s *Session) exactColumns(ctx context.Context, x *execution) ([]sqltypes.Column, error) {
	route := plan.Leaf(x.plan.Root)
	if x.plan.Shape == nil || route == nil || len(route.Targets) == 0 {
		return nil, nil
	}
	results, _ := s.state.Var("character_set_results")
	if known := x.st.shape.Load(); known != nil && known.results == results {
		return known.columns, nil
	}
	described := *x
	described.args = &args{scan: x.args.scan, text: x.args.text}
	t := &tree{s: s, x: &described}
	t.anyArguments()
	stmt, err := t.prepare(ctx, &route.Targets[0], x.plan.Shape)
	if err != nil {
		return nil, err
	}
	columns := logicalColumns(append([]sqltypes.Column(nil), stmt.Columns...), s, route, &route.Targets[0])
	x.st.shape.Store(&shape{results, columns})
	return columns, nil
}

// computes reports whether columns of the answer are made here and not by the shards, whose definitions are then others.
func computes(node plan.Node) bool {
	switch n := node.(type) {
	case *plan.Aggregate, *plan.Residual:
		return true
	case *plan.MergeSort:
		return computes(n.Input)
	case *plan.Sort:
		return computes(n.Input)
	case *plan.Limit:
		return computes(n.Input)
	case *plan.Distinct:
		return computes(n.Input)
	case *plan.Project:
		return computes(n.Input)
	}
	return false
}

// defined gives a stream the definitions that are exact, where they are known.
func defined(rows merge.RowStream, columns []sqltypes.Column) merge.RowStream {
	if len(columns) != len(rows.Columns()) {
		return rows
	}
	return &definedRows{rows, columns}
}

// definedRows are rows under other definitions.
type definedRows struct {
	merge.RowStream
	columns []sqltypes.Column
}

// Columns returns the definitions.
func (d *definedRows) Columns() []sqltypes.Column { return d.columns }
