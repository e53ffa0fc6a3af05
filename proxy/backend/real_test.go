package backend

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// The server is killed and started again: idle connections are found dead before anything is sent on them, and no
// statement after the restart sees an error.
func TestServerKilledAndRestarted(t *testing.T) {
	s := ownServer(t)
	p := testPools(t, testSource("ds", s.addr, Limits{MaxOpen: 8, RetryAfter: 20 * time.Millisecond}))
	var ls []*Lease
	for range 5 {
		ls = append(ls, acquire(t, p, "ds", 0, nil))
	}
	busy := ls[0]
	done := make(chan error, 1)
	go func() { _, err := busy.Conn().Exec(context.Background(), "SELECT SLEEP(60)"); done <- err }()
	releaseAll(ls[1:])
	waitRunning(t, connect(t, s.addr, 0, ""), busy.Conn())
	s.kill()
	err := <-done
	if e := sqlerr.As(err); SafeToRetry(err) || e == nil || e.Code != sqlerr.CodeErrorDuringComm {
		t.Errorf("the statement under way: %v", err)
	}
	busy.Release()
	<-time.After(2 * freshFor)
	for range 5 {
		began := time.Now()
		_, err := p.Acquire(t.Context(), "ds", 0, ls[2].Conn())
		if e := sqlerr.As(err); !SafeToRetry(err) || e == nil || e.Code != sqlerr.CodeConnectToForeign || time.Since(began) > 8*time.Second { // of 10
			t.Errorf("while it is down, after %v: %v", time.Since(began), err)
		}
	}
	eventually(t, "nothing is open, but for a moment's try in the background", func() bool { return p.Stats()[0].Open == 0 })
	if st := p.Stats()[0]; st.Dead != 4 || !st.Down {
		t.Errorf("stats %+v", st)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pool tries again", func() bool {
		l, err := p.Acquire(t.Context(), "ds", 0, nil)
		if err != nil {
			return false
		}
		defer l.Release()
		return one(t, l.Conn(), "SELECT 1") == "1"
	})
	for range 20 {
		l := acquire(t, p, "ds", 0, nil)
		one(t, l.Conn(), "SELECT 1")
		l.Release()
	}
}

func TestLeaseKillQuery(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 2}))
	l := acquire(t, p, "ds", 0, nil)
	done := make(chan error, 1)
	go func() { _, err := l.Conn().Exec(context.Background(), "SELECT SLEEP(60) FROM mysql.user"); done <- err }()
	waitRunning(t, connect(t, sharedServer(t), 0, ""), l.Conn())
	if err := l.KillQuery(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := sqlerr.As(<-done); e == nil || e.Code != sqlerr.CodeQueryInterrupted {
		t.Errorf("statement: %v", e)
	}
	if one(t, l.Conn(), "SELECT 1") != "1" {
		t.Error("the lease is of no more use")
	}
	l.Release()
	if !l.Conn().Broken() {
		t.Error("a connection that a KILL may still strike was kept")
	}
	if err := l.KillQuery(t.Context()); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// A statement whose borrower gives up does not run on at the server.
func TestDestroyEndsStatement(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 2}))
	observer := connect(t, sharedServer(t), 0, "")
	l := acquire(t, p, "ds", 0, nil)
	id := strconv.Itoa(int(l.Conn().Info().ThreadID))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := l.Conn().Exec(ctx, "SELECT SLEEP(61)"); done <- err }()
	waitRunning(t, observer, l.Conn())
	cancel()
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v", err)
	}
	l.Release()
	eventually(t, "the statement ends", func() bool {
		return one(t, observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id="+id) == "0"
	})
}

func TestReleaseAfterErrors(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	for _, tc := range []struct {
		name string
		sql  []string
		kept bool
	}{
		{"an error alone", []string{"SELECT nonsense"}, true},
		{"a transaction", []string{"BEGIN"}, false},
		{"a finished one", []string{"BEGIN", "COMMIT"}, true},
		{"an error in one", []string{"BEGIN", "SELECT nonsense"}, false},
		{"an error in one without autocommit", []string{"SET autocommit=0", "SELECT COUNT(*) FROM mysql.user", "SELECT nonsense"}, false},
		{"killed itself", []string{"KILL CONNECTION_ID()"}, false},
	} {
		l := acquire(t, p, "ds", 0, nil)
		for _, sql := range tc.sql {
			_, _ = l.Conn().Exec(t.Context(), sql) // errors are what is wanted
		}
		l.Release()
		if kept := !l.Conn().Broken(); kept != tc.kept {
			t.Errorf("%s: kept %t", tc.name, kept)
		}
	}
}

