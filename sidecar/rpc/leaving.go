package rpc

import (
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

// lookEvery is how often it is looked for clients that have left while their calls wait for an answer. A call is looked at from the second
// time on: short ones are not.
const lookEvery = 100 * time.Millisecond

// watchClients ends calls whose clients have left, until the server does.
func (s *Server) watchClients() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var all []*conn
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for c := range s.conns {
			all = append(all, c)
		}
		s.mu.Unlock()
		for _, c := range all {
			c.look()
		}
		clear(all)
		all = all[:0]
	}
}

// wait is of a call that waits for its answer, of which nothing is being written meanwhile.
type wait struct {
	now    bool // there is one
	looked bool // it has been looked at
	asked  bool // the client has been asked whether it is there
	plain  bool // the client can be asked
}

// waits notes that the client's call begins to wait for an answer, or does not wait any more: it returns false if the client has left.
func (c *conn) waits(now bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = wait{now: now, plain: !c.isTLS && c.call.request.Minor == 1}
	return !c.left
}

// processing asks a client that has ended its side whether it still reads: it passes an answer over that others follow (RFC 9110,
// section 15.2), and its machine says so if it does not.
var processing = []byte("HTTP/1.1 102 Processing\r\n\r\n")

// look ends the call if its client has left. A client that has ended its side and cannot be asked whether it reads is taken to have left
// if it speaks TLS, where nobody does that.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.wait
	if !w.now || c.gone {
		return
	}
	if !w.looked {
		w.looked = true
		return
	}
	raw := tcp.Raw(c.socket)
	if raw == nil {
		return
	}
	switch end := tcp.Look(raw); {
	case end == tcp.Here:
		return
	case end == tcp.Ended && w.plain && !w.asked:
		w.asked = true
		n := 0
		err := raw.Control(func(fd uintptr) { n, _ = tcp.TryWrite(fd, processing) })
		if err == nil && (n == len(processing) || n == 0) {
			return
		}
	case end == tcp.Ended && !c.isTLS:
		return
	}
	c.left, c.gone = true, true
	if c.upstream != nil {
		_ = c.upstream.Close() // it is given up
	}
	_ = c.socket.Close() // nobody is there
}
