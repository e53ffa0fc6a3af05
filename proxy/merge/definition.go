package merge

import "github.com/heddle-mesh/heddle/internal/sqltypes"

// What the server adds to an argument's precision for a SUM, and the most a DECIMAL has.
const (
	sumPrecision = 22
	maxPrecision = 65
)

// definition returns an output's column definition: the planner's, or the one that MariaDB derives from the input's.
func (s *AggregateSpec) definition(cols []sqltypes.Column, a *Agg) sqltypes.Column {
	in := cols[a.Column]
	exactAvg := a.Func == Avg && !in.Type.IsFloat()
	if a.Result != nil {
		out := *a.Result
		if exactAvg {
			scale := s.division().scale(int(in.Decimals))
			out.Length = uint32(max(0, int(out.Length)+scale-int(out.Decimals)))
			out.Decimals = byte(scale)
		}
		return out
	}
	out := sqltypes.Column{Name: in.Name, Collation: sqltypes.CollationBinary, Flags: sqltypes.FlagBinary}
	single := len(a.Distinct) > 0
	switch a.Func {
	case Count, BitAnd, BitOr, BitXor:
		out.Type, out.Length, out.Flags = sqltypes.LongLong, 21, sqltypes.FlagBinary|sqltypes.FlagNotNull
		if a.Func != Count {
			out.Flags |= sqltypes.FlagUnsigned
		}
	case Sum:
		if !single || in.Type.IsFloat() {
			return in
		}
		setDecimal(&out, min(precision(&in)+sumPrecision, maxPrecision), int(in.Decimals))
	case Avg:
		if !exactAvg {
			out = in
			if in.Decimals < anyDecimals {
				out.Decimals = byte(min(int(in.Decimals)+s.DivPrecisionIncrement, anyDecimals-1))
			}
			return out
		}
		p := precision(&in)
		if !single {
			p -= sumPrecision
		}
		setDecimal(&out, min(p+s.DivPrecisionIncrement, maxPrecision), s.division().scale(int(in.Decimals)))
	default:
		return in
	}
	return out
}

// setDecimal makes col a signed DECIMAL(precision, scale).
func setDecimal(col *sqltypes.Column, precision, scale int) {
	col.Type, col.Decimals = sqltypes.NewDecimal, byte(scale)
	col.Length = uint32(precision + 1)
	if scale > 0 {
		col.Length++
	}
}

// precision returns how many digits a column of integers or decimals can have.
func precision(col *sqltypes.Column) int {
	switch col.Type {
	case sqltypes.Tiny:
		return 3
	case sqltypes.Short:
		return 5
	case sqltypes.Year:
		return 4
	case sqltypes.Int24:
		return 8
	case sqltypes.Long, sqltypes.Bit:
		return 10
	case sqltypes.LongLong:
		if col.Unsigned() {
			return 20
		}
		return 19
	}
	p := int(col.Length)
	if col.Decimals > 0 {
		p--
	}
	if !col.Unsigned() {
		p--
	}
	return p
}
