package rpc

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
)

// conn is a client's connection.
type conn struct {
	server    *Server
	listener  string // where it came in, as the configuration has it
	accepts   *accepts
	socket    net.Conn // without its encryption
	client    *http1.Conn
	addr      string // of the client, without its port
	identity  string // of the client, by its certificate
	isTLS     bool
	admitted  bool           // the client has shown all that it will before its first call
	certified bool           // a certificate among it
	call      call1          // the one under way
	transfer  transfer       // of it, to a server
	calls     sync.WaitGroup // of HTTP/2, that goroutines of their own work for

	mu       sync.Mutex // guards what follows, which Shutdown asks
	idle     bool
	draining bool
	upstream io.Closer   // of the call under way
	two      *http2.Conn // the connection, if it is one of HTTP/2
	gone     bool
	wait     wait // for the answer of the call under way
	left     bool // the client has, while its call waited
}

func newConn(s *Server, c net.Conn, listener string) *conn {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		host = c.RemoteAddr().String()
	}
	return &conn{server: s, listener: listener, accepts: s.accepted(listener), socket: c, client: http1.NewConn(c), addr: host}
}

func (c *conn) serve() {
	defer func() { c.client.Release() }()
	if c.secure() {
		c.servePlain()
	}
	tcp.Part(c.client.Conn, c.socket, partBytes)
}

// servePlain serves what is under the encryption, if there is one: the first bytes tell HTTP, which begins with a method, from the
// protocols of frames. Where the listener accepts one of these alone, nothing has to be told.
func (c *conn) servePlain() {
	if !route.HTTP(c.accepts.only()) {
		c.serveOnly()
		return
	}
	if c.client.SetReadDeadline(time.Now().Add(c.server.settings.Load().IdleTimeout)) != nil || !c.setIdle(true) || len(c.client.Waiting()) == 0 && c.client.More() != nil {
		return
	}
	for {
		speaks, more := framingOf(c.client.Waiting(), c.server.table.Load().described, c.accepts)
		switch {
		case speaks != nil:
			c.serveFrames(speaks)
		case more:
			if !c.setIdle(false) || c.client.SetReadDeadline(time.Now().Add(c.server.settings.Load().HeadTimeout)) != nil || c.client.More() != nil {
				return
			}
			continue
		case !c.barHTTP(c.client.Waiting()):
			c.serveCalls()
		}
		return
	}
}

func (c *conn) serveCalls() {
	for first := true; ; first = false {
		head, err := c.readHead()
		if err != nil {
			c.refuse(err)
			return
		}
		switch preface := first && string(head) == http2.PrefaceHead; {
		case preface && !c.accepts.has2():
			c.bar2()
			return
		case preface:
			c.client.Take(len(head))
			c.serve2()
			return
		case first && !c.accepts.has(route.HTTP1):
			c.bar1()
			return
		}
		if !c.answer(head) {
			return
		}
		if len(c.client.Waiting()) == 0 {
			c.letGo()
		}
	}
}

// letGo has an idle connection hold no buffers, and nothing of its last call, which lay in them.
func (c *conn) letGo() {
	c.client.Release()
	x := &c.call
	x.method, x.hostport, x.path, x.query = nil, nil, nil, nil
	x.request.Method, x.request.Target = nil, nil
	x.request.Forget()
	t := &c.transfer
	t.up, t.server, t.rival = nil, nil, nil
	t.response.Reason = nil
	t.response.Forget()
}

// secure has the connection be encrypted where it is to be. It returns false where the connection is over.
func (c *conn) secure() bool {
	s := c.server.settings.Load()
	if s.TLS == nil || c.accepts.opaque() && !s.strict(c.listener) {
		return c.admit(false, false)
	}
	if c.socket.SetReadDeadline(time.Now().Add(s.IdleTimeout)) != nil || !c.setIdle(true) {
		return false
	}
	first, isTLS, err := secure.Peek(c.socket)
	if err != nil {
		return false
	}
	c.setIdle(false)
	if isTLS {
		secured := tls.Server(&secure.Peeked{Conn: c.socket, First: first}, c.accepts.offers(s.TLS))
		_ = c.socket.SetDeadline(time.Now().Add(s.HeadTimeout)) // fails only on a closed connection
		if err := secured.Handshake(); err != nil {
			c.server.observer.Handshake(err)
			_ = c.socket.Close() // its client has been told by an alert
			return false
		}
		_ = c.socket.SetDeadline(time.Time{}) // fails only on a closed connection
		c.identity = secure.Identity(secured.ConnectionState())
		c.client = http1.NewConn(secured)
		return c.admit(true, len(secured.ConnectionState().PeerCertificates) > 0)
	}
	c.client.Give(first)
	if !c.admit(false, false) {
		const why = "calls have to come by TLS"
		if c.accepts.has(route.HTTP1) || c.accepts.has2() {
			c.refuse(&http1.Error{Status: http.StatusForbidden, Why: why})
		} else {
			c.bar(c.accepts.list(), why) // its client cannot be told
		}
		return false
	}
	return true
}

