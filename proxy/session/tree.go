package session

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// runTree runs a plan whose rows the proxy puts together, and streams them to the client.
func (s *Session) runTree(ctx context.Context, x *execution, root plan.Node) error {
	if s.wide != nil {
		return sqlerr.NotSupported("an answer of several shards in a character_set_results of two or four bytes a character")
	}
	if s.once != (txn.Options{}) && s.txn == nil { // several parts on one connection: not the first alone is to have them
		if x.plan.Program != nil || x.plan.Write {
			return sqlerr.NextInParts()
		}
		return s.inReading(ctx, func() error { return s.runTree(ctx, x, root) })
	}
	limit, restore := s.selectLimit(x)
	defer restore()
	t := &tree{s: s, x: x, budget: s.queryBudget(), began: time.Now()}
	defer t.release()
	var columns []sqltypes.Column
	var err error
	gather, parts := root.(*plan.Gather)
	switch {
	case parts && len(x.params) > 0 && limit != 0:
		columns, err = t.partsColumns(ctx, gather) // its trial has the LIMIT 0 of an execution
	case len(x.params) > 0 && limit != 0 && takesNone(x) && computes(root) && x.plan.Trial != nil:
		route := plan.Leaf(root)
		columns, err = t.trialColumns(ctx, route, &route.Targets[0], nil)
	case limit == 0 || takesNone(x): // one server does not even begin to run it
		columns, err = t.preparedColumns(ctx)
	case parts:
		columns, err = t.partsColumns(ctx, gather)
	case computes(root) && x.plan.Trial == nil: // before rows keep the connections
		columns, err = t.preparedColumns(ctx)
	}
	if err != nil {
		return err
	}
	rows, err := t.build(ctx, root)
	if err != nil {
		return err
	}
	if columns == nil && (computes(root) || derived(x)) {
		columns, err = t.runColumns(ctx)
	}
	if err == nil {
		err = t.inTime()
	}
	if err != nil {
		_ = rows.Close() // the first error is the one to report
		return err
	}
	if len(x.params) > 0 && columns != nil && (t.untried || parts && x.plan.Trial == nil) {
		columns = typedBy(columns, rows.Columns()) // a preparation knows no types of parameters
	}
	if route, ok := root.(*plan.Route); ok && x.st.parsed.Kind == parser.TableAdmin {
		rows = &namedRows{RowStream: rows, route: route, target: &route.Targets[0]}
	}
	if limit != merge.NoLimit {
		rows = merge.NewLimit(rows, 0, limit)
	}
	if x.seen != nil {
		return t.discard(ctx, rows)
	}
	rows = defined(rows, columns)
	if x.stored {
		if err := storedAlike(rows.Columns()); err != nil {
			_ = rows.Close() // the first error is the one to report
			return err
		}
	}
	err = s.writeRows(ctx, labelled(rows, x.labels), x.form, func() *wire.OK { return s.ofCursor(x, t.end(ctx)) })
	if x.st.found != foundSent && err == nil {
		s.foundBy(x, s.diag.foundRows)
	}
	if t.counted && x.st.found != foundWhole && x.st.parsed.Uses.Has(parser.UseCalcFoundRows) {
		s.diag.found(t.found)
	}
	return err
}

// build opens the leaves, which sends all that the shards are to run, and puts the operators on them.
func (t *tree) build(ctx context.Context, root plan.Node) (merge.RowStream, error) {
	options := t.options()
	defer t.s.widenGroupConcat(root)()
	rows, err := merge.Build(root, t.leavesOf(ctx), options)
	if err != nil || !aggregates(root) {
		return rows, err
	}
	return &boundedRows{RowStream: rows, root: root}, nil
}

// boundedRows tells of an aggregate that is too large as an attempt does that sees it before the first row.
type boundedRows struct {
	merge.RowStream
	root plan.Node
}

// Next implements merge.RowStream.
func (r *boundedRows) Next(ctx context.Context) (sqltypes.Row, error) {
	row, err := r.RowStream.Next(ctx)
	if err != nil && overflowed(r.root, err) {
		err = merge.Overflow()
	}
	return row, err
}

