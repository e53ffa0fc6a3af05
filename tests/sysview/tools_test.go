package sysview

import (
	"fmt"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/differential"
)

// asTools are questions in the forms in which drivers, object mappers, migration tools and browsers put them.
var asTools = []string{
	// The metadata calls of JDBC drivers.
	"SELECT table_schema AS table_cat, NULL AS table_schem, table_name, CASE table_type WHEN 'BASE TABLE' THEN 'TABLE' ELSE table_type END AS table_type, table_comment AS remarks FROM information_schema.tables WHERE table_schema = 'shop' AND table_name LIKE '%' HAVING table_type IN ('TABLE', 'VIEW') ORDER BY table_type, table_schema, table_name",
	"SELECT table_schema, table_name, column_name, CASE data_type WHEN 'bigint' THEN -5 WHEN 'int' THEN 4 WHEN 'varchar' THEN 12 ELSE 1111 END AS data_type, UPPER(IF(column_type LIKE '%(%)%', CONCAT(SUBSTRING(column_type, 1, LOCATE('(', column_type) - 1), SUBSTRING(column_type, 1 + LOCATE(')', column_type))), column_type)) AS type_name, IFNULL(character_maximum_length, numeric_precision) AS column_size, IF(is_nullable = 'YES', 1, 0) AS nullable, column_default, ordinal_position, IF(extra = 'auto_increment', 'YES', 'NO') AS auto FROM information_schema.columns WHERE (table_schema = 'shop') AND (table_name LIKE 'order%') ORDER BY table_schema, table_name, ordinal_position",
	"SELECT a.table_schema, a.table_name, a.column_name, b.seq_in_index, b.index_name FROM information_schema.columns a, information_schema.statistics b WHERE a.column_key IN ('PRI', 'pri') AND b.index_name = 'PRIMARY' AND (a.table_schema = 'shop') AND (a.table_name = 'orders') AND (b.table_schema = 'shop') AND (b.table_name = 'orders') AND a.column_name = b.column_name ORDER BY a.column_name",
	"SELECT kcu.referenced_table_schema AS pktable_cat, kcu.referenced_table_name AS pktable_name, kcu.referenced_column_name AS pkcolumn_name, kcu.table_schema AS fktable_cat, kcu.table_name AS fktable_name, kcu.column_name AS fkcolumn_name, kcu.position_in_unique_constraint AS key_seq, CASE update_rule WHEN 'RESTRICT' THEN 1 WHEN 'CASCADE' THEN 0 ELSE 3 END AS update_rule, rc.constraint_name AS fk_name, rc.unique_constraint_name AS pk_name FROM information_schema.key_column_usage kcu INNER JOIN information_schema.referential_constraints rc ON kcu.constraint_schema = rc.constraint_schema AND kcu.constraint_name = rc.constraint_name WHERE kcu.table_schema = 'shop' AND kcu.table_name = 'orders' ORDER BY pktable_cat, pktable_name, key_seq",
	"SELECT table_schema, table_name, non_unique, index_name, 3 AS type, seq_in_index, column_name, collation FROM information_schema.statistics WHERE table_name = 'orders' AND table_schema = 'shop' ORDER BY non_unique, index_name, seq_in_index",
	"SELECT schema_name AS table_cat FROM information_schema.schemata WHERE schema_name IN ('shop') ORDER BY 1",
	"SHOW FULL TABLES FROM `shop` LIKE '%'",
	"SHOW FULL COLUMNS FROM `orders` FROM `shop` LIKE '%'",
	"SHOW KEYS FROM `orders` FROM `shop`",
	"SHOW CREATE TABLE `shop`.`orders`",

	// Object mappers' introspection.
	"SELECT table_name, table_type, table_comment FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
	"SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, extra, column_default, collation_name, CASE WHEN column_type LIKE '% unsigned' THEN 1 ELSE 0 END AS is_unsigned, column_comment FROM information_schema.columns WHERE table_name = 'users' AND table_schema = DATABASE() ORDER BY ordinal_position",
	"SELECT kc.constraint_name, kc.column_name, kc.referenced_table_name, kc.referenced_column_name, c.constraint_type FROM information_schema.key_column_usage AS kc, information_schema.table_constraints AS c WHERE kc.table_schema = DATABASE() AND (c.table_schema = kc.table_schema OR c.table_schema = DATABASE()) AND c.constraint_name = kc.constraint_name AND c.table_name = kc.table_name AND kc.table_name = 'orders' ORDER BY kc.constraint_name, kc.ordinal_position",
	"SELECT 1 FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'schema_history' LIMIT 1",
	"SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'users') AS there",
	"SELECT (SELECT COUNT(1) FROM information_schema.tables WHERE table_schema = 'shop') + (SELECT COUNT(1) FROM information_schema.views WHERE table_schema = 'shop') + (SELECT COUNT(1) FROM information_schema.routines WHERE routine_schema = 'shop') AS objects",

	// Browsers.
	"SELECT * FROM information_schema.SCHEMATA WHERE schema_name NOT IN ('mysql', 'performance_schema', 'sys') AND schema_name = 'shop'",
	"SELECT t.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE FROM information_schema.TABLES AS t NATURAL JOIN information_schema.COLUMNS AS c WHERE t.TABLE_SCHEMA = 'shop' AND t.TABLE_TYPE = 'BASE TABLE' ORDER BY 1, c.ORDINAL_POSITION",
	"SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position SEPARATOR '|') FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'orders'",
	"WITH mine AS (SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop') SELECT * FROM mine ORDER BY table_name DESC",
}

