package fault

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// bank is accounts over both shards with a ledger beside them: each transfer has a row on the shard of each of its accounts.
func bank(t *testing.T, db *sql.DB) {
	t.Helper()
	fill(t, db)
	exec(t, db, "DROP TABLE IF EXISTS ledger")
	exec(t, db, "CREATE TABLE ledger (id INT NOT NULL, n BIGINT NOT NULL, amount INT NOT NULL, PRIMARY KEY (id, n))")
}

// startBanks starts heddles that share the shards, and have the ledger beside the accounts.
func startBanks(t *testing.T, n int) []*harness.Heddle {
	t.Helper()
	var out []*harness.Heddle
	for range n {
		out = append(out, startBank(t, nil))
	}
	return out
}

// startBank starts one with further fields of its configuration.
func startBank(t *testing.T, set map[string]string) *harness.Heddle {
	t.Helper()
	return startBankFor(t, "root", "", set)
}

// startBankFor starts one that is a data source's user on the shards, with further rules beside the bank's.
func startBankFor(t *testing.T, user, beside string, set map[string]string) *harness.Heddle {
	t.Helper()
	all := map[string]string{"pool.connect_timeout": "1s", "pool.wait_timeout": "2s"}
	maps.Copy(all, set)
	rules := []string{fmt.Sprintf(`database: shop
defaults: {user: %s}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  accounts: {key: id}
  ledger: {key: id}
binding: [[accounts, ledger]]
`, user, env.Shards[0].Addr(), env.Shards[1].Addr())}
	if beside != "" {
		rules = append(rules, beside)
	}
	return env.Heddle(t, harness.HeddleOptions{
		Rules: rules,
		Users: "users: {root: {admin: true}, keen: {transactions: xa}, plain: {transactions: local}}",
		Set:   all,
	})
}

