//go:build mysql

package mysql

import (
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// mariadb starts a server of the other family.
func mariadb(t *testing.T) *dev.Server {
	t.Helper()
	program := "/usr/sbin/mariadbd"
	if found := os.Getenv("HEDDLE_TEST_MARIADB"); found != "" {
		program = found
	}
	farm, err := dev.OpenTemporary(t.Context(), filepath.Join(os.TempDir(), "heddle-tests-mixed-"+strconv.Itoa(os.Getuid())), program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := farm.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	servers, err := farm.Start(t.Context(), dev.Spec{Name: "maria"})
	if err != nil {
		t.Fatal(err)
	}
	if err := servers[0].CreateSchema(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	return servers[0]
}

// One shard is MariaDB's and one MySQL's. That is said at the start. Tables of one server work on each, as do statements of
// one shard; one that may reach both is an error that names what they describe differently.
func TestServersOfBothFamilies(t *testing.T) {
	maria := mariadb(t)
	for _, order := range [][2]string{{maria.Addr(), env.Shards[0].Addr()}, {env.Shards[0].Addr(), maria.Addr()}} {
		h := env.Heddle(t, harness.HeddleOptions{Rules: []string{sharded(order[0], order[1], ", user: root")}, Users: "users: {root: {}}"})
		if log := h.Log(); !strings.Contains(log, `flavour: ds_0 has \"M`) {
			t.Errorf("the log does not say that the servers differ:\n%s", log)
		}
		db := h.Open(t, "root", "", "shop")
		for _, table := range []string{"first", "second"} {
			exec(t, db, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(10), n DECIMAL(6,2))",
				"INSERT INTO "+table+" (v, n) VALUES ('a', 1.5), ('b', 2.25), ('a', 3)", "UPDATE "+table+" SET n = n * 2 WHERE v = 'b'", "DELETE FROM "+table+" WHERE id = 3")
			if a := ask(t, db, "SELECT v, SUM(n), COUNT(*) FROM "+table+" GROUP BY v ORDER BY v"); text(a) != "a,1.50,1;b,4.50,1" {
				t.Errorf("%s: %s", table, text(a))
			}
		}
		overBoth(t, order, db)
		exec(t, db, "DROP TABLE IF EXISTS accounts, first, second")
	}
}

func overBoth(t *testing.T, order [2]string, db *sql.DB) {
	t.Helper()
	exec(t, db, "DROP TABLE IF EXISTS accounts",
		"CREATE TABLE accounts (id VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, n BIGINT)")
	for id := 1; id <= 8; id++ {
		row := "id = 'k" + strconv.Itoa(id) + "'"
		exec(t, db, "INSERT INTO accounts SET "+row, "UPDATE accounts SET id = id WHERE "+row)
		if a := ask(t, db, "SELECT COUNT(*) FROM accounts WHERE "+row); text(a) != "1" {
			t.Errorf("one row of one shard: %s", text(a))
		}
	}
	rows := 0
	for _, addr := range order {
		a := ask(t, harness.Open(t, (&harness.Heddle{Addr: addr}).Config("root", "", "shop")), "SELECT id FROM accounts")
		rows += len(a.Rows)
		if len(a.Rows) == 0 {
			t.Errorf("%s has no row: the test tells nothing", addr)
		}
	}
	if a := ask(t, db, "SELECT COUNT(*) FROM accounts"); text(a) != "8" || rows != 8 {
		t.Errorf("rows of both: %s, and %d", text(a), rows)
	}
	if a := ask(t, db, "SELECT * FROM accounts"); len(a.Rows) != 8 { // their definitions are alike
		t.Errorf("rows of both: %s", text(a))
	}
	for _, statement := range []string{"SELECT n FROM accounts ORDER BY id", "SELECT MAX(n) FROM accounts", "UPDATE accounts SET n = 1"} {
		a := ask(t, db, statement)
		if a.Code == 0 || !strings.Contains(a.Message, "accounts: n: bigint") || !strings.Contains(a.Message, " bigint(20) on ds_") || !strings.Contains(a.Message, " bigint on ds_") {
			t.Errorf("%s: %s", statement, text(a))
		}
	}
}
