package backend

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// downtime remembers that a server does not let anybody in, so that a dead one costs no statement the connect
// time-out any more. It is guarded by pool.mu.
type downtime struct {
	failures int           // in a row
	since    time.Duration // of the first of them
	retryAt  time.Duration
	probing  bool // one dial is under way although the server is down
	slow     bool // the last failure took longer than a statement should wait for another
	hangs    bool // it answers nothing on connections that it has: it is asked on one, and nobody tries another
	last     error
}

const (
	// downAfter failures in a row a server counts as down: one alone may be a connection lost by chance.
	downAfter  = 2
	firstPause = 50 * time.Millisecond
	// slowDial parts a server that refuses, which a statement may find out for itself, from one that does not answer,
	// which is found out in the background.
	slowDial = 250 * time.Millisecond
)

// verdict is what to do about a connection that is wanted.
type verdict uint8

const (
	dialNow   verdict = iota
	refuse            // the server is down: fail at once
	refuseTry         // fail at once, and have it tried in the background
)

func (d *downtime) down() bool { return d.failures >= downAfter }

// judge decides on a dial. If the server is down and the pause is over, one caller is told to find out.
func (d *downtime) judge(now time.Duration) verdict {
	switch {
	case !d.down():
		return dialNow
	case d.hangs || d.probing || now < d.retryAt:
		return refuse
	}
	d.probing = true
	if d.slow {
		return refuseTry
	}
	return dialNow
}

// failed notes a failure after a dial of the given length. The pause doubles once per pause, not for each of several
// dials that fail together.
func (d *downtime) failed(now, took, longest time.Duration, err error) {
	d.probing = false
	if d.hangs {
		return // that is known
	}
	d.last, d.slow = err, took > slowDial
	if d.down() && now < d.retryAt {
		return
	}
	if d.failures == 0 {
		d.since = now
	}
	d.failures++
	if !d.down() {
		return
	}
	pause := longest
	if doublings := d.failures - downAfter; doublings < 16 {
		pause = min(longest, firstPause<<doublings)
	}
	d.retryAt = now + pause/2 + rand.N(pause/2+1)
}

func (d *downtime) succeeded() { *d = downtime{} }

// dial opens a connection in a place that the caller has taken; if it fails, the place is free again.
func (p *pool) dial(ctx context.Context, flags Flags) (*Conn, error) {
	p.mu.Lock()
	what := p.down.judge(p.now())
	if what == dialNow {
		p.mu.Unlock()
		return p.dialNow(ctx, flags)
	}
	err := p.isDown()
	p.count.refused++
	p.mu.Unlock()
	if what == refuseTry && p.work.start(func() { p.try(flags) }) {
		return nil, err // the place is the other's now
	}
	p.vacate()
	return nil, err
}

// isDown is the error of a dial that is not tried. It is called with mu held.
func (p *pool) isDown() error {
	if p.down.hangs {
		return &Error{DataSource: p.ds.Name, Op: "acquire", Err: sqlerr.BackendUnavailable(p.ds.Name, "it hangs: "+reason(p.down.last))}
	}
	pause := max(0, p.down.retryAt-p.now()).Round(time.Millisecond)
	return &Error{DataSource: p.ds.Name, Op: "acquire", Err: sqlerr.BackendUnavailable(p.ds.Name,
		fmt.Sprintf("it is down (%s); the next try is in %v", reason(p.down.last), pause))}
}

// try dials in the background, in a place that was taken for it.
func (p *pool) try(flags Flags) {
	c, err := p.dialNow(context.Background(), flags)
	if err == nil {
		p.giveBack(c)
	} // else it has been noted
}

