package fault

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// command runs heddle with an instance's configuration.
func command(t *testing.T, h *harness.Heddle, args ...string) (code int, out string) {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), binary, append(args, "--config", filepath.Join(h.Dir, "heddle.yaml"))...)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err = cmd.Run()
	var exit *osexec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), both.String()
}

// says runs a command and wants its exit code and texts.
func says(t *testing.T, h *harness.Heddle, code int, texts []string, args ...string) string {
	t.Helper()
	got, out := command(t, h, args...)
	if got != code {
		t.Errorf("heddle %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("heddle %s does not say %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
	return out
}

// block keeps DDL of the accounts waiting on shard 1, until release.
func block(t *testing.T) (release func()) {
	t.Helper()
	c := conn(t, harness.Open(t, env.Shards[1].Config("shop")))
	exec(t, c, "BEGIN")
	exec(t, c, "SELECT COUNT(*) FROM accounts")
	return func() { exec(t, c, "ROLLBACK") }
}

// waiting waits until DDL waits on shard 1 and is done on shard 0.
func waiting(t *testing.T, column string) {
	t.Helper()
	one := harness.Open(t, env.Shards[1].Config(""))
	zero := harness.Open(t, env.Shards[0].Config(""))
	eventually(t, "DDL done on one shard and waiting on the other", func() bool {
		return count(t, one, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock%' AND INFO LIKE '%"+column+"%'") == 1 &&
			has(t, zero, column)
	})
}

func has(t *testing.T, db *sql.DB, column string) bool {
	t.Helper()
	return count(t, db, "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND COLUMN_NAME = '"+column+"'") == 1
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

var entryID = regexp.MustCompile(`\d{8}-\d{6}\.\d{3}-[a-z0-9]{4}`)

// onlyEntry is the id of the one unfinished entry.
func onlyEntry(t *testing.T, h *harness.Heddle) string {
	t.Helper()
	out := says(t, h, 0, nil, "ddl", "list")
	ids := entryID.FindAllString(out, -1)
	if len(ids) != 1 {
		t.Fatalf("the list names %v:\n%s", ids, out)
	}
	return ids[0]
}

// A shard is killed while it alters the table, which the other has done: the client is told, with the way to finish it,
// and that way leads there.
func TestShardKilledInDDL(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	left := func(state string, n int) {
		t.Helper()
		name := fmt.Sprintf("heddle_ddl_unfinished{state=%q}", state)
		eventually(t, fmt.Sprint(name, " is ", n), func() bool { return metric(t, admin, name) == float64(n) })
	}
	block(t)
	ended := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN w INT NOT NULL DEFAULT 7")
		ended <- err
	}()
	waiting(t, "w")
	left("running", 1)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	err = <-ended
	if err == nil || !strings.Contains(err.Error(), "done on ds_0; failed on ds_1") {
		t.Fatalf("DDL on a shard that dies: %v", err)
	}
	id := onlyEntry(t, h)
	left("unfinished", 1)
	left("running", 0)
	if age := metric(t, admin, `heddle_ddl_unfinished_age_seconds{state="unfinished"}`); age <= 0 {
		t.Errorf("the entry is %v seconds old", age)
	}
	if !strings.Contains(err.Error(), "heddle ddl resume "+id) {
		t.Errorf("%v does not say how to finish it", err)
	}
	says(t, h, 0, []string{"unfinished", "done", "unknown", "Lost connection"}, "ddl", "show", id)
	says(t, h, 4, []string{"the server does not answer", "not done on every shard: ds_1"}, "ddl", "resume", id)
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "SELECT * FROM accounts ORDER BY id")
	if err == nil || !strings.Contains(err.Error(), "accounts") || !strings.Contains(err.Error(), "ds_1") || !strings.Contains(err.Error(), id) {
		t.Errorf("a query of a table that is altered on one of two shards: %v", err)
	}
	for _, text := range []string{"ALTER TABLE accounts ADD COLUMN later INT", "CREATE INDEX later ON accounts (v)", "TRUNCATE accounts"} {
		if _, err = db.ExecContext(t.Context(), text); code(err) != 1105 || !strings.Contains(err.Error(), "heddle ddl resume "+id) || !strings.Contains(err.Error(), "heddle ddl forget "+id) {
			t.Errorf("%s while earlier DDL is unfinished: %v", text, err)
		}
	}
	exec(t, db, "CREATE TABLE IF NOT EXISTS others (id INT PRIMARY KEY)")
	says(t, h, 0, []string{"would be run", "it is as before the statement", "unfinished"}, "ddl", "resume", "--dry-run", id)
	says(t, h, 0, []string{"run", id + " is done"}, "ddl", "resume", id)
	says(t, h, 0, []string{"nothing is left to do"}, "ddl", "resume", id)
	says(t, h, 0, []string{"nothing is unfinished"}, "ddl", "list")
	left("unfinished", 0)
	if n := count(t, db, "SELECT SUM(w) FROM accounts"); n != 280 {
		t.Errorf("the new column sums to %d, want 280", n)
	}
}

// DDL that one shard refuses keeps the table from other DDL until it is settled; a table that is dropped has nothing to settle.
func TestDropSettlesUnfinished(t *testing.T) {
	h, db := startHeddle(t, addrs()...)
	exec(t, harness.Open(t, env.Shards[1].Config("shop")), "ALTER TABLE accounts ADD COLUMN w INT")
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN w INT"); err == nil || !strings.Contains(err.Error(), "failed on ds_1") {
		t.Fatal(err)
	}
	id := onlyEntry(t, h)
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN u INT"); err == nil || !strings.Contains(err.Error(), id) {
		t.Errorf("DDL after unfinished DDL: %v", err)
	}
	exec(t, db, "DROP TABLE accounts")
	says(t, h, 0, []string{"nothing is unfinished"}, "ddl", "list")
	says(t, h, 0, []string{"settled", "its table was dropped by"}, "ddl", "show", id)
	exec(t, db, "CREATE TABLE accounts (id BIGINT PRIMARY KEY, v INT NOT NULL)")
}

