package sidecar

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plancache"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
	"github.com/heddle-mesh/heddle/sidecar/trace"
)

// Process is one running heddle.
type Process struct {
	config *config.Config                // as it was at the start
	live   atomic.Pointer[config.Config] // what holds now
	log    *zap.Logger
	began  time.Time

	reloading sync.Mutex // one reload at a time, and none while statements begin

	forcePlacement bool

	buffers      *wire.Pool
	pools        *backend.Pools
	replication  *replication
	servers      *servers
	catalogs     *catalogs
	accounts     *accounts
	documents    documents     // nil: no statements are taken
	routes       callDocuments // documents, where there are such
	observer     *observe.Server
	tracer       *trace.Tracer // nil: nothing is traced
	transactions *transactions
	plans        *plancache.Cache[*session.Statement]
	memory       *merge.Budget
	spill        *merge.Spill
	statements   atomic.Pointer[statements] // nil: none are taken, or not yet
	starting     starting
	calls        atomic.Pointer[calls] // nil: none are taken
}

// Start builds every part from the configuration and begins to accept clients; when it returns, statements are
// accepted, or calls, and statements as soon as a data source answers. Without calls it waits for one. The caller ends it with Stop. With forcePlacement, rules in files may have rows elsewhere than those served last.
func Start(ctx context.Context, c *config.Config, log *zap.Logger, forcePlacement bool) (*Process, error) {
	p := &Process{config: c, log: log, began: time.Now(), accounts: &accounts{}, observer: observe.New(version()), forcePlacement: forcePlacement}
	p.live.Store(c)
	if err := p.start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, p.Stop(stop))
	}
	return p, nil
}

func (p *Process) start(ctx context.Context) error {
	limitHeap(p.config)
	defer hurry()()
	p.observer.Digests = digest.New(int(p.config.Digests.Size))
	p.observer.Slow = observe.NewSlowLog(p.log)
	if err := p.observer.Slow.Set(slowSettings(p.config)); err != nil {
		return err
	}
	if p.config.Admin.Address != "" {
		if err := p.observer.Listen(p.config.Admin.Address); err != nil {
			return err
		}
	}
	if !p.config.TakesStatements() {
		return p.startAlone(ctx)
	}
	p.buffers = wire.NewPool(0)
	p.servers = &servers{config: p.config, log: p.log}
	p.pools = backend.NewPools(backend.Options{Buffers: p.buffers, Met: p.servers.met, Turned: p.turned})
	p.servers.pools = p.pools
	p.replication = newReplication(p.pools, p.config.Instance.Zone, p.log)
	if err := p.open(ctx); err != nil {
		return err
	}
	if err := p.trace(ctx); err != nil {
		return err
	}
	p.plans = plancache.New(int(p.config.PlanCache.Size), (*session.Statement).Size, nil)
	p.memory = merge.NewBudget(int64(p.config.Memory.Process), "memory.process", nil)
	p.spill = spill(p.config)
	p.observer.Read(observe.Sources{
		Sessions: p.sessions, Pools: p.pools.Stats, Plans: p.plans.Stats, Memory: p.memory, Spill: p.spill,
		Away: p.documents.away, Versions: p.documents.versions, Prepared: p.transactions.prepared, Servers: p.serverStates,
		Mesh: p.mesh, Routes: p.routesDocument, Registrar: p.registrar, Settings: p.settings, Refused: p.documents.refused, Alarms: p.replication.alarms, DDL: p.documents.unfinishedDDL,
	})
	p.documents.answer()
	if err := p.beginStatements(ctx); err != nil {
		return err
	}
	if err := p.beginCalls(); err != nil {
		return err
	}
	if calls := p.calls.Load(); calls != nil {
		calls.serving.Go(func() error { p.tellCalls(calls.ended); return nil })
	}
	p.observer.Ready()
	p.calls.Load().opened()
	return nil
}

// beginCalls begins to take calls, if any are taken.
func (p *Process) beginCalls() error {
	if len(p.config.RPC.Address) == 0 {
		return nil
	}
	var tracer rpc.Tracer // not one that holds nil
	if p.tracer != nil {
		tracer = p.tracer
	}
	now, err := p.routes.calls(p.config)
	if err != nil {
		return err
	}
	calls, err := startCalls(p.config, now, p.routes.callRegistry(), p.observer.Calls, tracer, p.log)
	if err != nil {
		return err
	}
	p.calls.Store(calls)
	return calls.adopt(now) // who follows them has told nobody of a change meanwhile
}

// overhead is what the process needs beside what clients make it hold and its plans.
const overhead = 192 << 20

