package harness

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// Relay is a TCP proxy on loopback that stands between two parties and breaks what is between them. Both directions
// are treated alike. Its settings may be changed while connections are open, and apply to bytes not yet forwarded.
type Relay struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex // guards what follows
	delay  time.Duration
	budget int64         // bytes until the cut; negative: no cut is planned
	refuse bool          // new connections are reset
	held   chan struct{} // nil: bytes flow; else they wait until it is closed
	pairs  map[*pair]bool
	closed bool
}

// pair is one connection through the relay: its client and its server side.
type pair struct{ client, server *net.TCPConn }

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

// reset closes both sides with RST in place of FIN.
func (p *pair) reset() {
	p.client.SetLinger(0)
	p.server.SetLinger(0)
	p.close()
}

// NewRelay relays to target, host:port, until the end of the test.
func NewRelay(t testing.TB, target string) *Relay {
	t.Helper()
	r, err := StartRelay(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// StartRelay relays to target until Close.
func StartRelay(target string) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a relay: %w", err)
	}
	return relayOn(l, target), nil
}

func relayOn(l net.Listener, target string) *Relay {
	r := &Relay{target: target, listener: l, budget: -1, pairs: map[*pair]bool{}}
	r.wg.Go(r.accept)
	return r
}

// Addr is where to connect, host:port.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Delay holds every chunk back for d.
func (r *Relay) Delay(d time.Duration) { r.locked(func() { r.delay = d }) }

// CutAfter delivers n more bytes, both directions of all connections together, and then closes the connection that
// moved the last of them: in the middle of a packet. It applies once.
func (r *Relay) CutAfter(n int64) { r.locked(func() { r.budget = n }) }

// Refuse resets new connections, or accepts them again; open ones go on.
func (r *Relay) Refuse(on bool) { r.locked(func() { r.refuse = on }) }

// Hold is a black hole: bytes are taken and not delivered, nothing is closed, new connections are accepted and dumb.
func (r *Relay) Hold() {
	r.locked(func() {
		if r.held == nil {
			r.held = make(chan struct{})
		}
	})
}

// Release ends Hold; what was held is delivered.
func (r *Relay) Release() {
	r.locked(func() {
		if r.held != nil {
			close(r.held)
			r.held = nil
		}
	})
}

// Cut closes all connections in order (FIN).
func (r *Relay) Cut() { r.each((*pair).close) }

// Reset closes all connections with RST.
func (r *Relay) Reset() { r.each((*pair).reset) }

// Open is the number of connections through the relay now.
func (r *Relay) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs)
}

// Close ends the relay and its connections, and waits for its goroutines.
func (r *Relay) Close() {
	r.locked(func() { r.closed = true })
	r.listener.Close()
	r.Release()
	r.Cut()
	r.wg.Wait()
}

func (r *Relay) locked(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *Relay) each(f func(*pair)) {
	r.locked(func() {
		for p := range r.pairs {
			f(p)
		}
	})
}

func (r *Relay) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.connect(c.(*net.TCPConn)) })
	}
}

func (r *Relay) connect(client *net.TCPConn) {
	s, err := net.DialTimeout("tcp", r.target, 5*time.Second)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return
	}
	p := &pair{client, s.(*net.TCPConn)}
	r.locked(func() {
		if r.refuse || r.closed {
			p.reset()
			return
		}
		r.pairs[p] = true
		r.wg.Go(func() { r.forward(p, p.client, p.server) })
		r.wg.Go(func() { r.forward(p, p.server, p.client) })
	})
}

// forward moves bytes one way until either side ends, and then ends the pair: half-closed connections are no use to
// the protocols that pass here.
func (r *Relay) forward(p *pair, from, to *net.TCPConn) {
	defer r.locked(func() { delete(r.pairs, p) })
	defer p.close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			allowed, cut := r.pass(int64(n))
			if _, werr := to.Write(buffer[:allowed]); werr != nil || cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits as long as the settings say and returns how many of n bytes may go on, and whether the cut comes then.
func (r *Relay) pass(n int64) (allowed int64, cut bool) {
	r.mu.Lock()
	delay := r.delay
	r.mu.Unlock()
	if delay > 0 {
		<-time.After(delay)
	}
	for {
		r.mu.Lock()
		held := r.held
		if held == nil || r.closed {
			break
		}
		r.mu.Unlock()
		<-held
	}
	defer r.mu.Unlock()
	if r.budget < 0 {
		return n, false
	}
	if n < r.budget {
		r.budget -= n
		return n, false
	}
	allowed, r.budget = r.budget, -1
	return allowed, true
}
