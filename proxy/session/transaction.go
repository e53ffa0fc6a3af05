package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/txn"
)

// takeNext returns the characteristics of the next transaction: those that SET TRANSACTION gave for it, once, else the
// session's.
func (s *Session) takeNext() txn.Options {
	o := s.next
	s.next = txn.Options{}
	if !o.ReadOnly && !o.ReadWrite {
		o.ReadOnly = s.readOnly()
	}
	return o
}

// takeOnce returns the characteristics that SET TRANSACTION gave for the next transaction where a statement in autocommit
// is that transaction. Of a query that locks nothing and calls no program READ ONLY says nothing, and would keep the proxy from making
// temporary tables.
func (s *Session) takeOnce(x *execution) txn.Options {
	if s.txn != nil || !s.autocommit {
		return txn.Options{}
	}
	o := s.next
	if x.st.parsed.Kind == parser.Select && !x.plan.Write && x.plan.Program == nil && !x.st.parsed.Uses.Has(parser.UseUnknownFunction) {
		o.ReadOnly, o.ReadWrite = false, false
	}
	return o
}

// spendNext forgets what SET TRANSACTION gave after a statement in autocommit, unless it has not come as far as to open
// an engine's table: servers keep it for the next one then.
func (s *Session) spendNext(x *execution, err error) {
	if s.next == (txn.Options{}) || s.txn != nil || x.plan.Engine != "" {
		return
	}
	if e := sqlerr.As(err); e != nil {
		switch e.Code {
		case sqlerr.CodeReadOnlyTxn, sqlerr.CodeNoSuchTable, sqlerr.CodeNotSupportedYet:
			return
		}
	}
	s.next = txn.Options{}
}

// beginOnce gives a connection the characteristics of the one statement that it is about to run in autocommit.
func (s *Session) beginOnce(ctx context.Context, h *held) error {
	if h.once || s.txn != nil {
		return nil
	}
	h.once = true
	return h.Exec(ctx, s.once.Next())
}

// endOnce takes from the connections what the statement may not have used up of beginOnce.
func (s *Session) endOnce(ctx context.Context) {
	s.once = txn.Options{}
	for _, h := range s.held {
		if !h.once {
			continue
		}
		h.once = false
		if h.branch || h.lease.Conn().Broken() {
			continue
		}
		if _, err := h.lease.Conn().Exec(ctx, "COMMIT"); err != nil {
			h.lease.Taint("the characteristics of a transaction that was not begun")
		}
	}
}

// implicit are the options of a transaction that a statement begins because autocommit is off.
func (s *Session) implicit() txn.Options {
	o := s.takeNext()
	o.Implicit = true
	return o
}

// readOnly reports whether the session's transactions are READ ONLY where nothing else is said.
func (s *Session) readOnly() bool {
	for _, name := range []string{"tx_read_only", "transaction_read_only"} {
		if v, ok := s.state.Var(name); ok {
			return v == "1" || strings.EqualFold(strings.Trim(v, "'"), "ON")
		}
	}
	return false
}

// mayWrite reports whether the transaction that is open, or the one that a statement would be, is not READ ONLY.
func (s *Session) mayWrite() bool {
	o := s.next
	if s.txn != nil {
		o = s.txn.Options()
	}
	return o.ReadWrite || !o.ReadOnly && (s.txn != nil || !s.readOnly())
}

// commit ends the open transaction, if there is one, as COMMIT does.
func (s *Session) commit(ctx context.Context) error {
	if s.xa != nil {
		return sqlerr.XARMFail(s.xaState().String())
	}
	if s.txn == nil {
		return nil
	}
	s.closeToKills()
	defer s.openToKills()
	err := s.commitBranches(ctx)
	s.endTransaction()
	s.settle(ctx)
	return err
}

