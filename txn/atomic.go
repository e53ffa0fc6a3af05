package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// A transaction that only reads may see of each XA transaction all or nothing: it opens its snapshots, finds which transactions one of them shows and
// another lacks, and opens those that lack something anew. DESIGN.md, "Readers", says why nothing is missed.

// ErrUnsettled is a reader whose snapshots could not be brought together in time: a branch is not delivered yet, or too much is written.
var ErrUnsettled = errors.New("txn: the snapshots of several servers show parts of transactions")

const (
	settleWithin  = 2 * time.Second       // that snapshots are opened anew for
	settlePause   = 50 * time.Millisecond // the longest between two rounds
	recentMargin  = 2 * time.Second       // beyond Limits.Prepare: a server's clock may be put forward by half of it unnoticed
	oldest        = time.Minute           // of a snapshot that is compared with others: marks are kept for longer
	shownAtOnce   = 2000                  // names in one question
	knownForYoung = 50000                 // names that a generation of known keeps
)

// Ask runs a query on a branch's connection and returns its first column.
type Ask func(ctx context.Context, b Branch, sql string) ([]string, error)

// view is one branch's snapshot.
type view struct {
	branch Branch
	shards *Shards
	server *txnlog.Server // that was asked last
	asked  time.Time      // before what is prepared there was asked for, and it was opened
	since  uint64         // what was known before it was opened is in it
	stale  bool
	before map[xa.GTRID]bool // prepared there before it was opened
	there  map[xa.GTRID]bool // has a branch there, now
	shown  map[xa.GTRID]bool
	anew   map[xa.GTRID]bool // as their home, it was opened anew because of these
}

// Atomic opens the snapshots of all branches of a transaction that only reads, so that they show no half of any XA transaction. All the branches
// must be there, and nothing may have been read. After ErrUnsettled, ByLocks reads otherwise.
func (m *Manager) Atomic(ctx context.Context, t *Txn, ask Ask) error {
	views := make([]*view, len(t.branches))
	for i, b := range t.branches {
		views[i] = &view{branch: b, shards: m.cfg.Shards, stale: true, anew: map[xa.GTRID]bool{}}
		if m.cfg.Shards.Server(b.DataSource()) == nil {
			return &UnfitError{DataSource: b.DataSource(), Why: errNotProbed}
		}
	}
	o := t.options
	o.Snapshot, o.Implicit, o.Isolation = true, false, "REPEATABLE READ"
	t.options = o
	if len(views) == 1 {
		return t.reopen(ctx, views[0].branch)
	}
	began, pause := time.Now(), time.Millisecond
	for {
		if err := m.look(ctx, t, views, ask); err != nil {
			return err
		}
		if !fractured(views) {
			return nil
		}
		if time.Since(began) > settleWithin {
			return ErrUnsettled
		}
		wait(ctx, pause)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause = min(2*pause, settlePause)
	}
}