// selectLimit takes sql_select_limit off the shards, where it would cut partial results, and returns it as the
// limit of the merged one.
func (s *Session) selectLimit(x *execution) (limit uint64, restore func()) {
	text, ok := s.state.Var("sql_select_limit")
	if !ok {
		return merge.NoLimit, func() {}
	}
	s.state.UnsetVar("sql_select_limit")
	restore = func() { s.state.SetVar("sql_select_limit", text) }
	c := x.st.parsed.Clauses
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || x.st.parsed.Kind != parser.Select || c != nil && c.Limit != nil {
		return merge.NoLimit, restore
	}
	return n, restore
}

// widenGroupConcat lets shards send partial texts a little longer than the session's group_concat_max_len, so that the
// merge can tell a text that was cut from one that is just as long; it cuts the result itself.
func (s *Session) widenGroupConcat(root plan.Node) (restore func()) {
	if !concatenates(root) {
		return func() {}
	}
	const name = "group_concat_max_len"
	return s.override(name, strconv.FormatInt(s.number(name, s.srv.Initial.GroupConcatMaxLen)+16, 10))
}

// concatenates reports whether a plan puts GROUP_CONCAT together.
func concatenates(node plan.Node) bool {
	switch n := node.(type) {
	case *plan.Aggregate:
		return slices.ContainsFunc(n.Output, func(a plan.Aggregation) bool {
			return a.Func == plan.GroupConcat || a.Func == plan.JSONArrayAgg || a.Func == plan.JSONObjectAgg
		})
	case *plan.Sort:
		return concatenates(n.Input)
	case *plan.Limit:
		return concatenates(n.Input)
	case *plan.Distinct:
		return concatenates(n.Input)
	case *plan.Project:
		return concatenates(n.Input)
	case *plan.Residual:
		return concatenates(n.Input)
	}
	return false
}

// tree is one run of a plan with operators: it opens what they read.
type tree struct {
	s        *Session
	x        *execution
	budget   *merge.Budget
	origin   bool              // rows end with a cell that names their target
	parts    bool              // the statement runs in parts
	warned   *plan.Route       // its preparation's warnings are wanted; nil: they are not
	doubtful []sqltypes.Column // definitions that hang on the rows of parts
	doubted  *plan.Gather      // whose
	untried  bool              // no server could tell how it describes the answer when it runs the statement

	began time.Time

	temporary []temporaryTable // what it has made and has to drop

	found   uint64 // how many rows there were without LIMIT
	counted bool   // found is known

	streams []*shardRows
	extra   []*held // beyond the session's one per data source
}

func (t *tree) options() merge.Options {
	values := make([]sqltypes.Value, t.x.args.Len())
	for i := range values {
		if v, err := t.x.args.Value(i); err == nil {
			values[i] = v
		}
	}
	opts := merge.Options{
		Args:                  values,
		DivPrecisionIncrement: int(t.s.number("div_precision_increment", t.s.srv.Initial.DivPrecision)),
		GroupConcatMaxLen:     int(t.s.number("group_concat_max_len", t.s.srv.Initial.GroupConcatMaxLen)),
		WholeDoubles:          t.x.form == exec.BinaryRows,
		MySQL:                 !t.s.srv.Flavour.MariaDB,
		Literals:              t.s.writesIn,
		Budget:                t.budget,
		Spill:                 t.s.srv.Spill,
		Warn:                  t.s.diag.warn,
		Found:                 func(rows uint64) { t.found, t.counted = rows, true },
	}
	if t.x.seen != nil {
		opts.Observe = t.observe
	}
	return opts
}

// number is the session's value of a numeric variable.
func (s *Session) number(name string, initial int64) int64 {
	if text, ok := s.state.Var(name); ok {
		if n, err := strconv.ParseInt(strings.Trim(text, "'"), 10, 64); err == nil {
			return n
		}
	}
	return initial
}

// leavesOf is leaves for merge.Build, which has no context to pass on.
func (t *tree) leavesOf(ctx context.Context) merge.Leaves {
	return func(node plan.Node) ([]merge.RowStream, error) { return t.leaves(ctx, node) }
}

// leaves opens the streams of one leaf.
func (t *tree) leaves(ctx context.Context, node plan.Node) ([]merge.RowStream, error) {
	switch n := node.(type) {
	case *plan.Route:
		return t.open(ctx, n)
	case *plan.Residual:
		return t.residual(ctx, n)
	case *plan.Gather:
		return t.gather(ctx, n)
	}
	return nil, sqlerr.Internal("a plan with a write below an operator")
}

