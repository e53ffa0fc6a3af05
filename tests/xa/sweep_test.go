package xa

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// silent is the server of a data source that takes connections and never says a word.
func silent(t *testing.T, of *txnlog.Server) *txnlog.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Logger = "tcp", l.Addr().String(), "root", &mysql.NopLogger{}
	db, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &txnlog.Server{DB: db, DataSource: of.DataSource, Log: of.Log}
}

// without are the shards as seen while one of them is silent.
func without(t *testing.T, away int) *txn.Shards {
	t.Helper()
	s := txn.NewShards()
	for i, shard := range env.Shards {
		server := shards.Server(shard.Name())
		if i == away {
			server = silent(t, server)
		}
		s.Set(shard.Name(), server, nil)
	}
	return s
}

func logOf(shard int) xa.Log { return shards.Server(env.Shards[shard].Name()).Log }

// rows writes what is in a table of the log's besides.
func rows(t *testing.T, db *sql.DB, into string, n int, row func(i int) string) {
	t.Helper()
	for from := 0; from < n; from += 1000 {
		var values []string
		for i := from; i < min(n, from+1000); i++ {
			values = append(values, row(i))
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO heddle_mesh."+into+" VALUES "+strings.Join(values, ",")); err != nil {
			t.Fatal(err)
		}
	}
}

// emptied has nothing be left of a test's rows.
func emptied(t *testing.T) {
	t.Helper()
	empty := func() {
		for i := range env.Shards {
			for _, table := range []string{"txn_decision", "txn_mark", "txn_client"} {
				if _, err := control[i].ExecContext(context.Background(), "DELETE FROM heddle_mesh."+table); err != nil {
					t.Error(err)
				}
			}
		}
	}
	empty()
	t.Cleanup(empty)
}

func counted(t *testing.T, shard int, what string) string {
	t.Helper()
	return ask(t, shard, "SELECT COUNT(*) FROM heddle_mesh."+what)
}

