package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/router/plancache"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
	"github.com/heddle-mesh/heddle/sidecar/rpc/discovery"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// callDocuments are where the routes of calls come from, and where servers register.
type callDocuments interface {
	// calls reads the routes of calls where they are a file's. now tells those that are to be in force when it is called; it is nil where a
	// configuration takes none.
	calls(c *config.Config) (now func() *callRoutes, err error)
	// callRegistry is where servers of calls register; nil: nowhere.
	callRegistry() store.Store
	// away says that the store of the documents is not reached; "": it is, or there is none.
	away() string
	// refused are the documents of which this instance does not run what is in force.
	refused() []observe.Refused
	close(ctx context.Context) error
}

// startAlone starts a process that takes calls alone: it has no data source, no rules and no users, and is none of the instances that changes of rules wait for.
func (p *Process) startAlone(ctx context.Context) error {
	if err := p.openAlone(ctx); err != nil {
		return err
	}
	if err := p.trace(ctx); err != nil {
		return err
	}
	p.observer.Read(observe.Sources{
		Sessions: func() []session.Info { return nil }, Pools: func() []backend.Stats { return nil }, Plans: func() plancache.Stats { return plancache.Stats{} },
		Versions: func() map[string]int64 { return nil }, Memory: merge.NewBudget(int64(p.config.Memory.Process), "memory.process", nil),
		Prepared: func() []observe.Prepared { return nil }, Servers: func() []observe.Endpoint { return nil }, Alarms: func() map[string]bool { return nil },
		DDL:  func() []observe.UnfinishedDDL { return nil },
		Mesh: p.mesh, Routes: p.routesDocument, Registrar: p.registrar, Settings: p.settings, Away: p.routes.away, Refused: p.routes.refused,
	})
	if err := p.beginCalls(); err != nil {
		return err
	}
	p.observer.Ready()
	p.calls.Load().opened()
	return nil
}

func (p *Process) openAlone(ctx context.Context) error {
	if p.config.UsesEtcd() {
		s, err := openRoutes(ctx, p)
		if err == nil {
			p.routes = s
		}
		return err
	}
	lock, err := lockState(p.config.State.Dir)
	if err == nil {
		p.routes = &fileRoutes{lock: lock}
	}
	return err
}

// settings is the configuration that is in force.
func (p *Process) settings() []observe.Setting {
	c, byDefault := p.live.Load(), config.Default()
	var out []observe.Setting
	for _, f := range config.Fields() {
		out = append(out, observe.Setting{Name: f.Name, Value: c.Value(f.Name), Default: byDefault.Value(f.Name), Live: f.Reload})
	}
	return out
}

// LogBy has operators be told, and change, how much is logged.
func (p *Process) LogBy(level *observe.LogLevel) { p.observer.LogBy(level) }

func (p *Process) mesh() *rpc.View { return p.calls.Load().view() }

func (p *Process) routesDocument() *observe.RoutesDocument { return p.calls.Load().document() }

func (p *Process) registrar() *discovery.Registrar { return p.calls.Load().registry(p.live.Load()) }

// fileRoutes are routes on disk, read at the start and at every reload.
type fileRoutes struct {
	lock   *os.File
	parser route.Parser
}

func (f *fileRoutes) calls(c *config.Config) (func() *callRoutes, error) {
	return readOnce(&f.parser, c)
}
func (f *fileRoutes) callRegistry() store.Store   { return nil }
func (f *fileRoutes) away() string                { return "" }
func (f *fileRoutes) refused() []observe.Refused  { return nil } // as of files of rules
func (f *fileRoutes) close(context.Context) error { return f.lock.Close() }

// storedRoutes are routes in etcd, followed for as long as the process runs.
type storedRoutes struct {
	log     *notices
	lock    *os.File
	store   store.Store
	routes  *reload.Follower[*route.Table]
	cancel  context.CancelFunc // ends what running runs
	running errgroup.Group
}

func openRoutes(ctx context.Context, p *Process) (_ *storedRoutes, err error) {
	c := p.config
	s := &storedRoutes{log: newNotices(p.log)}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	if s.lock, err = lockState(c.State.Dir); err != nil {
		return nil, err
	}
	dir := filepath.Join(c.State.Dir, "mesh")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the mesh: %w", err)
	}
	opened, err := mesh.Open(c, zap.NewNop())
	if err != nil {
		return nil, err
	}
	s.store = opened
	if err := s.follow(p, dir); err != nil {
		return nil, err
	}
	s.routes.Load()
	if err := s.routes.Start(ctx); errors.Is(err, reload.ErrNoCopy) {
		s.log.problem("the routes of calls", err) // until there are some it answers that there is none
	} else if err != nil {
		return nil, err
	}
	s.running.Go(func() error {
		err := s.routes.Run(run)
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("the routes are not followed any more", zap.Error(err))
			return fmt.Errorf("the routes: %w", err)
		}
		return nil
	})
	return s, nil
}

// follow makes what follows the routes in the store, and remembers them in dir.
func (s *storedRoutes) follow(p *Process, dir string) (err error) {
	c := p.config
	s.routes, err = reload.New(reload.Config[*route.Table]{
		Store: s.store, Kind: layout.Routes, Instance: c.Instance.Name, Labels: labels(c), Build: routesBuilder(), Path: filepath.Join(dir, "routes"),
		Publisher: publisher(func(context.Context, string, []byte) error { // it is told to nobody: no instance is registered
			if err := p.calls.Load().adopt(s.current); err != nil {
				s.log.problem("the routes of calls", err)
			}
			return nil
		}),
		Alarm: s.log.alarm, Now: time.Now, StoreWait: c.Etcd.Timeout,
	})
	return err
}

func (s *storedRoutes) current() *callRoutes { return followedRoutes(s.routes) }

func (s *storedRoutes) calls(*config.Config) (func() *callRoutes, error) { return s.current, nil }

func (s *storedRoutes) callRegistry() store.Store { return s.store }

func (s *storedRoutes) away() string { return awayFor(s.routes.Age(), "routes") }

func (s *storedRoutes) refused() []observe.Refused {
	return refusedIn(layout.Routes, s.routes.Status())
}

func (s *storedRoutes) close(context.Context) error {
	s.cancel()
	errs := []error{s.running.Wait()}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
