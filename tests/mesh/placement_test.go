package mesh

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/reload/barrier"
)

// swapped are the lab's rules with the shards' slots the other way round.
func (l *lab) swapped() string { return l.rulesBy("ds_1: 0-8191\n  ds_0: 8192-16383", "") }

// misplaced counts the rows of t that are not where the rules have them, by the answer of the servers themselves.
func (l *lab) misplaced(swapped bool) int {
	l.t.Helper()
	total := 0
	for i, shard := range env.Shards {
		low := i == 0 != swapped
		db, err := shard.Open(l.database)
		if err != nil {
			l.t.Fatal(err)
		}
		var n int
		err = db.QueryRowContext(l.t.Context(), "SELECT COUNT(*) FROM t WHERE (CRC32(id) MOD 16384 < 8192) <> ?", low).Scan(&n)
		if err := errors.Join(err, db.Close()); err != nil {
			l.t.Fatal(err)
		}
		total += n
	}
	return total
}

func TestPlacementChangeUnderWrites(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	a, b := l.start("a", ""), l.start("b", "")
	onA, onB := l.open(a), l.open(b)
	l.create(onA)

	// A transaction that has read the empty table keeps A from acknowledging, so that both hold it while writes come.
	reader, err := onA.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.ExecContext(t.Context(), "SELECT * FROM t"); err != nil {
		t.Fatal(err)
	}
	_, err = l.administration(100*time.Millisecond).Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(l.swapped()), Author: "test", Base: 1})
	if err == nil || !strings.Contains(err.Error(), "a lives, but did not let go of tables t in time: an open transaction or a statement uses them there") || strings.Contains(err.Error(), "evict") {
		t.Errorf("a change that an open transaction is in the way of: %v", err)
	}
	applied := make(chan error, 1)
	go func() {
		_, err := l.admin.Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(l.swapped()), Author: "test", Base: 1})
		applied <- err
	}()
	eventually(t, 10*time.Second, "A holds the table", func() bool { return strings.Contains(a.Log(), "sessions still use tables t") })

	const writers = 8
	var wrote sync.WaitGroup
	started := make(chan struct{}, 2*writers)
	for w := range 2 * writers {
		db := []*sql.DB{onA, onB}[w%2]
		wrote.Go(func() {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }() // its statements' errors are looked at
			started <- struct{}{}
			for n := range 10 {
				if err := insert(t.Context(), conn, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 * writers {
		<-started
	}
	if _, err := reader.ExecContext(t.Context(), "SELECT * FROM t"); err != nil {
		t.Errorf("who is inside must be able to end: %v", err)
	}
	select {
	case err := <-applied:
		t.Fatalf("the change did not wait for the transaction: %v", err)
	default:
	}
	if err := reader.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-applied; err != nil {
		t.Fatal(err)
	}
	wrote.Wait()
	if n := l.misplaced(true); n > 0 {
		t.Errorf("%d rows are where the new rules do not look for them", n)
	}
	for name, db := range map[string]*sql.DB{"a": onA, "b": onB} {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 2*writers*10 {
			t.Errorf("%s counts %d rows: %v", name, n, err)
		}
	}
}

func insert(ctx context.Context, conn *sql.Conn, n int) error {
	if _, err := conn.ExecContext(ctx, "INSERT INTO t (n) VALUES (?)", n); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return nil
}

func TestFrozenInstanceDoesNotHoldTheOthers(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	a, b := l.start("a", ""), l.start("b", "")
	onA, onB := l.open(a), l.open(b)
	l.create(onA)
	if err := onB.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Signal(syscall.SIGCONT) }() // again, if the test ends early
	stop := l.load(onA)
	began := time.Now()
	_, err := l.administration(time.Second).Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(l.swapped()), Author: "test", Base: 1})
	took := time.Since(began)
	var not *barrier.NotActivated
	if !errors.As(err, &not) || not.Outcome != barrier.Aborted || len(not.Missing) != 1 || not.Missing[0] != "b" {
		t.Fatalf("%v", err)
	}
	if took > 6*time.Second {
		t.Errorf("it was given up after %v", took)
	}
	if err := round(t.Context(), onA, 1); err != nil {
		t.Errorf("after the change was given up: %v", err)
	}
	stop()
	if err := b.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := round(t.Context(), onB, 1); err != nil {
		t.Errorf("on the instance that was frozen: %v", err)
	}
	if n := l.misplaced(false); n > 0 {
		t.Errorf("%d rows are misplaced", n)
	}
	l.runs(1, 15*time.Second, "a", "b")
}
