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

// Life is what is known of the process that began a transaction.
type Life uint8

// The lives of a process.
const (
	LifeUnknown Life = iota
	Living
	Dead
)

// RecoveryConfig is how a process recovers what others, and it itself, have left. A zero duration stands for the default.
type RecoveryConfig struct {
	Shards  *Shards
	Cluster uint32
	// Leads reports whether this process is to look after a data source; nil: after all. It saves work only: any number
	// of processes may be at one.
	Leads func(dataSource string) bool
	// Life is what is known of the process of an epoch; nil: nothing. It decides how long its branches are left alone.
	Life func(epoch uint64) Life
	// Alarm is told of what only an operator, or a server's restart, can help, each time it is found; nil: nobody is.
	Alarm func(Alarm)
	// Resolved is told of each branch that was finished; nil: nobody is.
	Resolved func(dataSource string, r Resolved)
	At       Failpoint

	Every   time.Duration // 1 s: between two looks at a data source
	Unknown time.Duration // 2 s: that a branch of a process of which nothing is known is left alone
	Living  time.Duration // 10 s: that one of a living process is
	Try     time.Duration // 30 s: at one branch, before it is taken up anew
	Keep    time.Duration // 1 min: that a decision stays when its branches are done; no owner may ask later (Limits.Ask)
	Marks   time.Duration // 10 min: that marks stay
}

func (c RecoveryConfig) withDefaults() RecoveryConfig {
	for _, d := range []struct {
		of *time.Duration
		by time.Duration
	}{{&c.Every, time.Second}, {&c.Unknown, 2 * time.Second}, {&c.Living, 10 * time.Second}, {&c.Try, 30 * time.Second},
		{&c.Keep, time.Minute}, {&c.Marks, 10 * time.Minute}} {
		if *d.of <= 0 {
			*d.of = d.by
		}
	}
	if c.Leads == nil {
		c.Leads = func(string) bool { return true }
	}
	if c.Life == nil {
		c.Life = func(uint64) Life { return LifeUnknown }
	}
	if c.Alarm == nil {
		c.Alarm = func(Alarm) {}
	}
	if c.Resolved == nil {
		c.Resolved = func(string, Resolved) {}
	}
	c.Cluster &= 1<<xa.ClusterBits - 1
	return c
}

// Alarm is what recovery cannot mend.
type Alarm struct {
	DataSource string
	Trouble    xa.Trouble
	XID        string // "" where it is not known
	Detail     string
}

// Recoverer finishes the branches that their owners have left, and deletes what nobody needs any more.
type Recoverer struct {
	cfg    RecoveryConfig
	nudged chan struct{}

	mu     sync.Mutex // guards what follows
	first  map[string]map[xa.XID]time.Time
	busy   map[xa.XID]bool                   // somebody is at it
	kept   map[string]map[xa.GTRID]time.Time // since when a decision's branches are seen done
	doubt  map[xa.GTRID]time.Time            // since when a decision lacks a mark
	places map[string]place                  // of logs
}

// NewRecoverer returns a recoverer that has seen nothing yet.
func NewRecoverer(cfg RecoveryConfig) *Recoverer {
	return &Recoverer{cfg: cfg.withDefaults(), nudged: make(chan struct{}, 1), first: map[string]map[xa.XID]time.Time{}, busy: map[xa.XID]bool{},
		kept: map[string]map[xa.GTRID]time.Time{}, doubt: map[xa.GTRID]time.Time{}, places: map[string]place{}}
}

// Run looks after the data sources until ctx ends. What fails is tried again, and told to report. A branch or a server that
// takes its time does not keep others waiting.
func (r *Recoverer) Run(ctx context.Context, report func(dataSource string, err error)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	running := map[string]chan struct{}{}
	for turn := 0; ctx.Err() == nil; turn++ {
		for _, name := range r.cfg.Shards.Names() {
			if running[name] == nil {
				running[name] = make(chan struct{}, overlap)
			}
			slots := running[name]
			if !r.cfg.Leads(name) || len(slots) == overlap {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				_, err := r.Scan(ctx, name)
				if turn%sweepEvery == 0 {
					err = errors.Join(err, r.Sweep(ctx, name))
				}
				if err != nil && ctx.Err() == nil {
					report(name, err)
				}
			})
		}
		r.pause(ctx, r.untilNext())
	}
}

