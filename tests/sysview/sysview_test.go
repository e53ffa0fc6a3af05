package sysview

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/tests/differential"
)

// must differ: columns whose values are each server's own, by label in upper case. Everything else is compared.
var mustDiffer = []string{
	"CREATE_TIME", "UPDATE_TIME", "CHECK_TIME", "CREATED", "LAST_ALTERED", "MODIFIED", // when the server made it
	"DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE", "AVG_ROW_LENGTH", // pages of several files in place of one
	"TABLE_ROWS", "ROWS", "CARDINALITY", // estimates
}

var questions = []string{
	"SHOW TABLES",
	"SHOW FULL TABLES",
	"SHOW TABLES LIKE 'or%'",
	"SHOW TABLES LIKE 'order\\_%'",
	"SHOW TABLES LIKE ''",
	"SHOW TABLES FROM shop",
	"SHOW TABLES IN `shop` LIKE '%s'",
	"SHOW FULL TABLES FROM shop WHERE Table_type = 'VIEW'",
	"SHOW TABLES WHERE Tables_in_shop LIKE 'u%' OR Tables_in_shop = 'settings'",
	"SHOW TABLES FROM information_schema LIKE 'TAB%'",
	"SHOW TABLE STATUS",
	"SHOW TABLE STATUS FROM shop LIKE 'users'",
	"SHOW TABLE STATUS WHERE Engine IS NULL",
	"SHOW DATABASES LIKE 'sh%'",
	"SHOW SCHEMAS WHERE `Database` IN ('shop', 'information_schema')",
	"SHOW DATABASES LIKE 'no\\_such'",
	"SHOW COLUMNS FROM users",
	"SHOW FULL COLUMNS FROM orders",
	"SHOW FIELDS FROM orders FROM shop",
	"SHOW COLUMNS FROM shop.orders LIKE 'a%'",
	"SHOW COLUMNS FROM order_items WHERE Field = 'label'",
	"SHOW COLUMNS FROM products",
	"SHOW COLUMNS FROM settings_view",
	"SHOW COLUMNS FROM missing",
	"SHOW COLUMNS FROM s1",
	"DESCRIBE users",
	"DESC orders amount",
	"EXPLAIN shop.orders",
	"DESCRIBE settings",
	"DESCRIBE elsewhere",
	"SHOW INDEX FROM users",
	"SHOW KEYS FROM orders FROM shop",
	"SHOW INDEXES FROM orders WHERE Key_name = 'PRIMARY'",
	"SHOW INDEX FROM orders WHERE `Table` = 'orders' AND Column_name = 'amount'",
	"SHOW INDEX FROM products",
	"SHOW INDEX FROM settings",
	"SHOW INDEX FROM missing",
	"SHOW CREATE TABLE users",
	"SHOW CREATE TABLE shop.orders",
	"SHOW CREATE TABLE order_items",
	"SHOW CREATE TABLE products",
	"SHOW CREATE TABLE settings",
	"SHOW CREATE TABLE elsewhere",
	"SHOW CREATE TABLE settings_view",
	"SHOW CREATE VIEW settings_view",
	"SHOW CREATE TABLE missing",
	"SHOW CREATE TABLE s1",
	"SHOW CREATE DATABASE shop",
	"SHOW CREATE DATABASE IF NOT EXISTS shop",
	"SHOW CREATE SCHEMA shop",
	"SHOW TRIGGERS",
	"SHOW TRIGGERS FROM shop WHERE `Table` = 'elsewhere'",
	"SHOW CREATE TRIGGER settings_before",
	"SHOW CREATE TRIGGER elsewhere_after",
	"SHOW CREATE TRIGGER shop.elsewhere_after",
	"SHOW CREATE PROCEDURE setting",
	"SHOW CREATE FUNCTION shop.twice",
	"SHOW CREATE EVENT nightly",
	"SHOW CREATE PROCEDURE of_elsewhere",
	"SHOW PROCEDURE STATUS LIKE 'of%'",
	"SHOW EVENTS FROM shop LIKE 'night%'",
	"SHOW PROCEDURE STATUS LIKE 'sett%'",
	"SHOW FUNCTION STATUS WHERE Db = 'shop'",
	"SHOW CREATE TABLE größe",
	"SHOW FULL COLUMNS FROM größe",
	"SHOW TABLES LIKE 'gr%'",
	"SELECT table_comment FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'größe'",
	"SELECT table_name, column_name, column_comment FROM information_schema.columns WHERE column_name = 'länge' AND table_schema = 'shop'",
	"SHOW TRIGGERS LIKE 'orders'",
	"SHOW EVENTS",
	"SHOW PROCEDURE STATUS WHERE Db = 'shop'",
	"SHOW FUNCTION STATUS LIKE 'missing'",
	"SHOW COLLATION LIKE 'utf8mb4_b%'",
	"SHOW CHARACTER SET LIKE 'utf8%'",
	"SHOW VARIABLES LIKE 'lower_case_table_names'",
	"SHOW SESSION VARIABLES WHERE Variable_name = 'autocommit'",
	"SHOW ENGINES",
	"SHOW PRIVILEGES",
	"SHOW STORAGE ENGINES",

	"SELECT * FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY table_name",
	"SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1",
	"SELECT table_name FROM information_schema.tables WHERE table_schema = 'SHOP' AND table_name = 'Users'",
	"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'",
	"SELECT COUNT(*), MAX(TABLES.TABLE_NAME) AS m FROM information_schema.TABLES WHERE information_schema.TABLES.TABLE_SCHEMA = 'shop'",
	"SELECT t.table_name, t.table_comment FROM information_schema.tables t WHERE t.table_schema = SCHEMA() AND t.table_name IN ('users', 'orders') ORDER BY t.table_name",
	"SELECT TABLE_SCHEMA, COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('shop', 'information_schema') GROUP BY TABLE_SCHEMA ORDER BY 1",
	"SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME, ORDINAL_POSITION",
	"SELECT * FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'orders' ORDER BY ordinal_position",
	"SELECT column_name, CHAR_LENGTH(column_type) + 1 AS n, character_maximum_length * 2 FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'users' ORDER BY ordinal_position",
	"SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
	"SELECT * FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
	"SELECT * FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'shop' ORDER BY TABLE_NAME, CONSTRAINT_NAME",
	"SELECT * FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'shop' ORDER BY CONSTRAINT_NAME",
	"SELECT * FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'shop' ORDER BY TABLE_NAME, CONSTRAINT_NAME",
	"SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop'",
	"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ('shop', 'information_schema') ORDER BY 1",
	"SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = 'shop' ORDER BY TABLE_NAME",
	"SELECT * FROM information_schema.GEOMETRY_COLUMNS WHERE G_TABLE_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = 'shop'",
	"SELECT * FROM information_schema.COLUMN_PRIVILEGES WHERE TABLE_SCHEMA = 'shop'",
	"SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE CHARACTER_SET_NAME = 'utf8mb4' ORDER BY 1 LIMIT 5",
	"SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT = 'DEFAULT'",
	"SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME = 'sql_mode'",
	"SELECT * FROM information_schema.FILES",

	// Joins, subqueries, unions.
	"SELECT kcu.table_name, kcu.column_name, rc.delete_rule FROM information_schema.key_column_usage kcu JOIN information_schema.referential_constraints rc ON rc.constraint_name = kcu.constraint_name AND rc.constraint_schema = kcu.table_schema WHERE kcu.table_schema = 'shop' ORDER BY 1, 2",
	"SELECT TABLES.TABLE_NAME, COLUMNS.COLUMN_NAME FROM information_schema.TABLES LEFT JOIN information_schema.COLUMNS USING (TABLE_SCHEMA, TABLE_NAME) WHERE TABLE_SCHEMA = 'shop' AND COLUMNS.DATA_TYPE = 'int' ORDER BY 1, 2",
	"SELECT table_name FROM information_schema.tables t WHERE table_schema = 'shop' AND EXISTS (SELECT 1 FROM information_schema.columns c WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.column_name = 'amount')",
	"SELECT a.table_name FROM information_schema.tables a WHERE a.table_schema = 'shop' AND a.table_name NOT IN (SELECT table_name FROM information_schema.statistics WHERE table_schema = 'shop') ORDER BY 1",
	"(SELECT table_name AS n FROM information_schema.tables WHERE table_schema = 'shop') UNION (SELECT column_name FROM information_schema.columns WHERE table_schema = 'shop') ORDER BY n",
	"SELECT n FROM (SELECT table_name AS n FROM information_schema.tables WHERE table_schema = 'shop') x ORDER BY n DESC LIMIT 2",
	"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop' OR table_schema = 'nowhere'",
	"SELECT t.* FROM information_schema.views AS t WHERE t.table_name = 'settings_view' AND t.table_schema = 'shop'",
	"SELECT no_such_column FROM information_schema.tables",
	"SELECT * FROM information_schema.no_such_table",
	"SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' AND table_name LIKE 'o%' GROUP BY table_name HAVING COUNT(*) = 1 ORDER BY table_name",
}

