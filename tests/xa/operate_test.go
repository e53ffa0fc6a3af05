package xa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/failpoint"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// TestProbe: what a server must be, and the account be allowed, and why not.
func TestProbe(t *testing.T) {
	probe := func(user string) string {
		cfg := env.Shards[2].Config("bank")
		cfg.User = user
		db, err := open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := txn.Probe(t.Context(), db, env.Shards[2].Name()); err != nil {
			return err.Error()
		}
		return ""
	}
	run := func(statements ...string) {
		for _, s := range statements {
			if _, err := control[2].ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	semiSync := "rpl_semi_sync_" + by("master", "source")
	if onMySQL {
		run("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
		t.Cleanup(func() { _, _ = control[2].Exec("UNINSTALL PLUGIN rpl_semi_sync_source") })
	}
	replica, primary := becomesReplica()
	detached := []string{by("DO 0", "SET GLOBAL xa_detach_on_prepare = OFF"), by("DO 0", "SET GLOBAL xa_detach_on_prepare = ON"), by("", "xa_detach_on_prepare is OFF")}
	for _, c := range []struct{ set, unset, want string }{
		{"SET GLOBAL innodb_flush_log_at_trx_commit = 2", "SET GLOBAL innodb_flush_log_at_trx_commit = 1", "innodb_flush_log_at_trx_commit is 2"},
		{"SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "read_only"},
		{"SET GLOBAL " + semiSync + "_wait_point = AFTER_COMMIT, GLOBAL " + semiSync + "_enabled = 1", "SET GLOBAL " + semiSync + "_enabled = 0", semiSync + "_wait_point is AFTER_COMMIT: only AFTER_SYNC"},
		{replica, primary, "replica"},
		{detached[0], detached[1], detached[2]},
		{"DO 0", "DO 0", ""},
	} {
		run(c.set)
		if got := probe("root"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.set, got, c.want)
		}
		run(c.unset)
	}
	monitor := by("REPLICA MONITOR", "REPLICATION CLIENT, XA_RECOVER_ADMIN")
	for _, c := range []struct{ user, grant, want string }{
		{"documented", "GRANT PROCESS, REPLICA MONITOR ON *.* TO documented; GRANT SELECT, INSERT, DELETE, CREATE ON heddle_mesh.* TO documented", ""},
		{"blind", "GRANT REPLICA MONITOR ON *.* TO blind; GRANT SELECT, INSERT, DELETE, CREATE ON heddle_mesh.* TO blind", "PROCESS"},
		{"mute", "GRANT PROCESS, REPLICA MONITOR ON *.* TO mute; GRANT SELECT ON heddle_mesh.* TO mute", "cannot keep the log"},
		{"outside", "GRANT PROCESS, REPLICA MONITOR ON *.* TO outside", by("heddle", "txn_log")},
		{"lists", "GRANT PROCESS, " + by("REPLICA MONITOR", "REPLICATION CLIENT") + " ON *.* TO lists; GRANT SELECT, INSERT, DELETE, CREATE ON heddle_mesh.* TO lists", by("", "XA_RECOVER_ADMIN")},
	} {
		c.grant = strings.ReplaceAll(c.grant, "REPLICA MONITOR", monitor)
		run("CREATE USER " + c.user)
		run("GRANT SELECT ON bank.* TO " + c.user)
		run(strings.Split(c.grant, "; ")...)
		if got := probe(c.user); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.user, got, c.want)
		}
		run("DROP USER " + c.user)
	}
	if _, err := txn.NewShards().Fit("ds_0"); err == nil {
		t.Error("a data source that was not probed is fit")
	}
	if m := txn.NewManager(txn.Config{Shards: txn.NewShards()}); true {
		x := m.Begin(txn.Options{})
		err := x.Enlist(t.Context(), connect(t, 0))
		unfit, ok := errors.AsType[*txn.UnfitError](x.Enlist(t.Context(), connect(t, 1)))
		if err != nil || !ok || unfit.DataSource != env.Shards[1].Name() || x.Rollback(t.Context()) != nil {
			t.Errorf("a second branch without a probe: %v, %v", err, unfit)
		}
	}
}

// dying is a transaction over shards 0 and 1 whose owner stops at a point, with its connections open.
func dying(t *testing.T, point string) (branches []*branch, id int64) {
	t.Helper()
	points, err := failpoint.Parse(point + "=error")
	if err != nil {
		t.Fatal(err)
	}
	m := manager(points.Hit)
	x, branches, id := transfer(t, m, txn.Options{}, []int{0, 1})
	if err := x.Commit(t.Context()); !errors.Is(err, failpoint.ErrHit) || !errors.Is(err, txn.ErrDied) {
		t.Fatalf("it did not stop at %s: %v", point, err)
	}
	return branches, id
}

// alarmed is a recoverer that collects its alarms.
func alarmed() (*txn.Recoverer, func() []txn.Alarm) {
	var mu sync.Mutex // guards alarms
	var alarms []txn.Alarm
	r := txn.NewRecoverer(txn.RecoveryConfig{
		Cluster: cluster, Shards: shards, Life: func(uint64) txn.Life { return txn.Dead }, Living: time.Nanosecond,
		Alarm: func(a txn.Alarm) {
			mu.Lock()
			defer mu.Unlock()
			alarms = append(alarms, a)
		},
	})
	return r, func() []txn.Alarm {
		mu.Lock()
		defer mu.Unlock()
		defer func() { alarms = nil }()
		return alarms
	}
}

// reset sends COM_RESET_CONNECTION, which nobody must.
func (b *branch) reset(t *testing.T) {
	t.Helper()
	if _, err := b.net.Write([]byte{1, 0, 0, 0, 0x1f}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b.net, make([]byte, 11)); err != nil { // OK
		t.Fatal(err)
	}
}

// TestProbeAgain: of a server that was fit it is asked whether it is so still, without a connection being ended; what has changed is found, and lost tables are made anew.
func TestProbeAgain(t *testing.T) {
	db := control[2]
	p := &txn.Prober{DB: db, DataSource: env.Shards[2].Name()}
	probed := func(what string) *txnlog.Server {
		t.Helper()
		server, unfit := p.Probe(t.Context())
		if unfit != nil {
			t.Fatalf("%s: %v", what, unfit)
		}
		return server
	}
	kills := func() string {
		return ask(t, 2, "SELECT VARIABLE_VALUE FROM "+by("information_schema.GLOBAL_STATUS", "performance_schema.global_status")+" WHERE VARIABLE_NAME = 'Com_kill'")
	}
	first := probed("at first")
	ended := kills()
	if again := probed("again"); again != first || kills() != ended {
		t.Errorf("what is known of the server is found anew; it has ended %s connections, and %s before", kills(), ended)
	}
	for _, c := range []struct{ spoil, mend, unfit string }{
		{"SET GLOBAL innodb_flush_log_at_trx_commit = 2", "SET GLOBAL innodb_flush_log_at_trx_commit = 1", "innodb_flush_log_at_trx_commit is 2"},
		{"DROP TABLE heddle_mesh.txn_client", "DO 1", ""},
	} {
		if _, err := db.ExecContext(t.Context(), c.spoil); err != nil {
			t.Fatal(err)
		}
		_, unfit := p.Probe(t.Context())
		if _, err := db.ExecContext(t.Context(), c.mend); err != nil {
			t.Fatal(err)
		}
		if (unfit == nil) != (c.unfit == "") || unfit != nil && !strings.Contains(unfit.Error(), c.unfit) {
			t.Errorf("%s: %v", c.spoil, unfit)
		}
		probed("mended")
		if n := ask(t, 2, "SELECT COUNT(*) FROM heddle_mesh.txn_client"); n != "0" {
			t.Errorf("behind %s there are %s clients' names", c.spoil, n)
		}
	}
	clean(t)
}

// TestAgeInAnyZone: a young transaction is not taken for an old one, in whatever zone a server lives and its sessions begin.
func TestAgeInAnyZone(t *testing.T) {
	for ask(t, 0, "SELECT VARIABLE_VALUE >= 3 FROM "+by("information_schema.GLOBAL_STATUS", "performance_schema.global_status")+" WHERE VARIABLE_NAME = 'Uptime'") != "1" {
		<-time.After(100 * time.Millisecond) // one that may have been started since ends nobody
	}
	for _, zone := range []string{"SYSTEM", "+00:00", "+05:00", "-12:00"} {
		if _, err := control[0].ExecContext(t.Context(), "SET GLOBAL time_zone = '"+zone+"'"); err != nil {
			t.Fatal(err)
		}
		db, err := open(env.Shards[0].Config("bank"))
		if err != nil {
			t.Fatal(err)
		}
		server := &txnlog.Server{DB: db, DataSource: env.Shards[0].Name()}
		b := connect(t, 0)
		b.run(t, "BEGIN; SELECT bal FROM bank.acc WHERE id = 1 FOR UPDATE")
		if err := server.KillHome(t.Context(), b.id, time.Hour, time.Now()); err != nil {
			t.Error(err)
		}
		if err := b.Exec(t.Context(), "DO 1"); err != nil {
			t.Errorf("%s: of a transaction of an hour ago, one that has just begun is killed: %v", zone, err)
		}
		if err := server.KillHome(t.Context(), b.id, time.Millisecond, time.Now()); err != nil {
			t.Error(err)
		}
		if err := b.Exec(t.Context(), "DO 1"); err == nil {
			t.Errorf("%s: a transaction that is old enough is not killed", zone)
		}
		b.Discard()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := control[0].ExecContext(t.Context(), "SET GLOBAL time_zone = DEFAULT"); err != nil {
		t.Fatal(err)
	}
	clean(t)
}

// TestReset: a branch whose connection was reset is not lost, as long as it is not committed before that connection has ended.
func TestReset(t *testing.T) {
	b, id := dying(t, "decide.after")
	b[0].Discard()
	b[1].reset(t)
	if done := recoverAll(t, recoverer(t, nil)); len(done) != 1 || !done[0].Committed || !slices.Equal(there(t, id), []int{0, 1}) {
		t.Errorf("%+v, on %v", done, there(t, id))
	}
	clean(t)
}

// TestZombie: a branch that its server has hidden is told, and comes back with a restart. MySQL hides none: what is prepared is no connection's.
func TestZombie(t *testing.T) {
	b, id := dying(t, "decide.after")
	b[0].Discard()
	b[1].reset(t)
	ours, _, err := shards.Server(env.Shards[1].Name()).Prepared(t.Context())
	if err != nil || len(ours) != 1 {
		t.Fatalf("%v, %v", ours, err)
	}
	if _, err := control[1].ExecContext(t.Context(), "XA COMMIT "+ours[0].String()); err != nil {
		t.Fatal(err)
	}
	b[1].Discard()
	r, alarms := alarmed()
	if ask(t, 1, "XA RECOVER") != "" || slices.Contains(there(t, id), 1) != onMySQL {
		t.Fatal("MariaDB's server has made no zombie, or MySQL's has")
	}
	if onMySQL {
		if err := errors.Join(r.Sweep(t.Context(), env.Shards[0].Name()), r.Sweep(t.Context(), env.Shards[1].Name())); err != nil || len(alarms()) > 0 {
			t.Errorf("%v, or an alarm of what is committed", err)
		}
		clean(t)
		return
	}
	for _, at := range []int{0, 1} { // where it is decided, and where it is
		if err := r.Sweep(t.Context(), env.Shards[at].Name()); err != nil {
			t.Fatal(err)
		}
		if got := alarms(); len(got) != 1 || got[0].Trouble != xa.Zombie || got[0].DataSource != env.Shards[1].Name() {
			t.Errorf("seen from %s: %+v", env.Shards[at].Name(), got)
		}
	}
	if err := errors.Join(env.Shards[1].Kill(), env.Shards[1].Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if done := recoverAll(t, r); len(done) != 1 || !done[0].Committed || !slices.Equal(there(t, id), []int{0, 1}) {
		t.Errorf("after the restart: %+v, on %v", done, there(t, id))
	}
	clean(t)
}

// letGo waits until shard 1 has let go of a connection that has ended.
func letGo(t *testing.T, b *branch) {
	t.Helper()
	for ask(t, 1, fmt.Sprintf("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %d", b.id)) != "0" {
	}
	<-time.After(300 * time.Millisecond)
}

// TestOthersEndIt: a branch that somebody ends against the decision, or that is lost, is told.
func TestOthersEndIt(t *testing.T) {
	end := func(b []*branch, verb string) {
		for _, c := range b {
			c.Discard()
		}
		letGo(t, b[1])
		server := shards.Server(env.Shards[1].Name())
		ours, _, err := server.Prepared(t.Context())
		if err != nil || len(ours) != 1 {
			t.Fatalf("%v, %v", ours, err)
		}
		if _, err := control[1].ExecContext(t.Context(), verb+" "+ours[0].String()); err != nil {
			t.Fatal(err)
		}
	}
	b, _ := dying(t, "decide.after")
	end(b, "XA ROLLBACK")
	r, alarms := alarmed()
	if err := r.Sweep(t.Context(), env.Shards[0].Name()); err != nil {
		t.Fatal(err)
	}
	if got := alarms(); len(got) != 1 || got[0].Trouble != xa.Missing || got[0].DataSource != env.Shards[1].Name() {
		t.Errorf("decided and rolled back: %+v", got)
	}
	if _, err := control[0].ExecContext(t.Context(), "DELETE FROM heddle_mesh.txn_decision"); err != nil {
		t.Fatal(err)
	}
	clean(t)
}

// TestLostDecision: a branch that is committed, and whose home, seen for the first time or at another server, has no decision, is told.
func TestLostDecision(t *testing.T) {
	x, _, _ := transfer(t, manager(nil), txn.Options{}, []int{0, 1})
	if err := x.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, alarms := alarmed()
	told := func() (n int) {
		if err := r.Sweep(t.Context(), env.Shards[0].Name()); err != nil {
			t.Fatal(err)
		}
		for _, a := range alarms() {
			if a.XID == x.GTRID() && a.Trouble == xa.Missing && a.DataSource == env.Shards[0].Name() && strings.Contains(a.Detail, env.Shards[1].Name()) {
				n++
			}
		}
		return n
	}
	if n := told(); n != 0 {
		t.Errorf("%d alarms of what is decided", n)
	}
	if _, err := control[0].ExecContext(t.Context(), "DELETE FROM heddle_mesh.txn_decision WHERE gtrid = ?", x.GTRID()); err != nil {
		t.Fatal(err)
	}
	if n := told(); n != 1 {
		t.Errorf("%d alarms of a decision that is gone", n)
	}
	if _, err := control[1].ExecContext(t.Context(), "DELETE FROM heddle_mesh.txn_mark WHERE gtrid = ?", x.GTRID()); err != nil {
		t.Fatal(err)
	}
	clean(t)
}

// TestSweep: nothing is left of what is over, and nothing is deleted that somebody could still ask for.
func TestSweep(t *testing.T) {
	count := func(what string) (s string) {
		for i := range env.Shards {
			s += " " + ask(t, i, "SELECT COUNT(*) FROM heddle_mesh."+what+" WHERE gtrid LIKE 'h_-%'")
		}
		return s
	}
	for i := range env.Shards {
		for _, table := range []string{"txn_decision", "txn_mark"} {
			if _, err := control[i].ExecContext(t.Context(), "DELETE FROM heddle_mesh."+table); err != nil {
				t.Fatal(err)
			}
		}
	}
	x, _, _ := transfer(t, manager(nil), txn.Options{}, []int{0, 1, 2})
	if err := x.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	half, _ := dying(t, "decide.after")
	sweep := func(keep, marks time.Duration) {
		r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Keep: keep, Marks: marks,
			Alarm: func(a txn.Alarm) { t.Errorf("%+v", a) }})
		for range 2 {
			for _, name := range shards.Names() {
				if err := r.Sweep(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	sweep(time.Minute, time.Microsecond)
	if count("txn_decision") != " 2 0 0" || count("txn_mark") != " 0 1 1" {
		t.Errorf("young: decisions%s, marks%s", count("txn_decision"), count("txn_mark"))
	}
	sweep(time.Nanosecond, time.Microsecond)
	if count("txn_decision") != " 1 0 0" || count("txn_mark") != " 0 0 0" {
		t.Errorf("old: decisions%s, marks%s; one is not delivered", count("txn_decision"), count("txn_mark"))
	}
	recoverAll(t, recoverer(t, nil))
	sweep(time.Nanosecond, time.Microsecond)
	if count("txn_decision") != " 0 0 0" || count("txn_mark") != " 0 0 0" {
		t.Errorf("recovered: decisions%s, marks%s", count("txn_decision"), count("txn_mark"))
	}
	aborted, _ := dying(t, "decide.before")
	home := connect(t, 0)
	recoverAll(t, recoverer(t, nil))
	if _, err := control[0].ExecContext(t.Context(), fmt.Sprintf("UPDATE heddle_mesh.txn_decision SET home = %d", home.id)); err != nil {
		t.Fatal(err)
	}
	sweep(time.Nanosecond, time.Microsecond)
	if count("txn_decision") != " 1 0 0" {
		t.Errorf("whoever could decide lives, and the decision to abort is gone")
	}
	for _, b := range append(append(half, aborted...), home) {
		b.Discard()
	}
	for ask(t, 0, fmt.Sprintf("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %d", home.id)) != "0" {
	}
	sweep(time.Nanosecond, time.Microsecond)
	if count("txn_decision") != " 0 0 0" {
		t.Errorf("nobody can decide any more: decisions%s", count("txn_decision"))
	}
	clean(t)
}

// TestForcedWhileItsOwnerStands: who comes to his decision when an operator has forced another one is not told that all is rolled back, and touches
// no branch. One that was fenced is told so.
func TestForcedWhileItsOwnerStands(t *testing.T) {
	for _, commit := range []bool{true, false} {
		var x *txn.Txn
		var ended []txn.Ending
		m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, Ended: func(e txn.Ending) { ended = append(ended, e) },
			At: once("decide.before", func() error {
				_, err := shards.Resolve(t.Context(), x.GTRID(), commit, true)
				return err
			})})
		var branches []*branch
		var id int64
		x, branches, id = transfer(t, m, txn.Options{}, []int{0, 1, 2})
		err := x.Commit(t.Context())
		if forced, ok := errors.AsType[*txn.ForcedError](err); ok != commit || ok && (forced.GTRID != x.GTRID() || !slices.Equal(forced.Without, []string{env.Shards[0].Name()})) {
			t.Errorf("forced to commit %v: %v", commit, err)
		}
		want, ending, late := []int(nil), txn.EndedRolledBack, 0
		if commit {
			want, ending, late = []int{1, 2}, txn.EndedForced, 2
		} else if _, ok := errors.AsType[*txn.AbortedError](err); !ok {
			t.Errorf("fenced: %v", err)
		}
		if got := there(t, id); !slices.Equal(got, want) || len(x.Undelivered()) != late || !slices.Equal(ended, []txn.Ending{ending}) {
			t.Errorf("forced to commit %v: it is on %v, undelivered %v, told to have ended %v", commit, got, x.Undelivered(), ended)
		}
		for _, b := range branches {
			b.Discard()
		}
	}
	for i := range control {
		for _, table := range []string{"txn_decision", "txn_mark"} {
			if _, err := control[i].ExecContext(t.Context(), "DELETE FROM heddle_mesh."+table); err != nil {
				t.Fatal(err)
			}
		}
	}
	clean(t)
}

// freeze stops a server, and returns when all its threads stand: a signal alone comes to them while they go on.
func freeze(s *dev.Server) error {
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.PID()))
		if err != nil {
			return err
		}
		if len(threads) > 0 && !slices.ContainsFunc(threads, func(path string) bool { return !standing(path) }) {
			return nil
		}
	}
	return fmt.Errorf("%s goes on", s.Name())
}

