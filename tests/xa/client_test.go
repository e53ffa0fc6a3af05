package xa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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

// everywhere is on how many shards a transaction is.
func everywhere(committed bool) int { return map[bool]int{true: len(env.Shards), false: 0}[committed] }

func discard(all []*branch) {
	for _, b := range all {
		b.Discard()
	}
}

// restart kills servers at the same time and has them come back.
func restart(t *testing.T, which ...int) {
	t.Helper()
	var err error
	for _, i := range which {
		err = errors.Join(err, env.Shards[i].Kill())
	}
	for _, i := range which {
		err = errors.Join(err, env.Shards[i].Start(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// listsNothing fails the test if operators are shown a transaction, or clients.
func listsNothing(t *testing.T, what string) {
	t.Helper()
	listed, err := shards.List(t.Context(), cluster)
	if err != nil || len(listed) > 0 {
		t.Errorf("%s: listed when it is over: %+v, %v", what, listed, err)
	}
	names, err := manager(nil).PreparedByClients(t.Context())
	if err != nil || len(names) > 0 {
		t.Errorf("%s: prepared when it is over: %v, %v", what, names, err)
	}
}

// ends has another process end what is prepared, as soon as its owner's connections are gone.
func ends(t *testing.T, name xa.ClientXID, commit bool) (late []txn.Pending, err error) {
	t.Helper()
	for range 100 {
		if late, err = manager(nil).FinishClient(t.Context(), name, commit, false); !errors.Is(err, txn.ErrUnknown) {
			return late, err
		}
		<-time.After(100 * time.Millisecond)
	}
	return late, err
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
		discard(all)
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
			if _, err := ends(t, name, true); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if _, err := other.FinishClient(t.Context(), name, true, false); !errors.Is(err, txn.ErrUnknown) {
			t.Errorf("%+v: it ends twice: %v", c, err)
		}
		if got := len(there(t, id)); got != everywhere(c.kept || c.committed) {
			t.Errorf("%+v: it is there on %d shards", c, got)
		}
		if again, err := other.BeginClient(t.Context(), txn.Options{}, env.Shards[0].Name(), name); err != nil {
			t.Errorf("%+v: the name is not free: %v", c, err)
		} else if err := again.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
		listsNothing(t, c.point)
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
		discard(all)
		recoverAll(t, recoverer(t, nil))
		if got := len(there(t, id)); got != everywhere(commit) {
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
	discard(all)
	recoverAll(t, recoverer(t, nil))
	if got := there(t, id); len(got) != 0 {
		t.Errorf("it is there on %v", got)
	}
	clean(t)
}

// TestClientServerDies: a server is killed at each step of XA PREPARE and of what follows, the one that keeps the name or another. What the client is told
// is prepared is kept whole; of the rest nothing is left.
func TestClientServerDies(t *testing.T) {
	for n, c := range []struct {
		point    string
		onePhase bool
		whose    int
	}{
		{"enter.after", false, 0}, {"enter.after", false, 1}, {"hold.before", false, 0}, {"hold.before", false, 1}, {"hold.after", false, 0}, {"hold.after", false, 1},
		{"hold.before", true, 1}, {"deliver.before", true, 0}, {"deliver.before", true, 1},
	} {
		name, once := xa.ClientXID{Format: 1, GTRID: fmt.Sprint("server ", n)}, sync.Once{}
		x, all, id := clients(t, manager(func(_ context.Context, at string) error {
			if at == c.point {
				once.Do(func() { restart(t, c.whose) })
			}
			return nil
		}), name)
		var err error
		if c.onePhase {
			err = x.CommitClient(t.Context())
		} else {
			err = x.Prepare(t.Context())
		}
		kept := !c.onePhase && err == nil
		if doubt, ok := errors.AsType[*txn.InDoubtError](err); ok || c.point == "hold.after" && !kept {
			t.Errorf("%+v: its server is back, and it is told %v, %v", c, err, doubt)
		}
		discard(all)
		recoverAll(t, recoverer(t, nil))
		names, asked := manager(nil).PreparedByClients(t.Context())
		if asked != nil || (len(names) == 1) != kept {
			t.Errorf("%+v: told %v, and prepared are %v, %v", c, err, names, asked)
		}
		if kept {
			if late, err := ends(t, name, true); err != nil || len(late) > 0 {
				t.Errorf("%+v: %v, %v", c, late, err)
			}
		}
		if got := len(there(t, id)); got != everywhere(err == nil) {
			t.Errorf("%+v: told %v, and it is there on %d shards", c, err, got)
		}
		listsNothing(t, fmt.Sprintf("%+v", c))
	}
	clean(t)
}

// TestClientRollbackForgotten: a server that is killed right after XA ROLLBACK brings the branch back prepared, for it writes nothing to the disk for that.
// It is rolled back again, and shown to nobody.
func TestClientRollbackForgotten(t *testing.T) {
	x, all, id := clients(t, manager(nil), xa.ClientXID{Format: 1, GTRID: "forgotten"})
	if err := errors.Join(x.Prepare(t.Context()), x.RollbackClient(t.Context())); err != nil {
		t.Fatal(err)
	}
	discard(all)
	restart(t, 0, 1, 2)
	if names, err := manager(nil).PreparedByClients(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("prepared when it is rolled back: %v, %v", names, err)
	}
	for _, done := range recoverAll(t, recoverer(t, nil)) {
		if done.Committed {
			t.Errorf("committed when it is rolled back: %+v", done)
		}
	}
	if got := there(t, id); len(got) > 0 {
		t.Errorf("there on %v", got)
	}
	listsNothing(t, "rolled back")
	clean(t)
}

// TestClientNumberGivenAnew: a server that was restarted gives the number of the branch's connection to somebody else, who keeps nobody from the branch.
func TestClientNumberGivenAnew(t *testing.T) {
	name := xa.ClientXID{Format: 1, GTRID: "number"}
	x, all, id := clients(t, manager(nil), name)
	if err := x.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	discard(all)
	restart(t, 1)
	for stranger := connect(t, 1); stranger.id < all[1].id; stranger = connect(t, 1) {
	}
	if ask(t, 1, fmt.Sprintf("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %d", all[1].id)) != "1" {
		t.Fatal("nobody has the number")
	}
	if late, err := ends(t, name, true); err != nil || len(late) > 0 || len(there(t, id)) != len(env.Shards) {
		t.Errorf("%v, %v, on %v", late, err, there(t, id))
	}
	clean(t)
}

// TestClientZombie: what a server has hidden is decided as the client wants it, and done when the server is restarted. MySQL hides nothing:
// there the branch is committed.
func TestClientZombie(t *testing.T) {
	for _, commit := range []bool{true, false} {
		if onMySQL && !commit { // it has been committed
			continue
		}
		name := xa.ClientXID{Format: 1, GTRID: "zombie"}
		x, all, id := clients(t, manager(nil), name)
		if err := x.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		all[1].reset(t)
		ours, _, err := shards.Server(env.Shards[1].Name()).Prepared(t.Context())
		if err != nil || len(ours) != 1 {
			t.Fatalf("%v, %v", ours, err)
		}
		if _, err := control[1].ExecContext(t.Context(), "XA COMMIT "+ours[0].String()); err != nil {
			t.Fatal(err)
		}
		discard(all)
		if late, err := ends(t, name, commit); err != nil || (len(late) == 1) != (commit && !onMySQL) {
			t.Errorf("commit %t: late %v, %v", commit, late, err)
		}
		restart(t, 1)
		recoverAll(t, recoverer(t, nil))
		if got := len(there(t, id)); got != everywhere(commit) {
			t.Errorf("commit %t: there on %d shards", commit, got)
		}
		listsNothing(t, "a zombie")
	}
	clean(t)
}

// TestClientBranchLost: a server that has lost its part, say by a failover, lets nobody commit the others.
func TestClientBranchLost(t *testing.T) {
	name := xa.ClientXID{Format: 1, GTRID: "lost"}
	x, all, id := clients(t, manager(nil), name)
	if err := x.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ours, _, err := shards.Server(env.Shards[1].Name()).Prepared(t.Context())
	if err != nil || len(ours) != 1 {
		t.Fatalf("%v, %v", ours, err)
	}
	if err := all[1].Exec(t.Context(), "XA ROLLBACK "+ours[0].String()); err != nil {
		t.Fatal(err)
	}
	discard(all)
	if done, err := shards.Resolve(t.Context(), ours[0].GTRID.String(), true, false); !errors.Is(err, txn.ErrPartLost) || len(done) > 0 {
		t.Errorf("an operator commits it: %v, %v", done, err)
	}
	if late, err := ends(t, name, true); !errors.Is(err, txn.ErrVoid) || len(late) > 0 {
		t.Errorf("%v, %v", late, err)
	}
	if got := there(t, id); len(got) > 0 {
		t.Errorf("it is there on %v", got)
	}
	listsNothing(t, "lost")
	clean(t)
}

// TestClientResolvedAway: an operator rolls back what a client has prepared while a data source is away, which learns of it later, and does not commit it.
func TestClientResolvedAway(t *testing.T) {
	x, all, id := clients(t, manager(nil), xa.ClientXID{Format: 1, GTRID: "away"})
	if err := x.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, _, err := shards.Server(env.Shards[0].Name()).Prepared(t.Context())
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	discard(all)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if done, err := shards.Resolve(ctx, names[0].GTRID.String(), true, true); err == nil || len(done) > 0 {
		t.Errorf("it is committed, without what cannot be seen: %v, %v", done, err)
	}
	if _, err := shards.Resolve(ctx, names[0].GTRID.String(), false, false); err == nil || ctx.Err() != nil {
		t.Errorf("one is away: %v", err)
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	recoverAll(t, recoverer(t, nil))
	if got := there(t, id); len(got) > 0 {
		t.Errorf("it is there on %v", got)
	}
	listsNothing(t, "resolved")
	clean(t)
}

// TestClientHoldUnanswered: an owner that cannot say that all is prepared asks what is. Committed by others, it was prepared; and what would be
// answered so late that the decision may have been swept is not asked for.
func TestClientHoldUnanswered(t *testing.T) {
	for _, late := range []bool{false, true} {
		limits := txn.Limits{Ask: 10 * time.Second}
		if late {
			limits.Ask = 500 * time.Millisecond // Hold alone waits for a second
		}
		var parts []string
		for _, s := range env.Shards {
			parts = append(parts, shards.Server(s.Name()).Log.String())
		}
		var held *sql.Tx
		m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, Limits: limits, At: func(ctx context.Context, at string) (err error) {
			if at != "hold.before" {
				return nil
			}
			if held, err = control[0].BeginTx(ctx, nil); err != nil {
				return err
			}
			for _, statement := range []string{
				"INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) SELECT gtrid, 'C', '" + strings.Join(parts, ",") + "', 0 FROM heddle_mesh.txn_client",
				"DELETE FROM heddle_mesh.txn_client",
			} {
				if _, err = held.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		}})
		x, all, id := clients(t, m, xa.ClientXID{Format: 1, GTRID: "unanswered"})
		prepared := make(chan error)
		go func() { prepared <- x.Prepare(t.Context()) }()
		var err error
		if late {
			err = <-prepared
		}
		for asking := false; !late && !asking; {
			asking = ask(t, 0, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND INFO LIKE 'INSERT INTO heddle_mesh.txn_decision%''A''%'") != "0"
		}
		if err := held.Commit(); err != nil {
			t.Fatal(err)
		}
		if !late {
			err = <-prepared
		}
		if doubt, ok := errors.AsType[*txn.InDoubtError](err); ok != late || !late && err != nil {
			t.Errorf("late %v: %v, %v", late, err, doubt)
		}
		discard(all)
		recoverAll(t, recoverer(t, nil))
		if got := there(t, id); len(got) != everywhere(true) {
			t.Errorf("late %v: it is there on %v", late, got)
		}
		listsNothing(t, "unanswered")
	}
	clean(t)
}

// TestClientsAreCounted: who watches is told how clients' own transactions end, once each, wherever they end, and what their steps took.
func TestClientsAreCounted(t *testing.T) {
	var mu sync.Mutex
	var ended []txn.Ending
	steps := map[string]int{}
	cfg := txn.Config{Cluster: cluster, Shards: shards, Ended: func(e txn.Ending) { ended = append(ended, e) }, Observe: func(s txn.Step) {
		mu.Lock()
		defer mu.Unlock()
		steps[s.Phase]++
	}}
	m, n := txn.NewManager(cfg), len(env.Shards)
	expect := func(what string, want []txn.Ending, phases map[string]int) {
		t.Helper()
		if !slices.Equal(ended, want) || !maps.Equal(steps, phases) {
			t.Errorf("%s: told to have ended %v, not %v, after %v, not %v", what, ended, want, steps, phases)
		}
		ended = nil
		clear(steps)
	}
	name := xa.ClientXID{Format: 1, GTRID: "counted"}
	begin := func() (*txn.Txn, []*branch) {
		t.Helper()
		x, all, _ := clients(t, m, name)
		return x, all
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	x, all := begin()
	must(x.Prepare(t.Context()))
	expect("prepared", nil, map[string]int{"enter": 1, "prepare": n, "hold": 1})
	must(x.CommitClient(t.Context()))
	expect("committed", []txn.Ending{txn.EndedCommitted}, map[string]int{"settle": 1, "deliver": n})
	must(x.Rollback(t.Context())) // as a session leaves what is over
	expect("left", nil, map[string]int{})
	discard(all)

	x, all = begin()
	must(x.CommitClient(t.Context()))
	expect("in one phase", []txn.Ending{txn.EndedCommitted}, map[string]int{"enter": 1, "prepare": n, "hold": 1, "deliver": n})
	discard(all)

	x, all = begin()
	must(x.Rollback(t.Context()))
	expect("its client has gone", []txn.Ending{txn.EndedRolledBack}, map[string]int{"undo": n})
	discard(all)

	x, all = begin()
	must(x.Prepare(t.Context()))
	clear(steps)
	must(x.Rollback(t.Context()))
	expect("its client has gone, and it is prepared", nil, map[string]int{})
	if late, err := ends(t, name, false); err != nil || len(late) > 0 {
		t.Fatal(late, err)
	}
	if _, err := m.FinishClient(t.Context(), name, true, false); !errors.Is(err, txn.ErrUnknown) {
		t.Error(err)
	}
	expect("others have ended it", nil, map[string]int{})
	discard(all)

	x, all = begin()
	must(x.Prepare(t.Context()))
	clear(steps)
	must(x.Rollback(t.Context()))
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, err := m.FinishClient(t.Context(), name, true, true)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	expect("ended by another session", []txn.Ending{txn.EndedCommitted}, map[string]int{"settle": 1, "rescue": n})
	listsNothing(t, "counted")
	clean(t)
}

// TestClientNameEnteredLate: a name that comes when its transaction has been given up, as over a connection that was taken for lost, is free again with the next sweep, and
// not only when the decision goes, ten minutes later.
func TestClientNameEnteredLate(t *testing.T) {
	home, name := shards.Server(env.Shards[0].Name()), xa.ClientXID{Format: 1, GTRID: "late"}
	g := xa.GTRID{Cluster: cluster, Log: home.Log, Epoch: 1, Seq: 1, Client: true}
	if found, err := home.Fence(t.Context(), g, 0); found != xa.Fine {
		t.Fatal(found, err)
	}
	if found, err := home.Enter(t.Context(), g, name); found != xa.Fine {
		t.Fatal(found, err)
	}
	m := manager(nil)
	if _, err := m.BeginClient(t.Context(), txn.Options{}, home.DataSource, name); !errors.Is(err, txn.ErrDuplicate) {
		t.Errorf("while the name is there: %v", err)
	}
	if err := recoverer(t, nil).Sweep(t.Context(), home.DataSource); err != nil {
		t.Fatal(err)
	}
	if n := ask(t, 0, "SELECT COUNT(*) FROM heddle_mesh.txn_decision WHERE verdict = 'A' AND gtrid = '"+g.String()+"'"); n != "1" {
		t.Error("the decision is gone, before nobody can decide otherwise any more")
	}
	x, err := m.BeginClient(t.Context(), txn.Options{}, home.DataSource, name)
	if err != nil {
		t.Fatalf("after a sweep: %v", err)
	}
	if err := x.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	listsNothing(t, "late")
	clean(t)
}

// TestClientOtherNames: a process whose rules call the data sources otherwise ends what was begun under other names, as clients, recovery and decisions want
// it; but for a server whose logs another one has too.
func TestClientOtherNames(t *testing.T) {
	renamed, addrs := txn.NewShards(), []string{}
	for i, s := range env.Shards {
		server, err := txn.Probe(t.Context(), control[i], "otherwise_"+s.Name())
		if err != nil {
			t.Fatal(err)
		}
		server.Addr = s.Addr()
		addrs = append(addrs, server.Addr)
		renamed.Set(server.DataSource, server, nil)
	}
	with := func(s *txn.Shards) (*txn.Manager, *txn.Recoverer) {
		return txn.NewManager(txn.Config{Cluster: cluster, Shards: s}), txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: s,
			Life: func(uint64) txn.Life { return txn.Dead }, Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) }})
	}
	other, r := with(renamed)
	scan := func() {
		for _, name := range renamed.Names() {
			if _, err := r.Scan(t.Context(), name); err != nil {
				t.Error(err)
			}
		}
	}
	for n, point := range []string{"hold.before", "hold.after"} {
		points, err := failpoint.Parse(point + "=error")
		if err != nil {
			t.Fatal(err)
		}
		name := xa.ClientXID{Format: 1, GTRID: point}
		x, all, id := clients(t, manager(points.Hit), name)
		if err := x.Prepare(t.Context()); !errors.Is(err, txn.ErrDied) {
			t.Fatal(err)
		}
		discard(all)
		scan()
		names, err := other.PreparedByClients(t.Context())
		if err != nil || len(names) != n {
			t.Errorf("%s: prepared are %v, %v", point, names, err)
		}
		if n > 0 {
			if late, err := other.FinishClient(t.Context(), name, true, false); err != nil || len(late) > 0 {
				t.Errorf("%s: %v, %v", point, late, err)
			}
		}
		if got := len(there(t, id)); got != everywhere(n > 0) {
			t.Errorf("%s: there on %d shards", point, got)
		}
	}
	if listed, err := renamed.List(t.Context(), cluster); err != nil || len(listed) > 0 {
		t.Errorf("listed when it is over: %+v, %v", listed, err)
	}
	log := shards.Server(env.Shards[0].Name()).Log
	if at := renamed.ByLog(log); at != renamed.Server("otherwise_"+env.Shards[0].Name()) {
		t.Errorf("who has the log is %+v", at)
	}
	copied, err := txn.Probe(t.Context(), control[0], "copy")
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{addrs[0]: true, "elsewhere:3306": false} {
		copied.Addr = addr
		renamed.Set("copy", copied, nil)
		if at := renamed.ByLog(log); (at != nil) != want {
			t.Errorf("two at %s and %s have the log, and it is %+v who decides", addrs[0], addr, at)
		}
	}
	renamed.Remove("copy")
	renamed.Away("gone", errors.New("not there"))
	if at := renamed.ByLog(log); at != nil {
		t.Error("one that was never reached may have the log, and another decides")
	}
	clean(t)
}
