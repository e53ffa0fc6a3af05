package fault

import (
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// Statements wait for the shards no more often than they must: over links that take 40 ms each way a statement's time, at best,
// says how often. A write to one shard in autocommit is one round trip; over several it begins, runs and commits on all of them
// at the same time.
func TestRoundTrips(t *testing.T) {
	const (
		there  = 40 * time.Millisecond
		most   = 0.9 // of a round trip: what servers, and the race detector, may take; one more is never less than one
		atomic = "SET heddle_transaction_type = 'xa'"
	)
	links := []*harness.Relay{harness.NewRelay(t, env.Shards[0].Addr()), harness.NewRelay(t, env.Shards[1].Addr())}
	_, db := startHeddle(t, links[0].Addr(), links[1].Addr())
	c := conn(t, db)
	exec(t, c, "SELECT COUNT(*) FROM accounts")
	exec(t, c, "SET heddle_transaction_type = 'local'")
	for _, link := range links {
		link.Delay(there)
	}
	for _, x := range []struct {
		name       string
		statements []string // the last one's time is taken
		trips      float64
	}{
		{"a row is read", []string{"SELECT v FROM accounts WHERE id = 1"}, 1},
		{"a row is changed", []string{"UPDATE accounts SET v = v + 1 WHERE id = 1"}, 1},
		{"all shards are read", []string{"SELECT SUM(v) FROM accounts"}, 1},
		{"all shards are written", []string{"UPDATE accounts SET v = v + 1"}, 3},
		{"a transaction begins", []string{"BEGIN"}, 0},
		{"a transaction's first row", []string{"BEGIN", "UPDATE accounts SET v = v + 1 WHERE id = 1"}, 2},
		{"a transaction's first write to all shards", []string{"BEGIN", "UPDATE accounts SET v = v + 1"}, 3}, // with the savepoint
		{"its second", []string{"BEGIN", "UPDATE accounts SET v = v + 1", "UPDATE accounts SET v = v + 1"}, 2},
		{"its savepoint", []string{"BEGIN", "UPDATE accounts SET v = v + 1", "SAVEPOINT a"}, 1},
		{"its end", []string{"BEGIN", "UPDATE accounts SET v = v + 1", "COMMIT"}, 1},
		{"an atomic transaction's first row", []string{atomic, "BEGIN", "UPDATE accounts SET v = v + 1 WHERE id = 1"}, 2},
		{"an atomic transaction's first write to all shards", []string{atomic, "BEGIN", "UPDATE accounts SET v = v + 1"}, 3},
		{"an atomic write to all shards", []string{atomic, "UPDATE accounts SET v = v + 1"}, 5}, // begun, done, prepared, decided, delivered
		{"the end of one on one shard", []string{atomic, "BEGIN", "UPDATE accounts SET v = v + 1 WHERE id = 1", "COMMIT"}, 1},
		{"the end of one on all shards", []string{atomic, "BEGIN", "UPDATE accounts SET v = v + 1", "COMMIT"}, 3}, // prepared, decided, delivered
	} {
		least := time.Hour
		for tries := 0; tries < 60 && (tries < 2 || least.Seconds() > (x.trips+most)*2*there.Seconds()); tries++ {
			var took time.Duration
			for _, q := range x.statements {
				began := time.Now()
				exec(t, c, q)
				took = time.Since(began)
			}
			least = min(least, took)
			exec(t, c, "ROLLBACK")
			exec(t, c, "SET heddle_transaction_type = 'local'")
		}
		if trips := least.Seconds() / (2 * there.Seconds()); trips > x.trips+most {
			t.Errorf("%s: %.1f round trips, want %v", x.name, trips, x.trips)
		}
	}
}
