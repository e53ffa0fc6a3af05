package rpc

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"
)

// fault is what is done to a call on purpose.
type fault struct {
	delay time.Duration // before it is sent on
	abort *failure      // then, in place of an answer; nil: none
}

// inject has the route's faults befall the call. It returns an abort that no delay stands before.
func (x *call) inject() *failure {
	delay, abort := x.route.Faulted(x.fields)
	x.fault.delay, x.done.Delayed = delay, delay
	if abort != nil {
		x.fault.abort = &failure{status: cmp.Or(abort.Status, httpOfGRPC(abort.GRPC)), code: abort.GRPC, why: "aborted on purpose"}
	}
	if delay > 0 {
		return nil
	}
	return x.aborted()
}

// aborted is the abort that is due now; nil: none is.
func (x *call) aborted() *failure {
	if x.fault.abort != nil && (x.deadline.IsZero() || time.Now().Before(x.deadline)) {
		x.done.Aborted = true
		return x.fault.abort
	}
	return nil
}

// stall waits out the delay, unless gone is closed, the call's time is over or the server ends before.
func (x *call) stall(gone <-chan struct{}) {
	d := x.fault.delay
	if !x.deadline.IsZero() {
		d = min(d, time.Until(x.deadline))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	case <-x.server.done:
	}
	x.hedging.began = time.Now() // the delay says nothing of the servers
	x.place.began = x.hedging.began
}

// confess has what is told of the call say that it was delayed.
func (x *call) confess() {
	if x.done.Delayed == 0 {
		return
	}
	why := "delayed by " + x.done.Delayed.String() + " on purpose"
	if x.done.Why != "" {
		why += "; " + x.done.Why
	}
	x.done.Why = why
}

// waker is what stands for a server's connection while there is none: to close it ends a wait.
type waker struct {
	once   sync.Once
	closed chan struct{}
}

func newWaker() *waker { return &waker{closed: make(chan struct{})} }

// Close implements io.Closer.
func (w *waker) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// delay1 delays a call by HTTP/1.
func (x *call1) delay1() *failure {
	w := newWaker()
	if !x.conn.holds(w) {
		x.begun = true // nobody is there to be told
		return &failure{why: "the call is cut"}
	}
	defer x.conn.holds(nil)
	x.conn.waits(true)
	x.stall(w.closed)
	if !x.conn.waits(false) {
		x.begun = true // likewise
		return &failure{why: "the client has left"}
	}
	return x.aborted()
}

// delay2 delays a call between two streams. What comes of its body waits meanwhile.
func (x *call2) delay2() {
	woken := make(chan struct{})
	x.woken = woken
	x.stream.SetReceiver(fromClient{x})
	x.stream.Hold()
	x.conn.calls.Go(func() {
		defer x.stream.Release()
		defer x.stream.Conn().Flush()
		x.stall(woken)
		x.mu.Lock()
		if x.over {
			x.mu.Unlock()
			return
		}
		x.woken = nil
		x.bound()
		failed := x.aborted()
		e, over := x.next(failed)
		if over != nil {
			x.fail(over)
		}
		x.mu.Unlock()
		if over == nil {
			x.connect(e)
		}
	})
}

// delayed1 delays a call to a server of HTTP/1; over is that nobody waits for its answer any more.
func (x *call2) delayed1() (failed *failure, over bool) {
	if x.fault.delay == 0 {
		return nil, false
	}
	w := newWaker()
	x.mu.Lock()
	gone := x.gone
	x.server1 = w
	x.mu.Unlock()
	if gone == nil {
		x.stall(w.closed)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.server1 = nil; x.gone != nil {
		x.abandoned()
		return nil, true
	}
	return x.aborted(), false
}

// delay delays a call of a protocol of frames, with a copy of its frame.
func (x *framedCall) delay(f []byte) {
	b, copied := x.client, slices.Clone(f)
	if b.parked.Add(int64(len(copied))) > maxParked {
		b.parked.Add(-int64(len(copied)))
		x.fail(&failure{status: http.StatusTooManyRequests, why: "the connection has as much delayed as it may"})
		return
	}
	x.speaks.moved(copied)
	b.waiters.Go(func() {
		x.stall(nil)
		at, failed := x.next(x.aborted())
		b.parked.Add(-int64(len(copied)))
		if failed != nil {
			x.fail(failed)
			return
		}
		link, failed := x.await(at, copied)
		x.resume(copied, at, link, failed)
	})
}
