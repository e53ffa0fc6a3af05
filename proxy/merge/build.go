package merge

import (
	"fmt"
	"math"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
)

// Options is what a plan's operators take from the statement and its session.
type Options struct {
	Args []sqltypes.Value // literals and parameters, which LIMIT may name

	DivPrecisionIncrement int  // the session's div_precision_increment
	GroupConcatMaxLen     int  // the session's group_concat_max_len; the shards' is at least four bytes higher
	WholeDoubles          bool // the rows become binary ones, in which a DOUBLE has all its digits
	MySQL                 bool // the flavour that is claimed: MySQL's decimals and JSON, else MariaDB's

	// Literals says whether the client's literals are in the charset of a collation; nil: they are in any.
	Literals func(collation uint16) bool

	Budget *Budget                  // of the query; nil: no limit
	Spill  *Spill                   // nil: nothing goes to disk
	Warn   func(warn *sqlerr.Error) // told of what becomes a warning of the statement; nil: nobody
	Found  func(rows uint64)        // told how many rows a LIMIT has cut, where they are to be counted; nil: nobody

	// Observe puts something around the stream of each node; nil: nothing.
	Observe func(node plan.Node, s RowStream) RowStream
}

// Leaves opens what does not merge: the streams of a plan.Route, one per shard in data source order, and the one
// stream of a node that is run as a whole, a plan.Residual say. They belong to the caller of Build until it returns
// without an error.
type Leaves func(node plan.Node) ([]RowStream, error)

// Build makes the operators for a plan. Several streams of a leaf are merged where a MergeSort stands on it, and
// concatenated anywhere else. Closing the result closes every stream. After an error everything that was opened
// is closed.
func Build(node plan.Node, leaves Leaves, opts Options) (RowStream, error) {
	b := &builder{leaves: leaves, opts: &opts}
	s, err := b.build(node)
	if err != nil {
		_ = closeAll(b.opened) // the first error is the one to report
		return nil, err
	}
	return s, nil
}

// builder is the state of one Build.
type builder struct {
	leaves Leaves
	opts   *Options
	opened []RowStream
}

func (b *builder) build(node plan.Node) (RowStream, error) {
	s, err := b.operator(node)
	if err == nil && b.opts.Observe != nil {
		s = b.opts.Observe(node, s)
	}
	return s, err
}

func (b *builder) operator(node plan.Node) (RowStream, error) {
	switch n := node.(type) {
	case *plan.MergeSort:
		in, err := b.open(n.Input)
		if err != nil {
			return nil, err
		}
		return done(NewMergeSort(in, keysOf(n.Keys)))
	case *plan.Sort:
		return b.sort(n)
	case *plan.Limit:
		return b.limit(n)
	case *plan.Distinct:
		return b.distinct(n)
	case *plan.Aggregate:
		return b.aggregate(n)
	case *plan.Project:
		return b.project(n)
	case *plan.Concat:
		return b.concat(n)
	}
	in, err := b.open(node)
	if err != nil {
		return nil, err
	}
	if len(in) == 1 {
		return in[0], nil
	}
	return done(NewConcat(in))
}

