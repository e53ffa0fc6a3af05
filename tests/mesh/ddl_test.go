package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// What one instance changes, the others read anew: a row without column list goes by the columns as they are now.
func TestDDLIsSeenByOthers(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	a, b := l.open(l.start("a", "")), l.open(l.start("b", ""))
	l.create(a)
	exec := func(query string) {
		t.Helper()
		if _, err := b.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO t VALUES (1, 1)")
	if _, err := a.ExecContext(t.Context(), "ALTER TABLE t ADD COLUMN f INT FIRST"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the other instance knows the new column", func() bool {
		_, err := b.ExecContext(t.Context(), "INSERT INTO t VALUES (1, 2, 3)") // named columns that it does not know it leaves to the server
		return err == nil
	})
	for id := 100; id < 120; id++ {
		exec("INSERT INTO t VALUES (7, " + strconv.Itoa(id) + ", 1)")
		var n int
		if err := b.QueryRowContext(t.Context(), "SELECT n FROM t WHERE id = "+strconv.Itoa(id)).Scan(&n); err != nil {
			t.Fatalf("row %d is not where its key says: %v", id, err)
		}
	}
}

// The commands, with the journal in etcd.
func TestDDLCommands(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("a", ""))
	l.create(db)
	zero := harness.Open(t, env.Shards[0].Config(l.database))
	one := harness.Open(t, env.Shards[1].Config(l.database))
	ddl := func(code int, says string, args ...string) string {
		t.Helper()
		got, out := command(t, l.endpoint, "/"+l.database, append([]string{"ddl"}, args...)...)
		if got != code || !strings.Contains(out, says) {
			t.Errorf("heddle ddl %s: exit code %d, want %d and %q\n%s", strings.Join(args, " "), got, code, says, out)
		}
		return out
	}
	// One shard refuses the change: it has a row that does not fit.
	for id := 1; id <= 20; id++ {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (?, ?)", id, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.ExecContext(t.Context(), "UPDATE t SET n = 100000"); err != nil {
		t.Fatal(err)
	}
	_, err := db.ExecContext(t.Context(), "ALTER TABLE t MODIFY n SMALLINT COMMENT 'grüße'")
	if err == nil || !strings.Contains(err.Error(), "done on ds_0; failed on ds_1") || !strings.Contains(err.Error(), "heddle ddl resume ") {
		t.Fatalf("DDL that one shard refuses: %v", err)
	}
	var entries []struct {
		journal.Entry
		State string
	}
	if err := json.Unmarshal([]byte(ddl(0, "", "list", "-o", "json")), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].State != journal.StateUnfinished || entries[0].Targets[1].Code != 1264 || entries[0].Account != "root@%" {
		t.Fatalf("the journal: %+v", entries)
	}
	id := entries[0].ID
	ddl(0, "1264 (22003)", "show", id[:len(id)-2])
	ddl(4, "Out of range", "resume", id)
	ddl(1, "no such entry", "show", "nope")
	if _, err := one.ExecContext(t.Context(), "UPDATE t SET n = 1"); err != nil {
		t.Fatal(err)
	}
	ddl(0, "would be run", "resume", "--dry-run", id)
	ddl(0, id+" is done", "resume", id)
	ddl(0, "MODIFY n SMALLINT", "list", "--all")
	var name, definition, other string
	if err := zero.QueryRowContext(t.Context(), "SHOW CREATE TABLE t").Scan(&name, &definition); err != nil {
		t.Fatal(err)
	}
	if err := one.QueryRowContext(t.Context(), "SHOW CREATE TABLE t").Scan(&name, &other); err != nil || definition != other || !strings.Contains(other, "grüße") {
		t.Errorf("the shards differ (%v):\n%s\n%s", err, definition, other)
	}
}

