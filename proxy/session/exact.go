package session

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// shapes are the column definitions of a statement's answer, one for each way in which servers describe it. They are few;
// a statement that gets more than it keeps forgets them.
type shapes struct{ known atomic.Pointer[[]shape] }

type shape struct {
	key     string
	columns []sqltypes.Column
}

// maxShapes is how many ways of describing one statement are remembered.
const maxShapes = 8

// get finds the definitions under key, or asks for them and keeps them.
func (l *shapes) get(key []byte, ask func() ([]sqltypes.Column, error)) ([]sqltypes.Column, error) {
	var list []shape
	if known := l.known.Load(); known != nil {
		list = *known
	}
	for i := range list {
		if list[i].key == string(key) {
			return list[i].columns, nil
		}
	}
	columns, err := ask()
	if err != nil {
		return nil, err
	}
	if len(list) >= maxShapes {
		list = nil
	}
	list = append(list[:len(list):len(list)], shape{string(key), columns})
	l.known.Store(&list) // of two at a time one is asked for again
	return columns, nil
}

// sessionKey is what the description of a statement may depend on beside its key: the session's variables (of charsets, of
// lengths, of digits), its user variables where the statement reads them, and literals.
func (t *tree) sessionKey() []byte {
	lists := []iter.Seq2[string, string]{t.s.state.Vars()}
	if t.x.need&backend.NeedUserVars != 0 {
		lists = append(lists, t.s.state.UserVars())
	}
	var key []byte
	for _, list := range lists {
		vars := maps.Collect(list)
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			key = append(append(append(append(key, name...), '='), vars[name]...), 0)
		}
	}
	// The literals that names and types may hang on.
	for _, i := range t.x.st.parsed.Defining() {
		if t.x.st.parsed.Args[i].Kind != parser.ArgParam {
			key = append(t.x.args.AppendText(key, i), 0)
		}
	}
	return key
}

// preparedColumns are the definitions that one server gives the answer of a statement that is merged here when it is
// prepared: a shard is asked to describe the client's own text, once per statement shape. Nil where the answer's rows
// come with them.
func (t *tree) preparedColumns(ctx context.Context) ([]sqltypes.Column, error) {
	route := plan.Leaf(t.x.plan.Root)
	if t.x.plan.Shape == nil || route == nil || len(route.Targets) == 0 {
		return nil, nil
	}
	return t.x.st.described.get(t.sessionKey(), func() ([]sqltypes.Column, error) {
		x := *t.x
		x.args = &args{scan: x.args.scan, text: x.args.text, folds: x.args.folds}
		any := &tree{s: t.s, x: &x}
		any.anyArguments()
		target := &route.Targets[0]
		var columns []sqltypes.Column
		if h := t.s.find(target.DataSource); h != nil && h.lease.Conn().Busy() {
			if lease := t.spare(ctx, target); lease != nil {
				defer lease.Release()
				columns, err := any.prepareOn(ctx, lease, route, target)
				return logicalColumns(columns, t.s, route, target), err
			}
			if err := t.buffer(ctx, h); err != nil {
				return nil, err
			}
		}
		stmt, err := any.prepare(ctx, target, x.plan.Shape)
		if err != nil {
			return nil, err
		}
		columns = append(columns, stmt.Columns...)
		return logicalColumns(columns, t.s, route, target), nil
	})
}

// spareWait is how long a connection is waited for on which a question is put while rows keep the session's: longer, and
// statements that wait for one another's connections would stand still.
const spareWait = 200 * time.Millisecond

// spare is a further connection to put a question about the statement on while rows keep the session's busy; nil: there is
// none, and the rows have to be read into memory first.
func (t *tree) spare(ctx context.Context, target *plan.Target) *backend.Lease {
	if t.s.locked != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, spareWait)
	defer cancel()
	lease, err := t.s.aside(ctx, target, t.s.flags, t.x.need)
	if err != nil {
		return nil
	}
	return lease
}

// prepareOn has a server describe the client's own text on a connection that is not the session's.
func (t *tree) prepareOn(ctx context.Context, lease *backend.Lease, route *plan.Route, target *plan.Target) ([]sqltypes.Column, error) {
	sql, _, err := t.s.sql(t.x, t.x.plan.Shape, &plan.RouteUnit{Target: target})
	if err != nil {
		return nil, err
	}
	stmt, err := lease.Conn().PrepareOwn(ctx, string(sql))
	if e := sqlerr.As(err); e != nil {
		return nil, t.s.logicalError(e, route, target)
	}
	if err != nil {
		return nil, err
	}
	lease.Conn().CloseStmt(stmt)
	return stmt.Columns, nil
}

