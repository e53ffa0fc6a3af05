package xa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn"
)

// Connections go on with other transactions when one has ended. Recovery, which finds a branch late, must end none of those.

// overdue is a branch whose PREPARE is under way for so long that its owner takes the connection for lost.
type overdue struct {
	*branch
	sent string
}

func (b *overdue) Exec(ctx context.Context, statements ...string) error {
	if text := strings.Join(statements, "; "); strings.Contains(text, "XA PREPARE") {
		b.sent = text
		b.dead.Store(true)
		return errors.New("the connection is lost")
	}
	return b.branch.Exec(ctx, statements...)
}

// Discard leaves the connection to what is under way on it.
func (b *overdue) Discard() { b.dead.Store(true) }

// arrive has the server come to it.
func (b *overdue) arrive(t *testing.T) {
	t.Helper()
	b.dead.Store(false)
	b.run(t, b.sent)
	b.branch.Discard()
}

// follow begins the next transaction on a connection as a session does: on another where it was closed. It returns what commits it.
func follow(t *testing.T, b *branch, shard int) (commit func()) {
	t.Helper()
	if !b.Alive() {
		b = connect(t, shard)
	}
	lastTransfer++
	id := lastTransfer
	b.run(t, "START TRANSACTION")
	b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", id, shard))
	return func() {
		t.Helper()
		if err := b.Exec(t.Context(), "COMMIT"); err != nil {
			t.Errorf("%s: a transaction that nobody had to recover is ended: %v", b.name, err)
		}
		if on := there(t, id); !slices.Equal(on, []int{shard}) {
			t.Errorf("it is on %v, want %d", on, shard)
		}
	}
}

// enlistAll begins a transaction that writes to shards, in their order.
func enlistAll(t *testing.T, x *txn.Txn, all ...txn.Branch) (id int64) {
	t.Helper()
	lastTransfer++
	for i, b := range all {
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := b.Exec(t.Context(), fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", lastTransfer, i)); err != nil {
			t.Fatal(err)
		}
		x.Touched(b, true)
	}
	return lastTransfer
}

// TestHomesNextTransactionGoesOn: a branch is prepared when its owner has rolled back, given home's connection to another transaction and told its client.
func TestHomesNextTransactionGoesOn(t *testing.T) {
	home, late := connect(t, 0), &overdue{branch: connect(t, 1)}
	x := manager(nil).Begin(txn.Options{})
	id := enlistAll(t, x, home, late)
	aborted, _ := errors.AsType[*txn.AbortedError](x.Commit(t.Context()))
	if aborted == nil {
		t.Fatal("it is committed")
	}
	commit := follow(t, home, 0)
	late.arrive(t)
	if done := recoverAll(t, recoverer(t, nil)); len(done) != 1 || done[0].Committed {
		t.Errorf("%+v", done)
	}
	commit()
	if on := there(t, id); on != nil {
		t.Errorf("it is on %v", on)
	}
	clean(t)
}

// refusing is a branch that cannot be prepared.
type refusing struct{ *branch }

func (b refusing) Exec(ctx context.Context, statements ...string) error {
	if strings.Contains(strings.Join(statements, "; "), "XA PREPARE") {
		return sqlerr.New(1399, "XAE07", "XAER_RMFAIL")
	}
	return b.branch.Exec(ctx, statements...)
}

// TestBranchsNextTransactionGoesOn: an owner rolls back, and gives its connections to other transactions, when a recoverer has found a branch prepared and
// is about to look who has it.
func TestBranchsNextTransactionGoesOn(t *testing.T) {
	prepared, owner := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	goOn := make(chan struct{})
	m := manager(func(_ context.Context, at string) error {
		if at == "undo.before" {
			once.Do(func() { close(prepared) })
			<-goOn
		}
		return nil
	})
	branches := []*branch{connect(t, 0), connect(t, 1), connect(t, 2)}
	x := m.Begin(txn.Options{})
	id := enlistAll(t, x, branches[0], branches[1], refusing{branches[2]})
	go func() { owner <- x.Commit(context.WithoutCancel(t.Context())) }()
	<-prepared
	var commits []func()
	r := recoverer(t, func(_ context.Context, at string) error {
		if at == "recover.look.before" && commits == nil {
			close(goOn)
			if aborted, _ := errors.AsType[*txn.AbortedError](<-owner); aborted == nil {
				t.Error("it is committed")
			}
			commits = append(commits, follow(t, branches[0], 0), follow(t, branches[1], 1))
		}
		return nil
	})
	if done := recoverAll(t, r); len(done) != 1 || done[0].Committed {
		t.Errorf("%+v", done)
	}
	if len(commits) != 2 {
		t.Fatal("nobody has looked")
	}
	for _, commit := range commits {
		commit()
	}
	if on := there(t, id); on != nil {
		t.Errorf("it is on %v", on)
	}
	clean(t)
}
