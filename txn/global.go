package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// part is what a distributed transaction knows of a branch. The first is home, which is opened as any transaction is and can decide; the
// others are branches of XA.
type part struct {
	branch  Branch
	xid     xa.XID
	home    bool
	told    bool // Touched has been called
	wrote   bool
	ended   bool // XA END was sent
	err     error
	lost    bool // err is that its connection has ended
	undid   bool // its server has rolled it back at the owner's word
	kept    []kept
	unkept  int  // statements that were too much to keep
	untold  int  // how often it may have written more than Sending was told of
	running bool // the last that is kept has not been answered
}

// written is careful: a branch of which nobody has said that it only reads may have written.
func (p *part) written() bool { return p.wrote || !p.told }

// Touched says what a statement that ran on a branch may have done to it: wrote is false only for what can have written nothing.
func (t *Txn) Touched(b Branch, wrote bool) {
	for _, p := range t.parts {
		if p.branch == b {
			p.told, p.wrote = true, p.wrote || wrote
			if wrote && t.KeepsStatements() {
				p.untold++
			}
		}
	}
}

// Spread reports whether the transaction has become a distributed one. From then on no branch may wait long for a lock: a
// circle over two servers is seen by neither.
func (t *Txn) Spread() bool { return t.gtrid != (xa.GTRID{}) && (t.client == nil || len(t.parts) > 1) }

// GTRID is the name by which a distributed transaction is known on its servers; "" as long as it has none.
func (t *Txn) GTRID() string {
	if !t.Spread() {
		return ""
	}
	return t.gtrid.String()
}

// Name is GTRID, not written out; the zero value as long as there is none.
func (t *Txn) Name() xa.GTRID {
	if !t.Spread() {
		return xa.GTRID{}
	}
	return t.gtrid
}

// Pending is a branch of a transaction that is decided to commit, and that its server may hold prepared yet.
type Pending struct {
	DataSource string
	xid        xa.XID
}

// String is the branch's name.
func (p Pending) String() string { return p.xid.String() }

// Holder is the data source that has a branch's log, by the name that it has now; false: all have been reached, and none has it.
func (m *Manager) Holder(p Pending) (dataSource string, known bool) {
	if server := m.cfg.Shards.ByLog(p.xid.Branch.Log); server != nil {
		return server.DataSource, true
	}
	return p.DataSource, m.cfg.Shards.unreached() != nil
}

// Undelivered are the branches on which a transaction that Commit has reported as committed may not be there yet: recovery commits
// them as soon as their servers let it.
func (t *Txn) Undelivered() []Pending { return t.late }

// Delivered waits until a branch is committed, and helps. One of which nothing is left any more is.
func (m *Manager) Delivered(ctx context.Context, p Pending) error {
	done, err := resolver{shards: m.cfg.Shards, at: m.cfg.At}.deliver(ctx, p.xid)
	if err == nil && done.Trouble != xa.NoTrouble {
		return &TroubledError{DataSource: p.DataSource, Trouble: done.Trouble, Detail: done.Detail()}
	}
	return err
}

// TroubledError is a branch that only an operator, or its server's restart, can help.
type TroubledError struct {
	DataSource string
	Trouble    xa.Trouble
	Detail     string
}

// Error implements error.
func (e *TroubledError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.DataSource, e.Trouble, e.Detail)
}

// ErrFenced is a transaction that others have taken for dead and rolled back: its process did not get on for too long.
var ErrFenced = errors.New("txn: taken for dead and rolled back by another instance")

// ErrResolved is a transaction that an operator has rolled back while its process was at work.
var ErrResolved = errors.New("txn: an operator has rolled it back by RESOLVE TRANSACTION … ROLLBACK, or heddle txn resolve --rollback")

// AbortedError is a COMMIT in place of which all was rolled back: a branch could not be prepared or was lost, or others have decided.
type AbortedError struct {
	DataSource string
	Err        error // of the branch that could not
	Lost       bool  // its server has ended the connection
}

// Error implements error.
func (e *AbortedError) Error() string {
	return fmt.Sprintf("the transaction is rolled back on all shards: %s: %v", e.DataSource, e.Err)
}

// OfLog reports whether the branch's error is about Heddle's own tables, which a client does not know.
func (e *AbortedError) OfLog() bool { return e.mentions(txnlog.Schema) }

// OfGuard reports whether the branch had no transaction any more: a stored program, or its server, had ended it unnoticed.
func (e *AbortedError) OfGuard() bool { return e.mentions(strings.Trim(GuardPoint, "`")) }

