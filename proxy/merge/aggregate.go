package merge

import (
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Func is an aggregate function that can be put together from parts.
type Func uint8

// The functions, each with what the shards send for it. With Agg.Distinct set the parts are single values, not partial
// aggregates.
const (
	First         Func = iota // a value of the group: its keys, ANY_VALUE
	Count                     // COUNT
	Sum                       // SUM
	Min                       // MIN
	Max                       // MAX
	Avg                       // SUM in Column, COUNT in Count
	BitAnd                    // BIT_AND
	BitOr                     // BIT_OR
	BitXor                    // BIT_XOR
	VarPop                    // AVG as DOUBLE in Column, COUNT in Count, VAR_POP as DOUBLE in Spread
	VarSamp                   // likewise
	StdPop                    // likewise
	StdSamp                   // likewise
	GroupConcat               // GROUP_CONCAT with the same separator, or single values in the order wanted
	JSONArrayAgg              // JSON_ARRAYAGG
	JSONObjectAgg             // JSON_OBJECTAGG
)

var funcNames = [...]string{
	"FIRST", "COUNT", "SUM", "MIN", "MAX", "AVG", "BIT_AND", "BIT_OR", "BIT_XOR",
	"VAR_POP", "VAR_SAMP", "STDDEV_POP", "STDDEV_SAMP", "GROUP_CONCAT", "JSON_ARRAYAGG", "JSON_OBJECTAGG",
}

// String returns the SQL name.
func (f Func) String() string { return funcNames[f] }

// Agg is one output column of an aggregation. On makes one.
type Agg struct {
	Func   Func
	Column int // input column: the partial result, or the value with Distinct
	// Count is the input column that holds COUNT of the same values: Avg and the variances. For First it is
	// optional: rows where it is 0 stand for no row of the table, and give way to others. -1: none.
	Count  int
	Spread int // the variances: input column with VAR_POP; -1: none
	// Beside is, of a Sum or Avg of DOUBLEs, the input column with the largest absolute value; of DECIMALs the one with the
	// sum to more digits than Column shows; -1: none.
	Beside int
	Order  Key // Min, Max: how values compare; Order.Column is Column

	// Distinct are the arguments of a DISTINCT aggregate. The input rows hold single values, which count where they
	// change within a group: the input is sorted by the group's keys and then by these.
	Distinct []Key
	// Unsorted says that it is not: the values seen are remembered, within the budget. A hash aggregation always does.
	Unsorted bool

	Separator []byte // GroupConcat; the JSON functions: what the flavour puts between elements
	// MaxLen is the most that GroupConcat and JSONArrayAgg yield, in bytes as the server measures them
	// (group_concat_max_len); 0: no limit. The shards must run with a limit at least four bytes higher: a partial
	// text that a shard cut at a character's boundary could not be told from a whole one.
	MaxLen  int
	Charset Charset // GroupConcat: how the text is cut
	// Normalize makes JSONObjectAgg as MySQL does: of equal names the last stays, names in order of length and bytes.
	// MariaDB keeps all as they come.
	Normalize bool

	// Result is the output's column definition; nil derives one from the input's. Its Decimals say how a DOUBLE
	// prints; those of an exact AVG are computed in any case.
	Result *sqltypes.Column
}

// On returns an Agg of f over an input column, without companions.
func On(f Func, column int) Agg {
	return Agg{Func: f, Column: column, Count: -1, Spread: -1, Beside: -1, Order: Asc(column)}
}

// AggregateSpec is what both kinds of aggregation are made from.
type AggregateSpec struct {
	Keys   []Key // of the groups; empty: one group, and one row even of no input
	Output []Agg

	DivPrecisionIncrement int                         // the session's div_precision_increment
	WholeDoubles          bool                        // DOUBLEs keep all their digits, whatever the definition says: for the binary protocol
	MaxScale              int                         // most digits after the point of a decimal: 38 on MariaDB, 30 on MySQL; 0: 38
	Budget                *Budget                     // nil: no limit
	Warn                  func(warning *sqlerr.Error) // told of cut texts; nil: nobody
}

// aggregation is a spec compiled against the input's definitions.
type aggregation struct {
	keys    keySet
	columns []sqltypes.Column
	make    []func() accumulator // by output column
	account *account
}

// accumulator gathers one output cell of one group.
type accumulator interface {
	// reset forgets the group.
	reset()
	// add takes a row of the group.
	add(row sqltypes.Row) error
	// result appends the cell to dst, or reports that it is NULL.
	result(dst []byte) (out []byte, null bool, err error)
}

// compile checks the spec and chooses the accumulators. hashed says that rows of a group are not together.
func (s *AggregateSpec) compile(cols []sqltypes.Column, operator string, hashed bool) (*aggregation, error) {
	keys, err := compileKeys(cols, s.Keys, equality)
	if err != nil {
		return nil, err
	}
	c := &aggregation{keys: keys, account: &account{budget: s.Budget, operator: operator}}
	for i := range s.Output {
		agg := s.Output[i]
		agg.Unsorted = agg.Unsorted || hashed
		if err := agg.check(cols); err != nil {
			return nil, err
		}
		col := s.definition(cols, &agg)
		build, err := s.builder(cols, &agg, &col, c.account)
		if err != nil {
			return nil, err
		}
		c.columns, c.make = append(c.columns, col), append(c.make, build)
	}
	return c, nil
}

// check tells whether an output's columns exist.
func (a *Agg) check(cols []sqltypes.Column) error {
	bad := a.Column < 0 || a.Column >= len(cols) || a.Count >= len(cols) || a.Spread >= len(cols) || a.Beside >= len(cols)
	switch a.Func {
	case Avg:
		bad = bad || (a.Count < 0 && len(a.Distinct) == 0)
	case VarPop, VarSamp, StdPop, StdSamp:
		bad = bad || a.Count < 0 || a.Spread < 0 || len(a.Distinct) > 0
	}
	if bad {
		return sqlerr.Internal(fmt.Sprintf("%s of columns %d, %d, %d of %d", a.Func, a.Column, a.Count, a.Spread, len(cols)))
	}
	return nil
}

// builder returns what makes an output's accumulators, one for each group.
func (s *AggregateSpec) builder(cols []sqltypes.Column, a *Agg, out *sqltypes.Column, acct *account) (func() accumulator, error) {
	build, err := s.plain(cols, a, out, acct)
	if err != nil || len(a.Distinct) == 0 {
		return build, err
	}
	keys, err := compileKeys(cols, a.Distinct, equality)
	if err != nil {
		return nil, err
	}
	return func() accumulator { return newDistinctValues(build(), keys, a, acct) }, nil
}

// plain is builder without DISTINCT.
func (s *AggregateSpec) plain(cols []sqltypes.Column, a *Agg, out *sqltypes.Column, acct *account) (func() accumulator, error) {
	in, single := &cols[a.Column], len(a.Distinct) > 0
	switch a.Func {
	case First:
		return func() accumulator { return &first{column: a.Column, count: a.Count, cell: cellBuffer{account: acct}} }, nil
	case Count:
		return func() accumulator { return &count{column: a.Column, single: single} }, nil
	case Sum:
		kind, err := numberKind(in, a.Func)
		return func() accumulator {
			return &sum{total: total{column: a.Column, beside: a.Beside, kind: kind, grouped: len(s.Keys) > 0, scale: int(in.Decimals)}, decimals: s.digits(out)}
		}, err
	case Avg:
		kind, err := numberKind(in, a.Func)
		return func() accumulator {
			return &avg{
				total: total{column: a.Column, beside: a.Beside, kind: kind, grouped: len(s.Keys) > 0, scale: int(in.Decimals)}, count: count{column: a.Count, single: single},
				division: s.division(), decimals: s.digits(out),
			}
		}, err
	case Min, Max:
		order, err := compileKey(cols, a.Order, ordering)
		order.desc = a.Func == Max
		return func() accumulator { return newExtreme(a.Column, order, acct) }, err
	case BitAnd, BitOr, BitXor:
		return func() accumulator { return newBits(a.Func, a.Column) }, nil
	case VarPop, VarSamp, StdPop, StdSamp:
		return func() accumulator { return &variance{agg: a, decimals: s.digits(out)} }, nil
	case GroupConcat:
		return func() accumulator { return &groupConcat{agg: a, text: cellBuffer{account: acct}, warn: s.Warn} }, nil
	case JSONArrayAgg:
		return func() accumulator { return newJSONJoin(a, '[', ']', acct) }, nil
	case JSONObjectAgg:
		return func() accumulator { return newJSONJoin(a, '{', '}', acct) }, nil
	}
	return nil, sqlerr.Internal(fmt.Sprintf("aggregate function number %d", a.Func))
}

// digits is how many digits after the point a DOUBLE result is printed with.
func (s *AggregateSpec) digits(out *sqltypes.Column) byte {
	if s.WholeDoubles {
		return anyDecimals
	}
	return out.Decimals
}

// division returns the session's rule for decimals.
func (s *AggregateSpec) division() division {
	d := division{increment: s.DivPrecisionIncrement, maxScale: s.MaxScale}
	if d.maxScale == 0 {
		d.maxScale = 38
	}
	return d
}
