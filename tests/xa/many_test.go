package xa

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

const (
	manyInDoubt      = 1000
	deadEpoch        = 1       // of the owners that have left it
	connectionsOfOne = 20      // that a process has to a server for recovery, see sidecar
	memoryOfMany     = 1 << 27 // bytes, the race detector's copies of what is held among them
	timeOfMany       = 3 * time.Minute
)

// mass are transactions that dead owners have left. Each has its home on one server and a prepared branch on the next; a third of them is decided
// to commit, a third to abort, and of a third nothing is decided.
type mass struct {
	first    int64 // of their numbers in the ledger
	verdicts []string
}

// leaveMany makes them, with the numbers from first on.
func leaveMany(t *testing.T, first int64) *mass {
	t.Helper()
	m := &mass{first: first, verdicts: make([]string, manyInDoubt)}
	decided := make([][]string, len(env.Shards))
	var all sync.WaitGroup
	errs := make([]error, manyInDoubt)
	slots := make(chan struct{}, 16)
	for i := range m.verdicts {
		m.verdicts[i] = []string{"C", "A", ""}[i/len(env.Shards)%3]
		home, at := i%len(env.Shards), (i+1)%len(env.Shards)
		x := xa.XID{
			GTRID:  xa.GTRID{Cluster: cluster, Log: shards.Server(env.Shards[home].Name()).Log, Epoch: deadEpoch, Seq: uint64(first) + uint64(i)},
			Branch: xa.Qualifier{Log: shards.Server(env.Shards[at].Name()).Log},
		}
		switch m.verdicts[i] {
		case "C":
			decided[home] = append(decided[home], fmt.Sprintf("('%s','C','%s',0)", x.GTRID, x.Branch.Log))
		case "A":
			decided[home] = append(decided[home], fmt.Sprintf("('%s','A','',0)", x.GTRID))
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = leaveOne(t.Context(), control[at], x, first+int64(i))
		})
	}
	all.Wait()
	for home, rows := range decided {
		if _, err := control[home].ExecContext(t.Context(), "INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES "+strings.Join(rows, ",")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return m
}

// leaveOne prepares a branch that writes a row, and ends its connection.
func leaveOne(ctx context.Context, db *sql.DB, x xa.XID, number int64) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&x.Branch.Conn); err != nil {
		return err
	}
	return leaveOn(ctx, c, x, number)
}

// leaveOn prepares a branch, whatever connection its name says, and ends the one that it is on.
func leaveOn(ctx context.Context, c *sql.Conn, x xa.XID, number int64) error {
	for _, s := range append([]string{txnlog.Start(x), fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, 0)", number)}, txnlog.Prepare(x)...) {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	_ = c.Raw(func(any) error { return driver.ErrBadConn }) // ends it
	return nil
}

// judge compares what is on the servers with what is decided.
func (m *mass) judge(t *testing.T) {
	t.Helper()
	found := map[string]int{}
	for shard := range env.Shards {
		for _, row := range rowsOf(t, shard, fmt.Sprintf("SELECT CAST(t AS CHAR) FROM bank.ledger WHERE t BETWEEN %d AND %d", m.first, m.first+manyInDoubt-1)) {
			found[row[0]] = shard + 1
		}
	}
	for i, verdict := range m.verdicts {
		want := 0
		if verdict == "C" {
			want = (i+1)%len(env.Shards) + 1
		}
		if got := found[fmt.Sprint(m.first+int64(i))]; got != want {
			t.Errorf("transaction %d, decided %q, is on server %d, want %d (0: none)", i, verdict, got, want)
		}
	}
}

// healer is a process that recovers, with connections of its own.
type healer struct {
	recoverer *txn.Recoverer
	dbs       []*sql.DB
}

// heal makes one. What the epoch's owners have left is taken up at once, and that of others left to them.
func heal(t *testing.T) *healer {
	t.Helper()
	h, own := &healer{}, txn.NewShards()
	for _, s := range env.Shards {
		db, err := open(s.Config("bank"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		db.SetMaxOpenConns(connectionsOfOne)
		server, err := txn.Probe(t.Context(), db, s.Name())
		if err != nil {
			t.Fatal(err)
		}
		own.Set(s.Name(), server, nil)
		h.dbs = append(h.dbs, db)
	}
	h.recoverer = txn.NewRecoverer(txn.RecoveryConfig{
		Cluster: cluster, Shards: own, Marks: time.Hour, Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) },
		Life: func(epoch uint64) txn.Life {
			if epoch == deadEpoch {
				return txn.Dead
			}
			return txn.Living
		},
	})
	return h
}

// heap is how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// prepared is how many branches the servers list.
func prepared(t *testing.T) (n int) {
	t.Helper()
	for _, name := range shards.Names() {
		listed, _, err := shards.Server(name).Prepared(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(listed)
	}
	return n
}

// TestManyInDoubt: a thousand transactions that dead owners have left on three servers are finished as they are decided, by one process and by two at once;
// neither takes more than its connections and little memory, and others commit meanwhile.
func TestManyInDoubt(t *testing.T) {
	m := manager(nil)
	for healers := 1; healers <= 2; healers++ {
		lastTransfer++
		left := leaveMany(t, lastTransfer)
		lastTransfer += manyInDoubt
		if n := prepared(t); n != manyInDoubt {
			t.Fatalf("%d branches are prepared", n)
		}
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		before, began := heap(), time.Now()
		var all []*healer
		for range healers {
			h := heal(t)
			all = append(all, h)
			work.Go(func() { h.recoverer.Run(ctx, func(name string, err error) { t.Logf("%s: %v", name, err) }) })
		}
		most, commits, slowest := before, 0, time.Duration(0)
		for n := manyInDoubt; n > 0; n = prepared(t) {
			if time.Since(began) > timeOfMany {
				t.Fatalf("%d branches are prepared after %v", n, timeOfMany)
			}
			x, branches, id := transfer(t, m, txn.Options{}, []int{0, 1, 2})
			asked := time.Now()
			if err := x.Commit(t.Context()); err != nil || !slices.Equal(there(t, id), []int{0, 1, 2}) {
				t.Errorf("a transaction beside it: %v, on %v", err, there(t, id))
			}
			commits, slowest = commits+1, max(slowest, time.Since(asked))
			for _, b := range branches {
				b.Discard()
			}
			most = max(most, heap())
		}
		took := time.Since(began)
		stop()
		work.Wait()
		connections := 0
		for _, h := range all {
			for _, db := range h.dbs {
				connections = max(connections, db.Stats().OpenConnections)
			}
		}
		if connections > connectionsOfOne || most-before > memoryOfMany {
			t.Errorf("%d connections to a server, %d bytes more", connections, most-before)
		}
		t.Logf("%d branches were recovered by %d in %v, %d commits beside it, the slowest in %v; %d KiB more", manyInDoubt, healers, took.Round(10*time.Millisecond),
			commits, slowest.Round(time.Millisecond), (most-before)>>10)
		left.judge(t)
		forget(t)
	}
	clean(t)
}
