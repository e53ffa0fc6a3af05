package xa

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// leave does what a version before has done on two servers by the time at which all of its processes died: testdata/left has the statements, each
// paragraph those of one connection.
func leave(t *testing.T, file string, servers []*sql.DB) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, paragraph := range strings.Split(string(text), "\n-- ")[1:] {
		title, statements, _ := strings.Cut(paragraph, "\n")
		for i, db := range servers {
			if !strings.HasPrefix(title, fmt.Sprint("ds_", i)) && title != "all" {
				continue
			}
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range strings.Split(strings.TrimSuffix(strings.TrimSpace(statements), ";"), ";\n") {
				if statement == "" {
					continue
				}
				if _, err := c.ExecContext(t.Context(), statement); err != nil {
					t.Fatalf("%s: %s: %v", file, statement, err)
				}
			}
			_ = c.Raw(func(any) error { return driver.ErrBadConn }) // which ends it
			_ = c.Close()
		}
	}
}

// TestUpgradeWithTransactionsInDoubt: what earlier versions have left on their servers is recovered and swept, and their tables are completed.
func TestUpgradeWithTransactionsInDoubt(t *testing.T) {
	files, err := filepath.Glob("testdata/left/*.sql")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	e, err := harness.Start(t.Context(), harness.Options{Shards: 2, Flags: []string{"--innodb-flush-log-at-trx-commit=1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { upgrade(t, e, file) })
	}
}

func upgrade(t *testing.T, e *harness.Env, file string) {
	var servers []*sql.DB
	for _, s := range e.Shards {
		db, err := open(s.Config(""))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, statement := range []string{"DROP DATABASE IF EXISTS heddle_mesh", "CREATE OR REPLACE DATABASE bank", "CREATE TABLE bank.ledger (t BIGINT PRIMARY KEY, delta INT NOT NULL)"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		servers = append(servers, db)
	}
	leave(t, file, servers)
	today := txn.NewShards()
	for i, s := range e.Shards {
		server, err := txn.Probe(t.Context(), servers[i], s.Name())
		if err != nil {
			t.Fatalf("%s is not fit: %v", s.Name(), err)
		}
		today.Set(s.Name(), server, nil)
	}
	r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: today, Life: func(uint64) txn.Life { return txn.Dead }, Keep: time.Nanosecond, Marks: time.Nanosecond,
		Alarm: func(a txn.Alarm) { t.Errorf("alarm: %+v", a) }})
	for _, s := range e.Shards {
		if _, err := r.Scan(t.Context(), s.Name()); err != nil {
			t.Error(err)
		}
	}
	want := "2,4"
	kept := xa.ClientXID{Format: 1, GTRID: "kept"}
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: today})
	if names, err := m.PreparedByClients(t.Context()); err != nil {
		t.Error(err)
	} else if len(names) > 0 {
		if _, err := m.FinishClient(t.Context(), kept, true, false); err != nil {
			t.Errorf("what a client has prepared: %v", err)
		}
		want = "2,4,5"
	}
	for i, s := range e.Shards {
		for range 2 { // done is seen, and then over
			if err := r.Sweep(t.Context(), s.Name()); err != nil {
				t.Error(err)
			}
		}
		if on := first(t, servers[i], "SELECT GROUP_CONCAT(t ORDER BY t) FROM bank.ledger"); on != want {
			t.Errorf("%s has transactions %s, want %s", s.Name(), on, want)
		}
		if x := first(t, servers[i], "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'heddle_mesh'"); x != "5" {
			t.Errorf("%s has %s of Heddle's five tables", s.Name(), x)
		}
		if left, _, err := today.Server(s.Name()).Prepared(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("%s has %v prepared, %v", s.Name(), left, err)
		}
	}
	if n := first(t, servers[0], "SELECT COUNT(*) FROM heddle_mesh.txn_decision WHERE verdict = 'C'"); n != "0" {
		t.Errorf("%s decisions are there that are over", n)
	}
}

// first is the first column of a question's only row.
func first(t *testing.T, db *sql.DB, question string) (out string) {
	t.Helper()
	var s sql.NullString
	if err := db.QueryRowContext(context.Background(), question).Scan(&s); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return s.String
}
