package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// describe has one of a plan's shards prepare its part, which says what parameters and columns it has.
func (t *tree) describe(ctx context.Context, root plan.Node) (*backend.Stmt, error) {
	if t, ok := root.(*plan.Transfer); ok {
		root = t.Write
	}
	route := plan.Leaf(root)
	if route == nil || len(route.Targets) == 0 {
		return &backend.Stmt{}, nil
	}
	t.anyArguments()
	if shape := t.x.plan.Shape; shape != nil {
		return t.prepare(ctx, &route.Targets[0], shape)
	}
	return t.prepare(ctx, &route.Targets[0], route.Template)
}

// prepare prepares a template at a target with all of its list items.
func (t *tree) prepare(ctx context.Context, target *plan.Target, template *rewrite.Template) (*backend.Stmt, error) {
	unit := plan.RouteUnit{Target: target}
	sql, _, err := t.s.sql(t.x, template, &unit)
	if err != nil {
		return nil, err
	}
	h, err := t.s.hold(ctx, target.DataSource, target.Schema, t.x.need)
	if err != nil {
		return nil, err
	}
	if t.s.locked != nil { // what the connection has prepared before says nothing of the locks
		return t.prepareText(ctx, target, plan.Leaf(t.x.plan.Root), string(sql))
	}
	conn := h.lease.Conn()
	prepare := conn.Prepare
	varies := t.x.st.parsed.Uses.Has(parser.UseSysVar|parser.UseUserVarRead) || t.s.temporaryOf(t.x.st.parsed) != ""
	if varies || t.warned != nil {
		prepare = conn.PrepareOwn // one of the connection's own may have been prepared under another value, or before another table
	}
	stmt, err := prepare(ctx, string(sql))
	if err != nil {
		return nil, t.s.failed(ctx, h, plan.Leaf(t.x.plan.Root), target, err)
	}
	if varies || t.warned != nil {
		conn.CloseStmt(stmt)
	}
	if t.warned != nil {
		if err := t.s.warnings(ctx, h, t.warned, target, stmt.Warnings); err != nil {
			return nil, err
		}
	}
	return stmt, nil
}

// hearPreparation makes the warnings of a preparation the session's: a shard that has the statement from before is asked
// to prepare it once more.
func (t *tree) hearPreparation(ctx context.Context, root plan.Node) (uint16, error) {
	t.s.diag.reset()
	if t.warned = plan.Leaf(root); t.warned == nil {
		return 0, nil
	}
	_, err := t.describe(ctx, root)
	t.warned = nil
	return uint16(t.s.diag.total), err
}

// prepareText has a server prepare a text, for what it says of it.
func (t *tree) prepareText(ctx context.Context, target *plan.Target, route *plan.Route, sql string) (*backend.Stmt, error) {
	h, err := t.s.hold(ctx, target.DataSource, target.Schema, t.x.need)
	if err != nil {
		return nil, err
	}
	stmt, err := h.lease.Conn().PrepareOwn(ctx, sql)
	if err != nil {
		return nil, t.s.failed(ctx, h, route, target, err)
	}
	h.lease.Conn().CloseStmt(stmt)
	return stmt, nil
}

// anyArguments binds parameters to something, so that a LIMIT can be rendered.
func (t *tree) anyArguments() {
	if t.x.args.params != nil {
		return
	}
	t.x.args.params = make([]sqltypes.Value, t.x.args.scan.Params)
	for i := range t.x.args.params {
		t.x.args.params[i] = sqltypes.IntValue(1)
	}
}

// columns returns the definitions of a plan's result without running it.
func (t *tree) columns(ctx context.Context) ([]sqltypes.Column, error) {
	switch t.x.plan.Root.(type) {
	case *plan.Insert, *plan.Update, *plan.Delete, *plan.ByKey, *plan.DDL, *plan.DropEach, *plan.TableAdmin, *plan.Transfer, *plan.Keeping:
		stmt, err := t.describe(ctx, t.x.plan.Root)
		if err != nil {
			return nil, err
		}
		return stmt.Columns, nil
	}
	if l, ok := t.x.plan.Root.(*plan.Lock); ok {
		_, err := t.prepareText(ctx, l.Parts[0].Target, l.Route, l.Parts[0].SQL)
		return nil, err
	}
	if _, parts := t.x.plan.Root.(*plan.Gather); parts && (assigns(t.x.st.parsed) || changesRows[t.x.st.parsed.Kind] || t.x.st.parsed.Kind == parser.CreateTemporaryTable) {
		return nil, nil // described already, and without columns
	}
	t.anyArguments()
	if exact, err := t.preparedColumns(ctx); err != nil || exact != nil {
		return exact, err
	}
	rows, err := merge.Build(t.x.plan.Root, func(n plan.Node) ([]merge.RowStream, error) { return t.shapes(ctx, n) }, t.options())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows of memory
	return rows.Columns(), nil
}

// shapes gives leaves without rows.
func (t *tree) shapes(ctx context.Context, node plan.Node) ([]merge.RowStream, error) {
	switch n := node.(type) {
	case *plan.Route:
		if len(n.Targets) == 0 {
			return nil, sqlerr.Internal("a route without a target")
		}
		stmt, err := t.prepare(ctx, &n.Targets[0], n.Template)
		if err != nil {
			return nil, err
		}
		columns := append([]sqltypes.Column(nil), stmt.Columns...)
		return []merge.RowStream{merge.NewRows(logicalColumns(columns, t.s, n, &n.Targets[0]), nil)}, nil
	case *plan.Gather:
		return nil, sqlerr.Internal("a statement in parts without a shape")
	case *plan.Residual:
		columns, err := t.residualShape(ctx, n)
		if err != nil {
			return nil, err
		}
		return []merge.RowStream{merge.NewRows(columns, nil)}, nil
	}
	return nil, sqlerr.Internal("a plan with a write below an operator")
}
