package txn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
	leads  leads

	mu      sync.Mutex // guards what follows
	seen    map[string]map[xa.XID]sight
	busy    map[xa.XID]bool                   // somebody is at it
	kept    map[string]map[xa.GTRID]time.Time // since when a decision's branches are seen done
	doubt   map[string]map[xa.GTRID]time.Time // since when a decision lacks a mark
	orphans map[string]map[xa.GTRID]time.Time // since when a client's name has been without a decision
	cursors map[markLog]txnlog.MarkCursor     // where the sweep of old marks goes on
	places  map[string]place                  // of logs
}

// NewRecoverer returns a recoverer that has seen nothing yet.
func NewRecoverer(cfg RecoveryConfig) *Recoverer {
	cfg = cfg.withDefaults()
	return &Recoverer{cfg: cfg, nudged: make(chan struct{}, 1), leads: leads{cluster: cfg.Cluster}, seen: map[string]map[xa.XID]sight{}, busy: map[xa.XID]bool{},
		kept: map[string]map[xa.GTRID]time.Time{}, doubt: map[string]map[xa.GTRID]time.Time{}, orphans: map[string]map[xa.GTRID]time.Time{}, cursors: map[markLog]txnlog.MarkCursor{}, places: map[string]place{}}
}

// Run looks after the data sources until ctx ends. What fails is tried again, and told to report. A branch or a server that
// takes its time does not keep others waiting.
func (r *Recoverer) Run(ctx context.Context, report func(dataSource string, err error)) {
	looks, sweeps := crowd{most: overlap}, crowd{most: 1}
	defer r.leads.keep(nil)
	defer looks.all.Wait()
	defer sweeps.all.Wait()
	told := func(name string, err error) {
		if err != nil && ctx.Err() == nil {
			report(name, err)
		}
	}
	for turn := 0; ctx.Err() == nil; turn++ {
		for _, name := range r.cfg.Shards.Names() {
			looks.start(name, func() {
				_, err := r.Scan(ctx, name)
				told(name, err)
			})
			if turn%sweepEvery == 0 {
				sweeps.start(name, func() { told(name, r.sweepIfLeading(ctx, name)) })
			}
		}
		r.leads.keep(r.cfg.Shards.Names())
		r.pause(ctx, r.untilNext())
	}
}

// crowd is work of one kind that is under way. It is used by one goroutine.
type crowd struct {
	most int // of a data source, at the same time
	all  sync.WaitGroup
	of   map[string]chan struct{}
}

// start begins work at a data source, unless there is as much as may be.
func (c *crowd) start(dataSource string, work func()) {
	if c.of == nil {
		c.of = map[string]chan struct{}{}
	}
	slots := c.of[dataSource]
	if slots == nil {
		slots = make(chan struct{}, c.most)
		c.of[dataSource] = slots
	}
	select {
	case slots <- struct{}{}:
		c.all.Go(func() {
			defer func() { <-slots }()
			work()
		})
	default:
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
	for _, branches := range r.seen {
		for x, at := range branches {
			if left := r.alone(x) - time.Since(at.since); !r.busy[x] && left > 0 && left < r.cfg.Every*5/4 && (next == r.cfg.Every || left < next) {
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

// overlap is how many looks at a data source there may be at once, where one finds something that takes its time. There is one sweep.
const overlap = 8

// sweepEvery is how many looks at a data source there are to one sweep.
const sweepEvery = 3

// recoveries is how many branches of a data source, and of one home, are recovered at the same time. They share pictures of the server's transactions: the more
// there are, the fewer pictures there have to be.
const recoveries = 128

// answerTime is how long a server may take to answer a question that others' work hangs on. One that takes longer is asked again later.
const answerTime = 5 * time.Second

// Scan finishes the branches that a data source's server lists as prepared, but for those that are young enough for their
// owner to be at them.
func (r *Recoverer) Scan(ctx context.Context, dataSource string) ([]Resolved, error) {
	server := r.cfg.Shards.Server(dataSource)
	if server == nil {
		return nil, nil
	}
	asking, cancel := context.WithTimeout(ctx, answerTime)
	listed, _, err := server.Prepared(asking)
	cancel()
	if err != nil {
		return nil, fmt.Errorf("recover %s: %w", dataSource, err)
	}
	homes := map[xa.Log][]xa.XID{}
	old := r.undated(dataSource)
	due := r.due(dataSource, server, listed)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { r.date(ctx, server, old) })
	if len(due) > 0 {
		if err := takesWrites(ctx, server); err != nil {
			for _, x := range due {
				r.leave(x)
			}
			return nil, fmt.Errorf("recover %s: %w", dataSource, err)
		}
	}
	for _, x := range due {
		homes[x.GTRID.Log] = append(homes[x.GTRID.Log], x)
	}
	var found looked
	for log, due := range homes {
		wg.Go(func() { r.ofHome(ctx, server, log, due, &found) })
	}
	wg.Wait()
	slices.SortFunc(found.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) }) // the same is told once
	return found.done, errors.Join(found.errs...)
}

// takesWrites asks a server, which may have become a replica since it was probed: what is finished there would break what it is sent.
func takesWrites(ctx context.Context, server *txnlog.Server) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	vars, err := settings(ctx, server.DB)
	if err != nil {
		return err
	}
	return writable(ctx, server.DB, vars)
}

// looked is what came of a look.
type looked struct {
	mu   sync.Mutex // guards what follows
	done []Resolved
	errs []error
}

func (l *looked) add(done Resolved, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	l.done = append(l.done, done)
}

// ofHome finishes branches of transactions that one log decides. While that does not answer they are left, for the next look to ask again: what waits
// for it keeps no others waiting.
func (r *Recoverer) ofHome(ctx context.Context, server *txnlog.Server, log xa.Log, due []xa.XID, found *looked) {
	due, err := r.decidable(ctx, server, log, due)
	if err != nil {
		found.add(Resolved{}, fmt.Errorf("recover %s: %w", server.DataSource, err))
	}
	// Recoverers come to the same branch at the same time seldom: each has an order of its own.
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	slots := make(chan struct{}, recoveries)
	var wg sync.WaitGroup
	for _, x := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer r.leave(x)
			if now := r.cfg.Shards.Server(server.DataSource); now == nil || !now.Is(server) { // the next look is at the one that the data source has now
				return
			}
			found.add(r.resolve(ctx, server, x, (*xa.Recovery).Begin))
		})
	}
	wg.Wait()
}