func TestTools(t *testing.T) {
	for layout, side := range lab.heddle {
		for i, sql := range asTools {
			for _, mode := range []differential.Mode{differential.Text, differential.Binary} {
				t.Run(fmt.Sprintf("%s/%03d-%s", layout, i+1, mode), func(t *testing.T) {
					compare(t, side, differential.ConnOptions{Schema: differential.Schema}, mode, sql)
				})
			}
		}
	}
}

// TestSequences are questions that depend on what the session has done.
func TestSequences(t *testing.T) {
	for _, c := range []struct {
		name, schema string
		statements   []string
	}{
		{"no database", "", []string{"SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1"}},
		{"no database to show", "", []string{"SHOW TABLES"}},
		{"of a database by name", "", []string{"SHOW TABLES FROM shop"}},
		{"create from outside", "", []string{"SHOW CREATE TABLE shop.orders"}},
		{"create view from outside", "", []string{"SHOW CREATE VIEW shop.settings_view"}},
		{"inside information_schema", "shop", []string{"USE information_schema", "SELECT table_name FROM tables WHERE table_schema = 'shop' ORDER BY 1"}},
		{"its tables", "shop", []string{"USE information_schema", "SHOW TABLES LIKE 'C%'"}},
		{"its columns", "shop", []string{"SHOW COLUMNS FROM information_schema.SCHEMATA"}},
		{"limited", "shop", []string{"SET sql_select_limit = 2", "SHOW TABLES"}},
		{"limited and counted", "shop", []string{"SET sql_select_limit = 1", "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'"}},
		{"into a variable", "shop", []string{"SELECT COUNT(*) INTO @n FROM information_schema.tables WHERE table_schema = DATABASE()", "SELECT @n"}},
		{"set from a question", "shop", []string{"SET @n = (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'orders')", "SELECT @n"}},
		{"from a variable", "shop", []string{"SET @t = 'orders'", "SELECT column_name FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = @t COLLATE utf8mb3_general_ci ORDER BY ordinal_position"}},
		{"user variables", "shop", []string{"SET @here = 7", "SELECT VARIABLE_VALUE FROM information_schema.USER_VARIABLES WHERE VARIABLE_NAME = 'here'"}},
		{"latin1", "shop", []string{"SET NAMES latin1", "SHOW FULL COLUMNS FROM users"}},
		{"latin1 listing", "shop", []string{"SET NAMES latin1", "SHOW TABLES LIKE '%s'"}},
		{"latin1 query", "shop", []string{"SET NAMES latin1", "SELECT table_name, table_comment FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1"}},
		{"latin1 names", "shop", []string{"SET NAMES latin1", "SHOW TABLES LIKE 'gr%'"}},
		{"latin1 name of a table", "shop", []string{"SET NAMES latin1", "SHOW CREATE TABLE gr\xf6\xdfe"}},
		{"latin1 comment", "shop", []string{"SET NAMES latin1", "SELECT column_name, column_comment FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'gr\xf6\xdfe'"}},
		{"ansi quotes", "shop", []string{"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", `SHOW CREATE TABLE "orders"`}},
		{"ansi quotes in a query", "shop", []string{"SET sql_mode = 'ANSI_QUOTES'", `SELECT "table_name" FROM information_schema."tables" WHERE "table_schema" = 'shop' ORDER BY 1`}},
		{"unquoted names", "shop", []string{"SET sql_quote_show_create = 0", "SHOW CREATE TABLE settings"}},
		{"in a transaction", "shop", []string{"START TRANSACTION", "SELECT COUNT(*) FROM users", "SHOW TABLES"}},
		{"temporary table", "shop", []string{"CREATE TEMPORARY TABLE mine (a INT)", "SHOW CREATE TABLE mine"}},
	} {
		for layout, side := range lab.heddle {
			t.Run(layout+"/"+c.name, func(t *testing.T) {
				compare(t, side, differential.ConnOptions{Schema: c.schema}, differential.Text, c.statements...)
			})
		}
	}
}

