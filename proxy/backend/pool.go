package backend

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// freshFor is the idle time below which a connection is taken to be alive without asking the kernel: the question
// costs more than all else in a loan. It is longer than the pause between two statements of a busy session, so that
// under load nothing is asked, and shorter than a server's end takes: what rests through that is found dead.
const freshFor = 20 * time.Millisecond

// pool holds the connections of one data source, of all flags: one bound, one queue.
//
// It counts places: a place is a connection (idle or lent) or the right to dial one. A taken place is given on by
// giveBack, destroy or vacate. Whoever finds a place free, or an idle connection, while others wait, queues behind
// them; so while the queue is not empty, places that become free collect for its head.
type pool struct {
	ds      *DataSource
	dialer  *dialer
	base    time.Time // the clock's zero
	work    *background
	reaps   chan struct{}          // holds one token for each KILL under way
	agreed  atomic.Pointer[agreed] // what the server takes of the Base
	failing atomic.Bool            // the last dial has failed
	asks    atomic.Bool            // there is a connection beside the places, to ask on
	served  Served
	hold    atomic.Pointer[hold] // nil: connections are lent

	mu     sync.Mutex // guards what follows
	limits Limits
	idle   idleSet
	lent   lentList
	flags  Flags // of the last borrower
	open   int   // taken places: connections, and dials under way
	queue  queue
	down   downtime
	doomed []*Conn // to be closed as soon as mu is free

	warming  bool // a connection is being opened that nobody has asked for
	resting  bool // connections are closed as they come back
	draining bool
	empty    chan struct{} // closed when draining and nothing is open
	count    counters
}

// slot is what a pool keeps in a connection.
type slot struct {
	pool    *pool
	expires time.Duration // on the pool's clock: not lent after it

	// guarded by pool.mu
	idle       bool
	lent       bool
	since      time.Duration // when it became idle
	prev, next *Conn         // in its idle list, or in that of those lent
}

func newPool(ds *DataSource, d *dialer, work *background) *pool {
	return &pool{
		ds: ds, dialer: d, base: time.Now(), limits: ds.Limits, work: work,
		reaps: make(chan struct{}, maxReaps), empty: make(chan struct{}),
	}
}

func (p *pool) now() time.Duration { return time.Since(p.base) }

// unlock unlocks mu and closes what was condemned under it.
func (p *pool) unlock() {
	doomed := p.doomed
	p.doomed = nil
	if p.draining && p.open == 0 {
		select {
		case <-p.empty:
		default:
			close(p.empty)
		}
	}
	p.mu.Unlock()
	for _, c := range doomed {
		_ = c.Close() // nobody is left to whom it matters
	}
}

// take takes one place for w's flags, without waiting: an idle connection, or (nil, true) for the right to dial. It
// is called with mu held.
func (p *pool) take(w *want) (*Conn, bool) {
	if c := p.idle.take(w); c != nil {
		p.lent.add(c)
		return c, true
	}
	if p.open < p.limits.MaxOpen {
		p.open++
		return nil, true
	}
	if c := p.idle.oldest(); c != nil { // of other flags: its place is worth more than itself
		p.idle.remove(c)
		p.count.evicted++
		p.doomed = append(p.doomed, c)
		return nil, true
	}
	return nil, false
}

// acquire lends one connection.
func (p *pool) acquire(ctx context.Context, w want) (*Lease, error) {
	p.mu.Lock()
	if p.keepsBack() {
		p.mu.Unlock()
		return nil, errRetired
	}
	if p.down.hangs {
		return nil, p.refuse()
	}
	p.flags = w.flags
	if p.queue.empty() {
		if c, ok := p.take(&w); ok {
			p.count.acquired++
			p.unlock()
			return p.lend(ctx, c, &w)
		}
	}
	got, err := p.wait(ctx, w, 1)
	if err != nil {
		return nil, err
	}
	return p.lend(ctx, got[0], &w)
}