// TestSweepPassesWhatStays: old marks and names that have to stay, however many, keep none from being swept behind them.
func TestSweepPassesWhatStays(t *testing.T) {
	emptied(t)
	const stay, over = 10_600, 50
	kept := func(i int) xa.GTRID {
		return xa.GTRID{Cluster: cluster, Log: logOf(0), Epoch: 5, Seq: uint64(i), Client: true}
	}
	rows(t, control[0], "txn_decision (gtrid, verdict, parts, home)", stay, func(i int) string {
		return fmt.Sprintf("('%s','P','%s',0)", kept(i), logOf(1))
	})
	rows(t, control[1], "txn_mark (gtrid, branch, at)", stay, func(i int) string {
		return fmt.Sprintf("('%s','%s', NOW(3) - INTERVAL 2 HOUR + INTERVAL %d SECOND)", kept(i), logOf(1), i/100)
	})
	gone := func(i int) xa.GTRID { return xa.GTRID{Cluster: cluster, Log: logOf(0), Epoch: 4, Seq: uint64(i)} }
	rows(t, control[1], "txn_mark (gtrid, branch, at)", over, func(i int) string {
		return fmt.Sprintf("('%s','%s', NOW(3) - INTERVAL 1 HOUR)", gone(i), logOf(1))
	})
	// names: those of another mesh stay, those of owners that are dead are aborted
	rows(t, control[0], "txn_client (gtrid, cluster, format, name, branch)", 1200, func(i int) string {
		g := xa.GTRID{Cluster: cluster + 1, Log: logOf(0), Epoch: 5, Seq: uint64(i), Client: true}
		return fmt.Sprintf("('%s',%d,1,'other %d','')", g, g.Cluster, i)
	})
	rows(t, control[0], "txn_client (gtrid, cluster, format, name, branch)", 1, func(int) string {
		g := xa.GTRID{Cluster: cluster, Log: logOf(0), Epoch: 6, Client: true}
		return fmt.Sprintf("('%s',%d,1,'orphan','')", g, g.Cluster)
	})
	r := recoverer(t, nil)
	for range 3 {
		for i := range 2 {
			if err := r.Sweep(t.Context(), env.Shards[i].Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if marks := counted(t, 1, "txn_mark"); marks != fmt.Sprint(stay) {
		t.Errorf("%s marks, want the %d whose transactions are kept", marks, stay)
	}
	if names := counted(t, 0, "txn_client"); names != "1200" {
		t.Errorf("%s names, want those of the other mesh", names)
	}
}

// TestSweepWhileAServerIsSilent: of what has no part there, that is over goes.
func TestSweepWhileAServerIsSilent(t *testing.T) {
	emptied(t)
	there, away := []int{0, 1}, []int{0, 2}
	for _, on := range [][]int{there, away} {
		x, _, _ := transfer(t, manager(nil), txn.Options{}, on)
		if err := x.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for from, n := range []int{0, 2} { // marks whose homes are there, and not
		g := xa.GTRID{Cluster: cluster, Log: logOf(n), Epoch: 7, Seq: uint64(from)}
		rows(t, control[1], "txn_mark (gtrid, branch, at)", 1, func(int) string {
			return fmt.Sprintf("('%s','%s', NOW(3) - INTERVAL 2 HOUR)", g, logOf(1))
		})
	}
	r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: without(t, 2), Keep: time.Nanosecond, Marks: time.Hour, Living: time.Nanosecond,
		Alarm: func(a txn.Alarm) { t.Errorf("%+v", a) }})
	for _, i := range []int{0, 0, 1} {
		if err := r.Sweep(t.Context(), env.Shards[i].Name()); err == nil {
			t.Error("nobody is told of the server that is silent")
		}
	}
	if n := counted(t, 0, "txn_decision"); n != "1" {
		t.Errorf("%s decisions, want the one of which a branch's server is silent", n)
	}
	if n := counted(t, 1, "txn_mark WHERE at < NOW(3) - INTERVAL 1 HOUR"); n != "1" {
		t.Errorf("%s old marks, want the one whose home is silent", n)
	}
}

// TestSilentHomes: branches whose homes say nothing keep none waiting whose homes are there.
func TestSilentHomes(t *testing.T) {
	emptied(t)
	const away, there = 150, 20
	for i := range away + there {
		home := 2
		if i >= away {
			home = 0
		}
		preparedOn(t, 1, xa.GTRID{Cluster: cluster, Log: logOf(home), Epoch: 9, Seq: uint64(i)})
	}
	resolved := make(chan txn.Resolved, there)
	r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: without(t, 2), Life: func(uint64) txn.Life { return txn.Dead },
		Alarm: func(a txn.Alarm) { t.Errorf("%+v", a) }, Resolved: func(_ string, done txn.Resolved) { resolved <- done }})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx, func(string, error) {}) })
	generous := time.After(25 * time.Second) // less than one branch is tried for
	for n := range there {
		select {
		case <-resolved:
		case <-generous:
			t.Fatalf("%d of %d were recovered", n, there)
		}
	}
	cancel()
	running.Wait()
	if done := recoverAll(t, recoverer(t, nil)); len(done) != away {
		t.Errorf("%d of %d branches were recovered when their home was back", len(done), away)
	}
	clean(t)
}

// TestMeshesShareServers: what another mesh has left there is neither listed nor told, and its lost branch is not this one's.
func TestMeshesShareServers(t *testing.T) {
	emptied(t)
	lost := func(of uint32, seq uint64) {
		g := xa.GTRID{Cluster: of, Log: logOf(0), Epoch: 8, Seq: seq}
		rows(t, control[0], "txn_decision (gtrid, verdict, parts, home)", 1, func(int) string {
			return fmt.Sprintf("('%s','C','%s',0)", g, logOf(1))
		})
	}
	lost(cluster+1, 1)
	lost(cluster, 2)
	r, alarms := alarmed()
	if err := r.Sweep(t.Context(), env.Shards[0].Name()); err != nil {
		t.Fatal(err)
	}
	told := alarms()
	if len(told) != 1 || !strings.Contains(told[0].XID, "0000000002") {
		t.Errorf("told %+v, want the one of this mesh", told)
	}
	listed, err := shards.List(t.Context(), cluster)
	if err != nil || len(listed) != 1 || listed[0].GTRID.Seq != 2 {
		t.Errorf("listed %+v, %v", listed, err)
	}
}

// preparedOn leaves a branch prepared, of which nothing is decided.
func preparedOn(t *testing.T, shard int, g xa.GTRID) {
	t.Helper()
	b := connect(t, shard)
	x := xa.XID{GTRID: g, Branch: xa.Qualifier{Log: logOf(shard), Conn: b.id}}
	if err := b.Exec(t.Context(), append([]string{txnlog.Start(x)}, txnlog.Prepare(x)...)...); err != nil {
		t.Error(err)
	}
	b.Discard()
}