// runColumns are the definitions that one server sends with the rows. How it describes a column depends on its way to the
// answer, whether through a temporary table, and that on the statement's values: a shard is asked to run the client's own
// text without reading a row, once for each way in which the shards describe their own parts.
func (t *tree) runColumns(ctx context.Context) ([]sqltypes.Column, error) {
	if t.x.plan.Trial == nil || len(t.streams) == 0 {
		return t.preparedColumns(ctx)
	}
	from := t.streams[0]
	var key []byte
	for i := range from.columns {
		c := &from.columns[i]
		key = append(key, byte(c.Type), byte(c.Flags), byte(c.Flags>>8), c.Decimals)
	}
	return t.trialColumns(ctx, from.route, from.target, key)
}

// trialColumns are the definitions that a server sends when it runs the statement, asked for once for each key, and each
// way in which parameters can be given. Without a server's answer they are those of the preparation.
func (t *tree) trialColumns(ctx context.Context, route *plan.Route, target *plan.Target, key []byte) ([]sqltypes.Column, error) {
	key = t.paramKey(append(t.sessionKey(), key...))
	columns, err := t.x.st.ran.get(key, func() ([]sqltypes.Column, error) {
		columns, err := t.trial(ctx, target, t.x.plan.Trial)
		return logicalColumns(columns, t.s, route, target), err
	})
	if columns == nil && err == nil {
		t.untried = true
		return t.preparedColumns(ctx)
	}
	return columns, err
}

// paramKey adds what types may hang on of parameters outside of WHERE and LIMIT: how they are sent, how long they are, and
// how many decimals they have.
func (t *tree) paramKey(key []byte) []byte {
	if len(t.x.params) == 0 {
		return key
	}
	for _, i := range t.x.st.parsed.Defining() {
		n := t.x.st.parsed.Args[i].Ordinal
		if t.x.st.parsed.Args[i].Kind != parser.ArgParam || int(n) >= len(t.x.params) {
			continue
		}
		p := &t.x.params[n]
		scale := -1
		if p.Value.Kind == sqltypes.KindDecimal {
			scale = bytes.IndexByte(p.Value.Bytes, '.')
		}
		key = append(key, byte(p.Value.Kind), byte(p.Type))
		key = append(strconv.AppendInt(key, int64(len(p.Value.Bytes)), 10), byte(scale), 0)
	}
	return key
}

// partsColumns are runColumns for a statement in parts, asked before they keep its connections.
func (t *tree) partsColumns(ctx context.Context, n *plan.Gather) ([]sqltypes.Column, error) {
	if t.x.plan.Trial == nil {
		return t.preparedColumns(ctx)
	}
	columns, err := t.trialColumns(ctx, n.Place, &n.Place.Targets[0], nil)
	return t.doubts(n, columns), err
}

// openDecimals is how many decimals a text has that a server has computed and not stored.
const openDecimals = 39

// doubts keeps the definitions of a statement in parts that hang on the parts' rows, which a trial without them cannot know: where
// a condition on them is NULL, a server does not begin to store what it has computed.
func (t *tree) doubts(n *plan.Gather, columns []sqltypes.Column) []sqltypes.Column {
	open := func(c sqltypes.Column) bool {
		return c.Collation != sqltypes.CollationBinary && c.Decimals == openDecimals
	}
	if n.Trial == nil || !slices.ContainsFunc(columns, open) {
		return columns
	}
	t.doubtful, t.doubted = slices.Clone(columns), n
	return t.doubtful
}

// settleDoubts asks again for what doubts keeps, now that the parts' rows are there.
func (t *tree) settleDoubts(ctx context.Context, n *plan.Gather) error {
	route := plan.Leaf(n.Input)
	if t.doubted != n || route == nil {
		return nil
	}
	at := slices.IndexFunc(route.Targets, func(o plan.Target) bool { return samePlace(&o, &n.Place.Targets[0]) })
	if at < 0 {
		return nil
	}
	columns, err := t.trial(ctx, &route.Targets[at], n.Trial)
	if err != nil || len(columns) != len(t.doubtful) {
		return err
	}
	for i := range columns {
		if t.doubtful[i].Decimals == openDecimals {
			t.doubtful[i].Decimals = columns[i].Decimals
		}
	}
	return nil
}

