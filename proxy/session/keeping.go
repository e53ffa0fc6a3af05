package session

import (
	"context"
	"errors"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/txn"
)

// runKeeping is an UPDATE that computes the sharding key: the new keys are read and the rows locked, and only if no row
// would have to move does the UPDATE run, in the same transaction.
func (s *Session) runKeeping(ctx context.Context, x *execution, node *plan.Keeping) error {
	defer s.stopClock(x)()
	own := s.txn == nil
	if own {
		defer s.ownTransaction(txn.Options{})()
	}
	w := &write{s: s, x: x, route: node.Write}
	err := s.keysStay(ctx, x, node)
	if err == nil {
		w.units, err = s.router.Route(ctx, node.Write, x.args)
	}
	switch {
	case err != nil:
	case own:
		err = w.execute(ctx)
	default:
		err = w.atomically(ctx, false)
	}
	if own {
		err = s.endOwn(ctx, err)
	}
	if err != nil {
		return err
	}
	return w.respond(ctx)
}

// keysStay reads the new keys and checks that each is of the shard that its row is on.
func (s *Session) keysStay(ctx context.Context, x *execution, node *plan.Keeping) error {
	defer s.asAChange(x)()
	defer s.override("character_set_results", "utf8mb4")()
	text := *x
	text.form = 0 // read as text, also for an EXECUTE without parameters
	if len(x.params) > 0 {
		text.form = x.form
	}
	t := &tree{s: s, x: &text, origin: true, budget: s.queryBudget()}
	defer t.release()
	rows, err := merge.Build(node.Input, t.leavesOf(ctx), t.options())
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // read to its end, or the error that stopped it is reported
	columns := rows.Columns()
	var unknown [][]rewrite.Piece
	var origins []int
	for {
		row, err := rows.Next(ctx)
		if isEOF(err) {
			break
		}
		if err != nil {
			return err
		}
		origin, err := strconv.Atoi(string(row[len(row)-1]))
		if err != nil {
			return sqlerr.Internal("a row that lost its origin")
		}
		key := make([]sqltypes.Value, len(row)-1)
		for i := range key {
			if key[i], err = onceValue(row[i], &columns[i]); err != nil {
				return err
			}
		}
		target, err := s.router.Place(ctx, node.Write, key)
		if _, ok := errors.AsType[*router.KeyUnknown](err); ok {
			literal := "(" + strconv.Itoa(len(unknown)) + ", " + rowLiteral(key)[1:]
			if err := t.budget.Reserve("the keys of an UPDATE", int64(len(literal)+48)); err != nil {
				return err
			}
			unknown, origins = append(unknown, []rewrite.Piece{{Op: rewrite.Text, Text: literal}}), append(origins, origin)
			continue
		}
		if err != nil {
			return err
		}
		if target != origin {
			return sqlerr.KeyMove(node.Table, node.Column)
		}
	}
	return s.unknownStay(ctx, x, node, unknown, origins)
}

// unknownStay is keysStay for keys of which a server says what is stored.
func (s *Session) unknownStay(ctx context.Context, x *execution, node *plan.Keeping, rows [][]rewrite.Piece, origins []int) error {
	if len(rows) == 0 {
		return nil
	}
	answers, err := s.askStored(ctx, x, node.Write, node.Stored, rows)
	if err != nil {
		return err
	}
	width := len(node.Stored.Kinds)
	for i, origin := range origins {
		if target, err := s.router.Place(ctx, node.Write, answers[i*width:(i+1)*width]); err != nil || target != origin {
			return sqlerr.KeyMove(node.Table, node.Column)
		}
	}
	return nil
}
