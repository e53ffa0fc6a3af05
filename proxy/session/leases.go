package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/replica"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// held is a connection that the session has: for the statement under way, for its transaction, or pinned. It
// implements txn.Branch.
type held struct {
	lease      *backend.Lease
	dataSource string
	branch     bool              // part of the transaction
	known      bool              // a transaction or a pin has had it, and may still tell of it
	pins       []string          // why it is kept beyond the statement
	since      time.Time         // of the first of them; of a replica, of the loan
	replica    *replica.Endpoint // whose connection it is; nil: the primary's
	locks      possessions       // by GET_LOCK
	temporary  possessions       // tables
	used       bool              // by the statement under way
	once       bool              // the statement under way has given it characteristics of its own transaction
	warned     []sqltypes.Row    // SHOW WARNINGS of the transaction control that it has run
	stated     *stated           // where what it runs is kept
}

var _ txn.Branch = (*held)(nil)

// DataSource returns the data source's name.
func (h *held) DataSource() string { return h.dataSource }

// ConnectionID is the server's number of the connection.
func (h *held) ConnectionID() uint32 { return h.lease.Conn().Info().ThreadID }

// Addr is where the connection's server is.
func (h *held) Addr() string { return h.lease.Addr() }

// Exec runs statements of transaction control, one after the other, up to the first error.
func (h *held) Exec(ctx context.Context, statements ...string) error {
	ok, err := h.lease.Conn().ExecTogether(ctx, statements...)
	if err == nil && ok.Warnings > 0 {
		_, h.warned, _ = h.lease.Conn().QueryRows(ctx, "SHOW WARNINGS") // a COMMIT is done whatever becomes of the question
	}
	return err
}

// Discard breaks the connection, so that nobody is lent it again.
func (h *held) Discard() { _ = h.lease.Conn().Close() } // what could not be closed is broken all the same

// Alive reports whether the server still holds what the connection has begun, as far as the socket tells.
func (h *held) Alive() bool { return h.lease.Conn().Alive() }

// drop gives the connection up.
func (h *held) drop() { h.lease.Destroy() }

// hold returns the session's connection to a data source, in the state that the statement needs: the one that its
// transaction or a pin holds there, else one from the pool, which becomes a branch if a transaction is open.
func (s *Session) hold(ctx context.Context, dataSource, schema string, need backend.Need) (*held, error) {
	return s.take(ctx, dataSource, schema, need, true)
}

// take is hold; enlists is false for what takes no part in a transaction.
func (s *Session) take(ctx context.Context, dataSource, schema string, need backend.Need, enlists bool) (*held, error) {
	if len(s.undelivered) > 0 {
		if err := s.awaitDelivery(ctx, dataSource); err != nil {
			return nil, err
		}
	}
	s.wantSchema(schema)
	s.state.SetLastInsertID(s.diag.lastID)
	h := s.find(dataSource)
	if h == nil {
		lease, from, err := s.acquireToRead(ctx, dataSource)
		if err != nil {
			return nil, err
		}
		h = s.reused.hold(lease, dataSource)
		if from != nil {
			h.replica, h.since = from, time.Now()
		}
		if s.insert(h) { // the KILL has not reached it, and no other will come
			return nil, sqlerr.Interrupted()
		}
	}
	h.used = true
	h.lease.Conn().Since(s.srv.Catalogs.Epoch())
	if err := s.handOver(ctx, h, need); err != nil {
		return nil, err
	}
	if s.txn != nil && !h.branch && enlists {
		if s.begun == TransactionXA && len(s.txn.Branches()) > 0 {
			if err := s.maySpread(); err != nil {
				return nil, err
			}
		}
		if err := s.txn.Enlist(ctx, h); err != nil {
			return nil, err
		}
		h.branch, h.known = true, true
	}
	if s.once != (txn.Options{}) {
		if err := s.beginOnce(ctx, h); err != nil {
			return nil, err
		}
	}
	if s.killState() != alive {
		return nil, sqlerr.Interrupted() // a KILL that came while this was not held has told this server nothing
	}
	return h, nil
}