// limitHeap has garbage collected in time: what the clients hold is within memory.process, and garbage must not double it,
// nor go beyond what the cgroup has, whose kernel ends the process there. Who sets GOMEMLIMIT knows better.
func limitHeap(c *config.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit(c, config.MachineMemory()))
	}
}

// heapLimit leaves a tenth of the machine's memory, if that is known, for what is not Go's heap.
func heapLimit(c *config.Config, machine int64) int64 {
	limit := int64(c.Memory.Process) + int64(c.PlanCache.Size) + overhead
	if machine > 0 {
		limit = min(limit, machine/10*9)
	}
	return limit
}

// hurry has garbage collected later until the result is called: a start that reads thousands of tables spends half of its
// time on collections while hardly anything is alive. Who sets GOGC knows better.
func hurry() (calm func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	was := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(was) }
}

// open gets the documents and connects what they name.
func (p *Process) open(ctx context.Context) error {
	var err error
	p.catalogs = newCatalogs(p.pools, 0)
	p.transactions = newTransactions(p.config.Etcd.Prefix, p.config.Transactions.KeepStatements, p.replication.primary, p.observer.Transactions, p.log)
	p.transactions.none = transactionType(p.config) == session.TransactionLocal
	p.replication.moved = p.transactions.moved
	if p.documents, err = openDocuments(ctx, p); err == nil {
		p.routes = p.documents
	}
	return err
}

// adopt makes documents the ones that statements are planned by. On error nothing has changed.
func (p *Process) adopt(version uint64, layouts []*rule.Layout) error {
	list, err := sources(p.live.Load(), layouts)
	if err != nil {
		return err
	}
	p.tellReplicas(layouts)
	return p.adoptFrom(list, version, layouts)
}

func (p *Process) adoptFrom(list []backend.DataSource, version uint64, layouts []*rule.Layout) error {
	if _, err := p.catalogs.Current().WithRules(version, layouts); err != nil {
		return err
	}
	if err := p.setSources(list, layouts); err != nil {
		return err
	}
	return p.catalogs.setRules(version, layouts)
}

// setSources has the data sources be those that are named.
func (p *Process) setSources(list []backend.DataSource, layouts []*rule.Layout) error {
	if err := p.replication.set(list, layouts); err != nil {
		return err
	}
	p.transactions.set(list)
	return nil
}

// trace begins to send traces, if any are sent.
func (p *Process) trace(ctx context.Context) (err error) {
	c := p.config
	if c.Tracing.Endpoint == "" {
		return nil
	}
	p.tracer, err = trace.New(ctx, trace.Settings{
		Endpoint: c.Tracing.Endpoint, TLS: c.Tracing.TLS, OneIn: c.Tracing.OneIn, Instance: c.Instance.Name, Version: version(),
	})
	return err
}

func sessionConfig(c *config.Config) session.Config {
	return session.Config{
		WaitTimeout: c.Limits.WaitTimeout, InteractiveTimeout: c.Limits.WaitTimeout,
		MaxPacket: int(c.Limits.MaxAllowedPacket), MaxConnections: c.Limits.MaxConnections, OffersTLS: c.Listen.TLS.Cert != "",
		TransactionType: transactionType(c), LockPatience: c.Transactions.LockPatience,
		QueryMemory: int64(c.Memory.Query), FanOut: c.Limits.FanOut,
		MaxPrepared: 16382, SessionMemory: int64(c.Memory.Session),
	}
}

func slowSettings(c *config.Config) observe.SlowSettings {
	return observe.SlowSettings{Threshold: c.SlowLog.Threshold, File: c.SlowLog.File, Full: c.SlowLog.Text == "full", Rate: c.SlowLog.Rate}
}

// Digests are the statements by shape, those of most time first.
func (p *Process) Digests() []digest.Row { return p.observer.Digests.List() }

// transactionType is one of those that the configuration's table lists.
func transactionType(c *config.Config) session.TransactionType {
	t, _ := session.ParseTransactionType(c.Transactions.Type)
	return t
}

func serverSettings(c *config.Config) (server.Settings, error) {
	offered, err := clientTLS(c)
	return server.Settings{
		MaxConnections: c.Limits.MaxConnections, MaxPacket: int(c.Limits.MaxAllowedPacket), TLS: offered, RequireTLS: c.Listen.TLS.Required,
	}, err
}

// spillQuota is a budget's limit, for which 0 is none at all.
func spillQuota(c *config.Config) int64 { return max(int64(c.Spill.Quota), 1) }

// spill is where operators put what memory does not hold; what an earlier process left there is removed.
func spill(c *config.Config) *merge.Spill {
	dir := c.SpillDir()
	if dir == "" || os.MkdirAll(dir, 0o700) != nil {
		return nil
	}
	s := &merge.Spill{Dir: dir, Quota: merge.NewBudget(spillQuota(c), "spill.quota", nil)}
	_ = s.Clean() // what cannot be removed is in nobody's way
	return s
}

