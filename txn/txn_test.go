package txn

import (
	"context"
	"errors"
	"slices"
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
	dies bool // with COMMIT
	// refuse, where it is set, answers a statement with an error.
	refuse func(sql string) error
}

func (b *fakeBranch) DataSource() string   { return b.name }
func (b *fakeBranch) ConnectionID() uint32 { return 7 }
func (b *fakeBranch) Addr() string         { return "" }
func (b *fakeBranch) Alive() bool          { return !b.dead }
func (b *fakeBranch) Discard()             { b.dead = true }
func (b *fakeBranch) Exec(_ context.Context, statements ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, sql := range statements {
		b.log = append(b.log, sql)
		b.dead = b.dead || b.dies && sql == "COMMIT"
		if err := b.fail[sql]; err != nil {
			return err
		}
		if b.refuse != nil {
			if err := b.refuse(sql); err != nil {
				return err
			}
		}
	}
	return nil
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

// unsent is the error of a connection that had ended before anything was sent.
type unsent struct{ error }

func (u unsent) Unwrap() error   { return u.error }
func (unsent) SafeToRetry() bool { return true }

func TestCommitOutcomes(t *testing.T) {
	boom := errors.New("boom")
	refuses := func(b *fakeBranch) { b.fail = map[string]error{"COMMIT": boom} }
	stuck := func(b *fakeBranch) { b.fail = map[string]error{"COMMIT": boom, "ROLLBACK": boom} }
	dies := func(b *fakeBranch) { b.fail, b.dies = map[string]error{"COMMIT": boom}, true }
	gone := func(b *fakeBranch) { b.fail, b.dies = map[string]error{"COMMIT": unsent{boom}}, true }
	commits := func(*fakeBranch) {}
	for _, c := range []struct {
		name     string
		branches []func(*fakeBranch)
		want     string // of a *PartialError; "": there is none
		fails    bool
	}{
		{"all commit", []func(*fakeBranch){commits, commits}, "", false},
		{"one refuses", []func(*fakeBranch){commits, refuses, commits}, "2 of 3 shards committed (a, c); b is rolled back (boom)", true},
		{"one refuses and cannot roll back", []func(*fakeBranch){commits, stuck}, "1 of 2 shards committed (a); b is unknown (boom)", true},
		{"one dies", []func(*fakeBranch){dies, commits}, "1 of 2 shards committed (b); a is unknown (boom)", true},
		{"one had died", []func(*fakeBranch){gone, commits}, "1 of 2 shards committed (b); a is rolled back (boom)", true},
		{"all die", []func(*fakeBranch){dies, dies}, "0 of 2 shards committed; a is unknown (boom); b is unknown (boom)", true},
		{"all refuse", []func(*fakeBranch){refuses, refuses}, "", true},
		{"the only one dies", []func(*fakeBranch){dies}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := New(Options{})
			for i, prepare := range c.branches {
				b := &fakeBranch{name: string(rune('a' + i))}
				prepare(b)
				if err := tx.Enlist(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			err := tx.Commit(t.Context())
			got := ""
			if partial, ok := errors.AsType[*PartialError](err); ok {
				got = partial.Error()
			}
			if got != c.want || errors.Is(err, boom) != c.fails {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
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

// meeting are branches that answer only when as many are asked at the same time as there are.
func meeting(names ...string) (all []Branch) {
	var together sync.WaitGroup
	together.Add(len(names))
	for _, name := range names {
		all = append(all, &fakeBranch{name: name, refuse: func(string) error { together.Done(); together.Wait(); return nil }})
	}
	return all
}

// Where a statement is on many shards, all of them are told at the same time to begin, and to set a savepoint.
func TestBranchesBeginTogether(t *testing.T) {
	tx := New(Options{})
	if err := tx.EnlistAll(t.Context(), meeting("b", "a", "c")); err != nil || len(tx.Branches()) != 3 || tx.Branches()[0].DataSource() != "a" {
		t.Fatalf("%v, %v", tx.Branches(), err)
	}
	tx = New(Options{})
	for _, b := range meeting("a", "b") {
		b.(*fakeBranch).refuse = nil
		tx.Adopt(b)
	}
	var together sync.WaitGroup
	together.Add(2)
	for _, b := range tx.Branches() {
		b.(*fakeBranch).refuse = func(string) error { together.Done(); together.Wait(); return nil }
	}
	if err := tx.Savepoint(t.Context(), "`x`"); err != nil {
		t.Error(err)
	}
}

// Of several that begin together one cannot: the others are part of the transaction, which is there to be rolled back.
func TestOneOfSeveralCannotBegin(t *testing.T) {
	refused := errors.New("refused")
	a, b, c := &fakeBranch{name: "a"}, &fakeBranch{name: "b", fail: map[string]error{"START TRANSACTION": refused}}, &fakeBranch{name: "c"}
	tx := New(Options{})
	if err := tx.EnlistAll(t.Context(), []Branch{a, b, c}); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if tx.Branch("a") == nil || tx.Branch("b") != nil || tx.Branch("c") == nil {
		t.Errorf("the branches are %v", tx.Branches())
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	a.want(t, "START TRANSACTION", "ROLLBACK")
	b.want(t, "START TRANSACTION")
	c.want(t, "START TRANSACTION", "ROLLBACK")
	if err := tx.EnlistAll(t.Context(), []Branch{a, &fakeBranch{name: "d"}}); err == nil {
		t.Error("a branch is enlisted twice")
	}
}
