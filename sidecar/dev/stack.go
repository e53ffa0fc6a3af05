package dev

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Options are the flags of `heddle dev` that concern this package; the package comment says what they mean.
type Options struct {
	Data     string   // --data; "": the user's cache directory, not kept
	Servers  int      // --servers; 0: as many as a kept Data has, two in a new one
	Rules    []string // --rules
	Load     string   // --load
	Backends []string // --backend
}

// Stack is everything under `heddle dev` but the proxy: servers or given backends, etcd, documents, rows to load.
type Stack struct {
	opts     Options
	dir      string
	keep     bool
	farm     *Farm    // nil with --backend
	lock     *dirLock // with --backend, in place of the farm's
	etcd     *Etcd
	backends []Backend
	kept     kept
	reset    bool
}

const defaultServers = 2

// Open starts etcd and the servers and returns when all of them answer. The caller closes the Stack.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	if opts.Servers < 0 || opts.Servers > 0 && len(opts.Backends) > 0 {
		return nil, errors.New("--servers wants a positive number, and private servers: it excludes --backend")
	}
	dir, err := dataDir(opts.Data)
	if err != nil {
		return nil, err
	}
	s := &Stack{opts: opts, dir: dir, keep: opts.Data != ""}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

func dataDir(given string) (string, error) {
	if given == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache directory (give --data): %w", err)
		}
		given = filepath.Join(cache, "heddle", "dev")
	}
	dir, err := filepath.Abs(given)
	if err != nil {
		return "", fmt.Errorf("resolve --data %s: %w", given, err)
	}
	return dir, os.MkdirAll(dir, 0o700)
}

func (s *Stack) open(ctx context.Context) error {
	if err := s.claim(ctx); err != nil {
		return err
	}
	if !s.keep {
		if err := s.wipe(); err != nil {
			return err
		}
	}
	if err := s.recall(); err != nil {
		return err
	}
	if err := s.dropHalfLoaded(); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.etcd, err = StartEtcd(gctx, filepath.Join(s.dir, "etcd"))
		return err
	})
	group.Go(func() error {
		if len(s.opts.Backends) > 0 {
			return s.useBackends()
		}
		return s.startServers(gctx)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return s.remember()
}

// Reset reports that the rows of an earlier start were dropped since their loading had not come to its end.
func (s *Stack) Reset() bool { return s.reset }

// claim locks the directory and ends orphans; with --backend too, where mariadbd may be missing.
func (s *Stack) claim(ctx context.Context) error {
	if len(s.opts.Backends) > 0 {
		lock, err := tryLock(s.dir)
		s.lock = lock
		return err
	}
	farm, err := OpenFarm(ctx, FarmOptions{Dir: s.dir, Keep: s.keep})
	s.farm = farm
	return err
}

func (s *Stack) startServers(ctx context.Context) error {
	var specs []Spec
	for i := range s.kept.Servers {
		specs = append(specs, Spec{Name: "ds_" + strconv.Itoa(i)})
	}
	servers, err := s.farm.Start(ctx, specs...)
	if err != nil {
		return err
	}
	for _, srv := range servers {
		s.backends = append(s.backends, Backend{
			Name: srv.Name(), Addr: srv.Addr(), Schema: DemoDatabase, User: "root", cfg: srv.Config(""),
		})
	}
	return nil
}

// wipe empties a directory that is not kept. Of the servers' data the farm takes care.
func (s *Stack) wipe() error {
	for _, name := range []string{"etcd", "state", "secrets", "dev.json"} {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			return fmt.Errorf("empty the data directory: %w", err)
		}
	}
	return nil
}

// Dir is the data directory, absolute.
func (s *Stack) Dir() string { return s.dir }

// StateDir is where the proxy keeps its last good documents.
func (s *Stack) StateDir() string { return filepath.Join(s.dir, "state") }

// Etcd is the embedded etcd.
func (s *Stack) Etcd() *Etcd { return s.etcd }

// Backends are the servers for data sources, in order.
func (s *Stack) Backends() []Backend { return slices.Clone(s.backends) }

// Servers are the private servers; none with --backend.
func (s *Stack) Servers() []*Server {
	if s.farm == nil {
		return nil
	}
	return s.farm.Servers()
}

// Orphans are the servers of an earlier process that were ended at the start.
func (s *Stack) Orphans() []Orphan {
	if s.farm == nil {
		return nil
	}
	return s.farm.Orphans()
}

// Demo reports that the demo's rules are used: no --rules.
func (s *Stack) Demo() bool { return len(s.opts.Rules) == 0 }

// Rules are the texts of the rule documents: the demo's, or the files of --rules, in which ${ds_0} stands for the
// address of that backend.
func (s *Stack) Rules() ([]string, error) {
	if s.Demo() {
		text, err := DemoRules(s.backends)
		return []string{text}, err
	}
	var texts []string
	for _, path := range s.opts.Rules {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read --rules: %w", err)
		}
		texts = append(texts, s.Expand(string(b)))
	}
	return texts, nil
}

// Expand replaces ${ds_0} and its like by the addresses of the backends. Other ${…} belong to the rules and stay.
func (s *Stack) Expand(text string) string {
	for _, b := range s.backends {
		text = strings.ReplaceAll(text, "${"+b.Name+"}", b.Addr)
	}
	return text
}

// Users is the text of the users document: root without a password.
func (s *Stack) Users() string { return demoUsers }

// Loaded reports that this directory has its rows from an earlier start.
func (s *Stack) Loaded() bool { return s.kept.Loaded }

// MarkLoaded notes that the statements of Load went through; to be called after the last of them.
func (s *Stack) MarkLoaded() error {
	s.kept.Loaded, s.kept.Loading = true, false
	return s.remember()
}

// Load yields the statements to send through the proxy unless Loaded: those of --load, or the demo's if its rules are
// used, or none. An error ends the sequence. A Load that is not followed by MarkLoaded is undone at the next start.
func (s *Stack) Load() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if s.opts.Load == "" && !s.Demo() {
			return
		}
		s.kept.Loading = true
		if err := s.remember(); err != nil {
			yield("", err)
			return
		}
		if s.opts.Load == "" {
			for statement := range DemoStatements() {
				if !yield(statement, nil) {
					return
				}
			}
			return
		}
		f, err := os.Open(s.opts.Load)
		if err != nil {
			yield("", fmt.Errorf("read --load: %w", err))
			return
		}
		defer f.Close()
		for statement, err := range Statements(f) {
			if !yield(statement, err) {
				return
			}
		}
	}
}

// Close stops etcd and the servers that were started here, in that order, and nothing else. Of a directory that is
// not kept only the template stays.
func (s *Stack) Close(ctx context.Context) error {
	var err error
	if s.etcd != nil {
		err = s.etcd.Close()
	}
	if !s.keep && (s.farm != nil || s.lock != nil) { // while the directory is still ours
		err = errors.Join(err, s.wipe())
	}
	if s.farm != nil {
		err = errors.Join(err, s.farm.Close(ctx))
	}
	if s.lock != nil {
		s.lock.release()
	}
	return err
}
