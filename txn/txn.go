// Package txn decides when a set of branches, one a data source, commits. A Txn belongs to one session and is driven
// by its goroutine alone; a Branch is a connection that the session has pinned.
//
// In mode LOCAL (New) each branch is an ordinary transaction of its server, COMMIT goes to all of them at once, and what did
// not commit is reported. In mode XA (Manager.Begin) a transaction of one branch is the same; from the second on it is atomic
// whatever dies when: the machines of package xa decide, and a Recoverer, of any process, finishes what an owner has left.
// The package knows neither SQL beyond transaction control nor routing. Clients' connections are the session's; recovery has
// its own. DESIGN.md says why it is as it is.
package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Branch is one data source's part of a transaction.
type Branch interface {
	// DataSource returns the data source's name; branches are told apart by it.
	DataSource() string
	// ConnectionID is the number that the server has given to the connection: who recovers the branch ends it by that.
	ConnectionID() uint32
	// Addr is where the connection's server is, as txnlog.Server has it; "": nobody has said.
	Addr() string
	// Exec runs statements of transaction control, in one packet where it can, and drains their answers. After the first
	// error none of the following may be run. A context that ends ends the connection.
	Exec(ctx context.Context, statements ...string) error
	// Alive reports whether the branch's server still holds the transaction open, as far as can be seen from here
	// without asking it.
	Alive() bool
	// Discard closes the connection at once: it must neither be reset nor lent again.
	Discard()
}

// Options are the characteristics of a transaction, as START TRANSACTION and SET TRANSACTION give them.
type Options struct {
	ReadOnly  bool
	ReadWrite bool // said in so many words
	Snapshot  bool // WITH CONSISTENT SNAPSHOT: of each server by itself
	// Isolation is the level of SET TRANSACTION for this transaction only; "" is the session's.
	Isolation string
	// Implicit is a transaction of connections with autocommit off: any statement begins it. START TRANSACTION would
	// release the session's table locks.
	Implicit bool
}

// begin returns the statements that open a branch.
func (o Options) begin() []string {
	var out []string
	if o.Isolation != "" {
		out = append(out, "SET TRANSACTION ISOLATION LEVEL "+o.Isolation)
	}
	var with []string
	if o.Snapshot {
		with = append(with, "WITH CONSISTENT SNAPSHOT")
	}
	switch {
	case o.ReadOnly:
		with = append(with, "READ ONLY")
	case o.ReadWrite:
		with = append(with, "READ WRITE")
	}
	if o.Implicit {
		if len(with) > 0 {
			out = append(out, "SET TRANSACTION "+with[0])
		}
		return out
	}
	return append(out, strings.TrimSpace("START TRANSACTION "+strings.Join(with, ", ")))
}

// ahead are the statements that go before XA START, which has no characteristics of its own.
func (o Options) ahead() (out []string) {
	if o.Isolation != "" {
		out = append(out, "SET TRANSACTION ISOLATION LEVEL "+o.Isolation)
	}
	if o.ReadWrite {
		out = append(out, "SET TRANSACTION READ WRITE")
	}
	return out
}

// Next is the SET TRANSACTION that gives o's level and access to the next transaction, a statement in autocommit.
func (o Options) Next() string {
	var with []string
	if o.Isolation != "" {
		with = append(with, "ISOLATION LEVEL "+o.Isolation)
	}
	switch {
	case o.ReadOnly:
		with = append(with, "READ ONLY")
	case o.ReadWrite:
		with = append(with, "READ WRITE")
	}
	return "SET TRANSACTION " + strings.Join(with, ", ")
}

// Txn is one transaction of a session.
type Txn struct {
	options    Options
	branches   []Branch // in the order of their data sources' names
	savepoints []string // quoted names, oldest first

	manager    *Manager  // nil: mode LOCAL
	parts      []*part   // the branches in the order in which they were enlisted, in mode XA
	gtrid      xa.GTRID  // zero until there is a second branch
	guarded    bool      // home has its savepoint
	decided    time.Time // when the decision was sent
	fenced     bool      // by its owner, who has lost the answer to the decision
	delivering time.Time // since when branches are told to commit
	late       []Pending
	followed   *followed // nil: nobody wants to know its steps
	client     *client   // nil: no XA statements of a client's have begun it

	keptBytes int // of statements
}

// New returns an open transaction without a branch: a shard is not asked before it is needed.
func New(o Options) *Txn { return &Txn{options: o} }

// Options returns what the transaction was begun with.
func (t *Txn) Options() Options { return t.options }

// Fresh reports whether nothing has been done in it yet.
func (t *Txn) Fresh() bool { return len(t.branches) == 0 && len(t.savepoints) == 0 }

// Branches returns the branches in data source order. The slice is the Txn's own.
func (t *Txn) Branches() []Branch { return t.branches }

// Branch returns the branch of a data source, or nil.
func (t *Txn) Branch(dataSource string) Branch {
	for _, b := range t.branches {
		if b.DataSource() == dataSource {
			return b
		}
	}
	return nil
}