// closeToKills begins what a KILL must not strike: it could end the COMMIT of some branches when others have committed. One
// that is under way ends first, and none is sent until openToKills. It reports whether the statement has been killed.
func (s *Session) closeToKills() (killed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.kills > 0 {
		s.killsOver.Wait()
	}
	s.committing = true
	return s.killed != alive
}

func (s *Session) openToKills() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committing = false
}

// commitOwn commits the transaction that a statement has begun for itself, unless it has been killed, perhaps while no
// server worked on it.
func (s *Session) commitOwn(ctx context.Context) error {
	killed := s.closeToKills()
	defer s.openToKills()
	if killed {
		_ = s.txn.Rollback(ctx) // a branch that cannot is broken, and its server rolls back
		return sqlerr.Interrupted()
	}
	return s.commitBranches(ctx)
}

// commitBranches commits the transaction on all shards. Where they do not agree, or are not known to, that is logged: whoever
// looks into it needs to know where, and the client may be gone.
func (s *Session) commitBranches(ctx context.Context) error {
	if err := s.tellTime(ctx); err != nil {
		_ = s.txn.Rollback(ctx) // a branch that cannot is broken, and its server rolls back
		return err
	}
	s.follow()
	err := s.txn.Commit(ctx)
	s.followed()
	s.noteCommit(err)
	return err
}

// tellTime takes the time that the client, or a statement, has set off the connections of a distributed transaction: its marks say when it was
// committed. The session may have the time no more, and a connection still.
func (s *Session) tellTime(ctx context.Context) error {
	if !s.txn.Spread() {
		return nil
	}
	if literal, set := s.state.Var("timestamp"); set {
		s.state.UnsetVar("timestamp")
		defer s.state.SetVar("timestamp", literal)
	}
	for _, h := range s.held {
		if !h.branch || !h.lease.Has("timestamp") {
			continue
		}
		s.state.SetSchema("") // each stays in its own
		if err := h.lease.Apply(ctx, s.state, 0); err != nil {
			return err
		}
	}
	return nil
}

// byFate are the data sources of a transaction by what became of their branches.
func byFate(e *txn.PartialError) (out [txn.Unknown + 1][]string) {
	for _, o := range e.Outcomes {
		out[o.Fate] = append(out[o.Fate], o.Branch.DataSource())
	}
	return out
}

// warnPartial gives SHOW WARNINGS a row for each shard, beside the error; what went wrong comes first, for it keeps a number
// of rows only.
func (s *Session) warnPartial(e *txn.PartialError) {
	for _, committed := range []bool{false, true} {
		for _, o := range e.Outcomes {
			if committed == (o.Fate == txn.Committed) {
				s.diag.warn(sqlerr.ShardCommit(o.Branch.DataSource(), o.Fate.String(), o.Err))
			}
		}
	}
}

// endOwn ends the transaction that a statement of several steps has begun for itself: err is what its steps came to.
func (s *Session) endOwn(ctx context.Context, err error) error {
	if s.txn == nil { // a shard has lost it, and it has ended everywhere
		s.lost = false // the client has begun none, and is told by err
		return err
	}
	if err == nil {
		err = s.commitOwn(ctx)
	} else {
		_ = s.txn.Rollback(ctx) // a branch that cannot is broken, and its server rolls back
	}
	s.endTransaction()
	return err
}

// rollback ends the open transaction, if there is one.
func (s *Session) rollback(ctx context.Context) error {
	if s.txn == nil {
		return nil
	}
	s.follow()
	err := s.txn.Rollback(ctx)
	s.followed()
	s.controlWarnings()
	s.endTransaction()
	s.settle(ctx)
	return err
}