// The proxy is killed between two shards. The server goes on with what it was sent; nobody resumes meanwhile, and
// afterwards the look finds that it is done.
func TestProxyKilledInDDL(t *testing.T) {
	h, db := startHeddle(t, addrs()...)
	release := block(t)
	ended := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN w INT, ADD INDEX (w)")
		ended <- err
	}()
	waiting(t, "w")
	if err := h.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the client of a dead proxy is told that all is well")
	}
	id := onlyEntry(t, h)
	// The server's own ALTER is at work, unless the server has looked meanwhile whether its client is still there, and ended
	// it: then the resumed one waits for the table, within its bound.
	if code, out := command(t, h, "ddl", "resume", id); code != 2 && code != 4 {
		t.Errorf("resume beside a server that may still be at work: exit code %d\n%s", code, out)
	}
	release()
	one := harness.Open(t, env.Shards[1].Config(""))
	var out string
	eventually(t, "the orphaned connection to end", func() bool {
		var code int
		code, out = command(t, h, "ddl", "resume", id)
		return code != 2
	})
	if !strings.Contains(out, id+" is done") || !has(t, one, "w") {
		t.Errorf("resume:\n%s", out)
	}
	if n := count(t, one, "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop' AND COLUMN_NAME = 'w'"); n != 1 {
		t.Errorf("%d indexes on the new column, want 1", n)
	}
}