// What was done meanwhile by hand is found, what was changed otherwise is left alone, and what a later statement changed too.
func TestDDLResumeLooksFirst(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("a", ""))
	l.create(db)
	one := harness.Open(t, env.Shards[1].Config(l.database))
	on1 := func(query string) {
		t.Helper()
		if _, err := one.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	resume := func(code int, says ...string) {
		t.Helper()
		var force []string
		if last := len(says) - 1; says[last] == "--force" {
			force, says = says[last:], says[:last]
		}
		j := journal.InStore(l.store, "test", time.Now)
		e, err := j.Unfinished(t.Context(), journal.Name{Database: l.database, Table: "t"})
		if err != nil || e == nil {
			t.Fatalf("nothing is unfinished: %v", err)
		}
		id := e.ID
		got, out := command(t, l.endpoint, "/"+l.database, append([]string{"ddl", "resume", id}, force...)...)
		for _, s := range append(says, id) {
			if got != code || !strings.Contains(out, s) {
				t.Errorf("resume: exit code %d, want %d and %q\n%s", got, code, s, out)
			}
		}
	}
	partial := func(query string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); err == nil || !strings.Contains(err.Error(), "heddle ddl resume") {
			t.Fatalf("%s: %v", query, err)
		}
	}
	on1("ALTER TABLE t ADD COLUMN a INT")
	partial("ALTER TABLE t ADD COLUMN a INT")
	resume(0, "it had the change before the statement", "is done")

	on1("ALTER TABLE t ADD COLUMN b INT")
	partial("ALTER TABLE t ADD COLUMN b INT")
	on1("ALTER TABLE t MODIFY b INT COMMENT 'other'")
	resume(4, "somebody has changed it otherwise")
	on1("ALTER TABLE t DROP COLUMN b")
	resume(4, "somebody has changed it otherwise")
	resume(0, "is done", "--force")

	on1("ALTER TABLE t DROP COLUMN a")
	partial("ALTER TABLE t DROP COLUMN a")
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE t ADD COLUMN z INT"); err == nil || !strings.Contains(err.Error(), "Earlier DDL on table "+l.database+".t is not done on every shard") {
		t.Errorf("DDL after unfinished DDL: %v", err)
	}
	// DDL that was under way before the other was unfinished is not refused.
	j := journal.InStore(l.store, "test", time.Now)
	later := j.New()
	later.Database, later.Tables, later.Texts = l.database, []journal.Name{{Database: l.database, Table: "t"}}, []journal.Text{"ALTER TABLE t ADD COLUMN z INT"}
	later.Targets = []journal.Target{{DataSource: "ds_0", Schema: l.database, Tables: later.Tables, Outcome: journal.Outcome{Status: journal.Done}}}
	if err := errors.Join(j.Begin(t.Context(), later), j.End(t.Context(), later.ID, nil)); err != nil {
		t.Fatal(err)
	}
	resume(4, "has changed the table since")
}

// Without its journal DDL over several shards is refused, before it is run anywhere; what is on one shard is not.
func TestDDLWithoutStore(t *testing.T) {
	etcd := newEtcd(t)
	l := newLab(t, etcd.now.Endpoint())
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	db := l.open(l.start("a", "", "admin.address", addr))
	l.create(db)
	etcd.stop()
	eventually(t, 20*time.Second, "/readyz tells that etcd is away", func() bool {
		answer, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == 200 && strings.Contains(string(text), "etcd is away for ")
	})
	says(t, db, "CREATE DATABASE other_"+l.database, 1105, "The rules cannot be reached, so nothing was run")
	_, err = db.ExecContext(t.Context(), "ALTER TABLE t ADD COLUMN w INT")
	if err == nil || !strings.Contains(err.Error(), "The DDL journal cannot be written, so nothing was run") {
		t.Errorf("DDL without a journal: %v", err)
	}
	for i := range env.Shards {
		var n int
		shard := harness.Open(t, env.Shards[i].Config(""))
		err := shard.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND COLUMN_NAME = 'w'", l.database).Scan(&n)
		if err != nil || n != 0 {
			t.Errorf("shard %d has the column: %v", i, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, query := range []string{"CREATE TABLE alone (id INT)", "CREATE TEMPORARY TABLE passing (id INT)", "INSERT INTO t (id, n) VALUES (1, 1), (2, 2), (3, 3)"} {
		if _, err := c.ExecContext(ctx, query); err != nil {
			t.Errorf("%s while the store is away: %v", query, err)
		}
	}
}
