// Package discovery finds the endpoints of clusters: in files, by DNS, or in the store, where servers register themselves. What
// was found last stays, on disk too, while nobody can be asked or nobody is found: a registry that is lost changes nothing. Whether those
// that were found are well is not its business. Level: sidecar/rpc.
package discovery

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// Config is what a Finder needs.
type Config struct {
	Dir      string      // for what was found last
	Registry store.Store // nil: there is none
	// Found is told of a cluster's endpoints, Problem of what keeps the cluster from being looked for. Both are called by several
	// goroutines.
	Found   func(cluster string, endpoints []*route.Endpoint) error
	Problem func(cluster string, err error)
}

// Finder finds the endpoints of all clusters that have any be found.
type Finder struct {
	cfg Config

	mu      sync.Mutex
	looking map[string]*search
	closed  bool
	all     sync.WaitGroup
}

// search is one cluster's.
type search struct {
	rule   route.Discover
	cancel context.CancelFunc
	over   chan struct{}
}

// New returns a Finder that looks for nothing yet.
func New(c Config) *Finder { return &Finder{cfg: c, looking: map[string]*search{}} }

// Adopt has the endpoints of these clusters be found from now on. What was found last for a cluster that is new is told before it returns.
func (f *Finder) Adopt(clusters map[string]*route.Cluster) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, s := range f.looking {
		if c := clusters[name]; c == nil || c.Discover == nil || *c.Discover != s.rule {
			s.cancel()
			<-s.over // it tells of nothing any more
			delete(f.looking, name)
		}
	}
	for name, c := range clusters {
		if c.Discover == nil || f.looking[name] != nil || f.closed {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		s := &search{rule: *c.Discover, cancel: cancel, over: make(chan struct{})}
		f.looking[name] = s
		last := f.remembered(name)
		f.all.Go(func() {
			defer close(s.over)
			f.look(ctx, name, &s.rule, last)
		})
	}
}

// Close ends all looking.
func (f *Finder) Close() {
	f.mu.Lock()
	f.closed = true
	for _, s := range f.looking {
		s.cancel()
	}
	f.mu.Unlock()
	f.all.Wait()
}

// look looks until ctx ends. What has been found and could not be told is told again.
func (f *Finder) look(ctx context.Context, cluster string, d *route.Discover, last []*route.Endpoint) {
	found := func(endpoints []*route.Endpoint, err error) (known bool) {
		switch {
		case ctx.Err() != nil:
		case err != nil:
			f.cfg.Problem(cluster, err)
		case len(endpoints) == 0:
			f.cfg.Problem(cluster, errors.New("nobody is found: those of before stay"))
		case !reflect.DeepEqual(endpoints, last):
			if err := f.cfg.Found(cluster, endpoints); err != nil {
				f.cfg.Problem(cluster, err)
				return false
			}
			last = endpoints
			f.remember(cluster, endpoints)
		}
		return true
	}
	if d.Registry {
		f.follow(ctx, cluster, found)
		return
	}
	for {
		endpoints, wait, err := ask(ctx, d)
		found(endpoints, err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// ask looks once. wait is how long what it found holds.
func ask(ctx context.Context, d *route.Discover) (endpoints []*route.Endpoint, wait time.Duration, err error) {
	if d.File != "" {
		if wait = d.Interval; wait == 0 {
			wait = time.Second
		}
		endpoints, err = route.ReadEndpoints(d.File)
		return endpoints, wait, err
	}
	return resolve(ctx, d)
}

// path is where a cluster's endpoints are remembered.
func (f *Finder) path(cluster string) string {
	return filepath.Join(f.cfg.Dir, hex.EncodeToString([]byte(cluster)))
}

// remembered tells of what was found last, by this process or one before it.
func (f *Finder) remembered(cluster string) []*route.Endpoint {
	text, err := durable.Read(f.path(cluster))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var last []*route.Endpoint
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	if err == nil {
		err = f.cfg.Found(cluster, last)
	}
	if err != nil {
		f.cfg.Problem(cluster, fmt.Errorf("what was found last: %w", err))
		return nil
	}
	return last
}

func (f *Finder) remember(cluster string, endpoints []*route.Endpoint) {
	text, err := json.Marshal(endpoints)
	if err == nil {
		err = durable.Write(f.path(cluster), text)
	}
	if err != nil {
		f.cfg.Problem(cluster, fmt.Errorf("remember what was found: %w", err))
	}
}