// onBegin is BEGIN and START TRANSACTION: it commits what is open. No shard is asked before one is needed, but for
// a snapshot, which is of now.
func onBegin(s *Session, ctx context.Context, x *execution) error {
	d := x.st.parsed.Txn
	if err := s.commit(ctx); err != nil {
		return s.writeError(err)
	}
	if err := s.unlockTables(ctx); err != nil { // as servers do: BEGIN releases table locks
		return s.writeError(err)
	}
	if err := s.heed(); err != nil {
		return s.writeError(err)
	}
	o := s.takeNext()
	if d.ReadOnly || d.ReadWrite {
		o.ReadOnly, o.ReadWrite = d.ReadOnly, d.ReadWrite
	}
	o.Snapshot = d.Snapshot
	s.txn = s.newTransaction(o)
	if o.Snapshot {
		if err := s.snapshot(ctx, x); err != nil {
			return s.writeError(err)
		}
	}
	return s.respond(nil)
}

// snapshot opens the transaction on every data source of the database at once: each has its own snapshot, taken as
// nearly at the same time as can be.
func (s *Session) snapshot(ctx context.Context, x *execution) error {
	if s.atomic && s.txn.Options().ReadOnly && s.isolation() != "SERIALIZABLE" {
		err := s.openView(ctx, x, nil)
		if err != nil {
			s.endTransaction()
		}
		s.settle(ctx)
		return err
	}
	layout, ok := s.srv.Catalogs.Current().Database(s.db)
	if !ok {
		return nil
	}
	for _, ds := range layout.DataSources {
		if _, err := s.hold(ctx, ds.Name, "", 0); err != nil {
			_ = s.rollback(ctx) // the first error is the one to report
			return err
		}
	}
	s.settle(ctx)
	return nil
}

// onCommit is COMMIT [WORK] [AND CHAIN] [RELEASE].
func onCommit(s *Session, ctx context.Context, x *execution) error {
	return s.finishTransaction(ctx, x.st.parsed.Txn, s.commit)
}

// onRollback is ROLLBACK [WORK] [AND CHAIN] [RELEASE].
func onRollback(s *Session, ctx context.Context, x *execution) error {
	return s.finishTransaction(ctx, x.st.parsed.Txn, s.rollback)
}

func (s *Session) finishTransaction(ctx context.Context, d *parser.TxnDetail, finish func(context.Context) error) error {
	var chain *txn.Options
	if d.Chain && s.txn != nil {
		o := s.txn.Options()
		chain = &o
	}
	if err := finish(ctx); err != nil {
		return s.writeError(err)
	}
	s.next = txn.Options{}
	if chain != nil {
		s.txn = s.newTransaction(*chain)
	}
	if err := s.sendAffected(0); err != nil || !d.Release {
		return err
	}
	if err := s.client.Flush(); err != nil {
		return err
	}
	return errQuit
}

// onSavepoint is SAVEPOINT; outside of a transaction it has no effect.
func onSavepoint(s *Session, ctx context.Context, x *execution) error {
	if s.txn == nil && !s.autocommit {
		s.txn = s.newTransaction(s.implicit())
	}
	if s.txn == nil {
		return s.respond(nil)
	}
	if err := s.keepSavepoint(x.st.parsed.Txn.Savepoint); err != nil {
		return s.respond(err)
	}
	return s.respond(s.savepoint(ctx, s.txn.Savepoint, x.st.parsed.Txn.Savepoint))
}

// onRollbackTo is ROLLBACK TO SAVEPOINT.
func onRollbackTo(s *Session, ctx context.Context, x *execution) error {
	if s.txn == nil {
		return s.respond(sqlerr.NoSuchSavepoint(x.st.parsed.Txn.Savepoint))
	}
	if err := s.savepoint(ctx, s.txn.RollbackTo, x.st.parsed.Txn.Savepoint); err != nil {
		return s.writeError(err)
	}
	return s.sendAffected(0)
}

// onRelease is RELEASE SAVEPOINT.
func onRelease(s *Session, ctx context.Context, x *execution) error {
	if s.txn == nil {
		return s.respond(sqlerr.NoSuchSavepoint(x.st.parsed.Txn.Savepoint))
	}
	return s.respond(s.savepoint(ctx, s.txn.Release, x.st.parsed.Txn.Savepoint))
}

