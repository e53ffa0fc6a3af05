package fault

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// answerTo is what a statement is answered with: its rows, or the number and text of its error.
func answerTo(ctx context.Context, c harness.Asker, statement string) string {
	a, err := harness.Ask(ctx, c, statement)
	if err != nil {
		return err.Error()
	}
	if a.Code != 0 {
		return fmt.Sprint(a.Code, " ", a.Message)
	}
	var b strings.Builder
	for _, row := range a.Rows {
		if row[0] == "26724" { // on a server, a branch of Heddle's
			continue
		}
		for _, cell := range row {
			fmt.Fprint(&b, cell, "\t")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// xaScripts are statements on one connection, each of which one server and Heddle answer alike.
var xaScripts = []string{
	`XA START 'a'; INSERT INTO accounts VALUES (101, 1), (102, 1), (103, 1), (104, 1); SAVEPOINT s; UPDATE accounts SET v = 5; ROLLBACK TO s; XA START 'a'; XA START 'b'; BEGIN; COMMIT;
	ROLLBACK; CREATE TABLE x (i INT); LOCK TABLES accounts READ; XA PREPARE 'a'; XA COMMIT 'a'; XA ROLLBACK 'a'; XA COMMIT 'b'; XA END 'b'; SELECT SUM(v) FROM accounts;
	XA END 'a'; XA END 'a'; SELECT SUM(v) FROM accounts; SELECT 1; SET @a = 1; BEGIN; COMMIT; XA COMMIT 'a'; XA START 'b'; XA PREPARE 'b'; XA PREPARE 'a'; XA PREPARE 'a'; XA RECOVER;
	SELECT SUM(v) FROM accounts; SELECT 2; BEGIN; XA COMMIT 'a' ONE PHASE; XA START 'a'; XA COMMIT 'b'; XA ROLLBACK 'b'; XA COMMIT 'a'; XA COMMIT 'a'; XA ROLLBACK 'a'; XA RECOVER; SELECT SUM(v) FROM accounts`,
	`XA START 'a'; UPDATE accounts SET v = v + 1; XA END 'a'; XA START 'b' RESUME; XA START 'a' RESUME; UPDATE accounts SET v = v + 1 WHERE id = 1; XA END 'a'; XA ROLLBACK 'a'; SELECT SUM(v) FROM accounts`,
	`XA START 'a'; UPDATE accounts SET v = v + 1; XA END 'a'; XA COMMIT 'a' ONE PHASE; SELECT SUM(v) FROM accounts; XA START 'a'; UPDATE accounts SET v = v + 1 WHERE id = 3; XA END 'a'; XA COMMIT 'a' ONE PHASE;
	XA START 'a'; XA END 'a'; XA COMMIT 'a' ONE PHASE; SELECT SUM(v) FROM accounts`,
	`XA START 'g', 'b', 7; UPDATE accounts SET v = v + 1; XA END 'g', 'b'; XA PREPARE 'g', 'b', 3; XA RECOVER; XA RECOVER FORMAT='SQL'; XA RECOVER FORMAT = 'RAW'; XA ROLLBACK 'g'; XA ROLLBACK 'g', 'b', 9; SELECT SUM(v) FROM accounts`,
	`XA BEGIN X'6162', 0x00ff, 5; UPDATE accounts SET v = v + 1; XA END 'ab', X'00ff'; XA PREPARE 'ab', X'00FF'; XA RECOVER FORMAT='SQL'; XA COMMIT 'ab', X'00ff'; XA RECOVER; SELECT SUM(v) FROM accounts`,
	`XA START 'only'; UPDATE accounts SET v = v + 1; XA END 'only'; XA PREPARE 'only'; XA RECOVER FORMAT='SQL'; XA ROLLBACK 'only'`,
	`XA END 'a'; XA PREPARE 'a'; XA COMMIT 'a'; XA ROLLBACK 'a'; XA COMMIT 'a' ONE PHASE; XA START ''; XA START 'a' JOIN; XA START 'a' RESUME; XA END 'a' SUSPEND; BEGIN; XA START 'a'; XA COMMIT 'a'; XA ROLLBACK 'a'; ROLLBACK;
	LOCK TABLES accounts WRITE; XA START 'a'; UNLOCK TABLES`,
	`SET autocommit = 0; XA START 'a'; SELECT COUNT(*) FROM accounts; XA END 'a'; XA ROLLBACK 'a'; SELECT COUNT(*) FROM accounts; XA START 'a'; ROLLBACK; XA START 'a'; SET autocommit = 1; XA END 'a'; XA ROLLBACK 'a'`,
	`XA START 'a'; SET TRANSACTION READ ONLY; INSERT INTO accounts VALUES (1, 1); CREATE TEMPORARY TABLE tt (i INT); DROP TEMPORARY TABLE tt; XA END 'a'; XA ROLLBACK 'a'; SELECT COUNT(*) FROM accounts`,
	`SET autocommit = 0; XA START 'a'; UPDATE accounts SET v = v + 1; SAVEPOINT s; RELEASE SAVEPOINT none; ROLLBACK TO none; XA END 'a'; SAVEPOINT s; SAVEPOINT z; ROLLBACK TO s; RELEASE SAVEPOINT s; ROLLBACK TO none; RELEASE SAVEPOINT none;
	XA PREPARE 'a'; SAVEPOINT s; SAVEPOINT z; ROLLBACK TO s; RELEASE SAVEPOINT s; XA ROLLBACK 'a'; SELECT SUM(v) FROM accounts; COMMIT; SET autocommit = 1`,
}

// Clients' XA statements are answered as by one server, over shards: names, states, errors, and what is committed of it.
func TestClientXAAsOneServer(t *testing.T) {
	db := startWide(t, 1)[0].Open(t, "root", "", "wide")
	fill(t, db)
	one := harness.Open(t, env.Shards[0].Config("shop"))
	exec(t, one, "DROP DATABASE IF EXISTS one")
	exec(t, one, "CREATE DATABASE one")
	plain := conn(t, one)
	exec(t, plain, "USE one")
	exec(t, plain, "CREATE TABLE accounts (id INT PRIMARY KEY, v INT NOT NULL)")
	for id := 1; id <= 40; id++ {
		exec(t, plain, fmt.Sprintf("INSERT INTO accounts VALUES (%d, 100)", id))
	}
	for _, script := range xaScripts {
		c := conn(t, db)
		for statement := range strings.SplitSeq(script, ";") {
			statement = strings.TrimSpace(statement)
			want, got := answerTo(t.Context(), plain, statement), answerTo(t.Context(), c, statement)
			if got != want {
				t.Errorf("%s:\none server: %s\nHeddle: %s", statement, want, got)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range []string{"XA START '" + strings.Repeat("x", 65) + "'", "XA START 'a','b',2147483648", "XA START", "XA FOO 'a'", "XA START a", "XA START 'a' ONE PHASE", "XA COMMIT 'a' ONE", "XA START 'a',"} {
		a, err := harness.Ask(t.Context(), db, wrong)
		if err != nil || a.Code != 1064 {
			t.Errorf("%s: %d %s, %v", wrong, a.Code, a.Message, err)
		}
	}
	hinted := conn(t, db)
	type step struct{ statement, want string }
	ask := func(steps ...step) {
		t.Helper()
		for _, st := range steps {
			if got := answerTo(t.Context(), hinted, st.statement); !strings.HasPrefix(got, st.want) || st.want == "" && got != "" {
				t.Errorf("%s: %s, want %q", st.statement, got, st.want)
			}
		}
	}
	ask([]step{
		{"XA START 'hinted'", ""},
		{"/*+ heddle(transaction=local) */ UPDATE accounts SET v = v + 1", "1235"},
		{"UPDATE accounts SET v = v + 1", ""},
		{"/*+ heddle(transaction=xa) */ UPDATE accounts SET v = v + 1", "1235"},
		{"XA END 'hinted'", ""},
		{"XA ROLLBACK 'hinted'", ""},
		{"/*+ heddle(transaction=local) */ UPDATE accounts SET v = v + 0", ""},
		{"SET autocommit = 0", ""},
		{"XA START 'ended'", ""},
		{"UPDATE accounts SET v = v + 1", ""},
	}...)
	of := ""
	for of == "" { // a server may show an old picture
		of = strings.TrimSpace(strings.Trim(answerTo(t.Context(), plain, "SELECT COALESCE(MAX(trx_mysql_thread_id), '') FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0"), "\t\n"))
	}
	exec(t, plain, "KILL "+of)
	if got := answerTo(t.Context(), hinted, "SELECT SUM(v) FROM accounts"); strings.Contains(got, "\t") {
		t.Errorf("a shard has ended the transaction: %s", got)
	}
	ask([]step{
		{"SAVEPOINT s", "1399"},
		{"ROLLBACK TO s", "1399"},
		{"RELEASE SAVEPOINT s", "1399"},
		{"XA END 'ended'", "1399"},
		{"XA ROLLBACK 'ended'", ""},
		{"SET autocommit = 1", ""},
	}...)
	leavesNothing(t, db)
}

// leavesNothing waits until no server has a transaction of anybody's, nor Heddle a name.
func leavesNothing(t *testing.T, db *sql.DB) {
	t.Helper()
	on := shards(t)
	eventually(t, "nothing is prepared", func() bool { return settled(t, on) })
	for _, shard := range on {
		eventually(t, "no name is left", func() bool { return count(t, shard, "SELECT COUNT(*) FROM heddle_mesh.txn_client") == 0 })
		a, err := harness.Ask(t.Context(), shard, "XA RECOVER")
		if err != nil || len(a.Rows) > 0 {
			t.Errorf("prepared: %v, %v", a.Rows, err)
		}
	}
	a, err := harness.Ask(t.Context(), db, "XA RECOVER")
	if err != nil || a.Code != 0 || len(a.Rows) > 0 {
		t.Errorf("XA RECOVER: %+v, %v", a, err)
	}
}

// What a client has prepared outlives the client and the process; another instance's client ends it as it likes, and nobody else does.
func TestClientXAOutlives(t *testing.T) {
	banks := startWide(t, 2)
	other := banks[1].Open(t, "root", "", "wide")
	bank(t, other)
	prepare := func(db *sql.DB, name, which string, amount int) *sql.Conn {
		c := conn(t, db)
		for _, step := range []string{"XA START " + name, fmt.Sprintf("UPDATE accounts SET v = v + %d WHERE %s", amount, which), "XA END " + name, "XA PREPARE " + name} {
			exec(t, c, step)
		}
		return c
	}
	first := banks[0].Open(t, "root", "", "wide")
	gone := prepare(first, "'gone','b',3", "id > 0", 1)
	// MariaDB's servers leave what is prepared to its session for as long as that is there; to MySQL's the format is a part of the name.
	if got := answerTo(t.Context(), conn(t, other), "XA COMMIT 'gone','b'"); !strings.HasPrefix(got, "1397 ") {
		t.Errorf("another session commits what its owner has prepared and is there, or another name: %s", got)
	}
	if got := answerTo(t.Context(), conn(t, other), "XA START 'gone','b'"); !strings.HasPrefix(got, "1440 ") {
		t.Errorf("a name that is prepared is given again: %s", got)
	}
	if err := gone.Raw(func(any) error { return fmt.Errorf("the client leaves: %w", context.Canceled) }); err == nil {
		t.Error("the client did not leave")
	}
	first.SetMaxIdleConns(0)
	_ = gone.Close() // and its connection with it
	eventually(t, "another session commits it", func() bool {
		return answerTo(t.Context(), conn(t, other), "XA COMMIT 'gone','b'"+by("", ",3")) == ""
	})
	if total := sum(t, other); total != 4040 {
		t.Errorf("it is committed, and there are %d", total)
	}
	prepare(first, "'killed'", "id IN (1, 2, 3, 4, 5, 6, 7, 8)", 10)
	prepare(first, "'undone'", "id IN (11, 12, 13, 14, 15, 16, 17, 18)", 5)
	if err := banks[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if got := answerTo(t.Context(), conn(t, other), "XA RECOVER"); got != "1\t6\t0\tkilled\t\n1\t6\t0\tundone\t\n" {
		t.Errorf("prepared: %q", got)
	}
	for range 8 { // as long as recovery would wait for anybody
		settled(t, shards(t))
	}
	eventually(t, "another instance commits it", func() bool { return answerTo(t.Context(), conn(t, other), "XA COMMIT 'killed'") == "" })
	eventually(t, "another instance rolls it back", func() bool { return answerTo(t.Context(), conn(t, other), "XA ROLLBACK 'undone'") == "" })
	if total := sum(t, other); total != 4120 {
		t.Errorf("one is committed, and there are %d", total)
	}
	leavesNothing(t, other)
	says(t, startBanks(t, 1)[0], 0, []string{"nothing is unfinished"}, "txn", "list") // which knows two of the four data sources by no name
}

// A process is killed at each step of a client's XA. Another instance shows what its client was told is prepared, or could have been told, and ends it as
// it likes; of all else it leaves nothing.
func TestClientXAProcessKilled(t *testing.T) {
	makeWide(t)
	survivor := startWideWith(t)
	db := survivor.Open(t, "root", "", "wide")
	fill(t, db)
	on, third := shards(t), conn(t, db)
	for n, c := range []struct {
		point     string
		statement string // in which the process dies, but for the name
		left      bool   // in XA RECOVER
		added     int    // when nothing is left
	}{
		{"enter.after", "XA PREPARE %s", false, 0}, {"prepare.before:3", "XA PREPARE %s", false, 0}, {"prepare.after", "XA PREPARE %s", false, 0}, {"hold.before", "XA PREPARE %s", false, 0},
		{"hold.after", "XA PREPARE %s", true, 0}, {"hold.before", "XA COMMIT %s ONE PHASE", false, 0}, {"hold.after", "XA COMMIT %s ONE PHASE", false, 40},
		{"deliver.before", "XA COMMIT %s", false, 40}, {"deliver.before", "XA ROLLBACK %s", false, 0},
	} {
		name := fmt.Sprintf("'%d'", n)
		statement, left := fmt.Sprintf(c.statement, name), ""
		if c.left {
			left = fmt.Sprintf("1\t1\t0\t%d\t\n", n)
		}
		before := sum(t, db)
		victim := startWideWith(t, "FAILPOINTS="+c.point+"=kill")
		owner := conn(t, victim.Open(t, "root", "", "wide"))
		steps := []string{"XA START " + name, "UPDATE accounts SET v = v + 1", "XA END " + name}
		if strings.HasPrefix(c.point, "deliver") {
			steps = append(steps, "XA PREPARE "+name)
		}
		for _, step := range steps {
			exec(t, owner, step)
		}
		if _, err := owner.ExecContext(t.Context(), statement); err == nil || code(err) != 0 {
			t.Errorf("%s: it was not killed in %s: %v", c.point, statement, err)
		}
		if got := answerTo(t.Context(), third, "XA RECOVER"); got != left {
			t.Errorf("%s: after %s was not answered, prepared is %q", c.point, statement, got)
		}
		if c.left {
			eventually(t, "another instance rolls it back", func() bool { return answerTo(t.Context(), third, "XA ROLLBACK "+name) == "" })
		}
		eventually(t, "nothing is prepared on a server", func() bool {
			for _, shard := range on {
				if a, err := harness.Ask(t.Context(), shard, "XA RECOVER"); err != nil || len(a.Rows) > 0 {
					return false
				}
			}
			return true
		})
		if total := sum(t, db); total != before+c.added {
			t.Errorf("%s, %s: there are %d, and were %d", c.point, statement, total, before)
		}
	}
	leavesNothing(t, db)
}

// A server dies when a client has prepared, and comes back: the client ends its transaction, over the connections that it has left or, where it has seen that
// one is gone, over none of them.
func TestClientXAServerKilled(t *testing.T) {
	db := startWide(t, 1)[0].Open(t, "root", "", "wide")
	fill(t, db)
	want := 4000
	for whose, seen := range []bool{true, false} {
		owner := conn(t, db)
		for _, step := range []string{"XA START 'left'", "UPDATE accounts SET v = v + 1", "XA END 'left'", "XA PREPARE 'left'"} {
			exec(t, owner, step)
		}
		if err := env.Shards[whose].Kill(); err != nil {
			t.Fatal(err)
		}
		if err := env.Shards[whose].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seen {
			if got := answerTo(t.Context(), owner, "SELECT UUID()"); !strings.HasPrefix(got, "1180 ") {
				t.Errorf("a question to a server that was killed: %s", got)
			}
		}
		verb := "XA ROLLBACK 'left'"
		if seen {
			verb, want = "XA COMMIT 'left'", want+40
		}
		exec(t, owner, verb)
		if got := answerTo(t.Context(), owner, verb); !strings.HasPrefix(got, "1397 ") {
			t.Errorf("it ends twice: %s", got)
		}
		if total := sum(t, db); total != want {
			t.Errorf("after %s there are %d, not %d", verb, total, want)
		}
	}
	leavesNothing(t, db)
}
