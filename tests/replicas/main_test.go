package replicas

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

func TestMain(m *testing.M) { os.Exit(harness.Run(m, harness.Options{Etcd: true}, &env)) }

var clusters atomic.Int32

// cluster starts a primary with n replicas. Each server has a table of its own that says which it is.
func cluster(t *testing.T, n int, flags ...string) *harness.Replicated {
	t.Helper()
	c, err := env.StartReplicated(t.Context(), "c"+strconv.Itoa(int(clusters.Add(1))), n, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range c.Servers {
			_ = s.Kill() // nobody misses it, and memory is short
		}
	})
	run(t, c, 0, "CREATE SCHEMA shop", "CREATE TABLE shop.whoami (id INT)")
	for i := range c.Servers {
		if i > 0 {
			caughtUp(t, c, i, 0)
		}
		run(t, c, i, "SET sql_log_bin=0", "INSERT INTO shop.whoami VALUES ("+strconv.Itoa(i)+")")
	}
	return c
}

func run(t *testing.T, c *harness.Replicated, server int, statements ...string) {
	t.Helper()
	if err := c.Run(t.Context(), server, statements...); err != nil {
		t.Fatal(err)
	}
}

func caughtUp(t *testing.T, c *harness.Replicated, server, primary int) {
	t.Helper()
	if err := c.CaughtUp(t.Context(), server, primary); err != nil {
		t.Fatal(err)
	}
}

// serve starts a heddle over clusters, named ds_0 and so on; splitting is the section's text.
func serve(t *testing.T, splitting string, all ...*harness.Replicated) *harness.Heddle {
	t.Helper()
	return env.Heddle(t, options(splitting, all...))
}

// options are what serve starts.
func options(splitting string, all ...*harness.Replicated) harness.HeddleOptions {
	return harness.HeddleOptions{
		Rules: []string{rules(splitting, all...)},
		Users: "users: {root: {}, other: {}, dba: {admin: true}}",
		Set:   map[string]string{"pool.connect_timeout": "2s"},
	}
}

// one is a single connection.
func one(t *testing.T, h *harness.Heddle) *sql.Conn {
	t.Helper()
	conn, err := h.Open(t, "root", "", "shop").Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func exec(t *testing.T, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := on.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// value is the one value of a query.
func value(t *testing.T, on interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, query string, args ...any) string {
	t.Helper()
	var v string
	if err := on.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// eventually waits until done is true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !within(15*time.Second, 20*time.Millisecond, done) {
		t.Fatalf("%s: not within 15 seconds", what)
	}
}

// within asks every so often, and reports whether done was true before the time was over.
func within(limit, every time.Duration, done func() bool) bool {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
	return true
}

// code is the number of a server's error; 0: another error, or none.
func code(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}