// Enlist opens the transaction on b's server and replays the savepoints that are set, so that a later
// ROLLBACK TO undoes what b does from now on. On error b is not part of the transaction.
func (t *Txn) Enlist(ctx context.Context, b Branch) error {
	if t.Branch(b.DataSource()) != nil {
		return fmt.Errorf("txn: data source %s is enlisted twice", b.DataSource())
	}
	if t.client != nil {
		return t.enlistClient(ctx, []Branch{b})
	}
	if t.manager != nil && !t.options.ReadOnly && len(t.parts) > 0 {
		return t.enlistXA(ctx, []Branch{b})
	}
	if err := t.open(ctx, b); err != nil {
		return err
	}
	t.Adopt(b)
	return nil
}

// EnlistAll is Enlist of several, all at the same time: a statement on many shards waits for one round trip. On error those that were
// opened are part of the transaction, and the others are not.
func (t *Txn) EnlistAll(ctx context.Context, all []Branch) error {
	if len(all) == 1 {
		return t.Enlist(ctx, all[0])
	}
	for _, b := range all {
		if t.Branch(b.DataSource()) != nil {
			return fmt.Errorf("txn: data source %s is enlisted twice", b.DataSource())
		}
	}
	if t.client != nil {
		return t.enlistClient(ctx, all)
	}
	if t.manager != nil && !t.options.ReadOnly {
		return t.enlistXA(ctx, all)
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, b := range all {
		wg.Go(func() { errs[i] = t.open(ctx, b) })
	}
	wg.Wait()
	var first error
	for i, b := range all {
		if errs[i] == nil {
			t.Adopt(b)
		} else if first == nil {
			first = errs[i]
		}
	}
	return first
}

// open begins the transaction on b's server, up to the last savepoint, in one packet.
func (t *Txn) open(ctx context.Context, b Branch) error {
	statements := t.opening()
	if len(statements) == 0 {
		return nil
	}
	if err := b.Exec(ctx, statements...); err != nil {
		return fmt.Errorf("begin on %s: %w", b.DataSource(), err)
	}
	return nil
}

// opening are the statements that begin an ordinary transaction, up to the last savepoint.
func (t *Txn) opening() []string {
	statements := t.options.begin()
	for _, name := range t.savepoints {
		statements = append(statements, "SAVEPOINT "+name)
	}
	return statements
}

func (t *Txn) insert(b Branch) {
	at, _ := slices.BinarySearchFunc(t.branches, b.DataSource(), func(have Branch, name string) int {
		return strings.Compare(have.DataSource(), name)
	})
	t.branches = slices.Insert(t.branches, at, b)
}

// Adopt makes a branch of b, whose server has the transaction open already: a stored program has begun it. The
// transaction has no savepoint yet, and in mode XA no other branch.
func (t *Txn) Adopt(b Branch) {
	t.insert(b)
	if t.manager != nil {
		t.parts = append(t.parts, &part{branch: b, home: true})
	}
}

// Fate is what became of a branch at COMMIT.
type Fate uint8

// The fates of a branch.
const (
	Committed Fate = iota
	RolledBack
	Unknown // its connection ended after COMMIT had been sent
)

// String names the fate for people.
func (f Fate) String() string { return [...]string{"committed", "rolled back", "unknown"}[f] }

// Outcome is what a branch said to COMMIT.
type Outcome struct {
	Branch Branch
	Err    error // nil: committed
	Fate   Fate
}

// PartialError reports a COMMIT over several branches that is done on some only, or may be. Without XA that cannot be mended.
type PartialError struct{ Outcomes []Outcome }

// Error implements error.
func (e *PartialError) Error() string {
	var failed, committed []string
	for _, o := range e.Outcomes {
		if o.Fate == Committed {
			committed = append(committed, o.Branch.DataSource())
		} else {
			failed = append(failed, fmt.Sprintf("%s is %s (%v)", o.Branch.DataSource(), o.Fate, o.Err))
		}
	}
	done := fmt.Sprintf("%d of %d shards committed", len(committed), len(e.Outcomes))
	if len(committed) > 0 {
		done += " (" + strings.Join(committed, ", ") + ")"
	}
	return done + "; " + strings.Join(failed, "; ")
}

// Unwrap gives the first failure.
func (e *PartialError) Unwrap() error {
	for _, o := range e.Outcomes {
		if o.Err != nil {
			return o.Err
		}
	}
	return nil
}

// ErrLost is a transaction that was rolled back in place of its COMMIT: the server of a branch had ended the connection
// before anything was committed.
var ErrLost = errors.New("txn: a branch is lost")

// Commit commits every branch. In mode XA that is all of them or none: the error is an *AbortedError, an *InDoubtError, or that of the
// only branch that wrote. In mode LOCAL they commit in parallel where there are several: if the only one fails, or all of several
// are rolled back, the first error comes back; if some may have committed, a *PartialError. Where one is seen to be lost beforehand
// none is committed.
func (t *Txn) Commit(ctx context.Context) error {
	if t.Spread() {
		return t.finish(ctx, true)
	}
	lost := func(b Branch) bool { return !b.Alive() }
	if len(t.branches) > 1 && slices.ContainsFunc(t.branches, lost) {
		_ = t.Rollback(ctx) // a branch that cannot is broken, and its server rolls back
		return ErrLost
	}
	outcomes := t.each(ctx, "COMMIT")
	rolledBack := 0
	var first error
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err == nil {
			continue
		}
		if first == nil {
			first = o.Err
		}
		if o.Fate = fate(ctx, o); o.Fate == RolledBack {
			rolledBack++
		}
	}
	if first == nil || rolledBack == len(outcomes) || len(outcomes) == 1 {
		return first
	}
	return &PartialError{Outcomes: outcomes}
}