// TestToldInTime: a client waits for a branch whose server stands still no longer than the limit, whatever is tried within it.
func TestToldInTime(t *testing.T) {
	const limit = 4 * time.Second
	var mu sync.Mutex
	var first, last time.Time
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, Limits: txn.Limits{Deliver: limit},
		Observe: func(s txn.Step) {
			mu.Lock()
			defer mu.Unlock()
			switch s.Phase {
			case "deliver":
				first = s.Began
			case "rescue":
				last = s.Began.Add(s.Took)
			}
		},
		At: once("deliver.before", func() error { return freeze(env.Shards[1]) })})
	x, branches, id := transfer(t, m, txn.Options{}, []int{0, 1})
	err := x.Commit(t.Context())
	if again := env.Shards[1].Signal(syscall.SIGCONT); again != nil {
		t.Fatal(again)
	}
	if err != nil || len(x.Undelivered()) != 1 {
		t.Fatalf("%v, undelivered %v", err, x.Undelivered())
	}
	if took := last.Sub(first); took >= 2*limit || took < limit/2 {
		t.Errorf("the client is told after %v, with a limit of %v", took, limit)
	}
	if err := m.Delivered(t.Context(), x.Undelivered()[0]); err != nil || !slices.Equal(there(t, id), []int{0, 1}) {
		t.Errorf("delivered on %v, %v", there(t, id), err)
	}
	for _, b := range branches {
		b.Discard()
	}
	clean(t)
}