// trial runs the statement at a target without reading a row. Nil: it does not get as far as that.
func (t *tree) trial(ctx context.Context, target *plan.Target, template *rewrite.Template) ([]sqltypes.Column, error) {
	sql, params, err := t.s.sql(t.x, template, &plan.RouteUnit{Target: target})
	if err != nil {
		return nil, err
	}
	u := exec.Unit{SQL: sql, Form: t.x.form, Params: params}
	columns, late, err := t.try(ctx, target, &u)
	if late {
		u.SQL = bytes.Replace(sql, []byte(plan.TrialBound), []byte(plan.TrialBoundLong), 1)
		columns, _, err = t.try(ctx, target, &u)
	}
	return columns, err
}

// try runs a trial once; late: its bound has ended it before the server described the answer.
func (t *tree) try(ctx context.Context, target *plan.Target, u *exec.Unit) (columns []sqltypes.Column, late bool, err error) {
	if h := t.s.find(target.DataSource); h != nil && h.lease.Conn().Busy() {
		if lease := t.spare(ctx, target); lease != nil {
			defer lease.Release()
			answer, err := exec.Start(ctx, lease.Conn(), u)
			if err != nil {
				return nil, false, err
			}
			return tried(answer)
		}
	}
	_, answer, err := t.run(ctx, target, u)
	if err != nil {
		return nil, false, err
	}
	return tried(answer)
}

// tried reads the definitions of a trial's answer.
func tried(answer *exec.Answer) (columns []sqltypes.Column, late bool, err error) {
	answer.Keep = true
	head, err := answer.Begin()
	switch e := sqlerr.As(err); {
	case e != nil:
		return nil, e.Code == sqlerr.CodeQueryTimeout, nil
	case err != nil:
		return nil, false, err
	case head != exec.HeadRows:
		return nil, false, answer.Close()
	}
	if columns, err = answer.ReadColumns(); err != nil {
		return nil, false, err
	}
	return columns, false, answer.Close() // a sort that is ended before its first row is an error behind the definitions
}

// takesNone reports whether a statement has LIMIT 0.
func takesNone(x *execution) bool {
	c := x.st.parsed.Clauses
	if c == nil || c.Limit == nil || c.Limit.Count < 0 {
		return false
	}
	v, err := x.args.Value(c.Limit.Count)
	return err == nil && (v.Kind == sqltypes.KindInt || v.Kind == sqltypes.KindUint) && v.Int == 0
}

// derived reports whether the shards run a set operation as a derived table, of whose columns a server says other things.
func derived(x *execution) bool {
	c := x.st.parsed.Clauses
	return c != nil && len(c.Branches) > 0 && x.plan.Trial != nil
}

// computes reports whether columns of the answer are made here and not by the shards, whose definitions are then others.
func computes(node plan.Node) bool {
	switch n := node.(type) {
	case *plan.Aggregate, *plan.Residual, *plan.Gather:
		return true
	case *plan.MergeSort:
		return computes(n.Input)
	case *plan.Sort:
		return computes(n.Input)
	case *plan.Limit:
		return computes(n.Input)
	case *plan.Distinct:
		return computes(n.Input)
	case *plan.Project:
		return computes(n.Input)
	}
	return false
}

// typedBy are definitions with the types of an answer: those of expressions hang on the parameters' types, which are not
// known before an execution.
func typedBy(columns, answer []sqltypes.Column) []sqltypes.Column {
	if len(columns) != len(answer) {
		return columns
	}
	out := append([]sqltypes.Column(nil), columns...)
	for i := range out {
		if out[i].OrgTable == "" {
			out[i].Type, out[i].Length, out[i].Decimals = answer[i].Type, answer[i].Length, answer[i].Decimals
			out[i].Flags, out[i].Collation = answer[i].Flags, answer[i].Collation
			if columns[i].Flags&sqltypes.FlagNotNull == 0 {
				out[i].Flags &^= sqltypes.FlagNotNull // what a parameter might have made NULL stays so
			}
			if answer[i].OrgName == "" {
				out[i].OrgName = "" // it is no column of a temporary table when the statement runs
			}
		}
	}
	return out
}

// defined gives a stream the definitions that are exact, where they are known.
func defined(rows merge.RowStream, columns []sqltypes.Column) merge.RowStream {
	if len(columns) != len(rows.Columns()) {
		return rows
	}
	return &definedRows{rows, columns}
}

// definedRows are rows under other definitions.
type definedRows struct {
	merge.RowStream
	columns []sqltypes.Column
}

// Columns returns the definitions.
func (d *definedRows) Columns() []sqltypes.Column { return d.columns }
