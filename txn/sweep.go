package txn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Sweep deletes what is over from a data source's tables, and looks for branches that are decided and lost. Servers that do not answer delay what
// has to do with them, and nothing else.
func (r *Recoverer) Sweep(ctx context.Context, dataSource string) error {
	server := r.cfg.Shards.Server(dataSource)
	if server == nil {
		return nil
	}
	err := server.Learn(ctx)
	if err == nil {
		err = takesWrites(ctx, server)
	}
	if err == nil {
		silent := away{}
		err = errors.Join(r.sweepDecisions(ctx, dataSource, server, silent), server.DropAborted(ctx, r.cfg.Marks), r.sweepMarks(ctx, server, silent),
			r.sweepNames(ctx, dataSource, server), r.lostDecisions(ctx, dataSource, server, silent), r.zombies(ctx, dataSource, server), silent.err())
	}
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dataSource, err)
	}
	return nil
}

// Leads reports whether this process sweeps a data source's tables, for all of its mesh, and has it do so if nobody does.
func (r *Recoverer) Leads(ctx context.Context, dataSource string) (bool, error) {
	server := r.cfg.Shards.Server(dataSource)
	if server == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return r.leads.has(ctx, dataSource, server)
}

// sweepIfLeading sweeps if this process is to. All of them learn which logs a server has.
func (r *Recoverer) sweepIfLeading(ctx context.Context, dataSource string) error {
	leads, err := r.Leads(ctx, dataSource)
	switch server := r.cfg.Shards.Server(dataSource); {
	case err != nil:
		return fmt.Errorf("sweep %s: %w", dataSource, err)
	case leads:
		return r.Sweep(ctx, dataSource)
	case server != nil:
		return server.Learn(ctx)
	}
	return nil
}

// away are the logs whose servers do not answer, and why: each is asked once, and not again by the same work.
type away map[xa.Log]error

func (a away) err() error {
	errs := make([]error, 0, len(a))
	for _, log := range slices.Sorted(maps.Keys(a)) {
		errs = append(errs, a[log])
	}
	return errors.Join(errs...)
}

const page = 500 // rows of one question

// decisions is what one sweep sees of those of a data source.
type decisions struct {
	silent      away
	kept, doubt map[xa.GTRID]time.Time
	suspects    []xa.XID
}

// sweepDecisions deletes the decisions whose branches have been seen done for long enough: by this process's clock, for a
// server's can jump. Those of other meshes, too: what is over is over for all.
func (r *Recoverer) sweepDecisions(ctx context.Context, dataSource string, server *txnlog.Server, silent away) error {
	seen := decisions{silent: silent, kept: map[xa.GTRID]time.Time{}, doubt: map[xa.GTRID]time.Time{}}
	for after := ""; ; {
		rows, next, err := server.Decisions(ctx, after, page)
		if err != nil {
			return err
		}
		marked := r.cfg.Shards.marks(ctx, rows, silent)
		r.mu.Lock()
		over := r.judge(dataSource, rows, marked, &seen)
		r.mu.Unlock()
		if err := server.DropCommitted(ctx, over); err != nil {
			return err
		}
		if after = next; after == "" {
			break
		}
	}
	r.mu.Lock()
	r.kept[dataSource], r.doubt[dataSource] = seen.kept, seen.doubt
	r.mu.Unlock()
	return r.suspect(ctx, seen.suspects)
}

