package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
)

// Endpoint is one server with its connections.
type Endpoint struct {
	Address string
	Load    *balance.Load
	shares  shares

	mu        sync.Mutex
	limits    limits
	secure    *secure.Outgoing // nil: calls are not encrypted
	open      int              // connections, idle ones among them
	idle      []*Conn          // the one that was used last at the end
	waiting   []chan *Conn
	health    health
	failed    int       // times in a row that nobody could connect
	until     time.Time // before it no call comes here while another endpoint can take it
	unreached string    // why

	cluster  atomic.Pointer[Cluster]         // whose rules it is under
	breaker  atomic.Pointer[breaker.Breaker] // nil: none
	failures atomic.Int32                    // calls in a row
	lenience lenience
	since    atomic.Int64       // when it came up, Unix nanoseconds; 0: it always was
	checking context.CancelFunc // nil: it is not checked; the set's
	checked  route.Check        // as it is being checked; the set's
}

// limits bound an endpoint's connections. The zero value ends them.
type limits struct {
	connect, idle time.Duration
	most          int
	pending       int // calls that wait for a connection
}

// Conn is a connection to an endpoint, for one call at a time. The call's owner ends it with Put or Close.
type Conn struct {
	net.Conn
	State any // what the protocol keeps with it

	endpoint *Endpoint
	since    time.Time // when it became idle
	raw      syscall.RawConn
	look     func(fd uintptr) bool
	silent   bool
}

// ErrBusy is that all connections of an endpoint are in use until the call's time is over.
var ErrBusy = errors.New("all connections are in use")

// ErrFull is that as many calls wait for a connection as may.
var ErrFull = errors.New("all connections are in use, and as many calls wait for one as may")

// ErrLate is that a call's time was over before its endpoint was connected to, which had more.
var ErrLate = errors.New("the call's time was over before there was a connection")

// ConnectError is that an endpoint cannot be connected to: the call has not reached it.
type ConnectError struct {
	Address string
	Err     error
}

func (e *ConnectError) Error() string { return fmt.Sprintf("connect to %s: %v", e.Address, e.Err) }

func (e *ConnectError) Unwrap() error { return e.Err }

// Get returns a connection, and whether it has carried calls before: its server may then have ended it meanwhile. It returns
// a *ConnectError, or ErrBusy when the deadline is over or done is closed, or at once ErrFull.
func (e *Endpoint) Get(deadline time.Time, done <-chan struct{}) (c *Conn, used bool, err error) {
	for {
		c, wait, connect, err := e.take()
		switch {
		case err != nil:
			return nil, false, err
		case c != nil && c.alive():
			return c, true, nil
		case c != nil:
			_ = c.Close() // its other end has
			continue
		case wait == nil:
			c, err := e.dial(deadline, connect)
			return c, false, err
		}
		if c = e.await(wait, deadline, done); c == nil {
			return nil, false, ErrBusy
		}
		if c != free {
			return c, true, nil
		}
		c, err = e.dial(deadline, connect)
		return c, false, err
	}
}

// free stands for a connection that may be made.
var free = &Conn{}

// take returns an idle connection, or where to wait for one, or neither: then one may be made, and counts already.
func (e *Endpoint) take() (c *Conn, wait chan *Conn, connect time.Duration, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.idle); n > 0 {
		c = e.idle[n-1]
		e.idle[n-1], e.idle = nil, e.idle[:n-1]
		return c, nil, 0, nil
	}
	connect = e.limits.connect
	if e.open >= max(e.limits.most, 1) {
		if e.limits.pending > 0 && len(e.waiting) >= e.limits.pending {
			return nil, nil, 0, ErrFull
		}
		wait = make(chan *Conn, 1)
		e.waiting = append(e.waiting, wait)
		return nil, wait, connect, nil
	}
	e.open++
	return nil, nil, connect, nil
}

// await waits for a connection; nil: none came.
func (e *Endpoint) await(wait chan *Conn, deadline time.Time, done <-chan struct{}) *Conn {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case c := <-wait:
		return c
	case <-timer.C:
	case <-done:
	}
	return e.leave(wait)
}

// leave ends a wait; it returns what came at the last moment.
func (e *Endpoint) leave(wait chan *Conn) *Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, w := range e.waiting {
		if w == wait {
			e.waiting = append(e.waiting[:i], e.waiting[i+1:]...)
			return nil
		}
	}
	return <-wait
}

// dial makes a connection that counts already.
func (e *Endpoint) dial(deadline time.Time, connect time.Duration) (*Conn, error) {
	hurried := true // the caller waits less long than the endpoint has
	if connect > 0 {
		if bound := time.Now().Add(connect); bound.Before(deadline) {
			deadline, hurried = bound, false
		}
	}
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", e.Address)
	var speaks net.Conn
	if err == nil {
		speaks, err = e.encrypt(conn, deadline)
	}
	if err != nil && hurried && !time.Now().Before(deadline) { // which speaks against no endpoint
		e.gone()
		return nil, ErrLate
	}
	e.connected(err)
	if err != nil {
		e.gone()
		return nil, &ConnectError{e.Address, err}
	}
	c := &Conn{Conn: speaks, endpoint: e, raw: tcp.Raw(conn)}
	c.look = func(fd uintptr) bool {
		var p [1]byte
		_, err := tcp.TryRead(fd, p[:])
		c.silent = err == syscall.EAGAIN
		return true
	}
	return c, nil
}

