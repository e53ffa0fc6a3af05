package replicas

import (
	"database/sql"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// What a server has prepared or committed of XA, and what its binary log says of that, can be two things after a kill: the log is written
// first, and a restart does not compare them for XA. Here the server stands still exactly between the two, where it waits by AFTER_SYNC
// for a replica to acknowledge; a replica that never does has the log's word for it and applies that.
const standStill = "SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_SYNC, GLOBAL rpl_semi_sync_master_timeout=600000, GLOBAL rpl_semi_sync_master_enabled=1"

// straight is one connection to a server, without Heddle.
func straight(t *testing.T, c *harness.Replicated, server int) *sql.Conn {
	t.Helper()
	cfg := c.Servers[server].Config("shop")
	cfg.Logger = &mysql.NopLogger{}
	conn, err := harness.Open(t, cfg).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// listed are the gtrids that a server lists as prepared.
func listed(t *testing.T, c *harness.Replicated, server int) string {
	t.Helper()
	rows, err := straight(t, c, server).QueryContext(t.Context(), "XA RECOVER")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var format, gtrid, bqual int
		var data string
		if err := rows.Scan(&format, &gtrid, &bqual, &data); err != nil {
			t.Fatal(err)
		}
		names = append(names, data[:gtrid])
	}
	return strings.Join(names, " ")
}

// count is how many rows of a table a server has.
func count(t *testing.T, c *harness.Replicated, server int, from string) string {
	t.Helper()
	n, err := c.Value(t.Context(), server, "SELECT COUNT(*) FROM shop."+from)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stopped is why a replica has stopped to apply: the number of the error; "0": it has not.
func stopped(t *testing.T, c *harness.Replicated, server int) string {
	t.Helper()
	rows, err := straight(t, c, server).QueryContext(t.Context(), "SHOW SLAVE STATUS")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("no replica: %v", err)
	}
	cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if name == "Last_SQL_Errno" {
			return cells[i].String
		}
	}
	return ""
}

// killedIn has a statement begin on a connection of the primary, and the primary be killed when a replica has it and the primary has not.
func killedIn(t *testing.T, c *harness.Replicated, on *sql.Conn, statement string, replicated func() bool) {
	t.Helper()
	run(t, c, 0, standStill)
	ended := make(chan error, 1)
	go func() {
		_, err := on.ExecContext(t.Context(), statement)
		ended <- err
	}()
	patiently(t, "the replica has "+statement, replicated)
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Errorf("%s is acknowledged", statement)
	}
	if err := c.Servers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestBinaryLogWithoutHeddle: MariaDB alone, killed in XA with a binary log, has half of a transaction on the primary and half on its
// replica. It is the server's, and no proxy is in it.
func TestBinaryLogWithoutHeddle(t *testing.T) {
	c := durable(t, 1)
	run(t, c, 0, "CREATE TABLE shop.t (id INT PRIMARY KEY)")
	begin := func(name, id string) *sql.Conn {
		conn := straight(t, c, 0)
		exec(t, conn, "XA START '"+name+"'", "INSERT INTO t VALUES ("+id+")", "XA END '"+name+"'")
		return conn
	}
	killedIn(t, c, begin("p", "1"), "XA PREPARE 'p'", func() bool { return listed(t, c, 1) == "p" })
	if primary, replica := listed(t, c, 0), listed(t, c, 1); primary != "" || replica != "p" {
		t.Errorf("killed in XA PREPARE: the primary lists %q, the replica %q", primary, replica)
	}
	run(t, c, 1, "SET sql_log_bin=0", "XA ROLLBACK 'p'") // by hand: nothing else ends it, and its rows are locked

	conn := begin("c", "2")
	exec(t, conn, "XA PREPARE 'c'")
	killedIn(t, c, conn, "XA COMMIT 'c'", func() bool { return count(t, c, 1, "t") == "1" })
	if primary, replica := listed(t, c, 0)+count(t, c, 0, "t"), listed(t, c, 1)+count(t, c, 1, "t"); primary != "c0" || replica != "1" {
		t.Errorf("killed in XA COMMIT: the primary has %q, the replica %q", primary, replica)
	}
	run(t, c, 0, "XA COMMIT 'c'")
	patiently(t, "the replica stops at the second XA COMMIT", func() bool { return stopped(t, c, 1) == "1397" })
}

// TestBinaryLogWithHeddle: a primary that is killed in the XA COMMIT of a decided transaction, which its replica has. Nothing is lost of the
// transaction: it is listed, and resolved as decided. The replica stops at the second XA COMMIT as above, which is told, until it is passed over.
func TestBinaryLogWithHeddle(t *testing.T) {
	p := twoSources(t, 0, 1)
	filler, err := env.StartHeddle(t.Context(), p.options)
	if err != nil {
		t.Fatal(err)
	}
	p.fill(t, filler)
	if err := filler.Close(); err != nil {
		t.Error(err)
	}
	options := p.options
	options.Env = []string{"FAILPOINTS=deliver.before=stop"}
	owner, err := env.StartHeddle(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	conn, committed := one(t, owner), make(chan error, 1)
	exec(t, conn, "BEGIN", "UPDATE notes SET n = n + 1 WHERE id = "+p.atHome, "UPDATE notes SET n = 77 WHERE id = "+p.id)
	go func() {
		_, err := conn.ExecContext(t.Context(), "COMMIT")
		committed <- err
	}()
	patiently(t, "the owner stops", func() bool { return owner.Stopped() })
	run(t, p.other, 0, standStill)
	if err := owner.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	patiently(t, "the replica has the branch", func() bool { return p.rows(t) == "2 77" })
	for _, end := range []func() error{owner.Kill, p.other.Servers[0].Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-committed; err == nil {
		t.Error("the owner has answered")
	}
	if err := p.other.Servers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	value := func(server int) string {
		v, err := p.other.Value(t.Context(), server, "SELECT n FROM shop.notes WHERE id = "+p.id)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if got := value(0); got != "1" {
		t.Fatalf("the primary has %s: its binary log and its data agree", got)
	}
	if out := says(t, owner, 0, "txn", "list"); !strings.Contains(out, "committed") || !strings.Contains(out, "ds_1 prepared") {
		t.Errorf("listed: %s", out)
	}
	if out := says(t, owner, 0, "txn", "resolve", only(t, owner), "--commit", "--yes"); !strings.Contains(out, "committed") {
		t.Errorf("resolved: %s", out)
	}
	if got := value(0); got != "77" {
		t.Errorf("the primary has %s when it is resolved", got)
	}
	patiently(t, "the replica stops at the second XA COMMIT", func() bool { return stopped(t, p.other, 1) == "1397" })
	h := env.Heddle(t, p.options)
	patiently(t, "the replica is told", func() bool { return strings.Contains(h.Log(), "a replica is not read") })
	run(t, p.other, 1, "SET GLOBAL sql_slave_skip_counter=1", "START SLAVE")
	exec(t, h.Open(t, "root", "", "shop"), "UPDATE notes SET n = 78 WHERE id = "+p.id)
	caughtUp(t, p.other, 1, 0)
	if got := strconv.Itoa(len(listed(t, p.other, 1))) + " " + value(1); got != "0 78" {
		t.Errorf("the replica has %s when it has passed over it", got)
	}
}
