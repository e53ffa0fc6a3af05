package fault

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// startPlain starts a heddle with the accounts over both shards, and a database beside them that is on the first as a whole. It returns an
// account of each shard.
func startPlain(t *testing.T) (db *sql.DB, ids [2]int) {
	t.Helper()
	plain := shards(t)[0]
	exec(t, plain, "DROP DATABASE IF EXISTS plain")
	exec(t, plain, "CREATE DATABASE plain")
	exec(t, plain, "CREATE TABLE plain.notes (id INT PRIMARY KEY AUTO_INCREMENT, v INT)")
	db = env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: shop
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  accounts: {key: id}
`, env.Shards[0].Addr(), env.Shards[1].Addr()), fmt.Sprintf(`database: plain
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
`, env.Shards[0].Addr())},
		Users: "users: {root: {}}",
		Set:   map[string]string{"transactions.type": "xa"},
	}).Open(t, "root", "", "shop")
	fill(t, db)
	for i, on := range shards(t) {
		ids[i] = count(t, on, "SELECT MIN(id) FROM shop.accounts")
	}
	return db, ids
}

// A transaction's marks say when it was committed, whatever time one of its statements was given.
func TestMarksTellTheTime(t *testing.T) {
	db, ids := startPlain(t)
	c := conn(t, db)
	both := fmt.Sprintf(" WHERE id IN (%d, %d)", ids[0], ids[1])
	for _, statement := range []struct {
		text string
		args []any
	}{
		{by("SET STATEMENT timestamp = 1 FOR UPDATE", "UPDATE") + " accounts SET v = v + 1" + both, nil},
		{"UPDATE accounts SET v = v + ? + (NOW() IS NULL)" + both, []any{1}},
	} {
		exec(t, c, "BEGIN")
		if _, err := c.ExecContext(t.Context(), statement.text, statement.args...); err != nil {
			t.Fatal(err)
		}
		var began string
		if err := shards(t)[0].QueryRowContext(t.Context(), "SELECT CAST(NOW(3) AS CHAR)").Scan(&began); err != nil {
			t.Fatal(err)
		}
		exec(t, c, "COMMIT")
		since := 0
		for _, on := range shards(t) {
			since += count(t, on, "SELECT COUNT(*) FROM heddle_mesh.txn_mark WHERE at >= '"+began+"'")
		}
		if since == 0 {
			t.Errorf("%s: it is marked as of before its COMMIT", statement.text)
		}
	}
}

// The second branch of a transaction may come with a statement that is on both shards at once.
func TestStatementSpreadsTransaction(t *testing.T) {
	db, ids := startPlain(t)
	c := conn(t, db)
	exec(t, c, "UPDATE accounts SET v = v + 1")
	exec(t, c, "BEGIN")
	var total int
	if err := c.QueryRowContext(t.Context(), "SELECT SUM(v) FROM accounts").Scan(&total); err != nil || total != 4040 {
		t.Errorf("the accounts have %d, %v", total, err)
	}
	exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v - 1 WHERE id IN (%d, %d)", ids[0], ids[1]))
	exec(t, c, "COMMIT")
	exec(t, c, "UPDATE accounts SET v = v + 1 ORDER BY id LIMIT 10")
	if total = sum(t, db); total != 4048 {
		t.Errorf("the accounts have %d in all", total)
	}
}

// A statement that fails on one shard, and with which the transaction became one of several, is undone; the rest is committed.
func TestStatementFailsInSpreadTransaction(t *testing.T) {
	db, ids := startPlain(t)
	c := conn(t, db)
	exec(t, c, "BEGIN")
	if _, err := c.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO accounts VALUES (101, 1), (102, 1), (103, 1), (104, 1), (%d, 1), (%d, 1)", ids[0], ids[1])); code(err) != 1062 {
		t.Errorf("keys that are there: %v", err)
	}
	exec(t, c, "UPDATE accounts SET v = v + 1")
	exec(t, c, "COMMIT")
	if total := sum(t, db); total != 4040 {
		t.Errorf("the accounts have %d in all", total)
	}
}

// A program of which nobody knows what it does could commit what is on its own server: it is not run inside of a transaction of several.
func TestProgramInSpreadTransaction(t *testing.T) {
	db, ids := startPlain(t)
	exec(t, shards(t)[0], "CREATE PROCEDURE plain.note() BEGIN INSERT INTO plain.notes VALUES (NULL, 1); COMMIT; END")
	for _, order := range [][]int{{ids[0], ids[1]}, {ids[1], ids[0]}, {ids[1]}} {
		c := conn(t, db)
		exec(t, c, "BEGIN")
		for _, id := range order {
			exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", id))
		}
		if _, err := c.ExecContext(t.Context(), "CALL plain.note()"); code(err) != 1235 {
			t.Errorf("accounts %v, then a program that commits: %v", order, err)
		}
		exec(t, c, "ROLLBACK")
	}
	c := conn(t, db)
	exec(t, c, "BEGIN")
	exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[0]))
	exec(t, c, "CALL plain.note()") // all of it is on one server
	exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[1]))
	exec(t, c, "ROLLBACK")
	if total, notes := sum(t, db), count(t, shards(t)[0], "SELECT COUNT(*) FROM plain.notes"); total != 4002 || notes != 1 {
		t.Errorf("the accounts have %d, and there are %d notes", total, notes)
	}
}

// What may have been written through a program, in whatever statement calls it, is part of what is decided.
func TestProgramsThatWriteInSpreadTransaction(t *testing.T) {
	db, ids := startPlain(t)
	on := shards(t)
	exec(t, on[0], "CREATE FUNCTION plain.noted() RETURNS INT BEGIN INSERT INTO plain.notes VALUES (NULL, 1); RETURN 1; END")
	exec(t, on[0], "CREATE TABLE plain.one (a INT)")
	exec(t, on[0], "INSERT INTO plain.one VALUES (1)")
	exec(t, on[0], "CREATE VIEW plain.seen AS SELECT a, plain.noted() FROM plain.one")
	decided := func() int {
		return count(t, on[0], "SELECT COUNT(*) FROM heddle_mesh.txn_decision WHERE verdict = 'C'")
	}
	for _, calls := range []string{"SELECT plain.noted()", "DO plain.noted()", "SET @n = plain.noted()", "SELECT * FROM plain.seen"} {
		c := conn(t, db)
		before := decided()
		exec(t, c, "BEGIN")
		exec(t, c, fmt.Sprintf("SELECT v FROM accounts WHERE id = %d", ids[0]))
		exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[1]))
		exec(t, c, calls)
		exec(t, c, "COMMIT")
		if n := decided() - before; n != 1 {
			t.Errorf("%s beside a write on another server: %d decisions", calls, n)
		}
	}
}

// Clients are killed, and leave, in the middle of their transactions: of each all is there or nothing.
func TestClientsKilledInTransactions(t *testing.T) {
	bankOf := startBanks(t, 1)[0]
	db := bankOf.Open(t, "root", "", "shop")
	bank(t, db)
	acked, numbers := map[int64]bool{}, atomic.Int64{}
	var mu sync.Mutex
	ended, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	for c := range 6 {
		through := bankOf.Open(t, "root", "", "shop")
		clients.Go(func() {
			for ended.Err() == nil {
				n := numbers.Add(1)
				ctx, cancel := context.WithCancel(t.Context())
				if n%5 == 0 {
					time.AfterFunc(time.Duration(n%7)*time.Millisecond, cancel) // the driver closes the connection
				}
				if transfer(ctx, through, n, 1+(int(n)*7+c)%40, 1+(int(n)*11+c+1)%40) == nil {
					mu.Lock()
					acked[n] = true
					mu.Unlock()
				}
				cancel()
			}
		})
	}
	killer := conn(t, db)
	for kills := 0; kills < 300; {
		rows, err := killer.QueryContext(t.Context(), "SELECT id FROM information_schema.PROCESSLIST WHERE id <> CONNECTION_ID() AND db = 'shop'")
		if err != nil {
			t.Fatal(err)
		}
		var ids []int
		for rows.Next() {
			var id int
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		_ = rows.Close()
		for _, id := range ids {
			how := [...]string{"QUERY", "CONNECTION"}[kills%2]
			_, _ = killer.ExecContext(t.Context(), fmt.Sprintf("KILL %s %d", how, id)) // it may have gone
			kills++
		}
	}
	stop()
	clients.Wait()
	judgeBank(t, db, acked)
	for _, on := range shards(t) {
		rows, err := on.QueryContext(t.Context(), "XA RECOVER")
		if err != nil {
			t.Fatal(err)
		}
		if rows.Next() {
			t.Error("a branch is prepared, and nobody's")
		}
		_ = rows.Close()
	}
	if len(acked) < 50 {
		t.Errorf("%d transfers were acknowledged", len(acked))
	}
}

// Servers begin no XA under LOCK TABLES: who insists on XA is refused there, and nothing of the statement stays; auto goes on. A process that keeps
// no such transactions says so.
func TestLockedTablesAndXA(t *testing.T) {
	db := startBanks(t, 1)[0].Open(t, "root", "", "shop")
	bank(t, db)
	c := conn(t, db)
	exec(t, c, "SET heddle_transaction_type = 'xa'")
	exec(t, c, "LOCK TABLES accounts WRITE")
	if _, err := c.ExecContext(t.Context(), "UPDATE accounts SET v = v + 1"); code(err) != 1235 {
		t.Errorf("a write over both shards under LOCK TABLES: %v", err)
	}
	exec(t, c, "UPDATE accounts SET v = v + 1 WHERE id = 1")
	exec(t, c, "UNLOCK TABLES")
	exec(t, c, "SET heddle_transaction_type = 'auto'")
	exec(t, c, "LOCK TABLES accounts WRITE")
	exec(t, c, "UPDATE accounts SET v = v + 1")
	exec(t, c, "UNLOCK TABLES")
	if total := sum(t, db); total != 4041 {
		t.Errorf("the accounts have %d in all", total)
	}
	local := conn(t, startBank(t, map[string]string{"transactions.type": "local"}).Open(t, "root", "", "shop"))
	for _, set := range []string{"auto", "xa"} {
		if _, err := local.ExecContext(t.Context(), "SET heddle_transaction_type = '"+set+"'"); code(err) != 1235 {
			t.Errorf("%s where all transactions are local: %v", set, err)
		}
	}
	exec(t, local, "SET heddle_transaction_type = 'local'")
}

// A client's savepoint under the name of one that Heddle sets would move when Heddle sets it, and what came before it stay: it is refused, however it is
// written. Others are the client's.
func TestSavepointsOfHeddlesNames(t *testing.T) {
	db, ids := startPlain(t)
	c := conn(t, db)
	exec(t, c, "BEGIN")
	exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[0]))
	for _, name := range []string{"heddle txn", "Heddle TXN", "héddle txn", "heddle statement", "HEDDLE statement"} {
		if _, err := c.ExecContext(t.Context(), "SAVEPOINT `"+name+"`"); code(err) != 1235 {
			t.Errorf("SAVEPOINT `%s`: %v", name, err)
		}
	}
	exec(t, c, "SAVEPOINT `heddle txm`")
	exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 10 WHERE id = %d", ids[0]))
	exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 10 WHERE id = %d", ids[1]))
	exec(t, c, "ROLLBACK TO SAVEPOINT `heddle txm`")
	exec(t, c, "COMMIT")
	if total := sum(t, db); total != 4001 {
		t.Errorf("the accounts have %d in all", total)
	}
}
