package fault

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// drift is a table that one shard has otherwise: what hangs on the difference is an error that names it, all else runs,
// and once it is mended, everything does.
func drift(t *testing.T, change, mend, says string, refused, served []string) {
	db := start(t, addrs()...)
	one := harness.Open(t, env.Shards[1].Config("shop"))
	for _, query := range append(refused, served...) {
		run(t, db, query) // so that plans are cached, and the schema is known as it was
	}
	exec(t, one, change)
	for range 2 {
		for _, query := range refused {
			err := ask(t, db, query)
			if err == nil || !strings.Contains(err.Error(), "shop.accounts") || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v; want an error with %q", query, err, says)
			}
		}
		for _, query := range served {
			if err := ask(t, db, query); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
	exec(t, one, mend)
	for _, query := range append(refused, served...) {
		if err := ask(t, db, query); err != nil {
			t.Errorf("after it is mended: %s: %v", query, err)
		}
	}
}

func run(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	_ = ask(t, db, query) // what it says does not matter yet
}

// ask runs a statement and reads its rows.
func ask(t *testing.T, db *sql.DB, query string) error {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// fine are statements on the columns that all shards have alike, and on single shards.
func fine() []string {
	return []string{
		"SELECT SUM(v) FROM accounts", "SELECT id, v FROM accounts ORDER BY v, id LIMIT 3", "SELECT COUNT(*) FROM accounts",
		"SELECT * FROM accounts WHERE id = 3", "SELECT * FROM accounts WHERE id = 4", "UPDATE accounts SET v = v + 1",
		"UPDATE accounts SET v = 1 WHERE id = 1", "REPLACE INTO accounts (id, v) VALUES (1, 100), (2, 100), (3, 100), (4, 100)",
	}
}

func TestDriftOfOneColumn(t *testing.T) {
	drift(t, "ALTER TABLE accounts ADD COLUMN w INT", "ALTER TABLE accounts DROP COLUMN w", "w: missing on ds_0, int(11) on ds_1",
		[]string{"SELECT * FROM accounts", "SELECT * FROM accounts ORDER BY id", "REPLACE INTO accounts VALUES (1, 100)"}, fine())
}

func TestDriftOfLostColumn(t *testing.T) {
	drift(t, "ALTER TABLE accounts CHANGE v w INT NOT NULL", "ALTER TABLE accounts CHANGE w v INT NOT NULL", "v: int(11) NOT NULL on ds_0, missing on ds_1",
		[]string{"SELECT SUM(v) FROM accounts", "SELECT id FROM accounts WHERE v > 3 ORDER BY v", "UPDATE accounts SET v = v + 1"},
		[]string{"SELECT COUNT(*) FROM accounts", "SELECT id FROM accounts ORDER BY id", "DELETE FROM accounts WHERE id IN (5, 6, 7, 8)"})
}

func TestDriftOfOrder(t *testing.T) {
	drift(t, "ALTER TABLE accounts MODIFY v INT NOT NULL FIRST", "ALTER TABLE accounts MODIFY v INT NOT NULL AFTER id", "another order on ds_1",
		[]string{"SELECT * FROM accounts", "SELECT * FROM accounts ORDER BY id", "REPLACE INTO accounts (id, v) VALUES (1, 100), (2, 100), (3, 100), (4, 100) RETURNING *"}, fine())
}

func TestDriftOfType(t *testing.T) {
	drift(t, "ALTER TABLE accounts MODIFY v VARCHAR(20) NOT NULL", "ALTER TABLE accounts MODIFY v INT NOT NULL", "v: int(11) NOT NULL on ds_0, varchar(20)",
		[]string{"SELECT v FROM accounts ORDER BY v", "SELECT * FROM accounts"},
		[]string{"SELECT COUNT(*) FROM accounts", "SELECT * FROM accounts WHERE id = 3", "SELECT * FROM accounts WHERE id = 4"})
}

func TestDriftOfTable(t *testing.T) {
	drift(t, "RENAME TABLE accounts TO elsewhere", "RENAME TABLE elsewhere TO accounts", "no such table on ds_1",
		[]string{"SELECT COUNT(*) FROM accounts", "UPDATE accounts SET v = v + 1", "SELECT * FROM accounts ORDER BY id"}, nil)
}
