package mesh

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// TestCreateAndDropDatabase does what the test runners of web frameworks do first and last, on two instances.
func TestCreateAndDropDatabase(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	name := "test_" + l.database
	t.Cleanup(func() { _ = dropSchema(name) })
	users := fmt.Sprintf("users: {root: {}, clerk: {databases: [%s]}}\n", l.database)
	if _, err := l.admin.Users.Apply(t.Context(), admin.Application{Name: layout.Mesh, Document: []byte(users), Author: "test", Base: admin.AnyBase}); err != nil {
		t.Fatal(err)
	}
	a, b := l.start("a", ""), l.start("b", "")
	one, other := l.open(a), l.open(b)
	says(t, one, "CREATE DATABASE "+name+" CHARACTER SET latin1", 0, "")
	says(t, other, "CREATE DATABASE "+name, 1007, "database exists")
	says(t, other, "CREATE DATABASE IF NOT EXISTS "+name, 0, "")

	inside := b.Open(t, "root", "", name)
	says(t, inside, "CREATE TABLE things (id INT PRIMARY KEY, name VARCHAR(20))", 0, "")
	says(t, inside, "INSERT INTO things VALUES (1, 'a'), (2, 'b')", 0, "")
	answers(t, one, "SELECT COUNT(*) FROM "+name+".things", "2")
	answers(t, one, "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '"+name+"'", "latin1")
	says(t, one, "ALTER DATABASE "+name+" CHARACTER SET utf8mb4", 0, "")
	answers(t, other, "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '"+name+"'", "utf8mb4")

	clerk := a.Open(t, "clerk", "", l.database)
	says(t, clerk, "CREATE DATABASE theirs", 1044, "")
	says(t, clerk, "DROP DATABASE "+name, 1044, "")
	says(t, one, "DROP DATABASE "+l.database, 1235, "written by hand: `heddle rules drop")

	says(t, other, "DROP DATABASE "+name, 0, "")
	says(t, one, "SELECT COUNT(*) FROM "+name+".things", 1146, "")
	says(t, one, "USE "+name, 1049, "")
	if code, out := command(t, l.endpoint, "/"+l.database, "rules", "status"); code != 0 || strings.Contains(out, name) || !strings.Contains(out, l.database) {
		t.Errorf("the status of a database that was dropped: %d\n%s", code, out)
	}
	if code, out := command(t, l.endpoint, "/"+l.database, "rules", "status", "-o", "json"); code != 0 || strings.Count(out, `"dropped": true`) != 1 {
		t.Errorf("the status of a database that was dropped: %d\n%s", code, out)
	}
	says(t, one, "DROP DATABASE "+name, 1008, "")
	says(t, one, "DROP DATABASE IF EXISTS "+name, 0, "")
	says(t, one, "CREATE DATABASE "+name, 0, "")
	says(t, other, "CREATE TABLE "+name+".things (id INT PRIMARY KEY)", 0, "")
	says(t, one, "DROP DATABASE "+name, 0, "")
}

// TestCreateDatabaseUndone leaves no document behind where the server refuses.
func TestCreateDatabaseUndone(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	name, foreign := "test_"+l.database, "foreign_"+l.database
	t.Cleanup(func() { _ = errors.Join(dropSchema(name), dropSchema(foreign)) })
	if err := env.Shards[0].CreateSchema(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	db := l.open(l.start("a", ""))
	says(t, db, "CREATE DATABASE "+name+" CHARACTER SET no_such_charset", 1115, "")
	says(t, db, "USE "+name, 1049, "")
	says(t, db, "CREATE DATABASE "+foreign, 1007, "") // of the server, and of no document
	says(t, db, "USE "+foreign, 1049, "")
	for _, gone := range []string{name, foreign} {
		if _, err := l.admin.Rules.Get(t.Context(), gone); !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("the document of %s: %v", gone, err)
		}
	}
	says(t, db, "ALTER DATABASE COLLATE utf8mb4_bin", 0, "")
	for _, s := range env.Shards {
		answers(t, harness.Open(t, s.Config("")), "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '"+l.database+"'", "utf8mb4_bin")
	}

	// A document that someone writes anew is theirs.
	says(t, db, "CREATE DATABASE "+name, 0, "")
	text := fmt.Sprintf("database: %s\ndata_sources: {ds_0: {address: \"%s\", user: root}}\n", name, env.Shards[0].Addr())
	res, err := l.admin.Rules.Apply(t.Context(), admin.Application{Name: name, Document: []byte(text), Author: "test", Base: admin.AnyBase})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the document is adopted", func() bool {
		all := l.status()
		return len(all) == 1 && all[0].Documents[name].Version == res.Pointer.Version
	})
	says(t, db, "DROP DATABASE "+name, 1235, "written by hand")
}

// TestCreateDatabaseWithFiles says where the documents are.
func TestCreateDatabaseWithFiles(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	h := env.Heddle(t, harness.HeddleOptions{Rules: []string{l.rules("")}, Users: "users: {root: {}}\n"})
	db := l.open(h)
	says(t, db, "CREATE DATABASE elsewhere", 1235, "rules-0.yaml")
	says(t, db, "DROP DATABASE "+l.database, 1235, "rules-0.yaml")
}

func dropSchema(name string) error {
	var errs []error
	for _, s := range env.Shards {
		db, err := sql.Open("mysql", s.Config("").FormatDSN())
		if err == nil {
			_, err = db.Exec("DROP DATABASE IF EXISTS " + name)
			err = errors.Join(err, db.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// says runs a statement and checks its error; 0: none.
func says(t *testing.T, db *sql.DB, text string, code uint16, words string) {
	t.Helper()
	a, err := harness.Ask(t.Context(), db, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if a.Code != code || !strings.Contains(a.Message, words) {
		t.Fatalf("%s: %d %s, want %d %s", text, a.Code, a.Message, code, words)
	}
}

// answers checks a statement's one value.
func answers(t *testing.T, db *sql.DB, text, want string) {
	t.Helper()
	a, err := harness.Ask(t.Context(), db, text)
	if err != nil || a.Code != 0 || len(a.Rows) != 1 || a.Rows[0][0] != want {
		t.Errorf("%s: %v, %+v, want %s", text, err, a, want)
	}
}
