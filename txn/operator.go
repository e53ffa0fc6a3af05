package txn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// UndecidedState is the state of a transaction that can end either way.
const UndecidedState = "undecided"

// NotSeen is the state of a branch that is decided to commit, and neither prepared nor seen done.
const NotSeen = "not seen"

// State is the decision, as operators read it: "committed", "aborted", "prepared", or UndecidedState.
func (l *Listed) State() string {
	if l.Decision == "" {
		return UndecidedState
	}
	return l.Decision
}

// State is "prepared" or NotSeen.
func (b *ListedBranch) State() string {
	if b.Prepared {
		return "prepared"
	}
	return NotSeen
}

// Order is how an operator wants a transaction to end: Commit, else rolled back. Force, Mended and Redo are those of Resolve, Mend and Redo.
type Order struct{ Commit, Force, Mended, Redo bool }

// Verb is what is done, "commit" or "rollback".
func (o Order) Verb() string {
	if o.Commit {
		return "commit"
	}
	return "rollback"
}

// ErrUnfinished is a transaction that is decided, and not finished on every data source.
var ErrUnfinished = errors.New("it is decided, and not finished on every data source")

// Carry does what an operator has ordered. What it could do of it is told beside an error: ErrUnfinished, or one that says why nothing was done.
func (s *Shards) Carry(ctx context.Context, gtrid string, o Order) (done []Resolved, err error) {
	switch {
	case o.Mended:
		done, err = s.Mend(ctx, gtrid)
	case o.Redo:
		done, err = s.Redo(ctx, gtrid)
	default:
		done, err = s.Resolve(ctx, gtrid, o.Commit, o.Force)
	}
	switch {
	case errors.Is(err, ErrDecided), errors.Is(err, ErrUndecided), errors.Is(err, ErrNotLost), errors.Is(err, ErrPartLost), errors.Is(err, ErrNotRedone):
		return done, err
	case err != nil:
		return done, fmt.Errorf("%s: %w: %w", strings.TrimSpace(gtrid), ErrUnfinished, err)
	}
	for _, d := range done {
		if d.Trouble != xa.NoTrouble {
			return done, fmt.Errorf("%s: %w", strings.TrimSpace(gtrid), ErrUnfinished)
		}
	}
	return done, nil
}

// Became is what has become of a branch, as operators read it, and the data source that has it, or its log where none is known to.
func (s *Shards) Became(d Resolved) (dataSource, state string) {
	dataSource, state = d.XID.Branch.Log.String(), "rolled back"
	if at := s.ByLog(d.XID.Branch.Log); at != nil {
		dataSource = at.DataSource
	}
	switch {
	case d.Trouble != xa.NoTrouble:
		state = d.Trouble.String() + ": " + d.Detail()
	case d.Mended:
		state = "committed, mended by hand"
	case d.Redone:
		state = "committed, run again"
	case d.Committed:
		state = "committed"
	}
	return dataSource, state
}
