package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Lease is a lease that a goroutine keeps alive. Time is counted from the moment a renewal was *sent*, and the holder
// gives up a sixth of the TTL before the store could: so that it knows first (rule 11 of Store).
type Lease struct {
	id      LeaseID
	ttl     time.Duration
	renewer func(context.Context) error
	revoker func(context.Context) error

	deadline atomic.Pointer[time.Time] // when the holder must take it for lost
	done     chan struct{}
	stop     context.CancelFunc
	stopped  chan struct{} // the keeper has returned

	mu  sync.Mutex // guards err and the closing of done
	err error
}

// KeepLease is for providers: it keeps the lease id alive. granted is the time before the grant was sent. renew and
// revoke are called with a context that bounds them; renew returns ErrLeaseLost if the store has it no more.
func KeepLease(id LeaseID, ttl time.Duration, granted time.Time, renew, revoke func(context.Context) error) *Lease {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Lease{id: id, ttl: ttl, renewer: renew, revoker: revoke, done: make(chan struct{}), stop: cancel, stopped: make(chan struct{})}
	l.extend(granted)
	go l.keep(ctx)
	return l
}

// ID is the lease's number in the store.
func (l *Lease) ID() LeaseID { return l.id }

// TTL is the lease's real length, which may be longer than what was asked.
func (l *Lease) TTL() time.Duration { return l.ttl }

// Done is closed when the lease is lost, released or revoked.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Alive tells whether the holder may still act on the lease at this moment. It looks at the clock, so that a process
// that was paused gets the right answer before its timers run.
func (l *Lease) Alive() bool {
	select {
	case <-l.done:
		return false
	default:
		return time.Now().Before(*l.deadline.Load())
	}
}

// Err says why Done was closed; nil before.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Revoke ends the lease and deletes its keys. The lease is over for the holder even if the store cannot be told.
func (l *Lease) Revoke(ctx context.Context) error {
	l.Abandon()
	if err := l.revoker(ctx); err != nil && !errors.Is(err, ErrLeaseLost) {
		return fmt.Errorf("revoke lease %x: %w", l.id, err)
	}
	return nil
}

// Abandon ends the keeping without telling the store: the keys go when the TTL has run out.
func (l *Lease) Abandon() {
	l.end(fmt.Errorf("%w: given back", ErrLeaseLost))
	l.stop()
	<-l.stopped
}

func (l *Lease) extend(sent time.Time) {
	d := sent.Add(l.ttl - l.ttl/6)
	l.deadline.Store(&d)
}

func (l *Lease) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
		close(l.done)
	}
}

// keep renews every third of the TTL, and more often while the store does not answer.
func (l *Lease) keep(ctx context.Context) {
	defer close(l.stopped)
	wait := l.ttl / 3
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := l.renew(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrClosed):
			l.end(fmt.Errorf("lease %x: %w", l.id, err))
			return
		case !time.Now().Before(*l.deadline.Load()):
			l.end(fmt.Errorf("%w: lease %x not renewed in time: %v", ErrLeaseLost, l.id, err))
			return
		case err != nil:
			wait = min(l.ttl/12, time.Until(*l.deadline.Load()))
		default:
			wait = l.ttl / 3
		}
		timer.Reset(max(wait, time.Millisecond))
	}
}

// renew asks once. The deadline that stands when it begins also bounds the question, and a late "yes" is no yes:
// the holder may have been told otherwise by Alive.
func (l *Lease) renew(ctx context.Context) error {
	sent, deadline := time.Now(), *l.deadline.Load()
	if !sent.Before(deadline) {
		return context.DeadlineExceeded
	}
	limit := sent.Add(l.ttl / 3)
	if limit.After(deadline) {
		limit = deadline
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	if err := l.renewer(ctx); err != nil {
		return err
	}
	if !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	l.extend(sent)
	return nil
}
