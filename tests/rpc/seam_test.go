package rpc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	timeoutHeader = "x-request-timeout-ms"
	tooLate       = 1969 // of MariaDB's flavour
)

func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// orders makes the sharded table orders with rows on both shards.
func orders(t *testing.T, m *mesh) *sql.DB {
	t.Helper()
	db := m.Open(t, "root", "", "shop")
	for _, q := range []string{
		"DROP TABLE IF EXISTS orders", "CREATE TABLE orders (id BIGINT PRIMARY KEY, n INT)",
		"INSERT INTO orders VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8)",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return db
}

// quiet waits until no server runs a statement that sleeps.
func quiet(t *testing.T) {
	t.Helper()
	eventually(t, "no server goes on with what nobody waits for", func() bool {
		for _, s := range env.Shards {
			var n int
			db, err := sql.Open("mysql", "root@tcp("+s.Addr()+")/")
			if err != nil {
				t.Fatal(err)
			}
			err = db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(%' AND INFO NOT LIKE '%PROCESSLIST%'").Scan(&n)
			_ = db.Close()
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				return false
			}
		}
		return true
	})
}

// A statement that says how long it is waited for is ended then, on all its shards, and nothing else is.
func TestStatementsThatNobodyWaitsFor(t *testing.T) {
	m := start(t, "routes: [{respond: {status: 200}}]")
	db := orders(t, m)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range []string{
		"SELECT SLEEP(20) FROM orders WHERE id = 1 /*request_timeout_ms='100'*/",
		"SELECT SLEEP(20), id FROM orders ORDER BY n /*action='list',request_timeout_ms='100'*/",
		"UPDATE orders SET n = n + 100 WHERE SLEEP(20) = 0 /*request_timeout_ms='100'*/",
		"INSERT INTO orders SELECT 99, SLEEP(20) /*request_timeout_ms='100'*/",
	} {
		began := time.Now()
		_, err := conn.ExecContext(t.Context(), q)
		if number(err) != tooLate || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %v", q, err, time.Since(began))
		}
		quiet(t)
	}
	for _, left := range []string{"0", "-7"} {
		if _, err := conn.ExecContext(t.Context(), "INSERT INTO orders VALUES (50, 0) /*request_timeout_ms='"+left+"'*/"); number(err) != tooLate {
			t.Errorf("a statement with %s ms: %v", left, err)
		}
	}
	var n, sum int
	if err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*), SUM(n) FROM orders /*request_timeout_ms='60000'*/").Scan(&n, &sum); err != nil || n != 8 || sum != 36 {
		t.Errorf("%d rows with %d, %v", n, sum, err)
	}
	if err := conn.QueryRowContext(t.Context(), "SELECT SLEEP(0.3)").Scan(&n); err != nil || n != 0 {
		t.Errorf("a statement without a limit behind one with: %d, %v", n, err)
	}
}

// What a transaction has done before stays, as with KILL QUERY.
func TestALateStatementInATransaction(t *testing.T) {
	m := start(t, "routes: [{respond: {status: 200}}]")
	db := orders(t, m)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "UPDATE orders SET n = 0"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "UPDATE orders SET n = 1 WHERE SLEEP(20) = 0 /*request_timeout_ms='100'*/"); number(err) != tooLate {
		t.Fatalf("the late statement: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := db.QueryRowContext(t.Context(), "SELECT SUM(n) FROM orders").Scan(&sum); err != nil || sum != 0 {
		t.Errorf("the sum is %d, %v", sum, err)
	}
}

// A limit among the connection's attributes is each statement's, prepared ones included.
func TestALimitOfAConnection(t *testing.T) {
	m := start(t, "routes: [{respond: {status: 200}}]")
	orders(t, m)
	c := m.Config("root", "", "shop")
	c.ConnectionAttributes = "request_timeout_ms:200"
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT SLEEP(?)", 20).Scan(&n); number(err) != tooLate {
		t.Errorf("an execution: %d, %v", n, err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM orders WHERE id > ?", 4).Scan(&n); err != nil || n != 4 {
		t.Errorf("one in time: %d, %v", n, err)
	}
	quiet(t)
}

// Three services call each other through Heddle, and the last asks for rows: a budget of 500 ms falls at each hop, and the
// statement ends with it.
func TestOneDeadlineFromTheCallToTheRows(t *testing.T) {
	c := newDeadlineChain(t)
	caller, statement := c.call()
	for what, late := range map[string]time.Duration{"the caller waited": caller, "the statement went on": statement} {
		if late > 5*time.Second || late < -100*time.Millisecond {
			t.Errorf("%s for %v longer than the call may take", what, late)
		}
	}
	quiet(t)
}

