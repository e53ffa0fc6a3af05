package session

import (
	"context"
	"math"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/plan"
)

// The insert id of an answer is one that the server has generated, or one that came with its row: only the first kind is what
// LAST_INSERT_ID() is from then on. Where it may be of the second kind, the server is asked; what its LAST_INSERT_ID() was
// before is the session's own then, or none of those ids. What a trigger before the INSERT gives to the column has come with its
// row as well, so that a server is always asked of a table that has one.

// givers says whether triggers may give ids to the rows of an INSERT.
type givers struct{ is atomic.Uint32 }

const (
	giversNone uint32 = iota
	giversSome
	giversUnknown
)

// begin is what the plan of an INSERT knows.
func (g *givers) begin(st *parser.Statement, p *plan.Plan) {
	switch {
	case st.Kind != parser.Insert && st.Kind != parser.Replace:
	case p.Program != nil:
		g.is.Store(giversSome)
	case p.Unjudged != nil:
		g.is.Store(giversUnknown)
	}
}

// look asks the server of an INSERT about the triggers of its table, once for all that are run by one plan. A view may be of a
// table that has some.
func (g *givers) look(ctx context.Context, h *held, t *plan.ActualTable) {
	if t == nil || g.is.Load() != giversUnknown {
		return
	}
	schema, table := sqlString(t.Schema), sqlString(t.Table)
	n, err := oneNumber(ctx, h, "(SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = "+schema+
		" AND EVENT_OBJECT_TABLE = "+table+" AND ACTION_TIMING = 'BEFORE' AND EVENT_MANIPULATION = 'INSERT')"+
		" + (SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = "+schema+" AND TABLE_NAME = "+table+")")
	switch {
	case err != nil: // it is asked again, and its LAST_INSERT_ID() each time until then
	case n > 0:
		g.is.Store(giversSome)
	default:
		g.is.Store(giversNone)
	}
}

// cellRule says what the rows of an INSERT may have for ids.
type cellRule uint8

const (
	cellsGiven    cellRule = iota // constants of the statement and parameters
	cellsTimed                    // the time as well
	cellsComputed                 // anything
)

// timeFunction is the time in a row: a number of at least eight digits.
var timeFunction = regexp.MustCompile(`(?i)^(NOW|SYSDATE|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP|UTC_TIMESTAMP|CURDATE|CURRENT_DATE|UTC_DATE)\s*(\(\s*\d*\s*\))?$`)

// leastTime is less than any time in a column of numbers.
const leastTime = 10_000_000

// cellRuleOf finds the rule of an INSERT.
func cellRuleOf(st *parser.Statement) cellRule {
	c := st.Clauses
	switch {
	case st.Kind != parser.Insert && st.Kind != parser.Replace:
		return cellsGiven
	case c == nil, c.Source != nil, len(c.OnDupSet) > 0:
		return cellsComputed
	}
	constants := make(map[int]int, len(st.Args))
	for i := range st.Args {
		constants[int(st.Args[i].Start)] = int(st.Args[i].End)
	}
	rule := cellsGiven
	cell := func(s parser.Span) {
		text := st.Text[s.Start:s.End]
		sign := 0
		if text != "" && (text[0] == '-' || text[0] == '+') {
			sign = 1
		}
		switch {
		case constants[s.Start+sign] == s.End, strings.EqualFold(text, "DEFAULT"), strings.EqualFold(text, "NULL"):
		case timeFunction.MatchString(text):
			rule = max(rule, cellsTimed)
		default:
			rule = cellsComputed
		}
	}
	for i := range c.Rows {
		for _, s := range c.Rows[i].Values {
			cell(s)
		}
	}
	for i := range c.Assigns {
		cell(c.Assigns[i].Expr)
	}
	return rule
}

