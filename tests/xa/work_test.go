package xa

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/tests/xa/history"
)

const (
	accounts = 60
	groups   = 8
	lists    = 18
)

// work is what clients do through the processes of a mesh, and what they were told: a bank with a ledger, sets of counters that are
// equal on all servers, and lists to which they append what is read.
type work struct {
	t       testing.TB
	sets    [groups][]int // ids of the counters of a group, one on each server
	numbers atomic.Int64
	over    atomic.Bool // clients begin nothing any more

	mu        sync.Mutex // guards what follows
	transfers map[int64]done
	counted   map[int64]done
	listed    []history.Txn
	errors    map[string]int
	reads     map[string]*readCount // atomic, and plain
}

// done is what became of a transfer or a count: where it would be, and what its client knows.
type done struct {
	state history.State
	want  map[int]int // of a transfer: amounts by account
	group int
}

// newWork makes the tables through a process.
func newWork(t testing.TB, db *sql.DB) *work {
	t.Helper()
	w := &work{t: t}
	run := func(text string) {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	run("DROP TABLE IF EXISTS accounts, ledger, counters, lists")
	run("CREATE TABLE accounts (id INT PRIMARY KEY, v INT NOT NULL)")
	run("CREATE TABLE ledger (id INT NOT NULL, n BIGINT NOT NULL, amount INT NOT NULL, PRIMARY KEY (id, n))")
	run("CREATE TABLE counters (id INT PRIMARY KEY, n INT NOT NULL, ids LONGTEXT NOT NULL)")
	run("CREATE TABLE lists (id INT PRIMARY KEY, v LONGTEXT NOT NULL)")
	for id := 1; id <= accounts; id++ {
		run(fmt.Sprintf("INSERT INTO accounts VALUES (%d, 100)", id))
		run(fmt.Sprintf("INSERT INTO counters VALUES (%d, 0, '')", id))
		run(fmt.Sprintf("INSERT INTO lists VALUES (%d, '')", id))
	}
	for shard := range env.Shards {
		ids := rowsOf(t, shard, "SELECT id FROM torture.counters ORDER BY id")
		if len(ids) < groups {
			t.Fatalf("%d counters are on shard %d", len(ids), shard)
		}
		for g := range w.sets {
			id, err := strconv.Atoi(ids[g][0])
			if err != nil {
				t.Fatal(err)
			}
			w.sets[g] = append(w.sets[g], id)
		}
	}
	return w
}

func rowsOf(t testing.TB, shard int, question string) (out [][]string) {
	t.Helper()
	a, err := harness.Ask(context.Background(), control[shard], question)
	if err != nil || a.Code != 0 {
		t.Fatalf("%s: %s: %v %s", env.Shards[shard].Name(), question, err, a.Message)
	}
	for _, row := range a.Rows {
		var cells []string
		for _, v := range row {
			cells = append(cells, v.(string))
		}
		out = append(out, cells)
	}
	return out
}

// reset empties what the clients have filled, on the servers themselves.
func (w *work) reset() {
	for shard := range env.Shards {
		for _, text := range []string{
			"DELETE FROM torture.ledger", "UPDATE torture.accounts SET v = 100", "UPDATE torture.counters SET n = 0, ids = ''", "UPDATE torture.lists SET v = ''",
		} {
			if _, err := control[shard].Exec(text); err != nil {
				w.t.Errorf("%s: %s: %v", env.Shards[shard].Name(), text, err)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.transfers, w.counted, w.listed, w.errors = map[int64]done{}, map[int64]done{}, nil, map[string]int{}
	w.reads = map[string]*readCount{"atomic": {Failed: map[string]int{}}, "plain": {Failed: map[string]int{}}}
	w.over.Store(false)
}

// clients begin work through a process, until it is over or the process's clients are ended: some of each kind.
func (w *work) clients(m *member, each int, rnd *rand.Rand, all *sync.WaitGroup) {
	begin := func(do func(context.Context, *sql.Conn, *rand.Rand) error, failed func(error)) {
		own := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		all.Go(func() { w.client(m, own, do, failed) })
	}
	for range each {
		for _, do := range []func(context.Context, *sql.Conn, *rand.Rand) error{w.transfer, w.count, w.append} {
			begin(do, w.failed)
		}
		begin(w.read, func(error) {}) // which has counted it
	}
}

func (w *work) client(m *member, rnd *rand.Rand, do func(context.Context, *sql.Conn, *rand.Rand) error, failed func(error)) {
	cfg := m.Config("root", "", database)
	cfg.Timeout, cfg.ReadTimeout, cfg.Logger = 2*time.Second, 20*time.Second, &mysql.NopLogger{}
	cfg.Params = map[string]string{"innodb_lock_wait_timeout": "1"}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		w.t.Error(err)
		return
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-m.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	for ctx.Err() == nil && !w.over.Load() {
		c, err := db.Conn(ctx)
		if err == nil {
			err = do(ctx, c, rnd)
			if err != nil {
				_ = c.Raw(func(any) error { return driver.ErrBadConn }) // it may be in a transaction, and is ended
				failed(err)
			}
			_ = c.Close()
		} else {
			failed(err)
		}
		if err != nil {
			<-time.After(20 * time.Millisecond)
		}
	}
}

// failed counts errors, by number.
func (w *work) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors[errorName(err)]++
}

// errorName is the number of a server's error.
func errorName(err error) string {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return strconv.Itoa(int(e.Number))
	}
	return "connection"
}

// told is what a client knows of a transaction whose COMMIT, or only statement, had this answer.
func told(err error) history.State {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	switch {
	case err == nil:
		return history.Committed
	case ok && e.Number != 1180 && e.Number != 1053 && e.Number < 2000:
		return history.Aborted
	}
	return history.Unknown
}

// within runs a transaction: in autocommit where begin is "".
func within(ctx context.Context, c *sql.Conn, begin, end string, do func() error) (history.State, error) {
	if _, err := c.ExecContext(ctx, begin); err != nil {
		return history.Aborted, err
	}
	if err := do(); err != nil {
		_, _ = c.ExecContext(ctx, "ROLLBACK") // the connection may have ended
		return history.Aborted, err
	}
	_, err := c.ExecContext(ctx, end)
	state := told(err)
	if end == "ROLLBACK" {
		state = history.Aborted
	}
	return state, err
}

// transfer moves money between two or three accounts, most often on different servers; now and then it only looks at one, or
// has thought better of it at the end.
func (w *work) transfer(ctx context.Context, c *sql.Conn, rnd *rand.Rand) error {
	n := w.numbers.Add(1)
	want := map[int]int{}
	for _, id := range rnd.Perm(accounts)[:2+rnd.IntN(2)] {
		want[id+1] = 1
	}
	first := slices.Min(slices.Collect(maps.Keys(want)))
	want[first] = 1 - len(want)
	looks, end := 0, "COMMIT"
	if rnd.IntN(3) == 0 {
		looks = 1 + rnd.IntN(accounts)
	}
	if rnd.IntN(12) == 0 {
		end = "ROLLBACK"
	}
	state, err := within(ctx, c, "BEGIN", end, func() error {
		if looks > 0 {
			if _, err := c.ExecContext(ctx, "SELECT v FROM accounts WHERE id = ?", looks); err != nil {
				return err
			}
		}
		for id, amount := range want {
			if _, err := c.ExecContext(ctx, "UPDATE accounts SET v = v + ? WHERE id = ?", amount, id); err != nil {
				return err
			}
			if _, err := c.ExecContext(ctx, "INSERT INTO ledger VALUES (?, ?, ?)", id, n, amount); err != nil {
				return err
			}
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.transfers[n] = done{state: state, want: want}
	return err
}

// count counts on all servers, in a transaction or by one statement.
func (w *work) count(ctx context.Context, c *sql.Conn, rnd *rand.Rand) error {
	n, g := w.numbers.Add(1), rnd.IntN(groups)
	ids := w.sets[g]
	var state history.State
	var err error
	if rnd.IntN(2) == 0 {
		_, err = c.ExecContext(ctx, fmt.Sprintf("UPDATE counters SET n = n + 1, ids = CONCAT(ids, ',%d') WHERE id IN (%d, %d, %d)", n, ids[0], ids[1], ids[2]))
		state = told(err)
	} else {
		state, err = within(ctx, c, "BEGIN", "COMMIT", func() error {
			for _, id := range ids {
				if _, err := c.ExecContext(ctx, fmt.Sprintf("UPDATE counters SET n = n + 1, ids = CONCAT(ids, ',%d') WHERE id = %d", n, id)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted[n] = done{state: state, group: g}
	return err
}

// append reads lists and appends to others, SERIALIZABLE.
func (w *work) append(ctx context.Context, c *sql.Conn, rnd *rand.Rand) error {
	if _, err := c.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"); err != nil {
		return err
	}
	x := history.Txn{Began: time.Now()}
	var err error
	x.State, err = within(ctx, c, "BEGIN", "COMMIT", func() error {
		for range 2 + rnd.IntN(3) {
			op := history.Op{Key: 1 + rnd.IntN(lists)}
			if rnd.IntN(2) == 0 {
				op.Append = w.numbers.Add(1)
				if _, err := c.ExecContext(ctx, "UPDATE lists SET v = CONCAT(v, ?) WHERE id = ?", fmt.Sprintf(",%d", op.Append), op.Key); err != nil {
					return err
				}
			} else {
				var text string
				if err := c.QueryRowContext(ctx, "SELECT v FROM lists WHERE id = ?", op.Key).Scan(&text); err != nil {
					return err
				}
				op.Read = numbers(text)
			}
			x.Ops = append(x.Ops, op)
		}
		return nil
	})
	x.Ended = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed = append(w.listed, x)
	return err
}

// numbers are those of a text ",1,2,3".
func numbers(text string) (out []int64) {
	for f := range strings.SplitSeq(text, ",") {
		if n, err := strconv.ParseInt(f, 10, 64); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// judge says what is wrong with what is there, by what clients were told.
func (w *work) judge(t testing.TB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judgeBank(t)
	w.judgeSets(t)
	final := map[int][]int64{}
	for shard := range env.Shards {
		for _, row := range rowsOf(t, shard, "SELECT id, v FROM torture.lists") {
			id, _ := strconv.Atoi(row[0])
			final[id] = numbers(row[1])
		}
	}
	for _, what := range history.Check(final, w.listed) {
		t.Errorf("LISTS: %s", what)
	}
}

func (w *work) judgeBank(t testing.TB) {
	found, balance, ledger, total := map[int64]map[int]int{}, map[int]int{}, map[int]int{}, 0
	for shard := range env.Shards {
		for _, row := range rowsOf(t, shard, "SELECT n, id, amount FROM torture.ledger") {
			n, _ := strconv.ParseInt(row[0], 10, 64)
			id, _ := strconv.Atoi(row[1])
			amount, _ := strconv.Atoi(row[2])
			if found[n] == nil {
				found[n] = map[int]int{}
			}
			found[n][id] = amount
			ledger[id] += amount
		}
		for _, row := range rowsOf(t, shard, "SELECT id, v FROM torture.accounts") {
			id, _ := strconv.Atoi(row[0])
			balance[id], _ = strconv.Atoi(row[1])
			total += balance[id]
		}
	}
	if total != 100*accounts {
		t.Errorf("SUM: the accounts have %d", total)
	}
	for id, v := range balance {
		if v != 100+ledger[id] {
			t.Errorf("LEDGER: account %d has %d, and %d by its ledger", id, v, 100+ledger[id])
		}
	}
	for n, is := range found {
		if x, known := w.transfers[n]; !known || !maps.Equal(is, x.want) {
			t.Errorf("HALF: of transfer %d, which is %v, %v is there", n, x.want, is)
		}
	}
	for n, x := range w.transfers {
		judgeOne(t, "transfer", n, x.state, found[n] != nil)
	}
}

func judgeOne(t testing.TB, what string, n int64, state history.State, there bool) {
	switch {
	case state == history.Committed && !there:
		t.Errorf("LOST: %s %d was acknowledged, and is not there", what, n)
	case state == history.Aborted && there:
		t.Errorf("FALSE: %s %d was told to be rolled back, and is there", what, n)
	}
}

func (w *work) judgeSets(t testing.TB) {
	is := map[int]string{}
	for shard := range env.Shards {
		for _, row := range rowsOf(t, shard, "SELECT id, n, ids FROM torture.counters") {
			id, _ := strconv.Atoi(row[0])
			if is[id] = row[2]; strconv.Itoa(len(numbers(row[2]))) != row[1] {
				t.Errorf("COUNT: counter %d is %s, by %s", id, row[1], row[2])
			}
		}
	}
	there := map[int64]bool{}
	for g, ids := range w.sets {
		for _, id := range ids[1:] {
			if is[id] != is[ids[0]] {
				t.Errorf("SET: of group %d, counter %d was counted by %s and %d by %s", g, ids[0], is[ids[0]], id, is[id])
			}
		}
		for _, n := range numbers(is[ids[0]]) {
			there[n] = true
		}
	}
	for n, x := range w.counted {
		judgeOne(t, "count", n, x.state, there[n])
	}
}

// sum is how many transactions there were, and how many of them were acknowledged.
func (w *work) sum() (all, acked int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add := func(s history.State) {
		all++
		if s == history.Committed {
			acked++
		}
	}
	for _, x := range w.transfers {
		add(x.state)
	}
	for _, x := range w.counted {
		add(x.state)
	}
	for _, x := range w.listed {
		add(x.State)
	}
	return all, acked
}
