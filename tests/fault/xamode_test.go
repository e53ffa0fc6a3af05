package fault

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// marks are how many branches of atomic transactions the servers have committed, of those that are not swept yet.
func marks(t *testing.T) (n int) {
	t.Helper()
	for _, on := range shards(t) {
		n += count(t, on, "SELECT COUNT(*) FROM heddle_mesh.txn_mark WHERE gtrid LIKE 'h_-%'")
	}
	return n
}

// everyone is a write over both shards.
const everyone = "UPDATE accounts SET v = v + 1"

// Configuration, account, session and transaction each say how a transaction commits; who speaks last is heard.
func TestTransactionTypes(t *testing.T) {
	heddle := startBank(t, nil)
	db := heddle.Open(t, "root", "", "shop")
	bank(t, db)
	says := func(user string, steps ...string) (atomic int) {
		t.Helper()
		c := conn(t, heddle.Open(t, user, "", "shop"))
		before := marks(t)
		for _, sql := range steps {
			exec(t, c, sql)
		}
		return marks(t) - before
	}
	const hint = "/*+ heddle(transaction=%s) */ "
	local, distributed := fmt.Sprintf(hint, "local"), fmt.Sprintf(hint, "XA")
	for _, c := range []struct {
		user   string
		steps  []string
		atomic int
	}{
		{"root", []string{everyone}, 1},
		{"keen", []string{everyone}, 1},
		{"plain", []string{everyone}, 0},
		{"plain", []string{"SET heddle_transaction_type = 'xa'", everyone}, 1},
		{"plain", []string{"SET heddle_transaction_type = 'xa'", "SET heddle_transaction_type = DEFAULT", everyone}, 0},
		{"root", []string{"SET heddle_transaction_type = 'local'", everyone}, 0},
		{"root", []string{local + everyone, everyone}, 1},
		{"plain", []string{"UPDATE " + distributed + "accounts SET v = v + 1", everyone}, 1},
		{"plain", []string{"BEGIN " + distributed, everyone, "COMMIT", everyone}, 1},
		{"root", []string{"START TRANSACTION " + local, everyone, "COMMIT", everyone}, 1},
		{"root", []string{"BEGIN", local + everyone, everyone, local + everyone, "COMMIT"}, 0},
		{"plain", []string{"SET autocommit = 0", distributed + everyone, "COMMIT", everyone, "COMMIT"}, 1},
		{"plain", []string{"PREPARE p FROM '" + distributed + everyone + "'", "EXECUTE p", "EXECUTE p"}, 2},
		{"root", []string{"BEGIN " + local, everyone, "COMMIT AND CHAIN", everyone, "COMMIT"}, 1},
	} {
		if got := says(c.user, c.steps...); got != c.atomic {
			t.Errorf("%s: %s: %d atomic transactions, not %d", c.user, strings.Join(c.steps, "; "), got, c.atomic)
		}
	}
	c := conn(t, heddle.Open(t, "plain", "", "shop"))
	var shown string
	if err := c.QueryRowContext(t.Context(), "SELECT @@heddle_transaction_type").Scan(&shown); err != nil || shown != "local" {
		t.Errorf("an account's type is shown as %q, %v", shown, err)
	}
	exec(t, c, "BEGIN")
	exec(t, c, everyone)
	for _, late := range []string{distributed + everyone, "BEGIN " + fmt.Sprintf(hint, "saga"), everyone + fmt.Sprintf(hint, "xa, transaction=local")} {
		if _, err := c.ExecContext(t.Context(), late); code(err) != 1235 {
			t.Errorf("%s: %v", late, err)
		}
	}
	exec(t, c, "ROLLBACK")
}

// A process that keeps no atomic transactions refuses who insists on them, in place of a weaker promise without a word.
func TestAtomicWhereAllIsLocal(t *testing.T) {
	heddle := startBank(t, map[string]string{"transactions.type": "local"})
	db := heddle.Open(t, "root", "", "shop")
	bank(t, db)
	exec(t, db, everyone)
	keen := conn(t, heddle.Open(t, "keen", "", "shop"))
	exec(t, keen, "UPDATE accounts SET v = v + 1 WHERE id = 1")
	for _, c := range []execer{keen, db} {
		if _, err := c.ExecContext(t.Context(), "/*+ heddle(transaction=xa) */ "+everyone); code(err) != 1235 {
			t.Errorf("a hint for XA: %v", err)
		}
	}
	if _, err := keen.ExecContext(t.Context(), everyone); code(err) != 1235 {
		t.Errorf("a write over both shards of an account for XA: %v", err)
	}
	if total := sum(t, db); total != 4041 {
		t.Errorf("the accounts have %d in all", total)
	}
	if count(t, db, "SELECT COUNT(*) FROM heddle.data_sources WHERE xa = 'transactions.type is local'") != 2 {
		t.Error("heddle.data_sources does not say that all is local")
	}
}

