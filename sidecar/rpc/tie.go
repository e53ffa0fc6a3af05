package rpc

import (
	"net/http"
	"sync"
	"time"
)

// Tie is the call for whose sake a service may be at work.
type Tie struct {
	Call   uint64    // another for each call
	Parent string    // the traceparent of its span; "": it is not traced
	Until  time.Time // its caller waits; the zero time: for ever
}

// linger is how long a service may go on with a call that it has not answered: meanwhile nobody knows for whose sake it is at work.
const linger = time.Minute

// ties are the calls that services beside the process have under way: those to clusters that are local.
type ties struct {
	mu       sync.Mutex
	calls    map[uint64]Tie
	last     uint64
	colours  map[string]*traceColour // of the calls, by trace
	doubtful time.Time               // until when a call that has ended may still be worked for
}

// Only is the call for whose sake the services beside the process are at work, if they have exactly one and none that has ended without an answer of late.
func (s *Server) Only() (only Tie, ok bool) {
	t := &s.ties
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.calls) != 1 || time.Now().Before(t.doubtful) {
		return Tie{}, false
	}
	for _, only = range t.calls {
	}
	return only, true
}

// tie notes that a service gets the call.
func (x *call) tie() {
	if !x.cluster.Local || x.tied != 0 {
		return
	}
	t := &x.server.ties
	is := Tie{Until: x.deadline}
	if x.trace != nil {
		is.Parent = x.trace.Parent()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	x.tied, is.Call = t.last, t.last
	if t.calls == nil {
		t.calls = map[uint64]Tie{}
	}
	t.calls[is.Call] = is
	t.beginColour(&x.colour)
}

// endless has a tied call, which lasts as long as its connection, bound no statement in time; who else is under way is as ambiguous as before.
func (x *call) endless() {
	x.done.Connected = time.Since(x.done.Began)
	t := &x.server.ties
	t.mu.Lock()
	defer t.mu.Unlock()
	if is, tied := t.calls[x.tied]; tied {
		is.Until = time.Time{}
		t.calls[x.tied] = is
	}
}

// untie notes that the call is over.
func (x *call) untie() {
	if x.tied == 0 {
		return
	}
	answered := x.done.Why == "" && x.done.Status != 0 && x.done.Status != http.StatusGatewayTimeout && !x.done.Hedged && x.done.Retries == 0
	t := &x.server.ties
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, x.tied)
	t.endColour(&x.colour)
	x.tied = 0
	if !answered {
		t.doubtful = time.Now().Add(linger)
	}
}
