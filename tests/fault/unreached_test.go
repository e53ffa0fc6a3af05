package fault

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// A statement waits for the answer of a silent server to a question that Heddle asks on another connection than the
// statement's: KILL and KILL QUERY end that too.
func TestKillWhoAsks(t *testing.T) {
	links := []*harness.Relay{harness.NewRelay(t, env.Shards[0].Addr()), harness.NewRelay(t, env.Shards[1].Addr())} // what any server can answer would go to the other
	h, db := startHeddle(t, links[0].Addr(), links[1].Addr())
	exec(t, db, "CREATE TABLE IF NOT EXISTS places (id INT PRIMARY KEY)")
	exec(t, db, "SELECT COUNT(*) FROM places, (SELECT COUNT(*) FROM accounts) AS a")
	kills := h.Open(t, "root", "", "shop")
	exec(t, kills, "DO 0")
	for i, verb := range []string{"KILL QUERY", "KILL"} {
		for _, statement := range []string{
			fmt.Sprintf("SELECT v + %d AS w, COUNT(*) FROM accounts GROUP BY w ORDER BY w", i), // its columns
			fmt.Sprintf("INSERT INTO accounts VALUES (1000 + LENGTH(UUID()) * %d, 1)", i),      // its key
			fmt.Sprintf("SET @@group_concat_max_len = %d", 5000+i),                             // what is set
			"CREATE TABLE made (id INT)",                                                       // on the one server; what it was before
		} {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var id uint32
			if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			for _, l := range links {
				l.Hold()
			}
			ended := make(chan error, 1)
			go func() {
				_, err := c.ExecContext(t.Context(), statement)
				ended <- err
			}()
			eventually(t, "the statement is under way", func() bool { return runs(t, kills, id, statement) })
			exec(t, kills, fmt.Sprint(verb, " ", id))
			select {
			case err := <-ended:
				if err == nil {
					t.Errorf("%s of %s: it is answered", verb, statement)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s of %s does not end it", verb, statement)
			}
			for _, l := range links {
				l.Release()
			}
			_ = c.Close() // it may have been killed
			warm(t, db)
		}
	}
}

// At the drain's deadline everything ends, a COMMIT to a silent server too: its client is told that its outcome is not
// known, and the log is.
func TestDrainEndsSilentCommit(t *testing.T) {
	for name, hang := range map[string]string{"waited for": "0s", "found to hang first": "1s"} {
		t.Run(name, func(t *testing.T) { drainEndsSilentCommit(t, hang) })
	}
}

func drainEndsSilentCommit(t *testing.T, hang string) {
	link := harness.NewRelay(t, env.Shards[1].Addr())
	h := startHeddleWith(t, map[string]string{"drain.deadline": "500ms", "transactions.type": "local", "pool.hang_timeout": hang}, env.Shards[0].Addr(), link.Addr())
	fill(t, h.Open(t, "root", "", "shop"))
	on := shards(t)
	first, second, third := count(t, on[0], "SELECT MIN(id) FROM accounts"), count(t, on[1], "SELECT MIN(id) FROM accounts"), count(t, on[1], "SELECT MAX(id) FROM accounts")
	both, alone := rawClient(t, h), rawClient(t, h)
	play(t, "both", both, wiretest.SendQuery("BEGIN"), wiretest.ExpectOK(nil),
		wiretest.SendQuery(fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id IN (%d, %d)", first, second)), wiretest.ExpectOK(nil))
	play(t, "alone", alone, wiretest.SendQuery("BEGIN"), wiretest.ExpectOK(nil),
		wiretest.SendQuery(fmt.Sprintf("UPDATE accounts SET v = v + 1 WHERE id = %d", third)), wiretest.ExpectOK(nil))
	link.Hold()
	play(t, "both", both, wiretest.SendQuery("COMMIT"))
	play(t, "alone", alone, wiretest.SendQuery("COMMIT"))
	eventually(t, "shard 0 has committed", func() bool {
		return count(t, on[0], "SELECT COUNT(*) FROM accounts WHERE v <> 100") > 0
	})
	looks := h.Open(t, "root", "", "shop")
	eventually(t, "both commit", func() bool {
		a, err := harness.Ask(t.Context(), looks, "SHOW PROCESSLIST")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, row := range a.Rows {
			if row[7] == "COMMIT" {
				n++
			}
		}
		return n == 2 || strings.Contains(h.Log(), "a data source is down") // then both are told already
	})
	terminate(t, h)
	play(t, "both", both, wiretest.ExpectErr(1180), wiretest.ExpectClosed())
	play(t, "alone", alone, wiretest.ExpectErr(1180), wiretest.ExpectClosed())
	ended(t, h, 15*time.Second)
	if n := strings.Count(h.Log(), "whether it is done is unknown"); n != 2 && hang == "0s" {
		t.Errorf("the log tells of %d COMMITs whose outcome is unknown, want 2", n)
	}
}

// A table that no rule names is where it is found: while a data source is down, the error says why that one matters to a
// table of another, and how the rules make the place known.
func TestUnnamedTableWhileAShardIsDown(t *testing.T) {
	exec(t, harness.Open(t, env.Shards[0].Config("shop")), "DROP TABLE IF EXISTS lone")
	exec(t, harness.Open(t, env.Shards[0].Config("shop")), "CREATE TABLE lone (id INT PRIMARY KEY)")
	link := harness.NewRelay(t, env.Shards[1].Addr())
	link.Refuse(true)
	h := startHeddleWith(t, nil, env.Shards[0].Addr(), link.Addr())
	db := h.Open(t, "root", "", "shop")
	const says = "whether shop.lone, which the rules do not name, is on ds_1 cannot be asked (with single: {DATA_SOURCE: [lone]} in the rules nobody would have to)"
	if err := ask(t, db, "SELECT * FROM lone"); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("a table that may be on a data source which is down: %v", err)
	}
	link.Refuse(false)
	eventually(t, "the table is found", func() bool { return ask(t, db, "SELECT * FROM lone") == nil })
	exec(t, db, "DROP TABLE lone")
}
