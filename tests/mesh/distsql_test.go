package mesh

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// unit writes a storage unit of a shard of the environment.
func unit(name string, shard int, schema string) string {
	host, port, err := net.SplitHostPort(env.Shards[shard].Addr())
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`%s (HOST="%s",PORT=%s,DB="%s",USER="root")`, name, host, port, schema)
}

// notes are what SHOW WARNINGS tells of the statement, which has to succeed.
func notes(t *testing.T, c harness.Asker, text string) string {
	t.Helper()
	for i, q := range []string{text, "SHOW WARNINGS"} {
		a, err := harness.Ask(t.Context(), c, q)
		if err != nil || a.Code != 0 {
			t.Fatalf("%s: %v %d %s", q, err, a.Code, a.Message)
		}
		if i == 1 {
			var out []string
			for _, row := range a.Rows {
				out = append(out, fmt.Sprint(row[2]))
			}
			return strings.Join(out, "\n")
		}
	}
	return ""
}

// TestDistSQLFromNothing makes a sharded database by statements alone, on one instance, and uses it on another.
func TestDistSQLFromNothing(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	l.administered()
	name := "shop_" + l.database
	t.Cleanup(func() { _ = dropSchema(name) })
	a, b := l.start("a", ""), l.start("b", "")
	dba := a.Open(t, "dba", "", "")
	says(t, dba, "CREATE DATABASE "+name, 0, "")
	if err := env.Shards[1].CreateSchema(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	in := a.Open(t, "dba", "", name)
	c, err := in.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := notes(t, c, "REGISTER STORAGE UNIT "+unit("ds_1", 1, name)); n != "" {
		t.Errorf("notes: %s", n)
	}
	lists(t, in, "COUNT SHARDING RULE", "sharding_table|"+name+"|0", "sharding_table_reference|"+name+"|0")
	if n := notes(t, c, `CREATE SHARDING TABLE RULE orders (STORAGE_UNITS(ds_0,ds_1),SHARDING_COLUMN=customer,TYPE(NAME="hash_mod",PROPERTIES("sharding-count"="4")),KEY_GENERATE_STRATEGY(COLUMN=id,TYPE(NAME="snowflake")))`); !strings.Contains(n, "CRC32") {
		t.Errorf("notes: %s", n)
	}
	notes(t, c, `CREATE SHARDING TABLE RULE items (STORAGE_UNITS("ds_${0..1}"),SHARDING_COLUMN=customer,TYPE(NAME="hash_mod",PROPERTIES("sharding-count"=4)))`)
	notes(t, c, `CREATE SHARDING TABLE RULE parts (DATANODES("ds_${0..1}.parts_${0..1}"),
		DATABASE_STRATEGY(TYPE="standard",SHARDING_COLUMN=shop,SHARDING_ALGORITHM(TYPE(NAME="inline",PROPERTIES("algorithm-expression"="ds_${shop % 2}")))),
		TABLE_STRATEGY(TYPE="standard",SHARDING_COLUMN=id,SHARDING_ALGORITHM(TYPE(NAME="inline",PROPERTIES("algorithm-expression"="parts_${id % 2}")))))`)
	notes(t, c, "CREATE SHARDING TABLE REFERENCE RULE orders (orders, items)")
	notes(t, c, "CREATE BROADCAST TABLE RULE countries")
	notes(t, c, "LOAD SINGLE TABLE ds_1.notes")
	if n := notes(t, c, "LOAD SINGLE TABLE ds_0.*"); !strings.Contains(n, "needs no rule") {
		t.Errorf("notes: %s", n)
	}

	other := b.Open(t, "root", "", name)
	for _, text := range []string{
		"CREATE TABLE orders (id BIGINT, customer INT, n INT, PRIMARY KEY (id, customer))", "CREATE TABLE items (id INT, customer INT, PRIMARY KEY (id, customer))",
		"CREATE TABLE parts (shop INT, id INT, PRIMARY KEY (shop, id))", "CREATE TABLE countries (id INT PRIMARY KEY)", "CREATE TABLE notes (id INT PRIMARY KEY)",
		"INSERT INTO orders (customer, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8)",
		"INSERT INTO items VALUES (1, 1), (2, 2), (3, 3)", "INSERT INTO parts VALUES (0, 0), (0, 1), (1, 0), (1, 1)", "INSERT INTO countries VALUES (1)", "INSERT INTO notes VALUES (1)",
	} {
		says(t, other, text, 0, "")
	}
	answers(t, other, "SELECT SUM(n) FROM orders", "36")
	answers(t, other, "SELECT COUNT(*) FROM orders o JOIN items i ON i.customer = o.customer", "3")
	for shard, want := range []string{"parts_0|parts_1", "parts_0|parts_1"} {
		physical := harness.Open(t, env.Shards[shard].Config(name))
		if got := strings.Join(rowsOf(t, physical, "SHOW TABLES LIKE 'parts%'"), "|"); got != want {
			t.Errorf("shard %d has %s", shard, got)
		}
		answers(t, physical, "SELECT COUNT(*) FROM parts_1 WHERE shop % 2 <> "+fmt.Sprint(shard)+" OR id % 2 <> 1", "0")
	}
	for text, want := range map[string][]string{
		"SHOW STORAGE UNITS":                                           {"ds_0|", "ds_1|"},
		"SHOW SHARDING TABLE RULES":                                    {"orders|ds_0.orders_0, ds_1.orders_1, ds_0.orders_2, ds_1.orders_3|customer|hash_mod||id|snowflake|", "items|", "parts|"},
		"SHOW SHARDING TABLE NODES items":                              {"items|ds_0.items_0, ds_1.items_1, ds_0.items_2, ds_1.items_3"},
		"SHOW SHARDING TABLE RULE parts":                               {"parts|ds_0.parts_0, ds_0.parts_1, ds_1.parts_0, ds_1.parts_1|shop,id|inline|expression: "},
		"SHOW SHARDING ALGORITHMS":                                     {"orders|hash_mod|", "items|", "parts|inline|"},
		"SHOW SHARDING KEY GENERATORS":                                 {"orders|id|snowflake|"},
		"SHOW SHARDING TABLE REFERENCE RULES":                          {"orders|orders,items"},
		"SHOW BROADCAST TABLE RULES":                                   {"countries"},
		"SHOW SINGLE TABLES":                                           {"notes|ds_1"},
		"SHOW DEFAULT SINGLE TABLE STORAGE UNIT":                       {"ds_0"},
		"SHOW RULES USED STORAGE UNIT ds_1":                            {"the sharding table rule orders", "the sharding table rule items", "the sharding table rule parts", "the broadcast table countries", "the single tables notes"},
		"SHOW READWRITE_SPLITTING RULES":                               nil,
		"SHOW STATUS FROM READWRITE_SPLITTING RULES":                   nil,
		"SHOW DEFAULT SHARDING STRATEGY":                               {"TABLE|NONE|", "DATABASE|NONE|"},
		"SHOW UNUSED SHARDING ALGORITHMS":                              nil,
		"SHOW COMPUTE NODES":                                           {"a|PROXY|127.0.0.1|", "b|PROXY|127.0.0.1|"},
		"PREVIEW SELECT n FROM orders WHERE customer = 1":              {"ds_"},
		"PREVIEW SELECT COUNT(*) FROM parts WHERE shop = 1 AND id = 1": {"ds_1|SELECT COUNT(*) FROM `parts_1` AS `parts` WHERE shop = 1 AND id = 1"},
	} {
		got := rowsOf(t, in, text)
		if len(got) != len(want) {
			t.Errorf("%s: %q, want %q", text, got, want)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", text, got, want)
			}
		}
	}
	lists(t, in, "SELECT name, kind, algorithm FROM heddle.tables WHERE db = '"+name+"' ORDER BY name",
		"countries|broadcast|NULL", "items|sharded|hash_mod", "notes|single|NULL", "orders|sharded|hash_mod", "parts|sharded|inline")
	history := rowsOf(t, in, "SELECT author, comment FROM heddle.rule_history WHERE db = '"+name+"' ORDER BY version DESC LIMIT 1")
	if len(history) != 1 || !strings.HasPrefix(history[0], "dba@") || !strings.HasSuffix(history[0], "|LOAD SINGLE TABLE ds_1.notes") {
		t.Errorf("the history: %q", history)
	}
	if doc := rowsOf(t, in, "EXPORT DATABASE CONFIGURATION"); len(doc) != 1 || !strings.Contains(doc[0], "  orders: {key: customer, algorithm: hash_mod,") {
		t.Errorf("the document: %q", doc)
	}
	t.Run("refused", func(t *testing.T) { refusedChanges(t, l, a, name) })
	t.Run("taken back", func(t *testing.T) {
		for _, text := range []string{
			"DROP SHARDING TABLE REFERENCE RULE orders", "LOAD SINGLE TABLE ds_0.extra", "UNLOAD SINGLE TABLE extra", "DROP SHARDING TABLE RULE IF EXISTS nothing",
			"CREATE SHARDING TABLE RULE empty (STORAGE_UNITS(ds_0,ds_1),SHARDING_COLUMN=id,TYPE(NAME=\"mod\",PROPERTIES(\"sharding-count\"=2)))",
			"CREATE TABLE empty (id INT PRIMARY KEY, n INT)", "ALTER SHARDING TABLE RULE empty (STORAGE_UNITS(ds_1,ds_0),SHARDING_COLUMN=id,TYPE(NAME=\"mod\",PROPERTIES(\"sharding-count\"=2)))",
		} {
			says(t, in, text, 0, "")
		}
		says(t, other, "SELECT COUNT(*) FROM notes", 0, "")
	})
}

