package xa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store/etcdstore"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	meshdocs "github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// mesh is processes of heddle over the three servers. Those that an etcd gives the rules reach the servers straight; others have the
// rules in a file, and a relay to each server. By the prefix of the store's keys they are one mesh: each finishes what any has left.
type mesh struct {
	t      testing.TB
	etcd   *dev.Etcd
	dir    string // the etcd's
	prefix string
	names  atomic.Int64 // of instances
	sees   *watcher
}

const database = "torture"

// newMesh starts the etcd and looks at the servers from now on.
func newMesh(t *testing.T) *mesh {
	t.Helper()
	a := &mesh{t: t, dir: t.TempDir(), prefix: "/" + database}
	a.startEtcd()
	t.Cleanup(func() {
		if err := a.etcd.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := env.CreateSchema(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	a.apply()
	a.sees = watch(t)
	return a
}

func (a *mesh) startEtcd() {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var err error
	if a.etcd, err = dev.StartEtcd(ctx, a.dir); err != nil {
		a.t.Fatal(err)
	}
}

// loseEtcd ends the etcd, for good where all that it had is removed, and returns what starts it again.
func (a *mesh) loseEtcd(wiped bool) (back func()) {
	if err := a.etcd.Close(); err != nil {
		a.t.Error(err)
	}
	if wiped {
		if err := os.RemoveAll(filepath.Join(a.dir, "data")); err != nil {
			a.t.Error(err)
		}
	}
	return func() {
		a.startEtcd()
		if wiped {
			a.apply()
		}
	}
}

// apply brings the documents into force, as an operator does.
func (a *mesh) apply() {
	a.t.Helper()
	s, err := etcdstore.Open(etcdstore.Config{Endpoints: []string{a.etcd.Endpoint()}, Prefix: a.prefix, Timeout: 10 * time.Second})
	if err != nil {
		a.t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	by, err := meshdocs.NewAdmin(s, "test", 20*time.Second)
	if err == nil {
		err = claim.Fresh(ctx, s, time.Now(), "test")
	}
	if err == nil {
		_, err = by.Users.Apply(ctx, admin.Application{Name: layout.Mesh, Document: []byte("users: {root: {}}\n"), Author: "test", Base: admin.AnyBase})
	}
	if err == nil {
		_, err = by.Rules.Apply(ctx, admin.Application{Name: database, Document: []byte(meshRules(serverAddrs())), Author: "test", Base: admin.AnyBase})
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func serverAddrs() (out []string) {
	for _, s := range env.Shards {
		out = append(out, s.Addr())
	}
	return out
}

func meshRules(addrs []string) string {
	return fmt.Sprintf(`database: torture
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
  ds_2: {address: %q}
slots: {ds_0: 0-5461, ds_1: 5462-10922, ds_2: 10923-16383}
tables:
  accounts: {key: id}
  ledger: {key: id}
  counters: {key: id}
  lists: {key: id}
binding: [[accounts, ledger]]
`, addrs[0], addrs[1], addrs[2])
}

// member is one process of a mesh.
type member struct {
	*harness.Heddle
	points string           // at which it dies or stops
	epoch  string           // of its transactions' names
	relays []*harness.Relay // to its servers; none if it is told the rules by the etcd
	mu     sync.Mutex       // guards what follows
	died   time.Time
}

var epochSaid = regexp.MustCompile(`"epoch": "([0-9a-z]{12})"`)

// start starts a process. With own links it has relays.
func (a *mesh) start(points string, own bool) (*member, error) {
	o := harness.HeddleOptions{Set: map[string]string{
		"etcd.prefix": a.prefix, "instance.name": fmt.Sprint("i", a.names.Add(1)), "etcd.timeout": "2s", "transactions.type": "xa", "pool.connect_timeout": "3s", "pool.wait_timeout": "3s",
	}, Wait: time.Minute}
	if points != "" {
		o.Env = []string{"FAILPOINTS=" + points}
	}
	m := &member{points: points}
	if own {
		var addrs []string
		for _, s := range env.Shards {
			r, err := harness.StartRelay(s.Addr())
			if err != nil {
				return nil, err
			}
			m.relays, addrs = append(m.relays, r), append(addrs, r.Addr())
		}
		o.Rules, o.Users = []string{meshRules(addrs)}, "users: {root: {}}"
	} else {
		o.Set["etcd.endpoints"] = a.etcd.Endpoint()
	}
	var err error
	for range 5 { // on a machine that has too much to do, a start can take too long
		if m.Heddle, err = env.StartHeddle(context.Background(), o); err == nil {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	said := epochSaid.FindStringSubmatch(m.Log())
	if said == nil {
		return nil, errors.Join(errors.New("heddle does not say its epoch"), m.close())
	}
	m.epoch = said[1]
	go func() {
		<-m.Done()
		m.mu.Lock()
		m.died = time.Now()
		m.mu.Unlock()
	}()
	return m, nil
}

// kill ends a process as a crash does, and reports when it ended; by is whether it had not before, at its failpoint.
func (m *member) kill() (at time.Time, byTest bool, err error) {
	select {
	case <-m.Done():
	default:
		byTest = true
		err = m.Kill()
		<-m.Done()
	}
	for {
		m.mu.Lock()
		at = m.died
		m.mu.Unlock()
		if !at.IsZero() {
			return at, byTest, err
		}
		<-time.After(time.Millisecond)
	}
}

// alive reports whether it runs.
func (m *member) alive() bool {
	select {
	case <-m.Done():
		return false
	default:
		return true
	}
}

// dies waits until it has ended, for a time at the most.
func (m *member) dies(within time.Duration) {
	select {
	case <-m.Done():
	case <-time.After(within):
	}
}

// stopped reports whether the process has stopped itself: what the kernel says of it.
func (m *member) stopped() bool { return standing(fmt.Sprintf("/proc/%d/stat", m.PID())) }

// standing is what a file stat of the kernel's says of a process, or of one of its threads.
func standing(stat string) bool {
	text, err := os.ReadFile(stat)
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "T")
}

// close ends a process in order, if it lives, and removes what it had. The error tells of what no process may print.
func (m *member) close() error {
	defer func() { // then: a process that reaches no server any more ends when its commits have given up
		for _, r := range m.relays {
			r.Close()
		}
	}()
	if m.Heddle == nil {
		return nil
	}
	err := m.Close()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && strings.Contains(m.points, "=kill") && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		err = nil // it came to its failpoint while it ended: recovery goes on until then
	}
	return errors.Join(err, os.RemoveAll(m.Dir))
}

// sighting is from when to when a branch was listed as prepared.
type sighting struct{ first, last time.Time }

type branchAt struct {
	shard int
	xid   xa.XID
}

// watcher looks at what the servers list as prepared, all the time.
type watcher struct {
	mu    sync.Mutex // guards what follows
	seen  map[branchAt]sighting
	none  []time.Time // of each server, when it was asked last and listed nothing
	asked []time.Time
}

func watch(t *testing.T) *watcher {
	w := &watcher{seen: map[branchAt]sighting{}, none: make([]time.Time, len(env.Shards)), asked: make([]time.Time, len(env.Shards))}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for shard := range env.Shards {
		all.Go(func() {
			for ctx.Err() == nil {
				w.look(ctx, shard)
				<-time.After(40 * time.Millisecond)
			}
		})
	}
	t.Cleanup(func() { stop(); all.Wait() })
	return w
}

func (w *watcher) look(ctx context.Context, shard int) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began := time.Now()
	listed, _, err := shards.Server(env.Shards[shard].Name()).Prepared(ctx)
	if err != nil {
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[shard] = began
	for _, x := range listed {
		k := branchAt{shard, x}
		s := w.seen[k]
		if s.first.IsZero() {
			s.first = now
		}
		s.last = now
		w.seen[k] = s
	}
	if len(listed) == 0 {
		w.none[shard] = began
	}
}

// quiet reports whether no server lists a branch, asked after a time.
func (w *watcher) quiet(since time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for shard := range w.none {
		if !w.none[shard].After(since) || w.none[shard].Before(w.asked[shard]) {
			return false
		}
	}
	return true
}

// listed is for how long, from a time on, the branches for which is holds were listed, at the most; 0 if none was.
func (w *watcher) listed(from time.Time, is func(branchAt) bool) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, s := range w.seen {
		if s.last.After(from) && is(k) {
			since := s.first
			if since.Before(from) {
				since = from
			}
			longest = max(longest, s.last.Sub(since))
		}
	}
	return longest
}

// lists reports whether a branch for which is holds was listed within the last spell.
func (w *watcher) lists(is func(branchAt) bool, spell time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, s := range w.seen {
		if time.Since(s.last) < spell && is(k) {
			return true
		}
	}
	return false
}

// forget begins anew.
func (w *watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.seen)
}

// of are the branches of a member's transactions.
func (m *member) of(k branchAt) bool { return xa.EpochName(k.xid.GTRID.Epoch) == m.epoch }
