//go:build mysql

package replicas

import (
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// These have a server of MySQL's: make replicas-mysql.

// TestWithoutGTIDs: servers whose gtid_mode is OFF are said to be, none of their replicas is read, and no switch is begun.
func TestWithoutGTIDs(t *testing.T) {
	off := func() *harness.Replicated {
		c, err := env.StartReplicated(t.Context(), "c"+strconv.Itoa(int(clusters.Add(1))), 0, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
		if err != nil {
			t.Fatal(err)
		}
		run(t, c, 0, "CREATE SCHEMA shop", "CREATE TABLE shop.whoami (id INT)", "CREATE TABLE shop.notes (id INT PRIMARY KEY, n INT)",
			"INSERT INTO shop.whoami SELECT @@port")
		return c
	}
	c := off()
	c.Servers = append(c.Servers, off().Servers...)
	m := newMesh(t, "{}", c)
	h := m.start(t, "a", account...)
	conn := one(t, h)
	_, port, _ := strings.Cut(c.Servers[0].Addr(), ":")
	for range 4 {
		if got := value(t, conn, "SELECT id FROM whoami"); got != port {
			t.Errorf("answered by %s, and the declared primary is %s", got, port)
		}
	}
	exec(t, conn, "INSERT INTO notes VALUES (1, 1)")
	if got := value(t, conn, "SELECT n FROM notes"); got != "1" {
		t.Errorf("it has %s", got)
	}
	const why = "gtid_mode is OFF, and has to be ON"
	eventually(t, "the log tells", func() bool { return strings.Contains(h.Log(), why) })
	if out, code := m.command(t, "status"); code != 7 || strings.Count(out, why) < 2 {
		t.Errorf("status: exit code %d\n%s", code, out)
	}
	if out, code := m.command(t, "promote", "ds_0", "--to", "replica1", "--yes"); code == 0 || !strings.Contains(out, "gtid_mode") {
		t.Errorf("promote: exit code %d\n%s", code, out)
	}
}

// TestReplicaThatWasWrittenTo: a replica with transactions of its own is not read, with an alarm, and is not promoted, until the
// primary has them too.
func TestReplicaThatWasWrittenTo(t *testing.T) {
	c := cluster(t, 2)
	m := newMesh(t, "{balancer: round_robin}", c)
	h := m.start(t, "a", account...)
	conn := one(t, h)
	m.well(t, c)
	run(t, c, 1, "CREATE TABLE shop.astray (id INT)")
	id, err := c.Value(t.Context(), 1, "SELECT CONCAT(@@server_uuid, ':1')")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log tells", func() bool {
		return strings.Contains(h.Log(), "has transactions that the primary lacks: "+id)
	})
	for range 6 {
		if got := value(t, conn, "SELECT id FROM whoami"); got == "1" {
			t.Error("it is read")
		}
	}
	if out, code := m.command(t, "status"); code != 7 || !strings.Contains(out, "fenced") {
		t.Errorf("status: exit code %d\n%s", code, out)
	}
	if out, code := m.command(t, "promote", "ds_0", "--to", "replica1", "--yes"); code == 0 || !strings.Contains(out, id) {
		t.Errorf("promote: exit code %d\n%s", code, out)
	}
	run(t, c, 1, "SET sql_log_bin=0", "DROP TABLE shop.astray")
	run(t, c, 0, "SET gtid_next='"+id+"'", "BEGIN", "COMMIT", "SET gtid_next=AUTOMATIC") // an empty transaction is how it is put right
	eventually(t, "it is read again", func() bool { return value(t, conn, "SELECT id FROM whoami") == "1" })
	m.well(t, c)
}

// TestSwitchWithLeastPrivileges: what the documentation grants is enough.
func TestSwitchWithLeastPrivileges(t *testing.T) {
	c := cluster(t, 2)
	run(t, c, 0, "CREATE USER switcher IDENTIFIED BY 'a secret'", "CREATE USER follower IDENTIFIED BY 'another'",
		"GRANT SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, REPLICATION_SLAVE_ADMIN, REPLICATION CLIENT, RELOAD, XA_RECOVER_ADMIN ON *.* TO switcher",
		"GRANT REPLICATION SLAVE ON *.* TO follower")
	m := newMesh(t, "{}", c)
	for _, text := range []string{"SWITCHER=a secret", "FOLLOWER=another", "HEDDLE_SWITCHOVER_USER=switcher", "HEDDLE_SWITCHOVER_PASSWORD=env:SWITCHER",
		"HEDDLE_SWITCHOVER_REPLICATION_USER=follower", "HEDDLE_SWITCHOVER_REPLICATION_PASSWORD=env:FOLLOWER"} {
		name, value, _ := strings.Cut(text, "=")
		t.Setenv(name, value)
	}
	h := m.start(t, "a")
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	m.well(t, c)
	for _, to := range []int{1, 2, 0} {
		eventually(t, "a switch is possible", func() bool {
			out, code := m.command(t, "promote", "ds_0", "--to", c.Servers[to].Addr(), "--yes", "--grace", patience.String(), "--hold", (2 * patience).String())
			if code != 0 && code != 1 {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			return code == 0
		})
		if at := m.well(t, c); at != to {
			t.Fatalf("the primary is %d, want %d", at, to)
		}
	}
}