// idNeed says what the statement means to the LAST_INSERT_ID() of its servers.
func (x *execution) idNeed() backend.Need {
	st := x.st.parsed
	if st.Uses.Has(parser.UseLastInsertIDArg) || x.using != "" || x.runsText() && st.Kind != parser.Insert && st.Kind != parser.Replace {
		return 0
	}
	switch root := x.plan.Root.(type) {
	case *plan.Insert:
		rows := root.Route.Rows
		switch {
		case returnsInserted(st), rows != nil && rows.Generate != nil:
			return 0
		case rows != nil && rows.Keys != nil:
			return backend.KeepsLastInsertID // a sharded table's column with AUTO_INCREMENT has a generator
		}
		return backend.NeedDistinctID
	case *plan.Update, *plan.Delete:
		return backend.KeepsLastInsertID
	case *plan.Route:
		switch st.Kind {
		case parser.Update, parser.Delete:
			return backend.KeepsLastInsertID
		case parser.Insert, parser.Replace:
			if !returnsInserted(st) {
				return backend.NeedDistinctID
			}
		}
	}
	if st.Kind == parser.Select {
		return backend.KeepsLastInsertID
	}
	return 0
}

// runsText reports whether a statement runs something that its server keeps, or may.
func (x *execution) runsText() bool {
	return x.plan.Program != nil || x.st.parsed.Uses.Has(parser.UseUnknownFunction)
}

// generated takes note of the insert id of a statement that one server ran, before which LAST_INSERT_ID() was before.
func (s *Session) generated(ctx context.Context, x *execution, h *held, id, before uint64) error {
	distinct := x.need&backend.NeedDistinctID != 0
	switch {
	case id == 0 && distinct && !x.runsText():
		h.lease.GeneratedNone()
	case id != 0 && distinct && x.MayGive(id):
		last, err := oneNumber(ctx, h, "LAST_INSERT_ID()")
		if err != nil {
			return err
		}
		if last != id {
			s.diag.lastID = before
		}
		h.lease.Generated(last)
	case id != 0 && distinct:
		h.lease.Generated(id)
	}
	if distinct {
		x.st.givers.look(ctx, h, x.plan.Unjudged)
	}
	return nil
}

// generatedInVain takes note of what LAST_INSERT_ID() is after an INSERT that has failed: a server keeps the id that it has
// generated for a row, whatever became of it.
func (s *Session) generatedInVain(ctx context.Context, x *execution, h *held) {
	before, known := h.lease.LastInsertIDBefore()
	if x.need&backend.NeedDistinctID == 0 || !known || h.lease.Conn().Broken() || h.lease.Conn().Busy() {
		return
	}
	last, err := oneNumber(ctx, h, "LAST_INSERT_ID()")
	if err != nil {
		return // the client is told of the failure of its own statement
	}
	if last != before {
		s.diag.lastID = last
	}
	h.lease.Generated(last)
}

// MayGive reports whether a row of an INSERT may have come with that id.
func (x *execution) MayGive(id uint64) bool {
	switch {
	case x.st.givers.is.Load() != giversNone:
		return true
	case x.st.cells == cellsComputed, id > math.MaxInt64, x.st.cells == cellsTimed && id >= leastTime:
		return true
	}
	for i := range x.args.params {
		if mayBecome(x.args.params[i], id) {
			return true
		}
	}
	for i := range x.args.scan.Args {
		arg := &x.args.scan.Args[i]
		if arg.Kind == parser.ArgParam {
			continue
		}
		if v, err := x.args.scan.Value(i); err != nil || arg.Introducer > 0 || mayBecome(v, id) {
			return true
		}
	}
	return false
}

// mayBecome reports whether some column of numbers makes an id of a value: it rounds, reads the digits at the beginning, and
// without strictness stores its own greatest number instead of a greater one.
func mayBecome(v sqltypes.Value, id uint64) bool {
	var n uint64
	switch v.Kind {
	case sqltypes.KindNull:
		return false
	case sqltypes.KindInt, sqltypes.KindUint:
		n = reach(v)
		return n == id || n > id && greatest(id)
	case sqltypes.KindDate, sqltypes.KindDatetime, sqltypes.KindTime:
		return v.Kind == sqltypes.KindTime || id >= leastTime || greatest(id)
	case sqltypes.KindBinary:
		if digits := reachOf(string(v.Bytes)); digits == id || digits-1 == id {
			return true
		}
		n = reach(v)
	default:
		n = reach(v)
	}
	return n == id || n-1 == id || n > id && greatest(id) || min(n, id) > 1<<53 // of which a float is not exact
}

// greatest reports whether a column of numbers may have n for its greatest.
func greatest(n uint64) bool { return n >= math.MaxInt8 && n&(n+1) == 0 }