// open sends a Route's units and returns their rows in data source order. As many as limits.fan_out allows are sent before
// the first answer is read; then each waits until an earlier one has begun to answer.
func (t *tree) open(ctx context.Context, route *plan.Route) ([]merge.RowStream, error) {
	units, err := t.s.router.Route(ctx, route, t.x.args)
	if err != nil {
		return nil, err
	}
	if err := t.x.spread(len(units)); err != nil {
		return nil, err
	}
	from := len(t.streams)
	several := len(units) > 1
	if err := t.acquire(ctx, units); err != nil {
		return nil, err
	}
	if err := t.enlist(ctx, route, units); err != nil {
		return nil, err
	}
	if t.parts && len(units) == 1 {
		several = true // the parts of a statement have one time too
	}
	defer t.s.fixClock(t.x, map[bool]int{true: 2, false: 1}[several])()
	for i := range units {
		if most := t.s.config.FanOut; most > 0 && i >= most {
			if err := t.streams[from+i-most].begin(ctx); err != nil {
				return t.fail(from, err)
			}
		}
		if err := t.start(ctx, route, &units[i], several); err != nil {
			return t.fail(from, err)
		}
	}
	out := make([]merge.RowStream, 0, len(units))
	for _, stream := range t.streams[from:] {
		if err := stream.begin(ctx); err != nil {
			return t.fail(from, err)
		}
		if err := sameColumns(t.streams[from].columns, stream.columns); err != nil {
			return t.fail(from, err)
		}
		out = append(out, stream)
	}
	return out, nil
}

// enlist makes branches of the units' data sources. What reads on a branch while another comes is read into memory before.
func (t *tree) enlist(ctx context.Context, route *plan.Route, units []plan.RouteUnit) error {
	s := t.s
	if s.txn == nil {
		return nil
	}
	further := func(u plan.RouteUnit) bool {
		h := s.find(u.Target.DataSource)
		return h == nil || !h.branch
	}
	if !slices.ContainsFunc(units, further) {
		return nil
	}
	for _, h := range s.held {
		if h.branch && h.lease.Conn().Busy() {
			if err := t.buffer(ctx, h); err != nil {
				return err
			}
		}
	}
	return s.holdAll(ctx, t.x, route, units)
}

// maxPerDataSource is how many units of one statement run on a data source at the same time; the others' rows are
// read into memory before them.
const maxPerDataSource = 8

// acquire takes the connections for units of data sources that the session holds none of, all in one order.
func (t *tree) acquire(ctx context.Context, units []plan.RouteUnit) error {
	s := t.s
	if s.txn != nil || len(units) == 1 {
		return nil
	}
	err := t.acquireAll(ctx, units)
	if err != nil && s.reading && s.killState() == alive {
		s.reading = false // a replica that is just going must not fail what its primary answers
		err = t.acquireAll(ctx, units)
	}
	return err
}

func (t *tree) acquireAll(ctx context.Context, units []plan.RouteUnit) error {
	s := t.s
	var requests []backend.Request
	var of []held // the requests' data sources, and their replicas where one is to answer
	for i := range units {
		ds := units[i].Target.DataSource
		if s.find(ds) != nil {
			continue
		}
		at := slices.IndexFunc(of, func(h held) bool { return h.dataSource == ds })
		if at < 0 {
			from, pool := held{dataSource: ds}, ds
			if s.reading {
				e, err := s.readFit(ds)
				if err != nil {
					return err
				}
				if e != nil {
					from.replica, from.since, pool = e, time.Now(), e.Name
				}
			}
			of = append(of, from)
			requests = append(requests, backend.Request{DataSource: pool, Flags: s.flags, Hint: s.hints[pool], State: s.state})
			at = len(requests) - 1
		}
		requests[at].Count = min(requests[at].Count+1, maxPerDataSource)
	}
	leases, err := s.srv.Pools.AcquireAll(ctx, requests)
	if err != nil {
		return err
	}
	for i, list := range leases {
		h := of[i]
		h.lease = list[0]
		if h.replica != nil {
			h.replica.Begin()
		}
		if s.insert(&h) {
			err = sqlerr.Interrupted()
		}
		for _, lease := range list {
			if s.writes != nil {
				lease.For(s.writes)
			}
		}
		for _, lease := range list[1:] {
			h := &held{lease: lease, dataSource: of[i].dataSource}
			t.extra = append(t.extra, h)
			if killed := s.reachable(lease); killed != nil {
				err = killed
			}
		}
	}
	return err
}