// transfer moves 1 from an account to another, and says so in the ledger under a number of its own.
func transfer(ctx context.Context, db *sql.DB, n int64, from, to int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a COMMIT it has no effect
	for _, step := range []struct{ id, amount int }{{from, -1}, {to, 1}} {
		if _, err := tx.ExecContext(ctx, "UPDATE accounts SET v = v + ? WHERE id = ?", step.amount, step.id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO ledger VALUES (?, ?, ?)", step.id, n, step.amount); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// judgeBank waits until the shards agree, and says what is wrong if they do not: money, halves of transfers, and what clients were
// told is done.
func judgeBank(t *testing.T, db *sql.DB, acked map[int64]bool) {
	t.Helper()
	on := shards(t)
	for deadline := time.Now().Add(20 * time.Second); !settled(t, on); {
		if time.Now().After(deadline) {
			t.Fatal("transactions are open on a server, 20 s after their process has died")
		}
	}
	if total := sum(t, db); total != 4000 {
		t.Errorf("the accounts have %d in all, 4000 at the start", total)
	}
	found := map[int64]int{}
	for _, shard := range on {
		rows, err := shard.QueryContext(t.Context(), "SELECT n FROM shop.ledger")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var n int64
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			found[n]++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	for n, halves := range found {
		if halves != 2 {
			t.Errorf("transfer %d is there by half", n)
		}
	}
	for n := range acked {
		if found[n] == 0 {
			t.Errorf("transfer %d was acknowledged and is not there", n)
		}
	}
}

// settled reports whether the servers hold no transaction of others that has written. It takes its time: INNODB_TRX shows an old
// picture for as long as it is asked more often than ten times a second, to recovery too.
func settled(t *testing.T, on []*sql.DB) bool {
	t.Helper()
	<-time.After(400 * time.Millisecond)
	for _, shard := range on {
		if count(t, shard, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0") > 0 {
			return false
		}
	}
	return true
}

// A process is killed while clients move money over both shards: what it has left is finished by another, all of each transfer
// or nothing, and what was acknowledged is there.
func TestProxyKilledInTransactions(t *testing.T) {
	banks := startBanks(t, 1)
	db := banks[0].Open(t, "root", "", "shop")
	bank(t, db)
	acked, numbers := map[int64]bool{}, atomic.Int64{}
	var mu sync.Mutex
	for range 5 {
		victim := startBanks(t, 1)[0]
		through := victim.Open(t, "root", "", "shop")
		var clients sync.WaitGroup
		for c := range 8 {
			clients.Go(func() {
				for failed := 0; failed < 3; {
					n := numbers.Add(1)
					if err := transfer(t.Context(), through, n, 1+(int(n)*7+c)%40, 1+(int(n)*11+c+1)%40); err != nil {
						failed++
						continue
					}
					mu.Lock()
					acked[n] = true
					mu.Unlock()
				}
			})
		}
		before := numbers.Load()
		eventually(t, "transfers are made", func() bool { return numbers.Load() > before+100 })
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		clients.Wait()
		judgeBank(t, db, acked)
	}
	if len(acked) < 100 {
		t.Errorf("%d transfers were acknowledged", len(acked))
	}
}

// Two transactions that wait for each other's locks, each on another server, are seen by no server: one of them is ended as a
// deadlock's victim is, and the other goes on. The servers give sessions another zone than they live in.
func TestDeadlockOverServers(t *testing.T) {
	for _, on := range shards(t) {
		exec(t, on, "SET GLOBAL time_zone = '-12:00'")
		defer exec(t, on, "SET GLOBAL time_zone = DEFAULT")
	}
	db := startBanks(t, 1)[0].Open(t, "root", "", "shop")
	bank(t, db)
	on := shards(t)
	of := func(shard *sql.DB) int { return count(t, shard, "SELECT MIN(id) FROM shop.accounts") }
	ids := [2]int{of(on[0]), of(on[1])}
	var clients [2]*sql.Conn
	for i := range clients {
		clients[i] = conn(t, db)
		exec(t, clients[i], "BEGIN")
		exec(t, clients[i], fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[i]))
		exec(t, clients[i], fmt.Sprintf("SELECT v FROM accounts WHERE id = %d", ids[1-i]))
	}
	errs := make(chan error, 2)
	began := time.Now()
	for i := range clients {
		go func() {
			_, err := clients[i].ExecContext(t.Context(), fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", ids[1-i]))
			if err == nil {
				_, err = clients[i].ExecContext(t.Context(), "COMMIT")
			} else if _, none := clients[i].ExecContext(t.Context(), "ROLLBACK"); none != nil {
				err = none
			}
			errs <- err
		}()
	}
	victims := 0
	for range clients {
		if err := <-errs; code(err) == 1213 {
			victims++
		} else if err != nil {
			t.Errorf("neither served nor a victim: %v", err)
		}
	}
	if took := time.Since(began); victims == 0 || took > 20*time.Second {
		t.Errorf("%d victims after %v", victims, took)
	}
	if total, want := sum(t, db), 4000+2*(2-victims); total != want {
		t.Errorf("the accounts have %d in all, not %d", total, want)
	}
}

// What a server would lose of a transaction that it has prepared makes it unfit; who wants XA is told why, and others have it as
// it was without.
func TestUnfitForXA(t *testing.T) {
	on := shards(t)
	exec(t, on[1], "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
	defer exec(t, on[1], "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	heddle := startBank(t, map[string]string{"admin.address": admin})
	db := heddle.Open(t, "root", "", "shop")
	bank(t, db)
	c := conn(t, db)
	exec(t, c, "UPDATE accounts SET v = v + 1")
	if fit, unfit := metric(t, admin, `heddle_xa_fit{data_source="ds_0"}`), metric(t, admin, `heddle_xa_fit{data_source="ds_1"}`); fit != 1 || unfit != 0 {
		t.Errorf("heddle_xa_fit is %v of ds_0 and %v of ds_1", fit, unfit)
	}
	if count(t, db, "SELECT COUNT(*) FROM heddle.data_sources WHERE name = 'ds_0' AND xa = 'yes' OR name = 'ds_1' AND xa LIKE 'innodb_flush_log_at_trx_commit is 2%'") != 2 {
		t.Error("heddle.data_sources does not say which data source is unfit")
	}
	says(t, heddle, 0, []string{"data source ds_1 cannot have part in an XA transaction: innodb_flush_log_at_trx_commit is 2"}, "txn", "list")
	if !strings.Contains(heddle.Log(), "innodb_flush_log_at_trx_commit is 2") {
		t.Error("the log does not say why transactions are not atomic")
	}
	exec(t, c, "SET heddle_transaction_type = 'XA'")
	_, err = c.ExecContext(t.Context(), "UPDATE accounts SET v = v + 1")
	if code(err) != 1235 || !strings.Contains(err.Error(), "innodb_flush_log_at_trx_commit is 2") {
		t.Errorf("a write over both shards: %v", err)
	}
	exec(t, c, "UPDATE accounts SET v = v + 1 WHERE id = 1")
	exec(t, c, "SET heddle_transaction_type = DEFAULT")
	exec(t, c, "UPDATE accounts SET v = v - 1")
	if total := sum(t, db); total != 4001 {
		t.Errorf("the accounts have %d in all", total)
	}
}