// TestUndelivered: a server that dies when all is decided gets its branch when it is back; the client is told meanwhile.
func TestUndelivered(t *testing.T) {
	var ended []txn.Ending
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, Limits: txn.Limits{Deliver: 500 * time.Millisecond},
		Ended: func(e txn.Ending) { ended = append(ended, e) },
		At: func(_ context.Context, p string) error {
			if p == "deliver.before" {
				return env.Shards[1].Kill()
			}
			return nil
		}})
	x, _, id := transfer(t, m, txn.Options{}, []int{0, 1})
	if err := x.Commit(t.Context()); err != nil || len(x.Undelivered()) != 1 || x.Undelivered()[0].DataSource != env.Shards[1].Name() {
		t.Fatalf("%v, undelivered %v", err, x.Undelivered())
	}
	if !slices.Equal(ended, []txn.Ending{txn.EndedUndelivered}) {
		t.Errorf("it is told to have ended %v", ended)
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	delivered := func(when string, with string) {
		t.Helper()
		if err := m.Delivered(t.Context(), x.Undelivered()[0]); (err == nil) != (with == "") || with != "" && !strings.Contains(err.Error(), with) {
			t.Errorf("%s: delivered: %v, want %q", when, err, with)
		}
		if n := ask(t, 0, "SELECT COUNT(*) FROM heddle_mesh.txn_decision WHERE verdict = 'A' AND gtrid = '"+x.GTRID()+"'"); n != "0" {
			t.Errorf("%s: it is decided to be rolled back", when)
		}
	}
	delivered("the server is back", "")
	if !slices.Equal(there(t, id), []int{0, 1}) {
		t.Errorf("delivered on %v", there(t, id))
	}
	mark := "heddle_mesh.txn_mark WHERE gtrid = '" + x.GTRID() + "'"
	exec := func(shard int, statement string) {
		t.Helper()
		if _, err := control[shard].ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	decision := "heddle_mesh.txn_decision WHERE gtrid = '" + x.GTRID() + "'"
	exec(0, "CREATE TABLE bank.kept AS SELECT * FROM "+decision)
	exec(0, "DELETE FROM "+decision)
	delivered("its decision is swept", "")
	exec(1, "DELETE FROM "+mark)
	delivered("its mark, too", "")
	exec(0, "INSERT INTO heddle_mesh.txn_decision SELECT * FROM bank.kept")
	exec(0, "DROP TABLE bank.kept")
	delivered("it is decided, and the mark is not there", "LOST")
	exec(0, "DELETE FROM "+decision)
	clean(t)
}

// TestHomeAway: where the server with the decision dies while it is decided, nobody guesses.
func TestHomeAway(t *testing.T) {
	var ended []txn.Ending
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, Limits: txn.Limits{Ask: time.Second, Decide: time.Second},
		Ended: func(e txn.Ending) { ended = append(ended, e) },
		At: func(_ context.Context, p string) error {
			if p == "decide.before" {
				return env.Shards[0].Kill()
			}
			return nil
		}})
	x, _, id := transfer(t, m, txn.Options{}, []int{0, 1})
	doubt, ok := errors.AsType[*txn.InDoubtError](x.Commit(t.Context()))
	if !ok || doubt.DataSource != env.Shards[0].Name() || doubt.GTRID != x.GTRID() {
		t.Errorf("%v", doubt)
	}
	if !slices.Equal(ended, []txn.Ending{txn.EndedInDoubt}) {
		t.Errorf("it is told to have ended %v", ended)
	}
	r, alarms := alarmed()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	if done, err := r.Scan(ctx, env.Shards[1].Name()); err == nil || len(done) > 0 {
		t.Errorf("a branch is recovered without its decision: %v", done)
	}
	cancel()
	if err := env.Shards[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done := recoverAll(t, r); len(done) != 1 || done[0].Committed || len(there(t, id)) > 0 || len(alarms()) > 0 {
		t.Errorf("%v, on %v", done, there(t, id))
	}
	clean(t)
}

