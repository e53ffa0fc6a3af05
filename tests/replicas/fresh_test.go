package replicas

import (
	"context"
	"database/sql"
	"errors"
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

func passThrough(c *harness.Replicated) harness.HeddleOptions {
	var replicas []string
	for _, s := range c.Servers[1:] {
		replicas = append(replicas, strconv.Quote(s.Addr()))
	}
	return harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("defaults: {user: heddle}\ndata_sources: {main: {address: %q, replicas: [%s]}}\nread_write_splitting: {}\n",
			c.Servers[0].Addr(), strings.Join(replicas, ", "))},
		Users: "users: {root: {}, other: {}}",
	}
}

// pairs has workers write on one connection and read on another of the same user, and counts what was not there. Half of the
// reads are of one row, half of all shards.
func pairs(t *testing.T, h *harness.Heddle, workers, each int, hint string) (stale int64) {
	t.Helper()
	db := h.Open(t, "root", "", "shop")
	var late atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			writer, err := db.Conn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer writer.Close()
			reader, err := db.Conn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer reader.Close()
			for i := range each {
				if err := pair(t.Context(), writer, reader, w*1000+i%7, i+1, hint, &late); err != nil {
					t.Errorf("pair %d of worker %d: %v", i, w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return late.Load()
}

func pair(ctx context.Context, writer, reader *sql.Conn, id, n int, hint string, late *atomic.Int64) error {
	if err := put(ctx, writer, id, n); err != nil {
		return err
	}
	got, err := get(ctx, reader, id, n, hint)
	if err == nil && got != n {
		late.Add(1)
	}
	return err
}

// put writes n at id, now and then in a transaction, whose COMMIT tells.
func put(ctx context.Context, on interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, id, n int) error {
	const text = "REPLACE INTO notes VALUES (?, ?)"
	if n%3 != 0 {
		_, err := on.ExecContext(ctx, text, id, n)
		return err
	}
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, text, id, n); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// get reads what is at id, from all shards if n is even; 0: nothing.
func get(ctx context.Context, on interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, id, n int, hint string) (int, error) {
	query, args := hint+"SELECT n FROM notes WHERE id = ?", []any{id}
	if n%2 == 0 {
		query, args = hint+"SELECT MAX(n) FROM notes WHERE id BETWEEN ? AND ?", []any{id, id}
	}
	var got sql.NullInt64
	err := on.QueryRowContext(ctx, query, args...).Scan(&got)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return int(got.Int64), err
}

// TestReadYourWrites: replicas that are late, stop and go on show no user less than he wrote. Where a hint asks for a replica
// whatever it has, or the policy is off, the same test finds stale reads: it can see them.
func TestReadYourWrites(t *testing.T) {
	a, b := cluster(t, 2), cluster(t, 2)
	h := serve(t, "{max_lag: 0s, balancer: round_robin}", a, b)
	db := h.Open(t, "root", "", "shop")
	exec(t, db, "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // a replica of each stands still and goes on, again and again
		defer close(done)
		for i := 0; ; i++ {
			for k, c := range []*harness.Replicated{a, b} {
				err := c.Run(context.Background(), 1+(i+k)%2, "FLUSH TABLES WITH READ LOCK", "DO SLEEP(0.15)", "UNLOCK TABLES", c.Words.StopApplying, c.Words.StartApplying)
				if err != nil {
					t.Error(err)
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	began := time.Now()
	const workers = 8
	each := 300
	if n, err := strconv.Atoi(os.Getenv("HEDDLE_PAIRS")); err == nil {
		each = max(n/workers, 1)
	}
	stale := pairs(t, h, workers, each, "")
	t.Logf("%d pairs in %v, %d stale", workers*each, time.Since(began).Round(time.Millisecond), stale)
	if stale != 0 {
		t.Errorf("%d of %d reads are stale", stale, workers*each)
	}
	close(stop)
	<-done
	for _, c := range []*harness.Replicated{a, b} {
		for i := 1; i <= 2; i++ {
			if err := c.Lag(t.Context(), i, time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	if stale := pairs(t, h, 2, 20, "/*+ heddle(replica) */ "); stale == 0 {
		t.Error("replicas that are a second late have everything at once: the test sees nothing")
	}
	if stale := pairs(t, h, 2, 10, ""); stale != 0 {
		t.Errorf("%d reads are stale while all replicas are late", stale)
	}
}

// TestNewTableAtOnce: what one user has created is there for another, whom nothing keeps from a replica that does not have it; what
// DDL and stored programs have written is there for himself.
func TestNewTableAtOnce(t *testing.T) {
	c := cluster(t, 1)
	for i := range c.Servers {
		run(t, c, i, "SET GLOBAL log_bin_trust_function_creators=1")
	}
	run(t, c, 0, "CREATE TABLE shop.t (id INT)", "INSERT INTO shop.t VALUES (1), (2)", "USE shop",
		"CREATE PROCEDURE noted() BEGIN INSERT INTO t VALUES (3); SELECT 1; END", "CREATE FUNCTION noting() RETURNS INT BEGIN INSERT INTO t VALUES (4); RETURN 1; END")
	caughtUp(t, c, 1, 0)
	opts := passThrough(c)
	opts.Rules[0] = strings.Replace(opts.Rules[0], "splitting: {}", "splitting: {max_lag: 0s}", 1)
	h := env.Heddle(t, opts)
	if err := c.Lag(t.Context(), 1, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE fresh (id INT)", "INSERT INTO fresh VALUES (7)")
	if got := value(t, h.Open(t, "other", "", "shop"), "SELECT id FROM fresh"); got != "7" {
		t.Errorf("it has %s", got)
	}
	writer, reader := one(t, h), one(t, h)
	type step struct{ write, count string }
	steps := []step{{"CALL noted()", "3"}, {"SELECT noting()", "4"}, {"TRUNCATE TABLE t", "0"}, {"CALL noted()", "1"}}
	if !c.Words.MySQL { // which knows neither
		steps = append(steps, step{"SET STATEMENT max_statement_time=10 FOR INSERT INTO t VALUES (5)", "2"}, step{"BEGIN NOT ATOMIC INSERT INTO t VALUES (6); END", "3"})
	}
	for _, step := range steps {
		if rows, err := writer.QueryContext(t.Context(), step.write); err != nil {
			t.Fatalf("%s: %v", step.write, err)
		} else if err := rows.Close(); err != nil {
			t.Fatalf("%s: %v", step.write, err)
		}
		for _, conn := range []*sql.Conn{reader, writer} {
			if got := value(t, conn, "SELECT COUNT(*) FROM t"); got != step.count {
				t.Errorf("after %s there are %s rows, want %s", step.write, got, step.count)
			}
		}
	}
}

// TestNewTableOfAnother: an instance that was asked for a table before it was there has it, prepared and not, when another has made it.
func TestNewTableOfAnother(t *testing.T) {
	c := cluster(t, 1)
	m := newMesh(t, "{}", c)
	maker, other := m.start(t, "a"), m.start(t, "b")
	conn := one(t, other)
	if _, err := conn.ExecContext(t.Context(), "INSERT INTO notes VALUES (1, 1)"); code(err) != 1146 {
		t.Fatalf("before it is there: %v", err)
	}
	exec(t, maker.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	stmt, err := conn.PrepareContext(t.Context(), "INSERT INTO notes VALUES (?, 1)")
	if err != nil {
		t.Fatalf("prepared: %v", err)
	}
	defer stmt.Close()
	if _, err := stmt.ExecContext(t.Context(), 2); err != nil {
		t.Errorf("run as prepared: %v", err)
	}
	exec(t, conn, "INSERT INTO notes VALUES (1, 1)")
	if got := value(t, conn, "SELECT COUNT(*) FROM notes FOR UPDATE"); got != "2" {
		t.Errorf("it has %s rows", got)
	}
}
