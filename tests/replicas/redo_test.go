package replicas

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// loses has an owner commit the statements over both data sources, home's first, and die when it is decided; and the other data source fail over to a
// replica that has nothing of it. The process that is returned has found the new primary.
func (p *pairOf) loses(t *testing.T, statements ...string) *harness.Heddle {
	t.Helper()
	p.options.Rules[0] = strings.Replace(p.options.Rules[0], "notes: {key: id}\n", "notes: {key: id}\n  texts: {key: id}\nsingle: {ds_1: [lines]}\n", 1)
	h := env.Heddle(t, p.options)
	p.fill(t, h)
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE texts (id INT PRIMARY KEY, at TIMESTAMP(6) NULL, t VARCHAR(60))",
		"CREATE TABLE `lines` (id INT AUTO_INCREMENT PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), t VARCHAR(60))")
	caughtUp(t, p.other, 1, 0)
	run(t, p.other, 1, p.other.Words.StopFetching)
	options := p.options
	options.Env = []string{"FAILPOINTS=deliver.before=kill"}
	owner, err := env.StartHeddle(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	cfg := owner.Config("root", "", "shop")
	cfg.ClientFoundRows = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "BEGIN", "UPDATE notes SET n = n + 1 WHERE id = "+p.atHome)
	for _, statement := range statements {
		text, args := strings.ReplaceAll(statement, "$id", p.id), []any(nil)
		if before, after, bound := strings.Cut(text, " -- with "); bound {
			text, args = before, []any{after}
		}
		wanted := !strings.HasPrefix(text, "fails: ")
		if _, err := conn.ExecContext(t.Context(), strings.TrimPrefix(text, "fails: "), args...); (err == nil) != wanted {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err == nil {
		t.Error("the owner lives")
	}
	<-owner.Done()
	failOver(t, p.other)
	eventually(t, "the new primary is found", func() bool { return strings.Contains(h.Log(), "the primary is another") })
	return h
}

// others are all rows of the other data source, on one of its servers.
func (p *pairOf) others(t *testing.T, server int) string {
	t.Helper()
	found, err := p.other.Value(t.Context(), server, "SELECT CONCAT_WS(' | ', (SELECT GROUP_CONCAT(id, ':', n ORDER BY id) FROM shop.notes), "+
		"(SELECT GROUP_CONCAT(id, ':', HEX(t), ':', IFNULL(at, '-') ORDER BY id) FROM shop.texts), (SELECT COUNT(*) FROM heddle_mesh.txn_mark WHERE gtrid <> '-'))")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRedo: what a branch did that a failover has lost is run again once, as it ran: under its session's settings, with its parameters, times, ids and user
// variables, and without what was undone or had failed.
func TestRedo(t *testing.T) {
	p := twoSources(t, 0, 1)
	h := p.loses(t,
		"SET NAMES latin1", "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'", "SET time_zone = '+05:30'", "SET @add = 40", "SET timestamp = 86400.25",
		"UPDATE \"notes\" SET n = n + @add WHERE id = $id",
		"SAVEPOINT s", "UPDATE notes SET n = 0 WHERE id = $id", "ROLLBACK TO s",
		"INSERT INTO texts VALUES ($id, NOW(6), 'a\\' || '\xe9')",
		"fails: INSERT INTO texts VALUES ($id, NULL, 'b')",
		"SET timestamp = DEFAULT", "SET sql_mode = DEFAULT",
		"UPDATE notes SET n = n + ? WHERE id = $id -- with 36", "UPDATE notes SET n = n WHERE id = $id",
		"INSERT INTO `lines` (t) VALUES ('x'), ('y')", "UPDATE `lines` SET t = LAST_INSERT_ID() WHERE id = LAST_INSERT_ID()",
	)
	run(t, p.other, 1, "INSERT INTO shop.`lines` (id) VALUES (9)", "DELETE FROM shop.`lines`") // ids that the new primary gives are others
	gtrid := only(t, h)
	before := p.others(t, 1)
	if out := says(t, h, 0, "txn", "resolve", gtrid, "--commit", "--redo", "--yes", "--author", "ops"); !strings.Contains(out, "committed, run again") ||
		!strings.Contains(out, `"redo": true`) || !strings.Contains(out, `"by": "ops"`) {
		t.Errorf("run again: %s", out)
	}
	if got := p.rows(t); got != "2 77" {
		t.Errorf("the rows are %s", got)
	}
	want := p.id + ":615CC3A9:1970-01-02 00:00:00.250000"
	if got, err := p.other.Value(t.Context(), 1, "SELECT CONCAT(id, ':', HEX(CONVERT(t USING utf8mb4)), ':', CONVERT_TZ(at, @@time_zone, '+00:00')) FROM shop.texts"); err != nil || got != want {
		t.Errorf("the text is %s, want %s, %v", got, want, err)
	}
	if got, err := p.other.Value(t.Context(), 1, "SELECT GROUP_CONCAT(id, ':', t ORDER BY id) FROM shop.`lines` WHERE at > '2020-01-01'"); err != nil || got != "1:1,2:y" {
		t.Errorf("the lines are %s, %v", got, err)
	}
	after := p.others(t, 1)
	if before == after {
		t.Errorf("nothing has changed: %s", after)
	}
	if out := says(t, h, 2, "txn", "resolve", gtrid, "--commit", "--redo", "--yes"); !strings.Contains(out, "no branch of it is lost") {
		t.Errorf("a second time: %s", out)
	}
	if out := says(t, h, 0, "txn", "list"); !strings.Contains(out, "nothing is unfinished") {
		t.Errorf("listed: %s", out)
	}
	if got := p.others(t, 1); got != after {
		t.Errorf("a second time: %s, before it %s", got, after)
	}
}

// TestRedoIsRefused: what cannot be run again as it ran is not, and nothing of it is left, nor of a command that is killed in the middle; when nothing is in
// the way any more it is done once, by one of two at once.
func TestRedoIsRefused(t *testing.T) {
	p := twoSources(t, 0, 1)
	h := p.loses(t, "INSERT INTO texts VALUES ($id, NULL, 'a')", "UPDATE notes SET n = n + 1 WHERE id = $id AND n = 1")
	gtrid, db := only(t, h), h.Open(t, "root", "", "shop")
	refused := func(what string, words ...string) {
		t.Helper()
		before := p.others(t, 1)
		out := says(t, h, 2, "txn", "resolve", gtrid, "--commit", "--redo", "--yes")
		_, err := db.ExecContext(t.Context(), "RESOLVE TRANSACTION '"+gtrid+"' COMMIT REDO")
		for _, word := range append(words, "nothing of it is done") {
			if !strings.Contains(out, word) || code(err) != 1105 || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %s\n%v\nwant %q", what, out, err, word)
			}
		}
		if got := p.others(t, 1); got != before {
			t.Errorf("%s: %s is left, before it was %s", what, got, before)
		}
	}
	run(t, p.other, 1, "UPDATE shop.notes SET n = 5 WHERE id = "+p.id)
	refused("a row has changed", "ds_1: statement 2 of 2: it has changed 0 rows, and not 1 as before: UPDATE notes")
	run(t, p.other, 1, "UPDATE shop.notes SET n = 1 WHERE id = "+p.id)
	run(t, p.other, 1, "INSERT INTO shop.texts VALUES ("+p.id+", NULL, 'a')")
	refused("a key is taken", "ds_1: statement 1 of 2: ", "Duplicate entry", ": INSERT INTO texts")
	run(t, p.other, 1, "DELETE FROM shop.texts")

	// The branch's mark belongs to somebody who has not ended.
	holder := mysqlAt(t, p.other, 1)
	mark := fmt.Sprintf("INSERT INTO heddle_mesh.txn_mark (gtrid, branch) SELECT gtrid, parts FROM (SELECT '%s' gtrid, '%s' parts) d", gtrid, p.parts(t, gtrid))
	exec(t, holder, "BEGIN", mark)
	if out := says(t, h, 2, "txn", "resolve", gtrid, "--commit", "--redo", "--yes"); !strings.Contains(out, "ZOMBIE") {
		t.Errorf("somebody has the mark: %s", out)
	}
	exec(t, holder, "ROLLBACK")

	before := p.others(t, 1)
	t.Setenv("FAILPOINTS", "redo.commit.before=kill")
	says(t, h, -1, "txn", "resolve", gtrid, "--commit", "--redo", "--yes")
	t.Setenv("FAILPOINTS", "")
	if got := p.others(t, 1); got != before {
		t.Errorf("killed before its COMMIT: %s is left, before it was %s", got, before)
	}

	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 2 {
		all.Go(func() {
			_, err := db.ExecContext(context.WithoutCancel(t.Context()), "RESOLVE TRANSACTION '"+gtrid+"' COMMIT REDO")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if code(err) != 1105 {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := p.rows(t); done != 1 || got != "2 2" {
		t.Errorf("two at once: %d have done it, and the rows are %s", done, got)
	}
}

// parts are the logs of a transaction's branches.
func (p *pairOf) parts(t *testing.T, gtrid string) string {
	t.Helper()
	parts, err := p.home.Value(t.Context(), 0, "SELECT parts FROM heddle_mesh.txn_decision WHERE gtrid = '"+gtrid+"'")
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// mysqlAt is a connection to a server itself.
func mysqlAt(t *testing.T, c *harness.Replicated, server int) *sql.Conn {
	t.Helper()
	db, err := sql.Open("mysql", c.Servers[server].Config("").FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestRedoOfUnsafe: a statement that would do something else each time is not run again, and is shown so.
func TestRedoOfUnsafe(t *testing.T) {
	p := twoSources(t, 0, 1)
	h := p.loses(t, "INSERT INTO texts VALUES ($id, NULL, 'a')", "UPDATE texts SET t = UUID() WHERE id = $id")
	gtrid, before := only(t, h), p.others(t, 1)
	if out := says(t, h, 0, "txn", "show", gtrid); !strings.Contains(out, "(1 rows changed; it cannot be run again: it uses UUID())") {
		t.Errorf("shown is %s", out)
	}
	if out := says(t, h, 2, "txn", "resolve", gtrid, "--commit", "--redo", "--yes"); !strings.Contains(out, "ds_1: statement 2 of 2: it uses UUID(): UPDATE texts") {
		t.Errorf("run again: %s", out)
	}
	if got := p.others(t, 1); got != before {
		t.Errorf("%s is left, before it was %s", got, before)
	}
}
