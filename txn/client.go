package txn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// A client's own XA transaction has branches of XA only, under names of Heddle's, for none of them may decide by itself. It is prepared when all are and its log says so; from
// then on any process can end it, and none does before a client, or an operator, says how.

// The ways in which a client's transaction is refused.
var (
	ErrDuplicate = errors.New("txn: there is a transaction of that name")
	ErrUnknown   = errors.New("txn: there is no prepared transaction of that name, or its owner is there still")
	ErrVoid      = errors.New("txn: a server has lost its part of the transaction, which is rolled back")
)

// clientNames are those that this process's sessions have begun and not prepared.
type clientNames struct {
	mu    sync.Mutex // guards names
	names map[[2]string]bool
}

func (c *clientNames) take(name xa.ClientXID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := [2]string{name.GTRID, name.BQual}
	if c.names[at] {
		return false
	}
	if c.names == nil {
		c.names = map[[2]string]bool{}
	}
	c.names[at] = true
	return true
}

func (c *clientNames) free(name xa.ClientXID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.names, [2]string{name.GTRID, name.BQual})
}

// BeginClient begins the transaction that XA START names. home is the data source that is to keep the name, all processes' the same. It ends with
// CommitClient or Rollback, or is left prepared.
func (m *Manager) BeginClient(ctx context.Context, o Options, home string, name xa.ClientXID) (*Txn, error) {
	log, err := m.cfg.Shards.Fit(home)
	if err != nil {
		return nil, err
	}
	if !m.clients.take(name) {
		return nil, ErrDuplicate
	}
	there, err := m.find(ctx, name)
	if err == nil && there != nil {
		err = ErrDuplicate
	}
	if err != nil {
		m.clients.free(name)
		return nil, err
	}
	g := m.name(log)
	g.Client = true
	return &Txn{options: o, manager: m, gtrid: g, client: &client{name: name}}, nil
}

// Alone reports whether no data source has been probed, nor is to be.
func (m *Manager) Alone() bool { return len(m.cfg.Shards.Names()) == 0 }

// client is what a transaction has more that a client prepares itself.
type client struct {
	name     xa.ClientXID
	entered  bool // its log has the name
	prepared bool
	over     bool // nothing is left to undo
	ended    bool // which has been told
}

// enlistClient opens branches of such a transaction, all at the same time. None of them is home.
func (t *Txn) enlistClient(ctx context.Context, all []Branch) (failed error) {
	parts := make([]*part, len(all))
	for i, b := range all {
		log, err := t.manager.cfg.Shards.Fit(b.DataSource())
		if err != nil {
			return err
		}
		parts[i] = &part{branch: b, xid: xa.XID{GTRID: t.gtrid, Branch: xa.Qualifier{Log: log, Conn: b.ConnectionID()}}}
	}
	errs := make([]error, len(all))
	var starts sync.WaitGroup
	for i, p := range parts {
		starts.Go(func() { errs[i] = p.branch.Exec(ctx, t.starting(p)...) })
	}
	starts.Wait()
	for i, p := range parts {
		if errs[i] == nil {
			t.parts = append(t.parts, p)
			t.insert(p.branch)
			continue
		}
		if failed == nil {
			failed = fmt.Errorf("begin on %s: %w", p.branch.DataSource(), errs[i])
		}
		if r, _ := t.undo(context.WithoutCancel(ctx), p); r != xa.OK {
			p.branch.Discard() // it may have begun
		}
	}
	return failed
}

// home is the server that keeps the name and the decision.
func (t *Txn) home() (*txnlog.Server, error) {
	if at := t.manager.cfg.Shards.ByLog(t.gtrid.Log); at != nil {
		return at, nil
	}
	return nil, errNoLog
}

// Prepare is XA PREPARE: after nil the transaction outlives its process. After an error it is rolled back, but for an *InDoubtError.
func (t *Txn) Prepare(ctx context.Context) error {
	err := t.keep(ctx, false)
	if err != nil {
		t.endedClient(err, false)
	}
	return err
}

