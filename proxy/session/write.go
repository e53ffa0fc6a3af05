package session

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/txn"
)

// stepSavepoint undoes one statement on the shards of an open transaction.
const stepSavepoint = "`heddle statement`"

// runWrite runs an INSERT, UPDATE, DELETE or another write on the shards that its arguments name. On one shard it is
// atomic by that server; on several it is made so: in autocommit by a transaction of its own, in a transaction by a
// savepoint on each shard.
func (s *Session) runWrite(ctx context.Context, x *execution, route *plan.Route) error {
	insertID, err := s.generate(ctx, x, route.Rows)
	if err != nil {
		return err
	}
	if route.Ask != nil {
		defer s.stopClock(x)()
		if route.Opcode != plan.Broadcast { // whose first copy is asked in the transaction
			if err := s.ask(ctx, x, route); err != nil {
				return s.unlessUnread(ctx, x, err)
			}
		}
	}
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil {
		return err
	}
	if len(units) == 1 && insertID == 0 && x.seen == nil && x.givenIDs == nil {
		return s.runSingle(ctx, x, route, &units[0])
	}
	if err := x.spread(len(units)); err != nil {
		return err
	}
	defer s.fixClock(x, len(units))()
	w := write{s: s, x: x, route: route, units: units}
	if err := w.run(ctx); err != nil {
		s.saidInVain(ctx, x.st.parsed, s.find(units[0].Target.DataSource)) // of several it is the first copy
		return err
	}
	w.identify(insertID)
	return w.respond(ctx)
}

// identify gives the OK the insert id that one server gives: insertID, unless no row has it or LAST_INSERT_ID(expr) was
// said, of which only the shard knows.
func (w *write) identify(insertID uint64) {
	if insertID == 0 {
		return
	}
	said, generated := w.total.LastInsertID, w.x.generatedID != 0
	c := w.x.st.parsed.Clauses
	updates := c != nil && len(c.OnDupSet) > 0
	if c != nil && c.Ignore && !updates && w.total.AffectedRows == 0 {
		w.total.LastInsertID, w.x.generatedID = 0, 0
		return
	}
	if said == 0 || w.selected || generated && !updates || !w.x.st.parsed.Uses.Has(parser.UseLastInsertIDArg) {
		w.total.LastInsertID = insertID
		return
	}
	if generated || !updates || said != insertID || w.total.AffectedRows != 1 {
		w.x.generatedID = said // which LAST_INSERT_ID() is from now on; not that of a new row that came with its id
	}
}

// write is one statement that changes rows on several shards, or whose OK the proxy makes.
type write struct {
	s     *Session
	x     *execution
	route *plan.Route
	units []plan.RouteUnit

	total    wire.OK
	info     infoSum
	columns  []sqltypes.Column // of RETURNING; nil: there is none
	rows     []sqltypes.Row
	budget   *merge.Budget // of rows
	reserved int64

	keys [][]rewrite.Piece // of an UPDATE or DELETE by keys: the items of list 0

	told   []toldBy // what shards have warned of, which together they say less often
	marked []*held  // where the savepoint of the statement stands
	faults []fault  // of the round under way

	selected  bool   // the rows are those of an INSERT … SELECT
	asks      bool   // the server is asked for what it has generated: the rows may have come with ids
	generates bool   // x.generatedID is what LAST_INSERT_ID() becomes, if it is not 0
	said      bool   // and if it is
	lastID    uint64 // the insert id of the last answer
}

// run executes all units, or none of them has any effect.
func (w *write) run(ctx context.Context) error {
	s := w.s
	if len(w.units) == 1 && w.x.givenIDs == nil {
		return w.execute(ctx)
	}
	own := s.txn == nil
	if own {
		defer s.ownTransaction(txn.Options{})()
	}
	err := w.atomically(ctx, own)
	if own {
		if s.txn != nil {
			s.endTransaction()
		}
		s.lost = false // the client has begun none, and is told by err
	}
	return err
}

func (w *write) atomically(ctx context.Context, own bool) error {
	s := w.s
	if own {
		if err := w.execute(ctx); err != nil {
			if s.txn != nil {
				_ = s.txn.Rollback(ctx) // a branch that cannot is broken, and its server rolls back
			}
			return err
		}
		return s.commitOwn(ctx)
	}
	if err := w.savepoint(ctx); err != nil {
		return err
	}
	err := w.execute(ctx)
	if err != nil && s.txn != nil {
		w.undo(ctx)
	}
	return err
}