func (e *AbortedError) mentions(name string) bool {
	s := sqlerr.As(e.Err)
	return s != nil && strings.Contains(s.Msg, name)
}

// Unwrap gives the branch's error, and ErrLost where its connection has ended.
func (e *AbortedError) Unwrap() []error {
	if e.Lost {
		return []error{ErrLost, e.Err}
	}
	return []error{e.Err}
}

// InDoubtError is a COMMIT of which it is not known here whether it was decided: the data source that has the decision does not answer.
// Whatever it says holds for all branches, and recovery sees to it.
type InDoubtError struct {
	GTRID      string
	DataSource string // of the decision
	Err        error
}

// Error implements error.
func (e *InDoubtError) Error() string {
	return fmt.Sprintf("it is not known yet whether transaction %s is committed or rolled back, on all shards alike: %s, which knows it, does not answer: %v",
		e.GTRID, e.DataSource, e.Err)
}

// Unwrap gives the failure.
func (e *InDoubtError) Unwrap() error { return e.Err }

// ForcedError is a COMMIT that an operator has decided in its process's place: what was prepared then, or is by now, is committed, and the first branch's
// part is not.
type ForcedError struct {
	GTRID   string
	Without []string // the data sources where it is rolled back, that of the first branch first
}

// Error implements error.
func (e *ForcedError) Error() string {
	return fmt.Sprintf("transaction %s was committed by an operator as far as it was prepared, and is rolled back on %s: do not repeat it as a whole",
		e.GTRID, strings.Join(e.Without, ", "))
}

// finish runs the owner's machine to its end.
func (t *Txn) finish(ctx context.Context, commit bool) error {
	parts := make([]xa.Part, len(t.parts))
	for i, p := range t.parts {
		parts[i] = xa.Part{Home: p.home, Wrote: p.written()}
	}
	o := xa.NewOwner(parts)
	begin := o.Rollback
	if commit {
		begin = o.Commit
	}
	if err := t.run(ctx, o, begin()); err != nil {
		return err
	}
	for _, i := range o.Undelivered() {
		t.late = append(t.late, Pending{t.parts[i].branch.DataSource(), t.parts[i].xid})
	}
	err := t.outcome(ctx, o, commit)
	if ended := t.manager.cfg.Ended; ended != nil {
		how := ending(o, commit)
		if forced, _ := errors.AsType[*ForcedError](err); forced != nil {
			how = EndedForced
		}
		ended(how)
	}
	return err
}

// outcome is what the client is told.
func (t *Txn) outcome(ctx context.Context, o *xa.Owner, commit bool) error {
	var failed *part
	if i := o.Failed(); i >= 0 {
		failed = t.parts[i]
	}
	switch {
	case o.Result() == xa.Committed || !commit:
		return nil
	case o.Result() == xa.InDoubt:
		return &InDoubtError{GTRID: t.GTRID(), DataSource: t.parts[0].branch.DataSource(), Err: failed.err}
	case o.Result() == xa.Forced:
		return &ForcedError{GTRID: t.GTRID(), Without: []string{t.parts[0].branch.DataSource()}}
	case o.Result() == xa.SoleUnknown:
		return failed.err
	}
	return t.overtaken(ctx, &AbortedError{DataSource: failed.branch.DataSource(), Err: failed.err, Lost: failed.lost})
}

// overtaken says whether others have decided a transaction that its owner has rolled back: by a connection that it loses an owner does not see that an operator has ended it, and
// a branch that he has committed is not rolled back. What was decided is there before anything is done about it. Where home does not answer,
// and before anything was prepared, it is as the owner has seen it.
func (t *Txn) overtaken(ctx context.Context, aborted *AbortedError) error {
	prepared := func(p *part) bool { return !p.home && p.written() && p.ended }
	server := t.manager.cfg.Shards.ByLog(t.gtrid.Log)
	if server == nil || !slices.ContainsFunc(t.parts, prepared) {
		return aborted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.manager.cfg.Limits.Prepare)
	defer cancel()
	home := t.parts[0].branch.DataSource()
	switch ruling, err := server.Ruling(ctx, t.gtrid); {
	case err != nil || !ruling.Decided:
	case ruling.Operator && ruling.Commit:
		return t.forced()
	case ruling.Operator:
		return &AbortedError{DataSource: home, Err: ErrResolved}
	case aborted.Lost && !t.fenced:
		return &AbortedError{DataSource: home, Err: ErrFenced, Lost: true}
	}
	return aborted
}