// dialNow opens a connection in a place that the caller has taken, which is free again if it fails, and counts it as lent. Of a pool that has
// been replaced meanwhile nothing new is lent: errRetired.
func (p *pool) dialNow(ctx context.Context, flags Flags) (*Conn, error) {
	began := p.now()
	c, err := p.dialer.connect(ctx, p.ds, flags, p.ds.Schema)
	if err == nil {
		if err = p.prepare(ctx, c); err != nil {
			_ = c.Close() // why it is of no use is the error to report
		}
	}
	p.mu.Lock()
	was := p.down.down()
	defer func() { p.turned(was) }()
	p.count.dials++
	switch {
	case err == nil:
		p.down.succeeded()
		if p.draining { // since it was begun: what ended those lent has not seen it
			p.doomed = append(p.doomed, c)
			err = errRetired
			break
		}
		life := p.limits.Lifetime
		// A tenth of difference keeps connections made together from ending together.
		c.slot = slot{pool: p, expires: p.now() + life - rand.N(life/10+1)}
		p.lent.add(c)
		return c, nil
	case ctx.Err() != nil: // who dials waits no longer, which says nothing of the server: its own time is bound further down
		p.down.probing = false
	default:
		p.count.dialErrors++
		p.down.failed(p.now(), p.now()-began, p.limits.RetryAfter, err)
	}
	p.open--
	p.dispatch()
	return nil, refusal(p.ds.Name, err)
}

// learn notes what became of a login that is none of the pool's own.
func (p *pool) learn(ctx context.Context, began time.Duration, err error) {
	p.mu.Lock()
	was := p.down.down()
	defer func() { p.turned(was) }()
	switch {
	case err == nil && !p.down.hangs: // that one was let in does not say that statements are answered
		p.down.succeeded()
	case err != nil && ctx.Err() == nil:
		p.down.failed(p.now(), p.now()-began, p.limits.RetryAfter, err)
	}
}

// turned unlocks mu, and tells whether the server is down if it was not, and whether it lives if it was down. Of a pool that has been
// replaced nothing is told: the data source may have another server.
func (p *pool) turned(wasDown bool) {
	is, last, replaced := p.down.down(), p.down.last, p.draining
	p.failing.Store(p.down.failures > 0)
	p.unlock()
	switch {
	case p.dialer.turned == nil || is == wasDown || replaced:
	case is:
		p.dialer.turned(p.ds.Name, errors.New(reason(last)))
	default:
		p.dialer.turned(p.ds.Name, nil)
	}
}

// seek tries in the background whether a server that is down, or has ended all idle connections, lets anybody in: nobody may
// want it meanwhile.
func (p *pool) seek() {
	p.mu.Lock()
	if p.draining || p.resting || p.open >= p.limits.MaxOpen || p.down.judge(p.now()) == refuse {
		p.mu.Unlock()
		return
	}
	p.open++
	flags := p.flags
	p.mu.Unlock()
	if !p.work.start(func() { p.try(flags) }) {
		p.vacate()
	}
}

// prepare makes a connection that is new alike to those of other servers, within the time of connecting.
func (p *pool) prepare(ctx context.Context, c *Conn) error {
	ctx, cancel := context.WithTimeout(ctx, p.ds.Limits.ConnectTimeout)
	defer cancel()
	if err := p.alike(ctx, c); err != nil {
		return &Error{DataSource: p.ds.Name, Op: "login", Err: err}
	}
	return nil
}

// reason is the innermost sentence of a failed dial: the server's own, or the system's.
func reason(err error) string {
	if e := sqlerr.As(err); e != nil {
		var outer *Error
		if errors.As(err, &outer) && sqlerr.As(outer.Err) == nil {
			return outer.Err.Error()
		}
		return fmt.Sprintf("%s, error %d", e.Msg, e.Code)
	}
	return err.Error()
}

// refusal turns the ERR of a server that does not let the proxy in into the data source's unavailability: the client
// has logged in well, so a 1045 meant for the proxy must not reach it as its own.
func refusal(name string, err error) error {
	var e *Error
	if !errors.As(err, &e) || errors.Is(err, ErrInterrupted) {
		return err
	}
	if inner := sqlerr.As(e.Err); inner != nil {
		return &Error{DataSource: name, Op: e.Op, Err: fmt.Errorf("%w (%w)", sqlerr.BackendUnavailable(name, reason(err)), inner)}
	}
	return err
}
