package mesh

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"maps"
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
}

const halves = "{ds_0: 0-8191, ds_1: 8192-16383}"

func startReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{t: t, database: labName(t), users: "users: {root: {}}", set: map[string]string{"pool.wait_timeout": "100ms"}}
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
	if err := r.open("weaver").PingContext(t.Context()); err != nil {
		t.Errorf("half of a reload that failed is in force: %v", err)
	}
	r.place(halves, "  fresh: {key: id}\n")
	r.users = "users: {root: {pasword: x}}"
	r.write("reload failed")
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestReloadSettings(t *testing.T) {
	t.Parallel()
	r := startReloading(t)
	a := newAuthority(t, "first")
	pair := a.sign("heddle", time.Now().Add(time.Hour))
	r.set["limits.max_connections"], r.set["log.level"], r.set["pool.max"] = "2", "debug", "1"
	r.set["listen.tls.cert"], r.set["listen.tls.key"], r.set["listen.tls.required"] = pair.Cert, pair.Key, "true"
	r.set["memory.query"], r.set["instance.name"] = "2MiB", "another"
	r.write("reloaded")
	log := r.h.Log()
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
