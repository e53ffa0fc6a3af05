package xa

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// readCount is what reads of the work's tables came to, of one kind: atomic ones, or plain ones beside them.
type readCount struct {
	Made, Fractured int
	Failed          map[string]int // that ended with an error and said nothing, by its number
}

func (c *readCount) add(more readCount) {
	c.Made += more.Made
	c.Fractured += more.Fractured
	if c.Failed == nil {
		c.Failed = map[string]int{}
	}
	for name, n := range more.Failed {
		c.Failed[name] += n
	}
}

// String is what they are in the account.
func (c *readCount) String() string {
	failed := 0
	for _, n := range c.Failed {
		failed += n
	}
	return fmt.Sprintf("%d answered, %d of them fractured; %d ended with an error: %v", c.Made, c.Fractured, failed, c.Failed)
}

// read looks at what the others write, with heddle_read = 'atomic', and now and then without: then halves of transactions are to be seen, and only
// counted. It returns the error by which the read ended; its number is counted here.
func (w *work) read(ctx context.Context, c *sql.Conn, rnd *rand.Rand) error {
	how := "atomic"
	if rnd.IntN(8) == 0 {
		how = "plain"
	}
	wrong := ""
	_, err := c.ExecContext(ctx, "SET heddle_read = '"+how+"'")
	if err == nil {
		wrong, err = w.glance(ctx, c, rnd)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	count := w.reads[how]
	switch {
	case err != nil:
		name := errorName(err)
		if count.Failed[name]++; !slices.Contains(readsMayEnd, name) {
			w.t.Logf("a read, %s, ended with %v", how, err)
		}
	case wrong != "":
		count.Fractured++
		fallthrough
	default:
		count.Made++
	}
	if wrong != "" && how == "atomic" {
		w.t.Errorf("FRACTURED: %s", wrong)
	}
	return err
}

// readsMayEnd are errors that a read may be told while servers and links die: it has waited for too long, or its server has gone.
var readsMayEnd = []string{"connection", "1180", "1205", "1213", "1317", "1429", "1927"}

// glance is one way to read from all servers: one statement, or several in a transaction that only reads. It returns what shows half of a transaction.
func (w *work) glance(ctx context.Context, c *sql.Conn, rnd *rand.Rand) (wrong string, err error) {
	var do func(ctx context.Context, on harness.Asker, rnd *rand.Rand) (string, error)
	switch rnd.IntN(4) {
	case 0:
		do = readMoney
	case 1:
		do = w.readSet
	case 2:
		do = readLedger
	default:
		tx, err := c.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return "", err
		}
		defer func() { _ = tx.Rollback() }() // it has only read
		return w.readAll(ctx, tx, rnd)
	}
	return do(ctx, c, rnd)
}

// table reads rows of numbers or texts.
func table(ctx context.Context, on harness.Asker, query string, args ...any) (out [][2]string, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var row [2]string
		if err := rows.Scan(&row[0], &row[1]); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// readMoney: what there is in all accounts never changes.
func readMoney(ctx context.Context, on harness.Asker, rnd *rand.Rand) (string, error) {
	query, args := "SELECT 0, SUM(v) FROM accounts", []any{}
	switch rnd.IntN(3) {
	case 1:
		query = "SELECT id, v FROM accounts ORDER BY v"
	case 2:
		query, args = "SELECT id, v FROM accounts WHERE id > ?", []any{0}
	}
	rows, err := table(ctx, on, query, args...)
	if err != nil {
		return "", err
	}
	total := 0
	for _, row := range rows {
		v, _ := strconv.Atoi(row[1])
		total += v
	}
	if total != 100*accounts {
		return fmt.Sprintf("%s: %d in all", query, total), nil
	}
	return "", nil
}

// readSet: the counters of a group were counted by the same.
func (w *work) readSet(ctx context.Context, on harness.Asker, rnd *rand.Rand) (string, error) {
	g := rnd.IntN(groups)
	ids := w.sets[g]
	rows, err := table(ctx, on, fmt.Sprintf("SELECT id, ids FROM counters WHERE id IN (%d, %d, %d)", ids[0], ids[1], ids[2]))
	if err != nil {
		return "", err
	}
	if len(rows) != 3 || rows[0][1] != rows[1][1] || rows[0][1] != rows[2][1] {
		return fmt.Sprintf("group %d: %v", g, rows), nil
	}
	return "", nil
}

// readLedger: the amounts of each transfer are 0 together.
func readLedger(ctx context.Context, on harness.Asker, _ *rand.Rand) (string, error) {
	rows, err := table(ctx, on, "SELECT n, SUM(amount) FROM ledger GROUP BY n")
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if row[1] != "0" {
			return fmt.Sprintf("of transfer %s the amounts are %s together", row[0], row[1]), nil
		}
	}
	return "", nil
}

