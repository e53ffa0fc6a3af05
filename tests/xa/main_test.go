package xa

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

const cluster = 0x1d1e

var (
	env     *harness.Env
	control []*sql.DB // a shard's, for recovery and for questions
	shards  *txn.Shards
	onMySQL bool // the servers are MySQL's, not MariaDB's
)

func TestMain(m *testing.M) {
	flags := append([]string{"--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"}, strings.Fields(os.Getenv("HEDDLE_XA_FLAGS"))...) // say, --log-bin --sync-binlog=1
	end, err := prepareClocks()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test servers:", err)
		os.Exit(1)
	}
	// The servers' own zone is not the one that sessions are given, if any are: nobody may count on it.
	_ = os.Setenv("TZ", "XXX5")
	code := harness.Run(m, harness.Options{Shards: 3, Flags: flags, Setup: setup}, &env)
	end()
	os.Exit(code)
}

// by chooses between what MariaDB's servers are told and what MySQL's are.
func by(mariadb, mysql string) string {
	if onMySQL {
		return mysql
	}
	return mariadb
}

// becomesReplica makes a server a replica of nobody that answers, and what makes it a primary again.
func becomesReplica() (set, unset string) {
	return by("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x'", "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1, SOURCE_USER = 'x'"),
		by("RESET SLAVE ALL", "RESET REPLICA ALL")
}

func setup(ctx context.Context, e *harness.Env) error {
	onMySQL = !strings.Contains(e.ServerVersion(), "MariaDB")
	if err := e.CreateSchema(ctx, "bank"); err != nil {
		return err
	}
	shards = txn.NewShards()
	for _, s := range e.Shards {
		db, err := open(s.Config("bank"))
		if err != nil {
			return err
		}
		e.OnClose(db.Close)
		control = append(control, db)
		for _, ddl := range []string{
			"CREATE TABLE bank.acc (id INT PRIMARY KEY, bal INT NOT NULL) ENGINE=InnoDB",
			"INSERT INTO bank.acc WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i, 100 FROM n",
			"CREATE TABLE bank.ledger (t BIGINT PRIMARY KEY, delta INT NOT NULL) ENGINE=InnoDB",
		} {
			if _, err := db.ExecContext(ctx, ddl); err != nil {
				return err
			}
		}
		server, err := txn.Probe(ctx, db, s.Name())
		if err != nil {
			return fmt.Errorf("probe %s: %w", s.Name(), err)
		}
		shards.Set(s.Name(), server, nil)
	}
	return nil
}

func open(cfg *mysql.Config) (*sql.DB, error) {
	txnlog.Configure(cfg)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// manager is a process that begins transactions.
func manager(at txn.Failpoint) *txn.Manager {
	return txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, At: at})
}

// recoverer is another that takes every owner for dead; what it cannot mend fails the test.
func recoverer(t testing.TB, at txn.Failpoint) *txn.Recoverer {
	return txn.NewRecoverer(txn.RecoveryConfig{
		Cluster: cluster, Shards: shards, At: at, Life: func(uint64) txn.Life { return txn.Dead },
		Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) }, Keep: time.Nanosecond, Marks: time.Hour,
	})
}

// recoverAll scans every shard once.
func recoverAll(t testing.TB, r *txn.Recoverer) (out []txn.Resolved) {
	t.Helper()
	for _, name := range shards.Names() {
		done, err := r.Scan(context.Background(), name)
		if err != nil {
			t.Errorf("recover %s: %v", name, err)
		}
		out = append(out, done...)
	}
	return out
}

const openTransactions = "SELECT CONCAT_WS(' ', 'thread', trx_mysql_thread_id, trx_started, trx_rows_modified, 'rows', trx_query) FROM information_schema.INNODB_TRX"

// clean fails the test if anything is prepared, locked or open anywhere.
func clean(t testing.TB) {
	t.Helper()
	for i := range env.Shards {
		open := ""
		if x := ask(t, i, "XA RECOVER"); x != "" {
			t.Errorf("%s: a branch is prepared", env.Shards[i].Name())
		}
		for range 100 {
			<-time.After(120 * time.Millisecond) // a server that is asked more often shows the same picture
			if open = ask(t, i, openTransactions); open == "" {
				break
			}
		}
		if open != "" {
			t.Errorf("%s: a transaction is open: %s", env.Shards[i].Name(), open)
		}
	}
}