// savepoint marks the state before the statement on every shard that it will touch.
func (w *write) savepoint(ctx context.Context) error {
	if err := w.undoable(); err != nil {
		return err
	}
	if err := w.s.holdAll(ctx, w.x, w.route, w.units); err != nil {
		return err
	}
	var targets []*plan.Target
	for i := range w.units {
		t := w.units[i].Target
		h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
		if err != nil {
			return w.s.failed(ctx, h, w.route, t, err)
		}
		if !slices.Contains(w.marked, h) {
			w.marked, targets = append(w.marked, h), append(targets, t)
		}
	}
	errs := make([]error, len(w.marked))
	var all sync.WaitGroup
	for i, h := range w.marked {
		all.Go(func() { errs[i] = h.Exec(ctx, "SAVEPOINT "+stepSavepoint) })
	}
	all.Wait()
	for i, err := range errs {
		w.s.txn.Saved(w.marked[i], stepSavepoint)
		if e := sqlerr.As(err); e != nil && e.Code == codeNoSavepoint {
			return sqlerr.EngineInSpread()
		}
		if err != nil {
			return w.s.failed(ctx, w.marked[i], w.route, targets[i], err)
		}
	}
	return nil
}

const codeNoSavepoint = 1178 // ER_CHECK_NOT_IMPLEMENTED

// undoable refuses what could not be undone on one shard after it has failed on another.
func (w *write) undoable() error {
	if w.x.plan.Engine == "" || len(w.units) < 2 && w.x.givenIDs == nil {
		return nil
	}
	return sqlerr.NotSupported("a write over several shards to a table of " + w.x.plan.Engine + ", which could be left half done: the engine takes nothing back (use InnoDB)")
}

// undo takes back what the statement did on the shards that it has marked; on others it has only read. If one cannot,
// nothing of the transaction may stay.
func (w *write) undo(ctx context.Context) {
	s := w.s
	for _, h := range w.marked {
		if err := h.Exec(ctx, s.txn.Undoing(h, "ROLLBACK TO SAVEPOINT "+stepSavepoint)...); err != nil {
			_ = s.txn.Rollback(ctx) // branches that cannot are broken, and dropped by settle
			s.endTransaction()
			s.lost = true
			return
		}
	}
}

// execute runs the units: those of different data sources at the same time, those of one in turn. After a failure the
// answers under way are read, and only what can tell of an earlier row of the statement is still sent.
func (w *write) execute(ctx context.Context) error {
	if err := w.undoable(); err != nil {
		return err
	}
	if err := w.s.holdAll(ctx, w.x, w.route, w.units); err != nil {
		return err
	}
	if w.route.Opcode == plan.Broadcast && len(w.units) > 1 {
		return w.broadcast(ctx)
	}
	queues := w.queues()
	for len(queues) > 0 {
		if err := w.send(ctx, queues); err != nil {
			return err
		}
		for i := range queues {
			queues[i] = queues[i][1:]
		}
		queues = slices.DeleteFunc(queues, func(q []*plan.RouteUnit) bool { return len(q) == 0 })
	}
	if len(w.told) > 0 {
		w.s.diag.take(w.told, w.s.shown)
	}
	if err := w.fault(ctx); err != nil {
		return err
	}
	if err := w.strictly(); err != nil || w.x.givenIDs == nil {
		return err
	}
	return w.elsewhere(ctx)
}

// queues groups the units by data source, in order.
func (w *write) queues() [][]*plan.RouteUnit {
	var queues [][]*plan.RouteUnit
	at := map[string]int{}
	for i := range w.units {
		u := &w.units[i]
		n, ok := at[u.Target.DataSource]
		if !ok {
			n = len(queues)
			at[u.Target.DataSource] = n
			queues = append(queues, nil)
		}
		queues[n] = append(queues[n], u)
	}
	slices.SortFunc(queues, func(a, b []*plan.RouteUnit) int {
		return strings.Compare(a[0].Target.DataSource, b[0].Target.DataSource)
	})
	return queues
}

// round runs the first unit of each queue, and has the error of the one that failed.
func (w *write) round(ctx context.Context, queues [][]*plan.RouteUnit) error {
	if err := w.send(ctx, queues); err != nil {
		return err
	}
	return w.fault(ctx)
}

