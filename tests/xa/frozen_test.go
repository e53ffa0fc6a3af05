package xa

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

const manyFrozen = 200

// heldOpen is a transaction whose owner stands still: its connections are open. Every other one is decided to commit, and home is in none then; of the others home is in
// its transaction, and could decide yet.
type heldOpen struct {
	xid          xa.XID
	decided      bool
	home, branch *sql.Conn
}

// holdOpen makes one, of home's server and the next.
func holdOpen(ctx context.Context, dbs []*sql.DB, number int64, decided bool) (s heldOpen, err error) {
	s.decided = decided
	s.xid = xa.XID{
		GTRID:  xa.GTRID{Cluster: cluster, Log: shards.Server(env.Shards[0].Name()).Log, Epoch: deadEpoch, Seq: uint64(number)},
		Branch: xa.Qualifier{Log: shards.Server(env.Shards[1].Name()).Log},
	}
	row := fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, 0)", number)
	if s.home, err = dbs[0].Conn(ctx); err != nil {
		return s, err
	}
	if s.branch, err = dbs[1].Conn(ctx); err != nil {
		return s, err
	}
	if err := s.home.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&s.xid.Branch.Home); err != nil {
		return s, err
	}
	if err := s.branch.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&s.xid.Branch.Conn); err != nil {
		return s, err
	}
	home := []string{"BEGIN", row}
	if decided {
		home = append(home, fmt.Sprintf("INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES ('%s','C','%s',%d)", s.xid.GTRID, s.xid.Branch.Log, s.xid.Branch.Home), "COMMIT")
	}
	for _, at := range []struct {
		on    *sql.Conn
		texts []string
	}{{s.home, home}, {s.branch, append([]string{txnlog.Start(s.xid), row}, txnlog.Prepare(s.xid)...)}} {
		for _, text := range at.texts {
			if _, err := at.on.ExecContext(ctx, text); err != nil {
				return s, fmt.Errorf("%s: %w", text, err)
			}
		}
	}
	return s, nil
}

// holdAllOpen makes many, over connections of their own.
func holdAllOpen(t *testing.T, dbs []*sql.DB) []heldOpen {
	t.Helper()
	all, errs := make([]heldOpen, manyFrozen), make([]error, manyFrozen)
	var making sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range all {
		lastTransfer++
		number := lastTransfer
		slots <- struct{}{}
		making.Go(func() {
			defer func() { <-slots }()
			all[i], errs[i] = holdOpen(t.Context(), dbs, number, i%2 == 0)
		})
	}
	making.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := prepared(t); n != manyFrozen {
		t.Fatalf("%d branches are prepared", n)
	}
	return all
}

// roomy is a server that takes a thousand connections while the test lasts.
func roomy(t *testing.T, shard int) *sql.DB {
	t.Helper()
	was := ask(t, shard, "SELECT @@max_connections")
	if _, err := control[shard].ExecContext(t.Context(), "SET GLOBAL max_connections = 1000"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = control[shard].ExecContext(context.Background(), "SET GLOBAL max_connections = "+was) })
	return harness.Open(t, env.Shards[shard].Config("bank"))
}

// TestManyStand: hundreds of branches whose owner stands still are taken from it, and finished, while its connections are open: by one recoverer, and by five at once.
func TestManyStand(t *testing.T) {
	var dbs []*sql.DB
	for i := range 2 {
		dbs = append(dbs, roomy(t, i))
	}
	for _, healers := range []int{1, 5} {
		t.Run(fmt.Sprint(healers), func(t *testing.T) { manyStand(t, dbs, healers) })
	}
}

func manyStand(t *testing.T, dbs []*sql.DB, healers int) {
	all := holdAllOpen(t, dbs)
	took := recoverMany(t, healers)
	t.Logf("%d branches whose owner stands were recovered by %d in %v", manyFrozen, healers, took.Round(10*time.Millisecond))
	for _, s := range all {
		s.judge(t, true)
	}
	for _, s := range all {
		for _, c := range []*sql.Conn{s.home, s.branch} {
			_ = c.Raw(func(any) error { return driver.ErrBadConn }) // ends it, if it has not
			_ = c.Close()
		}
	}
	forget(t)
	clean(t)
}

// recoverMany has so many processes recover until nothing is prepared.
func recoverMany(t *testing.T, healers int) time.Duration {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }()
	var those []*healer
	for range healers {
		those = append(those, heal(t))
	}
	began := time.Now()
	for _, h := range those {
		work.Go(func() { h.recoverer.Run(ctx, func(name string, err error) { t.Logf("%s: %v", name, err) }) })
	}
	for n := 1; n > 0; n = prepared(t) {
		if time.Since(began) > timeOfMany {
			t.Fatalf("%d branches are prepared after %v", n, timeOfMany)
		}
		<-time.After(100 * time.Millisecond)
	}
	return time.Since(began)
}

// judge sees that a transaction is on both servers, or on none, and that nobody who could still decide it is there: a connection that is ended is listed for a moment.
// A home that could not is left alone, if its owner stands.
func (s heldOpen) judge(t *testing.T, stands bool) {
	t.Helper()
	want := ""
	if s.decided {
		want = "[0 1]"
	}
	if on := there(t, int64(s.xid.GTRID.Seq)); strings.TrimPrefix(fmt.Sprint(on), "[]") != want {
		t.Errorf("%s, decided: %v, is on %v", s.xid, s.decided, on)
	}
	lives := func() bool {
		return ask(t, 0, fmt.Sprintf("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %d", s.xid.Branch.Home)) != ""
	}
	if s.decided && stands {
		if !lives() {
			t.Errorf("%s: home, which could decide nothing any more, is ended", s.xid)
		}
		return
	}
	for began := time.Now(); lives(); <-time.After(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%s, decided: %v: home lives", s.xid, s.decided)
		}
	}
}