// claimed is the version and flavour that clients are told.
func claimed(c *config.Config, low backend.ServerInfo) (string, parser.Flavour) {
	flavour := parser.Flavour(low.Flavour)
	version := low.Version
	switch c.Server.Flavour {
	case "mariadb":
		flavour.MariaDB = true
	case "mysql":
		flavour.MariaDB = false
	}
	if c.Server.Version != "" {
		version = c.Server.Version
	}
	if flavour.MariaDB && flavour.Version < 110000 && !strings.HasPrefix(version, "5.5.5-") {
		version = "5.5.5-" + version // as MariaDB before 11 greets, for clients that look at the first digit
	}
	return version, flavour
}

// greetingCollation is the id that the greeting names: one byte.
func greetingCollation(s *servers) byte {
	f := wire.MySQL
	if s.oldest().Flavour.MariaDB {
		f = wire.MariaDB
	}
	if c, ok := wire.CollationByName(s.infos[0].Session["collation_server"], f); ok && c.ID < 256 {
		return byte(c.ID)
	}
	return byte(wire.CollationUTF8MB4GeneralCI)
}

// readCollations asks a server for its collations.
func readCollations(ctx context.Context, pools *backend.Pools, dataSource string) (map[uint16]string, error) {
	lease, err := pools.Acquire(ctx, dataSource, 0, nil)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	_, rows, err := lease.Conn().QueryRows(ctx, "SHOW COLLATION")
	if err != nil {
		return nil, fmt.Errorf("read the collations of %s: %w", dataSource, err)
	}
	out := make(map[uint16]string, len(rows))
	for _, row := range rows {
		if id, err := strconv.ParseUint(string(row[2]), 10, 16); err == nil {
			out[uint16(id)] = string(row[0])
		}
	}
	return out, nil
}

// clientTLS is the certificate for clients; nil where none is configured.
func clientTLS(c *config.Config) (*tls.Config, error) {
	if c.Listen.TLS.Cert == "" {
		return nil, nil
	}
	pairs, err := certs.Pairs([]string{c.Listen.TLS.Cert}, []string{c.Listen.TLS.Key})
	if err != nil {
		return nil, fmt.Errorf("listen.tls.cert: %w", err)
	}
	out := &tls.Config{Certificates: pairs, MinVersion: tls.VersionTLS12}
	if c.Listen.TLS.CA != "" {
		if out.ClientCAs, err = certs.Authorities(c.Listen.TLS.CA); err != nil {
			return nil, fmt.Errorf("listen.tls.ca: %w", err)
		}
		out.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return out, nil
}

// turned is told when a data source goes down and when it is back.
func (p *Process) turned(dataSource string, why error) {
	if why != nil {
		p.log.Warn("a data source is down", zap.String("data_source", dataSource), zap.Error(why))
	} else {
		p.log.Info("a data source is back", zap.String("data_source", dataSource))
	}
}

// Addr is the address of the first listener of statements; "": there is none.
func (p *Process) Addr() string { return p.statements.Load().addr() }

// Stop drains and ends the process: clients first, until ctx ends, then what served them.
func (p *Process) Stop(ctx context.Context) error {
	var errs []error
	p.observer.NotReady("draining")
	p.starting.stop()
	s := p.statements.Load()
	if calls := p.calls.Load(); calls != nil {
		errs = append(errs, calls.stop(ctx, s != nil)) // first: a call may still ask for rows
	}
	if s != nil {
		errs = append(errs, s.server.Shutdown(ctx), s.serving.Wait())
	}
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if p.routes != nil {
		errs = append(errs, p.routes.close(rest))
	}
	if p.replication != nil {
		p.replication.close()
	}
	if p.transactions != nil {
		p.transactions.close()
	}
	if p.pools != nil {
		errs = append(errs, p.pools.Close(rest))
		p.servers.work.Wait()
	}
	if err := p.tracer.Close(rest); err != nil {
		p.log.Warn("the last traces are lost", zap.Error(err)) // nothing of the process's own work is
	}
	errs = append(errs, p.observer.Close(rest), p.observer.Slow.Close())
	return errors.Join(errs...)
}

// Ready writes the line that says that statements are accepted, or calls where these are all.
func (p *Process) Ready(w io.Writer) {
	if addr := p.Addr(); addr != "" {
		fmt.Fprintf(w, "ready: statements are accepted on %s\n", addr)
		return
	}
	later := ""
	if p.documents != nil {
		later = "; statements are not yet"
	}
	fmt.Fprintf(w, "ready: calls are accepted on %s%s\n", strings.Join(p.calls.Load().addrs, ", "), later)
}
