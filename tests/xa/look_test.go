package xa

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// Recoverers look at a server's open transactions one after the other, by a lock of the server's.

const lookLock = "heddle.txn.look"

// looker is the connection that has the lock of those who look; "": none.
func looker(t *testing.T, shard int) string {
	t.Helper()
	return ask(t, shard, "SELECT IS_USED_LOCK('"+lookLock+"')")
}

// TestLookerStandsStill: a process that looks at a server's transactions, and then neither goes on nor ends, is soon in nobody's way.
func TestLookerStandsStill(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[1].Addr())
	cfg := env.Shards[1].Config("bank")
	cfg.Addr, cfg.ReadTimeout = relay.Addr(), time.Hour
	db, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	was := shards.Server(env.Shards[1].Name())
	server := &txnlog.Server{DB: db, DataSource: was.DataSource, Log: was.Log, Detaches: was.Detaches}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	t.Cleanup(func() { stop(); relay.Release(); <-over; _ = db.Close() })
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_, _ = new(txnlog.Strays).Look(ctx, server) // whatever comes of it
		}
	}()
	stood := ""
	for deadline := time.Now().Add(time.Minute); stood == ""; {
		if time.Now().After(deadline) {
			t.Fatal("nobody has looked")
		}
		if id := looker(t, 1); id != "" {
			relay.Hold()
			if <-time.After(50 * time.Millisecond); looker(t, 1) == id { // what was under way has arrived
				stood = id
				break
			}
			relay.Release()
		}
	}
	began := time.Now()
	for looker(t, 1) == stood {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("connection %s has the lock still", stood)
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Logf("it had the lock for %v", time.Since(began).Round(10*time.Millisecond))
}

// TestLookersAskForNoWaits: who waits for whom, which is a list of all before all behind a row that many want, is asked only where somebody has to know it.
func TestLookersAskForNoWaits(t *testing.T) {
	run := func(sql string) {
		t.Helper()
		if _, err := control[1].ExecContext(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatal(err)
		}
	}
	const asked = "SELECT COUNT(*) FROM mysql.general_log WHERE command_type = 'Query' AND argument LIKE '%INNODB\\_TRX%' AND argument NOT LIKE '%general%'"
	run("TRUNCATE mysql.general_log")
	run("SET GLOBAL log_output = 'TABLE'")
	run("SET GLOBAL general_log = 1")
	defer run("SET GLOBAL general_log = 0")
	if _, err := new(txnlog.Strays).Look(t.Context(), shards.Server(env.Shards[1].Name())); err != nil {
		t.Fatal(err)
	}
	if n := ask(t, 1, asked); n == "0" {
		t.Error("nobody has looked")
	}
	if n := ask(t, 1, strings.ReplaceAll(asked, "TRX", "LOCK\\_WAITS")); n != "0" {
		t.Errorf("waits are asked for %s times", n)
	}
}

// TestRecoverWhileALookerStands: who has the lock for ever keeps nobody from recovering, nor a new process from having part in transactions: a probe of 3 s is
// what that has (see sidecar).
func TestRecoverWhileALookerStands(t *testing.T) {
	for i := range env.Shards {
		c, err := control[i].Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := c.ExecContext(context.WithoutCancel(t.Context()), "DO RELEASE_LOCK('"+lookLock+"')"); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		}()
		if _, err := c.ExecContext(t.Context(), "DO GET_LOCK('"+lookLock+"', 10)"); err != nil {
			t.Fatal(err)
		}
	}
	branches, id := dying(t, "decide.after")
	began := time.Now()
	recoverAll(t, recoverer(t, nil))
	t.Logf("recovered in %v", time.Since(began).Round(10*time.Millisecond))
	if on := there(t, id); len(on) != 2 {
		t.Errorf("it is there on %v", on)
	}
	discard(branches)
	for began := time.Now(); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err := txn.Probe(ctx, control[1], env.Shards[1].Name())
		cancel()
		if err == nil {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("no probe is over in 3 s: %v", err)
		}
	}
	for i := range env.Shards {
		if looker(t, i) == "" {
			t.Errorf("%s: nobody has the lock", env.Shards[i].Name())
		}
	}
	clean(t)
}
