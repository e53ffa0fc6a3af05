package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/router/plan"
)

// fault is a unit of a write that has failed. One server runs the rows of an INSERT in their order and stops at the first
// that fails: of several faults that one is the statement's.
type fault struct {
	h    *held
	unit *plan.RouteUnit
	err  error
	row  int  // of the statement, as far as it is known: no unit that only has later ones matters
	lost bool // the shard's transaction is gone with it

	conditions []condition // what its server says
}

// note takes note of a unit that has failed, and of what its server says beside the error.
func (w *write) note(ctx context.Context, h *held, unit *plan.RouteUnit, err error) {
	f := fault{h: h, unit: unit, err: err, lost: h.lease.Conn().Broken() || h.branch && w.s.transactionLost(ctx, h, err)}
	if e := sqlerr.As(err); e != nil && !f.lost && w.orders() {
		kept, total := w.s.diag.mark()
		f.row = w.failedRow(ctx, h, unit, e)
		f.conditions = slices.Clone(w.s.diag.conditions[kept:])
		w.s.diag.cut(kept, total)
	}
	w.faults = append(w.faults, f)
}

// orders reports whether the units' rows have an order over all shards.
func (w *write) orders() bool { return w.inserts() && w.route.Opcode != plan.Broadcast }

// tells reports whether a unit is still to be run: after a fault only one that may have an earlier one.
func (w *write) tells(unit *plan.RouteUnit) bool {
	if len(w.faults) == 0 {
		return true
	}
	return w.orders() && len(unit.Keep) > 0 && len(unit.Keep[0]) > 0 && int(unit.Keep[0][0]) < w.earliest().row
}

func (w *write) earliest() *fault {
	first := &w.faults[0]
	for i := range w.faults {
		if w.faults[i].row < first.row {
			first = &w.faults[i]
		}
	}
	return first
}

// fatal is the error of a shard whose transaction has ended, after which nothing is run any more.
func (w *write) fatal(ctx context.Context) error {
	at := slices.IndexFunc(w.faults, func(f fault) bool {
		_, gone := errors.AsType[*exec.ClientError](f.err)
		return f.lost || gone || sqlerr.As(f.err) == nil
	})
	if at < 0 {
		return nil
	}
	f := w.faults[at]
	return w.s.failed(ctx, f.h, w.route, f.unit.Target, f.err)
}

// fault is the statement's error, if a unit has failed.
func (w *write) fault(ctx context.Context) error {
	if len(w.faults) == 0 {
		return nil
	}
	f := w.earliest()
	w.s.diag.rows = w.rowNumbers(f.unit)
	defer func() { w.s.diag.rows = nil }()
	if w.orders() {
		w.hearOf(f)
	}
	return w.s.failed(ctx, f.h, w.route, f.unit.Target, w.ofStatement(f.unit, f.err))
}

// hearOf keeps what a server that has stopped at a fault would have said: its conditions, and what others said of rows
// before.
func (w *write) hearOf(f *fault) {
	d := &w.s.diag
	d.upTo(f.row + 1)
	for i := range w.faults {
		for _, c := range w.faults[i].conditions {
			if c.code == codeNoDefault && slices.ContainsFunc(d.conditions, func(o condition) bool { return o.told() == c.told() }) || c.code == codeUnknown {
				continue // a server says it once; of one row only
			}
			if &w.faults[i] == f || c.level != "Error" && c.at() <= f.row+1 {
				d.add(c)
			}
		}
	}
	if d.mixed {
		d.inRowOrder()
	}
}

const codeUnknown = 1105 // ER_UNKNOWN_ERROR

// failedRow is the index, among the statement's rows, of the row of a unit that its server has failed at: what the
// server says, or else the unit's first, which is not later.
func (w *write) failedRow(ctx context.Context, h *held, unit *plan.RouteUnit, e *sqlerr.Error) int {
	if err := w.hearOfRows(ctx, h, unit, 1); err != nil {
		return 0
	}
	n := rowIn(e.Msg)
	if n == 0 && w.s.srv.Flavour.MariaDB {
		n = askedRow(ctx, h)
	}
	if len(unit.Keep) == 0 || unit.Keep[0] == nil {
		return max(n, 1) - 1
	}
	keep := unit.Keep[0]
	if n == 0 && e.Code == sqlerr.CodeDupEntry {
		n = 1 + slices.IndexFunc(keep, func(row int32) bool { return w.hasKey(int(row), e.Msg) })
	}
	return int(keep[min(max(n, 1), len(keep))-1])
}

// hasKey reports whether an error names the sharding key of a row as the one that is there already, which is all that a
// MySQL server tells.
func (w *write) hasKey(row int, msg string) bool {
	if w.route.Rows == nil {
		return false
	}
	keys, element := w.route.Rows.Keys, 0
	if w.route.Rows.Folded > 0 {
		row, element = 0, row
	}
	if row >= len(keys) || keys[row] == nil {
		return false
	}
	var entry []byte
	for i, e := range keys[row] {
		e = e.At(element)
		v := e.Const
		if e.Arg >= 0 {
			v, _ = w.x.args.Value(e.Arg) // it has been read for the row's place
		}
		if i > 0 {
			entry = append(entry, '-')
		}
		if e.Negate {
			entry = append(entry, '-')
		}
		entry = v.AppendText(entry)
	}
	return strings.HasPrefix(msg, "Duplicate entry '"+string(entry)+"' for key ")
}

// askedRow asks a MariaDB server, 10.7 or newer, for the number of the row that its last statement has failed at; 0: it
// cannot tell. Only a variable can take the answer, and it is taken back.
func askedRow(ctx context.Context, h *held) int {
	const variable = "@`heddle row`"
	for _, sql := range []string{
		"GET DIAGNOSTICS " + variable + " = NUMBER",
		"GET DIAGNOSTICS CONDITION " + variable + " " + variable + " = ROW_NUMBER", // the error is the last condition
	} {
		if _, err := h.lease.Conn().Exec(ctx, sql); err != nil {
			return 0
		}
	}
	_, row, err := oneRow(ctx, h, variable, variable+" := NULL")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(string(row[0]))
	if err != nil {
		return 0
	}
	return n
}