// TestDeadlines measures by how much callers and statements outlive the time of HEDDLE_DEADLINES calls, one after the other.
func TestDeadlines(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("HEDDLE_DEADLINES"))
	if err != nil {
		n = 3
	}
	c := newDeadlineChain(t)
	var callers, statements []time.Duration
	for range n {
		caller, statement := c.call()
		callers, statements = append(callers, caller), append(statements, statement)
	}
	for _, of := range []struct {
		what string
		late []time.Duration
	}{{"callers", callers}, {"statements on their shards", statements}} {
		slices.Sort(of.late)
		p99, most := of.late[len(of.late)*99/100], of.late[len(of.late)-1]
		t.Logf("%d %s outlive the call's time by %.1f ms (median), %.1f ms (99 %%), %.1f ms (the longest)", n, of.what,
			of.late[len(of.late)/2].Seconds()*1000, p99.Seconds()*1000, most.Seconds()*1000)
		if os.Getenv("HEDDLE_DEADLINES") != "" && (p99 > 20*time.Millisecond || most > 100*time.Millisecond) {
			t.Errorf("%s outlive it by more than 20 ms (99 %%) or 100 ms", of.what)
		}
	}
	quiet(t)
}

// deadlineChain is three services, each of which calls the next with what is left to it of the caller's time, and the last of which asks the shards for something that
// takes longer.
type deadlineChain struct {
	t     *testing.T
	m     *mesh
	left  chan int       // that each service was told, in ms
	ended chan time.Time // when the last one's statement did
}

func newDeadlineChain(t *testing.T) *deadlineChain {
	t.Helper()
	c := &deadlineChain{t: t, m: start(t, "routes: [{respond: {status: 200}}]"), left: make(chan int, 3), ended: make(chan time.Time, 1)}
	db := orders(t, c.m)
	last := server(t, func(w http.ResponseWriter, r *http.Request) {
		deadline := c.remaining(r)
		_, err := db.ExecContext(context.WithoutCancel(r.Context()), fmt.Sprintf("SELECT SLEEP(20) FROM orders /*request_timeout_ms='%d'*/", time.Until(deadline).Milliseconds()))
		c.ended <- time.Now()
		if number(err) != tooLate {
			t.Errorf("the statement: %v", err)
		}
		w.WriteHeader(http.StatusGatewayTimeout) // statements are told whole milliseconds, and may end before the call
	})
	c.m.write(fmt.Sprintf("clusters: {a: {endpoints: [%q]}, b: {endpoints: [%q]}, c: {endpoints: [%q]}}\n"+
		"routes: [{path: {exact: /a}, to: a}, {path: {exact: /b}, to: b}, {path: {exact: /c}, to: c}]\n", server(t, c.calls("/b")), server(t, c.calls("/c")), last))
	eventually(t, "the routes are there", func() bool {
		got, err := http.Get("http://" + c.m.addr + "/nothing")
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		return got.StatusCode == http.StatusNotFound
	})
	return c
}

// remaining is until when the caller waits.
func (c *deadlineChain) remaining(r *http.Request) time.Time {
	ms, err := strconv.Atoi(r.Header.Get(timeoutHeader))
	if err != nil {
		c.t.Errorf("%s has %q", r.URL, r.Header.Get(timeoutHeader))
	}
	c.left <- ms
	return time.Now().Add(time.Duration(ms) * time.Millisecond)
}

// calls is a service that calls another.
func (c *deadlineChain) calls(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		deadline := c.remaining(r)
		next, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), "GET", "http://"+c.m.addr+path, nil)
		if err != nil {
			c.t.Error(err)
			return
		}
		next.Header.Set(timeoutHeader, strconv.FormatInt(time.Until(deadline).Milliseconds(), 10))
		res, err := http.DefaultClient.Do(next)
		if err != nil {
			c.t.Error(err)
			return
		}
		defer func() { _ = res.Body.Close() }() // it is read
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body) // who called may have left
	}
}

// call makes one, of half a second, and returns by how much the caller's answer and the end of the statement came later than that.
func (c *deadlineChain) call() (caller, statement time.Duration) {
	c.t.Helper()
	const budget = 500 * time.Millisecond
	first, err := http.NewRequestWithContext(c.t.Context(), "GET", "http://"+c.m.addr+"/a", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	first.Header.Set(timeoutHeader, strconv.FormatInt(budget.Milliseconds(), 10))
	over := time.Now().Add(budget)
	res, err := http.DefaultClient.Do(first)
	if err != nil {
		c.t.Fatal(err)
	}
	caller = time.Since(over)
	_ = res.Body.Close() // it is of Heddle's own
	if res.StatusCode != http.StatusGatewayTimeout {
		c.t.Errorf("the caller was answered %d", res.StatusCode)
	}
	if at, b, last := <-c.left, <-c.left, <-c.left; at > 500 || b > at || last > b || last <= 0 {
		c.t.Errorf("the hops had %d, %d and %d ms", at, b, last)
	}
	return caller, (<-c.ended).Sub(over)
}