// TestResolve: an operator can do what recovery would, and nothing against a decision.
func TestResolve(t *testing.T) {
	for _, c := range []struct {
		point         string
		commit, force bool
		decision      string
		want          error
		on            []int
	}{
		{"decide.before", false, false, "", nil, nil},
		{"decide.before", true, false, "", txn.ErrUndecided, nil},
		{"decide.before", true, true, "", nil, []int{1}},
		{"decide.after", true, false, "committed", nil, []int{0, 1}},
		{"decide.after", false, true, "committed", txn.ErrDecided, []int{0, 1}},
	} {
		b, id := dying(t, c.point)
		listed, err := shards.List(t.Context(), cluster)
		if err != nil || len(listed) != 1 || listed[0].Home != env.Shards[0].Name() || listed[0].Decision != c.decision ||
			len(listed[0].Branches) != 1 || listed[0].Branches[0].DataSource != env.Shards[1].Name() ||
			listed[0].Branches[0].Conn != b[1].id || !listed[0].Branches[0].Prepared {
			t.Fatalf("%s: %+v, %v", c.point, listed, err)
		}
		for _, conn := range b {
			conn.Discard()
		}
		if _, err := shards.Resolve(t.Context(), listed[0].GTRID.String(), c.commit, c.force); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
		recoverAll(t, recoverer(t, nil))
		if got := there(t, id); !slices.Equal(got, c.on) {
			t.Errorf("%+v: on %v", c, got)
		}
		if listed, err := shards.List(t.Context(), cluster); err != nil || len(listed) > 0 {
			t.Errorf("%+v: listed when it is over: %+v, %v", c, listed, err)
		}
	}
	b, id := dying(t, "decide.before")
	for _, conn := range b {
		conn.Discard()
	}
	some := txn.NewShards() // one does not answer, and may have a branch
	for _, name := range shards.Names() {
		some.Set(name, shards.Server(name), nil)
	}
	some.Away("gone", errors.New("not there"))
	listed, err := some.List(t.Context(), cluster)
	if len(listed) != 1 || err == nil || !strings.Contains(err.Error(), "gone: not there") {
		t.Fatalf("%+v, %v", listed, err)
	}
	if _, err := some.Resolve(t.Context(), listed[0].GTRID.String(), true, true); err == nil || !strings.Contains(err.Error(), "cannot be seen") {
		t.Errorf("a decision that may not name all branches: %v", err)
	}
	if done, err := some.Resolve(t.Context(), listed[0].GTRID.String(), false, false); len(done) != 1 || err == nil || len(there(t, id)) > 0 {
		t.Errorf("rolled back: %+v, %v", done, err)
	}
	if _, err := shards.Resolve(t.Context(), "g1", true, true); err == nil {
		t.Error("a name that is none is resolved")
	}
	clean(t)
}

