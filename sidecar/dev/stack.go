package dev

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
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

// Backend is a server for a data source: a private one, or one that --backend named.
type Backend struct {
	Name     string // ds_0 …
	Addr     string // host:port, or the path of a socket
	Schema   string // physical
	User     string
	Password string // a secret reference, never the value; "" for no password

	cfg *mysql.Config
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
}

// kept is what a data directory remembers.
type kept struct {
	Servers  int      `json:"servers"`
	Backends []string `json:"backends,omitempty"` // addresses
	Loaded   bool     `json:"loaded"`
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

// useBackends reads the DSNs. A password goes to a file of its own, so that documents can refer to it.
func (s *Stack) useBackends() error {
	for i, dsn := range s.opts.Backends {
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			return fmt.Errorf("--backend number %d is not a DSN such as user:password@tcp(127.0.0.1:3306)/schema: %w", i+1, err)
		}
		b := Backend{Name: "ds_" + strconv.Itoa(i), Addr: cfg.Addr, Schema: cfg.DBName, User: cfg.User}
		if b.Schema == "" {
			b.Schema = DemoDatabase
		}
		if cfg.Passwd != "" {
			path := filepath.Join(s.dir, "secrets", b.Name)
			if err := writeSecret(path, cfg.Passwd); err != nil {
				return err
			}
			b.Password = "file:" + path
		}
		cfg.DBName, cfg.Logger = "", silent{}
		b.cfg = cfg
		s.backends = append(s.backends, b)
	}
	return nil
}

func writeSecret(path, value string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep a backend's password: %w", err)
	}
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		return fmt.Errorf("keep a backend's password: %w", err)
	}
	return nil
}

// recall reads what the directory remembers and compares it with the options.
func (s *Stack) recall() error {
	b, err := os.ReadFile(filepath.Join(s.dir, "dev.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the data directory: %w", err)
	}
	fresh := err != nil
	if !fresh {
		if err := json.Unmarshal(b, &s.kept); err != nil {
			return fmt.Errorf("read %s: %w", filepath.Join(s.dir, "dev.json"), err)
		}
	}
	want := kept{Servers: s.opts.Servers, Backends: backendAddrs(s.opts.Backends), Loaded: s.kept.Loaded}
	if want.Servers == 0 && len(want.Backends) == 0 {
		want.Servers = defaultServers
		if !fresh && s.kept.Servers > 0 {
			want.Servers = s.kept.Servers
		}
	}
	if !fresh && (want.Servers != s.kept.Servers || !slices.Equal(want.Backends, s.kept.Backends)) {
		return fmt.Errorf("%s holds the rows of %s; start with the same, or give another directory with --data", s.dir, s.kept)
	}
	s.kept = want
	return nil
}

func (k kept) String() string {
	if len(k.Backends) > 0 {
		return "the backends " + strings.Join(k.Backends, ", ")
	}
	return fmt.Sprintf("--servers %d", k.Servers)
}

func backendAddrs(dsns []string) []string {
	var addrs []string
	for _, dsn := range dsns {
		if cfg, err := mysql.ParseDSN(dsn); err == nil {
			addrs = append(addrs, cfg.Addr)
		}
	}
	return addrs
}

func (s *Stack) remember() error {
	b, err := json.Marshal(s.kept)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "dev.json"), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the data directory: %w", err)
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

// CreateSchemas makes schemas on every backend, straight and not through the proxy: those that the rules name, before
// the proxy starts.
func (s *Stack) CreateSchemas(ctx context.Context, names ...string) error {
	for _, b := range s.backends {
		connector, err := mysql.NewConnector(b.cfg)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", b.Name, err)
		}
		db := sql.OpenDB(connector)
		err = createSchemas(ctx, db, names)
		db.Close()
		if err != nil {
			return fmt.Errorf("on %s at %s: %w", b.Name, b.Addr, err)
		}
	}
	return nil
}

// Loaded reports that this directory has its rows from an earlier start.
func (s *Stack) Loaded() bool { return s.kept.Loaded }

// MarkLoaded notes that the statements of Load went through; to be called after the last of them.
func (s *Stack) MarkLoaded() error {
	s.kept.Loaded = true
	return s.remember()
}

// Load yields the statements to send through the proxy unless Loaded: those of --load, or the demo's if its rules are
// used, or none. An error ends the sequence.
func (s *Stack) Load() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if s.opts.Load == "" {
			if !s.Demo() {
				return
			}
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