// refusedChanges are what statements may not do, with the document as it was.
func refusedChanges(t *testing.T, l *lab, a *harness.Heddle, name string) {
	in := a.Open(t, "dba", "", name)
	before := rowsOf(t, in, "EXPORT DATABASE CONFIGURATION")
	for _, c := range []struct {
		text  string
		code  uint16
		words string
	}{
		{"CREATE SHARDING TABLE RULE orders (STORAGE_UNITS(ds_0),SHARDING_COLUMN=id,TYPE(NAME=mod,PROPERTIES('sharding-count'=1)))", 1105, "orders is there already"},
		{"ALTER SHARDING TABLE RULE orders (STORAGE_UNITS(ds_0,ds_1),SHARDING_COLUMN=id,TYPE(NAME=hash_mod,PROPERTIES('sharding-count'=4)))", 1105, "orders has rows on ds_"},
		{"ALTER SHARDING TABLE RULE parts (STORAGE_UNITS(ds_0,ds_1),SHARDING_COLUMN=id,TYPE(NAME=mod,PROPERTIES('sharding-count'=2)))", 1105, "parts has rows on ds_"},
		{"DROP SHARDING TABLE RULE parts", 1105, "parts has rows on ds_"},
		{"CREATE SHARDING TABLE RULE x (STORAGE_UNITS(ds_7),SHARDING_COLUMN=id,TYPE(NAME=mod,PROPERTIES('sharding-count'=2)))", 1105, "no storage unit ds_7"},
		{"CREATE SHARDING TABLE RULE x (STORAGE_UNITS(ds_0),SHARDING_COLUMN=id,TYPE(NAME=consistent_hash))", 1235, "automatic algorithm consistent_hash"},
		{"UNREGISTER STORAGE UNIT ds_1", 1105, "the storage unit ds_1 has tables, such as "},
		{"UNLOAD SINGLE TABLE notes", 1105, "notes has rows on ds_1 that would be looked for elsewhere"},
		{"PREVIEW INSERT INTO orders (customer) VALUES (1)", 1235, "EXPLAIN FORMAT=HEDDLE"},
		{"PREVIEW SELECT COUNT(*) FROM orders WHERE n IN (SELECT id FROM countries)", 0, ""},
		{"DROP SHARDING TABLE RULE orders", 1105, "in the reference rule orders"},
		{"SET DEFAULT SINGLE TABLE STORAGE UNIT = ds_1", 1105, "all tables that the rules do not name would be looked for elsewhere"},
		{"REGISTER STORAGE UNIT ds_9 (HOST=\"h\",PORT=1,DB=\"d\",USER=\"u\",PASSWORD=\"s3cret\")", 1105, "references, \"env:NAME\""},
		{"REGISTER STORAGE UNIT ds_9 (HOST=\"h\",PORT=1,DB=\"d\",USER=\"u\",PROPERTIES(\"x\"=1))", 1235, "the property x"},
		{"CREATE ENCRYPT RULE t (COLUMNS((NAME=a)))", 1235, "CREATE ENCRYPT RULE"},
		{"CREATE DEFAULT SHARDING TABLE STRATEGY (TYPE=\"standard\")", 1235, "CREATE DEFAULT SHARDING"},
		{"CONVERT YAML CONFIGURATION FROM FILE '/x.yaml'", 1235, "heddle rules import --from shardingsphere"},
		{"EXPORT DATABASE CONFIGURATION TO FILE '/tmp/x'", 1235, "TO FILE"},
		{"CREATE BROADCAST TABLE RULE a b", 1064, "found b at line 1 column 31\n  CREATE BROADCAST TABLE RULE a b\n                                ^"},
		{"SHOW STORAGE UNITS FROM nowhere", 1049, "nowhere"},
		{"LOAD SINGLE TABLE ds_0.orders", 1105, "declared twice"},
	} {
		says(t, in, c.text, c.code, c.words)
	}
	lists(t, in, "EXPORT DATABASE CONFIGURATION", before...)
	imports(t, l, a, name, before[0])
	for _, user := range []string{"root", "clerk"} {
		db := a.Open(t, user, "", l.database)
		says(t, db, "SHOW STORAGE UNITS", 1227, "admin")
		says(t, db, "CREATE BROADCAST TABLE RULE x", 1227, "admin")
		says(t, db, "EXPORT DATABASE CONFIGURATION", 1227, "admin")
	}
	if _, err := in.PrepareContext(t.Context(), "SHOW STORAGE UNITS"); err == nil || !strings.Contains(err.Error(), "1235") {
		t.Errorf("prepared: %v", err)
	}
}