// The server ends an idle connection by its wait_timeout: the next statement does not notice.
func TestIdleConnectionEndedByServer(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	observer := connect(t, sharedServer(t), 0, "")
	l := acquire(t, p, "ds", 0, nil)
	exec1(t, l.Conn(), "SET wait_timeout=1")
	id := strconv.Itoa(int(l.Conn().Info().ThreadID))
	l.Release()
	eventually(t, "the server ends it", func() bool {
		return one(t, observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id="+id) == "0"
	})
	l = acquire(t, p, "ds", 0, l.Conn())
	defer l.Release()
	if one(t, l.Conn(), "SELECT 1") != "1" || p.Stats()[0].Dead != 1 {
		t.Errorf("stats %+v", p.Stats()[0])
	}
}

// Sessions of different states share few connections, with cancellations and KILLs among them; each must find its own
// state and nobody else's.
func TestConcurrentSessions(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 4, WaitTimeout: time.Minute}))
	zones := []string{"+01:00", "+02:00", "+03:00"}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			st := NewState()
			st.SetVar("time_zone", "'"+zones[i%3]+"'")
			st.SetUserVar("me", strconv.Itoa(i))
			st.SetSchema([]string{"mysql", "information_schema"}[i%2])
			want := fmt.Sprintf("%s %s %d", st.Schema(), zones[i%3], i)
			var hint *Conn
			for k := range 40 {
				l, err := p.AcquireFor(t.Context(), Request{DataSource: "ds", Hint: hint, State: st})
				if err != nil {
					t.Error(err)
					return
				}
				hint = l.Conn()
				if err := session(t.Context(), l, st, want, k); err != nil {
					t.Error(err)
				}
				l.Release()
			}
		})
	}
	wg.Wait()
	if s := p.Stats()[0]; s.Open > 4 || s.Waiting != 0 {
		t.Errorf("stats %+v", s)
	}
}

func session(ctx context.Context, l *Lease, st *State, want string, k int) error {
	if err := l.Apply(ctx, st, NeedUserVars); err != nil {
		return err
	}
	_, rows, err := l.Conn().QueryRows(ctx, "SELECT CONCAT_WS(' ',DATABASE(),@@time_zone,@me)")
	if err != nil || string(rows[0][0]) != want {
		return fmt.Errorf("got %q, %w, want %s", rows, err, want)
	}
	if k%10 == 9 {
		short, cancel := context.WithTimeout(ctx, 8*time.Millisecond)
		defer cancel()
		if _, err := l.Conn().Exec(short, "SELECT SLEEP(5)"); err == nil {
			return errors.New("not interrupted")
		}
	}
	return nil
}

func TestTooManyConnectionsAtServer(t *testing.T) {
	s := ownServer(t, "--max-connections=10", "--extra-port=0")
	p := testPools(t, testSource("ds_3", s.addr, Limits{MaxOpen: 20}))
	var ls []*Lease
	var err error
	for err == nil {
		var l *Lease
		if l, err = p.Acquire(t.Context(), "ds_3", 0, nil); err == nil {
			ls = append(ls, l)
		}
	}
	e := sqlerr.As(err)
	if e == nil || e.Code != sqlerr.CodeConnectToForeign || !strings.Contains(e.Msg, "Too many connections") || len(ls) < 10 {
		t.Errorf("after %d: %v", len(ls), err)
	}
	releaseAll(ls)
}

