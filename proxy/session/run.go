package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/txn"
)

// execution is one run of a plan: what does not change while its parts run.
type execution struct {
	st     *Statement
	plan   *plan.Plan
	args   *args
	form   exec.Form
	params []wire.Param // of an EXECUTE, all of them
	stored bool         // for a cursor: one server stores the rows before it sends them
	need   backend.Need
	clock  string // the statement's time, once it is needed

	// labels are those of the answer's columns: SQL's EXECUTE runs a text with values in the places of the '?', and its
	// columns are called after the text that was prepared.
	labels   []label
	executed bool // by SQL's EXECUTE, whose answer has the status of the session

	several bool // it runs on several shards
	// preparing: it is described, and not run.
	preparing bool
	// using is what a server is sent instead of the text: its own EXECUTE IMMEDIATE, with the client's USING.
	using string
	// seen is what ANALYZE FORMAT=HEDDLE, which writes no answer, sees of it; nil for all others.
	seen *plan.Measured

	generatedID uint64    // the first id that was generated for it
	givenIDs    *givenIDs // ids of rows that the client gave, where they have to be looked for; nil: none
	issuer      keygen.Raiser
	issued      keygen.Batch // of issuer, which is told when the statement has ended
	own         args         // what args points to, for most: one allocation fewer
}

// run executes a planned statement and writes its answer: steps 5a to 11 of the journey. An error it returns is the
// client's connection's, all others have been written.
func (s *Session) run(ctx context.Context, x *execution) error {
	defer s.settle(ctx)
	s.diag.args, s.diag.parsed = x.args, x.st.parsed
	if s.wish != noWish {
		if err := s.heed(); err != nil {
			return s.writeError(err)
		}
	}
	if err := s.enter(ctx, x); err != nil {
		return s.writeError(err)
	}
	s.indelible = s.indelible || s.txn != nil && x.plan.Engine != ""
	if err := s.pass(ctx, x); err != nil {
		return s.writeError(err)
	}
	if s.next != (txn.Options{}) && s.begins(x) {
		s.once = s.takeOnce(x)
	}
	var err error
	if s.once.ReadOnly && changesRows[x.st.parsed.Kind] && x.plan.Write && len(s.held) == 0 { // no temporary table of the client's
		err = sqlerr.ReadOnlyTransaction()
	} else if s.reading = s.reads(x); s.reading {
		s.readHinted, s.readWithin = x.st.reads == atReplica, x.st.within
		written := s.written()
		err = s.readAgain(ctx, x, s.attempt(ctx, x), written)
	} else {
		written := s.written()
		if err = s.attempt(ctx, x); err != nil && s.srv.Replicas != nil {
			err = s.writeAgain(ctx, x, err, written)
		}
	}
	s.diag.args, s.diag.parsed = nil, nil // they belong to the client's buffer
	if s.next != (txn.Options{}) && s.begins(x) {
		s.spendNext(x, err)
	}
	if err != nil {
		return s.writeError(err)
	}
	return nil
}

// attempt runs the plan, and another one where this one turns out not to fit.
func (s *Session) attempt(ctx context.Context, x *execution) error {
	defer x.ended()
	if s.locked != nil {
		if err := s.mayUse(x); err != nil {
			return err
		}
	}
	if x.plan.Locked != (s.locked != nil) && x.plan.Rename { // it was prepared before tables were locked, or before they were let go
		if err := s.planAgain(ctx, x, false); err != nil {
			return err
		}
	}
	x.need = needs(x.st.parsed) | x.idNeed()
	if x.using != "" {
		x.need |= backend.NeedUserVars | backend.NeedLastInsertID
	}
	if p := x.plan.Program; p != nil {
		x.need |= backend.NeedUserVars | backend.NeedLastInsertID // a body may read anything
		if p.Ends && (s.txn != nil || !s.autocommit) {
			return sqlerr.ProgramEnds()
		}
	}
	err := s.runNode(ctx, x)
	if err == nil {
		return nil
	}
	if err == errDrifted {
		if err = s.runDrifted(ctx, x); err == nil {
			return nil
		}
	}
	if _, ok := errors.AsType[*router.KeyUnknown](err); ok { // As would cost every statement an allocation
		if err = s.runScattered(ctx, x); err == nil {
			return nil
		}
	}
	if overflowed(x.plan.Root, err) {
		return merge.Overflow()
	}
	if x.several {
		err = s.explained(ctx, x.st.parsed, err)
	}
	return s.wrongAsWritten(ctx, x, err)
}