// Nudge has Run look at once: there are data sources that it has not seen.
func (r *Recoverer) Nudge() {
	select {
	case r.nudged <- struct{}{}:
	default:
	}
}

func (r *Recoverer) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.nudged:
	case <-timer.C:
	}
}

// untilNext is how long to wait for the next look: until a branch may be taken up, if that is about then.
func (r *Recoverer) untilNext() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.cfg.Every
	for _, branches := range r.first {
		for x, since := range branches {
			if left := r.alone(x) - time.Since(since); !r.busy[x] && left > 0 && left < r.cfg.Every*5/4 && (next == r.cfg.Every || left < next) {
				next = left
			}
		}
	}
	return max(next, r.cfg.Every/20)
}

// alone is how long a branch is left to its owner.
func (r *Recoverer) alone(x xa.XID) time.Duration {
	switch r.cfg.Life(x.GTRID.Epoch) {
	case Living:
		return r.cfg.Living
	case Dead:
		return 0
	}
	return r.cfg.Unknown
}

// overlap is how many looks at a data source there may be at once, where one finds something that takes its time.
const overlap = 8

// sweepEvery is how many looks at a data source there are to one sweep.
const sweepEvery = 3

// recoveries is how many branches of a data source are recovered at the same time.
const recoveries = 32

// Scan finishes the branches that a data source's server lists as prepared, but for those that are young enough for their
// owner to be at them.
func (r *Recoverer) Scan(ctx context.Context, dataSource string) ([]Resolved, error) {
	server := r.cfg.Shards.Server(dataSource)
	if server == nil {
		return nil, nil
	}
	listed, _, err := server.Prepared(ctx)
	if err != nil {
		return nil, fmt.Errorf("recover %s: %w", dataSource, err)
	}
	var (
		mu   sync.Mutex // guards out and errs
		out  []Resolved
		errs []error
		wg   sync.WaitGroup
	)
	due, err := r.decidable(ctx, server, r.due(dataSource, server, listed))
	if err != nil {
		errs = append(errs, fmt.Errorf("recover %s: %w", dataSource, err))
	}
	slots := make(chan struct{}, recoveries)
	for _, x := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			done, err := r.resolve(ctx, server, x, (*xa.Recovery).Begin)
			r.leave(x)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			out = append(out, done)
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// decidable leaves out what clients have prepared, what it is not known of whether they have, and what an owner may be preparing that seems to live.
func (r *Recoverer) decidable(ctx context.Context, server *txnlog.Server, due []xa.XID) (out []xa.XID, err error) {
	by := map[xa.Log][]xa.GTRID{}
	for _, x := range due {
		if x.GTRID.Client {
			by[x.GTRID.Log] = append(by[x.GTRID.Log], x.GTRID)
		}
	}
	held := map[xa.GTRID]bool{}
	for log, gtrids := range by {
		kept := map[xa.GTRID]bool{}
		asked := errNoLog
		if home := r.cfg.Shards.ByLog(log); home != nil {
			kept, asked = home.Held(ctx, gtrids)
		}
		for _, g := range gtrids {
			held[g] = kept[g] || asked != nil
		}
		err = errors.Join(err, asked)
	}
	for _, x := range due {
		if held[x.GTRID] || x.GTRID.Client && r.preparing(ctx, server, x) {
			r.leave(x)
			continue
		}
		out = append(out, x)
	}
	return out, err
}

// preparing reports whether the owner of a branch may be about to say that all are prepared: nothing is known of its process but that the branch's
// connection is there. A client that is told that its PREPARE is undone cannot repeat it as cheaply as a COMMIT, and so owners have as long as living ones.
func (r *Recoverer) preparing(ctx context.Context, server *txnlog.Server, x xa.XID) bool {
	r.mu.Lock()
	since := r.first[server.DataSource][x]
	r.mu.Unlock()
	if r.cfg.Life(x.GTRID.Epoch) != LifeUnknown || time.Since(since) >= r.cfg.Living {
		return false
	}
	lives, err := server.Lives(ctx, x.Branch.Conn)
	return lives || err != nil
}

// leave ends the work at a branch.
func (r *Recoverer) leave(x xa.XID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, x)
}

