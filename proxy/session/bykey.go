package session

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/txn"
)

// runByKey is an UPDATE or DELETE whose rows no shard can find by itself, as with ORDER BY … LIMIT over several shards: they are
// found and locked in the statement's order over all shards, and each shard then changes those of its own, by their
// primary keys; each copy of a broadcast table changes those of the first. Both steps are one transaction. parts are run before
// them; nil: there are none.
func (s *Session) runByKey(ctx context.Context, x *execution, node *plan.ByKey, parts *plan.Gather) error {
	// LIMIT satisfies sql_safe_updates, in a DELETE of some servers only; the keys do not where a shard's optimizer does
	// not use their index.
	v, _ := s.state.Var("sql_safe_updates")
	if v == "1" && (x.st.parsed.Clauses.Limit == nil || x.st.parsed.Kind == parser.Delete) {
		return sqlerr.NotSupported("an UPDATE without LIMIT or a DELETE, whose rows are found over several shards, under sql_safe_updates")
	}
	defer s.override("sql_safe_updates", "0")()
	defer s.stopClock(x)()
	own := s.txn == nil
	if own {
		defer s.ownTransaction(txn.Options{})()
	}
	var w *write
	change := func() (err error) {
		w, err = s.changeByKey(ctx, x, node, own)
		return err
	}
	var err error
	if parts == nil {
		err = change()
	} else {
		none := *x.plan
		none.Shape = parts.Rest
		in := *x
		in.plan, x = &none, &in
		err = s.besideParts(ctx, x, parts, change)
	}
	if own {
		err = s.endOwn(ctx, err)
	}
	if err != nil {
		return err
	}
	return w.respond(ctx)
}

func (s *Session) changeByKey(ctx context.Context, x *execution, node *plan.ByKey, own bool) (*write, error) {
	defer s.asAChange(x)()
	keys, err := s.keysByTarget(ctx, x, node)
	if err != nil {
		return nil, err
	}
	route := *node.Write
	w := &write{s: s, x: x, route: &route}
	for i := range route.Targets {
		items := keys[i]
		if node.Copies {
			items = keys[0]
		}
		if len(items) == 0 {
			continue
		}
		keep := make([]int32, len(items))
		for k, item := range items {
			if keep[k] = int32(len(w.keys)); node.Copies && i > 0 {
				keep[k] = int32(k)
				continue
			}
			w.keys = append(w.keys, []rewrite.Piece{{Op: rewrite.Text, Text: item}})
		}
		w.units = append(w.units, plan.RouteUnit{Index: i, Target: &route.Targets[i], Keep: [][]int32{keep}})
	}
	switch {
	case len(w.units) == 0 && node.Random:
		return w, w.nothing() // asked anew, a condition at random could meet a row
	case len(w.units) == 0:
		// One shard runs the client's own text, which meets no row either, so that the answer has the form that it always has.
		w.units, route.Template = []plan.RouteUnit{{Target: &route.Targets[0]}}, x.plan.Shape
		return w, w.none(ctx, own, node.Copies)
	default:
		template := *node.Write.Template
		template.Lists = append([]rewrite.List{}, template.Lists...)
		template.Lists[0].Items = w.keys
		route.Template = &template
	}
	if node.Image != nil && len(w.keys) > 0 {
		return w, w.image(ctx, node.Image, own)
	}
	return w, w.inTransaction(ctx, own)
}

// asAChange has servers look for rows as UPDATE and DELETE do, which ask a subquery of each row and do not join with it: a
// MariaDB server compares an ENUM with numbers otherwise in either way.
func (s *Session) asAChange(x *execution) (restore func()) {
	st := x.st.parsed
	if !slices.ContainsFunc(st.Tokens, func(t parser.Token) bool { return t.Is("SELECT") }) {
		return func() {}
	}
	v, set := s.state.Var("optimizer_switch")
	if !set {
		v = "'semijoin=on,materialization=on'"
		if s.srv.Flavour.MariaDB {
			v = "'semijoin=on,materialization=on,exists_to_in=on'"
		}
	}
	for _, join := range []string{"semijoin", "materialization", "exists_to_in"} {
		v = strings.ReplaceAll(v, join+"=on", join+"=off")
	}
	return s.override("optimizer_switch", v)
}

// inTransaction executes the units in the statement's own transaction or, undone by a savepoint, in the client's.
func (w *write) inTransaction(ctx context.Context, own bool) error {
	if !own {
		return w.atomically(ctx, false)
	}
	return w.execute(ctx)
}