// TestParameters: questions prepared with parameters.
func TestParameters(t *testing.T) {
	text := func(s string) wire.Param {
		return wire.Param{ParamType: wire.ParamType{Type: sqltypes.VarString}, Value: sqltypes.StringValue(s)}
	}
	for _, c := range []struct {
		sql    string
		params []wire.Param
	}{
		{"SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position", []wire.Param{text("shop"), text("orders")}},
		{"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name LIKE ?", []wire.Param{text("shop"), text("o%")}},
	} {
		for layout, side := range lab.heddle {
			t.Run(layout, func(t *testing.T) {
				step := &differential.Step{SQL: c.sql, On: "a", Runs: []differential.Execution{{Params: c.params}, {Params: c.params}}}
				var answers [2][]*differential.Answer
				for i, s := range []differential.Side{lab.plain, side} {
					clients := s.Clients(differential.ConnOptions{Schema: differential.Schema})
					defer clients.Close()
					var err error
					if answers[i], err = clients.Play(t.Context(), step, differential.Binary); err != nil {
						t.Fatal(err)
					}
				}
				for i := range answers[0] {
					for _, d := range (&differential.Comparer{}).Compare(step, answers[0][i], answers[1][i], nil) {
						t.Errorf("%s\n  %s", c.sql, d)
					}
				}
			})
		}
	}
}

// TestRefused: what is not right over several servers is an error that names it.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ sql, says string }{
		{"SELECT * FROM information_schema.INNODB_TRX", "INNODB_TRX"},
		{"SELECT * FROM information_schema.USER_PRIVILEGES", "USER_PRIVILEGES"},
		{"SELECT * FROM mysql.user", "mysql.user"},
		{"SELECT * FROM information_schema.tables t JOIN settings s ON s.name = t.table_name", "settings"},
		{"CREATE TABLE copied AS SELECT table_name FROM information_schema.tables", "TABLES"},
		{"INSERT INTO settings (name) SELECT table_name FROM information_schema.tables", "TABLES"},
		{"SHOW MASTER STATUS", "MASTER STATUS"},
		{"SHOW ENGINE INNODB STATUS", "ENGINE"},
		{"SHOW OPEN TABLES", "OPEN TABLES"},
		{"SHOW CREATE USER", "CREATE USER"},
		{"SHOW GRANTS FOR 'someone'@'localhost'", "GRANTS"},
	} {
		for layout, side := range lab.heddle {
			t.Run(layout+"/"+c.sql, func(t *testing.T) {
				e := ask(t, side, c.sql).Err()
				if e == nil || e.Code != 1235 || !strings.Contains(strings.ToUpper(e.Msg), strings.ToUpper(c.says)) {
					t.Errorf("%s: %v, want 1235 with %q", c.sql, e, c.says)
				}
			})
		}
	}
}

