package session

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// ask has a server evaluate what the statement's units depend on: expressions on the session's connection to the first
// target where there is one, what columns store on one aside.
func (s *Session) ask(ctx context.Context, x *execution, route *plan.Route) error {
	if route.Ask == nil {
		return nil
	}
	defer s.override("character_set_results", "utf8mb4")()
	answers := &x.args.generated
	x.args.generated = x.args.generated[:min(len(x.args.generated), route.Ask.Base)]
	for len(x.args.generated) < route.Ask.Base {
		x.args.generated = append(x.args.generated, sqltypes.NullValue)
	}
	q := question{s: s, x: x, route: route, target: &route.Targets[0]}
	if err := q.values(ctx, route.Ask, answers); err != nil {
		return err
	}
	if c, st := x.st.parsed.Clauses, route.Ask.Stored; st != nil && c != nil && !c.Ignore && route.Rows != nil {
		q.checks = len(st.Check.Lists[0].Items) == len(route.Rows.Keys)
	}
	return q.stored(ctx, route.Ask.Stored, answers)
}

// unlessUnread is the error of a question, unless a server would not even have read the statement: names come before values.
func (s *Session) unlessUnread(ctx context.Context, x *execution, err error) error {
	if e := sqlerr.As(err); e == nil || e.Code == sqlerr.CodeNotSupportedYet {
		return err
	}
	if _, unread := (&tree{s: s, x: x}).describe(ctx, x.plan.Root); unread != nil {
		s.diag.reset()
		return unread
	}
	return err
}

// askStored asks what the key columns store of rows that were not known when the statement was planned. The answer is
// row by row.
func (s *Session) askStored(ctx context.Context, x *execution, route *plan.Route, st *plan.Stored, rows [][]rewrite.Piece) ([]sqltypes.Value, error) {
	fill := *st.Fill
	fill.Lists = []rewrite.List{{Separator: ", ", Items: rows}}
	asked := *st
	asked.Fill = &fill
	q := question{s: s, x: x, route: route, target: &route.Targets[0]}
	var answers []sqltypes.Value
	err := q.stored(ctx, &asked, &answers)
	return answers, err
}

// question is one Ask under way.
type question struct {
	s      *Session
	x      *execution
	h      *held
	route  *plan.Route
	target *plan.Target
	checks bool // a row that the server refuses is the statement's error
}

// values evaluates expressions, each once.
func (q *question) values(ctx context.Context, a *plan.Ask, answers *[]sqltypes.Value) error {
	if a.Select == nil {
		return nil
	}
	h, done, err := q.s.borrow(ctx, q.target.DataSource, q.target.Schema, q.x.need)
	if err != nil {
		return err
	}
	defer done()
	q.h = h
	answer, err := q.run(ctx, a.Select)
	if err != nil {
		return err
	}
	columns, err := answer.ReadColumns()
	if err != nil {
		return err
	}
	row, err := answer.Next(ctx)
	if err != nil {
		return err
	}
	for i, cell := range row {
		v, err := onceValue(cell, &columns[i])
		if err != nil {
			return err
		}
		*answers = append(*answers, v)
	}
	if err := answer.Close(); err != nil {
		return err
	}
	if answer.OK.Warnings > 0 {
		// In a strict sql_mode they would have been errors of the statement.
		return sqlerr.NotSupported("an expression that is evaluated once and causes warnings")
	}
	return nil
}

// stored finds out what key columns would store.
func (q *question) stored(ctx context.Context, st *plan.Stored, answers *[]sqltypes.Value) error {
	if st == nil {
		return nil
	}
	// Not in the transaction, which a server could then not roll back without a warning.
	lease, err := q.s.aside(ctx, q.target, q.s.flags, q.x.need)
	if err != nil {
		return err
	}
	defer lease.Release()
	q.h = &held{lease: lease, dataSource: q.target.DataSource}
	q.h.lease.Taint("a temporary table")
	if _, err := q.run(ctx, st.Create); err != nil {
		return err
	}
	fill, err := q.run(ctx, st.Fill)
	if err != nil {
		return err
	}
	refused := fill.OK.Warnings > 0
	answer, err := q.run(ctx, st.Read)
	if err != nil {
		return err
	}
	if _, err := answer.ReadColumns(); err != nil {
		return err
	}
	for {
		row, err := answer.Next(ctx)
		if isEOF(err) {
			break
		}
		if err != nil {
			return err
		}
		for i, cell := range row {
			v, err := storedValue(cell, st.Kinds[i])
			if err != nil {
				return err
			}
			*answers = append(*answers, v)
		}
	}
	var refusal error
	if q.checks && refused {
		_, refusal = q.run(ctx, st.Check)
		q.s.diag.without(codeUnknown) // which temporary tables add
	}
	if err := q.h.Exec(ctx, "DROP TEMPORARY TABLE `"+plan.StoredTable+"`"); err != nil {
		return errors.Join(refusal, err)
	}
	q.h.lease.Taint("")
	return refusal
}

