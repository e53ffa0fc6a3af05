package xa

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// column is txn.Ask over the branches of these tests.
func column(ctx context.Context, of txn.Branch, sql string) (out []string, err error) {
	rows, err := of.(*branch).conn.(driver.QueryerContext).QueryContext(ctx, sql, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, 1)
	for {
		if err := rows.Next(row); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		out = append(out, string(row[0].([]byte)))
	}
}

// reader is a transaction that is about to read from all shards.
func reader(t *testing.T) (*txn.Txn, []*branch) {
	t.Helper()
	x := txn.New(txn.Options{ReadWrite: true})
	var all []*branch
	for i := range env.Shards {
		all = append(all, connect(t, i))
		x.Adopt(all[i])
	}
	return x, all
}

// seen are the shards on which a reader finds a transfer.
func seen(t *testing.T, all []*branch, id int64) (on []int) {
	t.Helper()
	for i, b := range all {
		found, err := column(t.Context(), b, fmt.Sprintf("SELECT CAST(t AS CHAR) FROM bank.ledger WHERE t = %d", id))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			on = append(on, i)
		}
	}
	return on
}

// TestReadBetween: whatever of a commit happens between the openings of a reader's snapshots, it reads all of the transaction or nothing. The reader is
// stopped when it looks for what its first snapshots show, and the transaction goes on as far as the reader lets it.
func TestReadBetween(t *testing.T) {
	for home := range env.Shards {
		on := []int{home, (home + 1) % len(env.Shards), (home + 2) % len(env.Shards)}
		for _, point := range []string{"prepare.before", "prepare.after", "decide.before", "decide.after", "deliver.before", "deliver.after", "tell.before"} {
			reached, goOn := make(chan struct{}, 8), make(chan struct{})
			x, _, id := transfer(t, manager(func(_ context.Context, at string) error {
				if at == point {
					reached <- struct{}{}
					<-goOn
				}
				return nil
			}), txn.Options{}, on)
			committed := make(chan error, 1)
			go func() { committed <- x.Commit(context.Background()) }()
			<-reached
			r, all := reader(t)
			first := true
			m := manager(nil)
			err := m.Atomic(t.Context(), r, func(ctx context.Context, of txn.Branch, sql string) ([]string, error) {
				if of == txn.Branch(all[on[0]]) && first { // its snapshots are open
					first = false
					close(goOn)
				}
				return column(ctx, of, sql)
			})
			if first { // nothing was suspected, not even what is prepared
				close(goOn)
			}
			if err != nil {
				t.Errorf("%s, home on %d: %v", point, home, err)
			}
			if got := seen(t, all, id); len(got) != 0 && len(got) != 3 {
				t.Errorf("%s, home on %d: the reader sees it on %v", point, home, got)
			}
			if err := <-committed; err != nil {
				t.Errorf("%s: %v", point, err)
			}
			for _, b := range all {
				b.Discard()
			}
		}
	}
	clean(t)
}

// held is a branch on which something happens before, or after, what it is told to do.
type held struct {
	*branch
	before, after func()
}

func (h held) Exec(ctx context.Context, statements ...string) error {
	h.before()
	defer h.after()
	return h.branch.Exec(ctx, statements...)
}