// asText are questions whose errors a server gives when a prepared statement runs, heddle when it is prepared.
var asText = []string{
	"SHOW TABLES FROM nowhere",
	"SHOW COLUMNS FROM users FROM nowhere",
	"SHOW CREATE TABLE nowhere.users",
	"SHOW CREATE DATABASE nowhere",
	"SHOW CREATE PROCEDURE missing",
	"SHOW CREATE TRIGGER missing",
	"SHOW INDEX FROM nowhere.users",
}

func TestQuestions(t *testing.T) {
	for layout, side := range lab.heddle {
		for i, sql := range questions {
			for _, mode := range []differential.Mode{differential.Text, differential.Binary} {
				t.Run(fmt.Sprintf("%s/%03d-%s", layout, i+1, mode), func(t *testing.T) {
					compare(t, side, differential.ConnOptions{Schema: differential.Schema}, mode, sql)
				})
			}
		}
		for _, sql := range asText {
			t.Run(layout+"/"+sql, func(t *testing.T) {
				compare(t, side, differential.ConnOptions{Schema: differential.Schema}, differential.Text, sql)
			})
		}
	}
}

// compare plays the same statements on both sides and compares the answers of the last.
func compare(t *testing.T, side differential.Side, opts differential.ConnOptions, mode differential.Mode, statements ...string) {
	t.Helper()
	var answers [2][]*differential.Answer
	for i, s := range []differential.Side{lab.plain, side} {
		clients := s.Clients(opts)
		defer clients.Close()
		for _, sql := range statements {
			got, err := clients.Play(t.Context(), &differential.Step{SQL: sql, On: "a"}, mode)
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			answers[i] = got
		}
	}
	last := statements[len(statements)-1]
	if len(answers[0]) != len(answers[1]) {
		t.Fatalf("%s: %d answers, plain %d", last, len(answers[1]), len(answers[0]))
	}
	step := &differential.Step{SQL: last}
	for i := range answers[0] {
		level(answers[0][i], last)
		level(answers[1][i], last)
		for _, d := range (&differential.Comparer{}).Compare(step, answers[0][i], answers[1][i], nil) {
			t.Errorf("%s\n  %s", last, d)
		}
	}
}

// level takes out of an answer what must differ, and gives the rows of a SHOW, which has no ORDER BY, an order to be
// compared by.
func level(a *differential.Answer, sql string) {
	for i := range a.Results {
		r := &a.Results[i]
		for k := range r.Columns {
			if c := &r.Columns[k]; c.OrgTable == "" { // an expression: whether a temporary table holds it while the query runs
				c.OrgName, c.Flags = "", c.Flags&^sqltypes.FlagBinary
			}
		}
		for k := range r.Rows {
			row := &r.Rows[k]
			for c := range row.Cells {
				if label := strings.ToUpper(r.Columns[c].Name); slices.Contains(mustDiffer, label) && row.Cells[c] != nil {
					row.Cells[c] = []byte("…")
					row.Raw = ""
				}
			}
			if row.Raw == "" {
				row.Raw = fmt.Sprintf("%q", row.Cells)
			}
			if strings.HasPrefix(sql, "SHOW") {
				row.Raw = fmt.Sprint(k, " ", row.Raw)
			}
		}
	}
}
