package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/sharding"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// statements are the half of the process that takes statements.
type statements struct {
	server    *server.Server
	shared    *session.Server
	listeners []net.Listener
	serving   errgroup.Group
}

// addr is the address of the first listener; "": there is none.
func (s *statements) addr() string {
	if s == nil {
		return ""
	}
	return s.listeners[0].Addr().String()
}

// sessions are those of clients of statements.
func (p *Process) sessions() []session.Info {
	if s := p.statements.Load(); s != nil {
		return s.server.Sessions()
	}
	return nil
}

// starting is the beginning of statements, which may take as long as data sources are away. Calls wait for it only as long as
// nothing is known to be missing.
type starting struct {
	cancel context.CancelFunc // nil: it is not in the background
	work   errgroup.Group
	phase  atomic.Int32
	alone  chan struct{} // closed when calls need not wait any more
}

// The phases of starting.
const (
	together int32 = iota // calls wait for it
	apart                 // they do not
	ended                 // it ended while they waited
)

// startAgain is how long after a failure statements are begun again.
const startAgain = time.Second

// startPatience is how long calls wait for statements of which nothing is known, as of servers that let in and then say nothing.
const startPatience = 10 * time.Second

// stop ends what has not begun yet, and waits for it.
func (s *starting) stop() {
	if s.cancel != nil {
		s.cancel()
		_ = s.work.Wait() // its error has been told where it was
	}
}

// wait has calls wait no longer.
func (s *starting) wait() {
	if s.phase.CompareAndSwap(together, apart) {
		close(s.alone)
	}
}

// beginStatements returns when statements are accepted; where calls are taken beside them, when it is clear that something is
// missing that they need: they begin as soon as it is there. Its error is one of a start.
func (p *Process) beginStatements(ctx context.Context) error {
	if len(p.config.RPC.Address) == 0 {
		return p.accept(ctx, func(why error) { p.observer.NotReady("statements are not accepted yet: " + why.Error()) })
	}
	s := &p.starting
	s.alone = make(chan struct{})
	var run context.Context
	run, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	patience := time.AfterFunc(startPatience, s.wait)
	defer patience.Stop()
	failed := make(chan error, 1)
	s.work.Go(func() error { failed <- p.acceptSometime(run); return nil })
	select {
	case err := <-failed:
		return err
	case <-s.alone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acceptSometime goes on until statements are accepted, or, as long as calls wait for that, until it fails.
func (p *Process) acceptSometime(ctx context.Context) error {
	s, said := &p.starting, newNotices(p.log)
	for {
		err := p.accept(ctx, func(why error) {
			p.observer.Lacks("statements are not accepted yet: " + why.Error())
			s.wait()
		})
		if err == nil {
			p.observer.Lacks("")
			return nil
		}
		if ctx.Err() != nil || s.phase.CompareAndSwap(together, ended) {
			return err
		}
		said.problem("the beginning of statements", err)
		p.observer.Lacks("statements are not accepted: " + err.Error())
		if err := pause(ctx, startAgain); err != nil {
			return err
		}
	}
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// accept returns when statements are accepted. lacks is told, again and again, what has to be there first. On error nothing has begun.
func (p *Process) accept(ctx context.Context, lacks func(why error)) error {
	if err := p.documents.servable(ctx, lacks); err != nil {
		return err
	}
	if err := p.servers.await(ctx, lacks); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, probeWait) // what hangs meanwhile is asked again
	defer cancel()
	collations, err := readCollations(asking, p.pools, p.servers.oldest().DataSource)
	if err != nil {
		return err
	}
	p.reloading.Lock()
	defer p.reloading.Unlock()
	c := p.live.Load()
	s := &statements{}
	if s.shared, err = p.share(c, collations); err != nil {
		return err
	}
	opts := server.Options{
		Accounts: p.accounts, Buffers: p.buffers, Collation: greetingCollation(p.servers), Log: p.log,
		IDs: p.documents.connectionIDs(), Others: p.documents.others(),
	}
	if opts.Settings, err = serverSettings(c); err != nil {
		return err
	}
	s.server = server.New(opts, s.shared)
	if s.listeners, err = listen(c.Listen.Address); err != nil {
		return err
	}
	p.serve(s)
	return nil
}

// serve lets clients in.
func (p *Process) serve(s *statements) {
	for _, l := range slices.Backward(s.listeners) {
		if addr, tcp := l.Addr().(*net.TCPAddr); tcp {
			s.shared.Port = addr.Port
		}
	}
	p.statements.Store(s)
	for _, l := range s.listeners {
		s.serving.Go(func() error { return s.server.Serve(l) })
	}
	p.log.Info("statements are accepted", zap.String("address", s.addr()))
}

// share builds what all sessions share.
func (p *Process) share(c *config.Config, collations map[uint16]string) (_ *session.Server, err error) {
	low := p.servers.oldest()
	version, flavour := claimed(c, low)
	weigher := &weigher{pools: p.pools}
	keyer := sharding.Keyer{Charset: "utf8mb4", Weigher: weigher, ExactText: flavour.MariaDB}
	p.catalogs.setLowerCase(p.servers.infos[0].LowerCaseTableNames)
	srv := &session.Server{
		Catalogs: p.catalogs, Pools: p.pools, Replicas: p.replication.replicas, Cache: p.plans, Meter: p.observer,
		Planner: &router.Planner{Generators: p.documents.generators(), Keyer: keyer},
		Keyer:   keyer,
		Gate:    p.documents.door(),
		Journal: p.documents.ddl(),
		Rules:   p.documents.rulesBySQL(),
		Servers: p.documents.serversBySQL(),
		Doubts:  txnAdmin{p},
		Tables:  p.tables(),
		Log:     p.log, Flavour: flavour, Version: version, OwnVersion: p.servers.ownVersion(version),
		Collations: collations,
		Initial:    p.servers.initial(),
		Memory:     p.memory,
		Spill:      p.spill,
		Config:     sessionConfig(c),
		Start:      p.began,
	}
	if p.tracer != nil {
		srv.Tracer = p.tracer
	}
	if len(c.RPC.Address) > 0 {
		srv.Ties = callTies{p}
	}
	if !p.transactions.none {
		srv.Transactions, srv.XA = p.transactions.manager, p.transactions.manager
	}
	srv.Hostname, err = os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("the machine's name: %w", err)
	}
	srv.Init()
	return srv, nil
}

// listen opens the listeners of statements, all or none.
func listen(addresses []string) (_ []net.Listener, err error) {
	var listeners []net.Listener
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close() // nobody has been let in
			}
		}
	}()
	for _, address := range addresses {
		network := "tcp"
		if strings.HasPrefix(address, "/") {
			network = "unix"
			if err := removeStaleSocket(address); err != nil {
				return nil, err
			}
		}
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, fmt.Errorf("listen for clients: %w", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// removeStaleSocket removes the socket file of a process that is gone.
func removeStaleSocket(path string) error {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close() // it was only to see who answers
		return fmt.Errorf("listen for clients: another process answers on %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("listen for clients: %w", err)
	}
	return nil
}
