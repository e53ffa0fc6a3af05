package xa

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// death stops a driver at one of the points that it comes to, counted from when it is armed. Whatever of it comes to one later stops too.
type death struct {
	mu    sync.Mutex // guards what follows
	armed bool
	at, n int
	where string // "" as long as it lives
}

var errDeath = errors.New("dead")

func (d *death) hit(_ context.Context, point string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.armed {
		return nil
	}
	if d.n++; d.n < d.at {
		return nil
	}
	if d.n == d.at {
		d.where = point
	}
	return errDeath
}

func (d *death) arm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = true
}

// died is where, "" if it came to its end.
func (d *death) died() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.where
}

// clientSweep is an order of a client's statements behind its writes. The driver may be stopped in the last of them.
type clientSweep struct {
	name    string
	prepare bool // first
	run     func(t *testing.T, x *txn.Txn, m *txn.Manager, name xa.ClientXID) error
	other   bool // the last one is another process's, and the first one's connections have ended
	told    func(prepared bool, there int, all int) bool
}

var clientSweeps = []clientSweep{
	{name: "XA PREPARE", run: func(t *testing.T, x *txn.Txn, _ *txn.Manager, _ xa.ClientXID) error { return x.Prepare(t.Context()) },
		told: func(prepared bool, there, _ int) bool { return prepared && there == 0 }},
	{name: "XA COMMIT", prepare: true, run: func(t *testing.T, x *txn.Txn, _ *txn.Manager, _ xa.ClientXID) error {
		return x.CommitClient(t.Context())
	},
		told: committed},
	{name: "XA ROLLBACK", prepare: true, run: func(t *testing.T, x *txn.Txn, _ *txn.Manager, _ xa.ClientXID) error {
		return x.RollbackClient(t.Context())
	},
		told: rolledBack},
	{name: "XA COMMIT ONE PHASE", run: func(t *testing.T, x *txn.Txn, _ *txn.Manager, _ xa.ClientXID) error {
		return x.CommitClient(t.Context())
	},
		told: committed},
	{name: "XA ROLLBACK of what is not prepared", run: func(t *testing.T, x *txn.Txn, _ *txn.Manager, _ xa.ClientXID) error {
		return x.RollbackClient(t.Context())
	},
		told: rolledBack},
	{name: "another's XA COMMIT", prepare: true, other: true, run: func(t *testing.T, _ *txn.Txn, m *txn.Manager, name xa.ClientXID) error {
		return finishes(t, m, name, true)
	},
		told: committed},
	{name: "another's XA ROLLBACK", prepare: true, other: true, run: func(t *testing.T, _ *txn.Txn, m *txn.Manager, name xa.ClientXID) error {
		return finishes(t, m, name, false)
	},
		told: rolledBack},
}

func committed(prepared bool, there, all int) bool { return !prepared && there == all }

func rolledBack(prepared bool, there, _ int) bool { return !prepared && there == 0 }