// Of a transaction that stays on one shard the servers see the same in both types, and so of what is no transaction.
func TestOneShardSeesTheSameInXA(t *testing.T) {
	db := startBank(t, nil).Open(t, "root", "", "shop")
	bank(t, db)
	on := shards(t)
	c := conn(t, db)
	script := strings.Split(`BEGIN|SELECT v FROM accounts WHERE id = 1|UPDATE accounts SET v = v + 1 WHERE id = 1|SAVEPOINT s|DELETE FROM accounts WHERE id = 1|`+
		`ROLLBACK TO s|UPDATE accounts SET v = v - 1 WHERE id = 1|RELEASE SAVEPOINT s|COMMIT|START TRANSACTION READ ONLY|SELECT v FROM accounts WHERE id = 1|COMMIT|`+
		`SET autocommit = 0|UPDATE accounts SET v = v WHERE id = 1|COMMIT|SELECT v FROM accounts WHERE id = 1 FOR UPDATE|ROLLBACK|SET autocommit = 1|`+
		`UPDATE accounts SET v = v + 1 WHERE id = 2|INSERT INTO accounts VALUES (99, 1)|DELETE FROM accounts WHERE id = 99|SELECT SUM(v) FROM accounts`, "|")
	run := func(kind string) (seen [2][]string) {
		exec(t, c, "SET heddle_transaction_type = '"+kind+"'")
		for _, server := range on {
			exec(t, server, "TRUNCATE mysql.general_log")
			exec(t, server, "SET GLOBAL log_output = 'TABLE', general_log = 1")
		}
		for _, sql := range script {
			exec(t, c, sql)
		}
		for i, server := range on {
			exec(t, server, "SET GLOBAL general_log = 0")
			seen[i] = logged(t, server)
		}
		return seen
	}
	run("local") // connections are there, and statements planned
	local, distributed := run("local"), run("xa")
	for i := range on {
		if len(local[i]) == 0 || !slices.Equal(local[i], distributed[i]) {
			t.Errorf("shard %d sees in mode LOCAL\n  %s\nand in mode XA\n  %s", i, strings.Join(local[i], "\n  "), strings.Join(distributed[i], "\n  "))
		}
	}
}

