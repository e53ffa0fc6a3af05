// Command demo shows in a terminal that a transaction over two servers is not half done when its proxy is killed: clients move money through two
// proxies, one is killed with kill -9 in the middle, the other finishes what it has left, and the money is counted. All of it is
// real: servers, proxies, the kill. It is no test of corners, which are in tests/xa. Level: tests.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
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
	accounts = 40
	each     = 100
	clients  = 12 // of each proxy
)

// show is one run of the demo.
type show struct {
	out     io.Writer
	began   time.Time
	env     *harness.Env
	shards  *txn.Shards
	numbers atomic.Int64
	mu      sync.Mutex // guards acked
	acked   map[int64]bool
}

func (s *show) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%5.1f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func run(ctx context.Context, out io.Writer) (err error) {
	s := &show{out: out, began: time.Now(), acked: map[int64]bool{}}
	quiet := mysql.SetLogger(&mysql.NopLogger{}) // connections end here, which the driver would tell
	if quiet != nil {
		return quiet
	}
	s.env, err = harness.Start(ctx, harness.Options{Shards: 2, Setup: func(ctx context.Context, e *harness.Env) error { return e.CreateSchema(ctx, "bank") }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.env.Close()) }()
	survivor, err := s.proxy(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, survivor.Close()) }()
	db, err := sql.Open("mysql", survivor.Config("root", "", "bank").FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	for _, text := range []string{
		"CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL)",
		"CREATE TABLE ledger (id INT NOT NULL, transfer BIGINT NOT NULL, amount INT NOT NULL, PRIMARY KEY (id, transfer))",
		"INSERT INTO account VALUES " + rows(),
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	s.say("two servers with %d accounts of %d each, and two proxies; transfers go from one server to the other", accounts, each)
	return s.play(ctx, survivor, db)
}

func rows() string {
	var all []string
	for id := range accounts {
		all = append(all, fmt.Sprintf("(%d, %d)", id+1, each))
	}
	return strings.Join(all, ", ")
}

// proxy starts one that has both servers.
func (s *show) proxy(ctx context.Context) (*harness.Heddle, error) {
	return s.env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("database: bank\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: %q}\n  ds_1: {address: %q}\n"+
			"slots: {ds_0: 0-8191, ds_1: 8192-16383}\ntables:\n  account: {key: id}\n  ledger: {key: id}\nbinding: [[account, ledger]]\n",
			s.env.Shards[0].Addr(), s.env.Shards[1].Addr())},
		Users: "users: {root: {}}", Set: map[string]string{"transactions.type": "xa"},
	})
}

// play kills proxies until one has left something half done, and has the other finish it.
func (s *show) play(ctx context.Context, survivor *harness.Heddle, db *sql.DB) error {
	for {
		victim, err := s.proxy(ctx)
		if err != nil {
			return err
		}
		var over atomic.Bool
		var all sync.WaitGroup
		for _, h := range []*harness.Heddle{survivor, victim} {
			for range clients {
				all.Go(func() { s.client(ctx, h, &over) })
			}
		}
		wait(ctx, 1500*time.Millisecond)
		s.say("%d transfers are committed", s.committed())
		left, err := s.caught(ctx, victim)
		if err != nil {
			return err
		}
		if err := victim.Kill(); err != nil {
			return err
		}
		s.say("kill -9 of the proxy at %s (pid %d), in the middle", victim.Addr, victim.PID())
		over.Store(true)
		for _, l := range left {
			s.say("  it has left %s", l)
		}
		if err := s.recovered(ctx, victim); err != nil {
			return err
		}
		all.Wait()
		switch {
		case len(left) > 0:
			s.say("the other proxy has finished what was left")
			return s.count(ctx, db)
		case time.Since(s.began) > time.Minute:
			return errors.New("no proxy could be killed in the middle of a commit")
		}
		s.say("nothing was half done in that instant: once more")
	}
}

// caught stops a proxy again and again, until it stands in the middle of a commit; left is what is prepared then.
func (s *show) caught(ctx context.Context, h *harness.Heddle) (left []string, err error) {
	for i := 0; i < 200 && ctx.Err() == nil; i++ {
		if err := h.Signal(syscall.SIGSTOP); err != nil {
			return nil, err
		}
		if left = s.left(ctx, h); len(left) > 0 {
			return left, nil
		}
		if err := h.Signal(syscall.SIGCONT); err != nil {
			return nil, err
		}
		wait(ctx, 5*time.Millisecond+rand.N(40*time.Millisecond))
	}
	return nil, nil
}