// CommitClient is XA COMMIT … ONE PHASE of a transaction that is not prepared, and XA COMMIT of one that is.
func (t *Txn) CommitClient(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	switch {
	case t.client.prepared:
		err := t.endPrepared(ctx, true)
		t.endedClient(err, true)
		return err
	case len(t.parts) == 0:
		t.overClient()
		return nil
	case len(t.parts) == 1:
		return t.commitSole(ctx)
	}
	err := t.keep(ctx, true)
	if err == nil {
		err = t.deliver(ctx, true)
	}
	t.endedClient(err, true)
	return err
}

// endedClient tells, once, how a transaction over several data sources has ended, or a prepared one. err is what its client is told.
func (t *Txn) endedClient(err error, commit bool) {
	if t.client.ended || len(t.parts) < 2 && !t.client.prepared {
		return
	}
	t.client.ended = t.manager.endedClient(err, commit, len(t.late))
}

// endedClient tells how a client's transaction has ended; false: it has not, or others have ended it.
func (m *Manager) endedClient(err error, commit bool, late int) bool {
	doubt, _ := errors.AsType[*InDoubtError](err)
	aborted, _ := errors.AsType[*AbortedError](err)
	e := EndedRolledBack
	switch {
	case errors.Is(err, ErrDied), errors.Is(err, ErrUnknown), errors.Is(err, errNoLog):
		return false
	case doubt != nil:
		e = EndedInDoubt
	case err == nil && commit && late > 0:
		e = EndedUndelivered
	case err == nil && commit:
		e = EndedCommitted
	case err == nil, aborted != nil, errors.Is(err, ErrVoid), errors.Is(err, ErrDuplicate):
	default:
		return false
	}
	if m.cfg.Ended != nil {
		m.cfg.Ended(e)
	}
	return true
}

// act does something between two points at which a driver may be stopped: an error of theirs is ErrDied, and nothing may follow it.
func (t *Txn) act(ctx context.Context, name string, do func() error) error {
	return t.manager.cfg.At.act(ctx, name, do)
}

func (t *Txn) commitSole(ctx context.Context) error {
	p := t.parts[0]
	err := t.act(ctx, "sole", func() error { return p.branch.Exec(ctx, txnlog.End(p.xid), txnlog.CommitOnePhase(p.xid)) })
	if errors.Is(err, ErrDied) {
		return err
	}
	if err != nil && p.branch.Alive() {
		_, _ = t.undo(ctx, p) // its server has ended it, or does now
	}
	t.overClient()
	return err
}

// keep enters the name, prepares all branches, and says so; committed: and that it is decided.
func (t *Txn) keep(ctx context.Context, committed bool) error {
	ctx = context.WithoutCancel(ctx)
	home, err := t.home()
	if err == nil {
		err = t.enter(ctx, home)
	}
	if err == nil {
		err = t.prepareAll(ctx)
	}
	if err != nil {
		return t.undoFor(ctx, err)
	}
	var m xa.Holding
	since, found := time.Now(), xa.Away
	err = t.act(ctx, "hold", func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, t.manager.cfg.Limits.Decide)
		defer cancel()
		_ = t.noted(home.DataSource, "hold", func() error {
			if found, err = home.Hold(ctx, t.gtrid, t.logs(), committed); found == xa.Taken {
				return ErrFenced
			}
			return err
		})
		return err
	})
	if errors.Is(err, ErrDied) {
		return err
	}
	if m.Step(m.Begin(), found) != xa.Done { // it may have been done
		err = t.askHeld(ctx, home, &m, since)
	}
	switch m.Outcome() {
	case xa.Kept:
		t.client.prepared = true
		return nil
	case xa.DecidedAbort:
		return t.undoFor(ctx, &AbortedError{DataSource: home.DataSource, Err: ErrFenced, Lost: true})
	}
	t.discardAll() // whoever comes next finds out
	return &InDoubtError{GTRID: t.gtrid.String(), DataSource: home.DataSource, Err: err}
}

// enter writes the client's name where all look for it.
func (t *Txn) enter(ctx context.Context, home *txnlog.Server) error {
	return t.act(ctx, "enter", func() error {
		ctx, cancel := context.WithTimeout(ctx, t.manager.cfg.Limits.Decide)
		defer cancel()
		return t.noted(home.DataSource, "enter", func() error {
			found, err := home.Enter(ctx, t.gtrid, t.client.name)
			t.client.entered = found != xa.Taken
			if err == nil && found == xa.Taken {
				err = ErrDuplicate
			}
			return err
		})
	})
}