// run runs one of the question's statements. Its answer, where it has rows, is yet to be read.
func (q *question) run(ctx context.Context, t *rewrite.Template) (*exec.Answer, error) {
	sql, params, err := q.s.sql(q.x, t, &plan.RouteUnit{Target: q.target})
	if err != nil {
		return nil, err
	}
	u := exec.Unit{SQL: sql, Params: params}
	if len(params) > 0 {
		u.Form = exec.BinaryRows
	}
	answer, err := exec.Start(ctx, q.h.lease.Conn(), &u)
	if err == nil {
		_, err = answer.Begin()
	}
	if err != nil {
		return nil, q.s.failed(ctx, q.h, q.route, q.target, err)
	}
	return answer, nil
}

// storedValue reads a cell of what a key column stores.
func storedValue(cell []byte, kind sqltypes.Kind) (sqltypes.Value, error) {
	if cell == nil {
		return sqltypes.NullValue, nil
	}
	text := string(cell)
	switch kind {
	case sqltypes.KindInt:
		n, err := strconv.ParseInt(text, 10, 64)
		return sqltypes.IntValue(n), err
	case sqltypes.KindUint:
		n, err := strconv.ParseUint(text, 10, 64)
		return sqltypes.UintValue(n), err
	case sqltypes.KindString, sqltypes.KindBinary:
		b, err := hex.DecodeString(text)
		return sqltypes.Value{Kind: kind, Collation: sqltypes.CollationUTF8MB4, Bytes: b}, err
	}
	return sqltypes.Value{Kind: kind, Bytes: []byte(text)}, nil
}

// onceValue is a value of a result as a literal of the same type.
func onceValue(cell []byte, c *sqltypes.Column) (sqltypes.Value, error) {
	v := sqltypes.Value{Bytes: append([]byte(nil), cell...)}
	switch {
	case cell == nil:
		return sqltypes.NullValue, nil
	case c.Type == sqltypes.Bit:
		v.Kind = sqltypes.KindBinary // an hexadecimal literal is a number too
	case c.Type == sqltypes.Float:
		return v, sqlerr.NotSupported("a FLOAT expression that is evaluated once")
	case c.Type.IsInteger() || c.Type.IsDecimal():
		v.Kind = sqltypes.KindDecimal
	case c.Type.IsFloat():
		v.Kind = sqltypes.KindDouble
	case c.Type == sqltypes.Date || c.Type == sqltypes.NewDate:
		v.Kind = sqltypes.KindDate
	case c.Type == sqltypes.Datetime || c.Type == sqltypes.Timestamp:
		v.Kind = sqltypes.KindDatetime
	case c.Type == sqltypes.Time:
		v.Kind = sqltypes.KindTime
	case c.Type == sqltypes.Geometry:
		return v, sqlerr.NotSupported("a geometry that is evaluated once")
	case c.Collation == sqltypes.CollationBinary:
		v.Kind = sqltypes.KindBinary
	default:
		v.Kind, v.Collation = sqltypes.KindString, sqltypes.CollationUTF8MB4
	}
	if v.Kind == sqltypes.KindDate || v.Kind == sqltypes.KindDatetime {
		if text := string(v.Bytes); strings.HasPrefix(text, "0000") || strings.Contains(text, "-00") {
			return v, sqlerr.NotSupported(fmt.Sprintf("the date %s as the value of an expression that is evaluated once", text))
		}
	}
	return v, nil
}
