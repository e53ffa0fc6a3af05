package fault

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// habits are what drivers say when they have logged in.
var habits = map[string][]string{
	"PyMySQL": {"SET NAMES utf8mb4", "SET sql_mode='TRADITIONAL'", "SET time_zone='+00:00'", "SET AUTOCOMMIT = 0"},
	"MySQL Connector/J": {
		"SET SESSION sql_mode='ANSI'",
		`/* mysql-connector-j-9.7.0 */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, @@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS interactive_timeout, @@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@performance_schema AS performance_schema, @@query_cache_size AS query_cache_size, @@query_cache_type AS query_cache_type, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@tx_isolation AS transaction_isolation, @@wait_timeout AS wait_timeout`,
		"SET SESSION time_zone='+00:00'", "SET character_set_results = NULL", "SET autocommit=1",
		"SET sql_mode='REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI,STRICT_TRANS_TABLES'",
		"SET autocommit=0", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SELECT @@session.tx_isolation", "COMMIT",
	},
	"MariaDB Connector/J": {
		`set autocommit=0,sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),session_track_system_variables=CONCAT('autocommit,character_set_client,character_set_connection,character_set_results,time_zone,tx_isolation',IF(LOCATE('*',@@session_track_system_variables)>0 OR FIND_IN_SET('last_gtid',LOWER(REPLACE(@@session_track_system_variables,' ','')))>0,',last_gtid','')),session_track_schema=1,NAMES utf8mb4,wait_timeout=100`,
		"SET SESSION TRANSACTION READ ONLY", "set autocommit=1",
	},
	"Go-MySQL-Driver": {"SELECT @@max_allowed_packet", "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci", "SET sql_mode = 'ANSI_QUOTES', time_zone = '+01:00'"},
	"mariadb":         {"select @@version_comment limit 1", "SELECT DATABASE()", "select USER(), VERSION()"},
	"Rails": {
		"SET  @@SESSION.sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'),  @@SESSION.sql_auto_is_null = 0, @@SESSION.wait_timeout = 2147483",
		"SELECT @@sql_mode, @@wait_timeout, @@collation_connection",
	},
}

// A login needs no connection to a server, once one has been asked what the driver's first statements do.
func TestLoginsWithFullPools(t *testing.T) {
	h := startHeddleWith(t, map[string]string{"pool.max": "2", "pool.wait_timeout": "200ms"}, env.Shards[0].Addr(), env.Shards[1].Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	shard, addr := env.Shards[0].Addr(), h.Addr
	before := map[string][]string{}
	for driver, statements := range habits {
		before[driver] = said(t, addr, statements)
		for i, answer := range said(t, shard, statements) {
			if answer != before[driver][i] {
				t.Errorf("%s, %s\nis answered  %q\na server says %q", driver, statements[i], before[driver][i], answer)
			}
		}
	}
	for range 2 {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		var n int
		if err := tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM accounts").Scan(&n); err != nil { // a connection to each
			t.Fatal(err)
		}
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM accounts").Scan(&n); code(err) != 1429 {
		t.Fatalf("the pools are not full: %v", err)
	}
	for driver, statements := range habits {
		for i, answer := range said(t, addr, statements) {
			if answer != before[driver][i] {
				t.Errorf("%s, %s\nis answered  %q\nand was first %q", driver, statements[i], answer, before[driver][i])
			}
		}
	}
}

