package fault

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// startWide starts heddles whose accounts and ledger are over four data sources, two on each server.
func startWide(t *testing.T, n int) (out []*harness.Heddle) {
	t.Helper()
	makeWide(t)
	for range n {
		out = append(out, startWideWith(t))
	}
	return out
}

// makeWide makes the schemas of that database, for as long as the test runs.
func makeWide(t *testing.T) {
	t.Helper()
	for _, shard := range shards(t) {
		exec(t, shard, "CREATE DATABASE IF NOT EXISTS wide_0")
		exec(t, shard, "CREATE DATABASE IF NOT EXISTS wide_1")
	}
	t.Cleanup(func() {
		for _, shard := range env.Shards {
			db := harness.Open(t, shard.Config("shop"))
			for _, schema := range []string{"wide_0", "wide_1"} {
				_, _ = db.ExecContext(context.Background(), "DROP DATABASE "+schema) // the servers are the next thing to go
			}
		}
	})
}

// startWideWith starts one, with variables of its environment.
func startWideWith(t *testing.T, variables ...string) *harness.Heddle {
	t.Helper()
	return env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: wide
defaults: {user: root}
data_sources:
  ds_0: {address: %[1]q, schema: wide_0}
  ds_1: {address: %[2]q, schema: wide_0}
  ds_2: {address: %[1]q, schema: wide_1}
  ds_3: {address: %[2]q, schema: wide_1}
slots: {ds_0: 0-4095, ds_1: 4096-8191, ds_2: 8192-12287, ds_3: 12288-16383}
tables:
  accounts: {key: id}
  ledger: {key: id}
binding: [[accounts, ledger]]
`, env.Shards[0].Addr(), env.Shards[1].Addr()), fmt.Sprintf(`database: plain
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
`, env.Shards[0].Addr())},
		Users: "users: {root: {}}",
		Set:   map[string]string{"transactions.type": "xa"},
		Env:   variables,
	})
}

// places are the accounts of a transfer.
func places(n int64) (from, to int) {
	from, to = 1+int(n)*7%40, 1+int(n)*11%39
	if from == to {
		to++
	}
	return from, to
}

// movers have clients move money over all shards until the test has seen enough: in transactions of several statements, and by one statement.
func movers(t *testing.T, banks []*harness.Heddle, clients int) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var numbers, moved atomic.Int64
	var all sync.WaitGroup
	for c := range clients {
		db := banks[c%len(banks)].Open(t, "root", "", "wide")
		db.SetMaxOpenConns(1)
		exec(t, db, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") // without gap locks they stand in each other's way less
		all.Go(func() {
			for ctx.Err() == nil {
				n := numbers.Add(1)
				from, to := places(n)
				var err error
				switch n % 4 {
				case 0:
					_, err = db.ExecContext(ctx, "UPDATE accounts SET v = IF(id = ?, v - 1, v + 1) WHERE id IN (?, ?)", from, from, to)
				case 1:
					for _, old := range []int64{n - 199, n - 198} { // which keeps the ledger short
						from, to := places(old)
						_, err = db.ExecContext(ctx, "DELETE FROM ledger WHERE id IN (?, ?) AND n = ?", from, to, old)
					}
				default:
					err = transfer(ctx, db, n, from, to)
				}
				if err == nil {
					moved.Add(1)
				}
			}
		})
	}
	return func() int64 {
		cancel()
		all.Wait()
		return moved.Load()
	}
}

// glance is one way to look at all the money; it returns what there is, and 4000 if nothing is fractured.
type glance struct {
	name string
	look func(ctx context.Context, c *sql.Conn) (int, error)
}

func added(ctx context.Context, c interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string, args ...any) (total int, err error) {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v sql.NullInt64 // of no rows
		if err := rows.Scan(&v); err != nil {
			return 0, err
		}
		total += int(v.Int64)
	}
	return total, rows.Err()
}

var glances = []glance{
	{"a sum", func(ctx context.Context, c *sql.Conn) (int, error) {
		return added(ctx, c, "SELECT SUM(v) FROM accounts")
	}},
	{"rows as text", func(ctx context.Context, c *sql.Conn) (int, error) {
		return added(ctx, c, "SELECT v FROM accounts ORDER BY id")
	}},
	{"rows of a prepared statement", func(ctx context.Context, c *sql.Conn) (int, error) {
		return added(ctx, c, "SELECT v FROM accounts WHERE id > ?", 0)
	}},
	{"a statement in parts", func(ctx context.Context, c *sql.Conn) (int, error) {
		return added(ctx, c, "SELECT (SELECT SUM(v) FROM accounts) + (SELECT IFNULL(SUM(amount), 0) FROM ledger)")
	}},
	{"a transaction that reads", func(ctx context.Context, c *sql.Conn) (total int, err error) {
		tx, err := c.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return 0, err
		}
		defer func() { _ = tx.Rollback() }() // it has only read
		var ledger, sum int
		if _, err = added(ctx, tx, "SELECT v FROM accounts WHERE id = 1"); err == nil { // from then on it is of one moment
			ledger, err = added(ctx, tx, "SELECT SUM(amount) FROM ledger")
		}
		if err == nil {
			sum, err = added(ctx, tx, "SELECT SUM(v) FROM accounts")
		}
		for from := 1; from <= 40 && err == nil; from += 10 {
			var v int
			v, err = added(ctx, tx, fmt.Sprintf("SELECT v FROM accounts WHERE id BETWEEN %d AND %d", from, from+9))
			total += v
		}
		if err == nil && (total != sum || ledger != 0) {
			return -1, nil
		}
		return total, err
	}},
}

// While money is moved over four data sources, plain reads see halves of transfers, and atomic ones none. `make atomic-reads` has it read as often as
// HEDDLE_READS says.
func TestAtomicReads(t *testing.T) {
	wanted := 600
	if n, err := strconv.Atoi(os.Getenv("HEDDLE_READS")); err == nil {
		wanted = n
	}
	banks := startWide(t, 2)
	bank(t, banks[0].Open(t, "root", "", "wide"))
	stop := movers(t, banks, 6)
	began := time.Now()
	var fractured, read [2]atomic.Int64
	var sums, summed [2]atomic.Int64 // how long a sum takes
	var refused atomic.Int64
	var readers sync.WaitGroup
	for r := range 4 {
		atomicReads := r < 3
		c := conn(t, banks[r%2].Open(t, "root", "", "wide"))
		if atomicReads {
			exec(t, c, "SET heddle_read = 'atomic'")
		}
		at := map[bool]int{false: 0, true: 1}[atomicReads]
		readers.Go(func() {
			for n := r; ; n++ {
				if atomicReads && int(read[1].Load()) >= wanted || !atomicReads && (int(read[0].Load()) >= wanted/4+200 && fractured[0].Load() > 0 || time.Since(began) > time.Minute) {
					return
				}
				g, asked := glances[n%len(glances)], time.Now()
				total, err := g.look(t.Context(), c)
				if g.name == "a sum" {
					sums[at].Add(int64(time.Since(asked)))
					summed[at].Add(1)
				}
				if err != nil {
					switch refused.Add(1); code(err) {
					case 1205, 1213: // as any transaction may be told
					case 1317, 1927: // a connection that recovery took for the home of an aborted transaction
					default:
						t.Errorf("%s: %v", g.name, err)
						return
					}
					continue
				}
				read[at].Add(1)
				if total != 4000 {
					if fractured[at].Add(1); atomicReads {
						t.Errorf("%s: %d in all, 4000 at the start", g.name, total)
					}
				}
			}
		})
	}
	readers.Wait()
	took, moved := time.Since(began), stop()
	t.Logf("%d transfers in %s; plain: %d of %d reads fractured; atomic: %d of %d, %d refused", moved, took.Round(time.Second), fractured[0].Load(), read[0].Load(), fractured[1].Load(), read[1].Load(), refused.Load())
	for at, name := range []string{"plain", "atomic"} {
		t.Logf("a sum takes %s on average, %s", time.Duration(sums[at].Load()/max(1, summed[at].Load())).Round(10*time.Microsecond), name)
	}
	if fractured[0].Load() == 0 {
		t.Error("plain reads were never fractured: the test shows nothing")
	}
	if moved < 100 {
		t.Errorf("only %d transfers were made", moved)
	}
	if refused.Load()*20 > read[1].Load() {
		t.Errorf("%d atomic reads were refused, %d answered", refused.Load(), read[1].Load())
	}
}

// What atomic reads cannot promise is refused, with the reason; what is on one shard runs as ever, and on servers with the same statements.
func TestAtomicReadRefusals(t *testing.T) {
	banks := startWide(t, 1)
	db := banks[0].Open(t, "root", "", "wide")
	bank(t, db)
	on := shards(t)
	exec(t, on[0], "DROP DATABASE IF EXISTS plain")
	exec(t, on[0], "CREATE DATABASE plain")
	exec(t, on[0], "CREATE FUNCTION plain.noted() RETURNS INT DETERMINISTIC RETURN 1")
	exec(t, on[0], "CREATE TABLE plain.one (a INT)")
	c := conn(t, db)
	for _, refused := range []string{"SET GLOBAL heddle_read = 'atomic'", "SET heddle_read = 'atomic', @a = 1"} {
		if _, err := c.ExecContext(t.Context(), refused); code(err) != 1235 {
			t.Errorf("%s: %v", refused, err)
		}
	}
	if _, err := c.ExecContext(t.Context(), "SET heddle_read = 'half'"); code(err) != 1231 {
		t.Errorf("a value that there is not: %v", err)
	}
	exec(t, c, "SET SESSION heddle_read = atomic")
	var value string
	if err := c.QueryRowContext(t.Context(), "SELECT @@heddle_read").Scan(&value); err != nil || value != "atomic" {
		t.Errorf("the setting is %q, %v", value, err)
	}
	const all = "SELECT SUM(v) FROM accounts"
	for _, step := range []struct {
		sql  string
		code uint16
	}{
		{all, 0}, {"SELECT SUM(v) FROM accounts FOR UPDATE", 0}, {"SET @all = (SELECT SUM(v) FROM accounts)", 0}, {"DO (SELECT SUM(v) FROM accounts)", 0},
		{"SELECT plain.noted(), id FROM accounts", 1235},
		{"BEGIN", 0}, {"SET heddle_read = plain", 1568}, {"SELECT v FROM accounts WHERE id = 1", 0}, {all, 1235}, {"UPDATE accounts SET v = v", 0}, {"COMMIT", 0},
		{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", 0}, {"BEGIN", 0}, {all, 0}, {"COMMIT", 0},
		{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", 0}, {"START TRANSACTION READ ONLY", 0}, {all, 1235}, {"ROLLBACK", 0},
		{"START TRANSACTION READ ONLY", 0}, {"SELECT v FROM accounts WHERE id = 1", 0}, {"SAVEPOINT a", 0}, {all, 0}, {"ROLLBACK TO a", 0}, {"SELECT a FROM plain.one", 0}, {"COMMIT", 0},
		{"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", 0}, {all, 0}, {"UPDATE accounts SET v = v WHERE id = 1", 1792}, {"COMMIT", 0},
		{"LOCK TABLES accounts READ", 0}, {all, 1235}, {"UNLOCK TABLES", 0},
		{"SET autocommit = 0", 0}, {all, 1235}, {"ROLLBACK", 0}, {"SET TRANSACTION READ ONLY", 0}, {all, 0}, {"ROLLBACK", 0}, {"SET autocommit = 1", 0},
		{"SET heddle_read = DEFAULT", 0}, {"BEGIN", 0}, {all, 0}, {"COMMIT", 0},
	} {
		rows, err := c.QueryContext(t.Context(), step.sql)
		for err == nil && rows.Next() {
		}
		if err == nil {
			err = rows.Err()
			_ = rows.Close()
		}
		if code(err) != step.code || err != nil && step.code == 0 {
			t.Errorf("%s: %v, not %d", step.sql, err, step.code)
		}
	}
	exec(t, c, "SET heddle_read = atomic")
	before := count(t, on[0], statusOf("Com_begin"))
	for id := 1; id <= 40; id++ {
		exec(t, c, fmt.Sprintf("SELECT v FROM accounts WHERE id = %d", id))
	}
	if n := count(t, on[0], statusOf("Com_begin")) - before; n != 0 {
		t.Errorf("%d transactions were begun for reads of one shard", n)
	}
}

// Who asks by name finds the variables that a session has of Heddle; who asks for all finds what one server has.
func TestHeddleVariables(t *testing.T) {
	c := conn(t, startBank(t, nil).Open(t, "root", "", "shop"))
	const all = "heddle_read\tatomic; heddle_shard_value\t3; heddle_transaction_type\tlocal; "
	for _, set := range []string{"SET heddle_read = 'atomic'", "SET heddle_shard_value = 3", "SET heddle_transaction_type = 'local'"} {
		exec(t, c, set)
	}
	table := by("information_schema.SESSION_VARIABLES", "performance_schema.session_variables")
	for query, want := range map[string]string{
		"SHOW VARIABLES LIKE 'heddle%'":                                                        all,
		"SHOW SESSION VARIABLES LIKE \"HEDDLE\\_%\"":                                           all,
		"SHOW VARIABLES WHERE Variable_name LIKE 'heddle%'":                                    all,
		"SHOW VARIABLES LIKE 'heddle_read'":                                                    "heddle_read\tatomic; ",
		"SHOW VARIABLES WHERE Variable_name = 'heddle_read' AND Value = 'atomic'":              "heddle_read\tatomic; ",
		"SHOW VARIABLES WHERE Variable_name = 'heddle_read' AND Value = 'plain'":               "",
		"SHOW VARIABLES WHERE Variable_name IN ('heddle_read', 'autocommit')":                  "autocommit\tON; heddle_read\tatomic; ",
		"SHOW GLOBAL VARIABLES LIKE 'heddle%'":                                                 "",
		"SHOW VARIABLES LIKE '%eddle_read'":                                                    "",
		"SELECT * FROM " + table + " WHERE VARIABLE_NAME LIKE 'heddle%' ORDER BY 1":            all,
		"SELECT VARIABLE_VALUE FROM " + table + " WHERE VARIABLE_NAME = 'heddle_read'":         "atomic; ",
		"SELECT VARIABLE_NAME FROM " + table + " WHERE VARIABLE_NAME LIKE '%transaction_type'": "",
		"SELECT @@heddle_read, @@session.heddle_shard_value, @@heddle_transaction_type":        "atomic\t3\tlocal; ",
	} {
		if got := strings.ReplaceAll(answerTo(t.Context(), c, query), "\t\n", "; "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