// TestRun: with all defaults, what a process has left is finished some seconds after its end, by another of which it knows nothing.
func TestRun(t *testing.T) {
	var ids []int64
	for _, point := range []string{"prepare.after", "decide.before", "decide.after", "deliver.before"} {
		for range 5 {
			b, id := dying(t, point)
			ids = append(ids, id)
			for _, c := range b {
				c.Discard()
			}
		}
	}
	r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards,
		Alarm: func(a txn.Alarm) { t.Errorf("%+v", a) }})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx, func(at string, err error) { t.Errorf("%s: %v", at, err) }) })
	began := time.Now()
	for ask(t, 1, "XA RECOVER") != "" {
		if time.Since(began) > 30*time.Second {
			t.Fatal("branches are still prepared")
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Logf("20 branches were recovered after %s", time.Since(began).Round(10*time.Millisecond))
	cancel()
	running.Wait()
	for i, id := range ids {
		if got, want := len(there(t, id)), 2*(i/10); got != want {
			t.Errorf("transaction %d is on %d shards, want %d", i, got, want)
		}
	}
	clean(t)
}

// TestNumberIsAnothers: after a failover the number of a branch's connection may be somebody else's on the server that took over. Whoever it is keeps his
// connection, and nobody waits for him to go.
func TestNumberIsAnothers(t *testing.T) {
	const account = "monitor"
	for _, s := range []string{"DROP USER IF EXISTS " + account, "CREATE USER " + account} {
		if _, err := control[1].ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = control[1].Exec("DROP USER " + account) })
	for _, user := range []string{account, "root"} {
		cfg := env.Shards[1].Config("")
		cfg.User = user
		other, err := harness.Open(t, cfg).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		m := manager(func(_ context.Context, at string) error {
			if at == "deliver.before" {
				return errors.New("dies")
			}
			return nil
		})
		lastTransfer++
		x, branches := m.Begin(txn.Options{}), []*branch{connect(t, 0), connect(t, 1)}
		if err := other.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&branches[1].id); err != nil { // which it had on the server before
			t.Fatal(err)
		}
		for i, b := range branches {
			if err := x.Enlist(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", lastTransfer, i))
			x.Touched(b, true)
		}
		if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
			t.Fatal(err)
		}
		for _, b := range branches {
			b.Discard()
		}
		recoverAll(t, recoverer(t, nil))
		if on := there(t, lastTransfer); len(on) != 2 {
			t.Errorf("beside a connection of %s: it is there on %v", user, on)
		}
		if err := other.PingContext(t.Context()); err != nil {
			t.Errorf("the connection of %s has been ended: %v", user, err)
		}
	}
	clean(t)
}

