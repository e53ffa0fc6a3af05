package parser

import (
	"errors"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

func TestKinds(t *testing.T) {
	oracle := maria
	oracle.SQLMode = ParseSQLMode("ORACLE")
	for _, c := range []struct {
		mode Mode
		kind Kind
		text []string
	}{
		{maria, Select, []string{"select 1", "(select 1)", "((select 1) union select 2)", "with a as (select 1) select * from a", "values (1)", "/* x */ select 1", "/*!50000 select */ 1",
			"SELECT 1 INTO @x", "SELECT 1 INTO OUTFILE 'x'", "SELECT JSON_VALUE(a, '$' RETURNING INT)", "SELECT * FROM t PROCEDURE ANALYSE()", "SELECT a FROM t MINUS SELECT b FROM u"}},
		{mysql80, Select, []string{"table t", "TABLE t ORDER BY a LIMIT 3", "VALUES ROW(1), ROW(2)", "/*!80000 SELECT */ 1"}},
		{maria, Insert, []string{"insert t values (1)", "INSERT INTO t VALUES (1) RETURNING id", "SET STATEMENT a=1 FOR INSERT INTO t VALUES (1)"}},
		{maria, Replace, []string{"REPLACE INTO t VALUES (1)", "replace delayed t set a=1"}},
		{maria, Update, []string{"UPDATE t SET a=1", "UPDATE t FOR PORTION OF p FROM '2020-01-01' TO '2021-01-01' SET a=1"}},
		{mysql80, Update, []string{"WITH a AS (SELECT 1) UPDATE t SET a=1"}},
		{maria, Delete, []string{"DELETE FROM t", "DELETE HISTORY FROM t", "DELETE a FROM t a"}},
		{maria, Truncate, []string{"TRUNCATE t", "truncate table t"}},
		{maria, Call, []string{"CALL p", "CALL db.p(1)"}},
		{maria, Do, []string{"DO 1"}},
		{maria, Set, []string{"SET a=1", "SET NAMES utf8", "SET @a=1", "SET GLOBAL a=1", "SET ROLE r", "SET transaction_isolation='x'", "SET TRANSACTION = 1", "SET PERSIST a = 1"}},
		{maria, SetTransaction, []string{"SET TRANSACTION READ ONLY", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET GLOBAL TRANSACTION READ WRITE"}},
		{maria, Use, []string{"USE d"}},
		{maria, Show, []string{"SHOW TABLES", "show engine innodb status", "SHOW BINLOG EVENTS", "SHOW SLAVE STATUS", "SHOW REPLICA STATUS", "SHOW GRANTS FOR CURRENT_USER()"}},
		{maria, Describe, []string{"DESC t", "DESCRIBE t a", "EXPLAIN t"}},
		{maria, Explain, []string{"EXPLAIN SELECT 1", "DESC SELECT 1", "EXPLAIN FORMAT=JSON DELETE FROM t", "EXPLAIN (SELECT 1)", "EXPLAIN EXTENDED SELECT 1", "EXPLAIN FORMAT=HEDDLE SELECT 1"}},
		{mysql80, Explain, []string{"EXPLAIN FORMAT=TREE SELECT 1", "EXPLAIN TABLE t", "EXPLAIN FOR CONNECTION 5"}},
		{mysql80, Analyze, []string{"EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE FORMAT=TREE SELECT 1"}},
		{maria, Analyze, []string{"ANALYZE SELECT 1", "ANALYZE FORMAT=JSON UPDATE t SET a=1"}},
		{maria, Begin, []string{"BEGIN", "BEGIN WORK", "START TRANSACTION", "start transaction read only"}},
		{maria, Commit, []string{"COMMIT", "COMMIT AND CHAIN"}},
		{maria, Rollback, []string{"ROLLBACK", "ROLLBACK WORK RELEASE"}},
		{maria, RollbackTo, []string{"ROLLBACK TO a", "ROLLBACK WORK TO SAVEPOINT a"}},
		{maria, Savepoint, []string{"SAVEPOINT a"}},
		{maria, Release, []string{"RELEASE SAVEPOINT a"}},
		{maria, XA, []string{"XA START 'a'", "XA BEGIN 'a','b',1", "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a' ONE PHASE", "XA RECOVER FORMAT='SQL'"}},
		{maria, CreateTable, []string{"CREATE TABLE t (a INT)", "CREATE OR REPLACE TABLE t (a INT)", "CREATE TABLE t (p POINT, g UUID, i INET6, x INT INVISIBLE)"}},
		{maria, CreateTemporaryTable, []string{"CREATE TEMPORARY TABLE t (a INT)", "CREATE OR REPLACE TEMPORARY TABLE t (a INT)"}},
		{maria, AlterTable, []string{"ALTER TABLE t ADD a INT", "ALTER ONLINE TABLE t ADD a INT", "ALTER IGNORE TABLE t ENGINE=x"}},
		{maria, DropTable, []string{"DROP TABLE t", "DROP TABLES IF EXISTS a, b"}},
		{maria, DropTemporaryTable, []string{"DROP TEMPORARY TABLE t"}},
		{maria, RenameTable, []string{"RENAME TABLE a TO b", "RENAME TABLES a TO b"}},
		{maria, CreateIndex, []string{"CREATE INDEX i ON t (a)", "CREATE OR REPLACE UNIQUE INDEX i ON t(a)", "CREATE FULLTEXT INDEX i ON t(a)"}},
		{maria, DropIndex, []string{"DROP INDEX i ON t"}},
		{maria, CreateView, []string{"CREATE VIEW v AS SELECT 1", "ALTER VIEW v AS SELECT 1", "CREATE OR REPLACE ALGORITHM=MERGE DEFINER=a@b SQL SECURITY DEFINER VIEW v AS SELECT 1", "CREATE DEFINER=CURRENT_USER() VIEW v AS SELECT 1"}},
		{maria, DropView, []string{"DROP VIEW v"}},
		{maria, CreateDatabase, []string{"CREATE DATABASE d", "CREATE OR REPLACE SCHEMA d"}},
		{maria, AlterDatabase, []string{"ALTER DATABASE d CHARACTER SET x"}},
		{maria, DropDatabase, []string{"DROP DATABASE d", "DROP SCHEMA IF EXISTS d"}},
		{maria, OtherDDL, []string{"CREATE PROCEDURE p() SELECT 1", "CREATE FUNCTION f() RETURNS INT RETURN 1", "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a=1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
			"CREATE SEQUENCE s", "DROP PROCEDURE p", "ALTER EVENT e DISABLE", "DROP TRIGGER t", "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "INSTALL PLUGIN x SONAME 'y'"}},
		{maria, LockTables, []string{"LOCK TABLES t READ", "LOCK TABLE t WRITE"}},
		{maria, UnlockTables, []string{"UNLOCK TABLES"}},
		{maria, LoadData, []string{"LOAD DATA INFILE 'x' INTO TABLE t", "LOAD XML LOCAL INFILE 'x' INTO TABLE t"}},
		{maria, Prepare, []string{"PREPARE s FROM 'x'"}},
		{maria, Execute, []string{"EXECUTE s"}},
		{maria, ExecuteImmediate, []string{"EXECUTE IMMEDIATE 'x'"}},
		{maria, Deallocate, []string{"DEALLOCATE PREPARE s", "DROP PREPARE s"}},
		{maria, Kill, []string{"KILL 5", "KILL QUERY 5", "KILL HARD CONNECTION 5"}},
		{maria, Flush, []string{"FLUSH TABLES", "FLUSH PRIVILEGES"}},
		{maria, TableAdmin, []string{"ANALYZE TABLE t", "CHECK TABLE t", "OPTIMIZE LOCAL TABLE t", "REPAIR TABLE t", "CHECKSUM TABLE t", "ANALYZE NO_WRITE_TO_BINLOG TABLE t"}},
		{maria, Handler, []string{"HANDLER t OPEN", "HANDLER t CLOSE"}},
		{maria, Account, []string{"GRANT SELECT ON *.* TO a", "REVOKE ALL ON *.* FROM a", "CREATE USER a", "DROP ROLE r", "ALTER USER a ACCOUNT LOCK", "SET PASSWORD = 'x'", "RENAME USER a TO b"}},
		{maria, Signal, []string{"SIGNAL SQLSTATE '45000'", "RESIGNAL"}},
		{maria, GetDiagnostics, []string{"GET DIAGNOSTICS @a = NUMBER", "GET DIAGNOSTICS CONDITION 1 @a = MESSAGE_TEXT"}},
		{maria, Help, []string{"HELP 'x'"}},
		{maria, ReplicationAdmin, []string{"CHANGE MASTER TO MASTER_HOST='x'", "START SLAVE", "STOP REPLICA", "RESET MASTER", "PURGE BINARY LOGS TO 'x'", "BINLOG 'x'"}},
		{maria, Shutdown, []string{"SHUTDOWN"}},
		{maria, Compound, []string{"BEGIN NOT ATOMIC SELECT 1; END", "IF 1 THEN SELECT 1; END IF", "l: LOOP LEAVE l; END LOOP"}},
		{oracle, Compound, []string{"BEGIN SELECT 1; END", "DECLARE a INT; BEGIN NULL; END"}},
		{maria, Unknown, []string{"FROB x", "1", "'x'", "? = 1"}},
		{maria, Empty, []string{"/* x */", "-- x", "/*!80000 SELECT 1 */"}},
	} {
		for _, text := range c.text {
			st, err := Parse(text, c.mode)
			if err != nil {
				t.Errorf("%q: %v", text, err)
				continue
			}
			if st.Kind != c.kind {
				t.Errorf("%q is %s, want %s", text, st.Kind, c.kind)
			}
			invariants(t, st)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"", "  \n ", ";"} {
		if _, err := Parse(text, maria); sqlerr.As(err) == nil || sqlerr.As(err).Code != sqlerr.CodeEmptyQuery {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"SELECT 'x", "SELECT /* x", "SELECT `x", "SELECT x'1'", "SELECT 1.5e"} {
		var te *TextError
		if _, err := Parse(text, maria); !errors.As(err, &te) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestDepth: texts that would exhaust the grammar library are classified all the same.
func TestDepth(t *testing.T) {
	deep := "SELECT "
	for range 2000 {
		deep += "("
	}
	deep += "1"
	for range 2000 {
		deep += ")"
	}
	st, err := Parse(deep+" FROM t", maria)
	if err != nil || st.Kind != Select || st.AST != nil || st.ParseErr == nil || len(st.Tables) != 1 {
		t.Errorf("%v %+v", err, st.Tables)
	}
}

func TestSQLMode(t *testing.T) {
	if m := ParseSQLMode(" ansi , no_backslash_escapes,STRICT_TRANS_TABLES"); m != ansi|NoBackslashEscapes {
		t.Errorf("%b", m)
	}
	if m := ParseSQLMode("ORACLE"); !m.Has(Oracle | ANSIQuotes | PipesAsConcat) {
		t.Errorf("%b", m)
	}
	if c := ParseCharset("GBK"); c != CharsetGBK {
		t.Error(c)
	}
	if c := ParseCharset("utf8mb4"); c != CharsetUTF8 {
		t.Error(c)
	}
}

func TestCharsetNames(t *testing.T) {
	m := maria
	m.Charset = CharsetGBK
	st, err := Parse("SELECT * FROM \xc4\xe3 WHERE `\xc4\xe3`.a = '\xb3\x5c'", m)
	if err != nil || len(st.Tables) != 1 || st.Tables[0].Name != "你" || len(st.Qualifiers) != 1 || !confirmed(t, st) {
		t.Fatalf("%v %+v", err, st)
	}
}
