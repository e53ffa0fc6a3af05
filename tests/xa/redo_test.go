package xa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/internal/failpoint"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// losing is a transaction over shards 0 and 1 that is decided, and whose branch on 1 somebody has ended, as a failover would have. What the branch did is kept; text
// comes behind that.
func losing(t *testing.T, text ...txn.Statement) (gtrid string, id int64) {
	t.Helper()
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, KeepStatements: true, At: once("deliver.before", func() error { return failpoint.ErrHit })})
	x, branches, id := transfer(t, m, txn.Options{}, []int{0, 1})
	keep := append([]txn.Statement{{Text: fmt.Sprintf("INSERT INTO ledger VALUES (%d, 1)", id), Schema: "bank", Settings: "sql_mode=''"}}, text...)
	for _, s := range keep {
		x.Sending(branches[1], s)
		x.Ran(branches[1], txn.Effect{Rows: 1})
	}
	if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatalf("it did not stop: %v", err)
	}
	branches[1].run(t, "XA ROLLBACK "+listed(t, x.GTRID()).String())
	for _, b := range branches {
		b.Discard()
	}
	return x.GTRID(), id
}

// listed is the branch of a transaction that is prepared on shard 1.
func listed(t *testing.T, gtrid string) xa.XID {
	t.Helper()
	ours, _, err := shards.Server(env.Shards[1].Name()).Prepared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(ours, func(x xa.XID) bool { return x.GTRID.String() == gtrid })
	if at < 0 {
		t.Fatalf("%s is not prepared", gtrid)
	}
	return ours[at]
}

// redone is one row of the ledger and the mark, or nothing of both.
func redone(t *testing.T, gtrid string, id int64) bool {
	t.Helper()
	marked := ask(t, 1, "SELECT 1 FROM heddle_mesh.txn_mark WHERE gtrid = '"+gtrid+"'") != ""
	there := slices.Equal(there(t, id), []int{0, 1})
	if marked != there {
		t.Fatalf("half of it is there: the mark %v, the row %v", marked, there)
	}
	return there
}

// TestRedoDies: whoever runs a lost branch again and dies at any point leaves all of it or nothing, and the next one finishes it, once.
func TestRedoDies(t *testing.T) {
	defer func() { shards.At = nil }()
	for _, c := range []struct {
		point string
		done  bool
	}{{"redo.run.before", false}, {"redo.commit.before", false}, {"redo.commit.after", true}} {
		gtrid, id := losing(t)
		shards.At = once(c.point, func() error { return failpoint.ErrHit })
		if _, err := shards.Redo(t.Context(), gtrid); !errors.Is(err, failpoint.ErrHit) {
			t.Errorf("it did not stop at %s: %v", c.point, err)
		}
		if got := redone(t, gtrid, id); got != c.done {
			t.Errorf("dead at %s: done %v, want %v", c.point, got, c.done)
		}
		done, err := shards.Redo(t.Context(), gtrid)
		if c.done != errors.Is(err, txn.ErrNotLost) || !c.done && (err != nil || len(done) != 1 || !done[0].Redone) || !redone(t, gtrid, id) {
			t.Errorf("after death at %s: %+v, %v", c.point, done, err)
		}
	}
	forget(t)
	clean(t)
}

// TestRedoOfWhatIsThere: what another server of the data source has is not run again, nor what nobody has kept, nor by two at once.
func TestRedoOfWhatIsThere(t *testing.T) {
	gtrid, id := losing(t)
	server, other := shards.Server(env.Shards[1].Name()), shards.Server(env.Shards[2].Name())
	g, err := xa.ParseGTRID(gtrid)
	if err != nil {
		t.Fatal(err)
	}
	x := xa.XID{GTRID: g, Branch: xa.Qualifier{Log: server.Log, Conn: 77}}
	b := connect(t, 2)
	for _, s := range append([]string{txnlog.Start(x)}, txnlog.Prepare(x)...) {
		b.run(t, s)
	}
	server.Others = []*txnlog.Server{other}
	defer func() { server.Others = nil }()
	refused := func(word string) {
		t.Helper()
		if _, err := shards.Redo(t.Context(), gtrid); !errors.Is(err, txn.ErrNotRedone) || !strings.Contains(err.Error(), word) || redone(t, gtrid, id) {
			t.Errorf("it is run again: %v, want %q", err, word)
		}
	}
	refused("has it")
	b.run(t, txnlog.Commit(x))
	refused("has it")
	b.run(t, "DELETE FROM heddle_mesh.txn_mark WHERE gtrid = '"+gtrid+"'")

	var all sync.WaitGroup
	var mu sync.Mutex // guards done
	done := 0
	for range 4 {
		all.Go(func() {
			_, err := shards.Redo(context.WithoutCancel(t.Context()), gtrid)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case !errors.Is(err, txn.ErrNotRedone) && !errors.Is(err, txn.ErrNotLost):
				t.Error(err)
			}
		})
	}
	if all.Wait(); done != 1 || !redone(t, gtrid, id) {
		t.Errorf("%d have run it again", done)
	}

	gtrid, id = losing(t, txn.Statement{Text: "UPDATE acc SET bal = RAND() WHERE id = 1", Unsafe: "it uses RAND()"})
	refused("statement 2 of 2: it uses RAND(): UPDATE acc")
	gtrid, id = losing(t, txn.Statement{Text: "UPDATE acc SET bal = bal WHERE id = 1", Settings: "sql_mode=''"})
	refused("statement 2 of 2: it has changed 0 rows, and not 1 as before")
	gtrid, id = losing(t, txn.Statement{Text: "UPDATE acc SET bal = 7 WHERE id = 1", Settings: "no_such_variable=1"})
	refused("statement 2 of 2: SET no_such_variable=1 before it: ")
	gtrid, id = losing(t, txn.Statement{Text: "UPDATE acc SET bal = " + strings.Repeat("1", 64<<10)})
	refused("statement 2 of 2: from here on 1 were too much to keep, or are not known; nothing of it is done")
	forget(t)
	clean(t)
}

// forget deletes what is kept of transactions, for tests that look at all rows, and of what can never be over.
func forget(t *testing.T) {
	t.Helper()
	for i := range control {
		for _, table := range []string{"txn_decision", "txn_mark", "txn_statement"} {
			if _, err := control[i].ExecContext(t.Context(), "DELETE FROM heddle_mesh."+table+" WHERE gtrid <> '-'"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