// TestOneSweeps: of the processes of a mesh one sweeps a data source's tables, and another does when its connection has gone.
func TestOneSweeps(t *testing.T) {
	name := env.Shards[0].Name()
	first, second := recoverer(t, nil), recoverer(t, nil)
	leads := func(r *txn.Recoverer) bool {
		t.Helper()
		is, err := r.Leads(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	other := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster + 1, Shards: shards})
	for range 2 {
		if !leads(first) || leads(second) || !leads(other) {
			t.Fatal("not one of each mesh leads")
		}
	}
	if _, err := control[0].ExecContext(t.Context(), "KILL "+ask(t, 0, fmt.Sprintf("SELECT IS_USED_LOCK('heddle.txn.sweep.%x.%s')", cluster, shards.Server(name).Log))); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !leads(second) && time.Now().Before(deadline) { // until the server has let go
	}
	if leads(first) || !leads(second) {
		t.Error("nobody has taken over")
	}
}

// TestReplicaIsLeftAlone: a server that has become a replica is asked nothing that would end a branch there, which its primary ends.
func TestReplicaIsLeftAlone(t *testing.T) {
	m := manager(func(_ context.Context, at string) error {
		if at == "deliver.before" {
			return errors.New("dies")
		}
		return nil
	})
	x, branches, id := transfer(t, m, txn.Options{}, []int{0, 1})
	if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatal(err)
	}
	for _, b := range branches {
		b.Discard()
	}
	r := recoverer(t, nil)
	replica, primary := becomesReplica()
	for _, c := range []struct{ set, unset, why string }{
		{"SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "read_only"},
		{replica, primary, "replica"},
	} {
		if _, err := control[1].ExecContext(t.Context(), c.set); err != nil {
			t.Fatal(err)
		}
		done, err := r.Scan(t.Context(), env.Shards[1].Name())
		swept := r.Sweep(t.Context(), env.Shards[1].Name())
		if _, err := control[1].ExecContext(t.Context(), c.unset); err != nil {
			t.Fatal(err)
		}
		if err == nil || !strings.Contains(err.Error(), c.why) || swept == nil || len(done) > 0 || len(there(t, id)) != 1 {
			t.Errorf("%s: %d branches are finished, %v, swept: %v", c.set, len(done), err, swept)
		}
	}
	recoverAll(t, r)
	if on := there(t, id); len(on) != 2 {
		t.Errorf("a primary again: it is there on %v", on)
	}
	clean(t)
}