// readAll is several statements that see one moment: each for itself, and accounts as their ledger has them.
func (w *work) readAll(ctx context.Context, on harness.Asker, rnd *rand.Rand) (string, error) {
	var said []string
	for _, do := range []func(context.Context, harness.Asker, *rand.Rand) (string, error){readMoney, w.readSet, readLedger, w.readSet} {
		wrong, err := do(ctx, on, rnd)
		if err != nil {
			return "", err
		}
		if wrong != "" {
			said = append(said, wrong)
		}
	}
	balance, err := table(ctx, on, "SELECT id, v - 100 FROM accounts WHERE v <> 100")
	if err != nil {
		return "", err
	}
	ledger, err := table(ctx, on, "SELECT id, SUM(amount) FROM ledger GROUP BY id HAVING SUM(amount) <> 0")
	if err != nil {
		return "", err
	}
	if !maps.Equal(byFirst(balance), byFirst(ledger)) {
		said = append(said, fmt.Sprintf("accounts %v, by their ledger %v", balance, ledger))
	}
	return strings.Join(said, "; "), nil
}

func byFirst(rows [][2]string) map[string]string {
	out := map[string]string{}
	for _, row := range rows {
		out[row[0]] = row[1]
	}
	return out
}

// seesHalves breaks each of what the reads look at, on one server, and has them find it.
func (w *work) seesHalves(t *testing.T, db *sql.DB) {
	t.Helper()
	rnd, ids := rand.New(rand.NewPCG(1, 1)), w.sets[3]
	for _, c := range []struct {
		half string
		find func(context.Context, harness.Asker, *rand.Rand) (string, error)
	}{
		{"UPDATE torture.accounts SET v = v - 1 ORDER BY id LIMIT 1", readMoney},
		{"INSERT INTO torture.ledger SELECT id, 1, -1 FROM torture.accounts ORDER BY id LIMIT 1", readLedger},
		{fmt.Sprintf("UPDATE torture.counters SET n = n + 1, ids = CONCAT(ids, ',1') WHERE id = %d", ids[0]), func(ctx context.Context, on harness.Asker, rnd *rand.Rand) (wrong string, err error) {
			for range 100 { // until it is that group
				if wrong, err = w.readSet(ctx, on, rnd); wrong != "" || err != nil {
					break
				}
			}
			return wrong, err
		}},
		{"UPDATE torture.accounts SET v = v - 1 ORDER BY id LIMIT 1", w.readAll},
	} {
		if _, err := control[0].ExecContext(t.Context(), c.half); err != nil {
			t.Fatal(err)
		}
		if wrong, err := c.find(t.Context(), db, rnd); wrong == "" || err != nil {
			t.Errorf("%s, and a read finds nothing: %v", c.half, err)
		}
		w.reset()
		if wrong, err := c.find(t.Context(), db, rnd); wrong != "" || err != nil {
			t.Errorf("a read finds %q where all is whole: %v", wrong, err)
		}
	}
}
