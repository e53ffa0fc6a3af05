package xa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// bystanders are recovery's, "", and another one.
var bystanders = []string{"", "bystander"}

// bystander is a connection of an account that is in a transaction, and its number.
func bystander(t *testing.T, shard int, account string) (c *sql.Conn, id uint32) {
	t.Helper()
	cfg := env.Shards[shard].Config("bank")
	if account != "" {
		cfg.User, cfg.Passwd = account, ""
		for _, s := range []string{"CREATE USER " + account, "GRANT INSERT ON bank.* TO " + account} {
			if _, err := control[shard].ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			if _, err := control[shard].ExecContext(context.Background(), "DROP USER "+account); err != nil {
				t.Error(err)
			}
		})
	}
	c, err := harness.Open(t, cfg).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lastTransfer++
	for _, s := range []string{"BEGIN", fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, 0)", lastTransfer)} {
		if _, err := c.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return c, id
}

// stands ends a bystander's transaction, which has to be there: a connection that was ended has another, or none.
func stands(t *testing.T, c *sql.Conn, id uint32) {
	t.Helper()
	var now uint32
	if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&now); err != nil || now != id {
		t.Errorf("the bystander of connection %d has %d: %v", id, now, err)
	}
	if _, err := c.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// waitsFor has a client wait for a row of a shard by a read that locks it, as long as somebody else has it; over waits until he has it.
func waitsFor(t *testing.T, shard int, row int64) (over func()) {
	t.Helper()
	c, err := control[shard].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var id uint32
	if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var n int
		err := c.QueryRowContext(context.WithoutCancel(t.Context()), fmt.Sprintf("SET STATEMENT innodb_lock_wait_timeout = 600 FOR SELECT COUNT(*) FROM bank.ledger WHERE t = %d LOCK IN SHARE MODE", row)).Scan(&n)
		done <- errors.Join(err, c.Close())
	}()
	for began := time.Now(); ask(t, shard, fmt.Sprintf("SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = %d AND trx_state = 'LOCK WAIT'", id)) == ""; {
		if time.Since(began) > time.Minute {
			t.Fatal("nobody waits")
		}
		<-time.After(150 * time.Millisecond) // what the server shows is new then
	}
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestNumberIsInATransaction: whoever has the number of a branch's connection, as after a restart of its server, and has been in a transaction for longer than the
// branch, is not taken for its owner by that: his connection and his transaction stay, and the branch is committed beside him. Nor is he if somebody waits for him who, like
// whoever waits for the branch, has written nothing: a server has one name for all such transactions.
func TestNumberIsInATransaction(t *testing.T) {
	if shards.Server(env.Shards[1].Name()).Detaches {
		return // no connection has a branch there, and none is ended
	}
	for _, account := range bystanders {
		t.Run(account, func(t *testing.T) { numberIsInATransaction(t, account) })
	}
}

func numberIsInATransaction(t *testing.T, account string) {
	other, id := bystander(t, 1, account)
	over := waitsFor(t, 1, lastTransfer)
	m := manager(once("deliver.before", func() error { return errors.New("dies") }))
	lastTransfer++
	x, branches := m.Begin(txn.Options{}), []*branch{connect(t, 0), connect(t, 1)}
	branches[1].id = id
	for i, b := range branches {
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", lastTransfer, i))
		x.Touched(b, true)
	}
	if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatal(err)
	}
	named := func() xa.XID {
		ours, _, err := shards.Server(env.Shards[1].Name()).Prepared(t.Context())
		if err != nil || len(ours) != 1 {
			t.Fatalf("%v, %v", ours, err)
		}
		if ours[0].Branch.Conn != id {
			t.Fatalf("%v is not of connection %d", ours[0], id)
		}
		return ours[0]
	}
	for range 2 { // while its owner is there, and when it has gone
		server := shards.Server(env.Shards[1].Name())
		if has, err := server.Has(t.Context(), named()); has || err != nil {
			t.Errorf("a bystander has it: %v, %v", has, err)
		}
		if who, err := server.Detach(t.Context(), named()); who != txnlog.Stranger || err != nil {
			t.Errorf("a bystander is taken for %v, %v", who, err)
		}
		discard(branches)
	}
	recoverAll(t, recoverer(t, nil))
	if on := there(t, lastTransfer); len(on) != 2 {
		t.Errorf("it is there on %v", on)
	}
	stands(t, other, id)
	over()
	clean(t)
}

