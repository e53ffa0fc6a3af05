package fault

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// startPlain starts a heddle with the accounts over both shards, and a database beside them that is on the first as a whole. It returns an
// account of each shard.
func startPlain(t *testing.T) (db *sql.DB, ids [2]int) {
	t.Helper()
	plain := shards(t)[0]
	exec(t, plain, "CREATE OR REPLACE DATABASE plain")
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
	}).Open(t, "root", "", "shop")
	fill(t, db)
	for i, on := range shards(t) {
		ids[i] = count(t, on, "SELECT MIN(id) FROM shop.accounts")
	}
	return db, ids
}

// The second branch of a transaction may come with a statement that is on both shards at once.
func TestStatementSpreadsTransaction(t *testing.T) {
	db, ids := startPlain(t)
	c := conn(t, db)
	exec(t, c, "SET heddle_transaction_type = 'XA'")
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
