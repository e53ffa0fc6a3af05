package mesh

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// reloading is a process with documents in files, which a test rewrites.
type reloading struct {
	t        *testing.T
	h        *harness.Heddle
	database string
	rules    string
	users    string
	set      map[string]string
	admin    string // where it tells metrics
}

const halves = "{ds_0: 0-8191, ds_1: 8192-16383}"

func startReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{t: t, database: labName(t), users: "users: {root: {}}", admin: freeAddr(t)}
	r.set = map[string]string{"pool.wait_timeout": "100ms", "admin.address": r.admin}
	if err := env.CreateSchema(t.Context(), r.database); err != nil {
		t.Fatal(err)
	}
	r.place(halves, "")
	r.h = env.Heddle(t, r.options())
	return r
}

// place makes rules of one sharded table and more.
func (r *reloading) place(slots, more string) {
	r.rules = fmt.Sprintf("database: %s\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: %q}\n  ds_1: {address: %q}\nslots: %s\ntables:\n  t: {key: id}\n%s",
		r.database, env.Shards[0].Addr(), env.Shards[1].Addr(), slots, more)
}

func (r *reloading) options() harness.HeddleOptions {
	return harness.HeddleOptions{Rules: []string{r.rules}, Users: r.users, Set: maps.Clone(r.set)}
}

// write rewrites the files and waits until the process has said so.
func (r *reloading) write(says string) {
	r.t.Helper()
	before := strings.Count(r.h.Log(), says)
	if err := r.h.Rewrite(r.options()); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, 10*time.Second, "the log says "+says, func() bool { return strings.Count(r.h.Log(), says) > before })
}

// tells waits until the metrics have a line: they are told a moment before the log.
func (r *reloading) tells(line string) {
	r.t.Helper()
	eventually(r.t, 10*time.Second, "the metrics have "+line, func() bool { return strings.Contains(fetch(r.t, r.admin, "/metrics"), "\n"+line+"\n") })
}

func (r *reloading) open(user string) *sql.DB {
	r.t.Helper()
	return r.h.Open(r.t, user, "", r.database)
}