// forced is a transaction that an operator has committed, and of which the owner has rolled back what it could.
func (t *Txn) forced() *ForcedError {
	e := &ForcedError{GTRID: t.GTRID()}
	for _, p := range t.parts {
		switch {
		case p.home || p.undid && p.written():
			e.Without = append(e.Without, p.branch.DataSource())
		case p.written(): // whoever forces has recovery deliver
			t.late = append(t.late, Pending{p.branch.DataSource(), p.xid})
		}
	}
	return e
}

// ending is what is told of a transaction whose machine is at its end.
func ending(o *xa.Owner, commit bool) Ending {
	switch {
	case commit && o.Result() == xa.Forced:
		return EndedForced
	case commit && (o.Result() == xa.InDoubt || o.Result() == xa.SoleUnknown):
		return EndedInDoubt
	case !commit || o.Result() != xa.Committed:
		return EndedRolledBack
	case len(o.Undelivered()) > 0:
		return EndedUndelivered
	}
	return EndedCommitted
}

// replied is an answer on its way to the machine.
type replied struct {
	action xa.Action
	reply  xa.Reply
	died   error
}

// run performs the machine's actions, those of a batch at the same time, until none is left. An error is a failpoint's.
func (t *Txn) run(ctx context.Context, o *xa.Owner, acts []xa.Action) (died error) {
	ctx = context.WithoutCancel(ctx) // what is begun here is ended, within its own limits
	answers := make(chan replied, len(t.parts))
	for pending := 0; len(acts) > 0 || pending > 0; {
		ask := acts[:0:0]
		for _, a := range acts {
			switch a.Op {
			case xa.Drop:
				t.parts[a.Part].branch.Discard()
			case xa.Tell:
				if err := t.manager.cfg.At.hit(ctx, "tell", "before"); err != nil {
					return err
				}
			case xa.Deliver:
				if t.delivering.IsZero() {
					t.delivering = time.Now()
				}
				ask = append(ask, a)
			default:
				ask = append(ask, a)
			}
		}
		var r replied
		switch {
		case died == nil && len(ask) == 1 && pending == 0:
			r = t.answer(ctx, ask[0])
		case died == nil && len(ask)+pending > 0:
			for _, a := range ask {
				pending++
				go func() { answers <- t.answer(ctx, a) }()
			}
			r = <-answers
			pending--
		case pending > 0:
			r = <-answers
			pending--
		default:
			return died
		}
		acts = nil
		if r.died != nil {
			died = r.died
		}
		if died == nil {
			acts = o.Step(r.action, r.reply)
		}
	}
	return died
}

func (t *Txn) answer(ctx context.Context, a xa.Action) replied {
	r := replied{action: a}
	p := t.parts[a.Part]
	name := a.Op.String()
	if r.died = t.manager.cfg.At.hit(ctx, name, "before"); r.died != nil {
		return r
	}
	began := time.Now()
	var err error
	r.reply, err = t.perform(ctx, a.Op, p)
	if err != nil && (p.err == nil || a.Op != xa.Undo) {
		p.err, p.lost = err, r.reply == xa.Lost || r.reply == xa.Unsent
	}
	step := Step{p.branch.DataSource(), name, began, time.Since(began), r.reply, err}
	if observe := t.manager.cfg.Observe; observe != nil {
		observe(step)
	}
	t.note(step)
	r.died = t.manager.cfg.At.hit(ctx, name, "after")
	return r
}

