package fault

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// answered1053 reads the ERR that ends a session and checks that it is the answer to the client's command (sequence 1),
// or unasked (0): clients tell a command's answer from other words by that.
func answered1053(sequence byte) wiretest.ClientStep {
	return func(c *wiretest.Client) error {
		if err := wiretest.ExpectErr(1053)(c); err != nil {
			return err
		}
		if got := c.Sequence() - 1; got != sequence { // that of the next packet
			return fmt.Errorf("the ERR has the sequence id %d, want %d", got, sequence)
		}
		return nil
	}
}

// drainable starts a heddle with a deadline and returns it with so many clients, each under a name.
func drainable(t *testing.T, deadline string, names ...string) (*harness.Heddle, map[string]*wiretest.Client) {
	t.Helper()
	h := startHeddleWith(t, map[string]string{"drain.deadline": deadline}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	exec(t, db, "CREATE TABLE IF NOT EXISTS places (id INT PRIMARY KEY)") // a single one
	clients := map[string]*wiretest.Client{}
	for _, name := range names {
		clients[name] = rawClient(t, h)
	}
	return h, clients
}

func terminate(t *testing.T, h *harness.Heddle) {
	t.Helper()
	if err := h.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no new client", func() bool {
		c, err := net.Dial("tcp", h.Addr)
		if err == nil {
			_ = c.Close() // it was only to see
		}
		return err != nil
	})
}

func ended(t *testing.T, h *harness.Heddle, within time.Duration) {
	t.Helper()
	select {
	case <-h.Done():
	case <-time.After(within):
		t.Fatalf("heddle has not ended within %v", within)
	}
}

func play(t *testing.T, who string, c *wiretest.Client, steps ...wiretest.ClientStep) {
	t.Helper()
	if err := c.Play(steps...); err != nil {
		t.Errorf("%s: %v", who, err)
	}
}

// cut reads an answer that the deadline cuts off.
func cut(t *testing.T, who string, c *wiretest.Client) {
	t.Helper()
	_, rows, err := c.ReadResult()
	if e := sqlerr.As(err); e == nil || e.Code != 1053 {
		t.Errorf("%s: %d rows, then %v, want error 1053", who, len(rows), err)
	}
	play(t, who, c, wiretest.ExpectClosed())
}

// At SIGTERM every client is told: one that is idle as the answer to what it sends next, or unasked; one in a transaction
// goes on until it has ended it. A client that has not logged in holds nothing up.
func TestDrainTells(t *testing.T) {
	h, c := drainable(t, "20s", "asks", "silent", "pipelines", "in transaction", "with a lock", "with a temporary table")
	late, err := net.Dial("tcp", h.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	play(t, "in transaction", c["in transaction"], wiretest.SendQuery("BEGIN"), wiretest.ExpectOK(nil),
		wiretest.SendQuery("UPDATE accounts SET v = v + 1"), wiretest.ExpectOK(nil))
	play(t, "with a temporary table", c["with a temporary table"], wiretest.SendQuery("CREATE TEMPORARY TABLE tmp (n INT)"), wiretest.ExpectOK(nil))
	play(t, "with a lock", c["with a lock"], wiretest.SendQuery("LOCK TABLES places READ"), wiretest.ExpectOK(nil))
	terminate(t, h)
	play(t, "asks", c["asks"], wiretest.SendQuery("UPDATE accounts SET v = 0"), answered1053(1), wiretest.ExpectClosed())
	play(t, "with a temporary table", c["with a temporary table"], wiretest.SendQuery("SELECT 1"), answered1053(1), wiretest.ExpectClosed())
	ahead := strings.Repeat("\x09\x00\x00\x00\x03SELECT 1", 1<<16) // far more than is read
	play(t, "pipelines", c["pipelines"], wiretest.SendRaw(ahead), answered1053(1))
	play(t, "silent", c["silent"], answered1053(0), wiretest.ExpectClosed())
	play(t, "in transaction", c["in transaction"], wiretest.SendQuery("UPDATE accounts SET v = v + 1"), wiretest.ExpectOK(nil),
		wiretest.SendQuery("COMMIT"), wiretest.ExpectOK(nil), wiretest.SendQuery("SELECT 1"), answered1053(1), wiretest.ExpectClosed())
	play(t, "with a lock", c["with a lock"], wiretest.SendQuery("UNLOCK TABLES"), wiretest.ExpectOK(nil),
		wiretest.SendQuery("SELECT 1"), answered1053(1), wiretest.ExpectClosed())
	ended(t, h, 5*time.Second)
}

// At the deadline what runs is ended with 1053 too: a statement, a result under way, an idle transaction, of which nothing
// stays. A client that reads nothing does not keep the process.
func TestDrainDeadline(t *testing.T) {
	h, c := drainable(t, "1s", "idle", "working", "in a result", "reads nothing")
	on := shards(t)
	play(t, "idle", c["idle"], wiretest.SendQuery("BEGIN"), wiretest.ExpectOK(nil), wiretest.SendQuery("UPDATE accounts SET v = v + 1"), wiretest.ExpectOK(nil))
	play(t, "working", c["working"], wiretest.SendQuery("SELECT SLEEP(60) FROM accounts WHERE id = 1"))
	play(t, "in a result", c["in a result"], wiretest.SendQuery("SELECT v, SLEEP(0.4) FROM accounts WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10) ORDER BY v"))
	play(t, "reads nothing", c["reads nothing"], wiretest.SendQuery("SELECT a.id, REPEAT('x', 100000) FROM accounts a, accounts b, accounts c WHERE a.id = 1 AND b.id = 1 AND c.id = 1 UNION ALL "+
		"SELECT seq, REPEAT('x', 100000) FROM seq_1_to_1000000"))
	eventually(t, "the statements run", func() bool { return working(t, on, "%SLEEP%")+working(t, on, "%seq_1_to%") >= 3 })
	terminate(t, h)
	cut(t, "working", c["working"])
	play(t, "idle", c["idle"], wiretest.SendQuery("SELECT 1"), answered1053(1), wiretest.ExpectClosed())
	cut(t, "in a result", c["in a result"])
	ended(t, h, 5*time.Second)
	for i, db := range on {
		if n := count(t, db, "SELECT COUNT(*) FROM accounts WHERE v <> 100"); n != 0 {
			t.Errorf("shard %d: %d rows of a transaction that was cut", i, n)
		}
	}
	for _, pattern := range []string{"%SLEEP%", "%seq_1_to%"} {
		eventually(t, "no shard works", func() bool { return working(t, on, pattern) == 0 })
	}
}

// A second signal ends at once, with the words that the deadline would have brought.
func TestDrainTwice(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		h, c := drainable(t, "5m", "in transaction")
		client := c["in transaction"]
		play(t, "in transaction", client, wiretest.SendQuery("BEGIN"), wiretest.ExpectOK(nil), wiretest.SendQuery("UPDATE accounts SET v = v + 1"), wiretest.ExpectOK(nil))
		terminate(t, h)
		if err := h.Signal(second); err != nil {
			t.Fatal(err)
		}
		closed := false
		asked := func() bool { // the signal may come in after the first
			if closed = client.Play(wiretest.SendCommand(wire.Bare(wire.ComPing))) != nil; closed {
				return true // it crossed with the words
			}
			return client.Play(answered1053(1)) == nil
		}
		eventually(t, "the session is cut", asked)
		if !closed {
			play(t, "in transaction", client, wiretest.ExpectClosed())
		}
		ended(t, h, 5*time.Second)
	}
}
