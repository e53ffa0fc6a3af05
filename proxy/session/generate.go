package session

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
)

// generate is step 5a: it fills in the ids of an INSERT's rows, generated where the client gave none. insertID is
// what the OK carries: the first generated id, else the last one that the client gave.
func (s *Session) generate(ctx context.Context, x *execution, rows *plan.Rows) (insertID uint64, err error) {
	if rows == nil || rows.Generate == nil {
		return 0, nil
	}
	g := rows.Generate
	ids := make([]sqltypes.Value, rows.Count(x.args)) // NULL where the client gave one
	var missing []int
	var given keygen.Given
	for i := range ids {
		v := sqltypes.NullValue
		if e := rows.GivenAt(i); e != nil {
			if v, err = value(x.args, e); err != nil {
				return 0, err
			}
		}
		if asksForID(v, g.ZeroIsValue) {
			missing = append(missing, i)
			continue
		}
		include(&given, reach(v))
		if err := x.gives(g, i, len(ids), v); err != nil {
			return 0, err
		}
		if id, ok := integer(v); ok {
			insertID = id
		}
	}
	x.args.generated = ids
	if err := s.countsAlone(len(missing)); err != nil {
		return 0, err
	}
	batch, err := x.nextIDs(ctx, g, given, len(missing))
	if err != nil || len(missing) == 0 {
		return insertID, err
	}
	for n, row := range missing {
		ids[row] = batch.Value(n)
	}
	if !batch.Integer() {
		return 0, nil
	}
	x.generatedID = batch.First
	return batch.First, nil
}

// countsAlone refuses to generate n ids where the session has said which they are to be: a server takes its next id, or the
// distance of ids, from these variables.
func (s *Session) countsAlone(n int) error {
	if n == 0 {
		return nil
	}
	for _, name := range [...]string{"auto_increment_increment", "auto_increment_offset"} {
		if text, set := s.state.Var(name); set && plainText(text) != "1" {
			return sqlerr.NotSupported("SET " + name + " before an INSERT whose ids Heddle generates")
		}
	}
	const chosen = "SET insert_id"
	if slices.ContainsFunc(s.held, func(h *held) bool { return slices.Contains(h.pins, chosen) }) {
		return sqlerr.NotSupported(chosen + " before an INSERT whose ids Heddle generates")
	}
	return nil
}

// include widens the ids that a client gives by one that is at most so great, and greater than the one before it: reach rounds
// up.
func include(given *keygen.Given, id uint64) {
	if id == 0 {
		return
	}
	if given.High == 0 {
		given.Low = id - 1
	}
	given.Low, given.High = min(given.Low, id-1), max(given.High, id)
}

// nextIDs are n ids, n being 0 too, of a statement some of whose rows have theirs: as on one server, generated ids go on above
// those.
func (x *execution) nextIDs(ctx context.Context, g *plan.Generate, given keygen.Given, n int) (batch keygen.Batch, err error) {
	raiser, counts := g.Generator.(keygen.Raiser)
	if counts && given.High > 0 {
		given.Alone = g.Key < 0 || g.Unique != ""
		if err := raiser.Raise(ctx, given); err != nil {
			return batch, unavailable(err)
		}
	}
	switch {
	case n == 0:
		return batch, nil
	case counts && g.Fresh:
		batch, err = raiser.Fresh(ctx, n)
	default:
		batch, err = g.Generator.Next(ctx, n)
	}
	if err != nil {
		return batch, unavailable(err)
	}
	if counts {
		x.ended() // a former attempt's
		x.issuer, x.issued = raiser, batch
	}
	return batch, nil
}

// countFrom has the ids of a table go on at c.Next or above on every instance, before its servers are told: ids that were
// passed over for nothing are none that is missed.
func countFrom(ctx context.Context, c *plan.Counter) error {
	if raiser, counts := c.Generator.(keygen.Raiser); counts {
		if err := raiser.Raise(ctx, keygen.Given{Low: c.Next - 1, High: c.Next - 1, Alone: true}); err != nil {
			return unavailable(err)
		}
		return nil
	}
	batch, err := c.Generator.Next(ctx, 1)
	if err != nil {
		return unavailable(err)
	}
	if batch.Integer() && batch.First < c.Next {
		return sqlerr.NotSupported("AUTO_INCREMENT = " + strconv.FormatUint(c.Next, 10) + ", above the ids that are generated for " + c.Column)
	}
	return nil
}

