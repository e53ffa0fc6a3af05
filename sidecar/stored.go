package sidecar

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload"
	"github.com/heddle-mesh/heddle/governance/reload/barrier"
	"github.com/heddle-mesh/heddle/governance/share"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/gate"
	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/neighbour"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// stored are documents in etcd, followed for as long as the process runs, and this instance's part in the mesh.
type stored struct {
	log      *notices
	process  *Process
	dir      string
	lock     *os.File
	store    store.Store
	gate     *gate.Gate
	registry *instance.Registry
	ids      *instance.ConnectionIDs
	adoption *adoption
	rules    *reload.Follower[*ruleSet]
	users    *reload.Follower[*rule.Users]
	routes   *reload.Follower[*route.Table]
	watcher  *barrier.Watcher
	claims   *claim.Workers
	ranges   *claim.Sequences
	keys     *keygen.Set
	journal  *journal.Journal
	ddlLeft  unfinished
	made     *databases
	share    *share.Share
	peers    *neighbour.Neighbours

	cancel  context.CancelFunc // ends what running runs
	running errgroup.Group
}

// openStore returns when the documents are known: those of the store, or the last good ones while it is away.
func openStore(ctx context.Context, p *Process) (documents, error) {
	s := &stored{process: p, log: newNotices(p.log), dir: filepath.Join(p.config.State.Dir, "mesh")}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	err := s.build(run)
	if err == nil {
		err = s.begin(ctx, run)
	}
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.close(stop))
	}
	return s, nil
}

// build makes the parts; nothing is asked of the store. run ends with the instance.
func (s *stored) build(run context.Context) (err error) {
	c := s.process.config
	if s.lock, err = lockState(c.State.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of the mesh: %w", err)
	}
	secret, err := identity(filepath.Join(s.dir, "identity"))
	if err != nil {
		return err
	}
	if s.store, err = mesh.Open(c, zap.NewNop()); err != nil {
		return err
	}
	if s.peers, err = neighbour.Listen(neighbour.Config{
		Store: s.store, Name: c.Instance.Name, Listen: peerAddress(c), Public: peerHost(c), Log: s.process.log,
	}); err != nil {
		return err
	}
	s.journal = journal.InStore(s.store, c.Instance.Name, time.Now)
	s.gate = gate.New(gate.Options{Wait: c.Limits.PlacementWait})
	s.registry, err = instance.New(instance.Config{
		Store: s.store, Name: c.Instance.Name, Address: address(c), Version: version(), Labels: labels(c),
		Offline: layout.Offline(c.Instance.Offline), Secret: secret, Now: time.Now,
		Joined: func(i instance.Session) {
			s.log.Info("registered", zap.String("instance", c.Instance.Name), zap.Uint16("number", i.Number))
			s.watcher.Joined(run)
		},
		Lost: func(err error) {
			s.log.Error("the lease is lost", zap.String("offline", c.Instance.Offline), zap.Error(err))
			s.watcher.Lost(run)
		},
		Problem: func(err error) { s.log.problem("registration", err) },
	})
	if err != nil {
		return err
	}
	s.ids = instance.NewConnectionIDs(s.registry.Number)
	if s.made, err = newDatabases(s); err != nil {
		return err
	}
	if err := s.followers(c); err != nil {
		return err
	}
	return s.claimants(c, secret)
}

// followers makes what follows documents and takes part in changes of placement.
func (s *stored) followers(c *config.Config) (err error) {
	wait := max(c.Etcd.Timeout/3, time.Second) // the registration has waited before
	s.adoption = &adoption{process: s.process, log: s.log, gate: s.gate, registry: s.registry, first: make(chan struct{})}
	s.rules, err = reload.New(reload.Config[*ruleSet]{
		Store: s.store, Kind: layout.Rules, Instance: c.Instance.Name, Labels: labels(c), Build: s.process.buildRules, Placement: moved, Gate: s.adoption,
		Path: filepath.Join(s.dir, "rules"), Publisher: s.adoption, Alarm: s.log.alarm, Now: time.Now, StoreWait: wait,
	})
	if err != nil {
		return err
	}
	s.adoption.rules = s.rules
	s.users, err = reload.New(reload.Config[*rule.Users]{
		Store: s.store, Kind: layout.Users, Instance: c.Instance.Name, Labels: labels(c), Build: buildUsers,
		Path: filepath.Join(s.dir, "users"), Publisher: publisher(s.publishUsers), Alarm: s.log.alarm, Now: time.Now, StoreWait: wait,
	})
	if err != nil {
		return err
	}
	s.routes, err = reload.New(reload.Config[*route.Table]{
		Store: s.store, Kind: layout.Routes, Instance: c.Instance.Name, Labels: labels(c), Build: routesBuilder(),
		Path: filepath.Join(s.dir, "routes"), Publisher: publisher(s.publishRoutes), Alarm: s.log.alarm, Now: time.Now, StoreWait: wait,
	})
	if err != nil {
		return err
	}
	s.watcher, err = barrier.NewWatcher(barrier.WatcherConfig{
		Store: s.store, Kind: layout.Rules, Instance: c.Instance.Name, Offline: layout.Offline(c.Instance.Offline),
		Traffic: s.gate, Adopter: s.adoption, Dir: s.dir,
		Activator: &barrier.Activator{Store: s.store, Instance: c.Instance.Name, Now: time.Now},
		Alarm:     func(err error) { s.log.problem("placement", err) },
	})
	return err
}

