package fault

import (
	"fmt"
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
	h := env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: shop
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  accounts: {key: id}
  numbered: {key: id, generate: {column: id, type: snowflake}}
  owned: {key: owner}
`, links[0].Addr(), links[1].Addr())},
		Users: "users: {root: {}}",
		Set:   map[string]string{"pool.connect_timeout": "1s", "pool.wait_timeout": "2s"},
	})
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	c := conn(t, db)
	for _, q := range []string{
		"DROP TABLE IF EXISTS numbered, owned", "CREATE TABLE numbered (id BIGINT PRIMARY KEY, v INT NOT NULL)",
		"CREATE TABLE owned (owner INT NOT NULL, v INT NOT NULL)", "INSERT INTO numbered (v) VALUES (1)", "INSERT INTO numbered (v) VALUES (1)",
		"INSERT INTO owned VALUES (1, 1), (1, 2), (1, 3)",
		"DELETE FROM accounts WHERE id = 1000", "INSERT INTO accounts VALUES (1000, 1)", "DELETE FROM accounts WHERE id = 1000",
	} {
		exec(t, c, q)
	}
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
		{"a row is inserted", []string{"DELETE FROM accounts WHERE id = 1000", "INSERT INTO accounts VALUES (1000, 1)"}, 1},
		{"a row with a generated id is inserted", []string{"INSERT INTO numbered (v) VALUES (1)"}, 1},
		{"rows of one shard are inserted", []string{"INSERT INTO owned VALUES (1, 1), (1, 2), (1, 3)"}, 1},
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
