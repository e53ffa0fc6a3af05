package fault

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// strikes is how many KILLs are spread over the time that a statement takes.
const strikes = 8

// killable are statements that write on both shards: in one step, in several with a transaction of their own, and the
// client's COMMIT.
var killable = []struct{ name, write, done, undo string }{
	{"a write in autocommit", "UPDATE accounts SET v = v + 1", "v <> 100", "UPDATE accounts SET v = 100"},
	{"by key", "UPDATE accounts SET v = v + 1 ORDER BY v, id LIMIT 40", "v <> 100", "UPDATE accounts SET v = 100"},
	{"a computed key", "UPDATE accounts SET id = id + 0, v = v + 1", "v <> 100", "UPDATE accounts SET v = 100"},
	{"INSERT … SELECT", "INSERT INTO accounts SELECT id + 1000, v FROM accounts", "id > 1000", "DELETE FROM accounts WHERE id > 1000"},
	{"COMMIT", "COMMIT", "v <> 100", "UPDATE accounts SET v = 100"},
}

// eachKill runs a test for each statement and both KILLs, through links of their own. kind is how transactions commit.
func eachKill(t *testing.T, kind string, f func(t *testing.T, k *killing)) {
	fast, slow := harness.NewRelay(t, env.Shards[0].Addr()), harness.NewRelay(t, env.Shards[1].Addr())
	h := startHeddleWith(t, map[string]string{"transactions.type": kind}, fast.Addr(), slow.Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	db.SetMaxIdleConns(0) // a connection that may have been killed serves no other statement
	kills := h.Open(t, "root", "", "shop")
	fast.Delay(2 * time.Millisecond)
	slow.Delay(4 * time.Millisecond)
	on := shards(t)
	for _, c := range killable {
		for _, verb := range []string{"KILL QUERY", "KILL"} {
			t.Run(c.name+"/"+verb, func(t *testing.T) {
				k := &killing{t: t, db: db, kills: kills, on: on, verb: verb, write: c.write, done: c.done}
				k.round(-1) // plans are made
				undo(t, on, c.undo)
				f(t, k)
				undo(t, on, c.undo)
			})
		}
	}
}

// A KILL strikes a statement at each point of its life: the links are slow, one of them slower, so that the shards are at
// different steps. Both have what it did, or neither, and the client's answer says which.
func TestKillStrikesAnywhere(t *testing.T) {
	eachKill(t, "auto", func(t *testing.T, k *killing) {
		whole := k.round(-1)
		for i := range strikes {
			undo(t, k.on, k.undoing())
			k.round(whole * time.Duration(i) / (strikes - 2)) // the last come after its end
		}
		if k.struck == 0 && k.write != "COMMIT" || k.survived == 0 {
			t.Errorf("%d statements of %v were killed and %d were not: the KILLs do not come all over them", k.struck, whole, k.survived)
		}
	})
}

// In mode LOCAL, a KILL strikes while one shard has committed and the other waits in its COMMIT: nobody may end that.
func TestKillStrikesCommit(t *testing.T) {
	eachKill(t, "local", func(t *testing.T, k *killing) {
		zero, one := k.on[0], conn(t, k.on[1])
		for range 5 {
			undo(t, k.on, k.undoing())
			exec(t, one, "BACKUP STAGE START")
			exec(t, one, "BACKUP STAGE BLOCK_COMMIT")
			c, id := k.client()
			ended := make(chan error, 1)
			go func() {
				_, err := c.ExecContext(t.Context(), k.write)
				ended <- err
			}()
			waits := func() bool {
				return count(t, k.on[1], "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = 'COMMIT' AND STATE LIKE '%backup lock%'") == 1
			}
			eventually(t, "one shard has committed and the other waits", func() bool {
				return waits() && count(t, zero, "SELECT COUNT(*) FROM accounts WHERE "+k.done) > 0
			})
			exec(t, k.kills, fmt.Sprint(k.verb, " ", id)) // answered when all has been sent that is to be
			if !waits() {
				t.Error("the COMMIT of one shard was killed")
			}
			exec(t, one, "BACKUP STAGE END")
			err := <-ended
			_ = c.Close() // it may have been killed
			k.judge(0, err)
		}
		if k.struck > 0 && k.verb == "KILL QUERY" {
			t.Errorf("%d statements that are done were answered with an error", k.struck)
		}
	})
}

// undo takes back what the statement did, on the shards themselves: which connections to the proxy live is not known here.
func undo(t *testing.T, on []*sql.DB, query string) {
	t.Helper()
	for _, db := range on {
		exec(t, db, query)
	}
}

type killing struct {
	t                 *testing.T
	db, kills         *sql.DB
	on                []*sql.DB
	verb, write, done string
	struck, survived  int
}

func (k *killing) undoing() string {
	for _, c := range killable {
		if c.write == k.write {
			return c.undo
		}
	}
	return ""
}

// client is a connection and its id, before its statement.
func (k *killing) client() (c *sql.Conn, id uint32) {
	t := k.t
	t.Helper()
	c, err := k.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if k.write == "COMMIT" {
		exec(t, c, "BEGIN")
		exec(t, c, "UPDATE accounts SET v = v + 1")
	}
	return c, id
}

// round runs the statement, kills it after some time, unless that is negative, and looks at what is on the shards. It
// returns how long the statement took.
func (k *killing) round(after time.Duration) time.Duration {
	t := k.t
	t.Helper()
	c, id := k.client()
	defer func() { _ = c.Close() }() // it may have been killed
	killed := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if after >= 0 {
		timer := time.NewTimer(after)
		go func() {
			<-timer.C
			_, err := k.kills.ExecContext(ctx, fmt.Sprint(k.verb, " ", id))
			killed <- err
		}()
	} else {
		killed <- nil
	}
	began := time.Now()
	_, err := c.ExecContext(t.Context(), k.write)
	took := time.Since(began)
	if kill := <-killed; kill != nil && code(kill) != 1094 {
		t.Fatal(kill)
	}
	if k.write == "COMMIT" && err != nil {
		_ = c.Close() // the transaction may be open still
	}
	k.judge(after, err)
	return took
}

// judge compares the shards with each other and with the answer.
func (k *killing) judge(after time.Duration, err error) {
	t := k.t
	t.Helper()
	var have [2]bool
	look := func() {
		for i, db := range k.on {
			have[i] = count(t, db, "SELECT COUNT(*) FROM accounts WHERE "+k.done) > 0
		}
	}
	look()
	if have[0] != have[1] && err != nil {
		// What a session leaves behind when it is killed is rolled back after it; what is committed stays.
		eventually(t, "both shards have the statement, or neither", func() bool { look(); return have[0] == have[1] })
	}
	switch {
	case have[0] != have[1]:
		t.Fatalf("killed after %v (%v): shard 0 has it: %v, shard 1: %v", after, err, have[0], have[1])
	case err == nil && !have[0]:
		t.Fatalf("killed after %v: the client is told that it is done, and no shard has it", after)
	case err != nil && code(err) != 0 && have[0]:
		t.Fatalf("killed after %v: the client is told %v, and both shards have it", after, err)
	case err == nil:
		k.survived++
	default:
		k.struck++
	}
}
