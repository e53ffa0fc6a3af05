package mesh

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// administered gives the lab's users an administrator and a clerk who is limited to the lab's database.
func (l *lab) administered() {
	l.t.Helper()
	users := fmt.Sprintf("users: {root: {}, dba: {admin: true}, clerk: {databases: [%s]}}\n", l.database)
	if _, err := l.admin.Users.Apply(l.t.Context(), admin.Application{Name: layout.Mesh, Document: []byte(users), Author: "test", Base: admin.AnyBase}); err != nil {
		l.t.Fatal(err)
	}
}

// lists checks the rows of a statement, cells joined by |, NULL as such.
func lists(t *testing.T, db *sql.DB, text string, want ...string) {
	t.Helper()
	if got := rowsOf(t, db, text); !slices.Equal(got, want) {
		t.Fatalf("%s:\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func rowsOf(t *testing.T, db *sql.DB, text string) (out []string) {
	t.Helper()
	a, err := harness.Ask(t.Context(), db, text)
	if err != nil || a.Code != 0 {
		t.Fatalf("%s: %v %d %s", text, err, a.Code, a.Message)
	}
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			if cells[i] = "NULL"; v != nil {
				cells[i] = fmt.Sprint(v)
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out
}

// TestTablesOfHeddle reads each of them, by the proxy alone and by a server, and says who may.
func TestTablesOfHeddle(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	l.administered()
	l.apply(l.rules("  u: {key: id}\nbinding: [[t, u]]\nbroadcast: [kinds]\nsingle: {ds_1: [notes]}\n") + "# ½ \U0001F9F6\n")
	a := l.start("a", "", "instance.zone", "north")
	b := l.start("b", "")
	dba := a.Open(t, "dba", "", l.database)

	lists(t, dba, "SHOW TABLES FROM heddle", "data_sources", "digests", "instances", "pools", "replicas", "rule_history", "rules", "sessions", "tables", "transactions")
	lists(t, dba, "SHOW FULL TABLES FROM heddle LIKE 'rule%'", "rule_history|SYSTEM VIEW", "rules|SYSTEM VIEW")
	lists(t, dba, "DESCRIBE heddle.rules 'ver%'", "version|bigint|YES||NULL|")
	lists(t, dba, "SELECT name, alive, is_this, zone FROM heddle.instances ORDER BY name DESC", "b|yes|no|NULL", "a|yes|yes|north")
	lists(t, dba, "SELECT name, kind, sharding_key, algorithm, binding_group, nodes FROM heddle.tables ORDER BY kind, name",
		"kinds|broadcast|NULL|NULL|NULL|2", "t|sharded|id|hash_slot|1|2", "u|sharded|id|hash_slot|1|2", "notes|single|NULL|NULL|NULL|1")
	lists(t, dba, "SELECT db, version, author, reason, behind FROM heddle.rules WHERE db = '"+strings.ToUpper(l.database)+"'", l.database+"|2|test|placement|NULL")
	lists(t, dba, "SELECT version, in_force, times_in_force FROM heddle.rule_history ORDER BY version", "1|no|1", "2|yes|1")
	lists(t, dba, "SELECT name, address, up FROM heddle.data_sources WHERE name IN ('DS_1')", "ds_1|"+env.Shards[1].Addr()+"|yes")
	lists(t, dba, "SELECT user, command FROM heddle.sessions WHERE user != 'root' AND info IS NOT NULL", "dba|Query")
	if docs := rowsOf(t, dba, "SELECT document FROM heddle.rules"); len(docs) != 1 || !strings.HasSuffix(docs[0], "# ½ \U0001F9F6\n") {
		t.Errorf("the document: %q", docs)
	}

	t.Run("what ran on any instance", func(t *testing.T) { digests(t, dba, b.Open(t, "clerk", "", l.database)) })
	t.Run("a server and the proxy say the same", func(t *testing.T) { alike(t, dba) })
	t.Run("beside other tables", func(t *testing.T) { besideOthers(t, l, dba) })
	t.Run("who may", func(t *testing.T) { whoMay(t, l, a) })
}

// digests are seen from every instance, each by the name of the one that ran the statement.
func digests(t *testing.T, dba, onB *sql.DB) {
	var mine int64
	if err := onB.QueryRowContext(t.Context(), "SELECT CONNECTION_ID() /* 1 */").Scan(&mine); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		says(t, onB, "DO 1 + 41", 0, "")
	}
	says(t, onB, "SELECT (SELECT 1 UNION SELECT 2)", 1242, "")
	shape := "SELECT instance, count, errors, shards FROM heddle.digests WHERE "
	lists(t, dba, shape+"statement = 'DO ? + ?'", "b|3|0|3")
	lists(t, dba, shape+"statement = 'SELECT (SELECT ? UNION SELECT ?)' AND p99_us > 0 AND first_seen IS NOT NULL", "b|1|1|1")
	says(t, onB, "SELECT RAND(7) FROM t", 1146, "") // when they are planned
	says(t, onB, "SELECT IS_USED_LOCK('a')", 1235, "")
	if _, err := onB.PrepareContext(t.Context(), "SELECT refused FROM nowhere WHERE id = ?"); err == nil {
		t.Error("it is prepared")
	}
	lists(t, dba, "SELECT statement, instance, count, errors, shards FROM heddle.digests WHERE errors = 1 AND shards = 0 ORDER BY statement",
		"SELECT IS_USED_LOCK(?)|b|1|1|0", "SELECT RAND(?) FROM t|b|1|1|0", "SELECT refused FROM nowhere WHERE id = ?|b|1|1|0")
	lists(t, dba, "SELECT SUM(count) FROM heddle.digests WHERE statement LIKE 'DO ?%'", "3")
	lists(t, dba, fmt.Sprintf("SELECT instance, user FROM heddle.sessions WHERE id = %d", mine), "b|clerk")
	lists(t, dba, "SELECT instance, data_source, address FROM heddle.pools WHERE data_source = 'ds_1' ORDER BY instance",
		"a|ds_1|"+env.Shards[1].Addr(), "b|ds_1|"+env.Shards[1].Addr())
	lists(t, onB, "SELECT DISTINCT user FROM heddle.sessions", "clerk")
	says(t, onB, "SELECT * FROM heddle.digests", 1142, "SELECT command denied")
}

// alike compares what is evaluated here with what a server makes of the same condition.
func alike(t *testing.T, dba *sql.DB) {
	for _, c := range []string{
		"FROM heddle.tables %s ORDER BY name", "FROM heddle.tables %s ORDER BY kind DESC, name ASC LIMIT 2", "FROM heddle.tables AS x %s ORDER BY x.name LIMIT 1, 2",
		"FROM heddle.tables %s AND nodes > 1 ORDER BY name LIMIT 2 OFFSET 1", "FROM heddle.tables %s AND binding_group IS NULL ORDER BY heddle.tables.name",
		"FROM heddle.tables %s AND kind IN ('SINGLE', 'broadcast') ORDER BY nodes, name", "FROM heddle.tables %s AND name NOT IN ('t') ORDER BY binding_group, name",
		"FROM heddle.tables %s AND name >= 'N' AND name < 'u' ORDER BY name", "FROM heddle.tables %s AND binding_group <> -1 ORDER BY name",
		"FROM heddle.tables %s AND algorithm != 'x' ORDER BY name",
	} {
		plain := rowsOf(t, dba, "SELECT name, kind AS k, nodes, binding_group "+fmt.Sprintf(c, "WHERE nodes >= 0"))
		served := rowsOf(t, dba, "SELECT name, kind AS k, nodes, binding_group "+fmt.Sprintf(c, "WHERE (nodes >= 0)"))
		if !slices.Equal(plain, served) || len(plain) == 0 {
			t.Errorf("%s: here %q, by a server %q", c, plain, served)
		}
	}
	rows, err := dba.QueryContext(t.Context(), "SELECT * FROM heddle.instances WHERE name = ? ORDER BY started LIMIT 1", "a") // prepared
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() || columns[0] != "name" || len(columns) != 10 {
		t.Errorf("prepared: %v, %v", columns, err)
	}
}

func besideOthers(t *testing.T, l *lab, dba *sql.DB) {
	l.create(dba)
	says(t, dba, "INSERT INTO t (id, n) VALUES (1, 2), (2, 2), (3, 1)", 0, "")
	lists(t, dba, "SELECT COUNT(*), MAX(nodes) FROM heddle.tables", "4|2")
	lists(t, dba, "SELECT s.name, COUNT(p.open) FROM heddle.data_sources s JOIN heddle.pools p ON p.data_source = s.name GROUP BY s.name ORDER BY s.name", "ds_0|2", "ds_1|2")
	lists(t, dba, "SELECT name FROM heddle.tables WHERE nodes = (SELECT MIN(nodes) FROM heddle.tables)", "notes")
	lists(t, dba, "SELECT t.id, x.kind FROM t JOIN heddle.tables x ON x.nodes = t.n AND x.name = 't' WHERE t.id = 1", "1|sharded")
	lists(t, dba, "SELECT t.id, x.name FROM t JOIN heddle.tables x ON x.nodes = t.n AND x.kind = 'sharded' ORDER BY t.id, x.name", "1|t", "1|u", "2|t", "2|u")
	lists(t, dba, "WITH x AS (SELECT data_source FROM heddle.pools WHERE instance = 'b') SELECT * FROM x ORDER BY 1", "ds_0", "ds_1")
	lists(t, dba, "SELECT data_source FROM heddle.pools UNION SELECT name FROM heddle.instances ORDER BY 1", "a", "b", "ds_0", "ds_1")
	lists(t, dba, "SELECT COUNT(*) FROM (SELECT * FROM HEDDLE.Pools) p", "4")
	lists(t, dba, "SELECT heddle.tables.name FROM heddle.tables WHERE tables.name LIKE 'no%'", "notes")
	lists(t, dba, "SELECT COUNT(*) FROM heddle.pools p JOIN information_schema.SCHEMATA s ON s.SCHEMA_NAME = '"+l.database+"'", "4")
	lists(t, dba, "EXPLAIN FORMAT=HEDDLE SELECT * FROM heddle.pools", "route local")
	for _, text := range []string{
		"CREATE VIEW v AS SELECT * FROM heddle.pools", "CREATE TABLE v AS SELECT * FROM heddle.pools", "CREATE TABLE v LIKE heddle.pools", "CREATE TABLE heddle.x (i INT)",
		"HANDLER heddle.pools OPEN", "LOCK TABLES heddle.pools READ", "TRUNCATE heddle.pools", "ANALYZE TABLE heddle.pools", "UPDATE heddle.pools SET open = 1",
		"DELETE p FROM heddle.pools p", "SHOW CREATE TABLE heddle.pools", "SHOW INDEX FROM heddle.pools", "SHOW TABLE STATUS FROM heddle",
	} {
		says(t, dba, text, 1235, "heddle")
	}
	says(t, dba, "SELECT * FROM heddle.nothing", 1146, "heddle.nothing")
	says(t, dba, "SELECT nothing FROM heddle.pools", 1054, "nothing")
	says(t, dba, "DELETE FROM heddle.pools", 1235, "DELETE with heddle.pools")
	says(t, dba, "INSERT INTO t SELECT 9, open FROM heddle.pools", 1235, "INSERT with heddle.pools")
	says(t, dba, "DROP TABLE heddle.pools", 1235, "heddle.pools")
	says(t, dba, "CREATE DATABASE heddle", 1007, "heddle")
	says(t, dba, "EXPLAIN SELECT * FROM heddle.pools", 1235, "EXPLAIN with heddle.pools")
}

func whoMay(t *testing.T, l *lab, a *harness.Heddle) {
	for _, user := range []string{"root", "clerk"} {
		db := a.Open(t, user, "", "heddle")
		lists(t, db, "SHOW TABLES", "sessions")
		lists(t, db, "SELECT DISTINCT user FROM sessions", user)
		lists(t, db, "SELECT user FROM sessions WHERE command = 'Query'", user)
		says(t, db, "SELECT * FROM rules", 1142, "SELECT command denied")
		says(t, db, "SELECT COUNT(*) FROM rules", 1142, "SELECT command denied")
		says(t, db, "DESCRIBE rules", 1142, "SELECT command denied")
		says(t, db, "USE "+l.database, 0, "")
	}
}

// TestTablesWithoutServers reads them with every server gone.
func TestTablesWithoutServers(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	l.administered()
	var relays []*harness.Relay
	text := l.rules("")
	for _, s := range env.Shards {
		r := harness.NewRelay(t, s.Addr())
		relays = append(relays, r)
		text = strings.Replace(text, s.Addr(), r.Addr(), 1)
	}
	l.apply(text)
	dba := l.start("a", "").Open(t, "dba", "", "heddle")
	lists(t, dba, "SELECT name FROM data_sources ORDER BY name", "ds_0", "ds_1")
	for _, r := range relays {
		r.Close()
	}
	gone := func(text string) {
		t.Helper()
		eventually(t, 10*time.Second, "no server answers "+text, func() bool {
			a, err := harness.Ask(t.Context(), dba, text)
			return err == nil && a.Code == 1429
		})
	}
	gone("SELECT id FROM " + l.database + ".t WHERE id IN (1, 2, 3, 4, 5, 6, 7)")
	lists(t, dba, "SELECT name, up FROM data_sources WHERE name > 'a' ORDER BY name LIMIT 5", "ds_0|no", "ds_1|no")
	for _, table := range rowsOf(t, dba, "SHOW TABLES") {
		columns := rowsOf(t, dba, "DESCRIBE "+table)
		rows := rowsOf(t, dba, "SELECT * FROM heddle."+table)
		if len(columns) == 0 || len(rows) == 0 && table != "replicas" && table != "transactions" { // which only servers tell of
			t.Errorf("%s: %d columns, %d rows", table, len(columns), len(rows))
		}
	}
	rulesWithoutServers(t, l, dba)
	says(t, dba, "USE "+l.database, 0, "")
	says(t, dba, "USE heddle", 0, "")
	gone("SELECT COUNT(*) FROM data_sources")
}

// rulesWithoutServers are statements about rules: what needs no server is answered and done, what a server has to be asked
// for is refused.
func rulesWithoutServers(t *testing.T, l *lab, dba *sql.DB) {
	from := " FROM " + l.database
	for text, want := range map[string]string{
		"SHOW STORAGE UNITS": "ds_0|MySQL|", "SHOW RULES USED STORAGE UNIT ds_1": "the sharding table rule t", "SHOW SHARDING TABLE RULES": "t|ds_0.t, ds_1.t|id|hash_slot|",
		"SHOW SHARDING TABLE NODES t": "t|", "SHOW SHARDING ALGORITHMS": "t|", "SHOW SHARDING KEY GENERATORS": "t|id|", "COUNT SHARDING RULE": "sharding_table|",
		"SHOW DEFAULT SINGLE TABLE STORAGE UNIT": "ds_0", "EXPORT DATABASE CONFIGURATION": "database: " + l.database,
		"SHOW SHARDING TABLE REFERENCE RULES": "", "SHOW BROADCAST TABLE RULES": "", "SHOW SINGLE TABLES": "", "SHOW READWRITE_SPLITTING RULES": "",
	} {
		rows := rowsOf(t, dba, text+from)
		if want == "" && len(rows) > 0 || want != "" && (len(rows) == 0 || !strings.HasPrefix(rows[0], want)) {
			t.Errorf("%s: %q", text, rows)
		}
	}
	says(t, dba, "USE "+l.database, 0, "")
	says(t, dba, `REGISTER STORAGE UNIT ds_9 (HOST="127.0.0.1",PORT=1,DB="x",USER="root")`, 0, "")
	lists(t, dba, "SELECT name, address FROM heddle.data_sources WHERE name = 'ds_9'", "ds_9|127.0.0.1:1")
	says(t, dba, "UNREGISTER STORAGE UNIT ds_9", 1105, "could not be asked")
	says(t, dba, "CREATE BROADCAST TABLE RULE kinds", 1105, "could not be asked")
	says(t, dba, `CREATE SHARDING TABLE RULE u (STORAGE_UNITS(ds_0,ds_1),SHARDING_COLUMN=id,TYPE(NAME="mod",PROPERTIES("sharding-count"=2)))`, 1105, "could not be asked")
}

// TestTablesWithFiles: an instance that stands alone tells of itself and its files, which no statement changes.
func TestTablesWithFiles(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	h := env.Heddle(t, harness.HeddleOptions{Rules: []string{l.rules("")}, Users: "users: {dba: {admin: true}}\n"})
	dba := h.Open(t, "dba", "", l.database)
	lists(t, dba, "SHOW TABLES FROM heddle", "data_sources", "digests", "instances", "pools", "replicas", "rules", "sessions", "tables", "transactions")
	lists(t, dba, "SELECT alive, is_this, number FROM heddle.instances", "yes|yes|NULL")
	lists(t, dba, "SELECT db, version, reason FROM heddle.rules", l.database+"|NULL|file")
	lists(t, dba, "SHOW SHARDING TABLE NODES", "t|ds_0.t, ds_1.t")
	says(t, dba, "SELECT * FROM heddle.rule_history", 1146, "rule_history")
	says(t, dba, "CREATE BROADCAST TABLE RULE kinds", 1235, "rules-0.yaml")
}