func ask(t *testing.T, side differential.Side, sql string) *differential.Answer {
	t.Helper()
	clients := side.Clients(differential.ConnOptions{Schema: differential.Schema})
	defer clients.Close()
	answers, err := clients.Play(t.Context(), &differential.Step{SQL: sql, On: "a"}, differential.Text)
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// TestProcesslist: information_schema.PROCESSLIST are Heddle's sessions, as in SHOW PROCESSLIST, under the server's
// definitions.
func TestProcesslist(t *testing.T) {
	const all, one = "SELECT * FROM information_schema.processlist", "SELECT p.user, db, command, info, COUNT(*) FROM information_schema.PROCESSLIST p WHERE id = CONNECTION_ID() GROUP BY 1, 2, 3, 4"
	want := ask(t, lab.plain, all).Results[0]
	for layout, side := range lab.heddle {
		a := ask(t, side, all)
		if err := a.Err(); err != nil {
			t.Fatalf("%s: %v", layout, err)
		}
		got := a.Results[0]
		for i := range want.Columns {
			if w, g := want.Columns[i], got.Columns[i]; w.Name != g.Name || w.Type != g.Type || w.Length != g.Length || w.Flags != g.Flags {
				t.Errorf("%s: %+v, a server says %+v", layout, g, w)
			}
		}
		plain, show := ask(t, lab.plain, "SHOW PROCESSLIST").Results[0], ask(t, side, "SHOW PROCESSLIST").Results[0]
		if g, w := len(show.Columns), len(plain.Columns); g != w || !reflect.DeepEqual(show.Columns[g-1], plain.Columns[w-1]) {
			t.Errorf("%s: SHOW PROCESSLIST has the columns %+v, a server's %+v", layout, show.Columns, plain.Columns)
		}
		if n := len(show.Rows); n != len(got.Rows) {
			t.Errorf("%s: %d rows, SHOW has %d", layout, len(got.Rows), n)
		}
		for i, cell := range ask(t, side, one).Results[0].Rows[0].Cells {
			if want := [...]string{"root", differential.Schema, "Query", one, "1"}[i]; string(cell) != want {
				t.Errorf("%s: %q, want %q", layout, cell, want)
			}
		}
	}
}

// TestStatus: the clients at work and the age are the proxy's; of what is a server's, where there are several, it is said which.
func TestStatus(t *testing.T) {
	for layout, side := range lab.heddle {
		for _, sql := range []string{"SHOW STATUS LIKE 'Threads_running'", "SHOW GLOBAL STATUS LIKE 'Threads_running'",
			"SELECT 'x', VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'THREADS_RUNNING'"} {
			a := ask(t, side, sql)
			if e := a.Err(); e != nil || string(a.Results[0].Rows[0].Cells[1]) != "1" || len(a.Warnings) != 0 {
				t.Errorf("%s: %s: %v, %v, %v", layout, sql, e, a.Results, a.Warnings)
			}
		}
		counters := ask(t, side, "SHOW GLOBAL STATUS LIKE 'Com_select'")
		if said := fmt.Sprint(counters.Warnings); strings.Contains(said, "counters of the data source ds_0") != strings.HasSuffix(layout, "4") {
			t.Errorf("%s: %s", layout, said)
		}
	}
}

// TestSums: the figures of a sharded table are those of all shards.
func TestSums(t *testing.T) {
	for layout, side := range lab.heddle {
		ask(t, side, "ANALYZE TABLE users") // refused or not: small tables are counted anyway
		for _, sql := range []string{
			"SELECT table_rows FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'users'",
			"SELECT SUM(table_rows) FROM information_schema.partitions WHERE table_schema = 'shop' AND table_name = 'users'",
			"SELECT cardinality FROM information_schema.statistics WHERE table_schema = 'shop' AND table_name = 'users' AND index_name = 'PRIMARY'",
		} {
			a := ask(t, side, sql)
			if e := a.Err(); e != nil || len(a.Results[0].Rows) != 1 || string(a.Results[0].Rows[0].Cells[0]) != "6" {
				t.Errorf("%s: %s: %v, want 6", layout, sql, a.Results)
			}
		}
	}
}

func TestGrants(t *testing.T) {
	for layout, side := range lab.heddle {
		a := ask(t, side, "SHOW GRANTS FOR CURRENT_USER()")
		if e := a.Err(); e != nil || string(a.Results[0].Rows[0].Cells[0]) != "GRANT ALL PRIVILEGES ON *.* TO `root`@`%`" {
			t.Errorf("%s: %v", layout, a.Results)
		}
	}
}

// counter is a table option that counts inserts on each server for itself.
var counter = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// TestDump: mariadb-dump writes the same about heddle as about the plain server, rows included, and heddle loads it again.
func TestDump(t *testing.T) {
	program := func(addr, stdin, name string, args ...string) string {
		host, port, _ := strings.Cut(addr, ":")
		cmd := exec.CommandContext(t.Context(), name, append([]string{"--no-defaults", "-h", host, "-P", port, "-u", "root"}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	dump := func(addr string, options ...string) string {
		options = append([]string{"--skip-comments", "--skip-dump-date", "--order-by-primary"}, options...)
		return counter.ReplaceAllString(program(addr, "", "mariadb-dump", options...), "")
	}
	all := []string{"--routines", "--events", "--triggers", differential.Schema}
	ways := [][]string{
		all, {differential.Schema}, {"--databases", differential.Schema}, {"--no-data", differential.Schema}, {"--hex-blob", "--skip-lock-tables", "--no-tablespaces", differential.Schema},
		{"--single-transaction", "--quick", differential.Schema}, {"--where=1 = 1", "--skip-extended-insert", "--complete-insert", differential.Schema, "users", "products"},
	}
	for layout, side := range lab.heddle {
		for _, options := range ways {
			want := dump(lab.plain.Addr, options...)
			if !strings.Contains(want, "CREATE TABLE `users`") {
				t.Fatalf("the plain server's dump lacks tables:\n%s", want)
			}
			if got := dump(side.Addr, options...); got != want {
				t.Errorf("%s %v: the dumps differ\n--- plain\n%s\n--- heddle\n%s", layout, options, want, got)
			}
		}
		want := dump(side.Addr, all...)
		if !strings.Contains(want, "'ann'") {
			t.Fatalf("the dump lacks rows:\n%s", want)
		}
		program(side.Addr, want, "mariadb", differential.Schema)
		if got := dump(side.Addr, all...); got != want {
			t.Errorf("%s: loaded again it is another\n--- before\n%s\n--- after\n%s", layout, want, got)
		}
	}
}