// finishes is XA COMMIT or XA ROLLBACK by a process that has not prepared it. While its owner's connections end it is not there.
func finishes(t *testing.T, m *txn.Manager, name xa.ClientXID, commit bool) error {
	for began := time.Now(); ; {
		_, err := m.FinishClient(t.Context(), name, commit, false)
		if !errors.Is(err, txn.ErrUnknown) || time.Since(began) > 20*time.Second {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestClientSweep stops the driver of a client's XA before and after every action of every order in which a transaction can end, over one shard and over
// two, by the session that began it and by another process. What another process then finds is prepared as a whole, is there, or is not; it is what the
// client was told, if it was told; and a third process can end it, one way or the other, and use its name again.
func TestClientSweep(t *testing.T) {
	emptied(t)
	points := map[string]int{}
	for _, over := range []int{1, 2} {
		for _, s := range clientSweeps {
			for at := 1; ; at++ {
				where := s.stop(t, over, at, at%2 == 0)
				if t.Failed() {
					t.Fatalf("%s over %d shards, stopped at action %d, %s", s.name, over, at, where)
				}
				if where == "" {
					break
				}
				points[where]++
			}
		}
	}
	for _, point := range []string{"enter", "prepare", "hold", "settle", "deliver", "sole", "undo", "recover.commit", "recover.abort", "recover.inspect"} {
		for _, when := range []string{".before", ".after"} {
			if points[point+when] == 0 {
				t.Errorf("nothing was stopped at %s", point+when)
			}
		}
	}
	clean(t)
}

// stop runs one order up to its at-th point, and what others do about it; commit is how they end what they find prepared. It returns the point, "" if there
// are not as many.
func (s *clientSweep) stop(t *testing.T, over, at int, commit bool) string {
	t.Helper()
	end := &death{at: at}
	name := xa.ClientXID{Format: 1, GTRID: fmt.Sprint(s.name, " ", over, " ", at), BQual: "b"}
	m := manager(end.hit)
	x, all, id := clientOver(t, m, name, over)
	if s.prepare {
		if err := x.Prepare(t.Context()); err != nil {
			t.Error(err)
			return ""
		}
	}
	if s.other {
		discard(all)
	}
	end.arm()
	err := s.run(t, x, m, name)
	if died := end.died() != ""; died != errors.Is(err, txn.ErrDied) || !died && err != nil {
		t.Errorf("it is told %v, and stopped at %q", err, end.died())
	}
	discard(all)
	seen := func() (prepared bool, there int) {
		names, asked := manager(nil).PreparedByClients(t.Context())
		if asked != nil || len(names) > 1 {
			t.Errorf("prepared are %v, %v", names, asked)
		}
		return len(names) == 1, thereOf(t, id)
	}
	recovered(t, over)
	prepared, there := seen()
	switch {
	case there != 0 && there != over, prepared && there != 0:
		t.Errorf("it is prepared: %t, and there on %d shards", prepared, there)
	case err == nil && !s.told(prepared, there, over):
		t.Errorf("told nil, it is prepared: %t, and there on %d shards", prepared, there)
	}
	if prepared {
		if err := finishes(t, manager(nil), name, commit); err != nil {
			t.Error(err)
		}
		prepared, now := seen()
		if want := map[bool]int{true: over}[commit]; prepared || now != want {
			t.Errorf("ended, to be committed: %t: it is prepared: %t, and there on %d shards", commit, prepared, now)
		}
	}
	if again, err := manager(nil).BeginClient(t.Context(), txn.Options{}, env.Shards[0].Name(), name); err != nil {
		t.Errorf("the name is not free: %v", err)
	} else if err := again.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	listsNothing(t, s.name)
	return end.died()
}

// clientOver is a client's own transaction that has written on some shards.
func clientOver(t *testing.T, m *txn.Manager, name xa.ClientXID, over int) (x *txn.Txn, all []*branch, id int64) {
	t.Helper()
	x, err := m.BeginClient(t.Context(), txn.Options{}, env.Shards[0].Name(), name)
	if err != nil {
		t.Fatal(err)
	}
	lastTransfer++
	for i := range over {
		b := connect(t, i)
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", lastTransfer, i))
		all = append(all, b)
	}
	return x, all, lastTransfer
}

func thereOf(t *testing.T, id int64) int { return len(there(t, id)) }

// recovered has another process recover until nothing is left to it: of what has no connection any more, the servers list what clients have prepared, or nothing.
func recovered(t *testing.T, over int) {
	t.Helper()
	r := recoverer(t, nil)
	for began := time.Now(); ; {
		recoverAll(t, r)
		if err := r.Sweep(t.Context(), env.Shards[0].Name()); err != nil { // which keeps the names
			t.Error(err)
		}
		left := false
		for i := range over {
			listed, _, err := shards.Server(env.Shards[i].Name()).Prepared(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, x := range listed {
				kept, err := shards.Server(env.Shards[0].Name()).Decision(t.Context(), x.GTRID)
				left = left || err != nil || kept != xa.Kept
			}
			left = left || ask(t, i, "SELECT COUNT(*) FROM heddle_mesh.txn_client c LEFT JOIN heddle_mesh.txn_decision d ON d.gtrid = c.gtrid WHERE d.gtrid IS NULL") != "0"
		}
		if !left {
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("something is still left to recover")
		}
		<-time.After(20 * time.Millisecond)
	}
}