// InDoubt is how many branches of a data source were prepared at the last look, and for how long the oldest has been seen.
func (r *Recoverer) InDoubt(dataSource string) (n int, oldest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, since := range r.first[dataSource] {
		oldest = max(oldest, time.Since(since))
	}
	return len(r.first[dataSource]), oldest
}

// due are the listed branches that are this mesh's and this data source's, and old enough, and that nobody is at. Whoever calls it is at
// them from then on.
func (r *Recoverer) due(dataSource string, server *txnlog.Server, listed []xa.XID) (due []xa.XID) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[xa.XID]time.Time{}
	for _, x := range listed {
		at := r.cfg.Shards.ByLog(x.Branch.Log)
		if x.GTRID.Cluster != r.cfg.Cluster || at != nil && at != server { // on the same server under another name
			continue
		}
		since, known := r.first[dataSource][x]
		if !known {
			since = now
		}
		seen[x] = since
		if now.Sub(since) >= r.alone(x) && !r.busy[x] {
			r.busy[x] = true
			due = append(due, x)
		}
	}
	r.first[dataSource] = seen
	return due
}

// resolve works at one branch, and tells what came of it.
func (r *Recoverer) resolve(ctx context.Context, server *txnlog.Server, x xa.XID, begin start) (Resolved, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Try)
	defer cancel()
	done, err := resolver{shards: r.cfg.Shards, at: r.cfg.At}.finish(ctx, server, x, begin)
	switch {
	case err != nil:
		return done, err
	case done.Trouble != xa.NoTrouble:
		r.cfg.Alarm(Alarm{DataSource: server.DataSource, Trouble: done.Trouble, XID: x.String(), Detail: done.Detail()})
	default:
		r.cfg.Resolved(server.DataSource, done)
	}
	return done, nil
}

// Detail says what the trouble is, for an operator.
func (r Resolved) Detail() string {
	decided := "rolled back"
	if r.Committed {
		decided = "committed"
	}
	switch r.Trouble {
	case xa.Zombie:
		return "decided: " + decided + "; the server has the branch's locks and does not list it; restart the server, and the branch is recovered"
	case xa.Missing:
		return "decided: " + decided + "; the server has neither the branch nor what it did: it is lost, as by a failover to a server that did not have it; heddle txn show tells what it did, where that is kept"
	}
	return "decided: " + decided + "; somebody or something else has ended the branch otherwise"
}

// Sweep deletes what is over from a data source's tables, and looks for branches that are decided and lost.
func (r *Recoverer) Sweep(ctx context.Context, dataSource string) error {
	server := r.cfg.Shards.Server(dataSource)
	if server == nil {
		return nil
	}
	err := server.Learn(ctx)
	err = errors.Join(err, r.sweepDecisions(ctx, dataSource, server), server.DropAborted(ctx, r.cfg.Marks), r.sweepMarks(ctx, server), r.sweepNames(ctx, server),
		r.lostDecisions(ctx, dataSource, server), r.zombies(ctx, dataSource, server))
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dataSource, err)
	}
	return nil
}

const page = 500 // rows of one question

// sweepDecisions deletes the decisions whose branches have been seen done for long enough: by this process's clock, for a
// server's can jump.
func (r *Recoverer) sweepDecisions(ctx context.Context, dataSource string, server *txnlog.Server) error {
	seen := map[xa.GTRID]time.Time{}
	after := ""
	for {
		rows, next, err := server.Decisions(ctx, after, page)
		if err != nil {
			return err
		}
		done, err := r.delivered(ctx, rows)
		if err != nil {
			return err
		}
		if err := server.DropCommitted(ctx, r.overdue(dataSource, done, seen)); err != nil {
			return err
		}
		if after = next; after == "" {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[dataSource] = seen
	return nil
}

// delivered are the committed transactions of which all branches are marked. One that lacks a mark for longer than it takes
// to deliver is looked into.
func (r *Recoverer) delivered(ctx context.Context, rows []txnlog.Decided) (done []xa.GTRID, err error) {
	marked, err := r.cfg.Shards.marks(ctx, rows)
	if err != nil {
		return nil, err
	}
	for _, d := range rows {
		missing := slices.IndexFunc(d.Parts, func(p xa.Log) bool { return !marked[p][d.GTRID] })
		switch {
		case !d.Commit:
		case missing < 0:
			done = append(done, d.GTRID)
			r.settled(d.GTRID)
		case r.doubtful(d.GTRID):
			if err := r.suspect(ctx, d, marked); err != nil {
				return nil, err
			}
		}
	}
	return done, nil
}

// overdue are those of done that were seen done long enough ago; seen gets when each was.
func (r *Recoverer) overdue(dataSource string, done []xa.GTRID, seen map[xa.GTRID]time.Time) (out []xa.GTRID) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range done {
		since, known := r.kept[dataSource][g]
		if !known {
			since = now
		}
		if now.Sub(since) >= r.cfg.Keep {
			out = append(out, g)
		} else {
			seen[g] = since
		}
	}
	return out
}

func (r *Recoverer) settled(g xa.GTRID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.doubt, g)
}