// holdAll takes the connections of a transaction's units before the first of them is busy: where the transaction gets its second branch,
// the first is asked something too.
func (s *Session) holdAll(ctx context.Context, x *execution, route *plan.Route, units []plan.RouteUnit) error {
	if s.txn == nil || len(units) < 2 {
		return nil
	}
	var targets []*plan.Target
	for i := range units {
		if h := s.find(units[i].Target.DataSource); h == nil || !h.branch {
			targets = append(targets, units[i].Target)
		}
	}
	slices.SortStableFunc(targets, func(a, b *plan.Target) int { return strings.Compare(a.DataSource, b.DataSource) }) // as everybody does
	together := s.once == (txn.Options{})
	var branches []txn.Branch
	for _, t := range targets {
		h, err := s.take(ctx, t.DataSource, t.Schema, x.need, !together)
		if err != nil {
			return s.failed(ctx, h, route, t, err)
		}
		if !h.branch && !slices.Contains(branches, txn.Branch(h)) {
			branches = append(branches, h)
		}
	}
	if len(branches) == 0 {
		return nil
	}
	var err error
	if s.begun == TransactionXA && len(s.txn.Branches())+len(branches) > 1 {
		err = s.maySpread()
	}
	if err == nil {
		err = s.enlistAll(ctx, branches)
	}
	if err != nil {
		return s.failed(ctx, nil, route, targets[0], err)
	}
	return nil
}

// enlistAll makes connections branches of the transaction.
func (s *Session) enlistAll(ctx context.Context, branches []txn.Branch) error {
	err := s.txn.EnlistAll(ctx, branches)
	for _, b := range branches {
		h := b.(*held)
		h.branch = s.txn.Branch(h.dataSource) == b
		h.known = h.known || h.branch
	}
	if err == nil && s.killState() != alive {
		return sqlerr.Interrupted()
	}
	return err
}

// borrow is hold for the session's own questions outside of any transaction's bookkeeping; done gives the connection
// back unless something else keeps it.
func (s *Session) borrow(ctx context.Context, dataSource, schema string, need backend.Need) (h *held, done func(), err error) {
	s.wantSchema(schema)
	s.state.SetLastInsertID(s.diag.lastID)
	if h = s.find(dataSource); h != nil {
		return h, func() {}, h.lease.Apply(ctx, s.state, need)
	}
	lease, err := s.acquire(ctx, dataSource)
	if err != nil {
		return nil, nil, err
	}
	h = &held{lease: lease, dataSource: dataSource}
	if err = s.reachable(lease); err == nil {
		err = s.handOver(ctx, h, need)
	}
	if err != nil {
		h.lease.Destroy()
		return nil, nil, err
	}
	return h, h.lease.Release, nil
}

// reachable has KILL reach a connection that is not among those held, for as long as the statement has it. The error is
// that of a statement that has been killed before.
func (s *Session) reachable(l *backend.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed != alive && !s.committing {
		return sqlerr.Interrupted()
	}
	s.lent = append(slices.DeleteFunc(s.lent, (*backend.Lease).Ended), l)
	return nil
}

// working are the connections on which a server may be working for the statement under way. The caller has mu.
func (s *Session) working() []*backend.Lease {
	out := slices.Clone(s.lent)
	for _, h := range s.held {
		out = append(out, h.lease)
	}
	return out
}

// wantSchema sets the schema that connections are to be in; "" leaves them where they are, unless the client is in none.
func (s *Session) wantSchema(schema string) {
	if schema == "" && s.db == "" {
		s.state.SetNoSchema()
	} else {
		s.state.SetSchema(schema)
	}
}

// handOver brings the connection into the session's state. Where the client's schema is no longer there, statements
// that need none go on, as on a server, on a connection that is in none.
func (s *Session) handOver(ctx context.Context, h *held, need backend.Need) error {
	err := h.lease.Apply(ctx, s.state, need)
	if err == nil {
		return nil
	}
	if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeBadDB || s.state.Schema() != s.db {
		return err
	}
	s.state.SetNoSchema()
	if !h.kept() {
		lease, err := s.acquire(ctx, h.dataSource)
		if err != nil {
			return err
		}
		h.lease.Release() // tainted, and so closed
		if err := s.reachable(lease); err != nil {
			lease.Release()
			return err
		}
		s.mu.Lock()
		h.lease = lease
		s.mu.Unlock()
	}
	return h.lease.Apply(ctx, s.state, need)
}

// acquire takes a connection to a data source's primary.
func (s *Session) acquire(ctx context.Context, dataSource string) (*backend.Lease, error) {
	return s.acquireAt(ctx, dataSource)
}

