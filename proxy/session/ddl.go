package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/router/plan"
)

// runDDL changes a table on every shard that has it, on all at the same time. DDL commits by itself, so what has
// succeeded stays: where some shards fail, the error says which have the change and which do not.
func (s *Session) runDDL(ctx context.Context, x *execution, ddl *plan.DDL) error {
	units, err := s.router.Route(ctx, ddl.Route, x.args)
	if err != nil {
		return err
	}
	defer s.forgetTables(x)
	if len(units) == 1 {
		return s.runSingle(ctx, x, ddl.Route, &units[0])
	}
	w := write{s: s, x: x, route: ddl.Route, units: units}
	outcomes := w.everywhere(ctx)
	s.diag.oneCopy()
	if err := ddlError(outcomes); err != nil {
		return err
	}
	if ddl.Route.Opcode == plan.Broadcast {
		w.total.AffectedRows /= uint64(len(units)) // one server has one copy
		w.info.divide(len(units))
	}
	return w.respond(ctx)
}

// outcome is what one shard said to a statement that is not atomic over shards.
type outcome struct {
	unit *plan.RouteUnit
	err  error
}

// everywhere runs every unit, whatever the others say.
func (w *write) everywhere(ctx context.Context) []outcome {
	var outcomes []outcome
	queues := w.queues()
	for len(queues) > 0 {
		type sent struct {
			h      *held
			unit   *plan.RouteUnit
			answer *exec.Answer
		}
		var under []sent
		for _, q := range queues {
			h, answer, err := w.start(ctx, q[0])
			if err != nil {
				outcomes = append(outcomes, outcome{q[0], w.s.failed(ctx, h, w.route, q[0].Target, err)})
				continue
			}
			under = append(under, sent{h, q[0], answer})
		}
		for _, u := range under {
			err := w.finish(ctx, u.h, u.unit.Target, u.answer)
			if err != nil {
				err = w.s.failed(ctx, u.h, w.route, u.unit.Target, err)
			}
			outcomes = append(outcomes, outcome{u.unit, err})
		}
		queues = rest(queues)
	}
	return outcomes
}

// rest drops the first unit of each queue, and empty queues.
func rest(queues [][]*plan.RouteUnit) [][]*plan.RouteUnit {
	out := queues[:0]
	for _, q := range queues {
		if len(q) > 1 {
			out = append(out, q[1:])
		}
	}
	return out
}

// ddlError is nil if all succeeded, the shards' own error if all failed alike, and else names who has the change.
func ddlError(outcomes []outcome) error {
	var done, failed []string
	var first *sqlerr.Error
	for _, o := range outcomes {
		where := o.unit.Target.Shard
		if where == "" {
			where = o.unit.Target.DataSource
		}
		if o.err == nil {
			done = append(done, where)
			continue
		}
		e := sqlerr.As(o.err)
		if e == nil {
			e = sqlerr.Internal(o.err.Error())
		}
		if first == nil {
			first = e
		}
		failed = append(failed, fmt.Sprintf("%s: %s", where, e.Msg))
	}
	switch {
	case first == nil:
		return nil
	case len(done) == 0:
		return first
	}
	return sqlerr.New(first.Code, first.State, fmt.Sprintf("done on %s; failed on %s", strings.Join(done, ", "), strings.Join(failed, "; ")))
}

// forgetTables drops what is known of the tables that a statement has changed.
func (s *Session) forgetTables(x *execution) {
	for _, t := range x.plan.Tables {
		s.srv.Catalogs.Forget(t.Database, t.Table)
	}
}