// none runs the client's own text where no row was found. Outside of REPEATABLE READ another client's row may have come
// since, which a single copy of a broadcast table must not change.
func (w *write) none(ctx context.Context, own, copies bool) error {
	kept, total := w.s.diag.mark()
	if err := w.inTransaction(ctx, own); err != nil {
		return err
	}
	w.s.diag.cut(kept, total) // what it warns of has been said where the rows were looked for
	if !copies {
		return nil
	}
	if w.total.AffectedRows == 0 && !w.info.matched() {
		return nil
	}
	if !own && w.s.txn != nil {
		w.undo(ctx)
	}
	return sqlerr.RowsChanged()
}

// nothing is an UPDATE or DELETE of no row of a broadcast table.
func (w *write) nothing() error {
	if w.x.st.parsed.Kind != parser.Update {
		return nil
	}
	if limit := w.x.st.parsed.Clauses.Limit; limit != nil && limit.Count >= 0 {
		if v, err := w.x.args.Value(limit.Count); err != nil || v.Int == 0 {
			return err // LIMIT 0 does not even look
		}
	}
	w.info.add([]byte("Rows matched: 0  Changed: 0  Warnings: 0"))
	return nil
}

// keysByTarget finds the rows, and gives their primary keys as SQL by the target that has them.
func (s *Session) keysByTarget(ctx context.Context, x *execution, node *plan.ByKey) (map[int][]string, error) {
	input, columns := node.Input, node.Keys
	if p, ok := input.(*plan.Project); ok {
		// The target's index rides on each row, behind the columns that a Project would keep.
		columns = make([]int, len(node.Keys))
		for i, k := range node.Keys {
			columns[i] = p.Columns[k].Column
		}
		input = p.Input
	}
	text := *x
	text.form = 0 // the keys are read as text, also for an EXECUTE
	if len(x.params) > 0 {
		text.form = x.form
	}
	defer s.unconverted()()
	t := &tree{s: s, x: &text, origin: true, budget: s.queryBudget()}
	defer t.release()
	rows, err := merge.Build(input, t.leavesOf(ctx), t.options())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // read to its end, or the error that stopped it is reported
	out := map[int][]string{}
	for {
		row, err := rows.Next(ctx)
		if isEOF(err) {
			t.measured()
			err = rows.Close() // with LIMIT it is not read to its end
			t.heard(ctx)
			return out, err
		}
		if err != nil {
			return nil, err
		}
		target, err := strconv.Atoi(string(row[len(row)-1]))
		if err != nil {
			return nil, sqlerr.Internal("a row that lost its origin")
		}
		key := s.keyLiteral(rows.Columns(), row, columns)
		if err := t.budget.Reserve("the keys of an UPDATE or DELETE with LIMIT", int64(len(key)+32)); err != nil {
			return nil, err
		}
		out[target] = append(out[target], key)
	}
}

// keyLiteral writes a primary key as a row value.
func (s *Session) keyLiteral(columns []sqltypes.Column, row sqltypes.Row, key []int) string {
	b := []byte{'('}
	for i, c := range key {
		if i > 0 {
			b = append(b, ',')
		}
		if row[c] == nil {
			b = append(b, "NULL"...)
		} else {
			text, _ := s.introduced(row[c], &columns[c]) // without a collation: that of the column is the one that keys are compared by
			b = append(b, text...)
		}
	}
	return string(append(b, ')'))
}

// originColumn is the column that carries a row's target.
var originColumn = sqltypes.Column{Name: "_origin", Type: sqltypes.Long, Collation: sqltypes.CollationBinary, Length: 11}

// literal writes a value that a query has answered so that it reads the same under any sql_mode and charset, and has the same type and
// collation.
func (s *Session) literal(cell []byte, column *sqltypes.Column) string {
	text, collation := s.introduced(cell, column)
	if collation != "" {
		text += " COLLATE " + collation
	}
	return text
}

// introduced is literal without the collation, which it tells.
func (s *Session) introduced(cell []byte, column *sqltypes.Column) (text, collation string) {
	switch {
	case column.Type.IsInteger() || column.Type.IsDecimal():
		return string(cell), ""
	case column.Type.IsFloat():
		if strings.ContainsAny(string(cell), "eE") {
			return string(cell), ""
		}
		return string(cell) + "e0", ""
	}
	hex := string(sqltypes.BinaryValue(cell).AppendSQL(nil))
	if column.Type == sqltypes.JSON { // its collation says binary, which no server reads as JSON
		return "CAST(_" + s.resultsCharset() + " " + hex + " AS JSON)", ""
	}
	if column.Collation == sqltypes.CollationBinary {
		return hex, ""
	}
	// What is read back comes in character_set_results: the name of the column's collation tells that charset.
	if charset, collation, ok := s.srv.collation(column.Collation); ok {
		return "_" + charset + " " + hex, collation
	}
	return "_utf8mb4 " + hex, ""
}
