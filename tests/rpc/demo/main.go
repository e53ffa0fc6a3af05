// Command demo shows in a terminal what it is to have calls and statements in one process: two services that know each other through Heddle only,
// rows on two servers, one trace of it all, and one deadline that ends all of it. All of it is real but the services' work. Level: tests.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/tests/harness/otlp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

const (
	timeoutHeader = "x-request-timeout-ms"
	traceHeader   = "traceparent"
)

// show is one run of the demo.
type show struct {
	out    io.Writer
	env    *harness.Env
	traces *otlp.Collector
	heddle *harness.Heddle
	calls  string // where calls come in
	db     *sql.DB
}

func run(ctx context.Context, out io.Writer) (err error) {
	s := &show{out: out}
	if err := mysql.SetLogger(&mysql.NopLogger{}); err != nil {
		return err
	}
	s.env, err = harness.Start(ctx, harness.Options{Shards: 2, Setup: func(ctx context.Context, e *harness.Env) error { return e.CreateSchema(ctx, "shop") }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.env.Close()) }()
	if s.traces, err = otlp.Start(); err != nil {
		return err
	}
	defer s.traces.Close()
	if err := s.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.db.Close(), s.heddle.Close()) }()
	if err := s.oneTrace(ctx); err != nil {
		return err
	}
	return s.oneDeadline(ctx)
}

// start starts both services, and Heddle between them and before the servers.
func (s *show) start(ctx context.Context) error {
	var err error
	if s.calls, err = harness.FreeAddr(); err != nil {
		return err
	}
	var addrs [2]string
	for i, h := range []http.HandlerFunc{s.shop, s.stock} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		service := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		go func() { _ = service.Serve(l) }() // until the end of the process
		context.AfterFunc(ctx, func() { _ = service.Close() })
		addrs[i] = l.Addr().String()
	}
	file := filepath.Join(s.env.Dir, "routes.yaml")
	document := fmt.Sprintf("clusters:\n  shop: {endpoints: [%q]}\n  stock: {endpoints: [%q]}\nroutes:\n- {name: shop, path: {prefix: /shop}, to: shop}\n- {name: stock, path: {prefix: /stock}, to: stock}\n", addrs[0], addrs[1])
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		return err
	}
	s.heddle, err = s.env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("database: shop\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: %q}\n  ds_1: {address: %q}\n"+
			"slots: {ds_0: 0-8191, ds_1: 8192-16383}\ntables: {items: {key: id}}\n", s.env.Shards[0].Addr(), s.env.Shards[1].Addr())},
		Users: "users: {root: {}}",
		Set:   map[string]string{"rpc.address": s.calls, "rpc.file": file, "tracing.endpoint": s.traces.Addr()},
	})
	if err != nil {
		return err
	}
	if s.db, err = sql.Open("mysql", s.heddle.Config("root", "", "shop").FormatDSN()); err != nil {
		return err
	}
	for _, text := range []string{"CREATE TABLE items (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO items VALUES (1, 10), (2, 20), (3, 30), (4, 40), (5, 50), (6, 60)"} {
		if _, err := s.db.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "services   shop on %s, stock on %s; each is known to the other as http://%s\n", addrs[0], addrs[1], s.calls)
	fmt.Fprintf(s.out, "servers    ds_0 and ds_1, with a table that is spread over both\n")
	fmt.Fprintf(s.out, "heddle     carries the calls on %s and the statements on %s (pid %d)\n\n", s.calls, s.heddle.Addr, s.heddle.PID())
	return nil
}

// shop asks the stock.
func (s *show) shop(w http.ResponseWriter, r *http.Request) {
	deadline := deadlineOf(r)
	status, body, err := s.call(r.Context(), "/stock?"+r.URL.RawQuery, r.Header.Get(traceHeader), time.Until(deadline))
	if err != nil {
		status, body = http.StatusBadGateway, err.Error()
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// stock counts what there is, slowly if it is asked to.
func (s *show) stock(w http.ResponseWriter, r *http.Request) {
	deadline := deadlineOf(r)
	what := "SUM(n)"
	if r.URL.Query().Get("slow") != "" {
		what = "SUM(n + SLEEP(5))"
	}
	var n int
	err := s.db.QueryRowContext(context.WithoutCancel(r.Context()), fmt.Sprintf("SELECT %s FROM items /*%s='%s',request_timeout_ms='%d'*/",
		what, traceHeader, r.Header.Get(traceHeader), time.Until(deadline).Milliseconds())).Scan(&n)
	if err != nil {
		w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = io.WriteString(w, err.Error())
		return
	}
	fmt.Fprintf(w, "%d in stock", n)
}

// deadlineOf is when the caller stops waiting.
func deadlineOf(r *http.Request) time.Time {
	ms, _ := strconv.Atoi(r.Header.Get(timeoutHeader)) // which Heddle has written
	return time.Now().Add(time.Duration(ms) * time.Millisecond)
}

// call calls through Heddle.
func (s *show) call(ctx context.Context, path, trace string, left time.Duration) (status int, body string, err error) {
	q, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+s.calls+path, nil)
	if err != nil {
		return 0, "", err
	}
	q.Header.Set(traceHeader, trace)
	q.Header.Set(timeoutHeader, strconv.FormatInt(left.Milliseconds(), 10))
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, strings.TrimSpace(string(text)), err
}

const traceID = "0af7651916cd43dd8448eb211c80319c"

func (s *show) oneTrace(ctx context.Context) error {
	const budget = 5 * time.Second
	status, body, err := s.call(ctx, "/shop", "00-"+traceID+"-b7ad6b7169203331-01", budget)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "a call of /shop is answered %d: %s. Its trace:\n\n", status, body)
	const spans = 6 // two calls, the statement with its plan, two shards
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		roots, n := s.traces.Trace(traceID)
		if n < spans && time.Now().Before(deadline) && ctx.Err() == nil {
			continue
		}
		if n == 0 {
			return errors.New("no trace has come")
		}
		first := roots[0].StartTimeUnixNano
		otlp.Print(s.out, roots, func(p *otlp.Span) string {
			return fmt.Sprintf("  %6.2f ms  %6.2f ms  %s", float64(p.StartTimeUnixNano-first)/1e6, float64(p.EndTimeUnixNano-p.StartTimeUnixNano)/1e6, p.Name)
		})
		return ctx.Err()
	}
}

func (s *show) oneDeadline(ctx context.Context) error {
	const budget = 400 * time.Millisecond
	began := time.Now()
	status, body, err := s.call(ctx, "/shop?slow=1", "00-1"+traceID[1:]+"-b7ad6b7169203331-00", budget)
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(s.out, "\nthe same with a statement of 15 s and a caller who waits for %v: answered %d after %v (%s)\n", budget, status, took.Round(time.Millisecond), body)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		running, err := s.running(ctx)
		switch {
		case err != nil:
			return err
		case running == 0:
			fmt.Fprintf(s.out, "no server works for it any more, %v after the call began\n", time.Since(began).Round(time.Millisecond))
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%d servers go on with it", running)
		}
	}
}

// running counts the servers that still run the slow statement.
func (s *show) running(ctx context.Context) (n int, err error) {
	for _, server := range s.env.Shards {
		db, err := sql.Open("mysql", "root@tcp("+server.Addr()+")/")
		if err != nil {
			return 0, err
		}
		var here int
		err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(5)%' AND INFO NOT LIKE '%PROCESSLIST%'").Scan(&here)
		if err = errors.Join(err, db.Close()); err != nil {
			return 0, err
		}
		n += here
	}
	return n, nil
}
