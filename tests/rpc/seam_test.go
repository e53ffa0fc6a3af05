package rpc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	m := start(t, "routes: [{respond: {status: 200}}]")
	db := orders(t, m)
	left := make(chan int, 3)
	remaining := func(r *http.Request) time.Time {
		ms, err := strconv.Atoi(r.Header.Get(timeoutHeader))
		if err != nil {
			t.Errorf("%s has %q", r.URL, r.Header.Get(timeoutHeader))
		}
		left <- ms
		return time.Now().Add(time.Duration(ms) * time.Millisecond)
	}
	ended := make(chan time.Time, 1)
	last := server(t, func(w http.ResponseWriter, r *http.Request) {
		deadline := remaining(r)
		_, err := db.ExecContext(context.WithoutCancel(r.Context()), fmt.Sprintf("SELECT SLEEP(20) FROM orders /*request_timeout_ms='%d'*/", time.Until(deadline).Milliseconds()))
		if number(err) != tooLate {
			t.Errorf("the statement: %v", err)
		}
		ended <- time.Now()
	})
	calls := func(path string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			deadline := remaining(r)
			next, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), "GET", "http://"+m.addr+path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			next.Header.Set(timeoutHeader, strconv.FormatInt(time.Until(deadline).Milliseconds(), 10))
			res, err := http.DefaultClient.Do(next)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			w.WriteHeader(res.StatusCode)
			_, _ = io.Copy(w, res.Body)
		}
	}
	m.write(fmt.Sprintf("clusters: {a: {endpoints: [%q]}, b: {endpoints: [%q]}, c: {endpoints: [%q]}}\n"+
		"routes: [{path: {exact: /a}, to: a}, {path: {exact: /b}, to: b}, {path: {exact: /c}, to: c}]\n", server(t, calls("/b")), server(t, calls("/c")), last))
	eventually(t, "the routes are there", func() bool {
		res, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+m.addr+"/nothing", nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := http.DefaultClient.Do(res)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		return got.StatusCode == http.StatusNotFound
	})
	first, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+m.addr+"/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	first.Header.Set(timeoutHeader, "500")
	began := time.Now()
	res, err := http.DefaultClient.Do(first)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("the caller was answered %d", res.StatusCode)
	}
	a, b, c := <-left, <-left, <-left
	if a > 500 || b > a || c > b || c <= 0 {
		t.Errorf("the hops had %d, %d and %d ms", a, b, c)
	}
	if late := (<-ended).Sub(began.Add(500 * time.Millisecond)); late > 5*time.Second {
		t.Errorf("the statement went on for %v", late)
	}
	quiet(t)
}
