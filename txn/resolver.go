package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Pauses of a recoverer.
const (
	firstPause = 100 * time.Millisecond // no branch is tried more often than some times a second
	longPause  = 5 * time.Second
	oldPicture = 130 * time.Millisecond // for how long a server may show the same list of transactions
)

// Resolved is what became of a branch that was recovered.
type Resolved struct {
	XID       xa.XID
	Committed bool       // by decision
	Trouble   xa.Trouble // NoTrouble: it is finished
	Mended    bool       // it was lost, and an operator has mended it
	Redone    bool       // it was lost, and what it did was run again
}

// resolver performs the moves of xa.Recovery.
type resolver struct {
	shards   *Shards
	at       Failpoint
	operator bool // it is an operator's wish
}

// errNoLog is a branch of a transaction whose log no known data source has.
var errNoLog = errors.New("no data source of this mesh has the transaction's log")

// start is the first move of a recovery: Begin, Suspect or Deliver.
type start func(*xa.Recovery) xa.Move

// finish works at one branch until it is finished, cannot be, or ctx ends. Of a branch that was not found its log is all there is of the name (Conn is 0): the rest is looked for.
// Where the branch's log has come to another server meanwhile, it begins anew there: what was seen on the one before says nothing of it.
func (r resolver) finish(ctx context.Context, server *txnlog.Server, x xa.XID, begin start) (Resolved, error) {
	if server == nil {
		return Resolved{XID: x}, fmt.Errorf("recover %s: no data source of this mesh has the branch's log", x)
	}
	work := &recovery{resolver: r, server: server, xid: x, pause: firstPause}
	for move := begin(&work.machine); ; {
		switch m := &work.machine; move {
		case xa.Done, xa.Raise:
			return Resolved{XID: x, Committed: m.Committed(), Trouble: m.Trouble()}, nil
		}
		if at := r.shards.ByLog(x.Branch.Log); at != nil && !at.Is(work.server) {
			work = &recovery{resolver: r, server: at, xid: x, pause: firstPause, last: work.last}
			move = begin(&work.machine)
			continue
		}
		if err := r.at.hit(ctx, "recover."+move.String(), "before"); err != nil {
			return Resolved{XID: x}, err
		}
		found, err := work.perform(ctx, move)
		if err != nil {
			work.last = err
		}
		if err := r.at.hit(ctx, "recover."+move.String(), "after"); err != nil {
			return Resolved{XID: x}, err
		}
		if ctx.Err() != nil {
			return Resolved{XID: x}, fmt.Errorf("recover %s, at %s: %w", x, move, errors.Join(ctx.Err(), work.last))
		}
		move = work.machine.Step(move, found)
	}
}

// deliver works at a branch of a transaction that is known to be decided to commit. The decision may be swept: then all branches were seen
// done, and the mark may be swept too. A branch that is not listed any more is not looked for by its connection, whose number may be another's by now.
func (r resolver) deliver(ctx context.Context, x xa.XID) (Resolved, error) {
	server, home := r.shards.ByLog(x.Branch.Log), r.shards.ByLog(x.GTRID.Log)
	begin := (*xa.Recovery).Suspect
	if server != nil {
		if _, listed, err := server.Branch(ctx, x.GTRID, x.Branch.Log); err == nil && listed {
			begin = (*xa.Recovery).Deliver
		}
	}
	done, err := r.finish(ctx, server, x, begin)
	if err != nil || done.Trouble != xa.Missing {
		return done, err
	}
	if home == nil {
		return done, fmt.Errorf("recover %s: %w", x, errNoLog)
	}
	found, err := home.Decision(ctx, x.GTRID)
	if err == nil && found != xa.DecidedCommit {
		done.Trouble = xa.NoTrouble
	}
	return done, err
}

// recovery is the work at one branch.
type recovery struct {
	resolver
	server   *txnlog.Server // where the branch is
	xid      xa.XID
	machine  xa.Recovery
	pause    time.Duration
	age      time.Duration // of the branch since it was marked, as far as known, at aged or before
	aged     time.Time
	marked   bool      // it was, when it was looked at last
	other    time.Time // since when the number of its connection is a stranger's; zero: it is not
	stranger bool      // whoever has that number has another transaction, and so not the branch
	unknown  bool      // to its server, which has not been asked since whether it lists the branch
	refused  int       // how often it was unknown, and listed
	last     error
}

// strangerPatience is how long a connection with the branch's number and without its transaction is taken for the branch's own, which is about to go.
const strangerPatience = 3 * time.Second

// refusals is how often a branch has to be refused, seconds apart, before that says that its connection has it. A server's clock may have been set
// back since the branch began, and then the ages of both say that the connection is another's; but a branch that nobody has is not refused.
const refusals = 2

