package sysview

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// reach are statements with which an account that is limited to shop would reach beyond it. code is what Heddle answers
// where it is not what one server says; why says why.
var reach = []struct {
	sql  string
	code uint16
	why  string
}{
	{sql: "SELECT * FROM other.secrets"},
	{sql: "SELECT s.name FROM settings s, other.secrets"},
	{sql: "SELECT (SELECT MAX(v) FROM other.secrets)"},
	{sql: "SELECT name FROM settings UNION SELECT v FROM other.secrets"},
	{sql: "WITH x AS (SELECT v FROM other.secrets) SELECT * FROM x"},
	{sql: "INSERT INTO other.secrets VALUES ('x')"},
	{sql: "INSERT INTO settings (name) SELECT v FROM other.secrets"},
	{sql: "UPDATE other.secrets SET v = 'x'"},
	{sql: "DELETE FROM other.secrets"},
	{sql: "TRUNCATE TABLE other.secrets"},
	{sql: "DROP TABLE other.secrets"},
	{sql: "CREATE TABLE other.mine (a INT)"},
	{sql: "CREATE TABLE mine LIKE other.secrets"},
	{sql: "CREATE TABLE mine AS SELECT * FROM other.secrets"},
	{sql: "RENAME TABLE settings TO other.settings"},
	{sql: "ALTER TABLE other.secrets ADD b INT"},
	{sql: "CREATE INDEX i ON other.secrets (v)"},
	{sql: "LOCK TABLES other.secrets READ"},
	{sql: "HANDLER other.secrets OPEN"},
	{sql: "DESCRIBE other.secrets"},
	{sql: "EXPLAIN SELECT * FROM other.secrets"},
	{sql: "CHECKSUM TABLE other.secrets"},
	{sql: "SHOW TABLES FROM other"},
	{sql: "SHOW TABLE STATUS FROM other"},
	{sql: "SHOW COLUMNS FROM secrets FROM other"},
	{sql: "SHOW INDEX FROM other.secrets"},
	{sql: "SHOW CREATE TABLE other.secrets"},
	{sql: "SHOW CREATE VIEW other.open_secrets"},
	{sql: "SHOW CREATE DATABASE other"},
	{sql: "SHOW TRIGGERS FROM other"},
	{sql: "SHOW EVENTS FROM other"},
	{sql: "SHOW CREATE PROCEDURE other.tell", code: 1044, why: "the database is looked at first"},
	{sql: "USE other"},
	{sql: "CREATE DATABASE theirs"},
	{sql: "DROP DATABASE other"},
	{sql: "ALTER DATABASE other CHARACTER SET utf8mb4"},

	{sql: "SELECT * FROM mysql.user"},
	{sql: "SELECT * FROM mysql.time_zone"},
	{sql: "SELECT * FROM performance_schema.threads"},
	{sql: "SHOW TABLES FROM mysql"},
	{sql: "USE mysql"},

	{sql: "CALL other.tell()"},
	{sql: "SELECT other.told()"},
	{sql: "SET @x = other.told()"},
	{sql: "SET @x = (SELECT MAX(v) FROM other.secrets)"},
	{sql: "DO (SELECT 1 FROM other.secrets)"},
	{sql: "CREATE PROCEDURE other.mine () SELECT 1"},
	{sql: "DROP PROCEDURE other.tell"},
	{sql: "CREATE EVENT other.mine ON SCHEDULE EVERY 1 DAY DO SELECT 1"},
	{sql: "CREATE TRIGGER mine BEFORE INSERT ON other.secrets FOR EACH ROW SET NEW.v = 1"},
	{sql: "CREATE VIEW mine AS SELECT * FROM other.secrets"},
	{sql: "CREATE VIEW other.mine AS SELECT 1"},
	{sql: "CREATE DEFINER = root@localhost PROCEDURE mine () SELECT 1"},
	{sql: "CREATE DEFINER = 'root'@'127.0.0.1' VIEW mine AS SELECT 1"},
	{sql: "CREATE PROCEDURE mine () SELECT * FROM other.secrets", code: 1142, why: "it would run with the data source's rights: refused when it is made"},
	{sql: "CREATE PROCEDURE mine () SELECT name, v FROM settings, other.secrets", code: 1142, why: "as above"},
	{sql: "CREATE FUNCTION mine () RETURNS INT RETURN other.told()", code: 1142, why: "as above"},
	{sql: "CREATE PROCEDURE mine () EXECUTE IMMEDIATE CONCAT('SELECT * FROM other', '.secrets')", code: 1235, why: "as above"},
	{sql: "BEGIN NOT ATOMIC SELECT * FROM other.secrets; END"},
	{sql: "EXECUTE IMMEDIATE 'SELECT * FROM other.secrets'"},
	{sql: "PREPARE s FROM 'SELECT * FROM other.secrets'"},

	{sql: "LOAD DATA INFILE '/etc/passwd' INTO TABLE settings"},
	{sql: "SELECT * FROM settings INTO OUTFILE '/tmp/heddle-no-such'"},
	{sql: "SELECT 'x' INTO DUMPFILE '/tmp/heddle-no-such'"},
	{sql: "SELECT LOAD_FILE('/etc/passwd')", code: 1227, why: "one server answers NULL"},
	{sql: "CREATE FUNCTION mine RETURNS STRING SONAME 'mine.so'"},
	{sql: "INSTALL SONAME 'mine'"},
	{sql: "INSTALL PLUGIN mine SONAME 'mine.so'"},
	{sql: "CREATE SERVER mine FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')"},

	{sql: "CREATE USER mine"},
	{sql: "DROP USER root@localhost"},
	{sql: "RENAME USER root@localhost TO mine"},
	{sql: "GRANT ALL ON *.* TO clerk"},
	{sql: "REVOKE ALL ON shop.* FROM clerk"},
	{sql: "CREATE ROLE mine"},
	{sql: "SET PASSWORD FOR root@localhost = ''"},
	{sql: "SHOW GRANTS FOR root@localhost"},

	{sql: "SET GLOBAL max_connections = 1"},
	{sql: "SET GLOBAL TRANSACTION READ ONLY"},
	{sql: "SET SESSION sql_log_bin = 0"},
	{sql: "SET STATEMENT sql_log_bin = 0 FOR SELECT 1"},
	{sql: "FLUSH TABLES"},
	{sql: "FLUSH PRIVILEGES"},
	{sql: "SHOW ENGINE INNODB STATUS"},
	{sql: "SHOW MASTER STATUS"},
	{sql: "SHOW BINARY LOGS"},
	{sql: "KILL 4000000"},
	{sql: "SHUTDOWN"},
	{sql: "SELECT * FROM information_schema.INNODB_TRX", code: 1235, why: "each server has its own"},
	{sql: "CREATE PROCEDURE mine () GRANT ALL ON *.* TO clerk", code: 1045, why: "it would run with the data source's rights: refused when it is made"},
	{sql: "CREATE PROCEDURE mine () BEGIN SHOW TABLES FROM other; END", code: 1044, why: "as above"},
	{sql: "CREATE PROCEDURE mine () BEGIN SELECT LOAD_FILE('/etc/passwd'); END", code: 1227, why: "as above"},
	{sql: "CREATE PROCEDURE mine () BEGIN SET GLOBAL max_connections = 1; END", code: 1227, why: "as above"},
	{sql: "CREATE PROCEDURE mine () SELECT name INTO OUTFILE '/tmp/heddle-no-such' FROM settings", code: 1227, why: "as above"},
}

