package merge

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
)

// planFuncs maps the plan's functions.
var planFuncs = map[plan.AggregateFunc]Func{
	plan.First: First, plan.Count: Count, plan.Sum: Sum, plan.Min: Min, plan.Max: Max, plan.Avg: Avg,
	plan.CountDistinct: Count, plan.SumDistinct: Sum, plan.AvgDistinct: Avg,
	plan.BitAnd: BitAnd, plan.BitOr: BitOr, plan.BitXor: BitXor,
	plan.VarPop: VarPop, plan.VarSamp: VarSamp, plan.StdPop: StdPop, plan.StdSamp: StdSamp,
	plan.GroupConcat: GroupConcat, plan.JSONArrayAgg: JSONArrayAgg, plan.JSONObjectAgg: JSONObjectAgg,
}

// aggregate builds a plan.Aggregate. With a spill directory a hash aggregation becomes a sort, which can go to disk,
// and a streaming one.
func (b *builder) aggregate(n *plan.Aggregate) (RowStream, error) {
	in, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	spec, err := b.spec(n, in.Columns())
	if err != nil {
		return nil, err
	}
	switch {
	case n.Mode == plan.Stream:
		return done(NewStreamAggregate(in, spec))
	case b.opts.Spill == nil || len(spec.Keys) == 0:
		return done(NewHashAggregate(in, spec))
	}
	for i := range spec.Output {
		spec.Output[i].Unsorted = true
	}
	together, err := newSort(in, spec.Keys, equality, SortOptions{Budget: b.opts.Budget, Spill: b.opts.Spill})
	if err != nil {
		return nil, err
	}
	return done(NewStreamAggregate(together, spec))
}

// spec maps a plan.Aggregate.
func (b *builder) spec(n *plan.Aggregate, cols []sqltypes.Column) (AggregateSpec, error) {
	spec := AggregateSpec{
		Keys: keysOf(n.Keys), DivPrecisionIncrement: b.opts.DivPrecisionIncrement,
		Budget: b.opts.Budget, Warn: b.opts.Warn, WholeDoubles: b.opts.WholeDoubles,
	}
	if b.opts.MySQL {
		spec.MaxScale = 30
	}
	for i := range n.Output {
		a, err := b.agg(&n.Output[i], cols)
		if err != nil {
			return spec, err
		}
		spec.Output = append(spec.Output, a)
	}
	markUnsorted(spec.Output)
	return spec, nil
}

// markUnsorted makes DISTINCT aggregates remember their values where they have different arguments: input can be
// sorted by those of one only.
func markUnsorted(output []Agg) {
	var first []Key
	for _, a := range output {
		switch {
		case len(a.Distinct) == 0:
		case first == nil:
			first = a.Distinct
		case !slices.EqualFunc(first, a.Distinct, func(k, l Key) bool { return k.Column == l.Column }):
			for i := range output {
				output[i].Unsorted = true
			}
			return
		}
	}
}

// agg maps one output.
func (b *builder) agg(p *plan.Aggregation, cols []sqltypes.Column) (Agg, error) {
	f, ok := planFuncs[p.Func]
	if !ok || p.Column < 0 || p.Column >= len(cols) {
		return Agg{}, sqlerr.Internal(fmt.Sprintf("aggregate %d of column %d of %d", p.Func, p.Column, len(cols)))
	}
	a := On(f, p.Column)
	a.Separator = p.Separator
	if !p.Inherit && p.Result.Type != sqltypes.Decimal { // which no server sends: the planner left it open
		a.Result = &p.Result
	}
	if p.Inherit {
		def := cols[p.Column]
		a.Result = &def
	}
	switch p.Func {
	case plan.First:
		a.Count = p.Second
	case plan.Sum:
		a.Beside = p.Third
	case plan.Avg:
		a.Count, a.Beside = p.Second, p.Third
	case plan.Min, plan.Max:
		a.Order = keyOf(p.Order)
		a.Order.Column = p.Column
	case plan.CountDistinct, plan.SumDistinct, plan.AvgDistinct:
		a.Distinct = keysOf(p.DistinctKeys)
	case plan.VarPop, plan.VarSamp, plan.StdPop, plan.StdSamp:
		a.Count, a.Column, a.Spread = p.Column, p.Second, p.Third
	case plan.GroupConcat:
		if p.SeparatorArg != nil {
			v, err := b.value(p.SeparatorArg)
			if err != nil {
				return Agg{}, err
			}
			a.Separator = v.AppendText(nil)
		}
		if err := b.joins(p, &a, &cols[p.Column]); err != nil {
			return Agg{}, err
		}
		a.MaxLen = b.opts.GroupConcatMaxLen
		a.Charset = b.charset(p, &cols[p.Column])
	case plan.JSONArrayAgg, plan.JSONObjectAgg:
		b.json(&a)
	}
	return a, nil
}

// joins refuses a separator that is not in the charset of the texts that it stands between, or that theirs may lack.
func (b *builder) joins(p *plan.Aggregation, a *Agg, col *sqltypes.Column) error {
	if wide(col.Collation) || four(col.Collation) {
		return sqlerr.NotSupported("GROUP_CONCAT of text of two or four bytes a character over several shards")
	}
	if b.opts.Literals == nil || !slices.ContainsFunc(a.Separator, func(c byte) bool { return c >= utf8.RuneSelf }) {
		return nil
	}
	v, err := b.value(p.SeparatorArg)
	if err != nil {
		return err
	}
	own := p.Result.Collation
	if own == 0 {
		own = col.Collation
	}
	holds := b.opts.Literals(own) || CharsetOf(own) == CharsetUTF8 && !slices.ContainsFunc(a.Separator, func(c byte) bool { return c >= 0xf0 })
	if v.Kind == sqltypes.KindString && b.opts.Literals(col.Collation) && holds {
		return nil
	}
	return sqlerr.NotSupported("GROUP_CONCAT over several shards with a SEPARATOR beyond ASCII in another character set than the texts")
}

// charset returns how a GROUP_CONCAT is measured. The plan's definition carries the column's own charset.
func (b *builder) charset(p *plan.Aggregation, col *sqltypes.Column) Charset {
	if p.Result.Collation == 0 {
		return CharsetOf(col.Collation)
	}
	return CharsetFor(col.Collation, p.Result.Collation)
}

// json sets how the claimed flavour prints JSON.
func (b *builder) json(a *Agg) {
	a.Separator = []byte(", ")
	if b.opts.MySQL {
		a.Normalize = true
		return
	}
	if a.Func == JSONArrayAgg {
		a.Separator = []byte(",")
		a.MaxLen = b.opts.GroupConcatMaxLen
	}
}