// TestOwnerIsDetached: an owner that stands still loses its connection, and at once.
func TestOwnerIsDetached(t *testing.T) {
	server := shards.Server(env.Shards[1].Name())
	if server.Detaches {
		return
	}
	branches, id := dying(t, "decide.after")
	ours, _, err := server.Prepared(t.Context())
	if err != nil || len(ours) != 1 {
		t.Fatalf("%v, %v", ours, err)
	}
	if has, err := server.Has(t.Context(), ours[0]); !has || err != nil {
		t.Errorf("the owner has it: %v, %v", has, err)
	}
	if who, err := server.Detach(t.Context(), ours[0]); who != txnlog.Has || err != nil {
		t.Errorf("the owner is taken for %v, %v", who, err)
	}
	if err := branches[1].Exec(t.Context(), "DO 1"); err == nil {
		t.Error("the owner has its connection still")
	}
	recoverAll(t, recoverer(t, nil))
	if on := there(t, id); len(on) != 2 {
		t.Errorf("it is there on %v", on)
	}
	discard(branches)
	clean(t)
}

// TestHomeIsInAnotherTransaction: home's connection is left alone where it has begun another transaction since, however long it took to get at it.
func TestHomeIsInAnotherTransaction(t *testing.T) {
	other, id := bystander(t, 0, "")
	server := shards.Server(env.Shards[0].Name())
	for _, c := range []struct {
		age  time.Duration
		seen time.Time
	}{{time.Hour, time.Now()}, {time.Second, time.Now().Add(-time.Hour)}} {
		if err := server.KillHome(context.WithoutCancel(t.Context()), id, c.age, c.seen); err != nil {
			t.Error(err)
		}
	}
	stands(t, other, id)
}

// TestHomeOfAnotherAccount: who has the number of home's connection and is of another account than recovery's is not home.
func TestHomeOfAnotherAccount(t *testing.T) {
	other, id := bystander(t, 0, "bystander")
	if err := shards.Server(env.Shards[0].Name()).KillHome(t.Context(), id, time.Microsecond, time.Now()); err != nil {
		t.Error(err)
	}
	stands(t, other, id)
}

// TestWaitersGiveWay: recoverers of many processes who wait for the same mark each see whose it is, and when he commits they are in nobody's way, nor in each other's.
func TestWaitersGiveWay(t *testing.T) {
	was := shards.Server(env.Shards[1].Name())
	if was.Detaches {
		return
	}
	branches, id := dying(t, "decide.after")
	ours, _, err := was.Prepared(t.Context())
	if err != nil || len(ours) != 1 {
		t.Fatalf("%v, %v", ours, err)
	}
	var committed atomic.Bool
	var all, saw sync.WaitGroup
	for range 4 {
		server := &txnlog.Server{DB: control[1], DataSource: was.DataSource, Log: was.Log} // a process's
		saw.Add(1)
		all.Go(func() {
			seen := sync.OnceFunc(saw.Done)
			defer seen()
			for over := false; !over; {
				over = committed.Load()
				has, err := server.Has(t.Context(), ours[0])
				if errors.Is(err, txnlog.ErrOldPicture) {
					continue
				}
				if err != nil || has && over {
					t.Errorf("he has it: %v, %v", has, err)
					return
				}
				if has {
					seen()
				}
			}
		})
	}
	defer func() { committed.Store(true); all.Wait() }()
	saw.Wait()
	branches[1].run(t, txnlog.Commit(ours[0]))
	for began, found := time.Now(), xa.Held; found != xa.Marked; {
		if found, err = was.Mark(t.Context(), ours[0].GTRID, ours[0].Branch.Log); err != nil || found != xa.Marked && time.Since(began) > time.Minute {
			t.Fatalf("the mark is %v, %v", found, err)
		}
	}
	committed.Store(true)
	all.Wait()
	if on := there(t, id); len(on) != 2 {
		t.Errorf("it is there on %v", on)
	}
	discard(branches)
	clean(t)
}