func (w *recovery) look(ctx context.Context, at *txnlog.Server) (xa.Finding, error) {
	found, seen, err := at.Look(ctx, w.xid)
	if err == nil {
		w.marked = seen.Marked
	}
	if seen.Age > 0 {
		w.age, w.aged = seen.Age, seen.At
	}
	switch {
	case err == nil && w.stranger:
		return xa.Fine, nil
	case err == nil && seen.Has && w.refused >= refusals:
		return xa.Attached, nil
	case err != nil || found != xa.Attached || !seen.Stranger:
		w.other = time.Time{}
	case w.other.IsZero():
		w.other = time.Now()
	case time.Since(w.other) >= strangerPatience:
		return xa.Fine, nil
	}
	return found, err
}

// kill ends the connection that has the branch.
func (w *recovery) kill(ctx context.Context, at *txnlog.Server) (xa.Finding, error) {
	who, err := at.Detach(ctx, w.xid)
	if err != nil {
		return xa.Away, err
	}
	w.stranger = who == txnlog.Stranger
	return xa.Fine, nil
}

// inspect also counts refusals. Behind the last there is something new to try, at once.
func (w *recovery) inspect(ctx context.Context, at *txnlog.Server) (xa.Finding, error) {
	found, err := at.Inspect(ctx, w.xid)
	if found == xa.Listed && w.unknown {
		if w.refused++; w.refused == refusals {
			w.pause = firstPause
		}
	}
	w.unknown = false
	return found, err
}

func (w *recovery) perform(ctx context.Context, m xa.Move) (xa.Finding, error) {
	if m == xa.Pause {
		pause := w.pause
		if !w.other.IsZero() { // then there is something new to try
			pause = min(pause, max(firstPause, strangerPatience-time.Since(w.other)))
		}
		wait(ctx, pause)
		w.pause = min(2*w.pause, longPause)
		return xa.Fine, nil
	}
	home := w.shards.ByLog(w.xid.GTRID.Log)
	at := w.server
	if home == nil {
		return xa.Away, errNoLog
	}
	if w.xid.Branch.Conn == 0 {
		if answered, found, err := w.nameless(ctx, m); answered {
			return found, err
		}
	}
	switch m {
	case xa.Read:
		return home.Decision(ctx, w.xid.GTRID)
	case xa.Fence:
		return home.Fence(ctx, w.xid.GTRID, w.xid.Branch.Home)
	case xa.Again:
		if !at.Detaches {
			wait(ctx, oldPicture)
		}
		fallthrough
	case xa.Look:
		return w.look(ctx, at)
	case xa.Kill:
		return w.kill(ctx, at)
	case xa.Commit, xa.Abort:
		found, err := w.finishBranch(ctx, at, home, m == xa.Commit)
		w.unknown = found == xa.Unknown
		return found, err
	case xa.Inspect:
		return w.inspect(ctx, at)
	}
	return xa.Away, fmt.Errorf("txn: a move that is none: %s", m)
}

// nameless looks for the name of a branch that was not listed when it was looked for, as it is for a moment while its connection ends. Without
// it there is nobody to look for, and nothing to end: answered.
func (w *recovery) nameless(ctx context.Context, m xa.Move) (answered bool, found xa.Finding, err error) {
	ends := m == xa.Commit || m == xa.Abort
	if !ends && m != xa.Look && m != xa.Again && m != xa.Kill {
		return false, xa.Fine, nil
	}
	x, listed, err := w.server.Branch(ctx, w.xid.GTRID, w.xid.Branch.Log)
	switch {
	case err != nil:
		return true, xa.Away, err
	case listed:
		w.xid = x
		return ends, xa.Declined, nil // nobody has looked yet who has it
	case ends:
		return true, xa.Unknown, nil
	}
	return true, xa.Fine, nil
}

// finishBranch ends the branch. Of what is aborted it first ends the home branch, which nothing else takes out of a frozen owner's
// hands: but only if its connection is in that very transaction still.
func (w *recovery) finishBranch(ctx context.Context, at, home *txnlog.Server, commit bool) (xa.Finding, error) {
	var err error
	if !commit && w.marked && w.age > 0 {
		err = home.KillHome(ctx, w.xid.Branch.Home, w.age, w.aged)
	}
	found, err2 := at.Finish(ctx, w.xid, commit)
	return found, errors.Join(err, err2)
}

// verdict has the log say what is decided; if nothing is, that it is aborted: ours. Kept: it is for a client to decide.
func (r resolver) verdict(ctx context.Context, g xa.GTRID, conn uint32) (found xa.Finding, ours bool, err error) {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		home := r.shards.ByLog(g.Log) // which may come to another server meanwhile
		if home == nil {
			return xa.Away, false, errNoLog
		}
		fence := home.Fence
		if r.operator {
			fence = home.Reject
		}
		found, err := home.Decision(ctx, g)
		if found == xa.Undecided {
			if found, err = fence(ctx, g, conn); found == xa.Fine {
				return xa.DecidedAbort, true, nil
			}
		}
		if found == xa.DecidedCommit || found == xa.DecidedAbort || found == xa.Kept {
			return found, false, nil
		}
		if wait(ctx, pause); ctx.Err() != nil {
			return xa.Away, false, errors.Join(ctx.Err(), err)
		}
	}
}

// wait waits, at most as long as ctx lets it.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