func quotedName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// savepoint runs one of the savepoint verbs. If a shard fails it, the shards no longer agree on what is undone, and
// the transaction is rolled back.
func (s *Session) savepoint(ctx context.Context, verb func(context.Context, string) error, name string) error {
	err := verb(ctx, quotedName(name))
	s.countSavepoints()
	s.controlWarnings()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, txn.ErrNoSavepoint):
		return sqlerr.NoSuchSavepoint(name)
	case len(s.txn.Branches()) > 1:
		_ = s.rollback(ctx) // the savepoint's error is the one to report
	}
	return err
}

// onSetTransaction is SET [SESSION] TRANSACTION.
func onSetTransaction(s *Session, ctx context.Context, x *execution) error {
	d := x.st.parsed.Txn
	switch {
	case d.Explicit && d.Scope == parser.ScopeGlobal:
		return s.writeError(sqlerr.TransactionOfAll())
	case d.Explicit:
		failed := s.failures()
		err := s.onServer(ctx, x, nil)
		if s.failures() == failed && s.txn == nil {
			s.unsetNext(d.Isolation != "", d.ReadOnly || d.ReadWrite)
		}
		return err
	case s.txn != nil:
		return s.writeError(sqlerr.TransactionInProgress())
	}
	if d.Isolation != "" {
		s.next.Isolation = d.Isolation
	}
	if d.ReadOnly || d.ReadWrite {
		s.next.ReadOnly, s.next.ReadWrite = d.ReadOnly, d.ReadWrite
	}
	return s.respond(nil)
}

// unsetNext takes back what was given for the next transaction and is given for the session since.
func (s *Session) unsetNext(isolation, access bool) {
	if isolation {
		s.next.Isolation = ""
	}
	if access {
		s.next.ReadOnly, s.next.ReadWrite = false, false
	}
}

// isolationVars and accessVars are the session variables that have a value for the next transaction beside them.
var (
	isolationVars = map[string]bool{"tx_isolation": true, "transaction_isolation": true}
	accessVars    = map[string]bool{"tx_read_only": true, "transaction_read_only": true}
)

// setsNext reports whether an assignment is SET @@variable, which is for the next transaction only.
func (s *Session) setsNext(st *parser.Statement, a *parser.Assignment) bool {
	return slices.Contains(transactionVars(s.srv.Flavour), "@@"+a.Name) && a.Scope == parser.ScopeOnce && strings.HasPrefix(st.Text[a.Span.Start:], "@@")
}

// setNext is such a SET, of a literal.
func (s *Session) setNext(x *execution, a *parser.Assignment) error {
	if s.txn != nil {
		return sqlerr.TransactionInProgress()
	}
	if accessVars[a.Name] {
		on, ok := s.switchWord(x, a)
		if !ok || a.Default {
			return sqlerr.NextAccess(a.Name)
		}
		s.next.ReadOnly, s.next.ReadWrite = on, !on
		return nil
	}
	level := a.Word
	if a.Arg >= 0 {
		v, err := x.args.Value(a.Arg)
		if err != nil {
			return err
		}
		if v.Kind == sqltypes.KindString {
			level = strings.ToUpper(string(v.AppendText(nil)))
		}
	}
	switch level = strings.ReplaceAll(level, "-", " "); level {
	case "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE":
		s.next.Isolation = level
		return nil
	}
	return sqlerr.NextLevel(a.Name)
}

// mourn tells, once, that the transaction which the client thinks open has been rolled back because a shard's connection
// was lost in it: what follows must not run as if it were part of it. Whoever ends or begins one knows already.
func (s *Session) mourn(kind parser.Kind) error {
	if e := s.unkept; e != nil && kind != parser.Rollback && kind != parser.Begin {
		s.unkept = nil
		return e
	}
	if !s.lost {
		return nil
	}
	s.lost = false
	switch kind {
	case parser.Rollback, parser.Begin:
		return nil
	}
	return sqlerr.TransactionLost()
}