// undoFor rolls back what has failed to be prepared, and tells why.
func (t *Txn) undoFor(ctx context.Context, why error) error {
	if errors.Is(why, ErrDied) {
		return why
	}
	if died := t.undoClient(ctx); died != nil {
		return died
	}
	return why
}

// prepareAll marks and prepares the branches at the same time.
func (t *Txn) prepareAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.manager.cfg.Limits.Prepare)
	defer cancel()
	errs := make([]error, len(t.parts))
	var wg sync.WaitGroup
	for i, p := range t.parts {
		wg.Go(func() {
			errs[i] = t.act(ctx, "prepare", func() error {
				defer func() { p.ended = true }()
				return t.noted(p.branch.DataSource(), "prepare", func() error { return p.branch.Exec(ctx, txnlog.Prepare(p.xid)...) })
			})
		})
	}
	wg.Wait()
	if died := diedOf(errs); died != nil {
		return died
	}
	for i, err := range errs {
		if err != nil {
			b := t.parts[i].branch
			return &AbortedError{DataSource: b.DataSource(), Err: err, Lost: !b.Alive()}
		}
	}
	return nil
}

// diedOf is the one among errors with which a driver was stopped.
func diedOf(errs []error) error {
	for _, err := range errs {
		if errors.Is(err, ErrDied) {
			return err
		}
	}
	return nil
}

// askHeld has the log say whether a transaction is kept; if it is not, nobody may keep it any more. What others have committed was kept. An answer
// that comes so late that a decision could have been swept is not taken: then there is an error, and no outcome.
func (t *Txn) askHeld(ctx context.Context, home *txnlog.Server, m *xa.Holding, since time.Time) (err error) {
	limit, pause := t.manager.cfg.Limits.Ask, firstPause
	ctx, cancel := context.WithTimeout(ctx, limit-time.Since(since))
	defer cancel()
	for move := xa.Read; move != xa.Done; {
		var found xa.Finding
		switch move {
		case xa.Read:
			found, err = home.Decision(ctx, t.gtrid)
		case xa.Fence:
			found, err = home.Fence(ctx, t.gtrid, 0)
		case xa.Pause:
			wait(ctx, pause)
			pause = min(2*pause, longPause)
		}
		if time.Since(since) > limit || ctx.Err() != nil {
			return errors.Join(err, context.DeadlineExceeded)
		}
		move = m.Step(move, found)
	}
	return nil
}

// logs are those of all branches.
func (t *Txn) logs() (logs []xa.Log) {
	for _, p := range t.parts {
		logs = append(logs, p.xid.Branch.Log)
	}
	return logs
}

// RollbackClient is XA ROLLBACK.
func (t *Txn) RollbackClient(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	undo := t.undoClient
	if t.client.prepared {
		undo = func(ctx context.Context) error { return t.endPrepared(ctx, false) }
	}
	err := undo(ctx)
	t.endedClient(err, false)
	return err
}

// undoClient rolls back what is not prepared as a whole. Branches that cannot be are recovered, or end with their connections. Its error is a failpoint's.
func (t *Txn) undoClient(ctx context.Context) error {
	if t.client.over || t.client.prepared {
		t.discardAll()
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.manager.cfg.Limits.Prepare)
	defer cancel()
	if home, err := t.home(); err == nil && t.client.entered {
		err := t.act(ctx, "fence", func() error {
			_, _ = home.Fence(ctx, t.gtrid, 0) // what is left of the name is an orphan
			return nil
		})
		if err != nil {
			return err
		}
	}
	errs := make([]error, len(t.parts))
	var wg sync.WaitGroup
	for i, p := range t.parts {
		wg.Go(func() {
			errs[i] = t.act(ctx, "undo", func() error {
				err := t.noted(p.branch.DataSource(), "undo", func() error {
					r, err := t.undo(ctx, p)
					if err == nil && r != xa.OK {
						err = ErrLost
					}
					return err
				})
				if err != nil {
					p.branch.Discard()
				}
				return nil
			})
		})
	}
	wg.Wait()
	if died := diedOf(errs); died != nil {
		return died
	}
	t.overClient()
	return nil
}