// look opens the snapshots that are stale; when all of them are open it finds what each server has; and then what each snapshot shows of that.
func (m *Manager) look(ctx context.Context, t *Txn, views []*view, ask Ask) error {
	err := each(views, func(v *view) error {
		if !v.stale {
			return nil
		}
		v.asked, v.since = time.Now(), m.known.stamp()
		err := v.question(ctx, func(ctx context.Context) (err error) {
			v.before, err = v.prepared(ctx)
			return err
		})
		if err == nil {
			err = t.reopen(ctx, v.branch)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := each(views, func(v *view) error { return m.has(ctx, v) }); err != nil {
		return err
	}
	all := suspects(views)
	return each(views, func(v *view) error { return m.show(ctx, v, all, ask) })
}

// has finds what has, or lately had, a branch on a view's server.
func (m *Manager) has(ctx context.Context, v *view) error {
	return v.question(ctx, func(ctx context.Context) error {
		prepared, err := v.prepared(ctx) // before what is committed: it is in one of the two
		if err != nil {
			return err
		}
		if v.there, err = v.server.Recent(ctx, v.asked, m.cfg.Limits.Prepare+recentMargin); err != nil {
			return err
		}
		if time.Since(v.asked) > oldest {
			return ErrUnsettled
		}
		for _, more := range []map[xa.GTRID]bool{prepared, v.before} {
			for g := range more {
				v.there[g] = true
			}
		}
		return nil
	})
}

// prepared are the transactions that have a prepared branch of a view's data source.
func (v *view) prepared(ctx context.Context) (map[xa.GTRID]bool, error) {
	out := map[xa.GTRID]bool{}
	listed, _, err := v.server.Prepared(ctx)
	for _, x := range listed {
		if x.Branch.Log == v.server.Log {
			out[x.GTRID] = true
		}
	}
	return out, err
}

// question asks the server that a view's branch is on over recovery's connections, when there is a place, and for answerTime at the most. While recovery
// asks another server, as in the moments behind a switch, it is waited for.
func (v *view) question(ctx context.Context, ask func(ctx context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, settlePause) {
		at := v.shards.reader(v.branch.DataSource())
		err := errMoving
		if v.here(at) {
			v.server = at.server
			err = v.placed(within, at.readers, ask)
			if err == nil || v.here(v.shards.reader(v.branch.DataSource())) {
				return v.away(ctx, err)
			}
		}
		if wait(within, pause); within.Err() != nil {
			return v.away(ctx, err)
		}
	}
}

var errMoving = errors.New("recovery asks another server than the one that is read")

// here reports whether recovery asks the server that a view's branch is on.
func (v *view) here(at shard) bool {
	is := v.branch.Addr()
	return at.server != nil && !at.moving && (at.server.Addr == is || at.server.Addr == "" || is == "")
}

// placed asks when there is a place.
func (v *view) placed(ctx context.Context, places chan struct{}, ask func(ctx context.Context) error) error {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-places }()
	return ask(ctx)
}

// UnansweredError is a reader whose data source does not say which transactions are prepared there.
type UnansweredError struct {
	DataSource string
	Err        error // of the server or its connection, which no client is to see
}

// Error is for the log.
func (e *UnansweredError) Error() string {
	return fmt.Sprintf("data source %s does not say what is prepared there: %v", e.DataSource, e.Err)
}

// Unwrap gives the reason.
func (e *UnansweredError) Unwrap() error { return e.Err }

func (v *view) away(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrUnsettled) {
		return err
	}
	return &UnansweredError{DataSource: v.branch.DataSource(), Err: err}
}

// suspects are all transactions that may be in one view and not in another, with the branches that they have among them.
func suspects(views []*view) map[xa.GTRID]bool {
	all := map[xa.GTRID]bool{}
	for _, v := range views {
		for g := range v.there {
			all[g] = true
		}
	}
	return all
}

// show asks in the snapshot which of the transactions it shows, but for those that are known to have been there before it was opened.
func (m *Manager) show(ctx context.Context, v *view, all map[xa.GTRID]bool, ask Ask) error {
	v.shown = map[xa.GTRID]bool{}
	var unknown []xa.GTRID
	for g := range all {
		switch {
		case !v.there[g] && (g.Client || g.Log != v.server.Log): // it has no part here
		case m.known.before(v.server.Log, g, v.since):
			v.shown[g] = true
		default:
			unknown = append(unknown, g)
		}
	}
	for some := range slices.Chunk(unknown, shownAtOnce) {
		names, err := ask(ctx, v.branch, txnlog.Shown(v.server.Log, some))
		if err != nil {
			return fmt.Errorf("look for transactions on %s: %w", v.branch.DataSource(), err)
		}
		for _, name := range names {
			g, err := xa.ParseGTRID(name)
			if err != nil {
				return err
			}
			v.shown[g] = true
			m.known.add(v.server.Log, g)
		}
	}
	return nil
}

// fractured finds the views that lack a branch of a transaction that another one shows.
func fractured(views []*view) (found bool) {
	visible := map[xa.GTRID]bool{}
	for _, v := range views {
		v.stale = false
		for g := range v.shown {
			visible[g] = true
		}
	}
	for _, v := range views {
		for g := range visible {
			lacks := !v.shown[g]
			if lacks && g.Log == v.server.Log && !v.there[g] && !g.Client {
				// A decision that a snapshot lacks which was opened after somebody saw the transaction is over and swept.
				lacks, v.anew[g] = !v.anew[g], true
			} else {
				lacks = lacks && v.there[g]
			}
			v.stale = v.stale || lacks
		}
		found = found || v.stale
	}
	return found
}

// reopen begins a branch that has done nothing anew.
func (t *Txn) reopen(ctx context.Context, b Branch) error {
	packet := append([]string{"ROLLBACK"}, t.options.begin()...)
	for _, name := range t.savepoints {
		packet = append(packet, "SAVEPOINT "+name)
	}
	if err := b.Exec(ctx, packet...); err != nil {
		return fmt.Errorf("begin on %s: %w", b.DataSource(), err)
	}
	return nil
}

// ByLocks begins a transaction that has read nothing anew, so that what it reads is locked until it ends: whoever has a part of what it wants prepared is
// waited for, and nobody changes a part of what it has read.
func (t *Txn) ByLocks(ctx context.Context) error {
	t.options.Snapshot, t.options.Isolation = false, "SERIALIZABLE"
	for _, b := range t.branches {
		if err := t.reopen(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// each does something for all views at the same time.
func each(views []*view, do func(v *view) error) error {
	errs := make([]error, len(views))
	var wg sync.WaitGroup
	for i, v := range views {
		wg.Go(func() { errs[i] = do(v) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// known are transactions that somebody has seen committed on a data source, so that whoever opens a snapshot there later need not ask.
type known struct {
	mu         sync.Mutex // guards what follows
	clock      uint64
	young, old map[knownAt]uint64
}

type knownAt struct {
	log   xa.Log
	gtrid xa.GTRID
}

// stamp is a moment: what is added later is not known before it.
func (k *known) stamp() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clock++
	return k.clock
}

func (k *known) add(log xa.Log, g xa.GTRID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := knownAt{log, g}
	if _, have := k.young[at]; have {
		return
	}
	if k.young == nil || len(k.young) >= knownForYoung {
		k.old, k.young = k.young, map[knownAt]uint64{}
	}
	k.young[at] = k.clock
}

// before reports whether it was known when a stamp was taken.
func (k *known) before(log xa.Log, g xa.GTRID, stamp uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, have := k.young[knownAt{log, g}]
	if !have {
		at, have = k.old[knownAt{log, g}]
	}
	return have && at < stamp
}
