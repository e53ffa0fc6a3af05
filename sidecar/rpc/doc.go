// Package rpc is the data plane of calls: it takes them from clients, has the table of routes say where they go, and passes
// them on to a server of that cluster. Heads are read, bodies are streamed as they are. One goroutine a connection does it all
// while a call's body fits what has been read with its head. It speaks HTTP/1.0, 1.1 and 2,
// of gRPC what a proxy has to, SOFA Bolt, Dubbo 2 and protocols that the document of routes describes, whose calls share connections, and passes TCP on as it is.
//
// It imports nothing of the SQL half: the two meet in sidecar. Level: sidecar.
package rpc

import (
	"cmp"
	"crypto/tls"
	"time"
)

// Settings bound what clients may have it do.
type Settings struct {
	Zone           string        // where this process runs; as New got it for good
	MaxConnections int           // of clients; one more is answered 503
	HeadSize       int           // bytes of a head; 431 beyond
	IdleTimeout    time.Duration // between a client's calls
	HeadTimeout    time.Duration // from a head's first byte to its last: 408 beyond
	Silence        time.Duration // of either end within a message
	FrameSize      int           // bytes of a frame of Bolt, Dubbo or a protocol that is described; a longer one ends its connection
	TLS            *tls.Config   // for those who want to speak it; nil: nobody may
	Strict         bool          // all have to
	StrictOn       []string      // those of these listeners have to
	Tell           []string      // what Done is to have beside: trace, protocol, colour, query, header:NAME (in lower case)
	Colour         string        // the field, in lower case, by which calls tell their colour; "": they have none
	// Protocols are what clients of a listener may speak, by its name: those of route, and such as the document of routes describes. Not there: all but
	// route.TCP, which stands alone. Connections that there are go on as they began.
	Protocols map[string][]string
}

// Done is a call that is over, as it is counted and logged.
type Done struct {
	Route, Cluster, Endpoint string // empty: it came to none
	Method, Host, Path       string
	Status                   int // 0: the client was told nothing
	Began                    time.Time
	Took                     time.Duration
	Connected                time.Duration // of Took, until a connection that lasts (TCP, an upgrade) was made; 0: it is another call
	Retries                  int
	Why                      string // what was wrong, by Heddle's own words; empty: nothing
	Client                   string
	Identity                 string        // of the client, by its certificate; empty: it has shown none
	Code                     string        // of gRPC; empty: none
	Delayed                  time.Duration // on purpose
	Shed                     string        // the priority of a call that was turned away by what is under way; empty: it was not
	Hedged, HedgeWon         bool          // a second server was asked; its answer is the call's
	Aborted                  bool          // likewise
	Told                     []Told        // what Settings.Tell asks for, as far as it is known
}

// Counted is how long the call took for those that compare calls: how long a connection lasts is its client's affair.
func (d *Done) Counted() time.Duration { return cmp.Or(d.Connected, d.Took) }

// Told is something of a call by its name.
type Told struct{ Name, Value string }

// Observer is told of calls. Its methods are called by many goroutines and do not wait.
type Observer interface {
	Call(d *Done)
	Connections(change int)
	Handshake(failed error) // of TLS with a client
	// Mirrored is told what became of the copy of a call: one of MirrorAnswered and those below it.
	Mirrored(route, cluster, outcome string)
	// Barred is told of a client's connection that was ended as its listener accepts no such protocol: one that it could have accepted, or "unknown".
	Barred(listener, protocol, why, client string)
	// Fault is told of a client's connection that was ended for what no client may do, by HTTP/2's code.
	Fault(code, why, client string)
}

// Tracer makes traces of calls.
type Tracer interface {
	// Call begins with a call, or returns nil: it is not sampled. parent is the traceparent that came with it; "": none.
	Call(parent string, began time.Time) Trace
}

// Trace is one call's part of a trace.
type Trace interface {
	Parent() string // the traceparent for the server
	End(d *Done)
}

// TimeoutHeader tells a server how many milliseconds its caller still waits. It is taken from a client's call, where it lowers the route's
// timeout, and sent on with what is left.
const TimeoutHeader = "x-request-timeout-ms"