// done turns a constructor's result into a RowStream that is nil when there is an error.
func done[S RowStream](s S, err error) (RowStream, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// open returns a node's streams unmerged: a leaf's own, or the one of an operator.
func (b *builder) open(node plan.Node) ([]RowStream, error) {
	switch node.(type) {
	case *plan.MergeSort, *plan.Sort, *plan.Limit, *plan.Distinct, *plan.Aggregate, *plan.Project, *plan.Concat:
		s, err := b.build(node)
		return []RowStream{s}, err
	}
	in, err := b.leaves(node)
	b.opened = append(b.opened, in...)
	if err == nil && len(in) == 0 {
		err = sqlerr.Internal(fmt.Sprintf("no stream for a %T", node))
	}
	return in, err
}

func (b *builder) sort(n *plan.Sort) (RowStream, error) {
	in, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	opts := SortOptions{Budget: b.opts.Budget, Spill: b.opts.Spill}
	if n.Limit != nil {
		offset, count, err := b.limits(n.Limit)
		if err != nil {
			return nil, err
		}
		switch {
		case count == 0:
			return NewLimit(in, 0, 0), nil
		case count <= math.MaxUint64-1-offset:
			opts.Limit = offset + count
		}
	}
	return done(NewSort(in, keysOf(n.Keys), opts))
}

func (b *builder) limit(n *plan.Limit) (RowStream, error) {
	offset, count, err := b.limits(&n.Args)
	if err != nil {
		return nil, err
	}
	in, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	if n.Count {
		return NewCountedLimit(in, offset, count, b.opts.Found), nil
	}
	return NewLimit(in, offset, count), nil
}

func (b *builder) distinct(n *plan.Distinct) (RowStream, error) {
	in, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	if n.Sorted {
		return done(NewDistinct(in, keysOf(n.Keys)))
	}
	return done(NewHashDistinct(in, keysOf(n.Keys), b.opts.Budget))
}

func (b *builder) project(n *plan.Project) (RowStream, error) {
	in, err := b.build(n.Input)
	if err != nil {
		return nil, err
	}
	cols := in.Columns()
	outputs := make([]Output, len(n.Columns))
	for i, c := range n.Columns {
		outputs[i].Column = c.Column
		if c.Name != "" && c.Column >= 0 && c.Column < len(cols) {
			def := cols[c.Column]
			def.Name = c.Name
			outputs[i].Definition = &def
		}
	}
	return done(NewProject(in, outputs))
}

func (b *builder) concat(n *plan.Concat) (RowStream, error) {
	var in []RowStream
	for _, input := range n.Inputs {
		s, err := b.build(input)
		if err != nil {
			return nil, err
		}
		in = append(in, s)
	}
	return done(NewConcat(in))
}

// limits evaluates a LIMIT clause.
func (b *builder) limits(args *plan.LimitArgs) (offset, count uint64, err error) {
	count = NoLimit
	if args.Offset != nil {
		if offset, err = b.rows(args.Offset); err != nil {
			return 0, 0, err
		}
	}
	if args.Count != nil {
		count, err = b.rows(args.Count)
	}
	return offset, count, err
}

// rows evaluates one number of a LIMIT clause.
func (b *builder) rows(e *plan.Expr) (uint64, error) {
	v, err := b.value(e)
	switch {
	case err != nil:
		return 0, err
	case e.Negate, v.Kind == sqltypes.KindInt && v.Int < 0:
	case v.Kind == sqltypes.KindInt, v.Kind == sqltypes.KindUint:
		return uint64(v.Int), nil
	case v.Kind == sqltypes.KindNull:
		return 0, nil // as a server reads a NULL parameter
	default:
		return 0, sqlerr.NotSupported("a LIMIT that is no whole number over several shards")
	}
	return 0, sqlerr.WrongArguments("LIMIT")
}

// value evaluates an expression, its sign aside.
func (b *builder) value(e *plan.Expr) (sqltypes.Value, error) {
	if e.Arg < 0 {
		return e.Const, nil
	}
	if e.Arg >= len(b.opts.Args) {
		return sqltypes.Value{}, sqlerr.Internal(fmt.Sprintf("a plan names argument %d of %d", e.Arg, len(b.opts.Args)))
	}
	return b.opts.Args[e.Arg], nil
}

// keysOf maps a plan's keys.
func keysOf(keys []plan.Key) []Key {
	out := make([]Key, len(keys))
	for i, k := range keys {
		out[i] = keyOf(k)
	}
	return out
}

func keyOf(k plan.Key) Key {
	key := Key{Column: k.Column, Weight: k.Weight, Desc: k.Desc, Nul: k.Nul}
	if k.Pad {
		key.Pad = append([]byte{}, k.Space...) // not nil: a pad that the plan forgot is refused
	}
	return key
}
