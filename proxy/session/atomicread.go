package session

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// readVar is the variable by which a session says what its reads of several shards may see. The value atomic has them see of each XA transaction
// all or nothing (package txn, Manager.Atomic); plain, which is what sessions begin with, has each shard show what it has.
const readVar = "heddle_read"

// readText is the value of readVar.
func (s *Session) readText() string { return map[bool]string{true: "atomic", false: "plain"}[s.atomic] }

// setRead is SET heddle_read.
func (s *Session) setRead(ctx context.Context, x *execution) error {
	text, err := s.ownSetting(ctx, x, readVar, "plain")
	atomic := strings.EqualFold(text, "atomic")
	switch {
	case err != nil:
	case !atomic && !strings.EqualFold(text, "plain"):
		err = sqlerr.WrongValueForVariable(readVar, text)
	case s.txn != nil:
		err = sqlerr.TransactionInProgress()
	case atomic && s.srv.Transactions == nil:
		err = sqlerr.TransactionsAreLocal("SET " + readVar + " to atomic")
	default:
		s.atomic = atomic
	}
	return s.respond(err)
}

// ownSetting is the value that a SET of a variable of Heddle's gives the session.
func (s *Session) ownSetting(ctx context.Context, x *execution, name, initial string) (string, error) {
	set := x.st.parsed.Set
	if len(set) != 1 || set[0].Scope == parser.ScopeGlobal || set[0].Scope == parser.ScopePersist || set[0].Scope == parser.ScopePersistOnly {
		return "", sqlerr.AloneInSet(name)
	}
	if set[0].Default {
		return initial, nil
	}
	if set[0].Word != "" {
		return set[0].Word, nil
	}
	v, err := s.assignedValue(ctx, x, &set[0])
	return string(v.AppendText(nil)), err
}

// runAtomic runs a statement that reads, where heddle_read is atomic; done is false for one that needs nothing of that kind, and for one that is
// ready to run as any other.
func (s *Session) runAtomic(ctx context.Context, x *execution) (done bool, err error) {
	if !queriesTables(x) {
		return false, nil
	}
	reached, units, err := s.reaches(ctx, x)
	if err != nil {
		return true, err
	}
	switch {
	case s.txn != nil && s.txn.Options().ReadOnly && s.isolation() != "SERIALIZABLE":
		err := s.inOneView(ctx, x, reached)
		return err != nil, err
	case units < 2:
		return false, nil
	case s.locked != nil:
		return true, sqlerr.AtomicUnderLocks("a read of several shards")
	case s.txn != nil && s.isolation() == "SERIALIZABLE": // what it reads is locked
		return false, nil
	case s.txn != nil:
		return true, sqlerr.AtomicInWriting()
	case x.plan.Program != nil || x.st.parsed.Uses.Has(parser.UseUnknownFunction|parser.UseWordCall|parser.UseSequence):
		return true, sqlerr.AtomicProgram()
	}
	return true, s.readAtomically(ctx, x, reached)
}

// queriesTables reports whether a statement is a query of tables, or has some.
func queriesTables(x *execution) bool {
	kind := x.st.parsed.Kind
	return (kind == parser.Select || kind == parser.Do || kind == parser.Set) && len(x.plan.Tables) > 0
}

// readsByLocks reports whether a statement reads in a READ ONLY transaction whose snapshots could not be had.
func (s *Session) readsByLocks(x *execution) bool {
	return s.txn != nil && s.viewed == s.txn && s.viewedByLocks && queriesTables(x) && !x.plan.Write
}

// isolation is the level that the client has given its transaction; "" where it has said nothing.
func (s *Session) isolation() string {
	if s.txn != nil && s.txn.Options().Isolation != "" {
		return s.txn.Options().Isolation
	}
	for name := range isolationVars {
		if v, ok := s.state.Var(name); ok {
			return strings.ToUpper(strings.ReplaceAll(strings.Trim(v, "'"), "-", " "))
		}
	}
	return ""
}

// reaches finds where a statement reads, and of how many parts.
func (s *Session) reaches(ctx context.Context, x *execution) (targets []plan.Target, units int, err error) {
	t := &tree{s: s, x: x}
	if targets, err = t.reached(ctx, x.plan.Root); err != nil {
		return nil, 0, err
	}
	var count func(node plan.Node) error
	count = func(node plan.Node) error {
		if route, ok := node.(*plan.Route); ok {
			of, err := s.router.Route(ctx, route, x.args)
			if err != nil {
				return err
			}
			units += len(of)
		}
		for _, child := range plan.Children(node) {
			if err := count(child); err != nil {
				return err
			}
		}
		return nil
	}
	return targets, units, count(x.plan.Root)
}

