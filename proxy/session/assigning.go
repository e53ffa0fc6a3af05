package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// assigns reports whether a statement in parts answers no rows, but assigns variables, or leaves nothing.
func assigns(st *parser.Statement) bool {
	return st.Kind != parser.Select || st.Uses.Has(parser.UseUserVarWrite)
}

// runAssigning runs SET, DO or SELECT … INTO @x in parts: what is left of it is run by one server, which answers no rows,
// and what it has assigned is read back.
func (s *Session) runAssigning(ctx context.Context, x *execution, n *plan.Gather) error {
	route, ok := n.Input.(*plan.Route)
	if !ok || x.seen != nil || s.wide != nil {
		return sqlerr.NotSupported("the assignment of user variables over several shards, in this form")
	}
	limit, restore := s.selectLimit(x)
	defer restore()
	if limit != merge.NoLimit {
		return sqlerr.NotSupported("SELECT … INTO over several shards under sql_select_limit")
	}
	t := &tree{s: s, x: x, budget: s.queryBudget()}
	defer t.release()
	defer t.dropTemporary(ctx)
	if err := t.runParts(ctx, n); err != nil {
		return err
	}
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil {
		return err
	}
	if len(units) != 1 {
		return sqlerr.Internal("what is left of an assignment is planned for several shards")
	}
	inlined := *x
	inlined.args = x.args.inlined(s.clientCharset())
	text, _, err := s.sql(&inlined, route.Template, &units[0])
	if err != nil {
		return err
	}
	return s.assign(ctx, x, route, units[0].Target, string(text))
}

// assign runs a text that assigns variables where its tables are.
func (s *Session) assign(ctx context.Context, x *execution, route *plan.Route, target *plan.Target, text string) error {
	h, err := s.hold(ctx, target.DataSource, target.Schema, x.need)
	if err != nil {
		return s.failed(ctx, h, route, target, err)
	}
	s.touched(x, h)
	set := x.st.parsed.Set
	ok, err := h.lease.Conn().Exec(ctx, text)
	if err == nil {
		err = s.warnings(ctx, h, route, target, ok.Warnings)
	}
	if err == nil && x.st.parsed.Kind == parser.Set {
		if err = s.adopt(ctx, h, readBack(x.st.parsed, set, s.srv.Flavour), set); err == nil {
			err = s.trackSet(ctx, h, x.st.parsed)
		}
	} else if err == nil {
		err = s.afterSingle(ctx, x, h)
	}
	if err != nil {
		s.saidInVain(ctx, x.st.parsed, h)
		if len(set) > 0 { // what it has changed before it failed is not known
			h.lease.Conn().Taint("a SET that failed")
		}
		return s.failed(ctx, h, route, target, err)
	}
	s.diag.rowCount = int64(ok.AffectedRows)
	return s.sendOK(&wire.OK{AffectedRows: ok.AffectedRows, Warnings: s.diag.count()})
}

// keptOut are variables that say how a transaction runs, which a SET that reads rows in one cannot change.
var keptOut = map[string]bool{
	"autocommit": true, "tx_isolation": true, "transaction_isolation": true, "tx_read_only": true, "transaction_read_only": true,
}

// setFromTables is SET with queries on tables: it runs where they are.
func (s *Session) setFromTables(ctx context.Context, x *execution) error {
	defer s.settle(ctx)
	for _, a := range x.st.parsed.Set {
		if a.Scope != parser.ScopeUser && (keptOut[a.Name] || oneShot[a.Name]) {
			return s.writeError(sqlerr.NotSupported("SET " + a.Name + " beside a query on tables"))
		}
	}
	if asks, err := s.asksSystem(x.st.parsed); err != nil || asks {
		if err == nil {
			err = sqlerr.NotSupported("SET with queries on tables and on information_schema")
		}
		return s.writeError(err)
	}
	inner, err := s.answered(ctx, x)
	if err == nil {
		err = s.enter(ctx, inner)
	}
	if err == nil {
		err = s.setPlanned(ctx, inner)
	}
	if err != nil {
		return s.writeError(err)
	}
	return nil
}

func (s *Session) setPlanned(ctx context.Context, x *execution) error {
	if p := x.plan.Program; p != nil {
		return sqlerr.NotSupported("a stored program in a SET with queries on tables")
	}
	x.need = needs(x.st.parsed) | backend.NeedUserVars
	switch root := x.plan.Root.(type) {
	case *plan.Gather:
		return s.runNode(ctx, x)
	case *plan.Route:
		units, err := s.router.Route(ctx, root, x.args)
		if err != nil {
			return err
		}
		if len(units) == 1 {
			if s.atomic && !s.unseen {
				if done, err := s.runAtomic(ctx, x); done {
					return err
				}
			}
			text, _, err := s.sql(x, root.Template, &units[0])
			if err != nil {
				return err
			}
			return s.assign(ctx, x, root, units[0].Target, string(text))
		}
	}
	return sqlerr.NotSupported("SET with this query on tables")
}
