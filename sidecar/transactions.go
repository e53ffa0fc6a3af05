package sidecar

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// transactions are those over several data sources: which servers can have part in them, and who finishes what dead processes
// have left. A process with one data source has none, and leaves no trace on its server.
type transactions struct {
	log     *zap.Logger
	shards  *txn.Shards
	manager *txn.Manager

	recoverer *txn.Recoverer

	primary func(dataSource string) string // the address that takes its writes; "": nobody's, or it is not watched
	open    func(backend.DataSource) (*control, error)

	begin func(work func(ctx context.Context)) // work that close ends and waits for
	stop  context.CancelFunc
	work  sync.WaitGroup

	none bool // all transactions are local: servers are left alone

	setting sync.Mutex // one set at a time
	closed  bool       // guarded by setting

	mu       sync.Mutex // guards what follows
	sources  []backend.DataSource
	controls map[string]*control
	told     map[string]string // what was logged last of a data source
}

// control is recovery's way to a data source, beside the pools: it needs its connections most when all of theirs are stuck.
type control struct {
	source backend.DataSource
	db     *sql.DB
	ended  chan struct{} // closed when it is of no use any more
	nudge  chan struct{} // something has changed: it is asked at once

	probe   func(context.Context) (*txnlog.Server, error) // its watch's
	follows int                                           // how often in turn the watch has found that it takes no writes

	well bool // at the last probe; guarded by transactions.mu
}

// controlConnections are those that recovery asks a server over: one each for the eight connections of which it is seen at a time what they have (twice as many while a whole probe is
// under way), and the rest for the lead, the lists and pictures, atomic readers, and the other branches, which wait for one. They are kept while there is work, and for controlIdle after it: instances
// that recover at the same time take room on a server that its clients miss.
const (
	controlConnections = 20
	controlIdle        = 10 * time.Second
)

// probeEvery is how often a server is asked that could not be, and one that could or is unfit.
const (
	probeSoon  = time.Second
	probeAgain = 30 * time.Second
)

// probeTime is how long a server may take to tell what it can keep.
const probeTime = 3 * time.Second

// newTransactions begins recovery. mesh is what the processes that share servers and rules have in common.
func newTransactions(mesh string, keep bool, primary func(string) string, meter *observe.Transactions, log *zap.Logger) *transactions {
	t := &transactions{log: log, primary: primary, open: open, shards: txn.NewShards(), controls: map[string]*control{}, told: map[string]string{}}
	ctx, stop := context.WithCancel(context.Background())
	t.stop = stop
	t.begin = func(work func(context.Context)) { t.work.Go(func() { work(ctx) }) }
	cluster := clusterOf(mesh)
	at := failpoints()
	t.manager = txn.NewManager(txn.Config{Cluster: cluster, Shards: t.shards, At: at, Observe: meter.Step, Ended: meter.Ended, KeepStatements: keep})
	log.Info("transactions over several data sources have this epoch in their names", zap.String("epoch", xa.EpochName(t.manager.Epoch())))
	t.recoverer = txn.NewRecoverer(txn.RecoveryConfig{
		Shards: t.shards, Cluster: cluster, At: at,
		Alarm: func(a txn.Alarm) {
			meter.Alarm(a)
			t.say(a.DataSource, "branch of a transaction that cannot be finished without an operator: "+a.XID+": "+a.Detail, log.Error)
		},
		Resolved: func(ds string, r txn.Resolved) {
			meter.Recovered(ds, r)
			log.Info("finished a branch that its process had left", zap.String("data_source", ds),
				zap.String("transaction", r.XID.GTRID.String()), zap.Any("branch", r))
		},
	})
	t.begin(func(ctx context.Context) {
		t.recoverer.Run(ctx, func(ds string, err error) { t.say(ds, "recovery: "+err.Error(), log.Warn) })
	})
	return t
}

// prepared is what recovery has seen at its last looks.
func (t *transactions) prepared() (out []observe.Prepared) {
	for _, name := range t.shards.Names() {
		n, oldest := t.recoverer.InDoubt(name)
		_, unfit := t.shards.Fit(name)
		out = append(out, observe.Prepared{DataSource: name, Branches: n, Oldest: oldest, Fit: unfit == nil})
	}
	return out
}

// fitness is how transactions over several data sources treat one of them, for operators: yes, or why it has no part in them.
func (t *transactions) fitness(dataSource string) string {
	t.mu.Lock()
	alone := len(t.sources) == 0
	t.mu.Unlock()
	switch {
	case t.none:
		return "transactions.type is local"
	case alone:
		return "there is one data source"
	}
	if _, err := t.shards.Fit(dataSource); err != nil {
		return errors.Unwrap(err).Error()
	}
	return "yes"
}

// say logs what is new about a data source.
func (t *transactions) say(dataSource, what string, how func(string, ...zap.Field)) {
	t.mu.Lock()
	same := t.told[dataSource] == what
	t.told[dataSource] = what
	t.mu.Unlock()
	if !same {
		how(what, zap.String("data_source", dataSource))
	}
}

// set has the data sources be those of the rules, with the servers that take their writes now. It returns when each that is new was asked, but waits for none for long.
func (t *transactions) set(sources []backend.DataSource) {
	t.setting.Lock()
	defer t.setting.Unlock()
	t.change(sources)
}

