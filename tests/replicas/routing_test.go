package replicas

import (
	"strings"
	"syscall"
	"testing"
)

// who asks which server answers a statement that contains SELECT id FROM whoami.
func TestWhereStatementsRun(t *testing.T) {
	c := cluster(t, 2)
	h := serve(t, "{balancer: round_robin, writer_hostgroup: 0, reader_hostgroup: 20}", c)
	db := h.Open(t, "root", "", "shop")
	exec(t, db, "CREATE TABLE notes (id INT PRIMARY KEY, n INT)", "INSERT INTO notes VALUES (1, 1)")
	caughtUp(t, c, 1, 0)
	caughtUp(t, c, 2, 0)
	conn := one(t, h)
	answered := func(query string, times int) string {
		seen := map[string]bool{}
		for range times {
			seen[value(t, conn, query)] = true
		}
		out := ""
		for _, id := range []string{"0", "1", "2"} {
			if seen[id] {
				out += id
			}
		}
		return out
	}
	eventually(t, "it is known that both have the table", func() bool { return answered("SELECT id FROM whoami", 4) == "12" })
	for query, want := range map[string]string{
		"SELECT id FROM whoami": "12",
		"SELECT w.id FROM whoami w JOIN (SELECT 1) x WHERE w.id >= 0":            "12",
		"(SELECT id FROM whoami) UNION (SELECT id FROM whoami)":                  "12",
		"WITH w AS (SELECT id FROM whoami) SELECT * FROM w":                      "12",
		"SELECT id FROM whoami WHERE NOW() > 0 AND VERSION() <> ''":              "12",
		"SELECT id FROM whoami WHERE @nothing IS NULL":                           "12",
		"SELECT id FROM whoami FOR UPDATE":                                       "0",
		"SELECT id FROM whoami LOCK IN SHARE MODE":                               "0",
		"SELECT id FROM whoami WHERE LAST_INSERT_ID() >= 0":                      "0",
		"SELECT @x := id FROM whoami":                                            "0",
		"SELECT id FROM whoami WHERE @@server_id > 0":                            "0",
		"SELECT id FROM whoami WHERE SLEEP(0) = 0":                               "0",
		"/*+ heddle(primary) */ SELECT id FROM whoami":                           "0",
		"SELECT /*+ heddle(primary) */ id FROM whoami":                           "0",
		"/* SHARDINGSPHERE_HINT: WRITE_ROUTE_ONLY=true */ SELECT id FROM whoami": "0",
		"SELECT id FROM whoami -- maxscale route to master":                      "0",
		"/* maxscale route to master */ SELECT id FROM whoami":                   "0",
		"SELECT id FROM whoami -- maxscale route to slave":                       "12",
		"SELECT id FROM whoami -- other words":                                   "12",
		"SELECT id FROM whoami -- maxscale route to server other":                "12",
		"SELECT id FROM whoami -- maxscale max_slave_replication_lag=2":          "0", // replicas may be ten seconds late
		"SELECT id FROM whoami -- maxscale max_slave_replication_lag=1m":         "12",
		"/* hostgroup=0 */ SELECT id FROM whoami":                                "0",
		"SELECT /*+ ;hostgroup=0;create_new_connection=1 */ id FROM whoami":      "0",
		"/* hostgroup=20 */ SELECT id FROM whoami":                               "12",
		"/* hostgroup=20 */ SELECT id FROM whoami FOR UPDATE":                    "0",
		"/* hostgroup=30; cache_ttl=1000 */ SELECT id FROM whoami":               "12",
		"/* max_lag_ms=500 */ SELECT id FROM whoami":                             "0",
		"/* max_lag_ms=10000 */ SELECT id FROM whoami":                           "12",
		"/* min_gtid=a:1 */ SELECT id FROM whoami":                               "0",
	} {
		if got := answered(query, 4); got != want {
			t.Errorf("%s: answered by %s, want %s", query, got, want)
		}
	}
	t.Run("prepared", func(t *testing.T) {
		stmt, err := conn.PrepareContext(t.Context(), "SELECT id FROM whoami WHERE id >= ?")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		for range 4 {
			var id string
			if err := stmt.QueryRowContext(t.Context(), 0).Scan(&id); err != nil || id == "0" {
				t.Errorf("answered by %s: %v", id, err)
			}
		}
	})
	t.Run("in transactions", func(t *testing.T) {
		for _, begin := range []string{"BEGIN", "START TRANSACTION READ ONLY", "SET autocommit=0", "LOCK TABLES whoami READ"} {
			exec(t, conn, begin)
			if got := answered("SELECT id FROM whoami", 2); got != "0" {
				t.Errorf("after %s: answered by %s", begin, got)
			}
			exec(t, conn, "COMMIT", "SET autocommit=1", "UNLOCK TABLES")
		}
		exec(t, conn, "SET SESSION TRANSACTION READ WRITE")
		if got := answered("SELECT id FROM whoami", 2); got != "0" {
			t.Errorf("with transaction_read_only set: answered by %s", got)
		}
	})
	t.Run("with a lock", func(t *testing.T) {
		conn := one(t, h)
		if got := value(t, conn, "SELECT id FROM whoami WHERE GET_LOCK('a', 0) = 1"); got != "0" {
			t.Errorf("answered by %s", got)
		}
		if got := value(t, conn, "SELECT IS_FREE_LOCK('a')"); got != "0" {
			t.Errorf("the lock is free: %s", got)
		}
	})
	t.Run("beside a temporary table", func(t *testing.T) {
		conn := one(t, h)
		exec(t, conn, "CREATE TEMPORARY TABLE mine AS SELECT 5 AS a")
		if got := value(t, conn, "SELECT a FROM mine"); got != "5" {
			t.Errorf("it has %s", got)
		}
	})
	t.Run("session state goes along", func(t *testing.T) {
		conn := one(t, h)
		exec(t, conn, "SET sql_mode='ANSI_QUOTES', time_zone='+05:00', @v='x', group_concat_max_len=5")
		if got := value(t, conn, `SELECT CONCAT(@v, GROUP_CONCAT("id", 'abcdefg'), HOUR(FROM_UNIXTIME(0))) FROM whoami`); !strings.HasPrefix(got, "x") || !strings.HasSuffix(got, "abcd5") {
			t.Errorf("answered %s", got)
		}
	})
}

