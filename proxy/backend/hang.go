package backend

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A server that hangs takes connections, or keeps them, and answers nothing. Who waits for it holds connections to other servers too, which
// others would need. So a pool with a loan that lasts asks its server, on a connection of its own, whether it lives: while that is not
// answered no statement of several data sources begins, and after Limits.HangTimeout what waits for the server is broken off, and it
// counts as down: the downtime has the rest.

const (
	// hangLook is between two looks at what is lent.
	hangLook = 250 * time.Millisecond
	// hangLoans is how many looks a connection is lent for before its server is asked.
	hangLoans = 2
	// hangDoubt is how long an answer may take before the server is suspected, and loginDoubt a login, which takes several.
	hangDoubt  = 500 * time.Millisecond
	loginDoubt = 5 * hangDoubt
)

// suspicion is that a server hangs.
type suspicion struct {
	over chan struct{} // closed when it has answered, or is down
}

// lookForHangs looks at all pools until Close.
func (p *Pools) lookForHangs() {
	tick := time.NewTicker(hangLook)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		for _, src := range *p.current.Load() {
			if src.lendsLong() {
				src.work.start(src.askWhetherItHangs)
			}
		}
	}
}

// lendsLong reports whether the server is to be asked: a loan lasts, and nobody asks already.
func (p *pool) lendsLong() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	long := false
	for c := p.lent.first; c != nil; c = c.slot.next {
		if c.slot.looks++; c.slot.looks > hangLoans {
			long = true
		}
	}
	if !long || p.asking || p.draining || p.down.down() || p.limits.HangTimeout <= 0 {
		return false
	}
	p.asking = true
	return true
}

// askWhetherItHangs asks, as long as loans last.
func (p *pool) askWhetherItHangs() {
	defer func() {
		if p.health != nil {
			_ = p.health.Close() // it was only asked
			p.health = nil
		}
		p.mu.Lock()
		p.asking = false
		p.mu.Unlock()
	}()
	for {
		bound, began := p.hangTimeout(), p.now()
		ctx, cancel := context.WithTimeoutCause(context.Background(), bound, fmt.Errorf("it has answered nothing for %v", bound))
		stopped := make(chan struct{})
		p.work.start(func() { // the end of all is not waited for
			select {
			case <-stopped:
			case <-p.stopped:
				cancel()
			}
		})
		doubted := make(chan struct{})
		patience := hangDoubt
		if p.health == nil {
			patience = loginDoubt
		}
		doubt := time.AfterFunc(patience, func() {
			if !p.livesSince(began) {
				p.suspect.Store(&suspicion{over: make(chan struct{})})
			}
			close(doubted)
		})
		err := p.ask(ctx)
		close(stopped)
		hangs := err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !p.livesSince(began)
		cause := context.Cause(ctx)
		cancel()
		if !doubt.Stop() {
			<-doubted
		}
		if hangs {
			p.hangs(cause)
		}
		if s := p.suspect.Swap(nil); s != nil {
			close(s.over)
		}
		if err != nil || !p.stillLends() {
			return
		}
	}
}

// stillLends waits for the next look, and reports whether a loan still lasts.
func (p *pool) stillLends() bool {
	t := time.NewTimer(2 * hangLook)
	defer t.Stop()
	select {
	case <-p.stopped:
		return false
	case <-t.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := p.lent.first; c != nil; c = c.slot.next {
		if c.slot.looks > hangLoans {
			return !p.draining
		}
	}
	return false
}

// livesSince reports whether a connection has come back since then: its server has answered, though it may let in nobody new for a while.
func (p *pool) livesSince(began time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cameBack > began
}

func (p *pool) hangTimeout() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limits.HangTimeout
}

// ask has the server answer, on a connection that is kept while it is asked.
func (p *pool) ask(ctx context.Context) error {
	if p.health == nil {
		ds := *p.ds
		ds.Limits.ConnectTimeout = p.hangTimeout()
		c, err := p.dialer.connect(ctx, &ds, 0, "")
		if err != nil {
			return err
		}
		p.health = c
	}
	return p.health.Ping(ctx)
}

// hangs breaks off what waits for the server, and has it count as down.
func (p *pool) hangs(why error) {
	p.mu.Lock()
	was := p.down.down()
	for !p.down.down() {
		p.down.failed(p.now(), p.ds.Limits.ConnectTimeout, p.limits.RetryAfter, why)
	}
	p.down.slow = true // it is tried in the background
	p.turned(was)
	p.cut(why.Error())
}

// trusted waits while the server is suspected to hang, at most for as long as a connection is waited for.
func (p *pool) trusted(ctx context.Context) {
	s := p.suspect.Load()
	if s == nil {
		return
	}
	t := time.NewTimer(p.ds.Limits.WaitTimeout)
	defer t.Stop()
	select {
	case <-s.over:
	case <-ctx.Done():
	case <-t.C:
	}
}