// TestReadAfterLongOpening: a server that takes its time to open its snapshot may have by then what another snapshot is too old for, and whose marks are
// older than any that is prepared lately.
func TestReadAfterLongOpening(t *testing.T) {
	const prepare = time.Millisecond
	opened := make(chan struct{})
	var id int64
	late := func() {
		<-opened
		x, _, n := transfer(t, manager(nil), txn.Options{}, []int{0, 1, 2})
		if err := x.Commit(t.Context()); err != nil {
			t.Error(err)
		}
		id = n
		for ask(t, 1, "SELECT MAX(at) < NOW(3) - INTERVAL 2100000 MICROSECOND FROM heddle_mesh.txn_mark WHERE gtrid = '"+x.GTRID()+"'") != "1" {
			<-time.After(10 * time.Millisecond)
		}
	}
	r := txn.New(txn.Options{ReadWrite: true})
	all := []*branch{connect(t, 1), connect(t, 2)}
	nothing, openings := func() {}, 0
	r.Adopt(held{all[0], nothing, func() {
		if openings++; openings == 1 {
			close(opened)
		}
	}})
	r.Adopt(held{all[1], sync.OnceFunc(late), nothing})
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, Limits: txn.Limits{Prepare: prepare}})
	err := m.Atomic(t.Context(), r, func(ctx context.Context, of txn.Branch, sql string) ([]string, error) {
		return column(ctx, of.(held).branch, sql)
	})
	if err != nil && !errors.Is(err, txn.ErrUnsettled) { // there may be no time left to open the old one anew
		t.Fatal(err)
	}
	if got := seen(t, all, id); err == nil && len(got) != 2 {
		t.Errorf("of two snapshots, %v show a transaction that one of them was opened after", got)
	}
	for _, b := range all {
		b.Discard()
	}
	clean(t)
}

// TestReadUndelivered: a transaction that is decided and not delivered lets no reader have snapshots; with locks a reader waits for it; when it is
// recovered all of it is read.
func TestReadUndelivered(t *testing.T) {
	branches, id := dying(t, "deliver.before")
	r, all := reader(t)
	m := manager(nil)
	if err := m.Atomic(t.Context(), r, column); !errors.Is(err, txn.ErrUnsettled) {
		t.Errorf("half of a transaction is there, and a reader is told %v", err)
	}
	if err := r.ByLocks(t.Context()); err != nil {
		t.Fatal(err)
	}
	all[1].run(t, "SET innodb_lock_wait_timeout=0")
	_, err := column(t.Context(), all[1], fmt.Sprintf("SELECT CAST(t AS CHAR) FROM bank.ledger WHERE t = %d", id))
	if e := sqlerr.As(asServer(err)); e == nil || e.Code != 1205 {
		t.Errorf("a reader with locks does not wait for what is prepared: %v", err)
	}
	_ = r.Rollback(t.Context())
	for _, b := range branches {
		b.Discard()
	}
	recoverAll(t, recoverer(t, nil))
	if err := m.Atomic(t.Context(), r, column); err != nil {
		t.Errorf("after it was recovered: %v", err)
	}
	if got := seen(t, all, id); len(got) != 2 {
		t.Errorf("after it was recovered the reader sees it on %v", got)
	}
	_ = r.Rollback(t.Context())
	for _, b := range all {
		b.Discard()
	}
	clean(t)
}

// TestNamesInAnyCharset: names are stored as they are whatever a client's connection makes of literals.
func TestNamesInAnyCharset(t *testing.T) {
	x, branches, id := transfer(t, manager(func(_ context.Context, at string) error {
		if at == "deliver.before" {
			return errors.New("dies")
		}
		return nil
	}), txn.Options{}, []int{0, 1})
	branches[0].run(t, "SET sql_mode='', collation_connection=ucs2_general_ci") // it decides
	if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatal(err)
	}
	for _, b := range branches {
		b.Discard()
	}
	recoverAll(t, recoverer(t, nil))
	if got := there(t, id); len(got) != 2 {
		t.Errorf("a transaction that was decided is there on %v", got)
	}
	clean(t)
}

