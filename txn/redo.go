package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// ErrNotRedone is a lost branch that was not run again, and of which nothing was left.
var ErrNotRedone = errors.New("txn: a lost branch is not run again")

// errNotKept is a branch of which nobody has kept what it did.
var errNotKept = errors.New("what it did is not kept (transactions.keep_statements)")

// RedoError says of which branch, and why. It is an ErrNotRedone.
type RedoError struct {
	DataSource string
	Why        error // a *txnlog.Unrepeated where it is about one statement
}

// Error implements error.
func (e *RedoError) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrNotRedone, e.DataSource, e.Why)
}

// Unwrap gives both.
func (e *RedoError) Unwrap() []error { return []error{ErrNotRedone, e.Why} }

// lostBranch is what is to be run again, and where.
type lostBranch struct {
	done   *Resolved
	server *txnlog.Server
	did    []txnlog.Statement
}

// Redo finishes a transaction that is decided to commit, and runs again, on the servers that have lost them, what its lost branches did: for an operator who knows that nobody
// has changed since what they read and wrote. Each is a transaction of its own, with the branch's mark. Where one of them cannot be, a *RedoError, none is that was not before it.
func (s *Shards) Redo(ctx context.Context, gtrid string) ([]Resolved, error) {
	done, err := s.Resolve(ctx, gtrid, true, false)
	if err != nil {
		return done, err
	}
	lost, err := s.lostOf(ctx, done)
	if err != nil {
		return done, err
	}
	for _, b := range lost {
		if err := s.redo(ctx, b); err != nil {
			return done, err
		}
		b.done.Trouble, b.done.Redone = xa.NoTrouble, true
	}
	return done, nil
}

// lostOf are the branches that are lost, of which all can be run again as far as is known.
func (s *Shards) lostOf(ctx context.Context, done []Resolved) (lost []lostBranch, err error) {
	for i := range done {
		d := &done[i]
		if d.Trouble != xa.Missing && d.Trouble != xa.Heuristic {
			continue
		}
		at, home := s.ByLog(d.XID.Branch.Log), s.ByLog(d.XID.GTRID.Log)
		if at == nil || home == nil {
			return nil, fmt.Errorf("redo %s: %w", d.XID, errNoLog)
		}
		all, err := home.Statements(ctx, d.XID.GTRID)
		if err != nil {
			return nil, err
		}
		b := lostBranch{d, at, of(all, d.XID.Branch.Log)}
		if len(b.did) == 0 {
			return nil, &RedoError{at.DataSource, errNotKept}
		}
		if err := txnlog.Repeatable(b.did); err != nil {
			return nil, &RedoError{at.DataSource, err}
		}
		if err := s.nowhereElse(ctx, b); err != nil {
			return nil, err
		}
		lost = append(lost, b)
	}
	if len(lost) == 0 {
		return nil, ErrNotLost
	}
	return lost, nil
}

// otherAnswer is how long a data source's other servers may take to say whether they have a branch.
const otherAnswer = 2 * time.Second

// nowhereElse refuses a branch that another server of the data source has: that one is to be the primary, or to let go of it first. Of one that does not
// answer, as the primary that has failed, it is not known.
func (s *Shards) nowhereElse(ctx context.Context, b lostBranch) error {
	for _, other := range b.server.Others {
		asking, cancel := context.WithTimeout(ctx, otherAnswer)
		has, err := other.Knows(asking, b.done.XID)
		cancel()
		if err == nil && has {
			return &RedoError{b.server.DataSource, fmt.Errorf("it is not lost: the data source's server %s has it", other.Addr)}
		}
	}
	return nil
}

// redo runs one branch again.
func (s *Shards) redo(ctx context.Context, b lostBranch) error {
	home := s.ByLog(b.done.XID.GTRID.Log)
	stands := func(ctx context.Context) error { // who runs it again when the decision is swept would run what is done
		found, err := home.Decision(ctx, b.done.XID.GTRID)
		if err == nil && found != xa.DecidedCommit {
			err = &RedoError{b.server.DataSource, ErrOver}
		}
		return err
	}
	at := func(ctx context.Context, point string) error {
		if s.At == nil {
			return nil
		}
		return s.At(ctx, point)
	}
	err := b.server.Redo(ctx, b.done.XID, b.did, stands, at)
	if _, one := errors.AsType[*txnlog.Unrepeated](err); one || errors.Is(err, txnlog.ErrMarked) || errors.Is(err, txnlog.ErrHeld) {
		return &RedoError{b.server.DataSource, err}
	}
	return err
}