func (t *Txn) overClient() {
	if !t.client.over {
		t.client.over = true
		t.manager.clients.free(t.client.name)
	}
}

// Leave is what becomes of the transaction when its client goes: it is rolled back, or stays prepared.
func (t *Txn) leaveClient(ctx context.Context) error {
	if t.client.prepared {
		t.discardAll()
		return nil
	}
	err := t.undoClient(ctx)
	t.endedClient(err, false)
	return err
}

// Detach leaves what is prepared to whoever ends it: the session is free. A connection that its server has freed of the branch goes on, another is closed.
func (t *Txn) Detach() {
	for _, p := range t.parts {
		if s := t.manager.cfg.Shards.Server(p.branch.DataSource()); s == nil || !s.Detaches {
			p.branch.Discard()
		}
	}
	t.overClient()
}

// discardAll closes the connections: what is prepared stays, and what is not is rolled back by the servers. None is ever reset.
func (t *Txn) discardAll() {
	for _, p := range t.parts {
		p.branch.Discard()
	}
	t.overClient()
}

// endPrepared decides a prepared transaction and ends its branches on its own connections.
func (t *Txn) endPrepared(ctx context.Context, commit bool) error {
	home, err := t.home()
	if err == nil {
		err = t.noted(home.DataSource, "settle", func() error {
			return t.manager.settle(ctx, home, txnlog.Client{GTRID: t.gtrid, Name: t.client.name, Parts: t.logs()}, commit)
		})
	}
	if err != nil {
		return err
	}
	return t.deliver(ctx, commit)
}

// deliver carries out what is decided.
func (t *Txn) deliver(ctx context.Context, commit bool) error {
	ctx, cancel := context.WithTimeout(ctx, t.manager.cfg.Limits.Deliver)
	defer cancel()
	late, errs := make([]bool, len(t.parts)), make([]error, len(t.parts))
	var wg sync.WaitGroup
	for i, p := range t.parts {
		wg.Go(func() {
			errs[i] = t.act(ctx, "deliver", func() error {
				name, statement := "undo", txnlog.Rollback(p.xid)
				if commit {
					name, statement = "deliver", txnlog.Commit(p.xid)
				}
				if t.noted(p.branch.DataSource(), name, func() error { return p.branch.Exec(ctx, statement) }) == nil {
					return nil
				}
				p.branch.Discard()
				if commit {
					late[i] = t.noted(p.branch.DataSource(), "rescue", func() error {
						r, err := t.manager.rescue(ctx, p)
						if err == nil && r != xa.OK {
							err = ErrLost
						}
						return err
					}) != nil
				}
				return nil
			})
		})
	}
	wg.Wait()
	if died := diedOf(errs); died != nil {
		return died
	}
	for i, p := range t.parts {
		if late[i] {
			t.late = append(t.late, Pending{p.branch.DataSource(), p.xid})
		}
	}
	t.overClient()
	return nil
}

// settle decides a transaction that is prepared. ErrUnknown: it is not, or not any more.
func (m *Manager) settle(ctx context.Context, home *txnlog.Server, c txnlog.Client, commit bool) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Limits.Ask)
	defer cancel()
	var s xa.Settling
	var last error
	pause := firstPause
	for move := s.Begin(commit); move != xa.Done; {
		var found xa.Finding
		var err error
		switch move {
		case xa.Settle:
			err = m.cfg.At.act(ctx, "settle", func() (err error) {
				found, err = home.Settle(ctx, c.GTRID, c.Parts, commit)
				return err
			})
			if errors.Is(err, ErrDied) {
				return err
			}
		case xa.Read:
			found, err = home.Decision(ctx, c.GTRID)
		case xa.Pause:
			wait(ctx, pause)
			pause = min(2*pause, longPause)
			if ctx.Err() != nil {
				return &InDoubtError{GTRID: c.GTRID.String(), DataSource: home.DataSource, Err: errors.Join(last, ctx.Err())}
			}
		}
		if err != nil {
			last = err
		}
		move = s.Step(move, found)
	}
	if s.Outcome() == xa.Unknown {
		return ErrUnknown
	}
	return nil
}