// said is what a new connection is answered to each statement.
func said(t *testing.T, addr string, statements []string) []string {
	t.Helper()
	c, err := dialRaw(addr, "shop", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var out []string
	for _, sql := range statements {
		var packets [][]byte
		c.see = func(p []byte) { packets = append(packets, bytes.Clone(p)) }
		answer, err := c.query(sql)
		switch {
		case err != nil:
			answer = err.Error()
		case wire.IsOK(packets[0]): // Heddle does not track a session's state for its client
			var ok wire.OK
			if err := wire.ParseOK(packets[0], c.Caps, &ok); err != nil {
				t.Fatal(err)
			}
			answer = fmt.Sprintf("OK, status %v, %d warnings", ok.Status&^wire.StatusSessionStateChanged, ok.Warnings)
		default:
			answer = string(bytes.Join(packets, []byte(" ")))
		}
		out = append(out, answer)
	}
	return out
}

// TestClaimedVersion: whatever asks for the version is told the one that the configuration claims.
func TestClaimedVersion(t *testing.T) {
	const claimed = "10.6.1-MariaDB-claimed"
	h := startHeddleWith(t, map[string]string{"server.version": claimed}, env.Shards[0].Addr(), env.Shards[1].Addr())
	c, err := dialRaw(h.Addr, "shop", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, sql := range []string{
		"SELECT @@version", "SELECT VERSION()", "SHOW VARIABLES LIKE 'version'", "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version')",
		"SELECT variable_value FROM information_schema.SESSION_VARIABLES WHERE variable_name = 'version'",
		"SELECT variable_value FROM information_schema.GLOBAL_VARIABLES WHERE variable_name = 'version'",
	} {
		rows, err := c.table(sql)
		if err != nil || len(rows) != 1 || rows[0][len(rows[0])-1] != claimed {
			t.Errorf("%s: %q, %v", sql, rows, err)
		}
	}
	if rows, err := c.table("SHOW VARIABLES WHERE value = '" + claimed + "'"); err != nil || len(rows) != 1 || rows[0][0] != "version" {
		t.Errorf("a condition on values: %q, %v", rows, err)
	}
	rows, err := c.table("SELECT CONNECTION_ID() = (SELECT variable_value FROM information_schema.SESSION_VARIABLES WHERE variable_name = 'pseudo_thread_id')")
	if err != nil || rows[0][0] != "1" {
		t.Errorf("pseudo_thread_id: %q, %v", rows, err)
	}
	if _, err := c.table("DESCRIBE information_schema.SESSION_VARIABLES"); err != nil {
		t.Error(err)
	}
}

// TestOwnVariables: what the configuration sets for clients is what they read, however they ask, and what a session has set
// holds for its connection.
func TestOwnVariables(t *testing.T) {
	h := startHeddleWith(t, map[string]string{"limits.wait_timeout": "90s", "limits.max_connections": "123", "limits.max_allowed_packet": "1MiB"},
		env.Shards[0].Addr(), env.Shards[1].Addr())
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialRaw(h.Addr, "shop", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for name, want := range map[string]string{"wait_timeout": "90", "interactive_timeout": "90", "max_connections": "123",
		"max_allowed_packet": "1048576", "have_ssl": "DISABLED", "hostname": host, "port": port} {
		for _, sql := range []string{
			"SELECT @@$", "SELECT @@global.$", "SELECT 1 + 1, CONCAT(@@$, '')", "SHOW VARIABLES LIKE '$'", "SHOW GLOBAL VARIABLES WHERE Variable_name = '$'",
			"SHOW SESSION VARIABLES WHERE Variable_name = '$' AND Value <> ''",
			"SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = '$'",
			"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME LIKE '$'",
		} {
			sql = strings.ReplaceAll(sql, "$", name)
			if rows, err := c.table(sql); err != nil || len(rows) != 1 || rows[0][len(rows[0])-1] != want {
				t.Errorf("%s: %q, %v, want %s", sql, rows, err, want)
			}
		}
	}
	for sql, want := range map[string]uint16{"SELECT @@session.max_connections": 1238, "SELECT @@session.port": 1238, "SET port = 1": 1238} {
		if rows, err := c.query(sql); sqlerr.As(err) == nil || sqlerr.As(err).Code != want {
			t.Errorf("%s: %q, %v, want error %d", sql, rows, err, want)
		}
	}
	for _, step := range [][2]string{
		{"SET wait_timeout = 7", ""}, {"SELECT @@wait_timeout", "7"}, {"SELECT @@global.wait_timeout", "90"}, {"SHOW VARIABLES LIKE 'wait_timeout'", "7"},
		{"SET @@session.wait_timeout = @@global.wait_timeout - 1, @a = @@wait_timeout", ""}, {"SELECT @@session.wait_timeout", "89"}, {"SELECT @a", "7"},
		{"SET wait_timeout = DEFAULT", ""}, {"SELECT @@local.wait_timeout", "90"}, {"SET interactive_timeout = 5", ""}, {"SELECT @@interactive_timeout", "5"},
	} {
		if strings.HasPrefix(step[0], "SET") {
			if _, err := c.query(step[0]); err != nil {
				t.Errorf("%s: %v", step[0], err)
			}
		} else if rows, err := c.table(step[0]); err != nil || len(rows) != 1 || rows[0][len(rows[0])-1] != step[1] {
			t.Errorf("%s: %q, %v, want %s", step[0], rows, err, step[1])
		}
	}
	if _, err := c.query("SET SESSION wait_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := io.Copy(io.Discard, c.Conn); err != nil || time.Since(began) < 900*time.Millisecond || time.Since(began) > 10*time.Second {
		t.Errorf("a session whose wait_timeout is 1 ended after %v: %v", time.Since(began), err)
	}
}

// TestErrorsAreInTheClientsCharset: also those of queries that run in parts, whose texts servers send unconverted.
func TestErrorsAreInTheClientsCharset(t *testing.T) {
	h := startHeddleWith(t, nil, env.Shards[0].Addr(), env.Shards[1].Addr())
	fill(t, h.Open(t, "root", "", "shop"))
	c, err := dialRaw(h.Addr, "shop", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for charset, letter := range map[string]string{"utf8mb4": "\u00fc", "latin1": "\xfc", "gbk": "\xa8\xb9"} {
		if _, err := c.query("SET NAMES " + charset); err != nil {
			t.Fatal(err)
		}
		for what, sql := range map[string]string{
			"one shard":      "SELECT v - CAST('0#' AS INT) - CAST(999 AS UNSIGNED) FROM accounts WHERE id = 1",
			"every shard":    "SELECT d.`#` - CAST(999 AS UNSIGNED) FROM (SELECT v AS `#`, id FROM accounts LIMIT 100) d",
			"a part":         "SELECT 1 FROM accounts WHERE v IN (SELECT `#` - CAST(999 AS UNSIGNED) FROM (SELECT v AS `#`, id FROM accounts LIMIT 100) d) OR id < 0",
			"a rest":         "SELECT MAX(d.`#`) - CAST(999 AS UNSIGNED) FROM (SELECT v AS `#`, id FROM accounts) d",
			"a rest of rows": "SELECT MAX(d.`#`), COUNT(DISTINCT d.`#` - CAST(999 AS UNSIGNED)), COUNT(DISTINCT id) FROM (SELECT v AS `#`, id FROM accounts) d",
			"a window":       "SELECT SUM(v - CAST('0#' AS INT) - CAST(999 AS UNSIGNED)) OVER () FROM accounts",
		} {
			_, err := c.query(strings.ReplaceAll(sql, "#", letter))
			e := sqlerr.As(err)
			if e == nil || e.Code != 1690 || !strings.Contains(e.Msg, letter) || strings.Contains(e.Msg, "heddle") {
				t.Errorf("%s, %s: %q", charset, what, err)
			}
		}
	}
}