// fail closes what has been opened since from.
func (t *tree) fail(from int, err error) ([]merge.RowStream, error) {
	for _, stream := range t.streams[from:] {
		_ = stream.Close() // the first error is the one to report
	}
	return nil, err
}

// start sends one unit. A data source whose connection is busy with another unit of the statement gets a further
// connection, or, in a transaction, has that unit's rows read into memory first.
func (t *tree) start(ctx context.Context, route *plan.Route, unit *plan.RouteUnit, several bool) error {
	s := t.s
	sql, params, err := s.sql(t.x, route.Template, unit)
	if err != nil {
		return err
	}
	if several && t.x.plan.Clock {
		sql = s.atOneTime(t.x, sql)
	}
	u := exec.Unit{SQL: sql, Form: t.x.form, Params: params, Anew: readsUserVars(t.x)}
	stream := &shardRows{s: s, route: route, target: unit.Target}
	if t.origin {
		stream.origin = strconv.AppendInt(nil, int64(unit.Index), 10)
	}
	if t.x.seen != nil {
		stream.measure = newUnitMeasure(route, unit)
	}
	stream.h, stream.Answer, err = t.run(ctx, unit.Target, &u)
	if err != nil {
		return s.failed(ctx, stream.h, route, unit.Target, err)
	}
	t.streams = append(t.streams, stream)
	return nil
}

// run sends a unit on the session's connection to its data source, on a further one where that is busy, or after the
// rows that keep it busy have been read into memory.
func (t *tree) run(ctx context.Context, target *plan.Target, u *exec.Unit) (*held, *exec.Answer, error) {
	h := t.s.find(target.DataSource)
	if h == nil || !h.lease.Conn().Busy() {
		return t.s.start(ctx, t.x, target, u)
	}
	for _, extra := range t.extra {
		if extra.dataSource == target.DataSource && !extra.lease.Conn().Busy() {
			return t.further(ctx, extra, target, u)
		}
	}
	if err := t.buffer(ctx, h); err != nil {
		return h, nil, err
	}
	return t.s.start(ctx, t.x, target, u)
}

// further sends a unit on one of the statement's further connections.
func (t *tree) further(ctx context.Context, h *held, target *plan.Target, u *exec.Unit) (*held, *exec.Answer, error) {
	t.s.state.SetSchema(target.Schema)
	if err := h.lease.Apply(ctx, t.s.state, t.x.need); err != nil {
		return h, nil, err
	}
	sent := *u
	over := t.s.mark(t.x, target.DataSource, &sent)
	answer, err := exec.Start(ctx, h.lease.Conn(), &sent)
	if err == nil {
		answer.Over = over
		t.s.observed.Shards++
	}
	return h, answer, err
}

// buffer reads the rest of the stream that occupies a connection into memory.
func (t *tree) buffer(ctx context.Context, h *held) error {
	for _, stream := range t.streams {
		if stream.h == h && !stream.Done() {
			err := stream.buffer(ctx, t.budget)
			t.hear(ctx)
			return err
		}
	}
	return nil
}

// release gives back what the statement has used beyond the session's own connections.
func (t *tree) release() {
	for _, stream := range t.streams {
		_ = stream.Close() // idempotent
	}
	for _, h := range t.extra {
		h.lease.Release()
	}
}

// end is the OK of the merged result: what the shards said of their parts.
func (t *tree) end(ctx context.Context) *wire.OK {
	ok := &wire.OK{}
	for _, stream := range t.streams {
		ok.Status |= stream.OK.Status & (wire.StatusNoIndexUsed | wire.StatusNoGoodIndexUsed | wire.StatusQueryWasSlow)
	}
	t.heard(ctx)
	ok.Warnings = t.s.diag.count()
	t.askFound(ctx)
	t.dropTemporary(ctx)
	return ok
}

// hear reads the warnings of the parts that have ended, while their connections have run nothing else.
func (t *tree) hear(ctx context.Context) {
	for _, stream := range t.streams {
		if n := stream.OK.Warnings; n > 0 && stream.Done() && !stream.heard {
			stream.heard = true
			stream.told, _ = t.s.hearFrom(ctx, stream.h, stream.route, stream.target, n) // a connection that fails here is broken, which settle sees
			stream.told.rows = stream.sent
		}
	}
}