// judge finds the committed transactions of which all branches have been marked for long enough to be over, and the branches that have lacked their
// mark for longer than it takes to deliver. The caller holds mu.
func (r *Recoverer) judge(dataSource string, rows []txnlog.Decided, marked map[xa.Log]map[xa.GTRID]bool, seen *decisions) (over []xa.GTRID) {
	now := time.Now()
	since := func(of map[xa.GTRID]time.Time, g xa.GTRID) time.Time {
		if at, known := of[g]; known {
			return at
		}
		return now
	}
	for _, d := range rows {
		if !d.Commit {
			continue
		}
		var missing []xa.Log
		for _, p := range d.Parts {
			if seen.silent[p] == nil && !marked[p][d.GTRID] {
				missing = append(missing, p)
			}
		}
		asked := !slices.ContainsFunc(d.Parts, func(p xa.Log) bool { return seen.silent[p] != nil })
		at, known := r.kept[dataSource][d.GTRID]
		switch {
		case len(missing) > 0 && d.GTRID.Cluster == r.cfg.Cluster:
			seen.doubt[d.GTRID] = since(r.doubt[dataSource], d.GTRID)
			if time.Since(seen.doubt[d.GTRID]) >= r.cfg.Living {
				for _, p := range missing {
					seen.suspects = append(seen.suspects, xa.XID{GTRID: d.GTRID, Branch: xa.Qualifier{Log: p, Home: d.Home}})
				}
			}
		case len(missing) > 0: // it is for its own mesh to tell
		case !asked && known:
			seen.kept[d.GTRID] = at
		case !asked:
		case now.Sub(since(r.kept[dataSource], d.GTRID)) >= r.cfg.Keep:
			over = append(over, d.GTRID)
		default:
			seen.kept[d.GTRID] = since(r.kept[dataSource], d.GTRID)
		}
	}
	return over
}

// suspicions is how many branches a sweep inspects at the same time: each may wait for the lock of a mark, over a connection that others want.
const suspicions = 12

// suspect looks for branches of committed transactions that are not marked. Those that are listed are Scan's.
func (r *Recoverer) suspect(ctx context.Context, suspects []xa.XID) error {
	var found looked
	var wg sync.WaitGroup
	slots := make(chan struct{}, suspicions)
	for server, of := range r.unlisted(ctx, suspects, &found) {
		for _, x := range of {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				asking, cancel := context.WithTimeout(ctx, answerTime)
				state, err := server.Inspect(asking, x)
				cancel()
				if err == nil && state != xa.Listed {
					_, err = r.resolve(ctx, server, x, (*xa.Recovery).Suspect)
				}
				found.add(Resolved{}, err)
			})
		}
	}
	wg.Wait()
	return errors.Join(found.errs...)
}

// unlisted are those of the branches that their servers do not list as prepared, by server. A mark is not asked for while its branch is listed: it would be waited for.
func (r *Recoverer) unlisted(ctx context.Context, branches []xa.XID, found *looked) map[*txnlog.Server][]xa.XID {
	of := map[*txnlog.Server][]xa.XID{}
	for _, x := range branches {
		if server := r.cfg.Shards.ByLog(x.Branch.Log); server != nil {
			of[server] = append(of[server], x)
		}
	}
	type branch struct {
		gtrid xa.GTRID
		log   xa.Log
	}
	for server := range of {
		asking, cancel := context.WithTimeout(ctx, answerTime)
		listed, _, err := server.Prepared(asking)
		cancel()
		if err != nil {
			found.add(Resolved{}, fmt.Errorf("%s: %w", server.DataSource, err))
			delete(of, server)
			continue
		}
		prepared := map[branch]bool{}
		for _, x := range listed {
			prepared[branch{x.GTRID, x.Branch.Log}] = true
		}
		of[server] = slices.DeleteFunc(of[server], func(x xa.XID) bool { return prepared[branch{x.GTRID, x.Branch.Log}] })
	}
	return of
}

// markLog is a log's marks on a data source's server.
type markLog struct {
	dataSource string
	log        xa.Log
}

// markPages is how many pages of a log's old marks are gone through in one sweep; the next one goes on behind them.
const markPages = 20

