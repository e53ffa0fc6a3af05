package sysview

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/differential"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// behind are programs that somebody has made on the first server, past heddle.
var behind = []string{
	"CREATE VIEW bh_view AS SELECT COUNT(*) AS c FROM users",
	"CREATE VIEW bh_view_of_view AS SELECT c + 1 AS d FROM bh_view",
	"CREATE PROCEDURE bh_count () SELECT COUNT(*) FROM orders",
	"CREATE PROCEDURE bh_calls () CALL bh_count()",
	"CREATE FUNCTION bh_function () RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM orders)",
	"CREATE FUNCTION bh_here (n INT) RETURNS INT DETERMINISTIC RETURN n + 1",
	"CREATE PROCEDURE bh_settings () SELECT name FROM settings",
	"CREATE VIEW bh_settings_view AS SELECT name FROM settings",
	"CREATE TRIGGER bh_trigger BEFORE INSERT ON order_items FOR EACH ROW SET NEW.n = NEW.n + 1",
}

// TestProgramsMadeBehindItsBack reads and calls what names a sharded table: one shard would answer for all of them.
func TestProgramsMadeBehindItsBack(t *testing.T) {
	db, server := openA4(t)
	for _, text := range behind {
		if _, err := server.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		what := strings.Fields(text)
		t.Cleanup(func() { _, _ = server.Exec("DROP " + what[1] + " " + what[2]) })
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE bh_single (n INT)"); err != nil { // what is known of the database is read anew
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = db.Exec("DROP TABLE bh_single") })
	for sql, words := range map[string]string{
		"SELECT * FROM bh_view":                                     "the view bh_view, which names the sharded table users",
		"SELECT d FROM bh_view_of_view":                             "bh_view, which names the sharded table users",
		"CALL bh_count()":                                           "the procedure bh_count, which names the sharded table orders",
		"CALL bh_calls()":                                           "bh_count, which names the sharded table orders",
		"SELECT bh_function()":                                      "the function bh_function, which names the sharded table orders",
		"SELECT name FROM settings WHERE bh_function() > 1":         "the function bh_function, which names the sharded table orders",
		"SELECT bh_here(id) FROM users":                             "not on the data source",
		"SET @x = bh_function()":                                    "the function bh_function, which names the sharded table orders",
		"INSERT INTO order_items (user_id, id, n) VALUES (1, 1, 1)": "which has other triggers on the shard",
	} {
		refused(t, db, sql, words)
	}
	for sql, want := range map[string]string{
		"SELECT name FROM bh_settings_view": "colour",
		"CALL bh_settings()":                "colour",
		"SELECT bh_here(1)":                 "2",
	} {
		a, err := harness.Ask(t.Context(), db, sql)
		if err != nil || a.Code != 0 || len(a.Rows) != 1 || a.Rows[0][0] != want {
			t.Errorf("%s: %v, %+v", sql, err, a)
		}
	}
}

// openA4 opens the layout with a schema for each shard, and its first schema on the server itself.
func openA4(t *testing.T) (through, server *sql.DB) {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "tcp", lab.heddle["a4"].Addr, differential.Schema
	schema := "hxphys_a4_" + differential.Schema + "_0"
	return harness.Open(t, cfg), harness.Open(t, env.Shards[0].Config(schema))
}

func refused(t *testing.T, db *sql.DB, sql, words string) {
	t.Helper()
	a, err := harness.Ask(t.Context(), db, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if a.Code != 1235 || !strings.Contains(a.Message, words) {
		t.Errorf("%s: %d %s %v; want 1235 with %q", sql, a.Code, a.Message, a.Rows, words)
	}
}
