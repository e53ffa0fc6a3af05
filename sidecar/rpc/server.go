package rpc

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// Server takes calls on any number of listeners.
type Server struct {
	log      *zap.Logger
	observer Observer
	tracer   Tracer // nil: nothing is traced
	settings atomic.Pointer[Settings]
	accepts  atomic.Pointer[map[string]*accepts] // of settings, by listener
	table    atomic.Pointer[routed]
	clusters *upstream.Set
	links    *framedLinks
	mirrors  mirrors
	ties     ties
	drain    chan struct{} // closed when the drain begins
	done     chan struct{} // closed when what is left is cut
	reaping  sync.WaitGroup
	// lastCalls is how long calls are still taken of a client that has been told to send none: those that it had sent by then. It is set before the drain.
	lastCalls time.Duration

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	draining  bool
	closed    bool       // done is
	parted    *sync.Cond // a connection has ended
}

// New returns a server with a table of routes that Compile made. Without a tracer nothing is traced.
func New(t *route.Table, s Settings, o Observer, tracer Tracer, log *zap.Logger) (*Server, error) {
	srv := &Server{log: log, observer: o, tracer: tracer, lastCalls: time.Second, drain: make(chan struct{}), done: make(chan struct{}), clusters: upstream.New(s.Zone), mirrors: mirrors{closers: map[io.Closer]struct{}{}}, listeners: map[net.Listener]struct{}{}, conns: map[*conn]struct{}{}}
	srv.parted = sync.NewCond(&srv.mu)
	srv.links = &framedLinks{server: srv, all: map[linkKey]*linkSet{}}
	srv.Set(s)
	if err := srv.Adopt(t); err != nil {
		return nil, err
	}
	srv.reaping.Go(srv.watchClients)
	srv.reaping.Go(func() {
		srv.clusters.Run(srv.done, func(cluster string, err error) {
			log.Error("the certificates of before stay", zap.String("cluster", cluster), zap.Error(err))
		})
	})
	return srv, nil
}

// Set changes the settings, for the next call of each connection.
func (s *Server) Set(settings Settings) {
	accepted := map[string]*accepts{}
	for _, listener := range slices.Concat(slices.Collect(maps.Keys(settings.Protocols)), settings.StrictOn) {
		if a := settings.listening(listener); a != nil {
			accepted[listener] = a
		}
	}
	s.accepts.Store(&accepted)
	before := s.settings.Swap(&settings)
	if before == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.lacks(&settings) {
			c.hurry() // its call is its last
		}
	}
}

// Adopt makes another table hold, for calls that begin from now on. On error nothing has changed. One goroutine at a time calls it.
func (s *Server) Adopt(t *route.Table) error {
	if err := s.clusters.Adopt(t.Clusters); err != nil {
		return err
	}
	s.table.Store(governed(t, s.table.Load()))
	s.links.sweep()
	return nil
}

// Found makes endpoints of a cluster be those that were found, beside the ones that the table names.
func (s *Server) Found(cluster string, endpoints []*route.Endpoint) error {
	return s.clusters.Found(cluster, endpoints)
}

// Clusters are where calls go, by name.
func (s *Server) Clusters() map[string]*upstream.Cluster { return s.clusters.Clusters() }

// Serve takes calls on l until Shutdown, then returns nil. name is the listener's, by which Settings know it.
func (s *Server) Serve(l net.Listener, name string) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	err := tcp.Accept(l, s.drain, func(why error, pause time.Duration) {
		s.log.Warn("cannot accept calls", zap.Error(why), zap.Duration("pause", pause))
	}, func(accepted net.Conn) {
		c := newConn(s, tcp.Direct(accepted), name)
		if full, ok := s.enter(c); ok {
			go s.serve(c)
		} else {
			go c.turnAway(full)
		}
	})
	if err != nil {
		return fmt.Errorf("accept calls on %s: %w", l.Addr(), err)
	}
	return nil
}

// accepted is what clients of a listener may speak from now on.
func (s *Server) accepted(listener string) *accepts { return (*s.accepts.Load())[listener] }

func (s *Server) enter(c *conn) (full, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full = len(s.conns) >= s.settings.Load().MaxConnections
	if s.draining || full {
		return full, false
	}
	s.conns[c] = struct{}{}
	return false, true
}

func (s *Server) serve(c *conn) {
	s.observer.Connections(1)
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a call panicked", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			_ = c.client.Close() // in whatever state it is
		}
		s.observer.Connections(-1)
		s.mu.Lock()
		delete(s.conns, c)
		s.parted.Broadcast()
		s.mu.Unlock()
	}()
	c.serve()
}

// Shutdown accepts nothing more, ends connections without a call, tells the others' clients to close with their answer, and
// cuts what is left when ctx ends; the error says how many that were.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		close(s.drain) // before the listeners, whose end is none of an accident then
	}
	for l := range s.listeners {
		_ = l.Close() // it accepts nothing any more either way
	}
	for c := range s.conns {
		c.hurry()
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parted.Broadcast()
	})()
	for len(s.conns) > 0 && ctx.Err() == nil {
		s.parted.Wait()
	}
	cut := len(s.conns)
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	for c := range s.conns {
		c.cut()
	}
	for len(s.conns) > 0 {
		s.parted.Wait()
	}
	s.mu.Unlock()
	s.links.end()
	s.mirrors.end()
	s.reaping.Wait()
	s.mu.Lock()
	if cut > 0 {
		return fmt.Errorf("%d calls were cut at the end of the drain", cut)
	}
	return nil
}
