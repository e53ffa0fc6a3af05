package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/dev"
)

// Options say what a test binary needs.
type Options struct {
	Plain   bool     // one server to compare with
	Shards  int      // servers behind heddle, named ds_0 …
	Etcd    bool     // an etcd of its own
	Flags   []string // further arguments of every server
	Version string   // what every mariadbd claims to be; "" its own version

	// Setup runs before the tests, for what they share: schemas, a heddle process. Nil: nothing.
	Setup func(ctx context.Context, e *Env) error
}

// Env is what one test binary shares. Its fields are fixed when the tests begin.
type Env struct {
	Plain  *dev.Server   // nil unless asked for
	Shards []*dev.Server // in order of their names
	Etcd   *dev.Etcd     // nil unless asked for
	Dir    string        // scratch, removed at the end

	farm   *dev.Farm
	binary func() (string, error)

	mu      sync.Mutex // guards closers
	closers []func() error
}

// Run starts what opts ask for, stores it in *into, runs the tests, ends everything and returns the exit code.
func Run(m *testing.M, opts Options, into **Env) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	e, err := Start(ctx, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test servers:", err)
		return 1
	}
	*into = e
	code := m.Run()
	if err := e.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "test servers:", err)
		code = max(code, 1)
	}
	return code
}

// Start is Run without the tests, for benches and for fuzz targets that start their servers on first use. The
// caller closes the Env.
func Start(ctx context.Context, opts Options) (*Env, error) {
	parent := filepath.Join(os.TempDir(), "heddle-tests-"+strconv.Itoa(os.Getuid()))
	farm, err := dev.OpenTemporary(ctx, parent, os.Getenv("HEDDLE_TEST_SERVER"))
	if err != nil {
		return nil, err
	}
	e := &Env{farm: farm, Dir: filepath.Join(farm.Dir(), "scratch")}
	e.binary = sync.OnceValues(func() (string, error) { return buildHeddle(e.Dir) })
	if err := e.start(ctx, opts); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Env) start(ctx context.Context, opts Options) error {
	if err := os.MkdirAll(e.Dir, 0o700); err != nil {
		return fmt.Errorf("make the scratch directory: %w", err)
	}
	var specs []dev.Spec
	if opts.Plain {
		specs = append(specs, dev.Spec{Name: "plain", Flags: opts.Flags, Version: opts.Version})
	}
	for i := range opts.Shards {
		specs = append(specs, dev.Spec{Name: "ds_" + strconv.Itoa(i), Flags: opts.Flags, Version: opts.Version})
	}
	servers, err := e.farm.Start(ctx, specs...)
	if err != nil {
		return err
	}
	if opts.Plain {
		e.Plain, servers = servers[0], servers[1:]
	}
	e.Shards = servers
	if opts.Etcd {
		if e.Etcd, err = dev.StartEtcd(ctx, filepath.Join(e.Dir, "etcd")); err != nil {
			return err
		}
		e.OnClose(e.Etcd.Close)
	}
	if opts.Setup == nil {
		return nil
	}
	if err := opts.Setup(ctx, e); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}

// ServerVersion is what the servers' program says of itself: 10.11.19-MariaDB…, 9.7.4….
func (e *Env) ServerVersion() string { return e.farm.Tools().Version }

// OnClose registers what Close does before the servers are ended, last registered first.
func (e *Env) OnClose(f func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closers = append(e.closers, f)
}

// Close ends what was started and removes its files. The error tells also of races that shared heddle processes
// reported.
func (e *Env) Close() error {
	e.mu.Lock()
	closers := e.closers
	e.closers = nil
	e.mu.Unlock()
	var err error
	for i := len(closers) - 1; i >= 0; i-- {
		err = errors.Join(err, closers[i]())
	}
	return errors.Join(err, e.farm.Close(context.Background()))
}

// CreateSchema makes a schema on the plain server and on every shard.
func (e *Env) CreateSchema(ctx context.Context, name string) error {
	for _, s := range e.farm.Servers() {
		if err := s.CreateSchema(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
