package session

import (
	"context"
	"errors"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/plan"
)

// formatHeddle recognises EXPLAIN FORMAT=HEDDLE and ANALYZE FORMAT=HEDDLE.
func formatHeddle(st *parser.Statement) bool {
	return st.Explain != nil && strings.EqualFold(st.Explain.Format, "HEDDLE")
}

// explains reports whether a statement asks for a server's plan: one shard's answers for all.
func explains(st *parser.Statement) bool {
	return st.Kind == parser.Explain || st.Kind == parser.Analyze
}

// explain answers EXPLAIN FORMAT=HEDDLE with the plan and the units that this execution would reach, and ANALYZE
// FORMAT=HEDDLE with the plan and what was seen of it when it ran.
func (s *Session) explain(ctx context.Context, x *execution) error {
	defer s.settle(ctx)
	var text string
	inner, err := s.inner(ctx, x)
	switch {
	case err != nil:
	case inner.plan == nil && x.st.parsed.Explain.Analyze:
		err = sqlerr.NotSupported("ANALYZE FORMAT=HEDDLE of what the proxy itself answers")
	case inner.plan == nil:
		text = "route local"
	case x.st.parsed.Explain.Analyze:
		text, err = s.analyze(ctx, inner)
	default:
		text, err = s.formatted(ctx, inner)
	}
	if err != nil {
		return s.writeError(err)
	}
	var rows []sqltypes.Row
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		rows = append(rows, sqltypes.Row{[]byte(strings.TrimRight(line, "\n"))})
	}
	columns := s.inCharset([]sqltypes.Column{planColumn})
	return s.writeRows(ctx, merge.NewRows(columns, rows), x.form, func() *wire.OK { return &wire.OK{Warnings: s.diag.count()} })
}

// planColumn is the column of the answer.
var planColumn = textColumn("plan", 1024)

// inner is the execution of the statement inside, with the parameters of the outer one; without a plan if the session
// itself answers it.
func (s *Session) inner(ctx context.Context, x *execution) (*execution, error) {
	parsed := x.st.parsed.Inner
	if parsed == nil {
		return nil, sqlerr.NotSupported("FORMAT=HEDDLE without a statement")
	}
	if err := s.mayPlan(parsed); err != nil {
		return nil, err
	}
	out := &execution{st: &Statement{parsed: parsed}, form: exec.TextRows, params: x.params}
	if s.srv.own[parsed.Kind] != nil || s.ownShow(parsed) != nil {
		return out, nil
	}
	if asks, err := s.asksSystem(parsed); err != nil || asks {
		return out, err
	}
	st, err := s.planStatement(ctx, parsed)
	if err != nil {
		return nil, err
	}
	text := []byte(parsed.Text)
	scan := &parser.Scan{}
	if err := scan.ScanWhole(text, s.mode); err != nil {
		return nil, syntaxError(err)
	}
	out.st, out.plan, out.own = st, st.plan, st.argsOf(scan, text)
	out.own.params = x.args.params
	if out.args = &out.own; len(x.params) > 0 {
		out.form = exec.BinaryRows
	}
	return out, nil
}

// formatted is the plan with the units that the execution would reach. Where a generated id decides they are not known:
// none is taken for an EXPLAIN.
func (s *Session) formatted(ctx context.Context, x *execution) (string, error) {
	route := plan.Leaf(x.plan.Root)
	if route == nil || route.Ask != nil || route.Rows != nil && route.Rows.Generate != nil && route.Rows.Generate.Key >= 0 {
		return plan.Format(x.plan, nil), nil
	}
	units, err := s.router.Route(ctx, route, x.args)
	if _, ok := errors.AsType[*router.KeyUnknown](err); ok {
		if err = s.planAgain(ctx, x, true); err == nil {
			units, err = s.router.Route(ctx, plan.Leaf(x.plan.Root), x.args)
		}
	}
	if err != nil {
		return "", err
	}
	return plan.Format(x.plan, units), nil
}