// overflowed reports whether a shard's part of an aggregate of DOUBLEs is too large: the planner adds 0 to those parts.
func overflowed(node plan.Node, err error) bool {
	e := sqlerr.As(err)
	if e == nil || e.Code != sqlerr.CodeOutOfRange || !strings.HasPrefix(e.Msg, "DOUBLE ") || !strings.HasSuffix(e.Msg, " + 0'") && !strings.HasSuffix(e.Msg, " + 0E0'") {
		return false
	}
	return aggregates(node)
}

// aggregates reports whether a plan puts groups of several shards together.
func aggregates(node plan.Node) bool {
	_, ok := node.(*plan.Aggregate)
	return ok || slices.ContainsFunc(plan.Children(node), aggregates)
}

// runScattered runs a statement of which routing has found, before anything was sent, that one of its values may be on
// any shard: it is planned again for all of them, for this execution only.
func (s *Session) runScattered(ctx context.Context, x *execution) error {
	if err := s.planAgain(ctx, x, true); err != nil {
		return err
	}
	return s.runNode(ctx, x)
}

// enter brings the transaction into the state that the statement begins with.
func (s *Session) enter(ctx context.Context, x *execution) error {
	p := x.plan
	if p.ImplicitCommit {
		s.next = txn.Options{}
		return s.commit(ctx)
	}
	if !s.autocommit && s.txn == nil && s.begins(x) {
		s.txn = s.newTransaction(s.implicit())
	}
	return nil
}

// begins reports whether a statement is or begins a transaction.
func (s *Session) begins(x *execution) bool {
	p := x.plan
	return len(p.Tables) > 0 || p.Program != nil || p.Pin == programPin || x.st.parsed.Uses.Has(parser.UseUnknownFunction)
}

// returnsInserted reports whether a statement is answered with rows that it has inserted, and without their generated id.
func returnsInserted(st *parser.Statement) bool {
	return (st.Kind == parser.Insert || st.Kind == parser.Replace) && st.Clauses != nil && st.Clauses.Returning.Present()
}

// generatesUnseen reports whether a statement may leave another LAST_INSERT_ID() than its answer tells of.
func generatesUnseen(st *parser.Statement) bool {
	switch st.Kind {
	case parser.Call, parser.Compound, parser.ExecuteImmediate:
		return true
	}
	return st.Uses.Has(parser.UseLastInsertIDArg) || returnsInserted(st)
}

// needs says what of the session's state a statement depends on.
func needs(st *parser.Statement) backend.Need {
	var need backend.Need
	if st.Uses.Has(parser.UseUserVarRead | parser.UseUserVarWrite) {
		need |= backend.NeedUserVars
	}
	if st.Uses.Has(parser.UseLastInsertID | parser.UseLastInsertIDArg) { // the latter may not be reached: then it is what it was
		need |= backend.NeedLastInsertID
	}
	for _, at := range st.Uses.At {
		if at.Use == parser.UseSysVar && (at.Name == "last_insert_id" || at.Name == "identity") {
			need |= backend.NeedLastInsertID
		}
	}
	if returnsInserted(st) {
		need |= backend.NeedLastInsertID
	}
	switch st.Kind {
	case parser.Call, parser.Compound, parser.ExecuteImmediate:
		need |= backend.NeedUserVars | backend.NeedLastInsertID // a body may read anything
	}
	return need
}

func (s *Session) runNode(ctx context.Context, x *execution) error {
	s.reading = s.reading && x.st.reads != atPrimary // it may have been planned anew
	if s.atomic && !s.unseen {
		if done, err := s.runAtomic(ctx, x); done {
			return err
		}
		if s.readsByLocks(x) {
			return s.readLocked(ctx, x)
		}
	}
	return s.runRoot(ctx, x)
}

