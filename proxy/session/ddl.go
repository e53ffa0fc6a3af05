package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/router/plan"
)

// runDDL changes tables on every shard that has them, on all at the same time.
func (s *Session) runDDL(ctx context.Context, x *execution, ddl *plan.DDL) error {
	units, err := s.router.Route(ctx, ddl.Route, x.args)
	if err != nil {
		return err
	}
	if ddl.Counter != nil {
		if err := countFrom(ctx, ddl.Counter); err != nil {
			return err
		}
	}
	defer s.forgetTables(x)
	if len(units) == 1 {
		return s.runSingle(ctx, x, ddl.Route, &units[0])
	}
	w := write{s: s, x: x, route: ddl.Route, units: units}
	if err := w.ddl(ctx, ddl); err != nil {
		return err
	}
	return w.respond(ctx)
}

// ddl runs DDL on every unit. It commits by itself, so what has succeeded stays: where some shards fail, the error says
// which have the change and which do not, and the journal how to go on.
func (w *write) ddl(ctx context.Context, ddl *plan.DDL) error {
	defer w.s.fixClock(w.x, len(w.units))()
	entry, err := w.journal(ctx, ddl)
	if err != nil {
		return err
	}
	outcomes := w.everywhere(ctx)
	lost := w.ended(ctx, entry, outcomes)
	w.s.diag.oneCopy()
	if err := ddlError(outcomes, entry.id()); err != nil {
		return err
	}
	if lost != nil {
		w.s.diag.warn(sqlerr.DDLOutcomeLost(entry.id(), lost.Error()))
	}
	if ddl.Route.Opcode == plan.Broadcast {
		w.total.AffectedRows /= uint64(len(w.units)) // one server has one copy
		w.info.divide(len(w.units))
	}
	return nil
}

// outcome is what one shard said to a statement that is not atomic over shards.
type outcome struct {
	unit    *plan.RouteUnit
	err     error
	unknown bool // the connection was lost: the statement may be done all the same
}

// everywhere runs every unit, whatever the others say: those of different data sources at the same time.
func (w *write) everywhere(ctx context.Context) []outcome {
	var outcomes []outcome
	for queues := w.queues(); len(queues) > 0; queues = rest(queues) {
		for _, some := range w.s.fanned(queues) {
			outcomes = append(outcomes, w.outcomesOf(ctx, some)...)
		}
	}
	return outcomes
}

// outcomesOf runs the first unit of each queue at the same time.
func (w *write) outcomesOf(ctx context.Context, queues [][]*plan.RouteUnit) []outcome {
	type sent struct {
		h      *held
		unit   *plan.RouteUnit
		answer *exec.Answer
	}
	var under []sent
	var outcomes []outcome
	for _, q := range queues {
		h, answer, err := w.start(ctx, q[0])
		if err != nil {
			outcomes = append(outcomes, w.failedAt(ctx, h, q[0], err))
			continue
		}
		under = append(under, sent{h, q[0], answer})
	}
	for _, u := range under {
		if err := w.finish(ctx, u.h, u.unit, u.answer); err != nil {
			outcomes = append(outcomes, w.failedAt(ctx, u.h, u.unit, err))
			continue
		}
		outcomes = append(outcomes, outcome{unit: u.unit})
	}
	return outcomes
}

// failedAt is the outcome of a unit that gave an error. Without an answer of the server it is known only if nothing of
// the statement was sent.
func (w *write) failedAt(ctx context.Context, h *held, unit *plan.RouteUnit, err error) outcome {
	unknown := h != nil && h.lease.Conn().Broken() && !backend.SafeToRetry(err)
	return outcome{unit, w.s.failed(ctx, h, w.route, unit.Target, err), unknown}
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
func ddlError(outcomes []outcome, id string) error {
	var done, failed []string
	var first *sqlerr.Error
	unknown := false
	for _, o := range outcomes {
		where := whereOf(o.unit.Target)
		if o.err == nil {
			done = append(done, where)
			continue
		}
		e := asError(o.err)
		if first == nil {
			first = e
		}
		unknown = unknown || o.unknown
		failed = append(failed, fmt.Sprintf("%s: %s", where, e.Msg))
	}
	switch {
	case first == nil:
		return nil
	case len(done) == 0 && !unknown:
		return first
	}
	msg := "done on no shard that answered"
	if len(done) > 0 {
		msg = "done on " + strings.Join(done, ", ")
	}
	msg += "; failed on " + strings.Join(failed, "; ")
	if id != "" {
		msg += "; to finish it: heddle ddl resume " + id
	}
	return sqlerr.New(first.Code, first.State, msg)
}

func whereOf(t *plan.Target) string {
	if t.Shard != "" {
		return t.Shard
	}
	return t.DataSource
}

func asError(err error) *sqlerr.Error {
	if e := sqlerr.As(err); e != nil {
		return e
	}
	return sqlerr.Internal(err.Error())
}

// forgetTables drops what is known of the tables that a statement has changed.
func (s *Session) forgetTables(x *execution) {
	ddl, ok := x.plan.Root.(*plan.DDL)
	if ok && ddl.Database == "" && x.st.parsed.Kind == parser.AlterTable {
		return // DISABLE KEYS and the like
	}
	for _, t := range x.plan.Tables {
		s.srv.Catalogs.Forget(t.Database, t.Table)
	}
	switch {
	case ok && ddl.Table == "" && ddl.Database != "":
		s.srv.Catalogs.Forget(ddl.Database, "")
	case x.st.parsed.Kind == parser.Flush: // whoever flushes wants to see what others have done
		for _, l := range s.srv.Catalogs.Current().Layouts() {
			s.srv.Catalogs.Forget(l.Database)
		}
	}
}
