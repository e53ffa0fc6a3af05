package fault

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// preparing is a transfer over both shards that waits for its decision, its other branch prepared.
type preparing struct {
	heddle *harness.Heddle
	on     []*sql.DB
	block  *sql.Conn // holds the decision's place
	to     int       // the account on the second shard
	db     *sql.DB   // of the transfer's only session
	ended  chan error
}

func prepare(t *testing.T, heddle *harness.Heddle, n int64) *preparing {
	t.Helper()
	on := shards(t)
	p := &preparing{heddle: heddle, on: on, block: conn(t, on[0]), ended: make(chan error, 1)}
	exec(t, p.block, "BEGIN")
	exec(t, p.block, "SELECT * FROM heddle_mesh.txn_decision FOR UPDATE")
	account := fmt.Sprintf("SELECT id FROM shop.accounts ORDER BY id LIMIT %d, 1", n)
	from, to := count(t, on[0], account), count(t, on[1], account)
	p.to, p.db = to, heddle.Open(t, "root", "", "shop")
	p.db.SetMaxOpenConns(1)
	go func() { p.ended <- transfer(t.Context(), p.db, n, from, to) }()
	eventually(t, "the other branch is prepared", func() bool {
		rows, err := on[1].QueryContext(t.Context(), "XA RECOVER")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		return rows.Next()
	})
	eventually(t, "the decision waits", func() bool { return count(t, on[0], deciding) == 1 })
	return p
}

const deciding = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO heddle_mesh.txn_decision%'"

// abandon kills a process while its transfer waits for the decision, which is never made.
func abandon(t *testing.T, heddle *harness.Heddle, n int64) []*sql.DB {
	t.Helper()
	p := prepare(t, heddle, n)
	if err := heddle.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err == nil {
		t.Error("a COMMIT that was never decided is acknowledged")
	}
	exec(t, p.on[0], fmt.Sprintf("KILL %d", count(t, p.on[0], strings.Replace(deciding, "COUNT(*)", "ID", 1))))
	eventually(t, "nobody decides", func() bool { return count(t, p.on[0], deciding) == 0 })
	exec(t, p.block, "ROLLBACK")
	return p.on
}

// onlyTransaction is the name of the one that is listed.
func onlyTransaction(t *testing.T, h *harness.Heddle) string {
	t.Helper()
	var listed []struct{ GTRID string }
	if err := json.Unmarshal([]byte(says(t, h, 0, nil, "txn", "list", "-o", "json")), &listed); err != nil || len(listed) != 1 {
		t.Fatalf("%+v, %v", listed, err)
	}
	return listed[0].GTRID
}