// change is set with setting held.
func (t *transactions) change(sources []backend.DataSource) {
	if len(sources) < 2 || t.none {
		sources = nil
	}
	if t.closed {
		return
	}
	t.mu.Lock()
	t.sources = sources
	gone := t.controls
	t.controls = map[string]*control{}
	var fresh []*control
	for _, ds := range sources {
		have := gone[ds.Name]
		ds = controlled(ds, have, t.primary)
		if have != nil && have.serves(ds) {
			t.controls[ds.Name] = have
			delete(gone, ds.Name)
			have.hurry()
			continue
		}
		c, err := t.open(ds)
		if err != nil {
			t.shards.Away(ds.Name, err)
			continue
		}
		t.controls[ds.Name] = c
		fresh = append(fresh, c)
		t.shards.Moving(ds.Name)
	}
	for name := range gone {
		if t.controls[name] == nil {
			t.shards.Remove(name)
		}
	}
	t.mu.Unlock()
	for _, c := range gone {
		c.close()
	}
	var first sync.WaitGroup
	for _, c := range fresh {
		first.Add(1)
		t.begin(func(ctx context.Context) { t.watch(ctx, c, first.Done) })
	}
	first.Wait()
	t.recoverer.Nudge()
}

// moved asks anew where the primaries are.
func (t *transactions) moved() {
	t.setting.Lock()
	defer t.setting.Unlock()
	t.mu.Lock()
	sources := t.sources // what a set under way has made of them: with those of before it, the servers would be forgotten
	t.mu.Unlock()
	t.change(sources)
}

// clusterOf is the number by which transactions of the processes that share servers and rules are told from those of others.
func clusterOf(mesh string) uint32 { return crc32.ChecksumIEEE([]byte(mesh)) }

// controlled is the server of a data source that takes its writes. While none does it is that of have, the control so far (nil: none), if the rules name it
// still: another is not known to be better, and to ask one that follows would say nothing of the data source.
func controlled(ds backend.DataSource, have *control, primary func(dataSource string) string) backend.DataSource {
	ds.Limits = backend.Limits{}
	if at := primary(ds.Name); at != "" {
		ds.Addr = at
	} else if have != nil && slices.Contains(ds.Replicas, have.source.Addr) {
		ds.Addr = have.source.Addr
	}
	return ds
}

// serves reports whether connections made by c are what ds wants.
func (c *control) serves(ds backend.DataSource) bool {
	if c.source.TLS.Alike(ds.TLS) {
		ds.TLS = c.source.TLS
	}
	return reflect.DeepEqual(c.source, ds)
}

// open prepares connections to a data source; none is made yet.
func open(ds backend.DataSource) (*control, error) {
	cfg := driverConfig(&ds)
	cfg.Timeout, cfg.Logger = 2*time.Second, &mysql.NopLogger{}
	txnlog.Configure(cfg)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect for recovery: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(controlConnections)
	db.SetMaxIdleConns(controlConnections)
	db.SetConnMaxIdleTime(controlIdle)
	return newControl(ds, db), nil
}

func newControl(ds backend.DataSource, db *sql.DB) *control {
	prober := &txn.Prober{DB: db, DataSource: ds.Name}
	return &control{source: ds, db: db, probe: prober.Probe, ended: make(chan struct{}), nudge: make(chan struct{}, 1)}
}

func (c *control) close() {
	close(c.ended)
	_ = c.db.Close() // nothing is kept in its connections
}

// hurry has a server asked at once that was not well. It is called with transactions.mu.
func (c *control) hurry() {
	if c.well {
		return
	}
	select {
	case c.nudge <- struct{}{}:
	default: // it is nudged already
	}
}

// watch asks a server, first at once, what it can keep.
func (t *transactions) watch(ctx context.Context, c *control, asked func()) {
	for {
		every := probeAgain
		if !t.probe(ctx, c) {
			every = probeSoon
		}
		if asked != nil {
			asked()
			asked = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-c.ended:
			return
		case <-c.nudge:
		case <-time.After(every):
		}
	}
}

// probe reports whether the server has said what holds for some time.
func (t *transactions) probe(ctx context.Context, c *control) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	name := c.source.Name
	server, unfit := c.probe(ctx)
	if server != nil && server.Addr == "" { // else others have it already
		server.Addr = c.source.Addr
	}
	passing := t.passing(c, unfit)
	away := unreached(unfit) || passing
	if !t.report(c, server, unfit, away) || away {
		return !away
	}
	if unfit != nil {
		t.say(name, "transactions over several data sources are not atomic: "+unfit.Error(), t.log.Warn)
	} else {
		t.say(name, "", func(string, ...zap.Field) {})
	}
	return c.follows == 0
}

// passesAfter is how often in turn a server that is said to take a data source's writes may be found not to.
const passesAfter = 3

// passing reports whether a server takes no writes because the data source's primary is changing: then, as of one that is away, what is known of it holds.
func (t *transactions) passing(c *control, unfit error) bool {
	if _, follows := errors.AsType[txn.FollowerError](unfit); !follows {
		c.follows = 0
		return false
	}
	c.follows++
	name := c.source.Name
	if len(c.source.Replicas) == 0 {
		return false
	}
	return t.primary(name) != c.source.Addr || c.follows <= passesAfter && t.shards.Server(name) != nil
}

// report has a probe's finding hold, if its data source is that of the rules still: one that was removed meanwhile must not come back.
func (t *transactions) report(c *control, server *txnlog.Server, unfit error, away bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := c.source.Name
	if t.controls[name] != c {
		return false
	}
	c.well = unfit == nil
	if away {
		t.shards.Away(name, unfit)
	} else {
		t.shards.Set(name, server, unfit)
	}
	return true
}

// unreached reports whether a probe has found nothing out: the server is away, or shows nothing new.
func unreached(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF) || errors.Is(err, txnlog.ErrOldPicture)
}

// close ends recovery.
func (t *transactions) close() {
	t.setting.Lock()
	t.closed = true
	t.setting.Unlock()
	t.stop()
	t.work.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.controls {
		c.close()
	}
}
