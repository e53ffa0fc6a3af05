package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// FarmOptions say where the servers of a Farm live. Dir is required.
type FarmOptions struct {
	Dir       string // locked for as long as the Farm is open
	Templates string // where the pristine data directory is cached; Dir if empty. May be shared by processes
	Server    string // path of the program; "" looks for mariadbd, then for mysqld
	Keep      bool   // false: the data directories are removed at Open and at Close

	temporary bool // Close removes Dir
	unbound   bool // servers outlive this process, as where there is no parent-death signal; for tests
}

// Farm is a set of private servers under one directory. Its methods are called one at a time; those of its servers
// may be called from several goroutines.
type Farm struct {
	opts     FarmOptions
	tools    Tools
	template string
	lock     *dirLock
	orphans  []Orphan
	servers  []*Server
}

// Spec describes a server to start.
type Spec struct {
	Name    string   // unique in the Farm, fit for a file name: ds_0
	Flags   []string // further arguments of the server; they win over the built-in ones
	Version string   // what a MariaDB claims to be (SELECT VERSION(), handshake); its own version if empty
}

// OpenFarm locks the directory, ends the servers that an earlier process left there, and makes the template if it
// is the first time (1.6 s). Errors: ErrNoServer, one that wraps ErrInUse, or what the operating system said.
func OpenFarm(ctx context.Context, opts FarmOptions) (*Farm, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", opts.Dir, err)
	}
	opts.Dir = dir
	if opts.Templates == "" {
		opts.Templates = filepath.Join(dir, "templates")
	}
	tools, err := FindTools(ctx, opts.Server)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "servers"), 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := tryLock(dir)
	if err != nil {
		return nil, err
	}
	f := &Farm{opts: opts, tools: tools, lock: lock}
	if err := f.prepare(ctx); err != nil {
		lock.release()
		return nil, err
	}
	return f, nil
}

func (f *Farm) prepare(ctx context.Context) error {
	orphans, err := EndOrphans(ctx, f.opts.Dir)
	if err != nil {
		return err
	}
	f.orphans = orphans
	if !f.opts.Keep {
		if err := f.wipe(); err != nil {
			return err
		}
	}
	f.template, err = pristine(ctx, f.tools, f.opts.Templates)
	return err
}

// EndOrphans ends the servers that a process which is gone left running under dir. It does not lock: the caller
// knows that no Farm of this directory is open.
func EndOrphans(ctx context.Context, dir string) ([]Orphan, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "servers"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for orphan servers: %w", err)
	}
	var orphans []Orphan
	for _, e := range entries {
		o, err := endOrphan(ctx, filepath.Join(dir, "servers", e.Name()))
		if err != nil {
			return orphans, err
		}
		if o != nil {
			orphans = append(orphans, *o)
		}
	}
	return orphans, nil
}

// Orphans are the servers of an earlier process that OpenFarm has ended.
func (f *Farm) Orphans() []Orphan { return f.orphans }

// Tools are the programs that this Farm uses.
func (f *Farm) Tools() Tools { return f.tools }

// Servers are all servers that were started here, running or not, in the order of Start.
func (f *Farm) Servers() []*Server { return f.servers }

// Start starts all of specs at the same time and returns when every one of them answers a query; if one does not,
// none of these specs is left running.
func (f *Farm) Start(ctx context.Context, specs ...Spec) ([]*Server, error) {
	started := make([]*Server, len(specs))
	for i, spec := range specs {
		dir := filepath.Join(f.opts.Dir, "servers", fileSafe(spec.Name))
		started[i] = &Server{farm: f, spec: spec, dir: dir}
	}
	group, gctx := errgroup.WithContext(ctx)
	for _, s := range started {
		group.Go(func() error { return s.Start(gctx) })
	}
	if err := group.Wait(); err != nil {
		for _, s := range started {
			err = errors.Join(err, s.Kill())
		}
		return nil, err
	}
	f.servers = append(f.servers, started...)
	return started, nil
}

// Close stops every server, those of a Farm that is not kept without ceremony, and gives the directory free. If ctx
// has no deadline a server has 15 seconds to close its files before it is killed.
func (f *Farm) Close(ctx context.Context) error {
	defer f.lock.release()
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
	}
	var group errgroup.Group
	for _, s := range f.servers {
		group.Go(func() error {
			if f.opts.Keep {
				return s.Stop(ctx)
			}
			return s.Kill()
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("close the servers: %w", err)
	}
	switch {
	case f.opts.temporary:
		return os.RemoveAll(f.opts.Dir)
	case f.opts.Keep:
		return nil
	}
	return f.wipe()
}

func (f *Farm) wipe() error {
	if err := os.RemoveAll(filepath.Join(f.opts.Dir, "servers")); err != nil {
		return fmt.Errorf("remove the data directories: %w", err)
	}
	return nil
}
