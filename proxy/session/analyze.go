package session

import (
	"context"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
)

// analyze runs a statement as it is, a write included, throws its rows away and formats the plan with what was seen.
func (s *Session) analyze(ctx context.Context, x *execution) (string, error) {
	why := notAnalyzed(x)
	if s.substitutes(x.st.parsed) {
		why = "a statement that asks for values of the session"
	}
	if why != "" {
		return "", sqlerr.NotSupported("ANALYZE FORMAT=HEDDLE of " + why)
	}
	if err := s.enter(ctx, x); err != nil {
		return "", err
	}
	if err := s.pass(ctx, x); err != nil {
		return "", err
	}
	x.seen = &plan.Measured{Nodes: map[plan.Node]*plan.Measure{}}
	if err := s.attempt(ctx, x); err != nil {
		return "", err
	}
	return plan.FormatMeasured(x.plan, x.seen), nil
}

// notAnalyzed names what leaves something behind that only a statement of its own takes over.
func notAnalyzed(x *execution) string {
	st := x.st.parsed
	switch st.Kind {
	case parser.Select, parser.Insert, parser.Replace, parser.Update, parser.Delete:
	default:
		return st.Verb()
	}
	switch uses := st.Uses; {
	case x.plan.Program != nil && len(x.plan.Program.Vars) > 0 || x.plan.Pin != "" || uses.Has(parser.UseUserVarWrite) || uses.Has(parser.UseLastInsertIDArg):
		return "a statement that changes the session"
	case uses.Has(parser.UseOutfile):
		return "INTO OUTFILE"
	case uses.Has(parser.UseCalcFoundRows):
		return "SQL_CALC_FOUND_ROWS"
	}
	return ""
}

// discard reads rows to their end for nobody.
func (t *tree) discard(ctx context.Context, rows merge.RowStream) error {
	defer func() { _ = rows.Close() }() // read to its end, or the error that stopped it is reported
	for {
		if _, err := rows.Next(ctx); isEOF(err) {
			break
		} else if err != nil {
			return err
		}
	}
	t.end(ctx)
	t.measured()
	return nil
}

// observe puts a watch around the stream of a node.
func (t *tree) observe(node plan.Node, rows merge.RowStream) merge.RowStream {
	m := &plan.Measure{}
	t.x.seen.Nodes[node] = m
	return &watched{rows, m}
}

// measured adds up what the units' streams have seen.
func (t *tree) measured() {
	if t.x.seen == nil {
		return
	}
	for _, stream := range t.streams {
		t.x.seen.Units = append(t.x.seen.Units, stream.measure.UnitMeasure)
	}
}

// watched counts rows and the time until they come.
type watched struct {
	merge.RowStream
	m *plan.Measure
}

// Next returns the next row.
func (w *watched) Next(ctx context.Context) (sqltypes.Row, error) {
	began := time.Now()
	row, err := w.RowStream.Next(ctx)
	w.m.Time += time.Since(began)
	if err == nil {
		w.m.Rows++
	}
	return row, err
}

// unitMeasure follows one unit.
type unitMeasure struct {
	plan.UnitMeasure
	began time.Time
}

func newUnitMeasure(route *plan.Route, unit *plan.RouteUnit) *unitMeasure {
	return &unitMeasure{plan.UnitMeasure{Unit: *unit, Route: route}, time.Now()}
}

// row takes note of a row, or of the end.
func (m *unitMeasure) row(row sqltypes.Row, err error) {
	m.Time = time.Since(m.began)
	if err != nil {
		return
	}
	m.Rows++
	for _, cell := range row {
		m.Bytes += int64(len(cell))
	}
}

// changed is the measure of a write whose answer has been read.
func (m *unitMeasure) changed(a *exec.Answer) plan.UnitMeasure {
	m.Time, m.Rows = time.Since(m.began), int64(a.OK.AffectedRows)
	return m.UnitMeasure
}
