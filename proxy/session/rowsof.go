package session

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/plan"
)

// hearOfRows takes note of the n conditions of a unit, and of an INSERT over shards of which of its rows each tells: only then can they be
// put into the order in which one server comes to them.
func (w *write) hearOfRows(ctx context.Context, h *held, unit *plan.RouteUnit, n uint16) error {
	if !w.orders() || len(w.units) < 2 || len(unit.Keep) == 0 || len(unit.Keep[0]) == 0 {
		return w.s.warnings(ctx, h, w.route, unit.Target, n)
	}
	told, err := w.s.hearFrom(ctx, h, w.route, unit.Target, n)
	if err != nil || n == 0 {
		return err
	}
	w.place(ctx, h, unit, told.conditions)
	d := &w.s.diag
	if d.stale {
		d.reset()
	}
	d.mixed = true
	d.take([]toldBy{told}, w.s.shown)
	return nil
}

// place finds the rows that conditions tell of. Of most the texts say it, or the unit has but one; of the others a MariaDB server is
// asked, and elsewhere the key of a duplicate shows it. What is said once, before the first row, is of none.
func (w *write) place(ctx context.Context, h *held, unit *plan.RouteUnit, conditions []condition) {
	keep := unit.Keep[0]
	var asked []int
	if len(keep) > 1 && w.s.srv.Flavour.MariaDB && slices.ContainsFunc(conditions, func(c condition) bool { return rowIn(c.msg) == 0 }) {
		asked = rowsAsked(ctx, h, len(conditions))
	}
	last := 0 // the position in keep that the condition before told of
	for i := range conditions {
		c := &conditions[i]
		if c.code == codeNoDefault && !w.s.diag.gives(c.msg) {
			continue
		}
		if said := rowIn(c.msg); said > 0 { // numbered already
			last = max(last, slices.Index(keep, int32(said-1)))
			c.row = said
			continue
		}
		switch {
		case i < len(asked) && asked[i] > 0:
			last = min(asked[i], len(keep)) - 1
		case c.code == sqlerr.CodeDupEntry:
			last += max(0, slices.IndexFunc(keep[last:], func(row int32) bool { return w.hasKey(int(row), c.msg) }))
		}
		c.row = int(keep[last]) + 1
	}
}

// rowsAsked asks a MariaDB server, 10.7 or newer, for the numbers of the rows that the n conditions of its last statement tell of; nil: it
// cannot tell. Only a variable can take the answer, and it is taken back.
func rowsAsked(ctx context.Context, h *held, n int) []int {
	const variable = "@`heddle rows`"
	sql := "BEGIN NOT ATOMIC DECLARE i, r INT DEFAULT 0; DECLARE o LONGTEXT CHARACTER SET ascii DEFAULT ''; WHILE i < " + strconv.Itoa(n) +
		" DO SET i = i + 1; GET DIAGNOSTICS CONDITION i r = ROW_NUMBER; SET o = CONCAT(o, r, ' '); END WHILE; SET " + variable + " = o; END"
	if _, err := h.lease.Conn().Exec(ctx, sql); err != nil {
		return nil
	}
	_, row, err := oneRow(ctx, h, variable, variable+" := NULL")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(row[0]))
	rows := make([]int, len(fields))
	for i, f := range fields {
		if rows[i], err = strconv.Atoi(f); err != nil {
			return nil
		}
	}
	return rows
}
