package session

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// givenIDs are the ids that a client gives in a column whose unique key lacks the sharding key. Each shard sees those of its own
// rows; on the others they are looked for after the rows are stored, in the same transaction and with locks. Two
// statements that give one id at once both store before they look, so that one of them at least finds the other's.
type givenIDs struct {
	column, key string
	composite   bool     // key has other columns too
	ids         []string // by row, as SQL; "": generated
}

// gives takes note of an id that the client gives in one of n rows.
func (x *execution) gives(g *plan.Generate, row, n int, v sqltypes.Value) error {
	if g.Unique == "" {
		return nil
	}
	if x.givenIDs == nil || row == 0 || len(x.givenIDs.ids) != n {
		x.givenIDs = &givenIDs{column: g.Column, key: g.Unique, composite: g.Composite, ids: make([]string, n)}
	}
	var err error
	x.givenIDs.ids[row], err = idLiteral(g, v)
	return err
}

// idLiteral is an id as the column stores it.
func idLiteral(g *plan.Generate, v sqltypes.Value) (string, error) {
	if g.Text && (v.Kind == sqltypes.KindString || v.Kind == sqltypes.KindBinary) {
		return string(v.AppendSQL(nil)), nil
	}
	text := strings.TrimSpace(string(v.AppendText(nil)))
	if _, err := strconv.ParseInt(text, 10, 64); err == nil && !g.Text && v.Kind != sqltypes.KindBinary {
		return text, nil
	}
	if _, err := strconv.ParseUint(text, 10, 64); err == nil && !g.Text && v.Kind != sqltypes.KindBinary {
		return text, nil
	}
	return "", sqlerr.NotSupported("an id that is not a whole number, of a column whose unique key lacks the sharding key (see unique: per_shard)")
}

// elsewhere looks for the ids that the client gave on the shards to which their rows did not go.
func (w *write) elsewhere(ctx context.Context) error {
	given := w.x.givenIDs
	at := make([]int, len(given.ids)) // by row: the target
	for i := range w.units {
		u := &w.units[i]
		if len(u.Keep) == 0 || u.Keep[0] == nil {
			for row := range at {
				at[row] = u.Index
			}
			continue
		}
		for _, row := range u.Keep[0] {
			at[row] = u.Index
		}
	}
	for target := range w.route.Targets {
		var ids []string
		for row, id := range given.ids {
			if id != "" && at[row] != target {
				ids = append(ids, id)
			}
		}
		for chunk := range slices.Chunk(ids, 1000) {
			if err := w.lookFor(ctx, &w.route.Targets[target], chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookFor fails when the target has a row with one of the ids.
func (w *write) lookFor(ctx context.Context, t *plan.Target, ids []string) error {
	given := w.x.givenIDs
	column := "`" + strings.ReplaceAll(given.column, "`", "``") + "`"
	wait := ""
	if w.s.srv.Flavour.MariaDB {
		wait = " WAIT 2" // two that have stored one id on different shards would wait for each other until their lock waits end
	}
	look := rewrite.Template{Pieces: []rewrite.Piece{{Op: rewrite.Text, Text: "SELECT " + column + " FROM "}, {Op: rewrite.Table},
		{Op: rewrite.Text, Text: " WHERE " + column + " IN (" + strings.Join(ids, ", ") + ") LIMIT 1 LOCK IN SHARE MODE" + wait}}}
	sql, _, err := w.s.sql(w.x, &look, &plan.RouteUnit{Target: t})
	if err != nil {
		return err
	}
	text := string(sql)
	h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
	var rows []sqltypes.Row
	if err == nil {
		_, rows, err = h.lease.Conn().QueryRows(ctx, text)
	}
	if err != nil {
		return w.s.failed(ctx, h, w.route, t, err)
	}
	if len(rows) == 0 {
		return nil
	}
	if given.composite {
		return sqlerr.NotSupported("an id that a row of another shard has, in the column " + given.column + " whose unique key " + given.key +
			" has other columns and lacks the sharding key (see unique: per_shard)")
	}
	c := w.x.st.parsed.Clauses
	if w.x.st.parsed.Kind == parser.Replace || c != nil && (c.Ignore || len(c.OnDupSet) > 0) {
		return sqlerr.NotSupported("REPLACE, IGNORE or ON DUPLICATE KEY UPDATE with an id that a row of another shard has")
	}
	key := given.key
	if !w.s.srv.Flavour.MariaDB {
		key = w.route.Tables[0] + "." + key
	}
	return sqlerr.New(sqlerr.CodeDupEntry, "23000", "Duplicate entry '"+string(rows[0][0])+"' for key '"+key+"'")
}