// decidable leaves out what clients have prepared, and what an owner may be preparing that seems to live; all, where the log does not say.
func (r *Recoverer) decidable(ctx context.Context, server *txnlog.Server, log xa.Log, due []xa.XID) (out []xa.XID, err error) {
	kept, err := r.held(ctx, log, due)
	if err == nil {
		r.keeps(server.DataSource, due, kept)
	}
	for _, x := range due {
		if err != nil || kept[x.GTRID] || x.GTRID.Client && r.preparing(ctx, server, x) {
			r.leave(x)
			continue
		}
		out = append(out, x)
	}
	return out, err
}

// held are those of the branches' transactions that clients have prepared.
func (r *Recoverer) held(ctx context.Context, log xa.Log, due []xa.XID) (map[xa.GTRID]bool, error) {
	home := r.cfg.Shards.ByLog(log)
	if home == nil {
		return nil, fmt.Errorf("%d branches of log %s: %w", len(due), log, errNoLog)
	}
	gtrids := map[xa.GTRID]bool{}
	for _, x := range due {
		gtrids[x.GTRID] = true
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return home.Held(ctx, slices.Collect(maps.Keys(gtrids)))
}

// preparing reports whether the owner of a branch may be about to say that all are prepared: nothing is known of its process but that the branch's
// connection is there. A client that is told that its PREPARE is undone cannot repeat it as cheaply as a COMMIT, and so owners have as long as living ones.
func (r *Recoverer) preparing(ctx context.Context, server *txnlog.Server, x xa.XID) bool {
	r.mu.Lock()
	since := r.seen[server.DataSource][x].since
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

// due are the listed branches that are this mesh's and this data source's, and old enough, and that nobody is at. Whoever calls it is at
// them from then on.
func (r *Recoverer) due(dataSource string, server *txnlog.Server, listed []xa.XID) (due []xa.XID) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, whose := map[xa.XID]sight{}, map[xa.Log]*txnlog.Server{}
	for _, x := range listed {
		owner, known := whose[x.Branch.Log]
		if !known {
			owner = r.cfg.Shards.ByLog(x.Branch.Log)
			whose[x.Branch.Log] = owner
		}
		if x.GTRID.Cluster != r.cfg.Cluster || owner != nil && owner != server { // on the same server under another name
			continue
		}
		at, known := r.seen[dataSource][x]
		if !known {
			at = sight{since: now}
		}
		seen[x] = at
		if now.Sub(at.since) >= r.alone(x) && !r.busy[x] {
			r.busy[x] = true
			due = append(due, x)
		}
	}
	r.seen[dataSource] = seen
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
