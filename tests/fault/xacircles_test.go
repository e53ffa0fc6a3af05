package fault

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
)

// crossed begins a transaction of each client that has locked the account of its own shard, and is spread.
func crossed(t *testing.T, db *sql.DB) (clients [2]*sql.Conn, ids [2]int) {
	t.Helper()
	for i, on := range shards(t) {
		ids[i] = count(t, on, "SELECT MIN(id) FROM shop.accounts")
	}
	for i := range clients {
		clients[i] = conn(t, db)
		exec(t, clients[i], "BEGIN")
		exec(t, clients[i], fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[i]))
	}
	return clients, ids
}

// The end of a circle over servers needs no connection of the pools, for those in the circle may have them all. Without it both would wait for
// the servers' own limit, which is a day here.
func TestDeadlockWithThePoolUsedUp(t *testing.T) {
	db := startBank(t, map[string]string{"pool.max": "2"}).Open(t, "root", "", "shop")
	bank(t, db)
	clients, ids := crossed(t, db)
	for i := range clients {
		exec(t, clients[i], "SET innodb_lock_wait_timeout = 3600")
		exec(t, clients[i], fmt.Sprintf("SELECT v FROM accounts WHERE id = %d", ids[1-i]))
	}
	circle(t, clients, ids)
}

// circle has each client go to the account that the other one has, until one of them is ended for the other; it says how many were served.
func circle(t *testing.T, clients [2]*sql.Conn, ids [2]int) (served int) {
	t.Helper()
	victims := 0
	for _, err := range inParallel(t, clients[:], func(i int) string {
		return fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[1-i])
	}) {
		switch {
		case err == nil:
			served++
		case code(err) == 1213:
			victims++
		default:
			t.Errorf("neither served nor a victim: %v", err)
		}
	}
	if victims == 0 {
		t.Errorf("%d victims, %d served", victims, served)
	}
	return served
}

// inParallel has each client run its statement, and commit, or roll back what has failed; the results come within a minute.
func inParallel(t *testing.T, clients []*sql.Conn, statement func(i int) string) (errs []error) {
	t.Helper()
	results := make(chan error, len(clients))
	for i, c := range clients {
		go func() {
			_, err := c.ExecContext(t.Context(), statement(i))
			end := "COMMIT"
			if err != nil {
				end = "ROLLBACK"
			}
			if _, failed := c.ExecContext(t.Context(), end); err == nil {
				err = failed
			}
			results <- err
		}()
	}
	late := time.After(time.Minute)
	for range clients {
		select {
		case err := <-results:
			errs = append(errs, err)
		case <-late:
			t.Fatal("a circle over two servers has not ended within a minute")
		}
	}
	return errs
}

// A statement that changes a table waits on each server for the transaction that has it there, and what comes to the table later waits behind it: so two
// transactions that go to each other's server are in a circle, though no row is locked twice. One of the three is ended for the others.
func TestCircleThroughATablesChange(t *testing.T) {
	db := startBanks(t, 1)[0].Open(t, "root", "", "shop")
	bank(t, db)
	clients, ids := crossed(t, db)
	changed := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "ALTER TABLE accounts ADD COLUMN note INT")
		changed <- err
	}()
	for _, on := range shards(t) {
		eventually(t, "the change waits for a transaction", func() bool {
			return count(t, on, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table metadata lock'") > 0
		})
	}
	served := circle(t, clients, ids)
	select {
	case err := <-changed:
		if err != nil {
			t.Errorf("the change of the table: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the table has not been changed a minute after its transactions have ended")
	}
	if total, want := sum(t, db), 4000+2*served; total != want {
		t.Errorf("the accounts have %d in all, not %d", total, want)
	}
}
