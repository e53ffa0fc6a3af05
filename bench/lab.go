package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// The names under which the targets are reported.
const (
	direct   = "direct"
	haproxy  = "haproxy"
	relay    = "relay"
	passing  = "heddle"         // one data source, nothing sharded
	sharding = "heddle sharded" // two shards, routed by key
)

// The logical databases: the first is a schema of the server, the second exists in Heddle only.
const (
	plainDatabase   = "bench"
	shardedDatabase = "mesh"
)

// createTable makes sysbench's table under a name of its own.
const createTable = "CREATE TABLE %s (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY (k))"

// maxThreads is bounded by the connections that the server allows: each target has as many.
const maxThreads = 128

// target is what is measured. Its connections are opened by the first measurement that needs them and then kept.
type target struct {
	name, addr, database string
	pid                  int // of the proxy; of the server for direct
	clients              []*client
	buffers              *wire.Pool
}

// open has at least n clients connected, and each of them has done the work once, prepared statements and all.
func (t *target) open(n int, w *work) error {
	for len(t.clients) < n {
		c, err := connect(t.addr, t.database, t.buffers)
		if err != nil {
			return err
		}
		t.clients = append(t.clients, c)
	}
	for _, c := range t.clients[:n] {
		if _, err := w.step(c); err != nil {
			return err
		}
	}
	return nil
}

// lab is everything that runs.
type lab struct {
	env      *harness.Env
	children []*dev.Child
	targets  []*target
	rows     int
}

func openLab(ctx context.Context, o *options) (*lab, error) {
	env, err := harness.Start(ctx, harness.Options{Plain: true, Shards: o.servers - 1, Flags: []string{
		"--max-connections=2000", "--innodb-buffer-pool-size=64M", "--table-open-cache=2000",
	}})
	if err != nil {
		return nil, err
	}
	l := &lab{env: env, rows: o.rows}
	if err := l.start(ctx, o); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) start(ctx context.Context, o *options) error {
	if err := l.env.CreateSchema(ctx, plainDatabase); err != nil {
		return err
	}
	server := l.env.Plain
	l.add(o, direct, server.Addr(), plainDatabase, server.PID())
	if err := fill(server.Addr(), plainDatabase, o.rows); err != nil {
		return err
	}
	if wanted(o, haproxy) {
		if err := l.startHAProxy(o, server.Addr()); err != nil {
			return err
		}
	}
	if wanted(o, relay) {
		if err := l.startRelay(o, server.Addr()); err != nil {
			return err
		}
	}
	for i, h := range o.heddles {
		if err := l.startHeddle(ctx, o, h, i); err != nil {
			return err
		}
	}
	return nil
}

func wanted(o *options, name string) bool {
	return len(o.targets) == 0 || slices.ContainsFunc(o.targets, func(t string) bool {
		return t == name || strings.HasPrefix(name, t+"@")
	})
}

// add makes a target of what listens on addr. The server itself is always one: it is what the others are divided by.
func (l *lab) add(o *options, name, addr, database string, pid int) {
	if name == direct || wanted(o, name) {
		l.targets = append(l.targets, &target{name: name, addr: addr, database: database, pid: pid, buffers: wire.NewPool(0)})
	}
}

// startHAProxy starts HAProxy in TCP mode, with as many threads as it takes by itself.
func (l *lab) startHAProxy(o *options, server string) error {
	program, err := lookProgram("haproxy")
	if err != nil {
		return err
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	file := filepath.Join(l.env.Dir, "haproxy.cfg")
	config := fmt.Sprintf("global\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"+
		"listen mysql\n  bind %s\n  server db %s\n", addr, server)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return fmt.Errorf("write HAProxy's configuration: %w", err)
	}
	return l.startProxy(o, haproxy, addr, exec.Command(program, "-db", "-q", "-f", file))
}

// lookProgram finds a program that is not always in the search path.
func lookProgram(name string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s: apt-get install %s, or leave it out with -targets", name, name)
}

// startRelay starts this program again, as the relay.
func (l *lab) startRelay(o *options, server string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the relay: %w", err)
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	return l.startProxy(o, relay, addr, exec.Command(self, relayCommand, addr, server))
}

