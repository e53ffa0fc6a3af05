package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// lockPin is why connections are kept whose session has locked tables.
const lockPin = "LOCK TABLES"

// runLock locks tables, on one data source after the other. As servers do, it first lets go of what was locked; if one
// cannot lock, nothing is.
func (s *Session) runLock(ctx context.Context, x *execution, node *plan.Lock) error {
	if err := s.unlockTables(ctx); err != nil {
		return err
	}
	for i := range node.Parts {
		part := &node.Parts[i]
		h, err := s.hold(ctx, part.Target.DataSource, part.Target.Schema, x.need)
		if err == nil {
			err = h.Exec(ctx, part.SQL)
		}
		if err != nil {
			err = s.failed(ctx, h, node.Route, part.Target, err)
			for n := range part.Beside {
				if e := sqlerr.As(err); e != nil {
					err = s.logicalError(e, node.Route, &part.Beside[n])
				}
			}
			_ = s.unlockTables(ctx) // a connection that cannot is broken, and its locks are gone
			return err
		}
		s.pinned(h, lockPin)
	}
	s.locked = map[string]bool{}
	for i, name := range node.Route.Tables {
		s.locked[s.lockName(node.Route.Databases[i], name)] = true
	}
	if !s.autocommit && s.txn == nil {
		s.txn = s.newTransaction(s.implicit()) // as on servers, where the engine's locks are in a transaction
	}
	return s.respond(nil)
}

func (s *Session) lockName(db, table string) string {
	name := db + "." + table
	if s.srv.Catalogs.Current().FoldsCase() {
		return strings.ToLower(name)
	}
	return name
}

// onUnlockTables is UNLOCK TABLES, which commits if tables are locked.
func onUnlockTables(s *Session, ctx context.Context, _ *execution) error {
	defer s.settle(ctx)
	if s.locked != nil {
		if err := s.commit(ctx); err != nil {
			return s.writeError(err)
		}
	}
	if err := s.unlockTables(ctx); err != nil {
		return s.writeError(err)
	}
	return s.respond(nil)
}

// unlockTables lets go of all locks. A connection that cannot is given up.
func (s *Session) unlockTables(ctx context.Context) error {
	var first error
	for _, h := range s.held {
		if !h.pinnedBy(lockPin) {
			continue
		}
		h.unpin(lockPin)
		if h.lease.Conn().Broken() {
			continue
		}
		if err := h.Exec(ctx, "UNLOCK TABLES"); err != nil && first == nil {
			first = err
			h.lease.Interrupt()
		}
	}
	s.locked = nil
	return first
}

// mayUse refuses a table that is not locked while others are, where no server would: it has none of the session's locks.
func (s *Session) mayUse(x *execution) error {
	switch x.st.parsed.Kind {
	case parser.CreateTemporaryTable, parser.DropTemporaryTable, parser.LockTables:
		return nil
	}
	for _, t := range x.plan.Tables {
		if s.locked[s.lockName(t.Database, t.Table)] {
			continue
		}
		place, ok := s.srv.Catalogs.Current().Place(t.Database, t.Table)
		if ok && place.Kind != catalog.KindSharded && place.Kind != catalog.KindBroadcast {
			if h := s.find(place.Single.DataSource); h != nil && len(h.pins) > 0 {
				continue // the server says so, or it is a temporary table
			}
		}
		return sqlerr.TableNotLocked(t.Table)
	}
	return nil
}

// ownTransaction begins the transaction of one statement; end leaves the session as it was. START
// TRANSACTION would let go of locked tables: their connections have autocommit off instead.
func (s *Session) ownTransaction(o txn.Options) (end func()) {
	o.Implicit = s.locked != nil
	o.ReadOnly, o.ReadWrite = s.once.ReadOnly, o.ReadWrite || s.once.ReadWrite
	if s.once.Isolation != "" {
		o.Isolation = s.once.Isolation
	}
	s.txn = s.newTransaction(o)
	if s.locked == nil {
		return func() {}
	}
	s.state.SetVar("autocommit", "0")
	return func() { s.state.UnsetVar("autocommit") }
}
