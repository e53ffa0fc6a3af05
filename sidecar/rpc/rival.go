package rpc

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// rival is a second try of a call that has a goroutine which waits for the first server's answer; it has one of its own.
type rival struct {
	attempt
	server    *Server
	endpoint  *upstream.Endpoint
	interrupt func()        // has the call's goroutine wait for the first server no longer
	by        time.Time     // when its answer has to begin; the call's deadline until it is connected
	perTry    time.Duration // that it has then, by its route; 0: as long as the call
	full      bool          // it has all of perTry: no answer by then speaks against its server
	done      chan struct{} // closed when it has won or failed
	given     *waker        // closed when it is not wanted any more

	mu        sync.Mutex // guards what follows
	over      bool       // it is not wanted any more
	won       bool
	connected bool
	began     time.Time // of what its endpoint has to do
}

// attempt is how a rival speaks with its server.
type attempt interface {
	// connect waits for a connection, until the rival is given up.
	connect(r *rival) error
	// spare gives back what is connected and has carried nothing.
	spare()
	// exchange sends the call and waits for the head of an answer that is below 500.
	exchange(r *rival) error
	// abandon ends exchange, for another goroutine.
	abandon() error
	// excused says whether an error of exchange says nothing of the server: it has done nothing of the call, and may be well.
	excused(err error) bool
	// discard ends what is connected, of which nobody wants anything any more.
	discard()
}

// against has an endpoint be asked beside the first, of which interrupt has the call's goroutine hear that its answer is not waited for any more. holds
// notes what ends both where the client leaves; it returns false if it has.
func (x *call) against(e *upstream.Endpoint, a attempt, interrupt func(), first io.Closer, holds func(io.Closer) bool) *rival {
	r := &rival{attempt: a, server: x.server, endpoint: e, interrupt: interrupt, by: x.deadline, done: make(chan struct{}), given: newWaker()}
	if y := x.route.Retry; y != nil {
		r.perTry = y.PerTry
	}
	if !holds(both{r, first}) {
		e.Over(breaker.Unknown, "")
		return nil
	}
	x.server.reaping.Go(r.run)
	return r
}

// Close implements io.Closer: it is given up.
func (r *rival) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	_ = r.given.Close() // which never fails
	if r.connected && !r.won {
		return r.abandon()
	}
	return nil
}

// both are what a call and its rival wait for: who leaves gives up both.
type both struct {
	*rival
	first io.Closer
}

// Close implements io.Closer.
func (b both) Close() error { return errors.Join(b.first.Close(), b.rival.Close()) }

// hasWon says whether its answer has come, before it was given up.
func (r *rival) hasWon() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.won
}

// settle says which of both is the call's: the rival, if it has answered first, or if the other has failed and it has not. status is what the other has
// answered, where it has not failed.
func (x *call) settle(r *rival, status int, failed *failure) (won bool, _ *failure) {
	if failed == nil && status < http.StatusInternalServerError {
		_ = r.Close() // it is not wanted any more
		if r.hasWon() {
			r.lose(breaker.Good, "")
		}
		return false, nil
	}
	select {
	case <-r.done:
	case <-r.given.closed:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.won || r.over {
		if r.over = true; r.won {
			r.lose(breaker.Unknown, "")
		}
		return false, failed
	}
	switch {
	case failed == nil:
		failed = &failure{why: "status " + strconv.Itoa(status), fault: true}
	case failed.status == http.StatusGatewayTimeout && time.Now().Before(x.tryBy):
		failed = nil // it was interrupted
	}
	x.beside(r.endpoint, failed)
	x.done.HedgeWon = true
	return true, nil
}

// run sends the call and waits for the head of its answer. One that comes is the call's, unless it is not wanted any more.
func (r *rival) run() {
	defer close(r.done)
	if err := r.connect(r); err != nil {
		outcome := breaker.Unknown
		var unreachable *upstream.ConnectError
		if errors.As(err, &unreachable) {
			outcome = breaker.Failed
		}
		r.endpoint.Over(outcome, err.Error())
		return
	}
	r.mu.Lock()
	r.connected, r.began = !r.over, time.Now()
	connected := r.connected
	r.mu.Unlock()
	if !connected {
		r.spare()
		r.endpoint.Over(breaker.Unknown, "")
		return
	}
	if bound := r.began.Add(r.perTry); r.perTry > 0 && bound.Before(r.by) {
		r.by, r.full = bound, true
	}
	r.endpoint.Load.Begin()
	err := r.exchange(r)
	r.mu.Lock()
	r.won = err == nil && !r.over
	won, over := r.won, r.over
	if won {
		r.interrupt()
	}
	r.mu.Unlock()
	switch {
	case won:
	case over:
		r.lose(breaker.Unknown, "")
	default:
		r.lose(r.blame(err), err.Error())
	}
}

// blame is what an error of exchange says of the server. One that was asked late has not had the time that a route gives servers.
func (r *rival) blame(err error) breaker.Outcome {
	if errors.Is(err, os.ErrDeadlineExceeded) && !r.full || r.excused(err) {
		return breaker.Unknown
	}
	return breaker.Failed
}

// excused says whether the end of a stream says nothing of its server: that has done nothing of the call, or its connection has ended with all that it carried.
func excused(err error) bool {
	var ended *http2.Error
	return errors.As(err, &ended) && (ended.Unsent || ended.Lost)
}

// lose ends a rival that the call has nothing of.
func (r *rival) lose(o breaker.Outcome, why string) {
	r.unload()
	r.discard()
	r.endpoint.Over(o, why)
}

// unload has its endpoint no longer be busy with the call.
func (r *rival) unload() { r.endpoint.Load.End(time.Since(r.began)) }