// startProxy starts a process and waits until it accepts connections.
func (l *lab) startProxy(o *options, name, addr string, cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	child, err := dev.StartChild(cmd)
	if err != nil {
		return err
	}
	l.children = append(l.children, child)
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close() // it was a question
			break
		}
		select {
		case <-child.Done():
			return fmt.Errorf("%s ended: %v", name, child.Err())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not accept connections: %w", name, err)
		}
	}
	l.add(o, name, addr, plainDatabase, child.PID())
	return nil
}

// startHeddle starts one heddle with two documents: a pass-through one, and one with two shards. These are schemas on
// the same server, so that only the proxy's work differs, or the second is on one of its own.
func (l *lab) startHeddle(ctx context.Context, o *options, h heddleBinary, number int) error {
	suffix := ""
	if h.name != "" {
		suffix = "@" + h.name
	}
	if !wanted(o, passing+suffix) && !wanted(o, sharding+suffix) {
		return nil
	}
	path, err := filepath.Abs(h.path)
	if err != nil {
		return fmt.Errorf("start heddle: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no heddle to measure (make build makes one): %w", err)
	}
	server := l.env.Plain
	shards := [2]string{"mesh" + strconv.Itoa(number) + "_0", "mesh" + strconv.Itoa(number) + "_1"}
	places := [2]string{server.Addr(), server.Addr()}
	for i, shard := range shards {
		on := server
		if i > 0 && o.servers > 1 {
			on = l.env.Shards[0]
		}
		places[i] = on.Addr()
		if err := on.CreateSchema(ctx, shard); err != nil {
			return err
		}
	}
	if err := os.Setenv("HEDDLE_TEST_BINARY", path); err != nil {
		return fmt.Errorf("start heddle: %w", err)
	}
	env, err := harness.Start(ctx, harness.Options{}) // which looks for its binary only once
	if err != nil {
		return err
	}
	l.env.OnClose(env.Close)
	set := map[string]string{"pool.max": strconv.Itoa(maxThreads), "log.level": "warn"}
	if h.transactions != "" {
		set["transactions.type"] = h.transactions
	}
	if number == 0 && o.admin != "" {
		set["admin.address"] = o.admin
	}
	proc, err := env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: []string{plainRules(server.Addr()), shardedRules(places, shards)}, Users: "users:\n  root: {}\n", Set: set,
	})
	if err != nil {
		return err
	}
	env.OnClose(proc.Close)
	if wanted(o, sharding+suffix) {
		if err := fill(proc.Addr, shardedDatabase, o.rows); err != nil {
			return err
		}
	}
	l.add(o, passing+suffix, proc.Addr, plainDatabase, proc.PID())
	l.add(o, sharding+suffix, proc.Addr, shardedDatabase, proc.PID())
	return nil
}

func plainRules(server string) string {
	return "data_sources:\n  ds: {address: \"" + server + "\", user: root}\n"
}

func shardedRules(servers, schemas [2]string) string {
	return fmt.Sprintf(`database: %[1]s
defaults: {user: root}
data_sources:
  ds_0: {address: "%[2]s", schema: %[3]s}
  ds_1: {address: "%[4]s", schema: %[5]s}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  sbtest1: {key: id}
  sbinsert: {key: id}
`, shardedDatabase, servers[0], schemas[0], servers[1], schemas[1])
}

// fill makes the tables, and the rows of the first, the same in each place.
func fill(addr, database string, rows int) error {
	c, err := connect(addr, database, wire.NewPool(0))
	if err != nil {
		return err
	}
	defer c.close()
	for _, table := range []string{"sbtest1", "sbinsert"} {
		if err := c.command(fmt.Sprintf(createTable, table)); err != nil {
			return fmt.Errorf("create %s in %s: %w", table, database, err)
		}
	}
	const batch = 500
	for first := 1; first <= rows; first += batch {
		var sql strings.Builder
		sql.WriteString("INSERT INTO sbtest1 (id, k, c, pad) VALUES ")
		for id := first; id < first+batch && id <= rows; id++ {
			if id > first {
				sql.WriteByte(',')
			}
			fmt.Fprintf(&sql, "(%d,%d,'%0119d','%059d')", id, id*7919%rows, id, id)
		}
		if err := c.command(sql.String()); err != nil {
			return fmt.Errorf("fill the table in %s: %w", database, err)
		}
	}
	return nil
}

// close ends everything that was started.
func (l *lab) close() error {
	for _, t := range l.targets {
		for _, c := range t.clients {
			c.close()
		}
	}
	var err error
	for _, c := range l.children {
		err = errors.Join(err, c.Kill())
	}
	return errors.Join(err, l.env.Close())
}
