//go:build mysql

package mysql

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"
)

// victimTurns are what a session says whose XA transaction a deadlock has ended; each is of a transaction of its own.
var victimTurns = [][]string{
	{"XA COMMIT 'va' ONE PHASE", "XA END 'va'", "SELECT COUNT(*) FROM accounts"},
	{"XA COMMIT 'va'", "XA END 'va'"},
	{"XA ROLLBACK 'va'", "XA END 'va'", "XA ROLLBACK 'va'"},
	{"SELECT COUNT(*) FROM accounts", "XA ROLLBACK 'va'"},
	{"XA PREPARE 'va'", "XA START 'va'", "XA START 'va' RESUME", "XA END 'va' SUSPEND", "XA END 'nn'", "BEGIN", "XA END 'va'", "XA END 'va'", "XA END 'nn'", "XA START 'q'",
		"XA START 'va' RESUME", "XA PREPARE 'va'", "XA COMMIT 'nn'", "XA COMMIT 'nn' ONE PHASE", "XA ROLLBACK 'nn'", "SELECT 1", "COMMIT", "ROLLBACK TO s", "RELEASE SAVEPOINT s",
		"SELECT COUNT(*) FROM accounts", "CREATE TABLE u (id INT)", "UPDATE accounts SET n = 1 WHERE id = 1", "XA COMMIT 'va'", "SELECT 1"},
	{"ROLLBACK", "CREATE TABLE u (id INT)", "LOCK TABLES accounts READ", "XA ROLLBACK 'nn'", "XA END 'va'", "XA ROLLBACK 'va'", "XA COMMIT 'va'"},
}

// What MySQL says to a session whose XA transaction was chosen in a deadlock, heddle says: it is told with the next that is asked of the transaction.
func TestVictimOfXA(t *testing.T) {
	h := start(t)
	server := open(t, 0)
	if err := env.Shards[0].CreateSchema(t.Context(), "alone"); err != nil {
		t.Fatal(err)
	}
	plain, err := env.Shards[0].Open("alone")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close() })
	mesh := h.Open(t, "root", "", "shop")
	for _, db := range []*sql.DB{plain, mesh} {
		exec(t, db, "DROP TABLE IF EXISTS accounts", "CREATE TABLE accounts (id INT PRIMARY KEY, n INT)")
		for id := 1; id <= 64; id++ {
			if _, err := db.ExecContext(t.Context(), "INSERT INTO accounts VALUES (?, 0)", id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, turn := range victimTurns {
		want, got := victim(t, plain, server, turn), victim(t, mesh, server, turn)
		for i := range want {
			if want[i] != got[i] {
				t.Errorf("%s: %s:\nheddle %s\nserver %s", strings.Join(turn, "; "), turn[i], got[i], want[i])
			}
		}
	}
}

// victim has a session come to that, and say a turn. The other one has changed more, and is let live.
func victim(t *testing.T, db, server *sql.DB, turn []string) (answers []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn := func() *sql.Conn {
		c, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := conn(), conn()
	defer b.Close()
	defer a.Close()
	one, two := sameShard(t, server)
	exec(t, b, "BEGIN", "UPDATE accounts SET n = n + 1 WHERE id NOT IN ("+one+")")
	exec(t, a, "XA START 'va'", "UPDATE accounts SET n = n + 1 WHERE id = "+one)
	waits := make(chan error, 1)
	go func() {
		_, err := b.ExecContext(ctx, "UPDATE accounts SET n = n + 1 WHERE id = "+one)
		waits <- err
	}()
	for text(ask(t, server, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'")) == "0" {
		select {
		case err := <-waits:
			t.Fatalf("the other session did not wait: %v", err)
		case <-ctx.Done():
			t.Fatal("the other session is not seen to wait")
		case <-time.After(150 * time.Millisecond): // a server that is asked more often shows an old list
		}
	}
	if v := ask(t, a, "UPDATE accounts SET n = n + 1 WHERE id = "+two); v.Code != 1213 {
		t.Fatalf("the session is no victim: %s", text(v))
	}
	if err := <-waits; err != nil {
		t.Fatal(err)
	}
	exec(t, b, "ROLLBACK")
	for _, sql := range turn {
		answers = append(answers, text(ask(t, a, sql)))
	}
	return answers
}

// sameShard finds two rows that the first server has.
func sameShard(t *testing.T, server *sql.DB) (one, two string) {
	t.Helper()
	rows := ask(t, server, "SELECT id FROM accounts ORDER BY id LIMIT 2").Rows
	if len(rows) < 2 {
		t.Fatal("the first server has no two rows")
	}
	return rows[0][0].(string), rows[1][0].(string)
}
