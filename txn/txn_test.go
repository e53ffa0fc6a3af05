package txn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeBranch records what it is told; fail names the statements that it answers with an error.
type fakeBranch struct {
	name string
	mu   sync.Mutex // guards log
	log  []string
	fail map[string]error
	dead bool
}

func (b *fakeBranch) DataSource() string { return b.name }
func (b *fakeBranch) Alive() bool        { return !b.dead }
func (b *fakeBranch) Exec(_ context.Context, sql string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, sql)
	return b.fail[sql]
}

func (b *fakeBranch) want(t *testing.T, statements ...string) {
	t.Helper()
	if !slices.Equal(b.log, statements) {
		t.Errorf("%s ran %q, want %q", b.name, b.log, statements)
	}
}

func TestBeginCarriesCharacteristics(t *testing.T) {
	for _, c := range []struct {
		options Options
		want    []string
	}{
		{Options{}, []string{"START TRANSACTION"}},
		{Options{ReadOnly: true}, []string{"START TRANSACTION READ ONLY"}},
		{Options{Implicit: true}, nil},
		{Options{Implicit: true, ReadOnly: true, Isolation: "READ COMMITTED"},
			[]string{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET TRANSACTION READ ONLY"}},
		{Options{Implicit: true, ReadWrite: true}, []string{"SET TRANSACTION READ WRITE"}},
		{Options{Snapshot: true, ReadWrite: true}, []string{"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE"}},
		{Options{Isolation: "SERIALIZABLE"}, []string{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION"}},
	} {
		b := &fakeBranch{name: "a"}
		if err := New(c.options).Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.want(t, c.want...)
	}
}

func TestLateBranchGetsSavepoints(t *testing.T) {
	a, b := &fakeBranch{name: "b"}, &fakeBranch{name: "a"}
	tx := New(Options{})
	ctx := t.Context()
	steps := []error{
		tx.Enlist(ctx, a), tx.Savepoint(ctx, "`x`"), tx.Savepoint(ctx, "`y`"), tx.Savepoint(ctx, "`X`"),
		tx.Enlist(ctx, b), tx.RollbackTo(ctx, "`y`"),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	b.want(t, "START TRANSACTION", "SAVEPOINT `y`", "SAVEPOINT `X`", "ROLLBACK TO SAVEPOINT `y`")
	if err := tx.Release(ctx, "`x`"); !errors.Is(err, ErrNoSavepoint) {
		t.Errorf("x was set after y, so it is gone: got %v", err)
	}
	if got := tx.Branches(); got[0] != Branch(b) || got[1] != Branch(a) {
		t.Error("branches stand in the order of their data sources")
	}
}

func TestCommitOutcomes(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name    string
		failing []bool
		partial bool
	}{
		{"all commit", []bool{false, false}, false},
		{"only one fails", []bool{false, true, false}, true},
		{"all fail", []bool{true, true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := New(Options{})
			failures := 0
			for i, fails := range c.failing {
				b := &fakeBranch{name: string(rune('a' + i))}
				if fails {
					b.fail = map[string]error{"COMMIT": boom}
					failures++
				}
				if err := tx.Enlist(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			err := tx.Commit(t.Context())
			var partial *PartialError
			if got := errors.As(err, &partial); got != c.partial {
				t.Fatalf("partial = %v, want %v (%v)", got, c.partial, err)
			}
			if (err != nil) != (failures > 0) {
				t.Fatalf("err = %v with %d failures", err, failures)
			}
			if c.partial && !strings.Contains(err.Error(), "2 of 3 shards committed; b: boom") {
				t.Errorf("error text: %v", err)
			}
		})
	}
}

func TestNothingIsCommittedWithoutAll(t *testing.T) {
	live, dead := &fakeBranch{name: "a"}, &fakeBranch{name: "b"}
	tx := New(Options{})
	if err := errors.Join(tx.Enlist(t.Context(), live), tx.Enlist(t.Context(), dead)); err != nil {
		t.Fatal(err)
	}
	dead.dead = true
	if err := tx.Commit(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("COMMIT with a branch that is gone: %v", err)
	}
	live.want(t, "START TRANSACTION", "ROLLBACK")
}

func TestRollbackForgivesTheDead(t *testing.T) {
	boom := errors.New("gone")
	dead := &fakeBranch{name: "a", dead: true, fail: map[string]error{"ROLLBACK": boom}}
	live := &fakeBranch{name: "b", fail: map[string]error{}}
	tx := New(Options{})
	if err := errors.Join(tx.Enlist(t.Context(), dead), tx.Enlist(t.Context(), live)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Errorf("a dead server has rolled back by itself: %v", err)
	}
	live.fail["ROLLBACK"] = boom
	if err := tx.Rollback(t.Context()); !errors.Is(err, boom) {
		t.Errorf("a live server's refusal is an error: %v", err)
	}
}