// logged is what a server's log has of connections that work on the accounts.
func logged(t *testing.T, server *sql.DB) (out []string) {
	t.Helper()
	rows, err := server.QueryContext(t.Context(), "SELECT command_type, CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE thread_id IN "+
		"(SELECT thread_id FROM mysql.general_log WHERE argument LIKE '%accounts%') ORDER BY event_time")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind, text string
		if err := rows.Scan(&kind, &text); err != nil {
			t.Fatal(err)
		}
		out = append(out, kind+": "+text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// What a session has committed, and a server that is away has yet to be told, is waited for by what reads there, a SET too.
func TestSetWaitsForDelivery(t *testing.T) {
	heddle := startBank(t, nil)
	bank(t, heddle.Open(t, "root", "", "shop"))
	p := prepare(t, heddle, 1)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	exec(t, p.block, "ROLLBACK")
	if err := <-p.ended; err != nil {
		t.Fatalf("a COMMIT that is decided: %v", err)
	}
	exec(t, p.db, "SET @n = 1") // it asks no server
	done := make(chan error, 1)
	go func() {
		_, err := p.db.ExecContext(t.Context(), fmt.Sprintf("SET @n = (SELECT v FROM accounts WHERE id = %d)", p.to))
		done <- err
	}()
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("a SET that reads what is committed: %v", err)
	}
	if n := count(t, p.db, "SELECT @n"); n != 101 {
		t.Errorf("it has read %d, not 101", n)
	}
}

// Meshes that share servers are told apart by the prefix of their stores: each finishes what is its own, and leaves the other's alone.
func TestMeshesLeaveEachOthersTransactions(t *testing.T) {
	one, two := map[string]string{"etcd.prefix": "/one"}, map[string]string{"etcd.prefix": "/two"}
	first, second := startBank(t, one), startBank(t, two)
	bank(t, first.Open(t, "root", "", "shop"))
	on := abandon(t, first, 1)
	firsts := onlyTransaction(t, first)
	says(t, second, 0, []string{"nothing is unfinished"}, "txn", "list")
	abandon(t, second, 2)
	seconds := onlyTransaction(t, second)
	if a, b := clusterOf(t, firsts), clusterOf(t, seconds); a == b {
		t.Errorf("both meshes have the number %d", a)
	}
	for _, mesh := range []struct {
		set  map[string]string
		left string
	}{{two, firsts}, {one, ""}} {
		heddle := startBank(t, mesh.set)
		eventually(t, "the mesh has finished its own", func() bool { return !slices.Contains(prepared(t, on[1]), seconds) || mesh.left == "" })
		eventually(t, "it is alone with the other's", func() bool {
			left := prepared(t, on[1])
			return mesh.left == "" && len(left) == 0 || slices.Equal(left, []string{mesh.left})
		})
		says(t, heddle, 0, []string{"nothing is unfinished"}, "txn", "list")
	}
}

func clusterOf(t *testing.T, gtrid string) uint32 {
	t.Helper()
	g, err := xa.ParseGTRID(gtrid)
	if err != nil {
		t.Fatal(err)
	}
	return g.Cluster
}

// prepared are the transactions of which a server lists a branch.
func prepared(t *testing.T, server *sql.DB) (out []string) {
	t.Helper()
	rows, err := server.QueryContext(t.Context(), "XA RECOVER")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var format, length, rest int
		var data string
		if err := rows.Scan(&format, &length, &rest, &data); err != nil {
			t.Fatal(err)
		}
		out = append(out, data[:length])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// An account that may not make Heddle's schema leaves transactions as they are without, and says what it lacks.
func TestAccountWithoutPrivilegesForXA(t *testing.T) {
	for _, on := range shards(t) {
		exec(t, on, "DROP DATABASE IF EXISTS heddle_mesh")
		exec(t, on, "DROP USER IF EXISTS meek@'%'")
		exec(t, on, "CREATE USER meek@'%'")
		exec(t, on, "GRANT ALL ON shop.* TO meek@'%'")
		exec(t, on, "GRANT SLAVE MONITOR ON *.* TO meek@'%'")
		defer exec(t, on, "DROP USER meek@'%'")
	}
	heddle := startBankFor(t, "meek", "", nil)
	db := heddle.Open(t, "root", "", "shop")
	bank(t, db)
	exec(t, db, everyone)
	if total := sum(t, db); total != 4040 {
		t.Errorf("the accounts have %d in all", total)
	}
	for _, on := range shards(t) {
		if count(t, on, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'heddle_mesh'") != 0 {
			t.Error("the schema is there")
		}
	}
	const lacks = "SELECT command denied to user 'meek'"
	if count(t, db, `SELECT COUNT(*) FROM heddle.data_sources WHERE xa LIKE "%`+lacks+`%heddle_mesh%"`) != 2 || !strings.Contains(heddle.Log(), lacks) {
		t.Errorf("it is not said what the account lacks; the log has\n%s", heddle.Log())
	}
	c := conn(t, heddle.Open(t, "keen", "", "shop"))
	if _, err := c.ExecContext(t.Context(), everyone); code(err) != 1235 || !strings.Contains(err.Error(), "over data source ds_") || strings.Contains(err.Error(), "denied") {
		t.Errorf("a write over both shards of an account for XA: %v", err)
	}
}

// Heddle's schema is on the servers, and no client has it, not even where a server's schemas pass through.
func TestOwnSchemaIsHidden(t *testing.T) {
	db := startBankFor(t, "root", fmt.Sprintf("defaults: {user: root}\ndata_sources: {whole: {address: %q}}\n", env.Shards[0].Addr()), nil).Open(t, "root", "", "shop")
	bank(t, db)
	exec(t, db, everyone)
	rows, err := db.QueryContext(t.Context(), "SHOW DATABASES")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if slices.Contains(names, "heddle_mesh") || !slices.Contains(names, "mysql") || !slices.Contains(names, "shop") {
		t.Errorf("SHOW DATABASES lists %v", names)
	}
	for _, of := range []string{"SCHEMATA WHERE SCHEMA_NAME", "TABLES WHERE TABLE_SCHEMA", "COLUMNS WHERE TABLE_SCHEMA", "STATISTICS WHERE TABLE_SCHEMA", "TABLE_CONSTRAINTS WHERE TABLE_SCHEMA"} {
		if n := count(t, db, "SELECT COUNT(*) FROM information_schema."+of+" LIKE 'heddle\\_mesh%'"); n != 0 {
			t.Errorf("information_schema.%s: %d rows", of, n)
		}
	}
	// None can be made of that name either, though nobody is shown one.
	for _, sql := range []string{"CREATE DATABASE heddle_mesh", "CREATE SCHEMA IF NOT EXISTS `Heddle_Mesh`", by("CREATE OR REPLACE DATABASE heddle_mesh", "CREATE SCHEMA heddle_mesh")} {
		if _, err := db.ExecContext(t.Context(), sql); code(err) != 1235 || !strings.Contains(err.Error(), "Heddle's own schema on each server has that name") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for sql, want := range map[string]uint16{"USE heddle_mesh": 1049, "DROP DATABASE heddle_mesh": 1008, "DROP DATABASE IF EXISTS heddle_mesh": 0, "ALTER DATABASE heddle_mesh CHARACTER SET utf8mb4": 1049} {
		if _, err := db.ExecContext(t.Context(), sql); code(err) != want || want == 0 && err != nil {
			t.Errorf("%s: %v, want %d", sql, err, want)
		}
	}
	for _, sql := range []string{"SELECT * FROM heddle_mesh.txn_log", "DELETE FROM HEDDLE_MESH.txn_decision", "SHOW TABLES FROM heddle_mesh",
		"CREATE TABLE heddle_mesh.mine (a INT)", "DROP TABLE heddle_mesh.txn_log",
		"SHOW CREATE TABLE heddle_mesh.txn_log", "SHOW CREATE DATABASE heddle_mesh", "LOCK TABLES heddle_mesh.txn_log WRITE", "DESCRIBE heddle_mesh.txn_log"} {
		_, err := db.ExecContext(t.Context(), sql)
		if !slices.Contains([]uint16{1049, 1146}, code(err)) { // it is there for no client
			t.Errorf("%s: %v", sql, err)
		}
	}
	c := conn(t, db)
	exec(t, c, "CREATE TABLE apart (a INT)")
	defer exec(t, db, "DROP TABLE apart")
	exec(t, db, "CREATE DATABASE aside")
	defer exec(t, db, "DROP DATABASE aside")
	for _, in := range []string{"shop", "aside"} { // one of which is as its server has it
		exec(t, c, "USE "+in)
		for _, sql := range reaching {
			if _, err := c.ExecContext(t.Context(), sql); code(err) != 1235 {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	if marks(t) == 0 {
		t.Error("the write over both shards was not atomic")
	}
}

// reaching would reach Heddle's own tables, or the branches and connections of its transactions, by what servers carry out themselves.
var reaching = []string{
	"BEGIN NOT ATOMIC DELETE FROM heddle_mesh.txn_decision; END",
	"BEGIN NOT ATOMIC DELETE FROM `Heddle_Mesh` . txn_log; END",
	"BEGIN NOT ATOMIC INSERT INTO heddle_mesh.txn_decision (gtrid, verdict) VALUES ('mine', 'C'); END",
	"BEGIN NOT ATOMIC EXECUTE IMMEDIATE 'DELETE FROM heddle_mesh.txn_log'; END",
	"BEGIN NOT ATOMIC EXECUTE IMMEDIATE CONCAT('DELETE FROM heddle_', 'mesh.txn_log'); END",
	"BEGIN NOT ATOMIC PREPARE s FROM 'XA RECOVER'; EXECUTE s; END",
	"BEGIN NOT ATOMIC XA RECOVER; END",
	"BEGIN NOT ATOMIC XA ROLLBACK 'h1-x','y',26724; END",
	"BEGIN NOT ATOMIC IF 1 THEN XA COMMIT X'61'; END IF; END",
	"BEGIN NOT ATOMIC KILL 1; END",
	"CREATE PROCEDURE reaches() DELETE FROM heddle_mesh.txn_log",
	"CREATE PROCEDURE reaches() XA RECOVER",
	"CREATE PROCEDURE reaches() BEGIN KILL QUERY 1; END",
	"CREATE FUNCTION reaches() RETURNS INT RETURN (SELECT COUNT(*) FROM heddle_mesh.txn_log)",
	"CREATE EVENT reaches ON SCHEDULE EVERY 1 DAY DO DELETE FROM heddle_mesh.txn_log",
	"CREATE TRIGGER reaches BEFORE INSERT ON shop.apart FOR EACH ROW DELETE FROM heddle_mesh.txn_log",
	"/*!50000 BEGIN NOT ATOMIC DELETE FROM heddle_mesh.txn_log; END */",
}