// TestManyNumbersAreAnothers: hundreds of branches that no connection has, each named after one that is another's and in no transaction, as after a failover, are told from
// those by few looks at the server's transactions, by one recoverer and by five at once, and finished; and nobody's connection is ended.
func TestManyNumbersAreAnothers(t *testing.T) {
	db := roomy(t, 1)
	for _, healers := range []int{1, 5} {
		t.Run(fmt.Sprint(healers), func(t *testing.T) { manyNumbersAreAnothers(t, db, healers) })
	}
}

func manyNumbersAreAnothers(t *testing.T, db *sql.DB, healers int) {
	const many = manyFrozen
	first := lastTransfer + 1
	lastTransfer += many
	home, log := shards.Server(env.Shards[0].Name()).Log, shards.Server(env.Shards[1].Name()).Log
	idle, numbers, decided := make([]*sql.Conn, many), make([]uint32, many), make([]string, many)
	for i := range many {
		others, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := others.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&numbers[i]); err != nil {
			t.Fatal(err)
		}
		owner, err := control[1].Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		x := xa.XID{GTRID: xa.GTRID{Cluster: cluster, Log: home, Epoch: deadEpoch, Seq: uint64(first) + uint64(i)}, Branch: xa.Qualifier{Log: log, Conn: numbers[i]}}
		if err := leaveOn(t.Context(), owner, x, first+int64(i)); err != nil {
			t.Fatal(err)
		}
		_ = owner.Close() // it has ended
		idle[i], decided[i] = others, fmt.Sprintf("('%s','C','%s',0)", x.GTRID, log)
	}
	if _, err := control[0].ExecContext(t.Context(), "INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES "+strings.Join(decided, ",")); err != nil {
		t.Fatal(err)
	}
	looks := sentTo(t, 1, "%INNODB\\_TRX%")
	took := recoverMany(t, healers)
	n := looks()
	t.Logf("%d branches named after others' connections were recovered by %d in %v, with %d looks", many, healers, took.Round(10*time.Millisecond), n)
	if n == 0 || n >= many*healers {
		t.Errorf("%d looks of %d processes for %d branches", n, healers, many)
	}
	if rows := ask(t, 1, fmt.Sprintf("SELECT COUNT(*) FROM bank.ledger WHERE t BETWEEN %d AND %d", first, lastTransfer)); rows != fmt.Sprint(many) {
		t.Errorf("%s of %d are there", rows, many)
	}
	for i, c := range idle {
		var now uint32
		if err := errors.Join(c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&now), c.Close()); err != nil || now != numbers[i] {
			t.Errorf("who had connection %d has %d: %v", numbers[i], now, err)
		}
	}
	forget(t)
	clean(t)
}

// sentTo counts the statements like one that a server is sent, until it is asked how many.
func sentTo(t *testing.T, shard int, like string) (so func() int) {
	t.Helper()
	run := func(sql string) {
		t.Helper()
		if _, err := control[shard].ExecContext(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatal(err)
		}
	}
	run("TRUNCATE mysql.general_log")
	run("SET GLOBAL log_output = 'TABLE'")
	run("SET GLOBAL general_log = 1")
	t.Cleanup(func() { _, _ = control[shard].ExecContext(context.Background(), "SET GLOBAL general_log = 0") })
	return func() (n int) {
		t.Helper()
		run("SET GLOBAL general_log = 0")
		if _, err := fmt.Sscan(ask(t, shard, "SELECT COUNT(*) FROM mysql.general_log WHERE command_type = 'Query' AND argument LIKE '"+like+"' AND argument NOT LIKE '%general%'"), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// TestSweepWaitsForNoListedBranch: a sweep, which has seen for a while that decisions lack the marks of branches, asks for no mark of those that are listed: each would be
// waited for, over a connection that recovery needs.
func TestSweepWaitsForNoListedBranch(t *testing.T) {
	dbs := []*sql.DB{harness.Open(t, env.Shards[0].Config("bank")), harness.Open(t, env.Shards[1].Config("bank"))}
	lastTransfer++
	held, err := holdOpen(t.Context(), dbs, lastTransfer, true)
	if err != nil {
		t.Fatal(err)
	}
	r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Living: time.Nanosecond, Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) }})
	run := func(sql string) {
		t.Helper()
		if _, err := control[1].ExecContext(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(what string) string {
		t.Helper()
		return ask(t, 1, "SELECT COUNT(*) FROM mysql.general_log WHERE command_type = 'Query' AND argument LIKE '"+what+"' AND argument NOT LIKE '%general%'")
	}
	run("TRUNCATE mysql.general_log")
	run("SET GLOBAL log_output = 'TABLE'")
	run("SET GLOBAL general_log = 1")
	defer run("SET GLOBAL general_log = 0")
	for range 2 { // the first sees that the mark is not there
		if err := r.Sweep(t.Context(), env.Shards[0].Name()); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked("XA RECOVER"); n == "0" {
		t.Error("nobody has asked what is listed")
	}
	if n := asked("%txn\\_mark%" + held.xid.GTRID.String() + "%LOCK IN SHARE MODE"); n != "0" {
		t.Errorf("the mark is asked for with its lock %s times", n)
	}
	for _, c := range []*sql.Conn{held.home, held.branch} {
		_ = c.Raw(func(any) error { return driver.ErrBadConn }) // ends it
		_ = c.Close()
	}
	recoverAll(t, recoverer(t, nil))
	held.judge(t, false)
	clean(t)
}