func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func TestReloadDocuments(t *testing.T) {
	t.Parallel()
	r := startReloading(t)
	db := r.open("root")
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (id INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if err := r.open("weaver").PingContext(t.Context()); number(err) != 1045 {
		t.Errorf("an account that there is not: %v", err)
	}
	r.tells("heddle_reload_failed 0")
	r.tells(`heddle_reloads_total{outcome="failed"} 0`)
	r.users = "users: {root: {}, weaver: {}}"
	r.write("reloaded")
	if err := r.open("weaver").PingContext(t.Context()); err != nil {
		t.Errorf("a new account: %v", err)
	}
	r.place(halves, "  fresh: {key: id}\n")
	r.write("reloaded")
	var plan string
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE fresh (id INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "EXPLAIN FORMAT=HEDDLE SELECT * FROM fresh").Scan(&plan); err != nil || !strings.Contains(plan, "scatter") {
		t.Errorf("a table that the rules name now: %q, %v", plan, err)
	}

	// What is wrong is not taken: rows that would be elsewhere, users that cannot be read.
	r.place("{ds_0: 0-100, ds_1: 101-16383}", "")
	r.users = "users: {root: {}}"
	r.write("reload failed")
	if log := r.h.Log(); !strings.Contains(log, "place rows of fresh, t elsewhere") {
		t.Errorf("the log does not say why:\n%s", log)
	}
	r.tells("heddle_reload_failed 1")
	if err := r.open("weaver").PingContext(t.Context()); err != nil {
		t.Errorf("half of a reload that failed is in force: %v", err)
	}
	// A single table is where it is found: listing it there moves nothing, listing it elsewhere would.
	if err := direct(env.Shards[1].Config(r.database), "CREATE TABLE lone (id INT PRIMARY KEY)", "INSERT INTO lone VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	r.users = "users: {root: {}, weaver: {}}"
	r.place(halves, "  fresh: {key: id}\nsingle: {ds_0: [lone]}\n")
	r.write("place rows of lone elsewhere")
	r.place(halves, "  fresh: {key: id}\n  listed: {key: id, algorithm: {type: list, values: [[1], [2]]}}\nsingle: {ds_1: [lone]}\n")
	r.write("reloaded")
	r.tells("heddle_reload_failed 0")
	says(t, db, "CREATE TABLE listed (id INT PRIMARY KEY, b INT)", 0, "")
	says(t, db, "INSERT INTO listed VALUES (3, 1)", 1235, `a row of listed with id = "3", a sharding key that no shard takes`)
	says(t, db, "ALTER TABLE listed ADD UNIQUE (b)", 1235, "the unique key on (b) lacks the sharding key (id)")
	answers(t, db, "SELECT id FROM lone", "7")
	r.place(halves, "  fresh: {key: id}\n")
	r.users = "users: {root: {pasword: x}}"
	r.write("reload failed")
	r.tells("heddle_reload_failed 1")
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}

func direct(cfg *mysql.Config, texts ...string) error {
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	for _, text := range texts {
		if _, failed := db.Exec(text); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return errors.Join(err, db.Close())
}

// At a start the rules that were served last are remembered: those that place rows elsewhere are refused, unless somebody
// vouches for it.
func TestStartWithMovedPlacement(t *testing.T) {
	t.Parallel()
	r := startReloading(t)
	db := r.open("root")
	for _, text := range []string{"CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3), (4), (5), (6), (7), (8)"} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := direct(env.Shards[1].Config(r.database), "CREATE TABLE lone (id INT PRIMARY KEY)", "INSERT INTO lone VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	if err := r.h.Close(); err != nil {
		t.Fatal(err)
	}
	r.set["state.dir"] = filepath.Join(r.h.Dir, "state")
	addresses := strings.NewReplacer(env.Shards[0].Addr(), env.Shards[1].Addr(), env.Shards[1].Addr(), env.Shards[0].Addr())
	kept := r.rules
	for name, c := range map[string]struct {
		slots, more string
		swap        bool
		says        []string
	}{
		"slots": {slots: "{ds_1: 0-8191, ds_0: 8192-16383}", says: []string{"the rules of " + r.database + " place rows elsewhere", "t: was sharded by (id), hash_slot, on ds_0." + r.database + ".t (slots 0-8191)",
			"would be sharded by (id), hash_slot, on ds_1." + r.database + ".t (slots 0-8191)", "heddle serve --force-placement"}},
		"addresses": {slots: halves, swap: true, says: []string{"ds_0 would be at the address of ds_1"}},
		"unnamed":   {slots: halves, more: "  lone: {key: id}\n", says: []string{"lone: was not named"}},
	} {
		r.place(c.slots, c.more)
		if c.swap {
			r.rules = addresses.Replace(r.rules)
		}
		h, err := env.StartHeddle(t.Context(), r.options())
		if err == nil {
			t.Errorf("%s: it starts", name)
			continue
		}
		if code, out := checkConfig(t, h, "--online"); code == 0 || !strings.Contains(out, c.says[0]) {
			t.Errorf("%s: heddle check: %d %s", name, code, out)
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in %v", name, want, err)
			}
		}
	}
	r.rules = kept
	r.place(halves, "single: {ds_1: [lone]}\n") // moves nothing
	h := env.Heddle(t, r.options())
	db = h.Open(t, "root", "", r.database)
	answers(t, db, "SELECT COUNT(*) FROM t WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8) AND id > 0", "8")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	r.place("{ds_1: 0-8191, ds_0: 8192-16383}", "")
	opts := r.options()
	opts.Args = []string{"serve", "--force-placement", "--config", "{config}"}
	h = env.Heddle(t, opts)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if code, out := checkConfig(t, env.Heddle(t, r.options())); code != 0 { // which is what was served last now
		t.Error(out)
	}
}

// checkConfig is heddle check with a process's configuration.
func checkConfig(t *testing.T, h *harness.Heddle, more ...string) (code int, out string) {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"check", "--config", filepath.Join(h.Dir, "heddle.yaml")}, more...)...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

func TestReloadSettings(t *testing.T) {
	t.Parallel()
	r := startReloading(t)
	a := newAuthority(t, "first")
	pair := a.sign("heddle", time.Now().Add(time.Hour))
	r.set["limits.max_connections"], r.set["log.level"], r.set["pool.max"] = "2", "debug", "1"
	r.set["listen.tls.cert"], r.set["listen.tls.key"], r.set["listen.tls.required"] = pair.Cert, pair.Key, "true"
	r.set["memory.query"], r.set["instance.name"] = "2MiB", "another"
	r.set["limits.fan_out"], r.set["plan_cache.size"] = "1", "3MiB"
	r.write("reloaded")
	log := r.h.Log()
	for _, field := range []string{"limits.fan_out", "plan_cache.size", "memory.query"} {
		if !strings.Contains(log, "the configuration changes\t{\"field\": \""+field+"\"") {
			t.Errorf("%s does not change:\n%s", field, log)
		}
	}
	if !strings.Contains(log, "next start only") || !strings.Contains(log, "instance.name") || strings.Contains(log, "the configuration changes\t{\"field\": \"instance.name\"") {
		t.Errorf("the log does not say that the name stays:\n%s", log)
	}
	if err := r.open("root").PingContext(t.Context()); number(err) != 3159 {
		t.Errorf("without TLS, which is required now: %v", err)
	}
	secured := r.h.Config("root", "", r.database)
	secured.TLS = &tls.Config{InsecureSkipVerify: true}
	db := harness.Open(t, secured)
	first, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(t.Context()); number(err) != 1040 {
		t.Errorf("a third connection: %v", err)
	}
	// One connection to each server: the second session waits in vain for the first one's.
	if _, err := first.ExecContext(t.Context(), "SELECT GET_LOCK('reload', 0)"); err != nil {
		t.Fatal(err)
	}
	if _, err := second.ExecContext(t.Context(), "SELECT GET_LOCK('other', 0)"); err == nil || !strings.Contains(err.Error(), "ds_0") {
		t.Errorf("with pool.max 1: %v", err)
	}
	delete(r.set, "limits.max_connections")
	r.write("reloaded")
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("with the default limit again: %v", err)
	}
	if !strings.Contains(r.h.Log(), "DEBUG") {
		if err := r.open("nobody").PingContext(t.Context()); err == nil {
			t.Error("nobody is let in")
		}
		eventually(t, 5*time.Second, "a line of level debug", func() bool { return strings.Contains(r.h.Log(), "DEBUG") })
	}

	// SIGHUP reads as well; what is wrong is named with its place, and nothing of it is in force.
	r.set["limits.max_connections"] = "1"
	r.set["no.such"] = "x"
	if err := r.h.Rewrite(r.options()); err == nil {
		t.Error("the harness writes what is no field")
	}
	delete(r.set, "no.such")
	r.set["listen.tls.key"] = "/nowhere/key.pem"
	r.write("reload failed")
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("after a reload that failed: %v", err)
	}
	before := strings.Count(r.h.Log(), "SIGHUP")
	if err := r.h.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "SIGHUP is answered", func() bool { return strings.Count(r.h.Log(), "SIGHUP") > before })
}
