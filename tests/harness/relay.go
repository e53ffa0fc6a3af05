package harness

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is one way through a relay. Settings that name none hold for both.
type Direction int

const (
	ToServer Direction = iota // what clients send
	ToClient                  // what the server answers
)

// Relay is a TCP proxy on loopback that stands between two parties and breaks what is between them. Its settings may be
// changed while connections are open, and apply to bytes not yet forwarded.
type Relay struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex    // guards what follows
	flows  [2]flow       // by Direction
	refuse bool          // new connections are reset
	gate   chan struct{} // nil, or closed once what a trip calls has returned: nothing is delivered before
	pairs  map[*pair]bool
	closed bool
}

// flow is what holds for one direction of all connections.
type flow struct {
	delay time.Duration
	rate  int64         // bytes a second; 0: as fast as it goes
	held  chan struct{} // nil: bytes flow; else they wait until it is closed
	event *event        // nil: none is planned. Both directions may share one
	moved int64         // bytes delivered
}

// event happens once so many more bytes are delivered.
type event struct {
	left int64
	call func() // nil: the connection is closed
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
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // whose sockets take no filter: see Vanish
	l, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a relay: %w", err)
	}
	return relayOn(l, target), nil
}

func relayOn(l net.Listener, target string) *Relay {
	r := &Relay{target: target, listener: l, pairs: map[*pair]bool{}}
	r.wg.Go(r.accept)
	return r
}

// Addr is where to connect, host:port.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Delay holds every chunk back for d.
func (r *Relay) Delay(d time.Duration, on ...Direction) { r.set(on, func(f *flow) { f.delay = d }) }

// Throttle lets so many bytes a second through each connection; 0 as many as come.
func (r *Relay) Throttle(bytesPerSecond int64, on ...Direction) {
	r.set(on, func(f *flow) { f.rate = bytesPerSecond })
}

// CutAfter delivers n more bytes, of all connections and the directions named together, and then closes the connection
// that moved the last of them: in the middle of a packet. It applies once; a negative n takes it back.
func (r *Relay) CutAfter(n int64, on ...Direction) { r.plan(n, nil, on) }

// TripAfter delivers n more bytes as CutAfter does, and then calls f before it delivers any further byte of any connection.
// f may change the relay's settings. It applies once; a negative n takes it back.
func (r *Relay) TripAfter(n int64, f func(), on ...Direction) { r.plan(n, f, on) }

func (r *Relay) plan(n int64, call func(), on []Direction) {
	var e *event
	if n >= 0 {
		e = &event{n, call}
	}
	r.set(on, func(f *flow) { f.event = e })
}

// Moved is the number of bytes delivered so far, in both directions.
func (r *Relay) Moved() int64 { return r.MovedOn(ToServer) + r.MovedOn(ToClient) }

// MovedOn is the number of bytes delivered in one direction.
func (r *Relay) MovedOn(way Direction) (n int64) {
	r.locked(func() { n = r.flows[way].moved })
	return n
}

// Refuse resets new connections, or accepts them again; open ones go on.
func (r *Relay) Refuse(on bool) { r.locked(func() { r.refuse = on }) }

// Hold is a black hole: bytes are taken and not delivered, nothing is closed, new connections are accepted and dumb.
func (r *Relay) Hold(on ...Direction) {
	r.set(on, func(f *flow) {
		if f.held == nil {
			f.held = make(chan struct{})
		}
	})
}

// Release ends Hold; what was held is delivered.
func (r *Relay) Release() {
	r.set(nil, func(f *flow) {
		if f.held != nil {
			close(f.held)
			f.held = nil
		}
	})
}

// set changes the flows of the directions named, or both.
func (r *Relay) set(on []Direction, change func(*flow)) {
	if len(on) == 0 {
		on = []Direction{ToServer, ToClient}
	}
	r.locked(func() {
		for _, d := range on {
			change(&r.flows[d])
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
		r.wg.Go(func() { r.forward(p, ToServer, p.client, p.server) })
		r.wg.Go(func() { r.forward(p, ToClient, p.server, p.client) })
	})
}

// chunk is what was read at once.
type chunk struct {
	bytes []byte
	came  time.Time
	err   error // of the read, behind the bytes
}

// underWay is how many chunks of one direction can have been read and not forwarded: bytes on a slow link follow each other, and
// do not wait until those before them have arrived.
const underWay = 4

// forward moves bytes one way until either side ends, and then ends the pair: half-closed connections are no use to
// the protocols that pass here.
func (r *Relay) forward(p *pair, way Direction, from, to *net.TCPConn) {
	defer r.locked(func() { delete(r.pairs, p) })
	defer p.close()
	chunks, over := make(chan chunk, underWay), make(chan struct{})
	defer close(over)
	r.wg.Go(func() { readInto(from, chunks, over) })
	for c := range chunks {
		for rest := c.bytes; len(rest) > 0; {
			allowed, due := r.pass(way, int64(len(rest)), c.came)
			if _, werr := to.Write(rest[:allowed]); werr != nil {
				due.happen(r)
				return
			}
			if rest = rest[allowed:]; !due.happen(r) {
				return
			}
		}
		if c.err != nil {
			return
		}
	}
}

// readInto reads until an error, which it passes on, or until nobody wants more.
func readInto(from *net.TCPConn, into chan<- chunk, over <-chan struct{}) {
	for {
		buffer := make([]byte, 16<<10)
		n, err := from.Read(buffer)
		select {
		case into <- chunk{buffer[:n], time.Now(), err}:
		case <-over:
			return
		}
		if err != nil {
			return
		}
	}
}

// happen does what is due, and reports whether the connection goes on.
func (e *event) happen(r *Relay) bool {
	switch {
	case e == nil:
		return true
	case e.call == nil:
		return false
	}
	e.call()
	r.locked(func() {
		close(r.gate)
		r.gate = nil
	})
	return true
}

// pass waits as long as the settings say and returns how many of n bytes, which came when said, may go on, and what is due then.
func (r *Relay) pass(way Direction, n int64, came time.Time) (allowed int64, due *event) {
	f := &r.flows[way]
	r.mu.Lock()
	delay, rate := f.delay, f.rate
	r.mu.Unlock()
	wait := time.Until(came.Add(delay))
	if rate > 0 {
		n = min(n, max(1, rate/20))
		wait = max(wait, 0) + time.Duration(n)*time.Second/time.Duration(rate)
	}
	if wait > 0 {
		<-time.After(wait)
	}
	r.await(f)
	defer r.mu.Unlock()
	e := f.event
	if e == nil || n < e.left {
		if e != nil {
			e.left -= n
		}
		f.moved += n
		return n, nil
	}
	f.moved += e.left
	for i := range r.flows {
		if r.flows[i].event == e {
			r.flows[i].event = nil
		}
	}
	if e.call != nil {
		r.gate = make(chan struct{})
	}
	return e.left, e
}

// await returns, with mu held, when bytes may flow.
func (r *Relay) await(f *flow) {
	for {
		r.mu.Lock()
		wait := f.held
		if r.gate != nil {
			wait = r.gate
		}
		if wait == nil || r.closed {
			return
		}
		r.mu.Unlock()
		<-wait
	}
}