// A process that dies when its transaction is decided, and was not delivered: where no other lives to recover it, an operator's
// commands show it and finish it, and nothing is finished against the decision.
func TestResolveDecidedByCommand(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	heddle := startBank(t, map[string]string{"admin.address": admin})
	bank(t, heddle.Open(t, "root", "", "shop"))
	p := prepare(t, heddle, 1)
	eventually(t, "the prepared branch is in the metrics", func() bool {
		return metric(t, admin, `heddle_xa_in_doubt{data_source="ds_1"}`) == 1 && metric(t, admin, `heddle_xa_in_doubt_age_seconds{data_source="ds_1"}`) >= 0
	})
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	exec(t, p.block, "ROLLBACK")
	if err := <-p.ended; err != nil {
		t.Errorf("a COMMIT that is decided: %v", err)
	}
	for name, want := range map[string]float64{
		`heddle_xa_transactions_total{outcome="committed"}`: 0, `heddle_xa_transactions_total{outcome="rolled_back"}`: 0,
		`heddle_xa_transactions_total{outcome="in_doubt"}`: 0, `heddle_xa_transactions_total{outcome="undelivered"}`: 1,
		`heddle_xa_phase_seconds_count{phase="prepare"}`: 1, `heddle_xa_phase_seconds_count{phase="decide"}`: 1,
	} {
		if got := metric(t, admin, name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	if err := heddle.Kill(); err != nil {
		t.Fatal(err)
	}
	says(t, heddle, 1, []string{"committed", "not seen", "ds_1: "}, "txn", "list")
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	gtrid := onlyTransaction(t, heddle)
	says(t, heddle, 0, []string{gtrid, "committed", "decided ", " ago", "ds_1 prepared"}, "txn", "list")
	says(t, heddle, 0, []string{gtrid + ": committed", "decided on ds_0, ", "ds_1", "prepared"}, "txn", "show", gtrid)
	says(t, heddle, 1, []string{"at least one of the flags"}, "txn", "resolve", gtrid)
	says(t, heddle, 2, []string{"decided otherwise"}, "txn", "resolve", gtrid, "--rollback", "--force")
	says(t, heddle, 0, []string{"ds_1", "committed", "an operator has resolved a transaction", `"by": "ann"`, `"verb": "commit"`, gtrid},
		"txn", "resolve", gtrid, "--commit", "--author", "ann")
	says(t, heddle, 0, []string{"nothing is unfinished"}, "txn", "list")
	says(t, heddle, 0, []string{gtrid + ": committed", "it has ended everywhere"}, "txn", "show", gtrid)
	says(t, heddle, 0, []string{"nothing is left to do"}, "txn", "resolve", gtrid, "--commit")
	judgeBank(t, startBanks(t, 1)[0].Open(t, "root", "", "shop"), map[int64]bool{1: true})
}

// A process that dies before it has decided: an operator may roll back what it has left, and commits it by force only. Looking at
// servers makes nothing there. With another process, nobody has to do anything.
func TestResolveUndecidedByCommand(t *testing.T) {
	heddle := startBanks(t, 1)[0]
	bank(t, heddle.Open(t, "root", "", "shop"))
	on := abandon(t, heddle, 1)
	gtrid := onlyTransaction(t, heddle)
	if out := says(t, heddle, 0, []string{gtrid, "undecided", " prepared ", " ago", "ds_1 prepared"}, "txn", "list"); strings.Contains(out, " decided ") {
		t.Errorf("it is not decided:\n%s", out)
	}
	says(t, heddle, 2, []string{"it is not decided", "by force"}, "txn", "resolve", gtrid, "--commit")
	says(t, heddle, 0, []string{gtrid + ": undecided", "the data source that decides it is ds_0", "\nprepared ", " ago"}, "txn", "show", gtrid)
	says(t, heddle, 0, []string{"ds_1", "rolled back"}, "txn", "resolve", gtrid, "--rollback", "--yes")
	says(t, heddle, 2, []string{"decided otherwise"}, "txn", "resolve", gtrid, "--commit", "--force")
	nobody := gtrid[:len(gtrid)-10] + "0000000000"
	says(t, heddle, 1, []string{"nothing is left of it"}, "txn", "resolve", nobody, "--commit", "--force")
	for _, shard := range on {
		exec(t, shard, "DROP DATABASE heddle_mesh")
	}
	says(t, heddle, 0, []string{"nothing is unfinished"}, "txn", "list")
	for i, shard := range on {
		if count(t, shard, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'heddle_mesh'") > 0 {
			t.Errorf("a list has made tables on shard %d", i)
		}
	}
	abandon(t, startBanks(t, 1)[0], 2)
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	survivor := startBank(t, map[string]string{"admin.address": admin})
	eventually(t, "what was left is recovered, and counted", func() bool {
		return metric(t, admin, `heddle_xa_recovered_total{data_source="ds_1",outcome="rolled_back"}`) == 1
	})
	judgeBank(t, survivor.Open(t, "root", "", "shop"), nil)
}

// A session that has committed what a server could not be told of yet goes on, on the other servers; there it waits for what it has committed.
func TestUndeliveredIsWaitedForWhereItIs(t *testing.T) {
	heddle := startBank(t, nil)
	bank(t, heddle.Open(t, "root", "", "shop"))
	p := prepare(t, heddle, 1)
	near := count(t, p.on[0], "SELECT MIN(id) FROM shop.accounts")
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	exec(t, p.block, "ROLLBACK")
	if err := <-p.ended; err != nil {
		t.Errorf("a COMMIT that is decided: %v", err)
	}
	for range 3 {
		if _, err := p.db.ExecContext(t.Context(), "UPDATE accounts SET v = v + 0 WHERE id = ?", near); err != nil {
			t.Errorf("a statement on the other server: %v", err)
		}
	}
	if _, err := p.db.ExecContext(t.Context(), "SELECT v FROM accounts WHERE id = ?", p.to); err == nil {
		t.Error("a statement where the server is away has an answer")
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session reads there again", func() bool {
		var v, n int
		err := p.db.QueryRowContext(t.Context(), "SELECT v, (SELECT COUNT(*) FROM ledger WHERE id = ?) FROM accounts WHERE id = ?", p.to, p.to).Scan(&v, &n)
		if err == nil && n != 1 {
			t.Fatalf("the session does not see what it has committed: %d rows", n)
		}
		return err == nil
	})
	judgeBank(t, p.db, map[int64]bool{1: true})
}

// A process that stands still while it prepares, and whose transaction an operator resolves meanwhile: its client is told, when it goes on, that an operator has done it, and how.
func TestResolvedWhileItsProcessPrepares(t *testing.T) {
	filler := startBank(t, nil)
	bank(t, filler.Open(t, "root", "", "shop"))
	if err := filler.Close(); err != nil {
		t.Error(err)
	}
	on := shards(t)
	for n, c := range []struct {
		how   []string
		code  uint16
		words []string
	}{
		{[]string{"--rollback", "--yes"}, 1213, []string{"The transaction was rolled back", "an operator has resolved it"}},
		{[]string{"--commit", "--force", "--yes"}, 1180, []string{"committed by an operator as far as it was prepared, and is rolled back on data source 'ds_0'"}},
	} {
		t.Setenv("FAILPOINTS", "prepare.after=stop")
		heddle := startBank(t, nil)
		t.Setenv("FAILPOINTS", "")
		account := fmt.Sprintf("SELECT id FROM shop.accounts ORDER BY id LIMIT %d, 1", n)
		from, to := count(t, on[0], account), count(t, on[1], account)
		ended, db := make(chan error, 1), heddle.Open(t, "root", "", "shop")
		go func() { ended <- transfer(context.WithoutCancel(t.Context()), db, int64(n), from, to) }()
		eventually(t, "it stands still", heddle.Stopped)
		says(t, heddle, 0, nil, append([]string{"txn", "resolve", onlyTransaction(t, heddle)}, c.how...)...)
		if err := heddle.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		err := <-ended
		for _, word := range c.words {
			if code(err) != c.code || !strings.Contains(err.Error(), word) {
				t.Errorf("%v: the client is told %v, want %d %q", c.how, err, c.code, word)
			}
		}
		if err := heddle.Close(); err != nil {
			t.Error(err)
		}
	}
	for i, want := range []int{0, 1} {
		if got := count(t, on[i], "SELECT COUNT(*) FROM shop.ledger"); got != want {
			t.Errorf("%d lines of the ledger are on server %d, want %d", got, i, want)
		}
	}
}
