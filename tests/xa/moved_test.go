package xa

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// A data source's log comes to another server, as by a failover, while somebody works at a transaction. What he asks the one before is not answered any more.

// at is a data source's server over other connections.
func at(shard int, db *sql.DB) *txnlog.Server {
	was := shards.Server(env.Shards[shard].Name())
	return &txnlog.Server{DB: db, DataSource: was.DataSource, Log: was.Log, Keeps: was.Keeps, Detaches: was.Detaches}
}

// ownShards are those of a process of its own, in which a shard's server is this one, for a while.
func ownShards(first *txnlog.Server) *txn.Shards {
	own := txn.NewShards()
	for i, s := range env.Shards {
		own.Set(s.Name(), at(i, control[i]), nil)
	}
	own.Set(first.DataSource, first, nil)
	return own
}

// TestRecoverWhileALogMoves: a recovery that is under way goes on where the branch's log has come to.
func TestRecoverWhileALogMoves(t *testing.T) {
	branches, id := dying(t, "decide.after")
	discard(branches)
	before, err := open(env.Shards[1].Config("bank"))
	if err != nil {
		t.Fatal(err)
	}
	own := ownShards(at(1, before))
	var once sync.Once
	r := txn.NewRecoverer(txn.RecoveryConfig{
		Cluster: cluster, Shards: own, Life: func(uint64) txn.Life { return txn.Dead }, Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) },
		At: func(_ context.Context, point string) error {
			if point == "recover.look.before" {
				once.Do(func() {
					_ = before.Close()
					own.Set(env.Shards[1].Name(), at(1, control[1]), nil)
				})
			}
			return nil
		},
	})
	done, err := r.Scan(t.Context(), env.Shards[1].Name())
	if err != nil || len(done) != 1 || !done[0].Committed {
		t.Errorf("%+v, %v", done, err)
	}
	if on := there(t, id); len(on) != 2 {
		t.Errorf("it is there on %v", on)
	}
	recoverAll(t, recoverer(t, nil))
	clean(t)
}

// leaving is a server that is not there any more, which is known when somebody has tried.
type leaving struct{ known func() }

func (l leaving) Driver() driver.Driver { return mysql.MySQLDriver{} }

func (l leaving) Connect(context.Context) (driver.Conn, error) {
	l.known()
	return nil, errors.New("it is not there any more")
}

// unanswered is a branch whose decision is carried out, and not answered.
type unanswered struct{ *branch }

func (b unanswered) Exec(ctx context.Context, statements ...string) error {
	err := b.branch.Exec(ctx, statements...)
	if err == nil && strings.Contains(strings.Join(statements, "; "), "txn_decision") {
		b.Discard()
		return errors.New("the connection is lost")
	}
	return err
}

// TestAskWhileALogMoves: an owner that does not know whether its decision has come asks the server that home's log has come to.
func TestAskWhileALogMoves(t *testing.T) {
	var own *txn.Shards
	gone := sql.OpenDB(leaving{known: func() { own.Set(env.Shards[0].Name(), at(0, control[0]), nil) }})
	defer func() { _ = gone.Close() }()
	own = ownShards(at(0, gone))
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: own})
	home, other := connect(t, 0), connect(t, 1)
	x := m.Begin(txn.Options{})
	id := enlistAll(t, x, unanswered{home}, other)
	if err := x.Commit(t.Context()); err != nil {
		t.Errorf("it is committed, and its owner is told: %v", err)
	}
	if on := there(t, id); len(on) != 2 {
		t.Errorf("it is there on %v", on)
	}
	other.Discard()
	recoverAll(t, recoverer(t, nil))
	clean(t)
}
