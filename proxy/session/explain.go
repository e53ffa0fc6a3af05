package session

import (
	"context"
	"errors"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
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

// explain answers EXPLAIN FORMAT=HEDDLE with the plan and the units that this execution would reach.
func (s *Session) explain(ctx context.Context, x *execution) error {
	inner := x.st.parsed.Inner
	if inner == nil || x.st.parsed.Explain.Analyze {
		return s.writeError(sqlerr.NotSupported("ANALYZE FORMAT=HEDDLE"))
	}
	defer s.settle(ctx)
	var text string
	if s.srv.own[inner.Kind] != nil || s.ownShow(inner) != nil {
		text = "route local"
	} else {
		st, err := s.planStatement(ctx, inner)
		if err != nil {
			return s.writeError(err)
		}
		if text, err = s.formatted(ctx, st); err != nil {
			return s.writeError(err)
		}
	}
	column := textColumn("plan", 1024)
	var rows []sqltypes.Row
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		rows = append(rows, sqltypes.Row{[]byte(strings.TrimRight(line, "\n"))})
	}
	return s.answerRows(ctx, []sqltypes.Column{column}, rows, x.form)
}

func (s *Session) formatted(ctx context.Context, st *Statement) (string, error) {
	route := plan.Leaf(st.plan.Root)
	var units []plan.RouteUnit
	if route != nil && route.Ask == nil && st.parsed.Params == 0 {
		var scan parser.Scan
		text := []byte(st.parsed.Text)
		if err := scan.Scan(text, s.mode); err != nil {
			return "", syntaxError(err)
		}
		x := execution{st: st, plan: st.plan, args: &args{scan: &scan, text: text}, form: exec.TextRows}
		var err error
		units, err = s.router.Route(ctx, route, x.args)
		if _, ok := errors.AsType[*router.KeyUnknown](err); ok {
			if st, err = s.planWith(ctx, st.parsed, true); err != nil {
				return "", err
			}
			return plan.Format(st.plan, nil), nil
		}
		if err != nil {
			return "", err
		}
	}
	return plan.Format(st.plan, units), nil
}