// sweepMarks deletes old marks of transactions whose decision is gone.
func (r *Recoverer) sweepMarks(ctx context.Context, server *txnlog.Server, silent away) error {
	for _, log := range server.Logs() {
		if r.cfg.Shards.ByLog(log) != server {
			continue
		}
		if err := r.sweepMarksOf(ctx, server, log, silent); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recoverer) sweepMarksOf(ctx context.Context, server *txnlog.Server, branch xa.Log, silent away) error {
	at := markLog{server.DataSource, branch}
	for range markPages {
		r.mu.Lock()
		after := r.cursors[at]
		r.mu.Unlock()
		old, next, err := server.OldMarks(ctx, branch, r.cfg.Marks, after, page)
		if err != nil {
			return err
		}
		if err := server.DropMarks(ctx, r.over(ctx, old, silent), branch); err != nil {
			return err
		}
		r.mu.Lock()
		r.cursors[at] = next
		r.mu.Unlock()
		if next == (txnlog.MarkCursor{}) {
			return nil
		}
	}
	return nil
}

// over are those of the transactions whose log says that it has no decision of them any more.
func (r *Recoverer) over(ctx context.Context, of []xa.GTRID, silent away) (out []xa.GTRID) {
	by := map[xa.Log][]xa.GTRID{}
	for _, g := range of {
		by[g.Log] = append(by[g.Log], g)
	}
	for log, gtrids := range by {
		home := r.cfg.Shards.ByLog(log)
		if home == nil || silent[log] != nil {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, answerTime)
		decided, err := home.Undropped(asking, gtrids)
		cancel()
		if err != nil {
			silent[log] = fmt.Errorf("%s: %w", home.DataSource, err)
			continue
		}
		out = append(out, slices.DeleteFunc(gtrids, func(g xa.GTRID) bool { return decided[g] })...)
	}
	return out
}

// sweepNames aborts the transactions of clients whose owners have died before anything was prepared, which are those that this process has known for as long as
// a living owner may take; and it forgets names that have come when all was decided.
func (r *Recoverer) sweepNames(ctx context.Context, dataSource string, server *txnlog.Server) error {
	known := map[xa.GTRID]time.Time{}
	for after := ""; ; {
		orphans, next, err := server.Orphans(ctx, r.cfg.Cluster, after, page)
		if err != nil {
			return err
		}
		for _, c := range orphans {
			if c.Over {
				if err := server.Forget(ctx, c.GTRID); err != nil {
					return err
				}
				continue
			}
			since := r.orphan(dataSource, c.GTRID)
			known[c.GTRID] = since
			old := time.Since(since) >= r.cfg.Living || r.cfg.Life(c.GTRID.Epoch) == Dead
			if old && r.cfg.Shards.ByLog(c.GTRID.Log) == server {
				if _, err := server.Fence(ctx, c.GTRID, 0); err != nil {
					return err
				}
			}
		}
		if after = next; after == "" {
			break
		}
	}
	r.mu.Lock()
	r.orphans[dataSource] = known
	r.mu.Unlock()
	return nil
}

// orphan is since when a name without a decision has been known.
func (r *Recoverer) orphan(dataSource string, g xa.GTRID) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since, known := r.orphans[dataSource][g]; known {
		return since
	}
	return time.Now()
}

// straysFor is for how long a transaction has to be nobody's: those of the server itself, which keeps statistics of tables, are over by then.
const straysFor = 3 * time.Second

// zombies looks for a while: a branch is for an instant in neither list while its server lets go of it, or writes its end to the disk.
func (r *Recoverer) zombies(ctx context.Context, dataSource string, server *txnlog.Server) error {
	var seen txnlog.Strays
	left := 0
	began := time.Now()
	for looks := 0; (looks < 3 || time.Since(began) < straysFor) && ctx.Err() == nil; looks++ {
		var err error
		if left, err = seen.Look(ctx, server); err != nil || left == 0 {
			return err
		}
		wait(ctx, 2*oldPicture)
	}
	name := ""
	if left -= seen.Doubtful(); left <= 0 { // there may be none
		hidden, err := server.Hidden(ctx, straysFor)
		if left = len(hidden); err != nil || left == 0 {
			return err
		}
		name = hidden[0].GTRID.String()
	}
	if ctx.Err() == nil {
		r.cfg.Alarm(Alarm{DataSource: dataSource, Trouble: xa.Zombie, XID: name,
			Detail: fmt.Sprintf("%d transactions that no connection has are not listed by XA RECOVER; restart the server, and they are", left)})
	}
	return nil
}
