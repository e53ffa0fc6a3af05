package fault

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// A statement that has begun a transaction for itself tells of a connection that it has lost, once: the client has begun none, and its next statement is answered.
func TestLostByAStatementOfItsOwn(t *testing.T) {
	h := startWide(t, 1)[0]
	db := h.Open(t, "root", "", "wide")
	exec(t, db, "CREATE TABLE accounts (id INT PRIMARY KEY, v INT)")
	for id := range 40 {
		exec(t, db, fmt.Sprintf("INSERT INTO accounts VALUES (%d, 1)", id))
	}
	for name, sql := range map[string]string{
		"an atomic read": "SELECT SUM(v + SLEEP(2)) FROM accounts WHERE id IN (1, 2, 3, 4, 5, 6)",
		"a write":        "UPDATE accounts SET v = v + 1 + SLEEP(2) WHERE id IN (1, 2, 3, 4, 5, 6)",
	} {
		t.Run(name, func(t *testing.T) { lostByOwn(t, db, sql) })
	}
}

func lostByOwn(t *testing.T, db *sql.DB, statement string) {
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "SET heddle_read = 'atomic'"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.ExecContext(t.Context(), statement)
		ended <- err
	}()
	one := harness.Open(t, env.Shards[0].Config("shop"))
	id := 0
	for began := time.Now(); id == 0; <-time.After(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("it does not come to the server")
		}
		id = count(t, one, "SELECT IFNULL(MAX(ID), 0) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep' AND INFO LIKE '%accounts%'")
	}
	exec(t, one, fmt.Sprintf("KILL CONNECTION %d", id))
	if err := <-ended; err == nil {
		t.Error("it has not lost its connection")
	}
	var n int
	if err := c.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM accounts").Scan(&n); err != nil || n != 40 {
		t.Errorf("the next statement: %d, %v", n, err)
	}
}