// perform does one action, within its limit.
func (t *Txn) perform(ctx context.Context, op xa.Op, p *part) (xa.Reply, error) {
	limits := &t.manager.cfg.Limits
	limit := limits.Decide
	switch op {
	case xa.Check, xa.Prepare, xa.Undo, xa.Close:
		limit = limits.Prepare
	case xa.Deliver, xa.Rescue: // one limit for both, for the client waits for both
		limit = limits.Deliver - time.Since(t.delivering)
	case xa.Ask:
		limit = limits.Ask - time.Since(t.decided)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch op {
	case xa.Ask:
		return t.ask(ctx, p)
	case xa.Rescue:
		return t.manager.rescue(ctx, p)
	case xa.Undo:
		return t.undo(ctx, p)
	case xa.Decide:
		t.decided = time.Now()
	}
	err := p.branch.Exec(ctx, t.packet(op, p)...)
	p.ended = p.ended || !p.home
	r := reply(op, p.branch, err)
	if r == xa.Fenced {
		err = ErrFenced
	}
	return r, err
}

// packet are the statements of an action.
func (t *Txn) packet(op xa.Op, p *part) []string {
	switch {
	case op == xa.Prepare:
		return txnlog.Prepare(p.xid)
	case op == xa.Decide:
		return append(t.unguard(), txnlog.Decide(t.gtrid, t.prepared(), p.branch.ConnectionID(), t.statements()...)...)
	case op == xa.Deliver:
		return []string{txnlog.Commit(p.xid)}
	case op == xa.Check && p.home: // only a transaction that has not ended has the guard
		if guard := t.unguard(); guard != nil {
			return guard
		}
		return []string{"DO 0"}
	case op == xa.Check:
		return []string{txnlog.End(p.xid)}
	case op == xa.Sole && p.home:
		return append(t.unguard(), "COMMIT")
	case p.home: // Close
		return []string{"COMMIT"}
	case p.ended:
		return []string{txnlog.CommitOnePhase(p.xid)}
	}
	return []string{txnlog.End(p.xid), txnlog.CommitOnePhase(p.xid)}
}

// unguard takes home's guard away, which fails if its transaction has ended unnoticed; nil: it has none.
func (t *Txn) unguard() []string {
	if !t.guarded {
		return nil
	}
	return []string{"RELEASE SAVEPOINT " + GuardPoint}
}

// prepared are the logs of the branches that the decision is about.
func (t *Txn) prepared() (logs []xa.Log) {
	for _, p := range t.parts {
		if !p.home && p.written() {
			logs = append(logs, p.xid.Branch.Log)
		}
	}
	return logs
}

// reply says what an answer of a server, or the want of one, means.
func reply(op xa.Op, b Branch, err error) xa.Reply {
	if err == nil {
		return xa.OK
	}
	var unsent interface{ SafeToRetry() bool }
	if errors.As(err, &unsent) && unsent.SafeToRetry() {
		return xa.Unsent
	}
	e := sqlerr.As(err)
	switch {
	case e == nil || !b.Alive():
		return xa.Lost
	case op == xa.Decide && e.Code == txnlog.CodeDuplicate:
		return xa.Fenced
	}
	return xa.Refused
}

// undo rolls a branch back, however far it is: one that works has to end first, one that has ended, is prepared or was a deadlock's
// victim must not.
func (t *Txn) undo(ctx context.Context, p *part) (xa.Reply, error) {
	if p.home {
		err := p.branch.Exec(ctx, "ROLLBACK")
		return reply(xa.Undo, p.branch, err), err
	}
	if !p.ended && p.branch.Exec(ctx, txnlog.End(p.xid), txnlog.Rollback(p.xid)) == nil {
		p.undid = true
		return xa.OK, nil
	}
	err := p.branch.Exec(ctx, txnlog.Rollback(p.xid))
	if err != nil && p.ended { // it may have failed before it ended
		err = p.branch.Exec(ctx, txnlog.End(p.xid), txnlog.Rollback(p.xid))
	}
	p.undid = err == nil
	if e := sqlerr.As(err); e != nil && e.Code == txnlog.CodeNota && p.branch.Alive() {
		return xa.OK, nil // on its own connection: there is no such branch any more
	}
	return reply(xa.Undo, p.branch, err), err
}

// ask has the log say what is decided. An answer that comes so late that the decision could have been swept is not taken.
func (t *Txn) ask(ctx context.Context, p *part) (xa.Reply, error) {
	g, home, m := p.xid.GTRID, p.branch.ConnectionID(), t.manager
	r := resolver{shards: m.cfg.Shards, at: m.cfg.At}
	verdict, ours, err := r.verdict(ctx, g, home)
	t.fenced = ours
	switch {
	case err != nil:
		return xa.Unreached, err
	case time.Since(t.decided) > m.cfg.Limits.Ask:
		return xa.Unreached, errors.New("the answer came too late")
	case verdict == xa.DecidedCommit:
		ruling, err := m.cfg.Shards.ByLog(g.Log).Ruling(ctx, g)
		switch {
		case err != nil:
			return xa.Unreached, err
		case !ruling.Decided: // swept since
			return xa.Unreached, fmt.Errorf("read who decided %s: the decision has gone", g)
		case ruling.Operator:
			return xa.IsForced, nil
		}
		return xa.IsCommitted, nil
	case verdict == xa.DecidedAbort:
		return xa.IsAborted, nil
	}
	return xa.Unreached, fmt.Errorf("the log says of it: %s", verdict)
}

// rescue recovers a branch whose commit was not answered.
func (m *Manager) rescue(ctx context.Context, p *part) (xa.Reply, error) {
	done, err := resolver{shards: m.cfg.Shards, at: m.cfg.At}.deliver(ctx, p.xid)
	if err == nil && done.Committed && done.Trouble == xa.NoTrouble {
		return xa.OK, nil
	}
	return xa.Unreached, err
}