// doubtful reports whether a decision has lacked a mark for long.
func (r *Recoverer) doubtful(g xa.GTRID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, known := r.doubt[g]
	if !known {
		since = time.Now()
		r.doubt[g] = since
	}
	return time.Since(since) >= r.cfg.Living
}

// suspect looks for the branches of a committed transaction that are not marked. Those that are listed are Scan's.
func (r *Recoverer) suspect(ctx context.Context, d txnlog.Decided, marked map[xa.Log]map[xa.GTRID]bool) error {
	for _, p := range d.Parts {
		server := r.cfg.Shards.ByLog(p)
		if marked[p][d.GTRID] || server == nil {
			continue
		}
		x := xa.XID{GTRID: d.GTRID, Branch: xa.Qualifier{Log: p, Home: d.Home}}
		found, err := server.Inspect(ctx, x)
		if err == nil && found != xa.Listed {
			_, err = r.resolve(ctx, server, x, (*xa.Recovery).Suspect)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepMarks deletes old marks of transactions whose decision is gone.
func (r *Recoverer) sweepMarks(ctx context.Context, server *txnlog.Server) error {
	for _, log := range server.Logs() {
		if r.cfg.Shards.ByLog(log) != server {
			continue
		}
		if err := r.sweepMarksOf(ctx, server, log); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recoverer) sweepMarksOf(ctx context.Context, server *txnlog.Server, branch xa.Log) error {
	old, err := server.OldMarks(ctx, branch, r.cfg.Marks, page)
	if err != nil {
		return err
	}
	by := map[xa.Log][]xa.GTRID{}
	for _, g := range old {
		by[g.Log] = append(by[g.Log], g)
	}
	for log, gtrids := range by {
		home := r.cfg.Shards.ByLog(log)
		if home == nil {
			continue
		}
		decided, err := home.Undropped(ctx, gtrids)
		if err != nil {
			return err
		}
		if err := server.DropMarks(ctx, slices.DeleteFunc(gtrids, func(g xa.GTRID) bool { return decided[g] }), branch); err != nil {
			return err
		}
	}
	return nil
}

// sweepNames aborts the transactions of clients whose owners have died before anything was prepared.
func (r *Recoverer) sweepNames(ctx context.Context, server *txnlog.Server) error {
	orphans, err := server.Orphans(ctx)
	for _, c := range orphans {
		old := c.Age >= r.cfg.Living || r.cfg.Life(c.GTRID.Epoch) == Dead
		if err == nil && old && c.GTRID.Cluster == r.cfg.Cluster && r.cfg.Shards.ByLog(c.GTRID.Log) == server {
			_, err = server.Fence(ctx, c.GTRID, 0)
		}
	}
	return err
}

// zombies looks twice: a branch is for an instant in neither list while its server lets go of it.
func (r *Recoverer) zombies(ctx context.Context, dataSource string, server *txnlog.Server) error {
	least := 0
	for i := range 3 {
		n, err := server.Unlisted(ctx)
		if err != nil {
			return err
		}
		if least = n; n == 0 {
			return nil
		}
		if i < 2 {
			wait(ctx, 2*oldPicture)
		}
	}
	if ctx.Err() == nil {
		r.cfg.Alarm(Alarm{DataSource: dataSource, Trouble: xa.Zombie,
			Detail: fmt.Sprintf("%d transactions that no connection has are not listed by XA RECOVER; restart the server, and they are", least)})
	}
	return nil
}
