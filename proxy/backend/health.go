package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/tcp"
)

// A server that hangs keeps its connections and answers nothing. Who waits for it holds connections to other servers, which others
// would need. One goroutine looks at all pools: where something is lent and nothing was answered since the look before, the server is asked
// on a connection of the pool's own. If neither that is answered for Limits.HangTimeout, nor a byte has come on any connection, the server hangs:
// what waits for it is broken off, and what needs it fails at once, until the question is answered after all.
//
// A busy server is none that hangs: it answers the question while statements take their time, and an answer to anybody counts
// as one to all. Time is counted in looks, so that a process that was not running itself has heard nothing of anybody and concludes nothing.

const (
	lookEvery  = 250 * time.Millisecond
	leastLooks = 4 // before a server is said to hang, however short the bound
	askAfter   = 2 // looks without an answer to a statement
	// loginLooks is how much longer a server may take that can only be asked to let somebody in, which a busy one may not do for long.
	loginLooks = 2
	// loginWait is how long the question may take whether somebody is let in. It is not given up before: a server that has stood still would
	// find one lost login after the other, and let in nobody of this address any more.
	loginWait = 10 * time.Minute
	// loginPause is how many looks a login is not tried again for that was refused.
	loginPause = 20
	// keptLooks is how many looks the connection is kept for while the pool is not in use: a minute.
	keptLooks = 240
)

// health is what the looking goroutine knows of a pool.
type health struct {
	pool   *pool
	conn   *Conn // on which the server is asked; nil: there is none, or it is being asked on
	cancel context.CancelFunc
	asking bool
	login  bool // the question is whether somebody is let in
	gone   bool // the pool is

	took   int64         // of what was served, at the last look
	quiet  int           // looks without a sign of life, in a row
	since  time.Duration // of the first of them
	pause  int           // looks until the next login
	unused int           // looks at which nobody used the pool
}

// answer is what a question came to.
type answer struct {
	of   *health
	conn *Conn // nil: nobody was let in
	err  error
}

// lookAfter looks at all pools until Close.
func (p *Pools) lookAfter() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	answers := make(chan answer)
	known := map[*pool]*health{}
	defer func() {
		for _, h := range known {
			h.forget()
		}
	}()
	for {
		select {
		case <-p.stop:
			return
		case a := <-answers:
			a.of.answered(&a)
			continue
		case src := <-p.rested:
			if h := known[src]; h != nil {
				h.look(p.stop, answers)
			}
			continue
		case <-tick.C:
		}
		inUse := p.inUse()
		for src, h := range known {
			if !inUse[src] {
				h.forget()
				delete(known, src)
			}
		}
		for src := range inUse {
			h := known[src]
			if h == nil {
				h = &health{pool: src}
				known[src] = h
			}
			h.look(p.stop, answers)
		}
	}
}

// inUse are the pools that lend, and those replaced of which something is lent yet.
func (p *Pools) inUse() map[*pool]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	current := *p.current.Load()
	all := make(map[*pool]bool, len(current)+len(p.retired))
	for _, src := range current {
		all[src] = true
	}
	for _, src := range p.retired {
		if !src.isEmpty() {
			all[src] = true
		}
	}
	return all
}

// forget ends what is under way, and the connection.
func (h *health) forget() {
	h.gone = true
	if h.asking {
		h.cancel() // its answer finds nobody, or is dropped
	}
	h.close()
}

func (h *health) close() {
	if h.conn != nil {
		_ = h.conn.Close() // it was only asked
		h.conn = nil
		h.pool.asks.Store(false)
	}
}

// look looks at the pool once.
func (h *health) look(stop <-chan struct{}, answers chan<- answer) {
	src := h.pool
	src.mu.Lock()
	lent := src.lent.first != nil
	bound, budget := src.limits.HangTimeout, src.limits.Budget > 0
	down, hangs, resting, replaced := src.down.down(), src.down.hangs, src.resting || src.draining, src.draining
	src.mu.Unlock()
	took := src.served.Took.Load()
	served := took != h.took
	h.took = took
	h.pause = max(0, h.pause-1)
	switch {
	case bound <= 0, down && !hangs && !replaced: // one that lets nobody in is tried by who needs it
		h.quiet = 0
		h.close()
		return
	case resting && !lent:
		h.quiet = 0
		h.close()
		return
	case hangs:
		h.ask(stop, answers)
		return
	case !lent && !served:
		h.quiet = 0
		if h.unused++; h.unused >= keptLooks {
			h.close()
		}
		return
	}
	h.unused = 0
	if served {
		h.quiet = 0
		if !budget && !resting {
			h.keep(stop, answers)
		}
		return
	}
	if h.quiet++; h.quiet == 1 {
		h.since = src.now()
		return
	}
	if h.quiet >= askAfter {
		h.ask(stop, answers)
	}
	if h.quiet > askAfter && src.heardSince(h.since) {
		h.quiet, h.since = 1, src.now()
		return
	}
	most := max(leastLooks, int((bound+lookEvery-1)/lookEvery))
	if h.login {
		most *= loginLooks
	}
	if h.asking && h.quiet > most {
		src.hangs(fmt.Sprintf("it has answered nothing on any connection for %v, nor the question whether it lives", (src.now() - h.since).Round(100*time.Millisecond)))
	}
}