// encrypt returns what is spoken through; on error the socket is closed.
func (e *Endpoint) encrypt(socket net.Conn, deadline time.Time) (net.Conn, error) {
	e.mu.Lock()
	by := e.secure
	e.mu.Unlock()
	if by == nil {
		return tcp.Direct(socket), nil
	}
	secured, err := by.Handshake(tcp.Direct(socket), e.Address, deadline)
	if err != nil {
		_ = socket.Close() // nothing has been said on it
		return nil, err
	}
	return secured, nil
}

const (
	firstAside = time.Second
	longAside  = 30 * time.Second
	parting    = 10 * time.Second // what a server of Dubbo takes to end
)

// errParting is what a server says that is about to end.
var errParting = errors.New("it says that it takes no more calls")

// Parts notes that the server says on a connection that it takes no more calls there: it is about to end, and calls go elsewhere if they can.
func (e *Endpoint) Parts() {
	e.mu.Lock()
	e.until, e.unreached = time.Now().Add(parting), errParting.Error()
	e.mu.Unlock()
	e.cluster.Load().changed()
}

// connected notes whether the endpoint could be connected to.
func (e *Endpoint) connected(err error) {
	e.mu.Lock()
	changed := err != nil || e.failed > 0
	switch {
	case err != nil:
		e.until, e.unreached = time.Now().Add(min(firstAside<<min(e.failed, 10), longAside)), "it cannot be connected to: "+err.Error()
		e.failed++
	case changed:
		e.failed, e.until = 0, time.Time{}
		e.since.Store(time.Now().UnixNano())
	}
	e.mu.Unlock()
	if c := e.cluster.Load(); c != nil && changed {
		c.changed()
	}
}

// Aside is until when calls go elsewhere if they can, because nobody could connect; the zero time: they do not.
func (e *Endpoint) Aside() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.until
}

// Connections are how many there are, and how many of them idle.
func (e *Endpoint) Connections() (open, idle int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open, len(e.idle)
}

// Waiting is how many calls wait for a connection.
func (e *Endpoint) Waiting() int {
	e.shares.mu.Lock()
	n := e.shares.waiting
	e.shares.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	return n + len(e.waiting)
}

// Bounds are how many connections there may be, how many calls may wait, and for how long a connection may be idle.
func (e *Endpoint) Bounds() (connections, pending int, idle time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.limits.most, e.limits.pending, e.limits.idle
}

// alive says whether an idle connection's other end has neither spoken nor left: a call can be sent.
func (c *Conn) alive() bool {
	if c.raw == nil {
		return true
	}
	c.silent = false
	return c.raw.Read(c.look) == nil && c.silent
}

// Put gives a connection back whose call is over, and that can carry another.
func (c *Conn) Put() {
	e := c.endpoint
	c.since = time.Now()
	_ = c.Conn.SetReadDeadline(time.Time{}) // that of the call; once it is over nobody could look whether the other end has left
	e.mu.Lock()
	if len(e.waiting) > 0 {
		e.wake(c)
		e.mu.Unlock()
		return
	}
	if e.limits.most == 0 || e.open > e.limits.most {
		e.mu.Unlock()
		c.Close()
		return
	}
	e.idle = append(e.idle, c)
	e.mu.Unlock()
}

// wake gives what waits longest a connection. mu is held, and something waits.
func (e *Endpoint) wake(c *Conn) {
	e.waiting[0] <- c
	e.waiting = append(e.waiting[:0], e.waiting[1:]...)
}

// Close ends a connection.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.endpoint.gone()
	return err
}

// gone notes a connection that is no more.
func (e *Endpoint) gone() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) > 0 {
		e.wake(free) // whose place it takes
		return
	}
	e.open--
}

func (e *Endpoint) set(l limits, by *secure.Outgoing) {
	e.mu.Lock()
	e.limits, e.secure = l, by
	e.mu.Unlock()
	if l.most == 0 {
		e.reap(time.Time{})
	}
}

// reap ends connections that have been idle for too long, or all where the endpoint is no more.
func (e *Endpoint) reap(now time.Time) {
	e.reapShared(now)
	e.mu.Lock()
	n := 0
	for n < len(e.idle) && (e.limits.most == 0 || now.Sub(e.idle[n].since) > e.limits.idle) {
		n++
	}
	old := append([]*Conn(nil), e.idle[:n]...)
	e.idle = append(e.idle[:0], e.idle[n:]...)
	e.mu.Unlock()
	for _, c := range old {
		_ = c.Close() // nothing is under way on it
	}
}
