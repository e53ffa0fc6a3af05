package xa

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// transfersGoOn has clients commit over shards 0 and 1, one transaction after the other, until the test says that it is over.
func transfersGoOn(t *testing.T, clients int) (over func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	m := manager(nil)
	from := lastTransfer + 1
	lastTransfer += int64(clients) * 1_000_000
	for i := range int64(clients) {
		home, other := connect(t, 0), connect(t, 1)
		all.Go(func() {
			for n := from + i*1_000_000; ctx.Err() == nil; n++ {
				if err := transferOnce(t.Context(), m, n, home, other); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

func transferOnce(ctx context.Context, m *txn.Manager, n int64, on ...*branch) error {
	x := m.Begin(txn.Options{})
	for _, b := range on {
		if err := x.Enlist(ctx, b); err != nil {
			return err
		}
		if err := b.Exec(ctx, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, 1)", n)); err != nil {
			return err
		}
		x.Touched(b, true)
	}
	return x.Commit(ctx)
}

// undecidedZombie leaves on shard 1 a branch of which nothing is decided, prepared and in no list.
func undecidedZombie(t *testing.T) {
	t.Helper()
	b := connect(t, 1)
	lastTransfer++
	x := xa.XID{GTRID: xa.GTRID{Cluster: cluster, Log: logOf(0), Epoch: 11, Seq: uint64(lastTransfer)}, Branch: xa.Qualifier{Log: logOf(1), Conn: b.id}}
	if err := b.Exec(t.Context(), append([]string{txnlog.Start(x)}, txnlog.Prepare(x)...)...); err != nil {
		t.Fatal(err)
	}
	b.reset(t)
	if _, err := control[1].ExecContext(t.Context(), "XA COMMIT "+x.String()); err != nil {
		t.Fatal(err)
	}
	b.Discard()
	letGo(t, b)
}

// toldZombie sweeps shard 1 until a zombie there is told.
func toldZombie(t *testing.T, r *txn.Recoverer, alarms func() []txn.Alarm) bool {
	t.Helper()
	for began := time.Now(); time.Since(began) < 40*time.Second; { // generous: a sweep takes three seconds and a little
		if err := r.Sweep(t.Context(), env.Shards[1].Name()); err != nil {
			t.Fatal(err)
		}
		for _, a := range alarms() {
			if a.Trouble != xa.Zombie || a.DataSource != env.Shards[1].Name() {
				t.Errorf("%+v", a)
				continue
			}
			t.Logf("told after %v: %+v", time.Since(began), a)
			return true
		}
	}
	return false
}

// TestZombieAmongOthers: a branch that nobody has decided, and that its server has hidden, is told while others commit there, and whatever strangers have prepared,
// their sessions there or gone. None is told before.
func TestZombieAmongOthers(t *testing.T) {
	if onMySQL {
		t.Log("what is prepared is no connection's there, and none is hidden")
		return
	}
	for _, with := range []string{"nothing", "a stranger who is there", "a stranger who has gone"} {
		t.Run(with, func(t *testing.T) {
			emptied(t)
			if with != "nothing" {
				strange := connect(t, 1)
				for _, s := range []string{"XA START 'strange'", fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, 0)", -int64(strange.id)), "XA END 'strange'", "XA PREPARE 'strange'"} {
					strange.run(t, s)
				}
				if with == "a stranger who has gone" {
					strange.Discard()
					letGo(t, strange)
				}
			}
			over := transfersGoOn(t, 8)
			defer over()
			r, alarms := alarmed()
			for range 2 {
				if err := r.Sweep(t.Context(), env.Shards[1].Name()); err != nil {
					t.Error(err)
				}
			}
			if got := alarms(); len(got) > 0 {
				t.Errorf("told where there is none: %+v", got)
			}
			undecidedZombie(t)
			if !toldZombie(t, r, alarms) {
				t.Error("it is not told")
			}
			over()
			restart(t, 1)
			recoverAll(t, recoverer(t, nil))
			if with != "nothing" {
				if _, err := control[1].ExecContext(t.Context(), "XA ROLLBACK 'strange'"); err != nil {
					t.Error(err)
				}
			}
			clean(t)
		})
	}
}

// rollsBack has shard 1 be killed in the middle of a transaction of so many rows, which it rolls back when it is there again.
func rollsBack(t *testing.T, rows int) {
	t.Helper()
	run := func(on interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}, text string) {
		t.Helper()
		if _, err := on.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	run(control[1], "DROP TABLE IF EXISTS bank.big")
	run(control[1], "CREATE TABLE bank.big (id INT PRIMARY KEY AUTO_INCREMENT, v INT NOT NULL, w INT NOT NULL, KEY (v), KEY (w)) ENGINE=InnoDB")
	tx, err := control[1].BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	run(tx, fmt.Sprintf("INSERT INTO bank.big (v, w) SELECT 1, 1 FROM bank.acc a, bank.acc b, bank.acc c, bank.acc d LIMIT %d", rows))
	run(control[1], "INSERT INTO bank.ledger VALUES (-1, 0)") // with which the log is written as far as this
	run(control[1], "DELETE FROM bank.ledger WHERE t = -1")
	restart(t, 1)
	_ = tx.Rollback() // its connection is gone
}

// rollingBack reports whether shard 1 is rolling back something that no connection has.
func rollingBack(t *testing.T) bool {
	t.Helper()
	<-time.After(150 * time.Millisecond) // what it shows is new then
	return ask(t, 1, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = 0 AND trx_state = 'ROLLING BACK'") != "0"
}

// TestSweepWhileAServerRollsBack: what a server that was killed has yet to roll back is no connection's, and no zombie either; a zombie beside it is one.
func TestSweepWhileAServerRollsBack(t *testing.T) {
	emptied(t)
	for rows := 500_000; ; rows *= 2 {
		if rows > 16_000_000 {
			t.Fatal("the server has rolled back all before anybody could look")
		}
		rollsBack(t, rows)
		r, alarms := alarmed()
		if err := r.Sweep(t.Context(), env.Shards[1].Name()); err != nil {
			t.Error(err)
		}
		if got := alarms(); len(got) > 0 {
			t.Errorf("%+v", got)
		}
		for ask(t, 1, "SELECT VARIABLE_VALUE < 4 FROM "+by("information_schema.GLOBAL_STATUS", "performance_schema.global_status")+" WHERE VARIABLE_NAME = 'Uptime'") != "0" {
			<-time.After(100 * time.Millisecond) // what is as old as the server is taken for the crash's
		}
		saw := rollingBack(t)
		if saw && !onMySQL {
			undecidedZombie(t)
			if err := r.Sweep(t.Context(), env.Shards[1].Name()); err != nil {
				t.Error(err)
			}
			if saw = rollingBack(t); saw {
				if got := alarms(); len(got) != 1 || got[0].Trouble != xa.Zombie || !strings.HasPrefix(got[0].Detail, "1 ") {
					t.Errorf("a zombie beside it: %+v", got)
				}
			}
			restart(t, 1)
			recoverAll(t, recoverer(t, nil))
		}
		if saw {
			break
		}
		t.Logf("%d rows were rolled back before anybody could look", rows)
	}
	for deadline := time.Now().Add(2 * time.Minute); rollingBack(t) && time.Now().Before(deadline); {
	}
	if _, err := control[1].ExecContext(t.Context(), "DROP TABLE bank.big"); err != nil {
		t.Error(err)
	}
	clean(t)
}
