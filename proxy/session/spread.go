package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// TransactionType says how transactions over several data sources commit.
type TransactionType uint8

// The types of transactions.
const (
	TransactionAuto  TransactionType = iota // XA where every data source can have part in it
	TransactionLocal                        // at once, and what has not committed is reported
	TransactionXA                           // on all of them or on none; a data source that cannot is refused
)

var transactionTypes = [...]string{TransactionAuto: "auto", TransactionLocal: "local", TransactionXA: "xa"}

// String is the type as it is written in SET and in heddle.yaml.
func (t TransactionType) String() string { return transactionTypes[t] }

// ParseTransactionType reads a type, in any case.
func ParseTransactionType(text string) (TransactionType, error) {
	for t, name := range transactionTypes {
		if strings.EqualFold(text, name) {
			return TransactionType(t), nil
		}
	}
	return 0, fmt.Errorf("a transaction type is %s, not %q", strings.Join(transactionTypes[:], ", "), text)
}

// transactionTypeVar is the variable by which a session says its type.
const transactionTypeVar = "heddle_transaction_type"

// setTransactionType is SET heddle_transaction_type, which holds from the next transaction on.
func (s *Session) setTransactionType(ctx context.Context, x *execution) error {
	text, err := s.ownSetting(ctx, x, transactionTypeVar, s.ownTransactionType().String())
	if err != nil {
		return s.writeError(err)
	}
	t, err := ParseTransactionType(text)
	if err != nil {
		return s.writeError(sqlerr.WrongValueForVariable(transactionTypeVar, text))
	}
	if t != TransactionLocal && s.srv.Transactions == nil {
		return s.writeError(sqlerr.TransactionsAreLocal("SET " + transactionTypeVar + " to " + t.String()))
	}
	s.transactionType = t
	return s.respond(nil)
}

// ownTransactionType is that of a session which has said nothing: its account's, or the configuration's.
func (s *Session) ownTransactionType() TransactionType {
	if t, err := ParseTransactionType(s.who.Transactions); err == nil {
		return t
	}
	return s.config.TransactionType
}

// wish is the type that a statement's hint asks for, of the transaction that begins with it.
type wish uint8

const (
	noWish wish = iota
	wishLocal
	wishXA
	wishUnread // it is neither
)

// wishOf reads the hint transaction=local or transaction=xa. Of a statement that is explained it is not obeyed.
func wishOf(st *parser.Statement) wish {
	found := noWish
	for i := range st.Hints {
		h := &st.Hints[i]
		if h.Key != "heddle.transaction" || st.Inner != nil && h.Span.Start >= st.InnerStart {
			continue
		}
		this := wishUnread
		switch {
		case h.Malformed:
		case strings.EqualFold(h.Value, "local"):
			this = wishLocal
		case strings.EqualFold(h.Value, "xa"):
			this = wishXA
		}
		if found != noWish && found != this {
			return wishUnread
		}
		found = this
	}
	return found
}

// heed sees that the wish can be obeyed: the transaction begins now, or has but begun, or is of that type.
func (s *Session) heed() error {
	t := TransactionLocal
	switch s.wish {
	case noWish:
		return nil
	case wishUnread:
		return sqlerr.HintUnread()
	case wishXA:
		if t = TransactionXA; s.srv.Transactions == nil {
			return sqlerr.TransactionsAreLocal("the hint transaction=xa")
		}
	}
	switch {
	case s.xa != nil:
		return sqlerr.HintInXA(t.String())
	case s.txn == nil || s.begun == t:
	case !s.txn.Fresh():
		return sqlerr.HintLate(t.String())
	default:
		s.txn = s.newTransaction(s.txn.Options())
	}
	return nil
}

// newTransaction returns an open transaction of the type that the statement wishes, or of the session's. Servers begin no XA under LOCK
// TABLES: auto is LOCAL there.
func (s *Session) newTransaction(o txn.Options) *txn.Txn {
	s.begun = s.transactionType
	switch s.wish {
	case wishLocal:
		s.begun = TransactionLocal
	case wishXA:
		s.begun = TransactionXA
	}
	all := s.srv.Transactions
	switch {
	case all == nil || s.begun == TransactionLocal || s.begun == TransactionAuto && s.locked != nil:
	case s.begun == TransactionXA || all.Unfit() == nil:
		return all.Begin(o)
	}
	return txn.New(o)
}

// maySpread refuses a transaction of type XA its second branch where it would not be one.
func (s *Session) maySpread() error {
	switch {
	case s.locked != nil:
		return sqlerr.SpreadUnderLocks()
	case s.srv.Transactions == nil && !s.txn.Options().ReadOnly:
		return sqlerr.TransactionsAreLocal("a transaction of type XA over several data sources")
	}
	return nil
}

