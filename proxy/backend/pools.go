package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Options are what all data sources share.
type Options struct {
	Buffers *wire.Pool // required: the process's buffers
	// Dial replaces the system's; for tests, and for links that are not TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Random encrypts passwords; nil: crypto/rand.
	Random io.Reader
	// Met is told when a server is connected to for the first time, where all are to be alike, and what of the Base it
	// does not take. It must not wait for a connection. Nil: nobody.
	Met func(dataSource string, refused []Refusal)
	// Turned is told when a server is found to be down, with why, and with nil when it lets connections in again. Nil: nobody.
	Turned func(dataSource string, why error)
	// SweepEvery is the pause between looks for connections that are too old; default 10 s.
	SweepEvery time.Duration
}

// Pools lends connections to any configured data source. It is safe for concurrent use. Close ends it.
type Pools struct {
	dialer *dialer
	work   background
	stop   chan struct{}
	rested chan *pool // to be looked at now, for it is to keep no connection

	current atomic.Pointer[map[string]*pool] // never changed in place

	mu       sync.Mutex // guards the replacement of current, and what follows
	declared []DataSource
	primary  map[string]string // address of the server that takes a data source's writes, where that is not Addr
	holds    map[string]*hold
	among    int             // processes that share in budgets; 0: this one has what is guaranteed
	resting  map[string]bool // endpoints that keep no connection
	retired  []*pool         // draining; fenced and watched like those of current, see named
	closed   bool
}

// Request asks for leases of one data source.
type Request struct {
	DataSource string
	Flags      Flags
	Count      int    // AcquireAll: how many; 0 means 1
	Hint       *Conn  // the connection to be preferred, if it is idle: the one lent last
	State      *State // connections that need little to have it are preferred; may be nil
}

// NewPools returns Pools without a data source.
func NewPools(o Options) *Pools {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = 10 * time.Second
	}
	p := &Pools{dialer: newDialer(o.Buffers, o.Dial, o.Random), stop: make(chan struct{}), rested: make(chan *pool, 16), among: 1}
	p.dialer.met, p.dialer.turned = o.Met, o.Turned
	p.current.Store(&map[string]*pool{})
	p.work.start(func() { p.sweep(o.SweepEvery) })
	p.work.start(p.lookAfter)
	return p
}

// Set makes sources the data sources there are, each with an endpoint for every other server that it has. One that is new or reached otherwise than before gets a new pool; the
// old one's idle connections are closed and its lent ones as they come back, so that no statement is cut, and for a
// while both have connections open. Where only limits changed, the connections stay. If one source is unusable,
// nothing changes.
func (p *Pools) Set(sources []DataSource) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.set(sources)
}

// set is called with mu.
func (p *Pools) set(sources []DataSource) error {
	if p.closed {
		return ErrClosed
	}
	declared := sources
	sources = p.endpoints(declared)
	old := *p.current.Load()
	next := make(map[string]*pool, len(sources))
	for i := range sources {
		ds := sources[i]
		if err := ds.validate(); err != nil {
			return fmt.Errorf("set data sources: %w", err)
		}
		if next[ds.Name] != nil {
			return fmt.Errorf("set data sources: %s is there twice", ds.Name)
		}
		ds.Limits = ds.Limits.withDefaults()
		ds.Attrs = maps.Clone(ds.Attrs)
		if was := old[ds.Name]; was != nil && was.ds.sameServer(&ds) && was.sameDialing(ds.Limits) {
			next[ds.Name] = was
		} else {
			next[ds.Name] = newPool(&ds, p.dialer, &p.work)
		}
		next[ds.Name].hold.Store(p.holds[ds.Name])
		next[ds.Name].rest(p.resting[ds.Name])
	}
	for name, limits := range p.shared(sources) { // before anybody borrows of the new ones
		next[name].resize(limits)
	}
	p.declared = declared
	p.current.Store(&next)
	p.dialer.sources.Store(int32(len(next)))
	for name, was := range old {
		if next[name] != was {
			was.drain()
			p.retired = append(p.retired, was)
		}
	}
	p.letGoKnown()
	return nil
}

// sameDialing reports whether l leaves alone what the pool's connections were made with.
func (p *pool) sameDialing(l Limits) bool {
	had := p.ds.Limits
	had.MaxOpen, had.MaxIdle, had.MinIdle, had.WaitTimeout, had.IdleTime = l.MaxOpen, l.MaxIdle, l.MinIdle, l.WaitTimeout, l.IdleTime
	had.Lifetime, had.RetryAfter, had.Budget, had.Least, had.HangTimeout = l.Lifetime, l.RetryAfter, l.Budget, l.Least, l.HangTimeout
	return had == l
}

