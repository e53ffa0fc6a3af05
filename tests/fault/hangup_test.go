package fault

import (
	"database/sql"
	"net"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// rawClient is a client whose socket the test holds.
func rawClient(t *testing.T, h *harness.Heddle) *wiretest.Client {
	t.Helper()
	c, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most tests have closed it
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	client := wiretest.NewClient(c)
	if err := client.Play(wiretest.LogIn("root", "", "shop")); err != nil {
		t.Fatal(err)
	}
	return client
}

// shards are connections to the shards themselves.
func shards(t *testing.T) []*sql.DB {
	t.Helper()
	var out []*sql.DB
	for _, s := range env.Shards {
		out = append(out, harness.Open(t, s.Config("shop")))
	}
	return out
}

// working counts the statements on the shards whose text is like pattern.
func working(t *testing.T, shards []*sql.DB, pattern string) int {
	t.Helper()
	total := 0
	for _, db := range shards {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE ? AND ID <> CONNECTION_ID()", pattern).Scan(&n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// A client hangs up in the middle of a transaction while the shards work for it: they are told to stop, and nothing of
// the transaction stays.
func TestClientHangsUp(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*wiretest.Client) error
	}{
		{"closed", func(c *wiretest.Client) error { return c.Conn.Close() }},
		{"quit and closed", func(c *wiretest.Client) error {
			if err := c.Play(wiretest.SendCommand(wire.Bare(wire.ComQuit))); err != nil {
				return err
			}
			return c.Conn.Close()
		}},
		{"reset", func(c *wiretest.Client) error {
			if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
				return err
			}
			return c.Conn.Close()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, db := startHeddle(t, addrs()...)
			on := shards(t)
			client := rawClient(t, h)
			err := client.Play(wiretest.SendQuery("BEGIN"), wiretest.ExpectOK(nil),
				wiretest.SendQuery("UPDATE accounts SET v = v + 1"), wiretest.ExpectOK(nil),
				wiretest.SendQuery("SELECT id, SLEEP(3) FROM accounts ORDER BY id")) // a minute on each shard
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "both shards work", func() bool { return working(t, on, "%SLEEP(3)%") == 2 })
			if err := c.end(client); err != nil {
				t.Fatal(err)
			}
			eventually(t, "no shard works", func() bool { return working(t, on, "%SLEEP(3)%") == 0 })
			exec(t, db, "UPDATE accounts SET v = v + 1") // waits for the locks of the transaction that is gone
			if total := sum(t, db); total != 4040 {
				t.Errorf("the sum is %d, want 4040: half of a transaction stayed", total)
			}
		})
	}
}

// A client has sent statements ahead when it closes its connection: they are its, and run.
func TestSentAheadRuns(t *testing.T) {
	h, db := startHeddle(t, addrs()...)
	client := rawClient(t, h)
	err := client.Play(wiretest.SendQuery("SELECT SLEEP(2) FROM accounts WHERE id = 1"))
	if err != nil {
		t.Fatal(err)
	}
	on := shards(t)
	eventually(t, "the shard works", func() bool { return working(t, on, "%SLEEP(2)%") == 1 })
	err = client.Play(wiretest.SendQuery("UPDATE accounts SET v = v + 1 WHERE id = 7"), wiretest.SendCommand(wire.Bare(wire.ComQuit)))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the statement sent ahead has run", func() bool { return sum(t, db) == 4001 })
}

// A client that only waits is left alone, however long its statement runs.
func TestPatientClientHasItsAnswer(t *testing.T) {
	_, db := startHeddle(t, addrs()...)
	var slept int
	if err := db.QueryRowContext(t.Context(), "SELECT SLEEP(1.5) FROM accounts WHERE id = 1").Scan(&slept); err != nil || slept != 0 {
		t.Errorf("SLEEP answers %d, %v", slept, err)
	}
}
