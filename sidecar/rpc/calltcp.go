package rpc

import (
	"net/http"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// callTCP is a connection of which nothing is read: it is a call as a whole, to the path that is its listener's name.
type callTCP struct {
	call
	conn *conn
}

// Header is one of the methods that route.Call wants: there are no fields.
func (x *callTCP) Header(string) ([]byte, bool) { return nil, false }

// serveTCP passes on whatever either end sends, of which the server may be the first, until both have ended.
func (c *conn) serveTCP() {
	x := &callTCP{conn: c}
	x.begin(c)
	defer x.end()
	x.protocol, x.method, x.path = route.TCP, []byte(route.FramedMethod(route.TCP)), []byte("/"+c.listener)
	if failed := x.forward(); failed != nil { // of which the client hears that it is over
		x.tell(failed)
		x.done.Status, x.done.Why = failed.status, failed.why
	}
}

func (x *callTCP) forward() *failure {
	if x.known(x); x.route == nil {
		return &failure{status: http.StatusNotFound, why: "no route"}
	}
	if failed := x.denied(); failed != nil {
		return failed
	}
	if x.route.To == nil {
		return &failure{status: http.StatusNotFound, why: "the route's answer is one of HTTP"}
	}
	x.deadline = x.done.Began.Add(x.route.TimeoutOrDefault())
	failed := x.choose()
	if failed != nil {
		return failed
	}
	for {
		var e *upstream.Endpoint
		if e, failed = x.next(failed); failed != nil {
			return failed
		}
		began := time.Now()
		up, _, err := e.Get(x.deadline, x.server.done)
		if err == nil {
			x.join(e, up, time.Since(began))
			return nil
		}
		failed = x.unreached(e, err)
	}
}

// join passes on what the client and its server send. The call's time is over with the connection's beginning, and so is what its endpoint is
// judged by: took is how long it was connected to.
func (x *callTCP) join(e *upstream.Endpoint, up *upstream.Conn, took time.Duration) {
	e.Load.Begin()
	defer e.Load.End(took)            // how long clients stay says nothing of the server
	defer func() { _ = up.Close() }() // both have ended
	if !x.conn.holds(up.Conn) {
		return // the call is cut
	}
	defer x.conn.holds(nil)
	x.leave() // it may last for ever
	x.endless()
	x.done.Status = http.StatusOK
	x.tell(nil)
	server := http1.NewConn(up.Conn)
	if err := x.bridge(x.conn.client, server, x.cluster.Lasting()); err != nil {
		x.done.Why = err.Error()
	}
	server.Release()
}
