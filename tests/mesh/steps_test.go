package mesh

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload/barrier"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/tests/harness"

	meshdocs "github.com/heddle-mesh/heddle/sidecar/mesh"
)

// The steps of a barrier as its coordinator sees them.
const (
	beforePrepare = "before the change is announced"
	afterPrepare  = "after it was announced"
	acknowledged  = "after both instances hold the table"
	beforeFlip    = "before the pointer moves"
	afterFlip     = "after the pointer moved"
)

var steps = []string{beforePrepare, afterPrepare, acknowledged, beforeFlip, afterFlip}

// stepping is a coordinator's store that stops at a step, once, for a function.
type stepping struct {
	store.Store
	doc  layout.Document
	step string
	do   func()
	once sync.Once
}

func (s *stepping) reached(step string) {
	if step == s.step {
		s.once.Do(s.do)
	}
}

func puts(ops []store.Op, key string) bool {
	for _, op := range ops {
		if op.Key == key && op.Kind == store.OpPut {
			return true
		}
	}
	return false
}

// Txn implements store.Store.
func (s *stepping) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (store.Result, error) {
	prepare, flip := puts(ops, s.doc.Prepare()), puts(ops, s.doc.Active())
	if prepare {
		s.reached(beforePrepare)
	}
	if flip {
		s.reached(beforeFlip)
	}
	res, err := s.Store.Txn(ctx, conds, ops)
	if err == nil && res.OK && prepare {
		s.reached(afterPrepare)
	}
	if err == nil && res.OK && flip {
		s.reached(afterFlip)
	}
	return res, err
}

// ledger counts the rows that were written.
type ledger struct{ stored, failed atomic.Int64 }

// write inserts rows until ctx is done. A statement that waits for too long for the table fails, and stores nothing.
func (w *ledger) write(t *testing.T, ctx context.Context, db *sql.DB) {
	for n := 0; ctx.Err() == nil; n++ {
		_, err := db.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (?)", n)
		switch {
		case err == nil:
			w.stored.Add(1)
		case strings.Contains(err.Error(), "placement") || strings.Contains(err.Error(), "another place"):
			w.failed.Add(1)
		default:
			t.Errorf("insert: %v", err)
			return
		}
	}
}

// exchange moves all rows of t to the other shard, as somebody who changes the placement has to.
func (l *lab) exchange(ctx context.Context) error {
	type row struct{ id, n int64 }
	var rows [2][]row
	var dbs [2]*sql.DB
	for i, shard := range env.Shards {
		db, err := shard.Open(l.database)
		if err != nil {
			return err
		}
		defer db.Close()
		dbs[i] = db
		found, err := db.QueryContext(ctx, "SELECT id, n FROM t")
		if err != nil {
			return err
		}
		for found.Next() {
			var r row
			if err := found.Scan(&r.id, &r.n); err != nil {
				return err
			}
			rows[i] = append(rows[i], r)
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			return err
		}
	}
	for i, db := range dbs {
		if _, err := db.ExecContext(ctx, "DELETE FROM t"); err != nil {
			return err
		}
		for part := rows[1-i]; len(part) > 0; {
			n := min(len(part), 500)
			values := make([]string, n)
			for j, r := range part[:n] {
				values[j] = fmt.Sprintf("(%d, %d)", r.id, r.n)
			}
			if _, err := db.ExecContext(ctx, "INSERT INTO t VALUES "+strings.Join(values, ", ")); err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return nil
}

// TestPlacementChangeAtEveryStep: two instances write, one of them is frozen, or cut off from the store, at each step of a
// change of placement under which somebody moves the rows. Whatever becomes of the change, every row that was stored is on the
// shard where the rules in force look for it, and is found by both.
func TestPlacementChangeAtEveryStep(t *testing.T) {
	for _, how := range []string{"frozen", "cut off"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, env.Etcd.Endpoint())
			link := harness.NewRelay(t, env.Etcd.Endpoint())
			set := []string{"limits.placement_wait", "300ms"}
			a := l.start("a", "", set...)
			b := l.start("b", "", append(set, "etcd.endpoints", link.Addr())...)
			onA, onB := l.open(a), l.open(b)
			l.create(onA)
			stopB := func() { link.Refuse(true); link.Cut() }
			startB := func() { link.Refuse(false) }
			if how == "frozen" {
				stopB = func() { signal(t, b, syscall.SIGSTOP) }
				startB = func() { signal(t, b, syscall.SIGCONT) }
				defer func() { _ = b.Signal(syscall.SIGCONT) }() // again, if the test ends early
			}
			rows := &ledger{}
			swapped := false
			for _, step := range steps {
				done := l.stepOnce(t, step, &swapped, rows, onA, onB, stopB, startB)
				t.Logf("%s %s: the change was made: %v", how, step, done)
				if want := step != beforePrepare && step != afterPrepare; want && !done {
					t.Errorf("%s %s: both hold the table, and the change was not made", how, step)
				}
			}
			t.Logf("%d rows stored, %d statements gave up waiting", rows.stored.Load(), rows.failed.Load())
		})
	}
}

func signal(t *testing.T, h *harness.Heddle, s syscall.Signal) {
	t.Helper()
	if err := h.Signal(s); err != nil {
		t.Error(err)
	}
}

// stepOnce makes one change to the other placement, in which B is stopped at a step.
func (l *lab) stepOnce(t *testing.T, step string, swapped *bool, rows *ledger, onA, onB *sql.DB, stopB, startB func()) (done bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for _, db := range []*sql.DB{onA, onA, onB, onB} {
		writers.Go(func() { rows.write(t, ctx, db) })
	}
	before := rows.stored.Load()
	eventually(t, 5*time.Second, "both write", func() bool { return rows.stored.Load() > before+20 })

	doc := layout.Document{Kind: layout.Rules, Name: l.database}
	s := &stepping{Store: l.store, doc: doc, step: step, do: stopB}
	administration, err := meshdocs.NewAdmin(s, "test", 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	text := l.swapped()
	if *swapped {
		text = l.rules("")
	}
	moved := false
	_, err = administration.Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(text), Author: "test", Base: admin.AnyBase,
		Check: func(ctx context.Context) error { // asked when nobody writes
			s.reached(acknowledged)
			moved = true
			return l.exchange(ctx)
		}})
	var not *barrier.NotActivated
	if err != nil && (moved || !errors.As(err, &not)) {
		t.Fatalf("%s: %v", step, err)
	}
	if err == nil {
		*swapped = !*swapped
	}
	startB()
	active, getErr := l.admin.Rules.Get(t.Context(), l.database)
	if getErr != nil {
		t.Fatal(getErr)
	}
	l.runs(active.Pointer.Version, 20*time.Second, "a", "b")
	before = rows.stored.Load()
	eventually(t, 10*time.Second, "both write again", func() bool { return rows.stored.Load() > before+20 })
	cancel()
	writers.Wait()
	if n := l.misplaced(*swapped); n > 0 {
		t.Errorf("%s: %d rows are not where the rules look for them", step, n)
	}
	for name, db := range map[string]*sql.DB{"a": onA, "b": onB} {
		var n int64
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != rows.stored.Load() {
			t.Errorf("%s: %s counts %d rows of %d: %v", step, name, n, rows.stored.Load(), err)
		}
	}
	return err == nil
}
