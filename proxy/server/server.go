package server

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Options are what a Server is made of.
type Options struct {
	Accounts  Accounts
	Settings  Settings // at the start; see Server.Set
	Buffers   *wire.Pool
	Collation byte // the default that the greeting names
	IDs       ConnectionIDs
	Others    Others // nil: there is no other instance
	Log       *zap.Logger
}

// Others are the sessions of other instances.
type Others interface {
	// Kill ends a session, or its statement. It returns sqlerr.NoSuchThread, KillDenied or PeerSilent.
	Kill(by session.Identity, id uint32, query bool) error
	// List returns those that the account sees, and the names of instances that did not answer in time.
	List(by session.Identity) (all []session.Info, silent []string)
}

// ConnectionIDs gives ids to connections.
type ConnectionIDs interface {
	// Next is an id, never 0, that no live connection has, here or at another live instance.
	Next() (uint32, error)
	// Put gives an id back when its connection has ended.
	Put(id uint32)
}

// Server accepts clients on any number of listeners. Make one with New; Serve may be called for several listeners.
type Server struct {
	opts     Options
	shared   *session.Server
	registry *registry
	key      func() (*rsa.PrivateKey, error)
	sha2     digests
	lookout  *lookout
	settings atomic.Pointer[Settings]

	drain chan struct{} // closed when the drain begins

	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	draining  bool
}

// New returns a server whose sessions share what shared holds; Peers and Auth of it are set here.
func New(opts Options, shared *session.Server) *Server {
	s := &Server{
		opts: opts, shared: shared, drain: make(chan struct{}),
		registry:  newRegistry(opts.IDs),
		key:       newServerKey(),
		lookout:   newLookout(opts.Log),
		listeners: map[net.Listener]struct{}{},
	}
	s.Set(opts.Settings)
	shared.Peers, shared.Auth = peers{s.registry, opts.Others}, s
	return s
}

// Set changes the settings. Clients that are in stay, whatever the limit of connections is now.
func (s *Server) Set(settings Settings) {
	now := settings.withDefaults()
	s.settings.Store(now)
	s.registry.limit(now.MaxConnections)
}

// Kill ends a session of this instance, or its statement. It returns sqlerr.NoSuchThread, or KillDenied.
func (s *Server) Kill(by session.Identity, id uint32, query bool) error {
	return s.registry.Kill(by, id, query)
}

// Sessions returns the sessions of this instance.
func (s *Server) Sessions() []session.Info { return s.registry.List() }

// Serve accepts clients on l until Shutdown, then returns nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.lookout.run()
	s.mu.Unlock()
	err := tcp.Accept(l, s.drain, func(why error, pause time.Duration) {
		s.opts.Log.Warn("cannot accept clients", zap.Error(why), zap.Duration("pause", pause))
	}, func(conn net.Conn) { go s.serve(tcp.Direct(conn)) })
	if err != nil {
		return fmt.Errorf("accept clients on %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// serve is one client's life.
func (s *Server) serve(conn net.Conn) {
	id, err := s.registry.enter(conn)
	if err != nil {
		s.turnAway(conn, sqlerr.As(err))
		_ = conn.Close() // whatever was to be said has been said
		return
	}
	l := &login{server: s, settings: s.settings.Load(), conn: conn, id: id}
	defer s.registry.parted()
	defer func() { tcp.Part(l.conn, conn, partBytes) }()
	defer s.registry.leave(id)
	defer func() {
		if p := recover(); p != nil {
			s.opts.Log.Error("client session panicked", zap.Uint32("connection", id), zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
		}
	}()
	if kept, ok := conn.(interface{ SetKeepAlivePeriod(time.Duration) error }); ok {
		_ = kept.SetKeepAlivePeriod(time.Minute) // a convenience: a socket without it still works
	}
	who, err := l.run()
	if err != nil {
		s.opts.Log.Debug("login failed", zap.Uint32("connection", id), zap.Stringer("client", conn.RemoteAddr()), zap.Error(err))
		return
	}
	client := session.New(s.shared, session.Client{
		ID: id, Who: who, Conn: l.conn, Stream: l.stream, Salt: l.salt, Database: l.database, Collation: l.collation,
	})
	defer func() { s.registry.logout(client.Info().User) }() // COM_CHANGE_USER may have made it another
	s.registry.add(id, client)
	defer s.lookout.watch(client, conn, l.conn)()
	client.Serve(s.drain)
}

// partBytes is how much of what such a client still sends is read.
const partBytes = 16 << 20

// turnAway tells a client that cannot be let in why.
func (s *Server) turnAway(conn net.Conn, e *sqlerr.Error) {
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	stream := wire.NewServerStream(conn, wire.Config{Pool: s.opts.Buffers})
	if stream.Send(wire.Err{Error: e}) == nil {
		_ = stream.Flush() // it is going away
	}
}

// Shutdown stops accepting, lets transactions that are open go on until ctx ends, and then ends every session. Every client
// gets error 1053, as sendOff in proxy/session has it; an error means that some sessions would not end.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return nil
	}
	s.draining = true
	close(s.drain) // before the listeners, whose end is none of an accident then
	for l := range s.listeners {
		_ = l.Close() // it accepts nothing any more either way
	}
	s.mu.Unlock()
	defer s.lookout.end()
	s.registry.hurry(time.Now().Add(tcp.PartTime))
	for _, c := range s.registry.all() {
		c.Drain()
	}
	if err := s.registry.wait(ctx); err == nil {
		return nil
	}
	cut, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	var kills errgroup.Group
	kills.SetLimit(64) // a server that does not answer must not keep the others' sessions from being ended
	left := s.registry.all()
	s.opts.Log.Warn("the drain's deadline is over; sessions that had not ended are cut", zap.Int("sessions", len(left)))
	for _, c := range left {
		kills.Go(func() error {
			c.Kill(cut, false)
			return nil
		})
	}
	err := s.registry.wait(cut)
	_ = kills.Wait() // none fails
	if err == nil {
		return nil
	}
	for _, c := range s.registry.all() {
		c.Abandon()
	}
	last, done := context.WithTimeout(context.Background(), killTimeout)
	defer done()
	if err := s.registry.wait(last); err != nil {
		return fmt.Errorf("shutdown: sessions do not end: %w", err)
	}
	return nil
}