// Names lists the data sources in order; endpoints are not among them.
func (p *Pools) Names() []string {
	var out []string
	for name, src := range *p.current.Load() {
		if !src.ds.reads {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Up reports whether the last dial to a data source, if there was any, found its server.
func (p *Pools) Up(dataSource string) bool {
	src := (*p.current.Load())[dataSource]
	return src != nil && !src.failing.Load()
}

// Acquire lends a connection to dataSource with flags, hint if it is idle. It waits at most Limits.WaitTimeout.
// Failures are *Error, SafeToRetry.
func (p *Pools) Acquire(ctx context.Context, dataSource string, flags Flags, hint *Conn) (*Lease, error) {
	return p.acquire(ctx, dataSource, want{flags: flags, hint: hint})
}

// AcquireFor is Acquire with the preference for a state. Count is not looked at.
func (p *Pools) AcquireFor(ctx context.Context, r Request) (*Lease, error) {
	return p.acquire(ctx, r.DataSource, want{flags: r.Flags, hint: r.Hint, state: r.State})
}

func (p *Pools) acquire(ctx context.Context, name string, w want) (*Lease, error) {
	for {
		src, err := p.lookup(name)
		if err != nil {
			return nil, err
		}
		if err := src.held(ctx); err != nil {
			return nil, err
		}
		l, err := src.acquire(ctx, w)
		if err == nil || !errors.Is(err, errRetired) && !src.outlasts(ctx, err) {
			return l, err
		}
	}
}

func (p *Pools) lookup(name string) (*pool, error) {
	src := (*p.current.Load())[name]
	if src == nil {
		return nil, &Error{DataSource: name, Op: "acquire", Err: ErrUnknownDataSource}
	}
	return src, nil
}

// AcquireAll takes the leases of one statement without the risk that two statements wait for each other's: data
// sources in the order of their names, and for each all at once or none yet. A data source may stand in one request
// only. The leases are returned in the requests' order: at least one each, and fewer than Count where the data source
// may not have as many connections, in which case the caller runs several units on a lease in turn. On error none is
// held.
//
// The caller should hold no other lease, or only such as it took earlier by the same call; a transaction that enlists
// one data source after the other cannot keep to that, and there the bounded wait ends a knot.
func (p *Pools) AcquireAll(ctx context.Context, requests []Request) ([][]*Lease, error) {
	order := make([]int, len(requests))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return strings.Compare(requests[a].DataSource, requests[b].DataSource)
	})
	leases := make([][]*Lease, len(requests))
	for k, i := range order {
		var err error
		if k > 0 && requests[i].DataSource == requests[order[k-1]].DataSource {
			err = fmt.Errorf("acquire: data source %s stands in two requests", requests[i].DataSource)
		} else {
			leases[i], err = p.acquireMany(ctx, &requests[i])
		}
		if err != nil {
			for _, held := range leases {
				releaseAll(held)
			}
			return nil, err
		}
	}
	return leases, nil
}

func (p *Pools) acquireMany(ctx context.Context, r *Request) ([]*Lease, error) {
	w := want{flags: r.Flags, hint: r.Hint, state: r.State}
	if r.Count <= 1 {
		l, err := p.acquire(ctx, r.DataSource, w)
		if err != nil {
			return nil, err
		}
		return []*Lease{l}, nil
	}
	for {
		src, err := p.lookup(r.DataSource)
		if err != nil {
			return nil, err
		}
		if err := src.held(ctx); err != nil {
			return nil, err
		}
		ls, err := src.acquireMany(ctx, w, r.Count)
		if err == nil || !errors.Is(err, errRetired) && !src.outlasts(ctx, err) {
			return ls, err
		}
	}
}

// Stats gives the state of each data source's pool, in the order of their names.
func (p *Pools) Stats() []Stats {
	current := *p.current.Load()
	all := make([]Stats, 0, len(current))
	for _, name := range slices.Sorted(maps.Keys(current)) {
		all = append(all, current[name].stats())
	}
	return all
}

// sweep closes connections that are too old, and forgets pools that have drained, until Close.
func (p *Pools) sweep(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		for _, src := range *p.current.Load() {
			src.sweep()
		}
		p.mu.Lock()
		p.retired = slices.DeleteFunc(p.retired, (*pool).isEmpty)
		p.mu.Unlock()
	}
}

// Close drains all pools and waits until the last lease has come back, or until ctx ends, with an error that counts
// what is still lent. Acquire then fails. Background work (a KILL, a dial) is waited for in any case: it ends within
// Limits.KillTimeout and ConnectTimeout.
func (p *Pools) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	for _, src := range *p.current.Load() {
		src.drain()
		p.retired = append(p.retired, src)
	}
	p.current.Store(&map[string]*pool{})
	pools := slices.Clone(p.retired) // a sweep under way still thins out the original
	p.mu.Unlock()
	close(p.stop)
	var err error
	for _, src := range pools {
		select {
		case <-src.empty:
		case <-ctx.Done():
			if n := src.stats().Open; n > 0 {
				err = errors.Join(err, fmt.Errorf("close pool of %s: %d connections are still in use: %w", src.ds.Name, n, context.Cause(ctx)))
			}
		}
	}
	p.work.finish()
	return err
}
