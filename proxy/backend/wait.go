package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// errRetired: the pool is being drained, or its connections are kept back by a Hold. Who borrows looks for the pool anew: its successor, if any,
// has the connections.
var errRetired = errors.New("the data source was changed")

// want is what a borrower asks for.
type want struct {
	flags Flags
	hint  *Conn
	state *State
}

// waiter stands in a pool's queue for n places at once.
type waiter struct {
	want
	n         int
	overtaken int

	// set before ready is closed; then the waiter's own
	got   []*Conn // nil: the right to dial
	err   error
	ready chan struct{}
}

// queue is first come, first served.
type queue struct{ waiting []*waiter }

func (q *queue) empty() bool { return len(q.waiting) == 0 }

func (q *queue) failAll(err error) {
	for _, w := range q.waiting {
		w.err = err
		close(w.ready)
	}
	q.waiting = nil
}

// remove takes w out; false if it has been served.
func (q *queue) remove(w *waiter) bool {
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// maxOvertaken is how often the head of the queue lets others pass for whom a connection of their own flags is idle,
// so that a full pool with borrowers of several flags does not log in anew for each.
const maxOvertaken = 8

// dispatch serves the queue as far as places go. It is called with mu held.
func (p *pool) dispatch() {
	for !p.queue.empty() {
		head := p.queue.waiting[0]
		n := min(head.n, p.limits.MaxOpen)
		if n > p.idle.n+max(0, p.limits.MaxOpen-p.open) {
			return
		}
		i := 0
		if n == 1 && p.open >= p.limits.MaxOpen && !p.idle.has(head.flags) {
			i = p.passing(head)
		}
		p.serve(p.queue.waiting[i], n)
		p.queue.waiting = slices.Delete(p.queue.waiting, i, i+1)
	}
}

// passing is the index of the waiter to be served when the head can be only by closing another's connection; 0 for
// the head itself.
func (p *pool) passing(head *waiter) int {
	if head.overtaken < maxOvertaken {
		for i, w := range p.queue.waiting[1:] {
			if w.n == 1 && p.idle.has(w.flags) {
				head.overtaken++
				return i + 1
			}
		}
	}
	return 0
}

// serve takes n places for w. dispatch has counted them.
func (p *pool) serve(w *waiter, n int) {
	for range n {
		c, ok := p.take(&w.want)
		if !ok {
			panic("backend: a place that was counted is not there")
		}
		w.got = append(w.got, c)
	}
	p.count.acquired += int64(n)
	close(w.ready)
}

// wait queues for n places, at most for Limits.WaitTimeout. It is called with mu held and returns without it: with the
// places, or with none.
func (p *pool) wait(ctx context.Context, w want, n int) ([]*Conn, error) {
	began, timeout := p.now(), p.limits.WaitTimeout
	me := &waiter{want: w, n: n, ready: make(chan struct{})}
	p.queue.waiting = append(p.queue.waiting, me)
	p.dispatch()
	if me.got == nil {
		p.count.waits++
	}
	p.unlock()

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var why error
	select {
	case <-me.ready:
	case <-ctx.Done():
		why = fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
	case <-timer.C:
	}
	p.mu.Lock()
	p.count.waited += p.now() - began
	if p.queue.remove(me) {
		if why == nil {
			p.count.timeouts++
			why = p.exhausted(p.now() - began)
		}
		p.dispatch()
		p.unlock()
		return nil, &Error{DataSource: p.ds.Name, Op: "acquire", Err: why}
	}
	p.unlock()
	return me.got, me.err
}

// exhausted is the error of a wait that was in vain.
func (p *pool) exhausted(waited time.Duration) error {
	return sqlerr.BackendUnavailable(p.ds.Name, fmt.Sprintf(
		"no connection became free within %v (%d of %d are in use, %d more statements wait)",
		waited.Round(time.Millisecond), p.open-p.idle.n, p.limits.MaxOpen, len(p.queue.waiting)))
}