// acquireToRead is acquire for what the statement under way reads: from a replica, where it may.
func (s *Session) acquireToRead(ctx context.Context, dataSource string) (*backend.Lease, *replica.Endpoint, error) {
	if s.reading {
		if lease, from, err := s.readFrom(ctx, dataSource); lease != nil || err != nil {
			return lease, from, err
		}
	}
	lease, err := s.acquire(ctx, dataSource)
	return lease, nil, err
}

func (s *Session) find(dataSource string) *held {
	for _, h := range s.held {
		if h.dataSource == dataSource {
			return h
		}
	}
	return nil
}

// insert has KILL reach a connection, and reports whether the statement has been killed before.
func (s *Session) insert(h *held) (killed bool) {
	at, _ := slices.BinarySearchFunc(s.held, h.dataSource, func(h *held, name string) int {
		return strings.Compare(h.dataSource, name)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = slices.Insert(s.held, at, h)
	return s.killed != alive && !s.committing
}

// settle ends a statement: connections that nothing holds go back to their pools, and a transaction that has lost a
// branch is rolled back everywhere, so that it can only be begun anew.
func (s *Session) settle(ctx context.Context) {
	s.reading = false
	if len(s.waiting.leases) > 0 { // only this goroutine adds to them
		s.unwatch()
	}
	if s.txn != nil && s.lostBranch() {
		_ = s.txn.Rollback(ctx) // the lost branch is rolled back by its server; the others are destroyed if they cannot
		s.endTransaction()
		s.lost = true
	}
	if s.once != (txn.Options{}) {
		s.endOnce(ctx)
	}
	unlocked := false // a server has let go of tables that the session has locked
	s.settleHeld(&unlocked)
	if unlocked {
		_ = s.unlockTables(ctx) // nobody may believe that the others are locked together
		s.lost = true
		s.settleHeld(&unlocked)
	}
	if s.visit != nil && s.txn == nil && !s.hasCursor() {
		s.visit.Leave()
	}
}

// settleHeld gives back what nothing holds.
func (s *Session) settleHeld(unlocked *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := s.held[:0]
	for _, h := range s.held {
		h.used = false
		conn := h.lease.Conn()
		switch {
		case conn.Broken():
			h.ended()
			h.drop()
			if h.pinnedBy(lockPin) {
				*unlocked = true
			}
		case h.kept():
			keep = append(keep, h)
		default:
			if pool := conn.Info().DataSource; s.hints[pool] != conn {
				s.hints[pool] = conn
			}
			h.ended()
			h.lease.Release()
			s.reused.giveBack(h)
		}
	}
	clear(s.held[len(keep):])
	s.held = keep
}

func (s *Session) lostBranch() bool {
	return slices.ContainsFunc(s.held, func(h *held) bool { return h.branch && h.lease.Conn().Broken() })
}

// endTransaction forgets the transaction; its connections are free unless they are pinned for another reason.
func (s *Session) endTransaction() {
	s.txn, s.indelible = nil, false
	for _, h := range s.held {
		h.branch = false
	}
}

// kept reports whether the connection stays with the session after the statement under way.
func (h *held) kept() bool { return h.branch || len(h.pins) > 0 }

// pinnedBy reports whether the connection is kept for the reason given.
func (h *held) pinnedBy(reason string) bool { return slices.Contains(h.pins, reason) }

// pinned keeps the connection with the session, for the reason given, until that is gone or the session ends or is reset.
func (s *Session) pinned(h *held, reason string) {
	if h.pinnedBy(reason) {
		return
	}
	if len(h.pins) == 0 {
		h.since = time.Now()
	}
	h.pins, h.known = append(h.pins, reason), true
}

// unpin takes one reason to be kept away from the connection.
func (h *held) unpin(reason string) {
	h.pins = slices.DeleteFunc(h.pins, func(have string) bool { return have == reason })
}

// unpin lets go of connections that are held for reason only.
func (s *Session) unpin(reason string) {
	for _, h := range s.held {
		h.unpin(reason)
	}
}

// pinReasons says why connections are held, for SHOW PROCESSLIST.
func (s *Session) pinReasons() string {
	var reasons []string
	for _, h := range s.held {
		switch {
		case len(h.pins) > 0:
			reasons = append(reasons, fmt.Sprintf("%s pinned by %s", h.dataSource, strings.Join(h.pins, ", ")))
		case h.branch:
			reasons = append(reasons, h.dataSource+" in transaction")
		}
	}
	return strings.Join(reasons, "; ")
}
