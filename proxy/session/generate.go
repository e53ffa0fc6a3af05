package session

import (
	"context"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
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
	for i := range ids {
		v := sqltypes.NullValue
		if given := rows.GivenAt(i); given != nil {
			if v, err = value(x.args, given); err != nil {
				return 0, err
			}
		}
		if asksForID(v, g.ZeroIsValue) {
			missing = append(missing, i)
		} else if id, ok := integer(v); ok {
			insertID = id
		}
	}
	x.args.generated = ids
	if len(missing) == 0 {
		return insertID, nil
	}
	batch, err := g.Generator.Next(ctx, len(missing))
	if err != nil {
		return 0, sqlerr.KeygenUnavailable(err.Error())
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