// claimants makes what generated keys depend on.
func (s *stored) claimants(c *config.Config, secret string) (err error) {
	s.claims, err = claim.NewWorkers(claim.WorkersConfig{
		Store: s.store, Instance: c.Instance.Name, Path: filepath.Join(s.dir, "worker"), Now: keygen.SystemClock{}.Now,
		Problem: func(err error) { s.log.problem("worker id", err) },
	})
	if err != nil {
		return err
	}
	s.ranges, err = claim.NewSequences(claim.SequencesConfig{
		Store: s.store, Instance: c.Instance.Name, Secret: secret, Now: keygen.SystemClock{}.Now, Floor: s.process.floor,
		Problem: func(err error) { s.log.problem("ranges of ids", err) },
	})
	s.keys = keygen.NewSet(nil, s.claims, s.ranges)
	if err != nil {
		return err
	}
	pools := s.process.pools
	s.share, err = share.New(share.Config{
		Store: s.store, Instance: c.Instance.Name, Path: filepath.Join(s.dir, "share"), Apply: pools.Divide, Within: pools.Within,
		Problem: func(err error) { s.log.problem("share of connections", err) },
	})
	return err
}

// begin takes up the place in the mesh and the rules. The order is the barrier's: what was held when an earlier process
// ended is held before anything is served.
func (s *stored) begin(ctx, run context.Context) error {
	s.rules.Load()
	s.users.Load()
	s.routes.Load()
	s.loadOrders()
	if err := s.watcher.Boot(ctx, s.rules.Serials()); err != nil {
		return err
	}
	s.keep("the placement watcher", func() error { return s.watcher.Run(run) })
	if err := s.join(ctx); err != nil {
		return err
	}
	s.keep("the registration", func() error { return s.registry.Run(run) })
	if s.process.pools.Divide(0); !s.registry.Alive() {
		s.share.Resume()
	}
	s.keep("the share of connections", func() error { return s.share.Run(run) })
	if err := s.rules.Start(ctx); err != nil {
		return err
	}
	if err := s.users.Start(ctx); err != nil {
		return err
	}
	s.process.accounts.set(s.users.Current().Value)
	if err := s.routes.Start(ctx); errors.Is(err, reload.ErrNoCopy) {
		s.log.problem("the routes of calls", err) // a process that knows none yet serves statements all the same
	} else if err != nil {
		return err
	}
	if err := s.adoption.settle(); err != nil {
		return err
	}
	if err := s.peers.Publish(ctx, s.registry); err != nil {
		s.log.problem("the address for other instances", err)
	}
	s.keep("the rules", func() error { return s.rules.Run(run) })
	s.keep("the users", func() error { return s.users.Run(run) })
	s.keep("the routes", func() error { return s.routes.Run(run) })
	s.keep("the orders for servers", func() error { return s.steer(run) })
	s.keep("the watch of others' DDL", func() error { return s.followDDL(run) })
	if s.registry.Alive() { // else Run goes on trying
		if err := s.claims.Claim(ctx); err != nil {
			s.log.problem("worker id", err)
		}
		if from, err := claim.Begins(ctx, s.store, time.Now()); err == nil && !from.IsZero() {
			s.log.Warn("INSERTs that need a generated id fail for now", zap.String("why", claim.NotBefore(from)))
		}
	}
	s.keep("the ranges of ids", func() error { return s.ranges.Run(run, s.keys.Drop) })
	s.keep("the worker id", func() error { return s.claims.Run(run) })
	return nil
}

