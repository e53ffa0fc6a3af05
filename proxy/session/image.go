package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// image runs a change on the first copy of a table and gives the others its rows. keys are those of the rows.
func (w *write) image(ctx context.Context, image *plan.Image, own bool) error {
	if err := w.undoable(); err != nil {
		return err
	}
	if !own {
		if err := w.savepoint(ctx); err != nil {
			return err
		}
	}
	err := w.firstCopy(ctx, image)
	if err != nil && !own && w.s.txn != nil {
		w.undo(ctx)
	}
	return err
}

func (w *write) firstCopy(ctx context.Context, image *plan.Image) error {
	if err := w.untriggered(ctx, image); err != nil {
		return err
	}
	if err := w.round(ctx, [][]*plan.RouteUnit{{&w.units[0]}}); err != nil {
		return err
	}
	// Rows travel in a time zone that has every time once, and are stored whatever a sql_mode thinks of them: they have been
	// stored before.
	defer w.s.override("time_zone", "'+00:00'")()
	defer w.s.override("sql_mode", "'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'")()
	rows, err := w.imageRows(ctx, image)
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size < transferBatch) {
			size += len(rows[n][0].Text)
			n++
		}
		if err := w.imageTo(ctx, image, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// untriggered refuses a table with triggers: they would run once more on what they have already changed.
func (w *write) untriggered(ctx context.Context, image *plan.Image) error {
	t := w.units[0].Target
	h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
	if err != nil {
		return w.s.failed(ctx, h, w.route, t, err)
	}
	_, rows, err := h.lease.Conn().QueryRows(ctx, "SELECT 1 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = "+
		sqlString(t.Schemas[image.Table])+" AND EVENT_OBJECT_TABLE = "+sqlString(t.Names[image.Table])+" LIMIT 1")
	if err == nil && len(rows) > 0 {
		return sqlerr.NotSupported("a change that is evaluated once of a broadcast table with triggers")
	}
	return err
}

// imageRows reads the changed rows from the first copy, as the others are given them.
func (w *write) imageRows(ctx context.Context, image *plan.Image) ([][]rewrite.Piece, error) {
	t := w.units[0].Target
	read := *image.Read
	read.Lists = []rewrite.List{{Separator: ", ", Items: w.keys}}
	sql, _, err := w.s.sql(w.x, &read, &plan.RouteUnit{Target: t})
	if err != nil {
		return nil, err
	}
	text := string(sql)
	h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
	var rows []sqltypes.Row
	if err == nil {
		_, rows, err = h.lease.Conn().QueryRows(ctx, text)
	}
	if err != nil {
		return nil, w.s.failed(ctx, h, w.route, t, err)
	}
	out := make([][]rewrite.Piece, len(rows))
	for i, row := range rows {
		out[i] = []rewrite.Piece{{Op: rewrite.Text, Text: imageLiteral(row, image.Forms)}}
	}
	return out, nil
}

func imageLiteral(row sqltypes.Row, forms []plan.ImageForm) string {
	b := []byte{'('}
	for i, cell := range row {
		if i > 0 {
			b = append(b, ", "...)
		}
		switch {
		case cell == nil:
			b = append(b, "NULL"...)
		case forms[i] == plan.ImageNumber:
			b = append(b, cell...)
		case forms[i] == plan.ImageQuoted:
			b = append(append(append(b, '\''), cell...), '\'')
		default:
			b = append(append(append(b, "x'"...), cell...), '\'')
		}
	}
	return string(append(b, ')'))
}

// imageTo gives rows to the other copies.
func (w *write) imageTo(ctx context.Context, image *plan.Image, rows [][]rewrite.Piece) error {
	for i := 1; i < len(w.units); i++ {
		t := w.units[i].Target
		template := *image.Write
		template.Lists = []rewrite.List{{Separator: ", ", Items: rows}}
		sql, _, err := w.s.sql(w.x, &template, &plan.RouteUnit{Target: t})
		if err != nil {
			return err
		}
		text := string(sql)
		h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
		if err == nil {
			err = h.Exec(ctx, text)
		}
		if err != nil {
			return w.s.failed(ctx, h, w.route, t, err)
		}
	}
	return nil
}