// changesNothing reports whether a statement can have changed nothing, whatever it has locked: it runs no program, and reads no view
// that may run one.
func changesNothing(x *execution) bool {
	st := x.st.parsed
	if st.Kind != parser.Select && st.Kind != parser.Set || st.Uses.Has(parser.UseUnknownFunction|parser.UseWordCall|parser.UseSequence) {
		return false
	}
	return x.plan == nil || !x.plan.Write && x.plan.Program == nil && !x.plan.Unguarded // a SET on no table has no plan
}

// mayEnd refuses a program that nobody has judged in a transaction of several data sources: the COMMIT in it would commit what is on
// its own server, and none of the rest.
func (s *Session) mayEnd(x *execution, t *plan.Target) error {
	if kind := x.st.parsed.Kind; kind != parser.Call && kind != parser.Compound || x.plan.Program != nil || s.txn == nil {
		return nil
	}
	for _, b := range s.txn.Branches() {
		if b.DataSource() != t.DataSource || s.txn.Spread() {
			return sqlerr.ProgramInSpread()
		}
	}
	return nil
}

// touched tells the transaction what a statement may do on a connection that it is about to be sent to.
func (s *Session) touched(x *execution, h *held) {
	if !h.branch || s.txn == nil {
		return
	}
	s.txn.Touched(h, !changesNothing(x))
	if s.txn.Spread() {
		s.watch(h)
	}
}

// A transaction that has locks on two servers may wait in a circle that neither server sees. So what waits for a lock there
// for Config.LockPatience is taken for such a circle, as servers take the smaller half of one: the transaction is rolled back. A
// server is asked whether it waits only about statements that take so long.
const (
	askTime  = 5 * time.Second // that it may take to say so
	askAgain = time.Second     // after which it is asked anew
)

// lockWatch are the branches on which the statement under way may wait for a lock. Guarded by Session.mu.
type lockWatch struct {
	leases []*backend.Lease
	timer  *time.Timer
	struck bool   // the statement was ended because it waited
	turn   uint64 // counts statements: what is found out about one must not end the next
}

// watch looks after a branch while the statement runs.
func (s *Session) watch(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.leases = append(s.waiting.leases, h.lease)
	if s.waiting.timer == nil {
		s.waiting.timer = time.AfterFunc(s.config.LockPatience, s.suspect)
	}
}

// unwatch ends what watch began.
func (s *Session) unwatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting.timer != nil {
		s.waiting.timer.Stop()
	}
	s.waiting.leases, s.waiting.timer, s.waiting.struck = s.waiting.leases[:0], nil, false
	s.waiting.turn++
}