// imports has the client send documents. The driver sends what is registered, and nothing in place of a file that is not.
func imports(t *testing.T, l *lab, a *harness.Heddle, name, document string) {
	in := a.Open(t, "dba", "", name)
	file := ""
	mysql.RegisterReaderHandler("rules", func() io.Reader { return strings.NewReader(file) })
	defer mysql.DeregisterReaderHandler("rules")
	const statement = "IMPORT DATABASE CONFIGURATION FROM FILE 'Reader::rules'"
	for _, c := range []struct {
		file  string
		code  uint16
		words string
	}{
		{document + "# imported\n", 0, ""},
		{document, 0, ""},
		{"", 1105, "the client has sent nothing"},
		{document + "no_such_key: 1\n", 1105, "no_such_key"},
		{"databaseName: shop\ndataSources: {}\n", 1105, "heddle rules import --from shardingsphere"},
		{strings.Replace(document, "database: "+name, "database: elsewhere", 1), 1105, "the file is of the database elsewhere"},
		{strings.ReplaceAll(document, "algorithm: hash_mod", "algorithm: mod"), 1105, " has rows on ds_"},
	} {
		file = c.file
		says(t, in, statement, c.code, c.words)
		lists(t, in, "EXPORT DATABASE CONFIGURATION", map[bool]string{true: c.file, false: document}[c.code == 0])
	}
	if _, err := in.ExecContext(t.Context(), "IMPORT DATABASE CONFIGURATION FROM FILE '/etc/passwd'"); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("a file that the client does not give: %v", err)
	}
	says(t, in, "SELECT 1 FROM orders LIMIT 1", 0, "")
	path := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(path, []byte(document+"# by the client\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(a.Config("", "", "").Addr)
	if err != nil {
		t.Fatal(err)
	}
	for option, words := range map[string]string{"--local-infile=1": "", "--local-infile=0": "1235"} {
		out, err := exec.CommandContext(t.Context(), "mariadb", "--no-defaults", "--ssl=0", option, "-h", host, "-P", port, "-u", "dba", name, "-e",
			"IMPORT DATABASE CONFIGURATION FROM FILE '"+path+"'").CombinedOutput()
		if (err == nil) != (words == "") || !strings.Contains(string(out), words) {
			t.Errorf("the mariadb client with %s: %v %s", option, err, out)
		}
	}
	lists(t, in, "EXPORT DATABASE CONFIGURATION", document+"# by the client\n")
	says(t, a.Open(t, "clerk", "", l.database), statement, 1227, "admin")
}

// TestDistSQLKeepsTheDocument changes a document that somebody has written, by two who do not know of each other.
func TestDistSQLKeepsTheDocument(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	l.administered()
	text := "# ours\n" + l.rules("  # the second\n  u: {key: id}   # here\n") + "# the end\n"
	l.apply(text)
	dba := l.start("a", "").Open(t, "dba", "", l.database)
	says(t, dba, "CREATE BROADCAST TABLE RULE kinds", 0, "")
	c, err := dba.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lists(t, dba, "EXPORT DATABASE CONFIGURATION", text+"broadcast: [kinds]\n")
	says(t, dba, "ALTER STORAGE UNIT "+strings.TrimSuffix(unit("ds_1", 1, l.database), ")")+`,PROPERTIES("maximumPoolSize"=7))`, 0, "")
	if doc := rowsOf(t, dba, "EXPORT DATABASE CONFIGURATION"); !strings.HasPrefix(doc[0], "# ours\n") || !strings.Contains(doc[0], "pool: {max: 7}") || !strings.Contains(doc[0], "# here\n") {
		t.Errorf("the document: %s", doc[0])
	}
	if n := notes(t, c, `ALTER SHARDING TABLE RULE u (STORAGE_UNITS(ds_0,ds_1),SHARDING_COLUMN=id,TYPE(NAME="hash_slot"),KEY_GENERATE_STRATEGY(COLUMN=id,TYPE(NAME="segment")))`); !strings.Contains(n, "comments on what has changed are gone; version 4 has them") {
		t.Errorf("notes: %s", n)
	}
	l.create(dba)
	stop := l.load(l.open(l.start("b", "")))
	errs := make(chan error, 2)
	for _, table := range []string{"x", "y"} {
		go func() {
			for i := range 5 {
				a, err := harness.Ask(t.Context(), dba, fmt.Sprintf("CREATE BROADCAST TABLE RULE %s%d", table, i))
				switch {
				case err == nil && a.Code == 1105 && strings.Contains(a.Message, "somebody was faster"), err == nil && a.Code == 0:
				case err == nil:
					err = errors.New(a.Message)
				}
				errs <- err
			}
		}()
	}
	for range 10 {
		if err := <-errs; err != nil && !strings.Contains(err.Error(), "under way") {
			t.Error(err)
		}
	}
	stop()
	h, err := l.admin.Rules.History(t.Context(), l.database)
	if err != nil || len(h.Moves) < 5 {
		t.Errorf("%d moves, %v", len(h.Moves), err)
	}
}