// keep runs a part until the end.
func (s *stored) keep(what string, run func() error) {
	s.running.Go(func() error {
		err := run()
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("a part of the mesh has ended", zap.String("part", what), zap.Error(err))
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// nameWait is how long an instance waits for the lease of one that had its name and is gone.
const nameWait = 15 * time.Second

// join registers the instance. A store that is away is no obstacle; another living instance of the name is.
func (s *stored) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nameWait)
	defer cancel()
	for {
		_, err := s.registry.Join(ctx)
		if !errors.Is(err, instance.ErrNameTaken) {
			if err != nil {
				s.log.problem("registration", err)
			}
			return nil
		}
		t := time.NewTimer(500 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
	}
}

// servable implements documents: it waits for the first rules of an empty store, and in mode fence for the permission to serve them.
func (s *stored) servable(ctx context.Context, lacks func(why error)) error {
	if len(s.process.pools.Names()) == 0 {
		s.log.Warn("the store has no rules; waiting for the first")
		lacks(errors.New("the store has no rules"))
	}
	select {
	case <-s.adoption.first:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.process.accounts.none() {
		s.log.Warn("there are no users: nobody can log in")
	}
	for deadline := time.Now().Add(s.process.config.Etcd.Timeout); s.gate.Fenced() && time.Now().Before(deadline); {
		t := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// publishUsers puts users into force before it tells that they are.
func (s *stored) publishUsers(ctx context.Context, key string, value []byte) error {
	if now := s.users.Current(); now != nil {
		s.process.accounts.set(now.Value)
	}
	return s.registry.Publish(ctx, key, value)
}

// publishRoutes puts routes into force before it tells that they are.
func (s *stored) publishRoutes(ctx context.Context, key string, value []byte) error {
	if err := s.process.calls.Load().adopt(s.currentRoutes); err != nil {
		s.log.problem("the routes of calls", err)
	}
	return s.registry.Publish(ctx, key, value)
}

// calls implements documents.
func (s *stored) calls(*config.Config) (func() *callRoutes, error) { return s.currentRoutes, nil }

func (s *stored) currentRoutes() *callRoutes { return followedRoutes(s.routes) }

// callRegistry implements documents.
func (s *stored) callRegistry() store.Store { return s.store }

// publisher is a function as a reload.Publisher.
type publisher func(ctx context.Context, key string, value []byte) error

// Publish implements reload.Publisher.
func (f publisher) Publish(ctx context.Context, key string, value []byte) error {
	return f(ctx, key, value)
}

// identity is the secret by which the store knows this instance again; it is made at the first start.
func identity(path string) (string, error) {
	text, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text())
		err = durable.Write(path, text)
	}
	if err != nil {
		return "", fmt.Errorf("the instance's identity: %w", err)
	}
	return string(text), nil
}

func address(c *config.Config) string {
	if c.Instance.Address != "" || len(c.Listen.Address) == 0 {
		return c.Instance.Address
	}
	return c.Listen.Address[0]
}

func labels(c *config.Config) map[string]string {
	return layout.Labels(c.Instance.Zone, c.Instance.Labels)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// reload has nothing to read: the documents are followed. The pools' bounds change.
func (s *stored) reload(c *config.Config) error { return s.adoption.repool(c) }

// away tells that etcd is not reached.
func (s *stored) away() string { return awayFor(s.rules.Age(), "rules") }

func awayFor(age time.Duration, what string) string {
	if age == 0 {
		return ""
	}
	return fmt.Sprintf("etcd is away for %v: the last %s that were read are served, and cannot change", age.Round(time.Second), what)
}

func (s *stored) refused() (out []observe.Refused) {
	for kind, status := range map[string]layout.Status{layout.Rules: s.rules.Status(), layout.Users: s.users.Status(), layout.Routes: s.routes.Status()} {
		out = append(out, refusedIn(kind, status)...)
	}
	return out
}

func refusedIn(kind string, status layout.Status) (out []observe.Refused) {
	for name, d := range status.Documents {
		if d.Problem != "" {
			reason, _, _ := strings.Cut(d.Problem, ":")
			out = append(out, observe.Refused{Document: layout.Document{Kind: kind, Name: name}.String(), Reason: reason})
		}
	}
	return out
}

func (s *stored) unfinishedDDL() []observe.UnfinishedDDL { return s.ddlLeft.totals(time.Now()) }

func (s *stored) others() server.Others { return s.peers }

func (s *stored) othersRows(ctx context.Context, name string, t *instanceTable, by sysview.Reader) []sqltypes.Row {
	rows, silent := s.peers.Rows(ctx, neighbour.Question{Table: name, User: by.User, Admin: by.Admin, Most: t.most}, t.columns)
	for _, err := range silent {
		by.Warn(err)
	}
	return rows
}

func (s *stored) answer() { s.peers.Serve(local{s.process}) }

// versions are those of the store.
func (s *stored) versions() map[string]int64 {
	out := map[string]int64{}
	if now := s.rules.Current(); now != nil {
		for name, d := range now.Documents {
			out[name] = d.Version.Number
		}
	}
	return out
}

func (s *stored) connectionIDs() server.ConnectionIDs { return s.ids }
func (s *stored) generators() *keygen.Set             { return s.keys }
func (s *stored) door() session.Gate                  { return s.gate }
func (s *stored) ddl() *journal.Journal               { return s.journal }
func (s *stored) rulesBySQL() session.RuleAdmin       { return s.made }
func (s *stored) serversBySQL() session.ServerAdmin   { return serverOrders{s} }

// close leaves the mesh, as an instance that comes back: after the last statement. The worker id's rest and the lease
// are given back.
func (s *stored) close(ctx context.Context) error {
	s.cancel()
	var errs []error
	if s.peers != nil {
		errs = append(errs, s.peers.Close(ctx))
	}
	errs = append(errs, s.running.Wait())
	if s.adoption != nil {
		s.adoption.stop()
	}
	if s.gate != nil {
		s.gate.Close()
	}
	if s.share != nil {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		if err := s.share.Leave(soon); err != nil {
			s.log.problem("share of connections", err) // its lease ends by itself
		}
		cancel()
	}
	if s.registry != nil {
		if err := s.registry.Leave(ctx, false); err != nil {
			s.log.problem("leaving", err) // the lease ends by itself
		}
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