// TestRestoreLocksNobodyOut: a session without unique_checks and foreign_key_checks, as a dump is restored by, inserts in bulk into a table that is empty, and has all of it
// locked until its branch ends: of Heddle's own tables none is ever empty, however long nothing has been committed.
func TestRestoreLocksNobodyOut(t *testing.T) {
	for i := range 2 {
		r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Keep: time.Nanosecond, Marks: time.Nanosecond})
		for range 2 { // what is over is seen once and deleted then
			if err := r.Sweep(t.Context(), env.Shards[i].Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	held, goOn := make(chan bool), make(chan bool)
	m := manager(func(_ context.Context, at string) error {
		if at == "deliver.before" {
			held <- true
			<-goOn
		}
		return nil
	})
	restoring, branches, first := transfer(t, m, txn.Options{}, []int{0, 1})
	for _, b := range branches {
		b.run(t, "SET unique_checks=0, foreign_key_checks=0")
	}
	ended := make(chan error, 1)
	go func() { ended <- restoring.Commit(t.Context()) }()
	<-held
	other, more, id := transfer(t, manager(nil), txn.Options{}, []int{0, 1})
	err := other.Commit(t.Context())
	goOn <- true
	if err != nil {
		t.Errorf("another transaction, while the mark of one that restores is not committed: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, id := range []int64{first, id} {
		if got := there(t, id); len(got) != 2 {
			t.Errorf("transfer %d is there on %v", id, got)
		}
	}
	for _, b := range append(branches, more...) {
		b.Discard()
	}
	clean(t)
}

// TestReaderOfAKilledServer: a reader whose server does not say what it has is told which one it is.
func TestReaderOfAKilledServer(t *testing.T) {
	r, all := reader(t)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	err := manager(nil).Atomic(t.Context(), r, column)
	if e, ok := errors.AsType[*txn.UnansweredError](err); !ok || e.DataSource != env.Shards[1].Name() {
		t.Errorf("the server of a reader is killed, and it is told %v", err)
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		b.Discard()
	}
	clean(t)
}

// TestReadersLeaveRecoveryItsConnections: readers whose server does not say which transactions are prepared there are told so within a bound, however many they are, and
// recovery gets on all the while: there, if the server answers recovery, and with what the others have.
func TestReadersLeaveRecoveryItsConnections(t *testing.T) {
	t.Run("marks cannot be read", func(t *testing.T) {
		locks := connect(t, 1)
		crowd := newCrowd(t, env.Shards[1].Addr(), func() { locks.run(t, "LOCK TABLES heddle_mesh.txn_mark WRITE") })
		crowd.wait(t, func() bool {
			return ask(t, 1, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata lock%'") >= "3"
		})
		asking, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		if _, _, err := crowd.server.Prepared(asking); err != nil {
			t.Errorf("recovery asks what is prepared while readers wait: %v", err)
		}
		cancel()
		crowd.judge(t)
		locks.run(t, "UNLOCK TABLES")
		locks.Discard()
	})
	t.Run("a link that swallows all", func(t *testing.T) {
		link := harness.NewRelay(t, env.Shards[1].Addr())
		crowd := newCrowd(t, link.Addr(), func() { link.Hold() })
		crowd.wait(t, func() bool { return crowd.server.DB.Stats().InUse >= 3 })
		x, branches, id := transfer(t, manager(func(_ context.Context, at string) error {
			if at == "deliver.before" {
				return errors.New("dies")
			}
			return nil
		}), txn.Options{}, []int{0, 2})
		if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
			t.Fatal(err)
		}
		for _, b := range branches {
			b.Discard()
		}
		r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: crowd.shards, Life: func(uint64) txn.Life { return txn.Dead }})
		if _, err := r.Scan(t.Context(), env.Shards[2].Name()); err != nil {
			t.Errorf("recovery of a server that answers: %v", err)
		}
		if got := there(t, id); len(got) != 2 {
			t.Errorf("what recovery has finished while readers wait is there on %v", got)
		}
		crowd.judge(t)
		link.Release()
	})
	clean(t)
}

// crowd are readers of two servers, the second of which does not answer them.
type crowd struct {
	shards   *txn.Shards
	server   *txnlog.Server // the second
	branches []*branch
	told     chan error
}