// client moves money until it is over, or its proxy has gone.
func (s *show) client(ctx context.Context, h *harness.Heddle, over *atomic.Bool) {
	db, err := sql.Open("mysql", h.Config("root", "", "bank").FormatDSN())
	if err != nil {
		return
	}
	defer db.Close()
	for ctx.Err() == nil && !over.Load() {
		select {
		case <-h.Done():
			return
		default:
		}
		n := s.numbers.Add(1)
		if s.transfer(ctx, db, n) == nil {
			s.mu.Lock()
			s.acked[n] = true
			s.mu.Unlock()
		}
	}
}

func (s *show) committed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acked)
}

// transfer moves 1 from an account to another, and writes it down beside each.
func (s *show) transfer(ctx context.Context, db *sql.DB, n int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a COMMIT it has no effect
	pair := rand.Perm(accounts)
	for i, amount := range []int{-1, 1} {
		if _, err := tx.ExecContext(ctx, "UPDATE account SET balance = balance + ? WHERE id = ?", amount, pair[i]+1); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO ledger VALUES (?, ?, ?)", pair[i]+1, n, amount); err != nil {
			return err
		}
	}
	return tx.Commit()
}

var epochSaid = regexp.MustCompile(`"epoch": "([0-9a-z]{12})"`)

// left is what a proxy's transactions have prepared now, as their servers tell.
func (s *show) left(ctx context.Context, h *harness.Heddle) (out []string) {
	said := epochSaid.FindStringSubmatch(h.Log())
	if said == nil {
		return nil
	}
	listed, _ := s.shards.List(ctx, crc32.ChecksumIEEE([]byte("/heddle"))) // what does not answer now is asked again
	for _, l := range listed {
		if !strings.Contains(l.GTRID.String(), "-"+said[1]+"-") {
			continue
		}
		for _, b := range l.Branches {
			if b.Prepared {
				out = append(out, fmt.Sprintf("%s: prepared on %s, %s", l.GTRID, b.DataSource, cmp.Or(l.Decision, "not decided")))
			}
		}
	}
	return out
}

// recovered waits until nothing of a proxy is unfinished.
func (s *show) recovered(ctx context.Context, h *harness.Heddle) error {
	for began := time.Now(); ctx.Err() == nil; wait(ctx, 100*time.Millisecond) {
		if len(s.left(ctx, h)) == 0 {
			return nil
		}
		if time.Since(began) > 30*time.Second {
			return errors.New("branches are unfinished after 30 s")
		}
	}
	return ctx.Err()
}

// look has the demo see what the servers have prepared.
func (s *show) look(ctx context.Context) error {
	s.shards = txn.NewShards()
	for _, server := range s.env.Shards {
		cfg := server.Config("")
		txnlog.Configure(cfg)
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return err
		}
		db := sql.OpenDB(connector)
		s.env.OnClose(db.Close)
		log, unfit, err := txn.Look(ctx, db, server.Name())
		if err != nil || log == nil {
			return errors.Join(errors.New("the proxy has made no tables on "+server.Name()), err)
		}
		s.shards.Set(server.Name(), log, unfit)
	}
	return nil
}

// count counts the money, and looks for halves.
func (s *show) count(ctx context.Context, db *sql.DB) error {
	var total int
	if err := db.QueryRowContext(ctx, "SELECT SUM(balance) FROM account").Scan(&total); err != nil {
		return err
	}
	of, err := db.QueryContext(ctx, "SELECT transfer, COUNT(*), SUM(amount) FROM ledger GROUP BY transfer")
	if err != nil {
		return err
	}
	defer of.Close()
	there, halves, lost := 0, 0, len(s.acked)
	for of.Next() {
		var n int64
		var parts, sum int
		if err := of.Scan(&n, &parts, &sum); err != nil {
			return err
		}
		there++
		if parts != 2 || sum != 0 {
			halves++
		}
		if s.acked[n] {
			lost--
		}
	}
	if err := of.Err(); err != nil {
		return err
	}
	s.say("%d transfers are there: %d by half. Of %d that clients were told are committed, %d are missing.", there, halves, len(s.acked), lost)
	s.say("the accounts have %d in all; it was %d.", total, accounts*each)
	if total != accounts*each || halves > 0 || lost > 0 {
		return errors.New("the invariant does not hold")
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
