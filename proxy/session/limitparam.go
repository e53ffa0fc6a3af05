package session

import (
	"bytes"
	"math"
	"math/big"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// MariaDB takes a parameter of any type in LIMIT and makes a whole number of it. A LIMIT over several shards is read here as
// well; servers still get the parameter that the client has sent.

// limitParams are the arguments that are parameters of a LIMIT, of whatever part of the statement.
func limitParams(parsed *parser.Statement) (out []int) {
	t := parsed.Tokens
	for i := 1; i < len(t); i++ {
		if t[i].Arg < 0 || parsed.Args[t[i].Arg].Kind != parser.ArgParam {
			continue
		}
		second := i > 2 && t[i-1].Is(",") && t[i-3].Is("LIMIT")
		if second || t[i-1].Is("LIMIT") || t[i-1].Is("OFFSET") {
			out = append(out, t[i].Arg)
		}
	}
	return out
}

// readLimits makes row counts of the values of an execution's LIMIT parameters, as MariaDB does. One that a server warns
// of stays what it is.
func (s *Session) readLimits(x *execution, values []sqltypes.Value) {
	if !s.srv.Flavour.MariaDB {
		return
	}
	for _, i := range x.st.limits {
		arg, _ := x.args.arg(i)
		if n := int(arg.Ordinal); n < len(values) {
			if count, ok := wholeNumber(&values[n]); ok {
				values[n] = sqltypes.UintValue(uint64(count)) // a negative number is a very large one
			}
		}
	}
}

// writeLimits makes literals that LIMIT takes of the values of SQL's EXECUTE.
func (s *Session) writeLimits(stmt *prepared, values []sqltypes.Value) error {
	a := stmt.st.argsOf(&stmt.scan, stmt.text)
	for _, i := range stmt.st.limits {
		arg, _ := a.arg(i)
		n := int(arg.Ordinal)
		if n >= len(values) {
			continue
		}
		v := &values[n]
		if u, err := strconv.ParseUint(string(v.Bytes), 10, 64); err == nil && v.Kind == sqltypes.KindDecimal {
			values[n] = sqltypes.UintValue(u)
			continue
		}
		count, ok := wholeNumber(v)
		switch {
		case v.Kind == sqltypes.KindUint && v.Int < 0:
		case ok && count >= 0 && (s.srv.Flavour.MariaDB || v.Kind == sqltypes.KindInt || v.Kind == sqltypes.KindDecimal):
			values[n] = sqltypes.IntValue(count)
		case ok:
			return sqlerr.WrongArguments("EXECUTE")
		default:
			return sqlerr.NotSupported("EXECUTE with a value for LIMIT that is no whole number")
		}
	}
	return nil
}

// wholeNumber is the integer that MariaDB makes of a value; false where it warns of that, or it is not known.
func wholeNumber(v *sqltypes.Value) (int64, bool) {
	switch v.Kind {
	case sqltypes.KindNull:
		return 0, true
	case sqltypes.KindInt, sqltypes.KindUint:
		return v.Int, true
	case sqltypes.KindDouble:
		f, err := strconv.ParseFloat(string(v.Bytes), 64)
		return roundedDouble(f), err == nil
	case sqltypes.KindDecimal:
		return roundedDecimal(string(v.Bytes))
	case sqltypes.KindString, sqltypes.KindBinary:
		n, err := strconv.ParseInt(string(bytes.TrimLeft(v.Bytes, " ")), 10, 64)
		return n, err == nil
	case sqltypes.KindDate:
		n, err := strconv.ParseInt(string(bytes.ReplaceAll(v.Bytes, []byte("-"), nil)), 10, 64)
		return n, err == nil
	case sqltypes.KindDatetime:
		digits := bytes.Map(func(c rune) rune {
			if c == '-' || c == ':' || c == ' ' {
				return -1
			}
			return c
		}, v.Bytes)
		n, err := strconv.ParseInt(string(digits), 10, 64) // one with a fraction is none
		return n, err == nil
	}
	return 0, false
}

// roundedDouble rounds to the even neighbour, and stays within 64 bits.
func roundedDouble(f float64) int64 {
	switch f = math.RoundToEven(f); {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// roundedDecimal rounds half away from zero.
func roundedDecimal(text string) (int64, bool) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(r.FloatString(0), 10, 64) // which rounds so
	return n, err == nil
}