// send runs the first unit of each queue, all sent before the first answer is read. What fails is in w.faults; an error
// is one after which nothing more can be run.
func (w *write) send(ctx context.Context, queues [][]*plan.RouteUnit) error {
	for _, some := range w.s.fanned(queues) {
		if err := w.atOnce(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// fanned divides what is to run at the same time into as much as limits.fan_out lets run so.
func (s *Session) fanned(queues [][]*plan.RouteUnit) [][][]*plan.RouteUnit {
	if most := s.config.FanOut; most > 0 && len(queues) > most {
		return slices.Collect(slices.Chunk(queues, most))
	}
	return [][][]*plan.RouteUnit{queues}
}

// atOnce runs the first unit of each queue at the same time.
func (w *write) atOnce(ctx context.Context, queues [][]*plan.RouteUnit) error {
	type sent struct {
		h       *held
		unit    *plan.RouteUnit
		answer  *exec.Answer
		measure *unitMeasure
	}
	var under []sent
	var first error
	for _, q := range queues {
		if !w.tells(q[0]) {
			continue
		}
		var m *unitMeasure
		if w.x.seen != nil {
			m = newUnitMeasure(w.route, q[0])
		}
		h, answer, err := w.start(ctx, q[0])
		if err != nil {
			first = w.s.failed(ctx, h, w.route, q[0].Target, err)
			break
		}
		under = append(under, sent{h, q[0], answer, m})
	}
	defer func() { w.s.diag.rows = nil }()
	for _, u := range under {
		w.s.diag.rows = w.rowNumbers(u.unit)
		err := w.finish(ctx, u.h, u.unit, u.answer)
		if u.measure != nil {
			w.x.seen.Units = append(w.x.seen.Units, u.measure.changed(u.answer))
		}
		if err != nil && !w.passesOver(ctx, u.h, u.unit, err) {
			w.note(ctx, u.h, u.unit, err)
		}
	}
	if first != nil {
		return first
	}
	return w.fatal(ctx)
}

// start renders and sends one unit.
func (w *write) start(ctx context.Context, unit *plan.RouteUnit) (*held, *exec.Answer, error) {
	sql, params, err := w.s.sql(w.x, w.route.Template, unit)
	if err != nil {
		return nil, nil, err
	}
	u := exec.Unit{SQL: w.clock(sql), Form: w.x.form, Params: params, Anew: readsUserVars(w.x)}
	return w.s.start(ctx, w.x, unit.Target, &u)
}

// clock gives all shards one time where the statement reads it.
func (w *write) clock(sql []byte) []byte {
	if len(w.units) == 1 || !w.x.plan.Clock {
		return sql
	}
	return w.s.atOneTime(w.x, sql)
}

// finish reads the answer of one unit.
func (w *write) finish(ctx context.Context, h *held, unit *plan.RouteUnit, a *exec.Answer) error {
	head, err := a.Begin()
	if err != nil {
		w.s.refused(w.x, h, err)
		return err
	}
	if head == exec.HeadRows {
		if err := w.collect(ctx, unit.Target, a); err != nil {
			return err
		}
	}
	w.s.ran(w.x, h, a)
	w.total.AffectedRows += a.OK.AffectedRows
	w.lastID = a.OK.LastInsertID
	if w.total.LastInsertID == 0 {
		w.total.LastInsertID = a.OK.LastInsertID
	}
	kept, _ := w.s.diag.mark()
	err = w.hear(ctx, h, unit, a)
	w.info.add(w.infoOf(a, kept))
	if err != nil || !w.asks || a.OK.LastInsertID == 0 || w.x.generatedID != 0 {
		return err
	}
	id, err := oneNumber(ctx, h, "LAST_INSERT_ID()")
	if err == nil && id != w.s.diag.lastID {
		w.x.generatedID = id
	}
	return err
}

// hear takes note of what a shard warns of.
func (w *write) hear(ctx context.Context, h *held, unit *plan.RouteUnit, a *exec.Answer) error {
	if !w.changesOver() || w.route.Opcode == plan.Broadcast {
		return w.hearOfRows(ctx, h, unit, a.OK.Warnings)
	}
	told, err := w.s.hearFrom(ctx, h, w.route, unit.Target, a.OK.Warnings)
	if err != nil || a.OK.Warnings == 0 {
		return err
	}
	told.rows = a.OK.AffectedRows
	var info infoSum
	if info.add(a.OK.Info); info.matched() {
		told.rows = info.values[0]
	}
	w.told = append(w.told, told)
	return nil
}

// changesOver reports whether several shards look for the rows to be changed.
func (w *write) changesOver() bool {
	kind := w.x.st.parsed.Kind
	return len(w.units) > 1 && w.keys == nil && (kind == parser.Update || kind == parser.Delete)
}

// strictly makes an error of a constant that cannot be converted, of which shards have warned when they chose how to look for the rows
// of an UPDATE. In strict mode a server stumbles over it at its first row, unless it has so few that it finds them by an index; of
// shards that have but a few each, one server would not have been spared.
func (w *write) strictly() error {
	if len(w.told) == 0 || w.x.st.parsed.Kind != parser.Update || w.x.st.parsed.Clauses.Ignore || !w.s.strict() {
		return nil
	}
	total := uint64(0)
	for i := range w.told {
		if w.told[i].rows > fewRows {
			return nil // by which it is seen that a server with so many does not
		}
		total += w.told[i].rows
	}
	d := &w.s.diag
	at := slices.IndexFunc(d.conditions, func(c condition) bool { return c.level == "Warning" && c.code == codeTruncatedValue })
	if at < 0 || total <= fewRows {
		return nil
	}
	return w.s.strictly(at, "")
}

// fewRows is how many rows a server finds by an index without comparing them once more.
const fewRows = 2

// collect keeps the rows of RETURNING until every shard has done its part: before that none may reach the client.
func (w *write) collect(ctx context.Context, target *plan.Target, a *exec.Answer) error {
	columns, err := a.ReadColumns()
	if err != nil {
		return err
	}
	if w.columns == nil {
		w.columns = logicalColumns(append([]sqltypes.Column(nil), columns...), w.s, w.route, target)
		w.budget = w.s.queryBudget()
	}
	if err := sameColumns(w.columns, columns); err != nil {
		return err
	}
	for {
		row, err := a.Next(ctx)
		if isEOF(err) {
			return nil
		}
		if err != nil {
			return err
		}
		kept, size := copyRow(row)
		if err := w.budget.Reserve("the rows of RETURNING", size); err != nil {
			return err
		}
		w.reserved += size
		w.rows = append(w.rows, kept)
	}
}

// infoOf is what a server says of its part. Of a single row it says nothing, but the row is one of the statement's: to MySQL unless
// something else than a duplicate has kept it out, of which it has warned behind the kept conditions.
func (w *write) infoOf(a *exec.Answer, kept int) []byte {
	if len(a.OK.Info) > 0 || !w.selected && (w.route.Rows == nil || !w.route.Rows.Several()) {
		return a.OK.Info
	}
	records, duplicates := 1, uint64(0)
	c := w.x.st.parsed.Clauses
	switch n := a.OK.AffectedRows; {
	case w.x.st.parsed.Kind == parser.Replace && n > 0:
		duplicates = n - 1 // as many as were in its way
	case c != nil && c.Ignore && n == 0 && !w.s.srv.Flavour.MariaDB && w.s.diag.barred(kept):
		records = 0
	case c != nil && c.Ignore:
		duplicates = 1 - min(n, 1) // passed over, or left as it was
	case n > 1:
		duplicates = 1 // updated
	}
	return fmt.Appendf(nil, "Records: %d  Duplicates: %d  Warnings: %d", records, duplicates, a.OK.Warnings)
}

// broadcast runs a write on every copy of a table: on the first, then on the others. Writers of the same rows so meet on
// the first copy, where one waits for the other before it has locked anything elsewhere. What would be evaluated anew on
// each copy is fixed by the first.
func (w *write) broadcast(ctx context.Context) error {
	if err := w.s.ask(ctx, w.x, w.route); err != nil {
		return err
	}
	if w.route.Once.Rand {
		if err := w.seed(ctx); err != nil {
			return err
		}
	}
	if err := w.firstOf(ctx); err != nil {
		return err
	}
	// One server has one copy: what counts is what the first says.
	first := *w
	first.info.values = slices.Clone(w.info.values)
	kept, total := w.s.diag.mark()
	rest := w.units[1:]
	if w.route.Once.AutoIncrement {
		if err := w.insertID(ctx, rest); err != nil {
			return err
		}
	}
	queues := make([][]*plan.RouteUnit, len(rest))
	for i := range rest {
		queues[i] = []*plan.RouteUnit{&rest[i]}
	}
	if err := w.round(ctx, queues); err != nil {
		return err
	}
	w.total, w.info, w.rows = first.total, first.info, first.rows
	w.s.diag.cut(kept, total)
	return nil
}

// firstOf runs the write on the first copy, and asks it for the id that it has generated: its answer tells of ids that the
// client gave as well, or, where it has rows, of none.
func (w *write) firstOf(ctx context.Context) error {
	first := [][]*plan.RouteUnit{{&w.units[0]}}
	if !w.route.Once.AutoIncrement {
		return w.saying(ctx, first)
	}
	reads := w.x.st.parsed.Uses.Has(parser.UseLastInsertID | parser.UseLastInsertIDArg)
	c := w.x.st.parsed.Clauses
	if reads && c != nil && c.Returning.Present() {
		return sqlerr.NotSupported("LAST_INSERT_ID() in an INSERT … RETURNING into a broadcast table that generates ids")
	}
	w.x.need |= backend.NeedLastInsertID
	before := w.s.diag.lastID
	if !reads {
		w.s.diag.lastID = 0 // what is not 0 afterwards has been generated
	}
	err := w.round(ctx, first)
	w.said = w.x.st.parsed.Uses.Has(parser.UseLastInsertIDArg)
	if err == nil && (w.lastID != 0 || w.columns != nil || w.said) {
		err = w.generated(ctx)
	}
	w.s.diag.lastID = before
	return err
}

// saying runs a write that may say LAST_INSERT_ID(expr), and asks what that has become: an answer does not tell NULL, nor 0, from
// nothing.
func (w *write) saying(ctx context.Context, first [][]*plan.RouteUnit) error {
	if !w.x.st.parsed.Uses.Has(parser.UseLastInsertIDArg) {
		return w.round(ctx, first)
	}
	w.x.need |= backend.NeedLastInsertID
	if err := w.round(ctx, first); err != nil {
		return err
	}
	w.said = true
	return w.generated(ctx)
}

func (w *write) generated(ctx context.Context) error {
	t := w.units[0].Target
	h, err := w.s.hold(ctx, t.DataSource, t.Schema, 0)
	if err != nil {
		return err
	}
	if w.x.generatedID, err = oneNumber(ctx, h, "LAST_INSERT_ID()"); err != nil {
		return w.s.failed(ctx, h, w.route, t, err)
	}
	w.generates = true
	if w.columns != nil {
		w.lastID = w.x.generatedID
	}
	return nil
}

// insertID has the other copies begin with the id that the first one gave.
func (w *write) insertID(ctx context.Context, rest []plan.RouteUnit) error {
	if w.lastID == 0 {
		return nil
	}
	set := "SET insert_id=" + strconv.FormatUint(w.lastID, 10)
	return w.onEach(ctx, rest, set)
}

// seed gives RAND() one sequence on all copies.
func (w *write) seed(ctx context.Context) error {
	now := time.Now().UnixNano()
	set := "SET rand_seed1=" + strconv.FormatInt(now&0x3fffffff, 10) + ", rand_seed2=" + strconv.FormatInt(now>>30&0x3fffffff, 10)
	return w.onEach(ctx, w.units, set)
}

func (w *write) onEach(ctx context.Context, units []plan.RouteUnit, sql string) error {
	for i := range units {
		t := units[i].Target
		h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
		if err == nil {
			err = h.Exec(ctx, sql)
		}
		if err != nil {
			return w.s.failed(ctx, h, w.route, t, err)
		}
	}
	return nil
}

// respond writes the one OK of the statement.
func (w *write) respond(ctx context.Context) error {
	w.noted()
	if w.x.seen != nil {
		w.budget.Release(w.reserved)
		return nil
	}
	if w.x.plan.Pin != "" {
		for _, h := range w.s.held {
			if h.used {
				w.s.pinned(h, w.x.plan.Pin)
				h.locks.vague, h.temporary.vague = true, true
			}
		}
	}
	if w.columns != nil {
		w.total.Info = nil
		defer w.budget.Release(w.reserved)
		err := w.s.writeRows(ctx, merge.NewRows(w.columns, w.rows), w.x.form, func() *wire.OK { return &w.total })
		if w.x.st.found == foundHidden {
			w.s.diag.unfound(foundElsewhere)
		}
		return err
	}
	if err := w.s.sendOK(&w.total); err != nil {
		return &exec.ClientError{Err: err}
	}
	return nil
}

// noted has the session take note of what the statement has done.
func (w *write) noted() {
	if w.s.diag.mixed {
		w.s.diag.inRowOrder()
	}
	if c := w.x.st.parsed.Clauses; w.route.Rows != nil && c != nil && c.Source == nil && !w.s.srv.Flavour.MariaDB {
		w.s.diag.oneOf(sqlerr.CodeBadNull) // MySQL says it once, of however many rows
	}
	w.total.Info = w.info.text(w.s.diag.count())
	w.total.Warnings = w.s.diag.count()
	id := w.s.diag.lastID
	w.s.diag.succeeded(&w.total)
	if w.x.st.found != foundSent {
		w.s.foundByChange(w.x.st, w.total.Info)
	}
	if w.generates || w.route.Rows != nil && w.route.Rows.Generate != nil {
		w.s.diag.lastID = id // an id that the client gave does not count
		if w.x.generatedID != 0 || w.said {
			w.s.diag.lastID = w.x.generatedID
		}
	}
}
