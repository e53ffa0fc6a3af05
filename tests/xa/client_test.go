package xa

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/failpoint"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// clients is a client's own transaction over all shards, which has written on each.
func clients(t *testing.T, m *txn.Manager, name xa.ClientXID) (x *txn.Txn, all []*branch, id int64) {
	t.Helper()
	x, err := m.BeginClient(t.Context(), txn.Options{}, env.Shards[0].Name(), name)
	if err != nil {
		t.Fatal(err)
	}
	lastTransfer++
	for i := range env.Shards {
		b := connect(t, i)
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", lastTransfer, i))
		all = append(all, b)
	}
	return x, all, lastTransfer
}

// TestClientDies: an owner that dies at any point of XA PREPARE, or of the commit, leaves a transaction that is kept as a whole, or is not there. What is
// kept no recoverer touches; another process ends it, once.
func TestClientDies(t *testing.T) {
	for n, c := range []struct {
		point     string
		onePhase  bool
		kept      bool
		committed bool
	}{
		{"enter.after", false, false, false}, {"prepare.before", false, false, false}, {"prepare.after", false, false, false}, {"hold.before", false, false, false},
		{"hold.after", false, true, false}, {"hold.before", true, false, false}, {"hold.after", true, false, true}, {"deliver.before", true, false, true},
	} {
		points, err := failpoint.Parse(c.point + "=error")
		if err != nil {
			t.Fatal(err)
		}
		name := xa.ClientXID{Format: 1, GTRID: fmt.Sprint("dies ", n)}
		x, all, id := clients(t, manager(points.Hit), name)
		if c.onePhase {
			err = x.CommitClient(t.Context())
		} else {
			err = x.Prepare(t.Context())
		}
		if !errors.Is(err, txn.ErrDied) {
			t.Errorf("%+v: it did not stop: %v", c, err)
		}
		for _, b := range all {
			b.Discard()
		}
		r := recoverer(t, nil)
		recoverAll(t, r)
		<-time.After(5 * time.Millisecond)
		for _, s := range env.Shards {
			if err := r.Sweep(t.Context(), s.Name()); err != nil {
				t.Error(err)
			}
		}
		other := manager(nil)
		names, err := other.PreparedByClients(t.Context())
		if err != nil || (len(names) == 1) != c.kept {
			t.Errorf("%+v: prepared are %v, %v", c, names, err)
		}
		if c.kept {
			if _, err := other.FinishClient(t.Context(), name, true); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if _, err := other.FinishClient(t.Context(), name, true); !errors.Is(err, txn.ErrUnknown) {
			t.Errorf("%+v: it ends twice: %v", c, err)
		}
		if got := len(there(t, id)); got != map[bool]int{true: len(env.Shards), false: 0}[c.kept || c.committed] {
			t.Errorf("%+v: it is there on %d shards", c, got)
		}
		if again, err := other.BeginClient(t.Context(), txn.Options{}, env.Shards[0].Name(), name); err != nil {
			t.Errorf("%+v: the name is not free: %v", c, err)
		} else if err := again.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
	clean(t)
}

// TestClientDecidesDying: a process dies between the decision and its delivery: recoverers carry it out.
func TestClientDecidesDying(t *testing.T) {
	for _, commit := range []bool{true, false} {
		points, err := failpoint.Parse("deliver.before=error")
		if err != nil {
			t.Fatal(err)
		}
		x, all, id := clients(t, manager(points.Hit), xa.ClientXID{Format: 1, GTRID: "decides", BQual: "b"})
		if err := x.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if commit {
			err = x.CommitClient(t.Context())
		} else {
			err = x.RollbackClient(t.Context())
		}
		if !errors.Is(err, txn.ErrDied) {
			t.Errorf("it did not stop: %v", err)
		}
		for _, b := range all {
			b.Discard()
		}
		recoverAll(t, recoverer(t, nil))
		if got := len(there(t, id)); got != map[bool]int{true: len(env.Shards), false: 0}[commit] {
			t.Errorf("decided to commit: %t, and there on %d shards", commit, got)
		}
	}
	clean(t)
}

// TestClientFenced: an owner that was taken for dead while it prepared is told that the transaction is rolled back, and it is.
func TestClientFenced(t *testing.T) {
	r := recoverer(t, nil)
	x, all, id := clients(t, manager(func(_ context.Context, at string) error {
		if at == "hold.before" {
			recoverAll(t, r)
		}
		return nil
	}), xa.ClientXID{Format: 1, GTRID: "fenced"})
	var aborted *txn.AbortedError
	if err := x.Prepare(t.Context()); !errors.As(err, &aborted) {
		t.Errorf("it is told %v", err)
	}
	for _, b := range all {
		b.Discard()
	}
	recoverAll(t, recoverer(t, nil))
	if got := there(t, id); len(got) != 0 {
		t.Errorf("it is there on %v", got)
	}
	clean(t)
}
