package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/plan"
)

// inserts reports whether the units' list 0 are rows of the statement, in its order.
func (w *write) inserts() bool { return w.selected || w.route.Rows != nil }

// rowNumbers tells the numbers of the statement's rows by those of a unit's. An UPDATE's rows have no order over shards:
// each shard counts on where the one before it ended. Those of several tables are not counted.
func (w *write) rowNumbers(unit *plan.RouteUnit) func(n int) int {
	if w.inserts() {
		if len(unit.Keep) == 0 || unit.Keep[0] == nil {
			return nil
		}
		return func(n int) int {
			if n < 1 || n > len(unit.Keep[0]) {
				return n
			}
			return int(unit.Keep[0][n-1]) + 1
		}
	}
	if w.joins() {
		return nil
	}
	before := 0
	if len(w.info.values) > 0 && w.route.Opcode != plan.Broadcast {
		before = int(w.info.values[0])
	}
	return func(n int) int { return n + before }
}

// joins reports whether an UPDATE names several tables.
func (w *write) joins() bool {
	c, n := w.x.st.parsed.Clauses, 0
	for i := range w.x.st.parsed.Tables {
		if at := w.x.st.parsed.Tables[i].NameSpan.Start; c != nil && at < c.Set.Start {
			n++
		}
	}
	return n > 1
}

// alone reports whether a unit has one row of a statement of several: servers take an INSERT of one row otherwise.
func (w *write) alone(unit *plan.RouteUnit) bool {
	return w.inserts() && len(unit.Keep) > 0 && len(unit.Keep[0]) == 1 && (w.selected || w.route.Rows.Several())
}

// passesOver reports whether a unit's error is a warning of the statement, and takes note of it: IGNORE passes over a row that
// violates a CHECK, but not where an INSERT has one row only.
func (w *write) passesOver(ctx context.Context, h *held, unit *plan.RouteUnit, err error) bool {
	c, e := w.x.st.parsed.Clauses, sqlerr.As(err)
	if e == nil || e.Code != codeCheckViolated || c == nil || !c.Ignore || !w.alone(unit) {
		return false
	}
	kept, _ := w.s.diag.mark()
	if w.hearOfRows(ctx, h, unit, 1) != nil {
		return false
	}
	for i := range w.s.diag.conditions[kept:] {
		if said := &w.s.diag.conditions[kept+i]; said.code == codeCheckViolated {
			said.level = "Warning"
		}
	}
	w.info.add([]byte("Records: 0  Duplicates: 0  Warnings: 1"))
	return true
}

const codeCheckViolated = 4025 // ER_CONSTRAINT_FAILED, of MariaDB

// ofStatement is a unit's error as one of the statement. Without strict mode a server stores an implicit default for NULL,
// but not where an INSERT has one row only; the unit's row is one of several.
func (w *write) ofStatement(unit *plan.RouteUnit, err error) error {
	e := sqlerr.As(err)
	if e == nil {
		return err
	}
	if e.Code == sqlerr.CodeBadNull && w.alone(unit) && !w.s.strict() {
		return sqlerr.NotSupported("NULL for a NOT NULL column without strict mode in an INSERT of several rows, one of them alone on its shard")
	}
	numbered := *e
	numbered.Msg = w.s.diag.numbered(e.Msg)
	return &numbered
}

// strict reports whether values that a column cannot hold are errors.
func (s *Session) strict() bool {
	mode, ok := s.state.Var("sql_mode")
	if !ok {
		mode = s.srv.Initial.SQLMode
	}
	mode = strings.ToUpper(mode)
	return strings.Contains(mode, "STRICT_") || strings.Contains(mode, "TRADITIONAL")
}