// TRUNCATE leaves nothing to look at: where it cannot be told whether it was done, it is not done again by itself.
func TestUncertainTruncate(t *testing.T) {
	h, db := startHeddle(t, addrs()...)
	release := block(t)
	ended := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "TRUNCATE TABLE accounts")
		ended <- err
	}()
	one := harness.Open(t, env.Shards[1].Config(""))
	eventually(t, "TRUNCATE waits", func() bool {
		return count(t, one, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE '%metadata lock%' AND INFO LIKE 'TRUNCATE%'") == 1
	})
	if err := h.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	id := onlyEntry(t, h)
	release()
	// A server that looks whether the client of a waiting statement is still there ends it; otherwise it is done now.
	eventually(t, "the orphaned TRUNCATE to end", func() bool {
		return count(t, one, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'TRUNCATE%'") == 0
	})
	left := count(t, one, "SELECT COUNT(*) FROM shop.accounts")
	exec(t, one, "INSERT INTO shop.accounts VALUES (1001, 1)")
	var out string
	eventually(t, "the orphaned connection to end", func() bool {
		var code int
		code, out = command(t, h, "ddl", "resume", id)
		return code == 4
	})
	if !strings.Contains(out, "it cannot be told whether it was done") {
		t.Errorf("resume:\n%s", out)
	}
	if n := count(t, one, "SELECT COUNT(*) FROM shop.accounts"); n != left+1 {
		t.Errorf("%d rows, want %d: those written after the TRUNCATE are gone", n, left+1)
	}
	says(t, h, 0, []string{"is settled"}, "ddl", "forget", id, "--comment", "looked at it")
	says(t, h, 0, []string{"settled", "looked at it"}, "ddl", "show", id)
	says(t, h, 0, []string{"nothing is unfinished"}, "ddl", "list")
	says(t, h, 0, []string{id, "settled"}, "ddl", "list", "--all")
}

// A shard that does not answer is noticed before anything is run.
func TestDDLWithShardDown(t *testing.T) {
	h, db := startHeddle(t, addrs()...)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN w INT"); code(err) == 0 {
		t.Errorf("DDL on a dead shard: %v", err)
	}
	if has(t, harness.Open(t, env.Shards[0].Config("")), "w") {
		t.Error("the living shard has the change")
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	says(t, h, 0, []string{"nothing is unfinished"}, "ddl", "list")
}

// An entry of the journal that cannot be read, after a disk has lost it, is named and can be forgotten; other DDL goes on.
func TestDamagedEntry(t *testing.T) {
	h, db := startHeddle(t, addrs()...)
	release := block(t)
	ended := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN w INT")
		ended <- err
	}()
	waiting(t, "w")
	id := onlyEntry(t, h)
	if err := os.WriteFile(filepath.Join(h.Dir, "state", "ddl", id), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-ended; err != nil { // it is done, on both shards; a warning says that the journal does not know
		t.Errorf("DDL whose outcome the journal cannot take: %v", err)
	}
	exec(t, db, "CREATE TABLE IF NOT EXISTS others (id INT PRIMARY KEY)")
	exec(t, db, "ALTER TABLE accounts ADD COLUMN u INT")
	says(t, h, 0, []string{id, "damaged", "heddle ddl forget"}, "ddl", "list")
	says(t, h, 1, []string{"damaged", "heddle ddl forget " + id}, "ddl", "resume", id)
	says(t, h, 0, []string{id + " is settled"}, "ddl", "forget", id)
	says(t, h, 0, []string{"nothing is unfinished"}, "ddl", "list")
}

// TestDDLUnderOwnLocks: what the journal notes of a table that the session itself has locked is read without waiting for it.
func TestDDLUnderOwnLocks(t *testing.T) {
	_, db := startHeddle(t, env.Shards[0].Addr(), env.Shards[1].Addr())
	c := conn(t, db)
	for _, autocommit := range []string{"1", "0"} {
		exec(t, c, "SET autocommit = "+autocommit+", sql_mode = 'ANSI'")
		exec(t, c, "LOCK TABLES accounts WRITE")
		for _, ddl := range []string{"ALTER TABLE accounts ADD IF NOT EXISTS extra INT", "ALTER TABLE accounts DROP IF EXISTS extra", "TRUNCATE accounts"} {
			const wait = 1900 * time.Millisecond // for a lock it is 2 s, each time; what a busy machine takes is not
			took := wait
			for tries := 0; took >= wait && tries < 4; tries++ {
				exec(t, c, "OPTIMIZE TABLE accounts") // which leaves a server's lock so strong that nobody else may look
				began := time.Now()
				exec(t, c, ddl)
				took = time.Since(began)
			}
			if took >= wait {
				t.Errorf("autocommit = %s, %s took %v", autocommit, ddl, took)
			}
		}
		exec(t, c, "INSERT INTO accounts (id, v) VALUES (1, 1), (2, 1), (3, 1)")
		var n, committing int
		var mode string
		if err := c.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM accounts").Scan(&n); err != nil || n != 3 {
			t.Errorf("%d rows, %v", n, err)
		}
		exec(t, c, "COMMIT")
		exec(t, c, "UNLOCK TABLES")
		if err := c.QueryRowContext(t.Context(), "SELECT @@autocommit, @@sql_mode").Scan(&committing, &mode); err != nil ||
			(autocommit == "1") != (committing == 1) || !strings.Contains(mode, "ANSI_QUOTES") {
			t.Errorf("autocommit = %d, sql_mode = %s, %v", committing, mode, err)
		}
		exec(t, c, "TRUNCATE accounts")
	}
}