// runRoot runs the node that is the whole plan.
func (s *Session) runRoot(ctx context.Context, x *execution) error {
	switch root := x.plan.Root.(type) {
	case *plan.Route:
		return s.runRoute(ctx, x, root)
	case *plan.Insert:
		return s.runWrite(ctx, x, root.Route)
	case *plan.Update:
		return s.runWrite(ctx, x, root.Route)
	case *plan.Delete:
		return s.runWrite(ctx, x, root.Route)
	case *plan.ByKey:
		return s.runByKey(ctx, x, root, nil)
	case *plan.Keeping:
		return s.runKeeping(ctx, x, root)
	case *plan.Transfer:
		return s.runTransfer(ctx, x, root)
	case *plan.DDL:
		return s.runDDL(ctx, x, root)
	case *plan.DropEach:
		return s.runDropEach(ctx, x, root)
	case *plan.TableAdmin:
		return s.runTableAdmin(ctx, x, root)
	case *plan.Lock:
		return s.runLock(ctx, x, root)
	case *plan.Gather:
		return s.runGather(ctx, x, root)
	}
	return s.runTree(ctx, x, x.plan.Root)
}

// runRoute runs a Route that is a whole plan.
func (s *Session) runRoute(ctx context.Context, x *execution, route *plan.Route) error {
	if x.st.parsed.DDL != nil || x.plan.ImplicitCommit {
		defer s.forgetTables(x) // plans may have been made from what it changes
	}
	if x.plan.Write && x.st.parsed.Kind != parser.Select && x.st.parsed.Kind != parser.TableAdmin {
		return s.runWrite(ctx, x, route)
	}
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil {
		return err
	}
	if x.st.parsed.Kind == parser.TableAdmin && x.plan.Rename {
		return s.runTree(ctx, x, route)
	}
	if x.seen != nil {
		return s.runTree(ctx, x, route)
	}
	if explains(x.st.parsed) && len(units) > 1 && x.plan.Explained != nil {
		s.diag.note(sqlerr.Explained("the plan over all shards is " + plan.Format(x.plan.Explained, units)))
	}
	if len(units) == 1 || explains(x.st.parsed) {
		return s.runSingle(ctx, x, route, &units[0])
	}
	return s.runTree(ctx, x, route)
}

// sql renders a unit's text. The bytes are valid until the next call.
func (s *Session) sql(x *execution, t *rewrite.Template, unit *plan.RouteUnit) ([]byte, []wire.Param, error) {
	if t.Identity {
		if x.using != "" {
			return []byte(x.using), nil, nil
		}
		return x.args.text, x.params, nil
	}
	s.render.SQL, s.render.Params = s.render.SQL[:0], s.render.Params[:0]
	names := rewrite.Names{Tables: unit.Target.Names, Schemas: unit.Target.Schemas}
	if err := s.render.Append(t, names, unit.Keep, x.args); err != nil {
		return nil, nil, err
	}
	return s.render.SQL, selectParams(x.params, s.render.Params), nil
}

// selectParams picks the parameters that a unit's text names, in its order.
func selectParams(all []wire.Param, which []int32) []wire.Param {
	if len(all) == 0 {
		return nil
	}
	out := make([]wire.Param, len(which))
	for i, n := range which {
		out[i] = all[n]
	}
	return out
}

// readsUserVars reports whether a statement reads user variables.
func readsUserVars(x *execution) bool { return x.st.parsed.Uses.Has(parser.UseUserVarRead) }