// fate finds what became of a branch whose COMMIT has failed. A server that has refused it still lives, and is told to roll
// back, lest it keep the transaction; of one that was sent nothing the end of the connection does that.
func fate(ctx context.Context, o *Outcome) Fate {
	if o.Branch.Alive() && o.Branch.Exec(ctx, "ROLLBACK") == nil {
		return RolledBack
	}
	var unsent interface{ SafeToRetry() bool }
	if errors.As(o.Err, &unsent) && unsent.SafeToRetry() {
		return RolledBack
	}
	return Unknown
}

// Rollback rolls every branch back, but for what a client has prepared, which stays so. An error of a branch that is no longer alive is none: its server has rolled it back.
func (t *Txn) Rollback(ctx context.Context) error {
	if t.client != nil {
		return t.leaveClient(ctx)
	}
	if t.Spread() {
		return t.finish(ctx, false)
	}
	outcomes := t.each(ctx, "ROLLBACK")
	for _, o := range outcomes {
		if o.Err != nil && o.Branch.Alive() {
			return fmt.Errorf("rollback on %s: %w", o.Branch.DataSource(), o.Err)
		}
	}
	return nil
}

// each runs sql on every branch and waits for all of them.
func (t *Txn) each(ctx context.Context, sql string) []Outcome {
	outcomes := make([]Outcome, len(t.branches))
	for i, b := range t.branches {
		outcomes[i].Branch = b
	}
	if len(outcomes) == 1 {
		outcomes[0].Err = t.branches[0].Exec(ctx, sql)
		return outcomes
	}
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() { outcomes[i].Err = outcomes[i].Branch.Exec(ctx, sql) })
	}
	wg.Wait()
	return outcomes
}

// ErrNoSavepoint is a savepoint that was never set, or is gone.
var ErrNoSavepoint = errors.New("txn: no such savepoint")

// Savepoint sets a savepoint on every branch. quoted is the name in backticks; a name that is set already moves.
func (t *Txn) Savepoint(ctx context.Context, quoted string) error {
	for _, o := range t.each(ctx, "SAVEPOINT "+quoted) {
		if o.Err != nil {
			return fmt.Errorf("savepoint on %s: %w", o.Branch.DataSource(), o.Err)
		}
		t.Saved(o.Branch, quoted)
	}
	if at := t.savepoint(quoted); at >= 0 {
		t.savepoints = slices.Delete(t.savepoints, at, at+1)
	}
	t.savepoints = append(t.savepoints, quoted)
	return nil
}

// RollbackTo undoes what every branch did since the savepoint; later savepoints are gone.
func (t *Txn) RollbackTo(ctx context.Context, quoted string) error {
	at := t.savepoint(quoted)
	if at < 0 {
		return ErrNoSavepoint
	}
	for _, b := range t.branches {
		if err := b.Exec(ctx, t.Undoing(b, "ROLLBACK TO SAVEPOINT "+quoted)...); err != nil {
			return fmt.Errorf("rollback to savepoint on %s: %w", b.DataSource(), err)
		}
	}
	t.savepoints = t.savepoints[:at+1]
	return nil
}

// Release forgets a savepoint and those set after it.
func (t *Txn) Release(ctx context.Context, quoted string) error {
	at := t.savepoint(quoted)
	if at < 0 {
		return ErrNoSavepoint
	}
	for _, b := range t.branches {
		if err := b.Exec(ctx, t.Undoing(b, "RELEASE SAVEPOINT "+quoted)...); err != nil {
			return fmt.Errorf("release savepoint on %s: %w", b.DataSource(), err)
		}
	}
	t.savepoints = t.savepoints[:at]
	return nil
}

// HasSavepoint reports whether a savepoint is set.
func (t *Txn) HasSavepoint(quoted string) bool { return t.savepoint(quoted) >= 0 }

// Savepoints are how many savepoints are set, and how long their names are in all.
func (t *Txn) Savepoints() (n, bytes int) {
	for _, name := range t.savepoints {
		bytes += len(name)
	}
	return len(t.savepoints), bytes
}

// savepoint finds a name as servers compare it: without regard to case.
func (t *Txn) savepoint(quoted string) int {
	return slices.IndexFunc(t.savepoints, func(have string) bool { return strings.EqualFold(have, quoted) })
}