// newCrowd has twice as many read as a process has connections for recovery, which go to addr; before is done before they begin.
func newCrowd(t *testing.T, addr string, before func()) *crowd {
	const most = 12
	cfg := env.Shards[1].Config("bank")
	cfg.Addr = addr
	db, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(most)
	c := &crowd{shards: txn.NewShards(), told: make(chan error, 2*most)}
	if c.server, err = txn.Probe(t.Context(), db, env.Shards[1].Name()); err != nil {
		t.Fatal(err)
	}
	for i, s := range env.Shards {
		server := shards.Server(s.Name())
		if i == 1 {
			server = c.server
		}
		c.shards.Set(s.Name(), server, nil)
	}
	before()
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: c.shards})
	for range cap(c.told) {
		r := txn.New(txn.Options{ReadWrite: true})
		for shard := range 2 {
			b := connect(t, shard)
			c.branches = append(c.branches, b)
			r.Adopt(b)
		}
		go func() { c.told <- m.Atomic(t.Context(), r, column) }()
	}
	return c
}

// wait waits until the first of them wait.
func (c *crowd) wait(t *testing.T, waiting func() bool) {
	t.Helper()
	for began := time.Now(); !waiting(); <-time.After(10 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("no reader waits")
		}
	}
}

// judge waits for all of them to be told.
func (c *crowd) judge(t *testing.T) {
	t.Helper()
	late := time.After(25 * time.Second) // a connection that is silent has 30
	for range cap(c.told) {
		select {
		case err := <-c.told:
			if e, ok := errors.AsType[*txn.UnansweredError](err); !ok || e.DataSource != env.Shards[1].Name() {
				t.Errorf("a reader is told %v", err)
			}
		case <-late:
			t.Fatal("a reader whose question is not answered is told nothing")
		}
	}
	for _, b := range c.branches {
		b.Discard()
	}
}

// TestReaderAsksTheServerItReads: behind a switch recovery asks the old server for a moment, or its connections are closed already, until the new one was probed.
// A reader whose snapshot is of the new one waits for that: the old one does not say which branches are prepared there.
func TestReaderAsksTheServerItReads(t *testing.T) {
	name, is := env.Shards[1].Name(), &txnlog.Server{DB: control[1], DataSource: env.Shards[1].Name(), Log: logOf(1), Addr: env.Shards[1].Addr()}
	old := &txnlog.Server{DB: control[2], DataSource: name, Log: logOf(1), Addr: env.Shards[2].Addr()}
	closed, err := open(env.Shards[1].Config("bank"))
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	gone := &txnlog.Server{DB: closed, DataSource: name, Log: logOf(1), Addr: env.Shards[1].Addr()}
	for _, s := range []*txnlog.Server{is, old} {
		if err := s.Learn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	held, goOn, ended := make(chan bool), make(chan bool), make(chan error, 1)
	x, branches, _ := transfer(t, manager(func(_ context.Context, at string) error {
		if at == "deliver.before" {
			held <- true
			<-goOn
		}
		return nil
	}), txn.Options{}, []int{0, 1})
	go func() { ended <- x.Commit(t.Context()) }()
	<-held // half of it is there to be seen
	for _, c := range []struct {
		name  string
		first *txnlog.Server
	}{{"the old server answers", old}, {"its connections are closed", gone}} {
		r, all := reader(t)
		moved := txn.NewShards()
		for _, i := range []int{0, 2} {
			moved.Set(env.Shards[i].Name(), shards.Server(env.Shards[i].Name()), nil)
		}
		moved.Set(name, c.first, nil)
		if c.first == gone {
			moved.Moving(name)
		}
		asks, times := make(chan bool), 0
		all[1].addr = func() string {
			if times++; times == 4 { // more than one round has questions
				close(asks)
			}
			return env.Shards[1].Addr()
		}
		told := make(chan error, 1)
		go func() {
			told <- txn.NewManager(txn.Config{Cluster: cluster, Shards: moved}).Atomic(t.Context(), r, column)
		}()
		select {
		case <-asks:
		case <-t.Context().Done():
		case err := <-told:
			told <- err
		}
		moved.Set(name, is, nil)
		if err := <-told; !errors.Is(err, txn.ErrUnsettled) {
			t.Errorf("%s: a reader of half a transaction is told %v", c.name, err)
		}
		for _, b := range all {
			b.Discard()
		}
	}
	goOn <- true
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, b := range branches {
		b.Discard()
	}
	clean(t)
}