// seen are questions whose rows are those that one server shows the account.
var seen = []string{
	"SHOW DATABASES",
	"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1",
	"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA <> 'information_schema' AND TABLE_NAME IN ('secrets', 'settings')",
	"SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'other'",
	"SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'other'",
	"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'other'",
	"SHOW PROCEDURE STATUS WHERE Db = 'other'",
}

// secrets are what the account may not see, and what reaches it in its own database.
var secrets = []string{
	"CREATE TABLE secrets (v VARCHAR(20))",
	"INSERT INTO secrets VALUES ('hidden')",
	"CREATE PROCEDURE tell () SELECT v FROM secrets",
	"CREATE FUNCTION told () RETURNS VARCHAR(20) READS SQL DATA RETURN (SELECT MAX(v) FROM secrets)",
	"CREATE VIEW open_secrets AS SELECT v FROM secrets",
}

const settings = "CREATE TABLE settings (name VARCHAR(20) PRIMARY KEY)"

// TestLimitedAccount: an account of some databases gets, of the others, what one server would say, whether rules spread
// the databases over servers or one server's schemas pass through.
func TestLimitedAccount(t *testing.T) {
	plain := limitedOnPlain(t)
	rules := func(texts ...string) *sql.DB {
		h := env.Heddle(t, harness.HeddleOptions{Rules: texts, Users: "users: {root: {}, clerk: {databases: [shop]}}"})
		return fill(t, h)
	}
	a, b := env.Shards[0].Addr(), env.Shards[1].Addr()
	for _, name := range []string{"acc_shop", "acc_other"} {
		for _, s := range env.Shards[:2] {
			if err := s.CreateSchema(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	spread := rules(
		"database: shop\ndefaults: {user: root}\ndata_sources: {x0: {address: \""+a+"\", schema: acc_shop}, x1: {address: \""+b+"\", schema: acc_shop}}\nslots: {x0: 0-8191, x1: 8192-16383}\ntables: {t: {key: id}}\n",
		"database: other\ndefaults: {user: root}\ndata_sources: {y0: {address: \""+a+"\", schema: acc_other}}\n")
	if err := env.Shards[1].CreateSchema(t.Context(), "shop", "other"); err != nil {
		t.Fatal(err)
	}
	through := rules("data_sources: {main: {address: \"" + b + "\", user: root}}\n")
	sameRows(t, "spread", plain, spread)
	sameRows(t, "through", plain, through)
	for _, c := range reach {
		want, err := harness.Ask(t.Context(), plain, c.sql)
		if err != nil {
			t.Fatal(err)
		}
		if c.code == 0 && want.Code == 0 {
			t.Errorf("%s: one server lets it pass", c.sql)
		}
		for name, db := range map[string]*sql.DB{"spread": spread, "through": through} {
			got, err := harness.Ask(t.Context(), db, c.sql)
			switch {
			case err != nil:
				t.Errorf("%s: %s: %v", name, c.sql, err)
			case c.code != 0 && got.Code != c.code:
				t.Errorf("%s: %s: %d %s, want %d; one server: %d %s", name, c.sql, got.Code, got.Message, c.code, want.Code, want.Message)
			case c.code == 0 && got.Code != want.Code:
				t.Errorf("%s: %s: %d %s; one server: %d %s", name, c.sql, got.Code, got.Message, want.Code, want.Message)
			}
		}
	}
}

// sameRows compares what the account sees.
func sameRows(t *testing.T, name string, plain, db *sql.DB) {
	t.Helper()
	for _, text := range seen {
		var rows [2]string
		for i, on := range []*sql.DB{plain, db} {
			a, err := harness.Ask(t.Context(), on, text)
			if err != nil || a.Code != 0 {
				t.Errorf("%s: %s: %v %d %s", name, text, err, a.Code, a.Message)
			}
			rows[i] = fmt.Sprint(a.Rows)
		}
		if rows[0] != rows[1] {
			t.Errorf("%s: %s: %s; one server: %s", name, text, rows[1], rows[0])
		}
	}
}

// limitedOnPlain makes the account and the databases on the plain server.
func limitedOnPlain(t *testing.T) *sql.DB {
	t.Helper()
	root := harness.Open(t, env.Plain.Config(""))
	must(t, root, "CREATE DATABASE other", "CREATE USER clerk", "GRANT ALL PRIVILEGES ON shop.* TO clerk")
	t.Cleanup(func() {
		_, _ = root.Exec("DROP DATABASE other")
		_, _ = root.Exec("DROP USER clerk")
		_, _ = root.Exec("DROP PROCEDURE shop.mine")
		_, _ = root.Exec("DROP FUNCTION shop.mine")
	})
	must(t, harness.Open(t, env.Plain.Config("other")), secrets...)
	cfg := env.Plain.Config("shop")
	cfg.User = "clerk"
	return harness.Open(t, cfg)
}

// fill makes the databases' tables through heddle and logs in as the account.
func fill(t *testing.T, h *harness.Heddle) *sql.DB {
	t.Helper()
	must(t, h.Open(t, "root", "", "other"), secrets...)
	must(t, h.Open(t, "root", "", "shop"), settings)
	return h.Open(t, "clerk", "", "shop")
}

func must(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, text := range statements {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