// A view that calls a function which writes is not seen to write: a replica refuses it, and the primary runs it.
func TestReplicasAreNotWritten(t *testing.T) {
	c := cluster(t, 1)
	for i := range c.Servers {
		run(t, c, i, "SET GLOBAL read_only=0", "SET GLOBAL log_bin_trust_function_creators=1")
	}
	run(t, c, 0, "CREATE TABLE shop.calls (n INT)", "USE shop",
		"CREATE FUNCTION noted() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO shop.calls VALUES (1); RETURN 1; END",
		"CREATE VIEW noting AS SELECT id, noted() AS n FROM whoami")
	caughtUp(t, c, 1, 0)
	h := env.Heddle(t, passThrough(c))
	conn := one(t, h)
	if got := value(t, conn, "SELECT id FROM noting WHERE n = 1"); got != "0" {
		t.Errorf("answered by %s", got)
	}
	if got := value(t, conn, "SELECT id FROM whoami"); got != "1" {
		t.Errorf("a plain read is answered by %s", got)
	}
	caughtUp(t, c, 1, 0)
	for i := range c.Servers {
		n, err := c.Value(t.Context(), i, "SELECT COUNT(*) FROM shop.calls")
		if err != nil || n != "1" {
			t.Errorf("server %d has %s calls: %v", i, n, err)
		}
	}
}

// Without the section nothing is read from replicas; it comes into force while statements run, and goes.
func TestOffUnlessAskedFor(t *testing.T) {
	c := cluster(t, 1)
	opts := passThrough(c)
	opts.Rules[0], _, _ = strings.Cut(opts.Rules[0], "read_write_splitting")
	h := env.Heddle(t, opts)
	conn := one(t, h)
	for range 4 {
		if got := value(t, conn, "SELECT id FROM whoami"); got != "0" {
			t.Errorf("answered by %s", got)
		}
	}
	if !strings.Contains(h.Log(), "replicas of main are not read from") {
		t.Error("nobody was told")
	}
	for _, want := range []string{"1", "0"} {
		next := passThrough(c)
		if want == "0" {
			next.Rules = opts.Rules
		}
		if err := h.Rewrite(next); err != nil {
			t.Fatal(err)
		}
		if err := h.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the rules are in force", func() bool { return value(t, conn, "SELECT id FROM whoami") == want })
	}
}