// runSingle is the fast path: one unit, whose rows are relayed untouched.
func (s *Session) runSingle(ctx context.Context, x *execution, route *plan.Route, unit *plan.RouteUnit) error {
	switch {
	case x.plan.UserLocks:
		unit = s.lockUnit(unit)
	case x.plan.Anywhere:
		unit = s.livingUnit(unit)
	}
	sql, params, err := s.sql(x, route.Template, unit)
	if err != nil {
		return err
	}
	u := exec.Unit{SQL: sql, Form: x.form, Params: params, Anew: readsUserVars(x), Alone: true, Answer: &s.reused.answer}
	h, answer, err := s.start(ctx, x, unit.Target, &u)
	for x.plan.Anywhere && noConnection(err) {
		next := s.livingUnit(unit)
		if next == unit {
			break
		}
		unit = next
		h, answer, err = s.start(ctx, x, unit.Target, &u)
	}
	if err != nil {
		return s.failed(ctx, h, route, unit.Target, err)
	}
	if x.st.parsed.Prefix.Present() {
		defer h.lease.Conn().Passing()()
	} else {
		answer.Tells = runsProgram(x)
	}
	if statesMode(x.st.parsed) && !x.executed {
		s.statesMode = true
		defer func() { s.statesMode = false }()
	}
	before := s.diag.lastID
	if err := s.relay(x, route, unit.Target, answer); err != nil {
		s.refused(x, h, err)
		err = s.failed(ctx, h, route, unit.Target, err)
		s.generatedInVain(ctx, x, h)
		s.leftBehind(ctx, x, h, err)
		return err
	}
	s.ran(x, h, answer)
	_ = s.warnings(ctx, h, route, unit.Target, answer.OK.Warnings) // the answer has ended; settle sees a broken connection
	if err := s.generated(ctx, x, h, answer.OK.LastInsertID, before); err != nil {
		return err
	}
	if answer.OK.Status.Has(wire.StatusDBDropped) {
		if err := s.followSchema(ctx, h); err != nil {
			return err
		}
	}
	return s.toldLater(s.afterSingle(ctx, x, h))
}

// afterSingle takes over what the statement has set on its connection: user variables and LAST_INSERT_ID() are read
// back, so that any other connection can be given them; anything else keeps the connection with the session.
func (s *Session) afterSingle(ctx context.Context, x *execution, h *held) error {
	uses := x.st.parsed.Uses
	if uses.Has(parser.UseCalcFoundRows) && x.st.found != foundWhole {
		n, err := foundRows(ctx, h)
		if err != nil {
			return err
		}
		s.diag.found(n)
	}
	if assignsUserVars(x) || generatesUnseen(x.st.parsed) {
		if err := s.readBackAssigned(ctx, x, h); err != nil {
			return err
		}
	}
	if x.plan.Pin != "" || len(h.pins) > 0 {
		s.followPins(ctx, x, h)
	}
	return nil
}

// assignsUserVars reports whether a statement, or a program that it runs, may assign user variables.
func assignsUserVars(x *execution) bool {
	return x.st.parsed.Uses.Has(parser.UseUserVarWrite) || x.plan.Program != nil && len(x.plan.Program.Vars) > 0
}

// foundRows asks a connection how many rows its last statement has found.
func foundRows(ctx context.Context, h *held) (uint64, error) {
	return oneNumber(ctx, h, "FOUND_ROWS()")
}

// oneNumber has the server of a connection say a number.
func oneNumber(ctx context.Context, h *held, expression string) (uint64, error) {
	_, row, err := oneRow(ctx, h, expression)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(row[0]), 10, 64)
	if err != nil {
		return 0, sqlerr.Internal(expression + " is no number")
	}
	return n, nil
}

// assignedPin is the planner's reason to keep a connection whose user variables a query has assigned; they are read
// back instead.
const assignedPin = "user variable assigned in a query"