// keepsBack reports whether nobody is to be lent anything: another pool has taken over, or there is a Hold, which may have begun
// since the borrower looked. It is called with mu held.
func (p *pool) keepsBack() bool { return p.draining || p.hold.Load() != nil }

// refuse unlocks mu, and returns the error of a loan by a server that hangs: nobody waits for a place that comes back.
func (p *pool) refuse() error {
	p.count.refused++
	err := p.isDown()
	p.mu.Unlock()
	return err
}

// acquireMany lends n connections, or as many as there may be, at once.
func (p *pool) acquireMany(ctx context.Context, w want, n int) ([]*Lease, error) {
	p.mu.Lock()
	if p.keepsBack() {
		p.mu.Unlock()
		return nil, errRetired
	}
	if p.down.hangs {
		return nil, p.refuse()
	}
	got, err := p.wait(ctx, w, n)
	if err != nil {
		return nil, err
	}
	leases := make([]*Lease, len(got))
	var g errgroup.Group
	for i, c := range got {
		g.Go(func() (err error) {
			leases[i], err = p.lend(ctx, c, &w)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		releaseAll(leases)
		return nil, err
	}
	return leases, nil
}

func releaseAll(leases []*Lease) {
	for _, l := range leases {
		if l != nil {
			l.Release()
		}
	}
}

// lend makes a lease of a taken place: of the idle connection c if it is still good, else of a new one. If a Hold has begun meanwhile, the
// server gets nothing on it: nobody might see what it is sent.
func (p *pool) lend(ctx context.Context, c *Conn, w *want) (*Lease, error) {
	if c != nil && !p.good(ctx, c) {
		p.discard(c)
		c = nil
	}
	if c == nil {
		var err error
		if c, err = p.dial(ctx, w.flags); err != nil {
			return nil, err
		}
	}
	if p.hold.Load() != nil { // one that begins from now on finds it among those lent
		p.giveBack(c)
		return nil, errRetired
	}
	return &Lease{conn: c}, nil
}

// good reports whether the idle connection c may be lent: the kernel is asked, and after a long rest the server.
func (p *pool) good(ctx context.Context, c *Conn) bool {
	rest := p.now() - c.slot.since
	if rest < freshFor {
		return !c.broken.Load()
	}
	if !c.Alive() {
		return false
	}
	if rest < c.ds.Limits.PingAfter {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return c.Ping(ctx) == nil
}

// discard closes a connection that has turned out dead but keeps its place, and looks at the idle ones: what ended
// one has often ended all.
func (p *pool) discard(c *Conn) {
	_ = c.Close() // it is dead
	p.mu.Lock()
	p.lent.remove(c)
	p.count.dead++
	p.bury(false)
	p.dispatch()
	p.unlock()
}

// bury closes the idle connections that the server has ended, or all. It is called with mu held, and before dispatch.
func (p *pool) bury(all bool) {
	for _, other := range p.idle.all() {
		if all || !other.Alive() {
			p.count.dead++
			p.evict(other)
		}
	}
}

// evict closes an idle connection and frees its place. It is called with mu held, and before dispatch.
func (p *pool) evict(c *Conn) {
	p.idle.remove(c)
	p.open--
	p.doomed = append(p.doomed, c)
}

// vacate frees a place.
func (p *pool) vacate() {
	p.mu.Lock()
	p.open--
	p.dispatch()
	p.unlock()
}

// giveBack takes a connection back from its borrower.
func (p *pool) giveBack(c *Conn) {
	if reason := c.unfit(); reason != "" {
		p.destroy(c)
		return
	}
	c.stream.Reader.Release()
	c.writer, c.untold = nil, false
	now := p.now()
	p.mu.Lock()
	p.lent.remove(c)
	if p.draining || p.resting || now >= c.slot.expires || c.base != p.dialer.base.Load() || p.open > p.limits.MaxOpen { // those that wait would keep it open
		p.open--
		p.doomed = append(p.doomed, c)
	} else {
		c.slot.since = now
		p.idle.put(c)
	}
	if !p.queue.empty() {
		p.dispatch()
	}
	for p.idle.n > p.limits.MaxIdle || p.open > p.limits.MaxOpen && p.idle.n > 0 {
		p.evict(p.idle.oldest())
	}
	p.unlock()
}

// destroy closes a connection that comes back from its borrower.
func (p *pool) destroy(c *Conn) {
	if c.busy && !c.killed.Load() {
		p.reap(c)
	}
	lost := c.Broken() && !c.killed.Load()
	_ = c.Close() // nobody is left to whom it matters
	p.mu.Lock()
	p.lent.remove(c)
	p.count.destroyed++
	if lost {
		p.bury(p.ds.FailoverWait > 0) // of a server that is going, connections end one after the other
	}
	p.open--
	p.dispatch()
	p.unlock()
}

// maxReaps is how many KILLs of abandoned statements may be under way per data source; what is more is left to the
// server, which notices the closed connection when it writes.
const maxReaps = 4

// reap kills the statement that runs on an abandoned connection.
func (p *pool) reap(c *Conn) {
	select {
	case p.reaps <- struct{}{}:
	default:
		return
	}
	started := p.work.start(func() {
		defer func() { <-p.reaps }()
		// A failure changes nothing: the connection is gone, and the statement ends by itself.
		_ = c.Kill(context.Background(), false)
	})
	if !started {
		<-p.reaps
	}
}

// sweep closes idle connections that have been unused or have lived for too long, or that the server has ended, and opens
// those that are to be there.
func (p *pool) sweep() {
	now := p.now()
	p.mu.Lock()
	ended := false
	for _, c := range p.idle.all() {
		switch {
		case !c.Alive():
			ended = true
			p.count.dead++
			p.evict(c)
		case now >= c.slot.expires, now-c.slot.since >= p.limits.IdleTime && p.idle.n > p.limits.MinIdle:
			p.evict(c)
		}
	}
	p.dispatch()
	warm := p.limits.MinIdle > p.idle.n
	seek := p.down.down() || p.open == 0 && (ended || p.down.failures > 0)
	p.unlock()
	if seek {
		p.seek()
	}
	if warm {
		p.warm()
	}
}

// warm opens idle connections in the background, up to Limits.MinIdle, for borrowers like the last one. A server that does
// not answer is left to the statements and to the next sweep.
func (p *pool) warm() {
	p.work.start(func() {
		for {
			p.mu.Lock()
			need := !p.draining && !p.resting && !p.warming && p.queue.empty() && p.idle.n < p.limits.MinIdle && p.open < p.limits.MaxOpen
			if !need || p.down.judge(p.now()) == refuse {
				p.mu.Unlock()
				return
			}
			p.open++
			p.warming = true
			flags := p.flags
			p.mu.Unlock()
			c, err := p.dialNow(context.Background(), flags)
			p.mu.Lock()
			p.warming = false
			p.mu.Unlock()
			if err != nil {
				return // it has been noted
			}
			p.giveBack(c)
		}
	})
}

// resize changes the limits of a pool in use.
func (p *pool) resize(l Limits) {
	p.mu.Lock()
	p.limits = l
	for p.idle.n > 0 && (p.idle.n > l.MaxIdle || p.open > l.MaxOpen) {
		p.evict(p.idle.oldest())
	}
	p.dispatch()
	p.unlock()
	if l.MinIdle > 0 {
		p.warm()
	}
}

// drain ends the pool: idle connections are closed, those that wait are sent away, lent connections are closed as
// they come back. empty is closed when the last is.
func (p *pool) drain() {
	p.mu.Lock()
	p.draining = true
	for _, c := range p.idle.all() {
		p.evict(c)
	}
	p.queue.failAll(errRetired)
	p.unlock()
}

func (p *pool) isEmpty() bool {
	select {
	case <-p.empty:
		return true
	default:
		return false
	}
}