// suspect ends the statement if it has waited too long for a lock on one of the branches, and looks again later if not.
func (s *Session) suspect() {
	s.mu.Lock()
	leases := append([]*backend.Lease(nil), s.waiting.leases...)
	over, turn := s.waiting.timer == nil, s.waiting.turn
	s.mu.Unlock()
	if over {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	for _, l := range leases {
		if s.waitsForLock(ctx, l) {
			s.strike(ctx, l, turn)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting.turn == turn && s.waiting.timer != nil {
		s.waiting.timer.Reset(askAgain)
	}
}

// waitsForLock asks a server whether a branch has waited for too long: over recovery's connections, for those of the pool may all be in
// such circles.
func (s *Session) waitsForLock(ctx context.Context, l *backend.Lease) bool {
	waits, err := s.srv.Transactions.Waits(ctx, l.DataSource(), l.Conn().Info().ThreadID, s.config.LockPatience)
	return err == nil && waits // who does not answer is asked again
}

// strike ends a statement on the server where it waits, unless it has ended meanwhile.
func (s *Session) strike(ctx context.Context, l *backend.Lease, turn uint64) {
	s.mu.Lock()
	if s.waiting.turn != turn || s.committing || s.killed != alive {
		s.mu.Unlock()
		return
	}
	s.waiting.struck = true
	s.kills++
	s.mu.Unlock()
	_ = l.KillQuery(ctx) // a server that cannot be told ends the wait itself, later
	s.killSent()
}

// suspected reports whether an error is the end that strike has made.
func (s *Session) suspected(err error) bool {
	e := sqlerr.As(err)
	if e == nil || e.Code != sqlerr.CodeQueryInterrupted {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting.struck
}

// noteCommit logs what only an operator may see of a COMMIT that did not end as others do, and tells the client where it is done
// but not everywhere to be seen.
func (s *Session) noteCommit(err error) {
	fields := []zap.Field{zap.Uint32("connection", s.id), zap.String("user", s.who.User), zap.String("database", s.db)}
	if partial, ok := errors.AsType[*txn.PartialError](err); ok {
		for fate, of := range byFate(partial) {
			fields = append(fields, zap.Strings(txn.Fate(fate).String(), of))
		}
		s.srv.Log.Error("a transaction over several shards is not committed on all of them", append(fields, zap.Error(err))...)
	}
	if forced, ok := errors.AsType[*txn.ForcedError](err); ok {
		s.srv.Log.Error("an operator has committed a transaction whose process lives", append(fields, zap.Error(forced))...)
	}
	if aborted, ok := errors.AsType[*txn.AbortedError](err); ok && (aborted.Lost || aborted.OfLog()) { // which the client is not told
		s.srv.Log.Warn("a transaction was rolled back in place of its COMMIT", append(fields, zap.String("transaction", s.txn.GTRID()), zap.Error(aborted))...)
	}
	if doubt, ok := errors.AsType[*txn.InDoubtError](err); ok {
		s.noteDoubt(doubt)
	}
	s.undelivered = append(s.undelivered, s.txn.Undelivered()...)
	for _, ds := range s.txn.Undelivered() {
		s.diag.warn(sqlerr.CommitUndelivered(ds.DataSource))
		s.srv.Log.Warn("a shard has yet to carry out a commit that is decided",
			append(fields, zap.String("transaction", s.txn.GTRID()), zap.String("data_source", ds.DataSource))...)
	}
}

// noteDoubt logs what a client cannot be told, with the reason.
func (s *Session) noteDoubt(doubt *txn.InDoubtError) {
	s.srv.Log.Error("a client cannot be told whether its transaction is committed", zap.Uint32("connection", s.id), zap.String("user", s.who.User),
		zap.String("database", s.db), zap.String("transaction", doubt.GTRID), zap.Error(doubt))
}

// deliveryPatience is how long a statement waits at most for what its session has committed before, which a server does not let in yet.
const deliveryPatience = 10 * time.Second

// awaitDelivery has a statement that comes to a data source see what its session has committed there. It waits as for a lock.
func (s *Session) awaitDelivery(ctx context.Context, dataSource string) error {
	patience := time.Duration(s.number("innodb_lock_wait_timeout", 50)) * time.Second
	ctx, cancel := context.WithTimeout(ctx, min(patience, deliveryPatience))
	defer cancel()
	left := make([]txn.Pending, 0, len(s.undelivered))
	for i, p := range s.undelivered {
		switch at, known := s.srv.Transactions.Holder(p); {
		case !known:
			s.srv.Log.Warn("what a session has committed is not waited for: no data source has its log any more", zap.Stringer("branch", p), zap.String("data_source", p.DataSource))
		case at != dataSource:
			left = append(left, p)
		default:
			if err := s.srv.Transactions.Delivered(ctx, p); err != nil {
				s.undelivered = append(left, s.undelivered[i:]...)
				s.srv.Log.Warn("a session waits in vain for what it has committed", zap.Stringer("branch", p), zap.String("data_source", at), zap.Error(err))
				if troubled, ok := errors.AsType[*txn.TroubledError](err); ok {
					return sqlerr.DeliveryTroubled(at, troubled.Trouble.String())
				}
				return sqlerr.DeliveryAwaited(at)
			}
		}
	}
	s.undelivered = left
	return nil
}

// decidedError is what a client sees of a COMMIT that is done in part, or may be done: whoever was killed meanwhile sees it too. nil: err is none of those.
func decidedError(err error) *sqlerr.Error {
	if partial, ok := errors.AsType[*txn.PartialError](err); ok {
		return sqlerr.PartialCommit(partial.Error())
	}
	if forced, ok := errors.AsType[*txn.ForcedError](err); ok {
		return sqlerr.CommitForced(forced.GTRID, forced.Without)
	}
	if doubt, ok := errors.AsType[*txn.InDoubtError](err); ok {
		return sqlerr.CommitInDoubt(doubt.GTRID, doubt.DataSource)
	}
	return nil
}

// commitError is what a client sees of a COMMIT in place of which all is rolled back, and of a data source that can have no part in one; nil: err is none of those.
func commitError(err error) *sqlerr.Error {
	if aborted, ok := errors.AsType[*txn.AbortedError](err); ok {
		e := sqlerr.As(aborted.Err)
		switch {
		case errors.Is(err, txn.ErrFenced):
			return sqlerr.TransactionFenced()
		case errors.Is(err, txn.ErrResolved):
			return sqlerr.CommitResolved()
		case e == nil || aborted.Lost:
			return sqlerr.TransactionLost()
		case aborted.OfGuard():
			return sqlerr.TransactionEnded()
		case aborted.OfLog():
			return sqlerr.BranchFailed(aborted.DataSource, e)
		}
		return e
	}
	if unfit, ok := errors.AsType[*txn.UnfitError](err); ok {
		return sqlerr.Unfit("a transaction of type XA", unfit.DataSource, unfit.Told())
	}
	if errors.Is(err, txn.ErrLost) {
		return sqlerr.TransactionLost()
	}
	return nil
}