// readBackAssigned reads what a query has assigned. The warnings of the query are gone then, so they are read before.
func (s *Session) readBackAssigned(ctx context.Context, x *execution, h *held) error {
	var names []string
	add := func(variable string) {
		if name := "@`" + strings.ReplaceAll(variable, "`", "``") + "`"; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, at := range x.st.parsed.Uses.At {
		if at.Use == parser.UseUserVarWrite {
			add(at.Name)
		}
	}
	if x.plan.Program != nil {
		for _, name := range x.plan.Program.Vars {
			add(name)
		}
	}
	if generatesUnseen(x.st.parsed) {
		names = append(names, "@@last_insert_id")
	}
	return s.adopt(ctx, h, names, nil)
}

// statesTracked reports whether a statement has a SET STATEMENT of a variable that servers tell of in their session tracking:
// they tell the value and not that it has ended, so that the connection would be taken to keep it.
func statesTracked(st *parser.Statement) bool {
	return st.Prefix.Present() && slices.ContainsFunc(st.PrefixSet, func(a parser.Assignment) bool {
		return a.Name == "time_zone" || a.Name == "autocommit" || strings.HasPrefix(a.Name, "character_set") || strings.HasPrefix(a.Name, "collation")
	})
}

// statesMode reports whether a statement has a SET STATEMENT of sql_mode.
func statesMode(st *parser.Statement) bool {
	return st.Prefix.Present() && slices.ContainsFunc(st.PrefixSet, func(a parser.Assignment) bool { return a.Name == "sql_mode" })
}

// start sends a unit on the session's connection to its target. A pooled connection that turns out to be dead before
// anything was sent on it is replaced, once.
func (s *Session) start(ctx context.Context, x *execution, t *plan.Target, u *exec.Unit) (*held, *exec.Answer, error) {
	s.state.SetGives(x)
	defer s.state.SetGives(nil)
	if err := s.mayEnd(x, t); err != nil {
		return nil, nil, err
	}
	for attempt := 0; ; attempt++ {
		h, err := s.take(ctx, t.DataSource, t.Schema, x.need, !x.plan.UserLocks)
		var answer *exec.Answer
		if err == nil {
			if statesTracked(x.st.parsed) {
				h.lease.Conn().Taint("SET STATEMENT of a variable of which servers tell the beginning only")
			}
			s.touched(x, h)
			s.keepStatement(x, h, u)
			sent := *u
			over := s.mark(x, t.DataSource, &sent)
			if answer, err = exec.Start(ctx, h.lease.Conn(), &sent); err == nil {
				answer.Keep, answer.Over = h.kept(), over
				s.observed.Shards++
				return h, answer, nil
			}
		}
		if attempt > 0 || h == nil || h.kept() || !backend.SafeToRetry(err) || !h.lease.Conn().Broken() {
			return h, nil, err
		}
		s.forget(h)
	}
}

// relay passes an answer, or the several of a CALL, to the client.
func (s *Session) relay(x *execution, route *plan.Route, t *plan.Target, a *exec.Answer) error {
	outer := s.more
	for {
		head, err := a.Begin()
		if err != nil {
			return err
		}
		switch head {
		case exec.HeadOK:
			s.more = outer || a.OK.Status.Has(wire.StatusMoreResults)
			s.followTransaction(x, t, &a.OK)
			s.diag.succeeded(&a.OK)
			if x.st.parsed.Kind == parser.Select { // INTO
				s.foundBy(x, a.OK.AffectedRows)
			} else if x.st.found != foundSent {
				s.foundByChange(x.st, a.OK.Info)
			}
			ok := wire.OK{
				AffectedRows: a.OK.AffectedRows, LastInsertID: a.OK.LastInsertID,
				Status: a.OK.Status, Warnings: a.OK.Warnings, Info: a.OK.Info,
			}
			s.followProgram(a.OK.Track)
			if a.Left && s.passesThrough() {
				s.useDatabase("")
				s.trackDatabase()
			}
			if err := s.sendOK(&ok); err != nil {
				return &exec.ClientError{Err: err}
			}
		case exec.HeadRows:
			if err := s.relayRows(x, route, t, a, outer); err != nil {
				return err
			}
		case exec.HeadInfile:
			if !x.st.parsed.Local { // a server could have any file of a client that answers
				return a.Refuse("a file of the client's, for which the statement does not ask")
			}
			if err := a.RelayInfile(a.Infile, s.client, s.receiving); err != nil {
				return err
			}
			if err := s.received(); err != nil {
				return &exec.ClientError{Err: err}
			}
			continue
		}
		if !a.OK.Status.Has(wire.StatusMoreResults) {
			s.more = outer
			return nil
		}
	}
}

// followSchema asks, after a statement has dropped a schema, whether it was the client's, who is in none from then on.
func (s *Session) followSchema(ctx context.Context, h *held) error {
	if !s.passesThrough() {
		return nil
	}
	_, row, err := oneRow(ctx, h, "DATABASE()")
	if err != nil {
		return err
	}
	if row[0] == nil {
		s.useDatabase("")
	}
	return nil
}

// passesThrough reports whether the client is in a schema of a server whose schemas pass through.
func (s *Session) passesThrough() bool {
	layout, known := s.srv.Catalogs.Current().Database(s.db)
	return known && layout.Database == "" && s.db != ""
}

func (s *Session) relayRows(x *execution, route *plan.Route, t *plan.Target, a *exec.Answer, outer bool) error {
	if err := a.RelayColumns(s.client, relabel(s.renamer(x.plan, route, t), x.labels)); err != nil {
		return err
	}
	if err := s.endOfColumns(0); err != nil {
		return &exec.ClientError{Err: err}
	}
	rows, err := a.RelayRows(s.client)
	if err != nil {
		return err
	}
	s.diag.rowsSent(uint64(rows))
	s.observed.Shipped += uint64(rows)
	s.observed.Returned += uint64(rows)
	if x.st.found != foundSent {
		s.foundBy(x, uint64(rows))
	}
	s.more = outer || a.OK.Status.Has(wire.StatusMoreResults)
	var own uint16
	if explains(x.st.parsed) {
		own = s.diag.count() // the note of the plan
	}
	s.followProgram(a.OK.Track)
	a.OK.Warnings += own
	err = s.sendEnd(&a.OK)
	a.OK.Warnings -= own
	if err != nil {
		return &exec.ClientError{Err: err}
	}
	return nil
}

// failed prepares a shard's error for the client: its names become logical ones, and a transaction that the shard
// has ended is ended everywhere.
func (s *Session) failed(ctx context.Context, h *held, route *plan.Route, t *plan.Target, err error) error {
	var client *exec.ClientError
	if errors.As(err, &client) {
		return err
	}
	if suspected := s.endLost(ctx, h, err); suspected {
		return sqlerr.DeadlockSuspected()
	}
	if e := sqlerr.As(err); e != nil && e.Code == codeCannotReopen && strings.Contains(e.Msg, "'heddle gather ") {
		return sqlerr.NotSupported("a part of a statement that is read twice, over several shards: MySQL opens a temporary table once in a statement")
	}
	if e := sqlerr.As(err); e != nil && h != nil && !h.lease.Conn().Broken() {
		s.errorDiagnostics(ctx, h, route, t, e)
		return s.shownError(ctx, h, s.logicalError(e, route, t))
	}
	return err
}

// endLost ends a transaction everywhere that a shard has ended, or in which a circle of locks is suspected.
func (s *Session) endLost(ctx context.Context, h *held, err error) (suspected bool) {
	suspected = s.suspected(err)
	if h != nil && h.branch && (suspected || s.transactionLost(ctx, h, err)) {
		_ = s.txn.Rollback(ctx) // branches that cannot roll back are broken, and dropped by settle
		s.endTransaction()
		s.lost = h.lease.Conn().Broken()
	}
	return suspected
}

const codeCannotReopen = 1137 // ER_CANT_REOPEN_TABLE

// transactionLost reports whether a shard has rolled back its whole transaction.
func (s *Session) transactionLost(ctx context.Context, h *held, err error) bool {
	if h.lease.Conn().Broken() {
		return true
	}
	e := sqlerr.As(err)
	if e == nil {
		return false
	}
	switch e.Code {
	case sqlerr.CodeDeadlock:
		return true
	case sqlerr.CodeLockWaitTimeout:
		// innodb_rollback_on_timeout decides; the server is asked.
		return s.srv.Flavour.MariaDB && !inTransaction(ctx, h)
	}
	return false
}

// inTransaction asks a MariaDB server whether the connection is in a transaction.
func inTransaction(ctx context.Context, h *held) bool {
	_, row, err := oneRow(ctx, h, "@@in_transaction")
	return err == nil && string(row[0]) == "1"
}
