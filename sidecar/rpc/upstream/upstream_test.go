package upstream

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// listener accepts and keeps connections.
type listener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func listen(t *testing.T) *listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: inner}
	t.Cleanup(func() { l.Close(); l.cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns = append(l.conns, c)
			l.mu.Unlock()
		}
	}()
	return l
}

// cut ends all connections that were accepted.
func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func (l *listener) addr() string { return l.Listener.Addr().String() }

func endpoint(t *testing.T, s *Set, c *route.Cluster) *Endpoint {
	t.Helper()
	if err := s.Adopt(map[string]*route.Cluster{"web": c}); err != nil {
		t.Fatal(err)
	}
	return s.Cluster("web").Endpoints[0]
}

func at(addrs ...string) *route.Cluster {
	c := &route.Cluster{MaxConnections: 2}
	for _, a := range addrs {
		c.Endpoints = append(c.Endpoints, &route.Endpoint{Address: a})
	}
	return c
}

func get(t *testing.T, e *Endpoint) (*Conn, bool) {
	t.Helper()
	c, used, err := e.Get(time.Now().Add(10*time.Second), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, used
}

func counts(t *testing.T, e *Endpoint, open, idle int) {
	t.Helper()
	if o, i := e.Connections(); o != open || i != idle {
		t.Errorf("%d connections, %d idle; want %d and %d", o, i, open, idle)
	}
}

func TestConnectionsAreBoundedAndHandedOn(t *testing.T) {
	e := endpoint(t, New(""), at(listen(t).addr()))
	one, used := get(t, e)
	if used {
		t.Error("the first connection has carried a call")
	}
	two, _ := get(t, e)
	if _, _, err := e.Get(time.Now().Add(10*time.Millisecond), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a third connection: %v", err)
	}
	done := make(chan struct{})
	close(done)
	if _, _, err := e.Get(time.Now().Add(10*time.Second), done); !errors.Is(err, ErrBusy) {
		t.Errorf("at the end of the server: %v", err)
	}
	type got struct {
		c    *Conn
		used bool
	}
	gets := make(chan got)
	wait := func() {
		c, used, err := e.Get(time.Now().Add(10*time.Second), nil)
		if err != nil {
			t.Error(err)
		}
		gets <- got{c, used}
	}
	go wait()
	one.Put() // to who waits, or to be taken: either way it has carried a call
	if g := <-gets; g.c != one || !g.used {
		t.Errorf("got another than the connection that became free, used %v", g.used)
	}
	go wait()
	_ = two.Close() // its place is free
	if g := <-gets; g.c == two || g.used {
		t.Error("got a connection that is closed")
	}
	counts(t, e, 2, 0)
}

func TestAConnectionThatItsServerHasEndedIsNotUsed(t *testing.T) {
	l := listen(t)
	e := endpoint(t, New(""), at(l.addr()))
	c, _ := get(t, e)
	c.Put()
	if again, used := get(t, e); again != c || !used {
		t.Error("an idle connection is not used again")
	}
	c.Put()
	for ended := false; !ended; { // until the end of the connection has come
		l.cut()
		ended = !c.alive()
	}
	if other, used := get(t, e); other == c || used {
		t.Error("a dead connection is used")
	}
	counts(t, e, 1, 0)
}

func TestWhoCannotBeConnectedToIsPassedOver(t *testing.T) {
	l := listen(t)
	s := New("")
	e := endpoint(t, s, at("127.0.0.1:1", l.addr()))
	for try := range 3 {
		before := time.Now()
		_, _, err := e.Get(time.Now().Add(time.Second), nil)
		if _, ok := errors.AsType[*ConnectError](err); !ok {
			t.Fatalf("try %d: %v", try, err)
		}
		if aside := e.Aside().Sub(before); aside < firstAside<<try || aside > firstAside<<try+5*time.Second {
			t.Errorf("after %d failures it is set aside for %v", try+1, aside)
		}
	}
	counts(t, e, 0, 0)
	c := s.Cluster("web")
	for range 10 {
		if got := c.Pick(nil); got == e {
			t.Fatal("picked one that cannot be connected to")
		}
	}
	if got := c.Pick(c.Endpoints[1:]); got != e {
		t.Error("where the others have been tried it is not tried at all")
	}
	if got := c.Pick(c.Endpoints); got != nil {
		t.Error("picked one that has been tried")
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	s := New("")
	cl := at(listen(t).addr())
	cl.IdleTimeout = time.Hour
	e := endpoint(t, s, cl)
	one, _ := get(t, e)
	two, _ := get(t, e)
	one.Put()
	two.Put()
	e.reap(one.since.Add(time.Hour))
	counts(t, e, 2, 2)
	e.reap(two.since.Add(time.Hour + 1))
	counts(t, e, 0, 0)
}

func TestEndpointsKeepTheirConnectionsOverAChange(t *testing.T) {
	a, b := listen(t), listen(t)
	s := New("")
	e := endpoint(t, s, at(a.addr()))
	held, _ := get(t, e)
	idle, _ := get(t, e)
	idle.Put()
	if same := endpoint(t, s, at(a.addr(), b.addr())); same != e {
		t.Error("an endpoint of both is another one")
	}
	counts(t, e, 2, 1)
	endpoint(t, s, at(b.addr()))
	counts(t, e, 1, 0)
	held.Put()
	counts(t, e, 0, 0)
}

// A caller whose time is over before anybody can have answered speaks against no endpoint; one that is waited for as long as the cluster says does.
func TestHurriedCallers(t *testing.T) {
	e := endpoint(t, New(""), &route.Cluster{Endpoints: []*route.Endpoint{{Address: listen(t).addr()}}, ConnectTimeout: time.Minute})
	if _, _, err := e.Get(time.Now().Add(-time.Millisecond), nil); !errors.Is(err, ErrLate) {
		t.Errorf("a caller whose time is over: %v", err)
	}
	if until := e.Aside(); !until.IsZero() {
		t.Errorf("the endpoint is put aside until %v", until)
	}
	if open, _ := e.Connections(); open != 0 {
		t.Errorf("%d connections count", open)
	}
	c, _, err := e.Get(time.Now().Add(time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// full is a connection of many calls that takes none until it is told to.
type full struct {
	*Conn
	mu   sync.Mutex
	room bool
}

func (f *full) Load() (int, bool)            { f.mu.Lock(); defer f.mu.Unlock(); return 1, f.room }
func (f *full) IdleSince() (time.Time, bool) { return time.Time{}, false }
func (f *full) Drain()                       {}

func TestCallsThatWaitForAPlaceOnAConnectionAreBounded(t *testing.T) {
	rule := at(listen(t).addr())
	rule.MaxConnections, rule.MaxPending = 1, 2
	e := endpoint(t, New(""), rule)
	var conn *full
	wrap := func(c *Conn) Shared { conn = &full{Conn: c, room: true}; return conn }
	share := func() error {
		_, err := e.Share(time.Now().Add(30*time.Second), nil, wrap)
		return err
	}
	if err := share(); err != nil {
		t.Fatal(err)
	}
	conn.room = false
	for range 2 { // what has waited is counted no more
		answers := make(chan error, 2)
		for range 2 {
			go func() { answers <- share() }()
		}
		eventually(t, "two calls wait", func() bool { e.shares.mu.Lock(); defer e.shares.mu.Unlock(); return e.shares.waiting == 2 })
		if err := share(); !errors.Is(err, ErrFull) {
			t.Errorf("a third call that waits: %v", err)
		}
		conn.mu.Lock()
		conn.room = true
		conn.mu.Unlock()
		e.Vacant()
		for range 2 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		conn.mu.Lock()
		conn.room = false
		conn.mu.Unlock()
	}
	_ = conn.Close() // its calls are over
}
