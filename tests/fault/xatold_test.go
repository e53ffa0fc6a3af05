package fault

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// tells wants a client to be told what a constructor says, whose texts are frozen beside the code.
func tells(t *testing.T, when string, err error, want *sqlerr.Error) {
	t.Helper()
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok || e.Number != want.Code || string(e.SQLState[:]) != want.State || e.Message != want.Msg {
		t.Errorf("%s: the client is told\n%v\nand not\n%v", when, err, want)
	}
}

// decides has the transfer that waits find a decision when it comes to its own.
func (p *preparing) decides(t *testing.T, verdict string) (gtrid string) {
	t.Helper()
	gtrid = prepared(t, p.on[1])[0]
	var log string
	if err := p.on[1].QueryRowContext(t.Context(), "SELECT id FROM heddle_mesh.txn_log WHERE data_source = 'ds_1'").Scan(&log); err != nil {
		t.Fatal(err)
	}
	exec(t, p.block, fmt.Sprintf("INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES ('%s', '%s', '%s', 0)", gtrid, verdict, log))
	exec(t, p.block, "COMMIT")
	return gtrid
}

// What clients are told at the end of a transaction, in the situations that servers can be brought to, is what is frozen for them.
func TestToldAtCommit(t *testing.T) {
	heddle := startBank(t, nil)
	db := heddle.Open(t, "root", "", "shop")
	bank(t, db)
	on := shards(t)

	p := prepare(t, heddle, 1)
	p.decides(t, "A")
	tells(t, "others have rolled it back", <-p.ended, sqlerr.TransactionFenced())

	p = prepare(t, heddle, 2)
	gtrid := p.decides(t, "C")
	tells(t, "an operator has forced it", <-p.ended, sqlerr.CommitForced(gtrid, []string{"ds_0"}))

	eventually(t, "both are over", func() bool { return len(prepared(t, on[1])) == 0 })
	near, far := count(t, on[0], "SELECT MIN(id) FROM shop.accounts"), count(t, on[1], "SELECT MIN(id) FROM shop.accounts")
	c := conn(t, db)
	begun := func() {
		exec(t, c, "BEGIN")
		exec(t, c, fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id IN (%d, %d)", near, far))
	}
	begun()
	exec(t, on[1], "RENAME TABLE heddle_mesh.txn_mark TO heddle_mesh.txn_mark_gone")
	_, err := c.ExecContext(t.Context(), "COMMIT")
	exec(t, on[1], "RENAME TABLE heddle_mesh.txn_mark_gone TO heddle_mesh.txn_mark")
	tells(t, "a server refuses its part", err, sqlerr.BranchFailed("ds_1", sqlerr.New(1146, "42S02", "")))
	if !strings.Contains(heddle.Log(), "txn_mark' doesn't exist") {
		t.Errorf("the log does not say why:\n%s", heddle.Log())
	}

	begun()
	eventually(t, "the connection with the transaction is ended, and its row free", func() bool { // it may not be listed as idle yet
		endAll(t, on[1])
		_, err := on[1].ExecContext(t.Context(), fmt.Sprintf("SELECT v FROM shop.accounts WHERE id = %d FOR UPDATE NOWAIT", far))
		return err == nil
	})
	_, err = c.ExecContext(t.Context(), "COMMIT")
	tells(t, "a connection is lost before", err, sqlerr.TransactionLost())
}

// endAll has a server end all connections to the bank that nothing runs on, those of open transactions too.
func endAll(t *testing.T, on *sql.DB) {
	t.Helper()
	own := conn(t, on)
	rows, err := own.QueryContext(t.Context(), "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'shop' AND COMMAND = 'Sleep' AND ID <> CONNECTION_ID()")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []uint32
	for rows.Next() {
		var id uint32
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	for _, id := range all {
		if _, err := own.ExecContext(t.Context(), fmt.Sprintf("KILL %d", id)); err != nil && code(err) != 1094 { // it has ended by itself
			t.Fatal(err)
		}
	}
}

// A server that stands still when a transaction is decided: its client is told that it is committed, and warned; and waits where it is not.
func TestToldWhileUndelivered(t *testing.T) {
	heddle := startBank(t, nil)
	bank(t, heddle.Open(t, "root", "", "shop"))
	p := prepare(t, heddle, 1)
	if err := env.Shards[1].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	exec(t, p.block, "ROLLBACK")
	err := <-p.ended
	var level, text string
	var number uint16
	warned := p.db.QueryRowContext(t.Context(), "SHOW WARNINGS").Scan(&level, &number, &text)
	exec(t, p.db, "SET innodb_lock_wait_timeout = 1")
	_, there := p.db.ExecContext(t.Context(), "DO (SELECT v FROM accounts WHERE id = ?)", p.to)
	if again := env.Shards[1].Signal(syscall.SIGCONT); again != nil {
		t.Fatal(again)
	}
	want := sqlerr.CommitUndelivered("ds_1")
	if err != nil || warned != nil || level != "Warning" || number != want.Code || text != want.Msg {
		t.Errorf("a COMMIT that is decided: %v, with %s %d %s (%v), not %v", err, level, number, text, warned, want)
	}
	tells(t, "a statement where it is not yet", there, sqlerr.DeliveryAwaited("ds_1"))
	eventually(t, "it is there", func() bool { return len(prepared(t, p.on[1])) == 0 })
	judgeBank(t, p.db, map[int64]bool{1: true})
}

// A server that is away when a transaction is decided there, and when a client asks for one of its own.
func TestToldInDoubt(t *testing.T) {
	heddle := startBank(t, nil)
	db := heddle.Open(t, "root", "", "shop")
	bank(t, db)
	p := prepare(t, heddle, 1)
	gtrid := prepared(t, p.on[1])[0]
	if err := env.Shards[0].Kill(); err != nil {
		t.Fatal(err)
	}
	_, start := db.ExecContext(t.Context(), "XA START 'a'")
	_, list := db.ExecContext(t.Context(), "XA RECOVER")
	err := <-p.ended
	if again := env.Shards[0].Start(t.Context()); again != nil {
		t.Fatal(again)
	}
	tells(t, "a COMMIT whose decision is not known", err, sqlerr.CommitInDoubt(gtrid, "ds_0"))
	tells(t, "XA START", start, sqlerr.XAUnanswered())
	tells(t, "XA RECOVER", list, sqlerr.XAUnanswered())
	eventually(t, "it is over", func() bool { return len(prepared(t, p.on[1])) == 0 })
}

// What needs atomic transactions is refused where there are none, and by accounts that insist on them where a server can have no part in one.
func TestToldWithoutXA(t *testing.T) {
	local := conn(t, startBank(t, map[string]string{"transactions.type": "local"}).Open(t, "root", "", "shop"))
	refused := func(c *sql.Conn, statement string, want *sqlerr.Error) {
		t.Helper()
		_, err := c.ExecContext(t.Context(), statement)
		tells(t, statement, err, want)
	}
	refused(local, "SET heddle_transaction_type = 'xa'", sqlerr.TransactionsAreLocal("SET heddle_transaction_type to xa"))
	refused(local, "SET heddle_read = 'atomic'", sqlerr.TransactionsAreLocal("SET heddle_read to atomic"))
	refused(local, "BEGIN /*+ heddle(transaction=xa) */", sqlerr.TransactionsAreLocal("the hint transaction=xa"))
	refused(local, "BEGIN /*+ heddle(transaction=all) */", sqlerr.HintUnread())
	refused(local, "SET heddle_transaction_type = 'both'", sqlerr.WrongValueForVariable("heddle_transaction_type", "both"))

	one := harness.Open(t, env.Shards[1].Config("shop"))
	exec(t, one, "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
	defer exec(t, one, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	unfit := startBank(t, nil)
	bank(t, unfit.Open(t, "root", "", "shop"))
	keen := conn(t, unfit.Open(t, "keen", "", "shop"))
	const why = "innodb_flush_log_at_trx_commit is 2: only with 1 does a prepared branch, or a decision, outlive the server"
	refused(keen, everyone, sqlerr.Unfit("a transaction of type XA", "ds_1", why))
	exec(t, keen, "BEGIN")
	exec(t, keen, "SELECT v FROM accounts WHERE id = 1")
	refused(keen, "SELECT /*+ heddle(transaction=local) */ 1", sqlerr.HintLate("local"))
}