func TestProbeAndCompare(t *testing.T) {
	s := ownServer(t, "--sql-mode=ANSI_QUOTES", "--default-time-zone=+05:00", "--max-allowed-packet=32M", "--server-id=7",
		"--auto-increment-increment=3", "--transaction-isolation=READ-COMMITTED", "--lower-case-table-names=1")
	p := testPools(t, testSource("a", sharedServer(t), Limits{}), testSource("b", s.addr, Limits{}))
	a, err := p.Probe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Probe(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if b.Session["sql_mode"] != "ANSI_QUOTES" || b.Session["time_zone"] != "+05:00" || b.MaxAllowedPacket != 32<<20 || b.ServerID != 7 ||
		b.AutoIncrementIncrement != 3 || b.Session["transaction_isolation"] != "READ-COMMITTED" || b.LowerCaseTableNames != 1 || b.Session["collation_server"] == "" ||
		b.Server["sync_binlog"] == "" || b.Server["innodb_flush_log_at_trx_commit"] != "0" || b.ClockOffset.Abs() > time.Minute || !strings.Contains(b.Version, "MariaDB") {
		t.Errorf("probe %+v", b)
	}
	var names []string
	for _, d := range Compare([]ServerInfo{a, b}) {
		names = append(names, fmt.Sprintf("%s:%t", d.Setting, d.Settable))
		if len(d.Values) != 2 || d.Values[0].DataSource != "a" || d.Values[0].Value == d.Values[1].Value {
			t.Errorf("difference %+v", d)
		}
	}
	want := "lower_case_table_names:false max_allowed_packet:false auto_increment_increment:false sql_mode:true time_zone:true transaction_isolation:true"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("differences %s, want %s", got, want)
	}
	if d := Compare([]ServerInfo{a, a}); d != nil {
		t.Errorf("a server differs from itself: %+v", d)
	}
	late := a
	late.ClockOffset += time.Hour
	if d := Compare([]ServerInfo{a, late}); len(d) != 1 || d[0].Setting != "clock" {
		t.Errorf("clocks: %+v", d)
	}
	if _, err := p.Probe(t.Context(), "none"); !errors.Is(err, ErrUnknownDataSource) {
		t.Errorf("error %v", err)
	}
}

// A cancellation that comes when the answer is there already leaves a connection on which nothing can be sent: it is not lent
// to anybody, who would be told of an interruption that was another's.
func TestReleaseInterrupted(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	l := acquire(t, p, "ds", 0, nil)
	if _, err := l.Conn().Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	l.conn.link.interrupt()
	l.Release()
	l = acquire(t, p, "ds", 0, nil)
	defer l.Release()
	if _, err := l.Conn().Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("on the connection after it: %v", err)
	}
}

// Statements in one packet run up to the first that fails, whatever the connection's flags; it is of use afterwards, and still runs no
// second statement for anybody else.
func TestExecTogether(t *testing.T) {
	addr := sharedServer(t)
	for _, flags := range []Flags{0, FlagMultiStatements} {
		c := connect(t, addr, flags, "")
		ctx := t.Context()
		if _, err := c.ExecTogether(ctx, "CREATE TEMPORARY TABLE mysql.together (a INT PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		ok, err := c.ExecTogether(ctx, "INSERT INTO mysql.together VALUES (1)", "SELECT a FROM mysql.together", "INSERT INTO mysql.together VALUES (2), (3)")
		if err != nil || ok.AffectedRows != 2 {
			t.Errorf("%v: %d rows, %v", flags, ok.AffectedRows, err)
		}
		_, err = c.ExecTogether(ctx, "INSERT INTO mysql.together VALUES (4)", "INSERT INTO mysql.together VALUES (1)", "INSERT INTO mysql.together VALUES (5)")
		if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeDupEntry {
			t.Errorf("%v: a duplicate key: %v", flags, err)
		}
		if got := one(t, c, "SELECT GROUP_CONCAT(a ORDER BY a) FROM mysql.together"); got != "1,2,3,4" {
			t.Errorf("%v: the table has %s", flags, got)
		}
		_, err = c.Exec(ctx, "SELECT 1; SELECT 2")
		if refused := sqlerr.As(err) != nil; refused != (flags == 0) {
			t.Errorf("%v: two statements in one text afterwards: %v", flags, err)
		}
		ended, cancel := context.WithCancel(ctx)
		observer, done := connect(t, addr, 0, ""), make(chan error, 1)
		go func() { _, err := c.ExecTogether(ended, "DO SLEEP(60)", "DO SLEEP(60)"); done <- err }()
		waitRunning(t, observer, c)
		cancel()
		if err := <-done; !errors.Is(err, ErrInterrupted) || !c.Broken() {
			t.Errorf("%v: interrupted: %v", flags, err)
		}
	}
}