// admit notes what the client has shown, upon which changes of settings judge it, and says whether that is enough by those of now: they may be others
// than those by which it came in. Before, nobody does: who is in the middle of showing it must not be sent away for what has not come yet.
func (c *conn) admit(isTLS, certified bool) bool {
	c.mu.Lock()
	c.admitted, c.isTLS, c.certified = true, isTLS, certified
	c.mu.Unlock()
	s := c.server.settings.Load()
	return !s.strict(c.listener) || c.proven(s)
}

// lacks says whether the client has shown all that it will, and listeners that are strict want more.
func (c *conn) lacks(s *Settings) bool {
	c.mu.Lock()
	admitted := c.admitted
	c.mu.Unlock()
	return admitted && s.strict(c.listener) && !c.proven(s)
}

// proven says whether the client has spoken TLS, and shown a certificate where strict listeners ask for one.
func (c *conn) proven(s *Settings) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isTLS && (c.certified || s.TLS == nil || s.TLS.ClientCAs == nil)
}

// readHead waits for a call.
func (c *conn) readHead() ([]byte, error) {
	s := c.server.settings.Load()
	if err := c.client.SetReadDeadline(time.Now().Add(s.IdleTimeout)); err != nil {
		return nil, err
	}
	if !c.setIdle(true) { // behind the deadline, which hurry sets anew
		return nil, io.EOF
	}
	head, err := c.client.ReadHead(s.HeadSize, func() error {
		c.setIdle(false)
		return c.client.SetReadDeadline(time.Now().Add(s.HeadTimeout))
	})
	if errors.Is(err, os.ErrDeadlineExceeded) && len(c.client.Waiting()) > 0 {
		err = &http1.Error{Status: http.StatusRequestTimeout, Why: "the head did not come in time"}
	}
	return head, err
}

// setIdle says whether a call is awaited, and returns false if none may come any more.
func (c *conn) setIdle(idle bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = idle
	return !idle || !c.draining
}

// hurry ends a connection without a call, and has the other's call be the last.
func (c *conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.two != nil {
		c.two.Drain()
	} else if c.idle {
		_ = c.socket.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
	}
}

// cut ends a connection whatever it does.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.upstream != nil {
		_ = c.upstream.Close() // it is given up
	}
	_ = c.socket.Close() // likewise
}

// holds notes the connection to a server that a call waits for; it returns false if the call is cut.
func (c *conn) holds(up io.Closer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upstream = up
	return !c.gone
}

func (c *conn) isGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

func (c *conn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// refuse answers what is no call, where its sender can read that.
func (c *conn) refuse(err error) {
	var e *http1.Error
	if !errors.As(err, &e) {
		return
	}
	c.call.begin(c)
	c.call.done.Why = e.Why
	c.call.respond(e.Status, e.Why+"\n", false)
	c.call.end()
}

// turnAway tells a client that it cannot be let in.
func (c *conn) turnAway(full bool) {
	if c.accepts.opaque() {
		_ = c.socket.Close() // its client cannot be told
		return
	}
	why := "the proxy is going away"
	if full {
		why = "the proxy has as many connections as it may"
	}
	_ = c.client.Conn.SetDeadline(time.Now().Add(time.Second)) // fails only on a closed connection
	c.refuse(&http1.Error{Status: http.StatusServiceUnavailable, Why: why})
	tcp.Part(c.client.Conn, c.socket, partBytes)
}

// partBytes is how much is read of what a client still sends when its connection ends.
const partBytes = 1 << 20
