package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

const (
	mostRegistered = 1000 // servers by one Registrar: they are those of one machine
	leastTTL       = time.Second
	mostTTL        = time.Hour
)

// Registrar keeps servers registered that ask for it again and again, each before its time is over: services that cannot be started by
// another command, and need no client of etcd so.
type Registrar struct {
	store   store.Store
	problem func(cluster, address string, err error)

	mu     sync.Mutex
	all    map[serverKey]*asked
	closed bool
	work   sync.WaitGroup
}

type serverKey struct{ cluster, address string }

// asked is one that is kept.
type asked struct {
	endpoint layout.Endpoint
	ttl      time.Duration
	until    time.Time // by the monotonic clock; it asks again before
	timer    *time.Timer
	cancel   context.CancelFunc
	over     chan struct{} // closed when it is registered no more
	there    bool
	why      string // it is not; "": it has not been tried yet
}

// Registration is what holds of a server.
type Registration struct {
	Cluster    string          `json:"cluster"`
	Endpoint   layout.Endpoint `json:"endpoint"`
	TTL        time.Duration   `json:"ttl_ns"`
	Left       time.Duration   `json:"left_ns"`    // in which it has to ask again
	Registered bool            `json:"registered"` // others can find it
	Why        string          `json:"why,omitempty"`
}

// NewRegistrar returns one that registers in s, nil being nowhere. problem is told of servers that cannot be registered just now.
func NewRegistrar(s store.Store, problem func(cluster, address string, err error)) *Registrar {
	return &Registrar{store: s, problem: problem, all: map[serverKey]*asked{}}
}

// Keep registers a server until ttl is over without a Keep, or Remove. It does not wait for the store.
func (r *Registrar) Keep(cluster string, e layout.Endpoint, ttl time.Duration) (*Registration, error) {
	switch {
	case r.store == nil:
		return nil, errors.New("there is no etcd to register servers in")
	case cluster == "":
		return nil, errors.New("a server is of a cluster")
	case ttl < leastTTL || ttl > mostTTL:
		return nil, fmt.Errorf("a server is kept for %v to %v, not %v", leastTTL, mostTTL, ttl)
	}
	if err := route.CheckEndpoints([]*route.Endpoint{asEndpoint(e)}); err != nil {
		return nil, err
	}
	key := serverKey{cluster, e.Address}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the process is about to end")
	}
	a := r.all[key]
	if a != nil && (!a.endpoint.Equal(e) || a.ttl != ttl) {
		a.cancel() // its successor begins when it has ended
	}
	if a == nil || !a.endpoint.Equal(e) || a.ttl != ttl {
		if a == nil && len(r.all) >= mostRegistered {
			return nil, fmt.Errorf("%d servers are registered by this instance already", mostRegistered)
		}
		a = r.begin(key, e, ttl, a)
	}
	a.until = time.Now().Add(ttl)
	a.timer.Reset(ttl)
	return a.registration(key), nil
}

// begin registers one, in place of another that is about to end.
func (r *Registrar) begin(key serverKey, e layout.Endpoint, ttl time.Duration, before *asked) *asked {
	ctx, cancel := context.WithCancel(context.Background())
	a := &asked{endpoint: e, ttl: ttl, cancel: cancel, over: make(chan struct{})}
	a.timer = time.AfterFunc(ttl, func() { r.lapse(key, a) })
	r.all[key] = a
	r.work.Go(func() {
		defer close(a.over)
		defer cancel()
		if before != nil {
			before.timer.Stop()
			<-before.over
		}
		tell := func(there bool, why string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			a.there, a.why = there, why
		}
		err := keep(ctx, r.store, key.cluster, e, ttl, func() { tell(true, "") }, func(err error) {
			tell(false, err.Error())
			r.problem(key.cluster, key.address, err)
		})
		if err != nil {
			r.problem(key.cluster, key.address, err)
		}
	})
	return a
}

// lapse ends one that has not asked in time.
func (r *Registrar) lapse(key serverKey, a *asked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[key] == a && !time.Now().Before(a.until) { // else it asked just now
		delete(r.all, key)
		a.cancel()
	}
}

// Remove takes a server off, and waits until it is, or ctx ends. It says whether this registrar had it.
func (r *Registrar) Remove(ctx context.Context, cluster, address string) (bool, error) {
	key := serverKey{cluster, address}
	r.mu.Lock()
	a := r.all[key]
	if a != nil {
		delete(r.all, key)
		a.timer.Stop()
		a.cancel()
	}
	r.mu.Unlock()
	if a == nil {
		return false, nil
	}
	select {
	case <-a.over:
		return true, nil
	case <-ctx.Done():
		return true, fmt.Errorf("the server is about to be taken off: %w", ctx.Err())
	}
}

// List are those that are kept.
func (r *Registrar) List() []*Registration {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := []*Registration{}
	for key, a := range r.all {
		all = append(all, a.registration(key))
	}
	slices.SortFunc(all, func(a, b *Registration) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Endpoint.Address, b.Endpoint.Address))
	})
	return all
}

func (a *asked) registration(key serverKey) *Registration {
	return &Registration{key.cluster, a.endpoint, a.ttl, max(0, time.Until(a.until)), a.there, a.why}
}

// Close takes all servers off: who calls them comes through the process that ends.
func (r *Registrar) Close() {
	r.mu.Lock()
	r.closed = true
	for key, a := range r.all {
		delete(r.all, key)
		a.timer.Stop()
		a.cancel()
	}
	r.mu.Unlock()
	r.work.Wait()
}