// keep has a connection ready while the server lives: that one lets nobody in for a while does not say that it hangs.
func (h *health) keep(stop <-chan struct{}, answers chan<- answer) {
	if h.conn != nil && !h.conn.Alive() {
		h.close()
	}
	if h.conn != nil || h.asking {
		return
	}
	if h.conn = h.pool.spare(); h.conn == nil {
		h.ask(stop, answers)
	}
}

// spare takes an idle connection out of the pool, whose place becomes free; nil: there is none to spare.
func (p *pool) spare() *Conn {
	p.mu.Lock()
	defer p.unlock()
	if p.idle.n <= p.limits.MinIdle {
		return nil
	}
	c := p.idle.oldest()
	p.idle.remove(c)
	p.open--
	p.dispatch()
	p.asks.Store(true)
	return c
}

// ask asks the server, unless it is being asked.
func (h *health) ask(stop <-chan struct{}, answers chan<- answer) {
	if h.asking || h.conn == nil && h.pause > 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	conn, src := h.conn, h.pool
	h.conn, h.cancel, h.login = nil, cancel, conn == nil
	src.asks.Store(true)
	h.asking = src.work.start(func() {
		defer cancel()
		a := answer{of: h, conn: conn}
		if conn == nil {
			ds := *src.ds
			ds.Limits.ConnectTimeout = loginWait
			a.conn, a.err = src.dialer.connect(ctx, &ds, 0, "")
		}
		if a.err == nil {
			a.err = a.conn.Ping(ctx)
		}
		select {
		case answers <- a:
		case <-stop:
			if a.conn != nil {
				_ = a.conn.Close() // it was only asked
			}
		}
	})
	if !h.asking {
		cancel()
	}
}

// answered takes note of an answer: any ERR is one.
func (h *health) answered(a *answer) {
	h.asking = false
	if h.conn = a.conn; a.conn == nil {
		h.pool.asks.Store(false)
	}
	if h.gone || a.err != nil {
		h.close()
	}
	if h.gone {
		return
	}
	var lost *Error
	switch {
	case a.err == nil, !errors.As(a.err, &lost), sqlerr.As(lost.Err) != nil:
		h.quiet = 0
		h.pool.lives()
	default: // its end is found by who uses it
		h.quiet = 0
		h.pool.hangsNoMore()
	}
	if a.err != nil {
		h.pause = loginPause
	}
}

// heardSince reports whether a byte has come on any connection since then, as far as the kernel tells.
func (p *pool) heardSince(then time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	within := p.now() - then
	for c := p.lent.first; c != nil; c = c.slot.next {
		if ago, ok := tcp.SinceReceived(c.link.socket); ok && ago < within {
			return true
		}
	}
	for _, c := range p.idle.all() {
		if ago, ok := tcp.SinceReceived(c.link.socket); ok && ago < within {
			return true
		}
	}
	return false
}

// hangs breaks off what waits for the server, and for its connections, and has what needs it fail at once.
func (p *pool) hangs(why string) {
	p.mu.Lock()
	was := p.down.down()
	p.down = downtime{failures: downAfter, since: p.now(), slow: true, hangs: true, last: errors.New(why)}
	p.count.hangs++
	p.queue.failAll(p.isDown())
	p.turned(was)
	p.cut(why)
}

// lives ends that.
func (p *pool) lives() {
	p.mu.Lock()
	if !p.down.hangs {
		p.mu.Unlock()
		return
	}
	p.down.succeeded()
	p.turned(true)
}

// hangsNoMore has a server that has ended the connection on which it was asked be one that is down: who needs it tries it.
func (p *pool) hangsNoMore() {
	p.mu.Lock()
	p.down.hangs = false
	p.mu.Unlock()
}
