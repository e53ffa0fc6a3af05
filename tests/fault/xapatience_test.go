package fault

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// waitedFor is how many seconds the statement that runs longest on a server's accounts has run; -1: none does. INNODB_TRX, asked often, shows nothing new.
const waitedFor = "SELECT COALESCE(MAX(TIME), -1) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%accounts%' AND ID <> CONNECTION_ID()"

// impatient are clients of two heddles: of one whose transactions wait for hardly anything, and of one where they wait all day.
func impatient(t *testing.T) (short, long *sql.DB) {
	t.Helper()
	var dbs [2]*sql.DB
	for i, patience := range []string{"1s", "24h"} {
		dbs[i] = startBank(t, map[string]string{"transactions.lock_patience": patience}).Open(t, "root", "", "shop")
	}
	bank(t, dbs[0])
	return dbs[0], dbs[1]
}

// inBackground runs a statement that has to wait, once the server shows that something does.
func inBackground(t *testing.T, c *sql.Conn, on *sql.DB, statement string) (ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	go func() {
		_, err := c.ExecContext(t.Context(), statement)
		ended <- err
	}()
	eventually(t, "it waits", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("%s has not waited: %v", statement, err)
		default:
		}
		return count(t, on, waitedFor) >= 0
	})
	return ended
}

// A transaction with locks on two servers waits for a further one for as long as transactions.lock_patience says, and is then taken for one in a circle.
func TestLockPatience(t *testing.T) {
	short, long := impatient(t)
	on := shards(t)
	near, far := count(t, on[0], "SELECT MIN(id) FROM shop.accounts"), count(t, on[1], "SELECT MIN(id) FROM shop.accounts")
	block := conn(t, on[1])
	exec(t, block, "BEGIN")
	exec(t, block, fmt.Sprintf("UPDATE shop.accounts SET v = v + 10 WHERE id = %d", far))
	locked := fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", far)
	patient := conn(t, long)
	exec(t, patient, "BEGIN")
	exec(t, patient, fmt.Sprintf("SELECT v FROM accounts WHERE id IN (%d, %d)", near, far))
	waiting := inBackground(t, patient, on[1], locked)
	hasty := conn(t, short)
	exec(t, hasty, "BEGIN")
	exec(t, hasty, fmt.Sprintf("SELECT v FROM accounts WHERE id IN (%d, %d)", near, far))
	_, err := hasty.ExecContext(t.Context(), locked)
	tells(t, "a transaction that waits for a second at the most", err, sqlerr.DeadlockSuspected())
	eventually(t, "the other one waits for longer than by default", func() bool { return count(t, on[1], waitedFor) >= 7 })
	exec(t, block, "COMMIT")
	if err := <-waiting; err != nil {
		t.Errorf("a transaction that waits for as long as it takes: %v", err)
	}
	exec(t, patient, "COMMIT")
	if got := count(t, on[1], fmt.Sprintf("SELECT v FROM shop.accounts WHERE id = %d", far)); got != 111 {
		t.Errorf("the account has %d, not 111", got)
	}
}

// A read that is to see no half of a transaction, and finds one that does not become whole, reads by locks, for which it waits as long.
func TestLockPatienceOfAtomicReads(t *testing.T) {
	short, long := impatient(t)
	on := shards(t)
	seemHalf(t, on)
	block := conn(t, on[1])
	exec(t, block, "BEGIN")
	exec(t, block, "UPDATE shop.accounts SET v = v + 10 ORDER BY id LIMIT 1")
	const read = "SET @sum = (SELECT SUM(v) FROM accounts)"
	patient, hasty := conn(t, long), conn(t, short)
	exec(t, patient, "SET heddle_read = 'atomic'")
	exec(t, hasty, "SET heddle_read = 'atomic'")
	waiting := inBackground(t, patient, on[1], read)
	for _, read := range []string{read, "SELECT SUM(v) INTO @sum FROM accounts", "DO (SELECT SUM(v) FROM accounts)"} {
		_, err := hasty.ExecContext(t.Context(), read)
		tells(t, read+", which waits for a second at the most", err, sqlerr.ReadUnsettled())
	}
	eventually(t, "the other one waits for longer than by default", func() bool { return count(t, on[1], waitedFor) >= 7 })
	exec(t, block, "COMMIT")
	if err := <-waiting; err != nil {
		t.Errorf("a read that waits for as long as it takes: %v", err)
	}
	var sum, limit int
	if err := patient.QueryRowContext(t.Context(), "SELECT @sum, @@innodb_lock_wait_timeout").Scan(&sum, &limit); err != nil {
		t.Fatal(err)
	}
	if sum != 4010 {
		t.Errorf("it has read %d, not 4010", sum)
	}
	if own := count(t, on[1], "SELECT @@innodb_lock_wait_timeout"); limit != own {
		t.Errorf("its session waits for %d s after it, and for %d s before", limit, own)
	}
}