// unavailable is the error of a generator, whose own are as the client is to see them.
func unavailable(err error) error {
	if e, ok := errors.AsType[*sqlerr.Error](err); ok {
		return e
	}
	return sqlerr.KeygenUnavailable(err.Error())
}

// ended tells the generator that what the statement stores of its ids is stored.
func (x *execution) ended() {
	if x.issuer != nil {
		x.issuer.Done(x.issued)
		x.issuer = nil
	}
}

// reach is the greatest id that a column of integers can make of a value.
func reach(v sqltypes.Value) uint64 {
	switch v.Kind {
	case sqltypes.KindInt:
		return uint64(max(v.Int, 0))
	case sqltypes.KindUint:
		return uint64(v.Int)
	case sqltypes.KindBinary:
		var n uint64 // an hexadecimal literal is a number
		for _, b := range v.Bytes[max(len(v.Bytes)-8, 0):] {
			n = n<<8 | uint64(b)
		}
		return max(n, reachOf(string(v.Bytes)))
	case sqltypes.KindDecimal, sqltypes.KindDouble, sqltypes.KindString:
		return reachOf(string(v.Bytes))
	}
	return 0
}

// reachOf reads the number that text begins with, rounded up.
func reachOf(text string) uint64 {
	text = strings.TrimLeft(text, " \t\r\n\v\f")
	end := len(text) - len(strings.TrimLeft(text, "+-.0123456789eE"))
	for ; end > 0; end-- {
		if n, err := strconv.ParseUint(strings.TrimPrefix(text[:end], "+"), 10, 64); err == nil {
			return n
		}
		f, err := strconv.ParseFloat(text[:end], 64)
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange):
		case f >= math.MaxUint64:
			return math.MaxUint64
		default:
			return uint64(math.Ceil(max(f, 0)))
		}
	}
	return 0
}

// asksForID reports whether a value in a generated column asks for a generated one.
func asksForID(v sqltypes.Value, zeroIsValue bool) bool {
	if v.IsNull() {
		return true
	}
	if zeroIsValue {
		return false
	}
	switch v.Kind {
	case sqltypes.KindInt, sqltypes.KindUint:
		return v.Int == 0
	case sqltypes.KindDecimal, sqltypes.KindDouble, sqltypes.KindString:
		f, err := strconv.ParseFloat(string(v.Bytes), 64)
		return err == nil && f == 0
	}
	return false
}

// value evaluates an expression that needs no server.
func value(a *args, e *plan.Expr) (sqltypes.Value, error) {
	if e.Generated {
		if v := a.Generated(e.Row); !v.IsNull() {
			return v, nil
		}
	}
	if e.Arg < 0 {
		return e.Const, nil
	}
	v, err := a.Value(e.Arg)
	if err != nil || !e.Negate {
		return v, err
	}
	return negate(v), nil
}

// negate is the minus sign in front of a literal.
func negate(v sqltypes.Value) sqltypes.Value {
	switch v.Kind {
	case sqltypes.KindInt:
		v.Int = -v.Int
	case sqltypes.KindUint:
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: append([]byte{'-'}, v.AppendText(nil)...)}
	case sqltypes.KindDecimal, sqltypes.KindDouble:
		v.Bytes = append([]byte{'-'}, v.Bytes...)
	}
	return v
}

// integer reads a value as an insert id.
func integer(v sqltypes.Value) (uint64, bool) {
	switch v.Kind {
	case sqltypes.KindInt, sqltypes.KindUint:
		return uint64(v.Int), true
	case sqltypes.KindString:
		id, err := strconv.ParseUint(string(v.Bytes), 10, 64)
		return id, err == nil
	}
	return 0, false
}