// readAtomically runs a query in a transaction of its own, whose snapshots show no half of any other; where they cannot be had, with locks.
func (s *Session) readAtomically(ctx context.Context, x *execution, reached []plan.Target) error {
	s.reading = false                                             // replicas are behind, each by its own
	s.txn, s.unseen = txn.New(txn.Options{ReadWrite: true}), true // temporary tables may be made
	defer func() { s.unseen = false }()
	err := s.open(ctx, x, reached)
	byLocks := x.plan.Write
	if err == nil && !byLocks {
		err = s.srv.Transactions.Atomic(ctx, s.txn, s.column)
		if byLocks = errors.Is(err, txn.ErrUnsettled); byLocks {
			err = nil
		}
	}
	if err == nil && byLocks {
		err = s.txn.ByLocks(ctx)
	}
	if err == nil {
		if byLocks && !x.plan.Write {
			err = s.readLocked(ctx, x)
		} else {
			err = s.runNode(ctx, x)
		}
	}
	if s.txn != nil {
		_ = s.txn.Rollback(ctx) // it has only read; a branch that cannot is broken, and its connection dropped
		s.endTransaction()
	}
	s.lost = false // what a shard has lost was the statement's, of which err tells
	return s.atomicError(err)
}

// readLocked is the attempt by locks, which waits for them no longer than a distributed transaction does.
func (s *Session) readLocked(ctx context.Context, x *execution) error {
	const name = "innodb_lock_wait_timeout"
	longest := int64(math.Ceil(s.config.LockPatience.Seconds()))
	if _, said := s.state.Var(name); !said { // the servers' own may be shorter
		defer s.override(name, "LEAST(@@global."+name+","+strconv.FormatInt(longest, 10)+")")()
	} else if s.number(name, longest+1) > longest {
		defer s.override(name, strconv.FormatInt(longest, 10))()
	}
	err := s.runRoot(ctx, x)
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeLockWaitTimeout {
		return sqlerr.ReadUnsettled()
	}
	return err
}

// atomicError is what a client sees of snapshots that could not be had.
func (s *Session) atomicError(err error) error {
	if unfit, ok := errors.AsType[*txn.UnfitError](err); ok {
		return sqlerr.Unfit("a read while "+readVar+" is atomic,", unfit.DataSource, unfit.Told())
	}
	if silent, ok := errors.AsType[*txn.UnansweredError](err); ok {
		s.srv.Log.Warn("an atomic read is refused", zap.Uint32("connection", s.id), zap.Error(err))
		return sqlerr.ReadUnanswered(silent.DataSource)
	}
	return err
}

// open makes the session's connections to the targets branches of its transaction, which is begun on them afterwards.
func (s *Session) open(ctx context.Context, x *execution, targets []plan.Target) error {
	for i := range targets {
		t := &targets[i]
		if s.txn.Branch(t.DataSource) != nil {
			continue
		}
		h, err := s.take(ctx, t.DataSource, t.Schema, x.need, false)
		if err != nil {
			return err
		}
		s.txn.Adopt(h)
		h.branch, h.known = true, true
	}
	return nil
}

// column is txn.Ask.
func (s *Session) column(ctx context.Context, b txn.Branch, sql string) ([]string, error) {
	if s.killState() != alive {
		return nil, sqlerr.Interrupted()
	}
	_, rows, err := b.(*held).lease.Conn().QueryRows(ctx, sql)
	out := make([]string, 0, len(rows))
	for _, row := range rows {
		out = append(out, string(row[0]))
	}
	return out, err
}

// inOneView has a READ ONLY transaction read from one view of all data sources of its database and of the statement with which it begins to read.
// What it reads later is not known yet, and must be as old.
func (s *Session) inOneView(ctx context.Context, x *execution, reached []plan.Target) error {
	if s.viewed != s.txn {
		if s.locked != nil {
			return sqlerr.AtomicUnderLocks("a READ ONLY transaction")
		}
		if err := s.openView(ctx, x, reached); err != nil {
			return err
		}
	}
	for i := range reached {
		if s.txn.Branch(reached[i].DataSource) == nil {
			return sqlerr.AtomicElsewhere(reached[i].DataSource)
		}
	}
	return nil
}

// openView begins the transaction everywhere.
func (s *Session) openView(ctx context.Context, x *execution, reached []plan.Target) error {
	if level := s.isolation(); level == "READ COMMITTED" || level == "READ UNCOMMITTED" {
		return sqlerr.AtomicLevel(level)
	}
	targets := slices.Clone(reached)
	if layout, ok := s.srv.Catalogs.Current().Database(s.db); ok {
		for _, ds := range layout.DataSources {
			targets = append(targets, plan.Target{DataSource: ds.Name})
		}
	}
	slices.SortStableFunc(targets, func(a, b plan.Target) int { return strings.Compare(a.DataSource, b.DataSource) })
	asked := s.txn.Options()
	err := s.open(ctx, x, targets)
	if err == nil {
		err = s.srv.Transactions.Atomic(ctx, s.txn, s.column)
	}
	byLocks := errors.Is(err, txn.ErrUnsettled)
	if byLocks {
		err = s.txn.ByLocks(ctx)
	}
	if err != nil { // it is as if it had not begun to read
		_ = s.rollback(ctx) // the first error is the one to report
		s.txn = s.newTransaction(asked)
		return s.atomicError(err)
	}
	s.viewed, s.viewedByLocks = s.txn, byLocks
	return nil
}
