package backend

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

func connect(tb testing.TB, addr string, f Flags, schema string) *Conn {
	tb.Helper()
	ds := testSource("ds", addr, Limits{Statements: 3})
	ds.Limits = ds.Limits.withDefaults()
	c, err := testDialer().connect(tb.Context(), &ds, f, schema)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConnAgainstServer(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "mysql")
	info := c.Info()
	if !info.Flavour.MariaDB || info.Flavour.Version < 100600 {
		t.Errorf("flavour %+v", info.Flavour)
	}
	if got := one(t, c, "SELECT CONNECTION_ID()"); got != strconv.Itoa(int(info.ThreadID)) {
		t.Errorf("thread id %d, server says %s", info.ThreadID, got)
	}
	if got := one(t, c, "SELECT VERSION()"); got != info.ServerVersion {
		t.Errorf("version %q, server says %q", info.ServerVersion, got)
	}
	if got := one(t, c, "SELECT CONCAT_WS(' ',DATABASE(),@@character_set_client,@@collation_connection)"); got != "mysql utf8mb4 utf8mb4_general_ci" {
		t.Errorf("session %q", got)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.InitDB(t.Context(), "information_schema"); err != nil || one(t, c, "SELECT DATABASE()") != "information_schema" {
		t.Errorf("InitDB: %v", err)
	}
	if c.Broken() || c.Busy() || !c.Alive() {
		t.Error("not fit for the next command")
	}
}

func TestConnErrKeepsConnection(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	for _, tc := range []struct {
		sql  string
		code uint16
	}{
		{"SELECT nonsense FROM", 1064},
		{"SELECT * FROM mysql.no_such", 1146},
		{"SELECT 1 UNION ALL SELECT (SELECT 1 UNION SELECT 2)", 1242}, // after the columns
	} {
		_, err := c.Exec(t.Context(), tc.sql)
		var e *sqlerr.Error
		if !errors.As(err, &e) || e.Code != tc.code {
			t.Errorf("%s: %v", tc.sql, err)
		}
		if SafeToRetry(err) {
			t.Errorf("%s: an answered statement must not be repeated", tc.sql)
		}
	}
	if one(t, c, "SELECT 42") != "42" || c.Broken() {
		t.Error("the connection did not survive")
	}
}

func TestConnFlags(t *testing.T) {
	addr := sharedServer(t)
	plain := connect(t, addr, 0, "")
	exec1(t, plain, "CREATE DATABASE flags")
	t.Cleanup(func() { exec1Background(t, plain, "DROP DATABASE flags") })
	exec1(t, plain, "CREATE TABLE flags.t (a INT)")
	exec1(t, plain, "INSERT INTO flags.t VALUES (1),(2)")
	found := connect(t, addr, FlagFoundRows, "flags")
	if ok := exec1(t, found, "UPDATE t SET a=a"); ok.AffectedRows != 2 {
		t.Errorf("found rows: %d", ok.AffectedRows)
	}
	if ok := exec1(t, plain, "UPDATE flags.t SET a=a"); ok.AffectedRows != 0 {
		t.Errorf("affected rows: %d", ok.AffectedRows)
	}
	if _, err := plain.Exec(t.Context(), "SELECT 1; SELECT 2"); sqlerr.As(err) == nil || sqlerr.As(err).Code != 1064 {
		t.Errorf("two statements on a connection that did not ask for them: %v", err)
	}
	multi := connect(t, addr, FlagMultiStatements, "")
	exec1(t, multi, "SELECT 1; DO 0; SELECT 2")
	if one(t, multi, "SELECT 3; SELECT 4") != "3" || one(t, multi, "SELECT 5") != "5" {
		t.Error("multi-statements")
	}
	space := connect(t, addr, FlagIgnoreSpace, "")
	if got := one(t, space, "SELECT @@sql_mode"); !strings.Contains(got, "IGNORE_SPACE") {
		t.Errorf("sql_mode %s", got)
	}
	ext := connect(t, addr, FlagExtendedMetadata, "")
	exec1(t, plain, "CREATE TABLE flags.j (j JSON)")
	cols, _, err := ext.QueryRows(t.Context(), "SELECT j FROM flags.j")
	if err != nil || len(cols) != 1 || !strings.Contains(string(cols[0].Extended), "json") {
		t.Errorf("extended metadata: %v %v", cols, err)
	}
}

func exec1Background(tb testing.TB, c *Conn, sql string) {
	tb.Helper()
	if _, err := c.Exec(context.Background(), sql); err != nil {
		tb.Errorf("%s: %v", sql, err)
	}
}

func TestInterruptByContext(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	observer := connect(t, sharedServer(t), 0, "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.Exec(ctx, "SELECT SLEEP(60)"); done <- err }()
	waitRunning(t, observer, c)
	began := time.Now()
	cancel()
	err := <-done
	if !errors.Is(err, ErrInterrupted) || sqlerr.As(err).Code != sqlerr.CodeQueryInterrupted {
		t.Fatalf("error %v", err)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
	if !c.Broken() || SafeToRetry(err) {
		t.Error("broken, and not to be repeated")
	}
	_, err = c.Exec(t.Context(), "SELECT 1")
	if !errors.Is(err, ErrBroken) || !SafeToRetry(err) {
		t.Errorf("after it: %v", err)
	}
}

func TestInterruptFromOutside(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	done := make(chan error, 1)
	go func() { _, err := c.Exec(context.Background(), "SELECT SLEEP(20)"); done <- err }()
	other := connect(t, sharedServer(t), 0, "")
	waitRunning(t, other, c)
	c.Interrupt()
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v", err)
	}
}

// waitRunning waits until the server runs a statement for c.
func waitRunning(tb testing.TB, observer, c *Conn) {
	tb.Helper()
	id := strconv.Itoa(int(c.Info().ThreadID))
	eventually(tb, "the statement runs", func() bool {
		return one(tb, observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE command='Query' AND state='User sleep' AND id="+id) == "1"
	})
}

// A context that is cancelled after the statement, or between two, must not harm the connection.
func TestLateCancelIsHarmless(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		sql := "SELECT 1"
		if i%20 == 0 {
			sql = "SELECT SLEEP(0.02)" // long enough for the watcher
		}
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Exec(ctx, "SELECT 1"); !SafeToRetry(err) || c.Broken() {
		t.Errorf("a statement of a cancelled context: %v", err)
	}
	if one(t, c, "SELECT 7") != "7" {
		t.Error("broken")
	}
}

// A context that ends when the answer has been read, and not yet been told to be at its end, must not harm the next statement.
func TestACancellationBehindTheAnswer(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := c.Send(ctx, wire.ComQuery, []byte("DO SLEEP(0.05)")); err != nil { // long enough for the watcher
		t.Fatal(err)
	}
	p, err := c.ReadPacket()
	if err != nil {
		t.Fatal(err)
	}
	var ok wire.OK
	if err := wire.ParseOK(p, c.stream.Caps, &ok); err != nil {
		t.Fatal(err)
	}
	cancel()
	eventually(t, "the watcher has interrupted", c.link.interrupted.Load)
	c.Finish(&ok)
	if c.Broken() || one(t, c, "SELECT SLEEP(0.05) + 7") != "7" {
		t.Error("the next statement is harmed")
	}
}

func TestConnKillQuery(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	observer := connect(t, sharedServer(t), 0, "")
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(context.Background(), "SELECT BENCHMARK(1,1), SLEEP(20) FROM mysql.user")
		done <- err
	}()
	waitRunning(t, observer, c)
	if err := c.Kill(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := <-done; sqlerr.As(err) == nil || sqlerr.As(err).Code != sqlerr.CodeQueryInterrupted {
		t.Errorf("killed statement: %v", err)
	}
	if c.Broken() {
		t.Error("KILL QUERY must leave the connection")
	}
	if err := c.Kill(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed connection is seen to be dead", func() bool { return !c.Alive() })
	if err := c.Kill(t.Context(), false); err != nil {
		t.Errorf("killing what is gone: %v", err)
	}
}

func TestRelayLeavesBusyUntilFinish(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	if err := c.Send(t.Context(), wire.ComQuery, []byte("SELECT "), []byte("1")); err != nil {
		t.Fatal(err)
	}
	if !c.Busy() {
		t.Error("not busy")
	}
	if _, err := c.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a second command in the middle of an answer")
	}
	if _, err := c.Drain(); err != nil || c.Busy() {
		t.Errorf("drain: %v", err)
	}
}

func TestLargePackets(t *testing.T) {
	s := ownServer(t, "--max-allowed-packet=64M")
	c := connect(t, s.addr, 0, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	text := strings.Repeat("x", 17<<20)
	_, rows, err := c.QueryRows(ctx, "SELECT LENGTH('"+text+"')")
	if err != nil || string(rows[0][0]) != strconv.Itoa(len(text)) {
		t.Fatalf("17 MiB out: %v", err)
	}
	if _, err := c.Exec(ctx, "SELECT REPEAT('y', 18*1024*1024), 2"); err != nil {
		t.Fatalf("18 MiB in: %v", err)
	}
	if _, _, err := c.QueryRows(ctx, "SELECT REPEAT('y', 18*1024*1024), 2"); !errors.Is(err, errTooMuch) || !c.Broken() {
		t.Errorf("a control question's answer without bound: %v", err)
	}
}

// Of a long command nothing is left to write at its end: what is expected of it is not of the next one's first bytes.
func TestExpectAfterALongCommand(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "")
	ctx := context.WithoutCancel(t.Context()) // else the answer is not expected
	for range 3 {
		c.Expect()
		_, rows, err := c.QueryRows(ctx, "SELECT LENGTH('"+strings.Repeat("x", 2<<20)+"')")
		if err != nil || string(rows[0][0]) != strconv.Itoa(2<<20) {
			t.Fatal(rows, err)
		}
	}
}