// A READ ONLY transaction that finds one which does not become whole reads by locks too, each statement for as long as a read in autocommit.
func TestLockPatienceOfReadOnlyTransactions(t *testing.T) {
	short, long := impatient(t)
	on := shards(t)
	seemHalf(t, on)
	block := conn(t, on[1])
	exec(t, block, "BEGIN")
	exec(t, block, "UPDATE shop.accounts SET v = v + 10 ORDER BY id LIMIT 1")
	const read = "SELECT SUM(v) FROM accounts"
	patient, hasty := conn(t, long), conn(t, short)
	for _, c := range []*sql.Conn{patient, hasty} {
		exec(t, c, "SET heddle_read = 'atomic'")
		exec(t, c, "START TRANSACTION READ ONLY")
	}
	waiting := inBackground(t, patient, on[1], read)
	for _, read := range []string{read, "SELECT v FROM accounts ORDER BY v"} {
		if _, err := hasty.ExecContext(t.Context(), read); code(err) != sqlerr.CodeLockWaitTimeout { // within a second, where a server waits for 50
			t.Errorf("%s: %v", read, err)
		}
	}
	near := count(t, on[0], "SELECT MIN(id) FROM shop.accounts")
	exec(t, hasty, fmt.Sprintf("SELECT v FROM accounts WHERE id = %d", near)) // it goes on
	exec(t, hasty, "COMMIT")
	eventually(t, "the other one waits for longer than by default", func() bool { return count(t, on[1], waitedFor) >= 7 })
	exec(t, block, "COMMIT")
	if err := <-waiting; err != nil {
		t.Errorf("a read that waits for as long as it takes: %v", err)
	}
	var sum, limit int
	if err := patient.QueryRowContext(t.Context(), "SELECT SUM(v), @@innodb_lock_wait_timeout FROM accounts").Scan(&sum, &limit); err != nil {
		t.Fatal(err)
	}
	if own := count(t, on[1], "SELECT @@innodb_lock_wait_timeout"); sum != 4010 || limit != own {
		t.Errorf("it has read %d, not 4010; its session waits for %d s after it, and for %d s before", sum, limit, own)
	}
	exec(t, patient, "COMMIT")
}

// seemHalf leaves a transaction of another mesh that is decided, committed on the second server, and prepared on the first, as long as the test runs.
func seemHalf(t *testing.T, on []*sql.DB) {
	t.Helper()
	logOf := func(i int) xa.Log {
		var id string
		if err := on[i].QueryRowContext(t.Context(), "SELECT id FROM heddle_mesh.txn_log WHERE data_source = ?", fmt.Sprintf("ds_%d", i)).Scan(&id); err != nil {
			t.Fatal(err)
		}
		log, err := xa.ParseLog(id)
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	g := xa.GTRID{Cluster: 1, Log: 1, Epoch: 1, Seq: 1}
	mark := func(i int) string {
		return fmt.Sprintf("INSERT INTO heddle_mesh.txn_mark (gtrid, branch, at) VALUES ('%s', '%s', NOW(3) + INTERVAL 1 HOUR)", g, logOf(i))
	}
	exec(t, on[1], mark(1))
	branch, x := conn(t, on[0]), xa.XID{GTRID: g, Branch: xa.Qualifier{Log: logOf(0), Conn: 1}}
	for _, step := range []string{"XA START " + x.String(), mark(0), "XA END " + x.String(), "XA PREPARE " + x.String()} {
		exec(t, branch, step)
	}
	t.Cleanup(func() {
		_, err := branch.ExecContext(context.Background(), "XA ROLLBACK "+x.String())
		if err != nil {
			t.Error(err)
		}
		if _, err := harness.Open(t, env.Shards[1].Config("shop")).ExecContext(context.Background(), "DELETE FROM heddle_mesh.txn_mark WHERE gtrid = ?", g.String()); err != nil {
			t.Error(err)
		}
	})
}