// heard is hear, after the last of the parts under way: what their shards have said becomes what the statement says.
func (t *tree) heard(ctx context.Context) {
	t.hear(ctx)
	for i, first := range t.streams {
		if first.counted {
			continue
		}
		var all []toldBy
		for _, stream := range t.streams[i:] {
			if stream.route == first.route && !stream.counted {
				stream.counted = true
				if stream.heard {
					all = append(all, stream.told)
				}
			}
		}
		if first.route.SortsTwice {
			halve(all)
		}
		if len(all) > 0 {
			t.s.diag.take(all, t.s.shown)
		}
	}
}

// askFound asks for FOUND_ROWS() where a shard has run all that is left of a statement in parts.
func (t *tree) askFound(ctx context.Context) {
	if !t.parts || t.counted || len(t.streams) == 0 || !t.x.st.parsed.Uses.Has(parser.UseCalcFoundRows) {
		return
	}
	last := t.streams[len(t.streams)-1]
	n, err := foundRows(ctx, last.h)
	t.found, t.counted = n, err == nil // a connection that fails here is broken, which settle sees
}

// shardRows is one shard's rows, with logical names and the session's view of errors.
type shardRows struct {
	*exec.Answer
	s       *Session
	h       *held
	route   *plan.Route
	target  *plan.Target
	heard   bool   // its warnings have been read
	counted bool   // and are the statement's
	told    toldBy // the warnings
	sent    uint64 // rows
	origin  []byte // the target's index, to end each row; nil: not wanted
	tagged  sqltypes.Row
	columns []sqltypes.Column
	memory  *merge.Rows // rows that had to make room on the connection
	budget  *merge.Budget
	bytes   int64
	measure *unitMeasure // of ANALYZE; nil for all others
}

// begin reads the answer's head and definitions.
func (r *shardRows) begin(ctx context.Context) error {
	if r.columns != nil {
		return nil
	}
	head, err := r.Begin()
	if err == nil && head != exec.HeadRows {
		err = sqlerr.Internal("a shard answered a query without rows")
	}
	var columns []sqltypes.Column
	if err == nil {
		columns, err = r.ReadColumns()
	}
	if err != nil {
		return r.s.failed(ctx, r.h, r.route, r.target, err)
	}
	r.columns = logicalColumns(columns, r.s, r.route, r.target)
	if r.origin != nil {
		r.columns = append(r.columns[:len(r.columns):len(r.columns)], originColumn)
	}
	return nil
}

// Columns returns the definitions with logical names.
func (r *shardRows) Columns() []sqltypes.Column { return r.columns }

// Next returns the next row.
func (r *shardRows) Next(ctx context.Context) (sqltypes.Row, error) {
	if r.memory != nil {
		return r.memory.Next(ctx)
	}
	row, err := r.Answer.Next(ctx)
	if r.measure != nil {
		r.measure.row(row, err)
	}
	if err == nil {
		r.s.observed.Shipped++
		r.sent++
	}
	if err != nil && sqlerr.As(err) != nil {
		return nil, r.s.failed(ctx, r.h, r.route, r.target, err)
	}
	if err == nil && r.origin != nil {
		r.tagged = append(append(r.tagged[:0], row...), r.origin)
		row = r.tagged
	}
	return row, err
}

// Close ends the stream.
func (r *shardRows) Close() error {
	r.budget.Release(r.bytes)
	r.bytes = 0
	return r.Answer.Close()
}

// buffer reads all rows that are left into memory, within the statement's budget.
func (r *shardRows) buffer(ctx context.Context, budget *merge.Budget) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.budget = budget
	var rows []sqltypes.Row
	for {
		row, err := r.Next(ctx)
		if isEOF(err) {
			break
		}
		if err != nil {
			return err
		}
		kept, size := copyRow(row)
		if err := budget.Reserve("rows of several tables of one data source", size); err != nil {
			return err
		}
		r.bytes += size
		rows = append(rows, kept)
	}
	r.memory = merge.NewRows(r.columns, rows)
	return nil
}

// copyRow copies a row and says how many bytes the copy holds.
func copyRow(row sqltypes.Row) (sqltypes.Row, int64) {
	n := 0
	for _, cell := range row {
		n += len(cell)
	}
	bytes := make([]byte, 0, n)
	out := make(sqltypes.Row, len(row))
	for i, cell := range row {
		if cell == nil {
			continue
		}
		start := len(bytes)
		bytes = append(bytes, cell...)
		out[i] = bytes[start:len(bytes):len(bytes)]
	}
	return out, int64(n + 24*len(row) + 24)
}
