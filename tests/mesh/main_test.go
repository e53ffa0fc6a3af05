package mesh

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/etcdstore"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	meshdocs "github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	build := func(_ context.Context, e *harness.Env) error { _, err := e.Binary(); return err }
	os.Exit(harness.Run(m, harness.Options{Shards: 2, Etcd: true, Setup: build}, &env))
}

// lab is one mesh: a prefix of an etcd, and a database of its own.
type lab struct {
	t        *testing.T
	database string
	endpoint string
	store    store.Store
	admin    *meshdocs.Admin
}

// newLab makes a mesh with users, and rules with one sharded table, t.
func newLab(t *testing.T, endpoint string) *lab {
	t.Helper()
	return newLabBy(t, labName(t), etcdstore.Config{Endpoints: []string{endpoint}})
}

// newLabBy is newLab where the test has to say how the etcd is entered, and under which name.
func newLabBy(t *testing.T, name string, cfg etcdstore.Config) *lab {
	t.Helper()
	l := &lab{t: t, database: name, endpoint: cfg.Endpoints[0]}
	if err := env.CreateSchema(t.Context(), l.database); err != nil {
		t.Fatal(err)
	}
	cfg.Prefix, cfg.Timeout = l.database, 5*time.Second
	s, err := etcdstore.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.store = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	l.admin = l.administration(10 * time.Second)
	if err := claim.Fresh(t.Context(), s, time.Now(), "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.admin.Users.Apply(t.Context(), admin.Application{Name: layout.Mesh, Document: []byte("users: {root: {}}\n"), Author: "test"}); err != nil {
		t.Fatal(err)
	}
	l.apply(l.rules(""))
	return l
}

// labName is a name for a test's database, and for its prefix in the etcd: another one each time the test runs.
func labName(t *testing.T) string {
	return strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_") + "_" + rand.Text()[:6])
}

// administration is one applier; its barriers wait so long.
func (l *lab) administration(wait time.Duration) *meshdocs.Admin {
	a, err := meshdocs.NewAdmin(l.store, "test", wait)
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

// rules are those of the lab: t by hash slot over both shards, and whatever more says.
func (l *lab) rules(more string) string { return l.rulesBy("ds_0: 0-8191\n  ds_1: 8192-16383", more) }

func (l *lab) rulesBy(slots, more string) string {
	return fmt.Sprintf("database: %s\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: \"%s\"}\n  ds_1: {address: \"%s\"}\n"+
		"slots:\n  %s\ntables:\n  t: {key: id, generate: id}\n%s", l.database, env.Shards[0].Addr(), env.Shards[1].Addr(), slots, more)
}

// apply brings rules into force and returns their version.
func (l *lab) apply(text string) int64 {
	l.t.Helper()
	res, err := l.admin.Rules.Apply(l.t.Context(), admin.Application{Name: l.database, Document: []byte(text), Author: "test", Base: admin.AnyBase})
	if err != nil {
		l.t.Fatal(err)
	}
	return res.Pointer.Version
}

// start starts an instance; dir is that of an earlier one whose state it goes on with, or "".
func (l *lab) start(name, dir string, set ...string) *harness.Heddle {
	l.t.Helper()
	return env.Heddle(l.t, l.options(name, dir, set...))
}

func (l *lab) options(name, dir string, set ...string) harness.HeddleOptions {
	fields := map[string]string{"etcd.endpoints": l.endpoint, "etcd.prefix": "/" + l.database, "instance.name": name, "etcd.timeout": "2s"}
	if dir != "" {
		fields["state.dir"] = filepath.Join(dir, "state")
	}
	for i := 0; i < len(set); i += 2 {
		fields[set[i]] = set[i+1]
	}
	return harness.HeddleOptions{Set: fields}
}

// open connects to an instance.
func (l *lab) open(h *harness.Heddle) *sql.DB { return h.Open(l.t, "root", "", l.database) }

// create makes the table t through an instance.
func (l *lab) create(db *sql.DB) {
	l.t.Helper()
	if _, err := db.ExecContext(l.t.Context(), "CREATE TABLE t (id BIGINT PRIMARY KEY, n INT)"); err != nil {
		l.t.Fatal(err)
	}
}

// eventually polls a condition.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// runs waits until the named instances run a version of the lab's rules.
func (l *lab) runs(version int64, within time.Duration, instances ...string) {
	l.t.Helper()
	eventually(l.t, within, fmt.Sprintf("version %d on %v", version, instances), func() bool {
		running := 0
		for _, i := range l.status() {
			if i.Documents[l.database].Version == version && len(i.Behind) == 0 {
				running++
			}
		}
		return running == len(instances)
	})
}

func (l *lab) status() []admin.InstanceStatus {
	l.t.Helper()
	_, all, err := l.admin.Rules.Status(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return all
}

// ownEtcd is an etcd that the test stops and starts, and the directory that it starts again with.
type ownEtcd struct {
	t   *testing.T
	dir string
	now *dev.Etcd
}

func newEtcd(t *testing.T) *ownEtcd {
	t.Helper()
	e := &ownEtcd{t: t, dir: t.TempDir()}
	e.start()
	t.Cleanup(func() {
		if e.now != nil {
			e.stop()
		}
	})
	return e
}

func (e *ownEtcd) start() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.t.Context()), 20*time.Second)
	defer cancel()
	var err error
	if e.now, err = dev.StartEtcd(ctx, e.dir); err != nil {
		e.t.Fatal(err)
	}
}

// wipe removes what a stopped etcd holds; its address stays.
func (e *ownEtcd) wipe() {
	e.t.Helper()
	entries, err := os.ReadDir(e.dir)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(e.dir, entry.Name())); err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *ownEtcd) stop() {
	err := e.now.Close()
	e.now = nil
	if err != nil {
		e.t.Error(err)
	}
}

// load runs statements on instances until stop, and returns how many ran; any error fails the test.
func (l *lab) load(dbs ...*sql.DB) (stop func() int) {
	ctx, cancel := context.WithCancel(l.t.Context())
	type end struct {
		n   int
		err error
	}
	ends := make(chan end, len(dbs))
	for _, db := range dbs {
		go func() {
			n := 0
			for ctx.Err() == nil {
				if err := round(l.t.Context(), db, n); err != nil {
					ends <- end{n, err}
					return
				}
				n++
			}
			ends <- end{n, nil}
		}()
	}
	return func() int {
		cancel()
		total := 0
		for range dbs {
			e := <-ends
			total += e.n
			if e.err != nil {
				l.t.Errorf("after %d rounds: %v", e.n, e.err)
			}
		}
		return total
	}
}

// round is one write, one read of one shard, one of all, and a transaction.
func round(ctx context.Context, db *sql.DB, n int) error {
	res, err := db.ExecContext(ctx, "INSERT INTO t (n) VALUES (?)", n)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return err
	}
	var got int
	if err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT n FROM t WHERE id = %d", id)).Scan(&got); err != nil || got != n {
		return fmt.Errorf("row %d is %d, not %d: %w", id, got, n, err)
	}
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM t").Scan(&got); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE id = ?", id); err != nil {
		return errors.Join(fmt.Errorf("update: %w", err), tx.Rollback())
	}
	return tx.Commit()
}
