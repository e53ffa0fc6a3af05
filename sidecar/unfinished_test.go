package sidecar

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// begin writes an entry of two targets, and ends it with a status on each; "": it is left as it began.
func begin(t *testing.T, j *journal.Journal, first, second journal.Status) string {
	t.Helper()
	e := j.New()
	e.Tables, e.Texts = []journal.Name{{Database: "shop", Table: "t"}}, []journal.Text{"ALTER TABLE t ADD COLUMN c INT"}
	e.Targets = []journal.Target{{DataSource: "ds_0", Tables: e.Tables, Outcome: journal.Outcome{Status: journal.Pending}}, {DataSource: "ds_1", Tables: e.Tables, Outcome: journal.Outcome{Status: journal.Pending}}}
	if err := j.Begin(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if first != "" {
		if err := j.End(t.Context(), e.ID, map[int]journal.Outcome{0: {Status: first}, 1: {Status: second}}); err != nil {
			t.Fatal(err)
		}
	}
	return e.ID
}

func numbers(of []observe.UnfinishedDDL) (out [3]int) {
	for i, d := range of {
		out[i] = d.Entries
	}
	return out
}

// The entries of a mesh are counted as its store tells of them.
func TestUnfinishedInStore(t *testing.T) {
	mem := memstore.New()
	j := journal.InStore(mem, "other", time.Now)
	s := &stored{process: &Process{config: &config.Config{}, catalogs: newCatalogs(nil, 0)}, store: mem, log: newNotices(zap.NewNop())}
	left := begin(t, j, journal.Done, journal.Failed)
	begin(t, j, journal.Done, journal.Done)
	if _, err := mem.Txn(t.Context(), nil, []store.Op{store.Put(layout.DDL+"20260101-000000.000-torn", []byte("{"))}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- s.followDDL(ctx) }()
	defer func() { stop(); <-ended }()
	await := func(want [3]int) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(20 * time.Second); numbers(s.unfinishedDDL()) != want; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("running, unfinished, damaged are %v, not %v", numbers(s.unfinishedDDL()), want)
			}
		}
	}
	await([3]int{0, 1, 1})
	running := begin(t, j, "", "")
	await([3]int{1, 1, 1})
	if _, err := j.Settle(t.Context(), left, "ann", ""); err != nil {
		t.Fatal(err)
	}
	if err := j.End(t.Context(), running, map[int]journal.Outcome{0: {Status: journal.Done}, 1: {Status: journal.Done}}); err != nil {
		t.Fatal(err)
	}
	await([3]int{0, 0, 1})
	if _, err := j.Settle(t.Context(), "20260101-000000.000-torn", "ann", ""); err != nil {
		t.Fatal(err)
	}
	await([3]int{0, 0, 0})
}

// Those of an instance that stands alone are read from its directory, not more often than it takes.
func TestUnfinishedInFiles(t *testing.T) {
	dir := t.TempDir()
	j := journal.InDir(dir, "alone", time.Now)
	f := &filedDDL{journal: j}
	begin(t, j, journal.Done, journal.Unknown)
	begin(t, j, "", "")
	if err := os.WriteFile(filepath.Join(dir, "20260101-000000.000-torn"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := f.totals()
	if numbers(got) != [3]int{1, 1, 1} {
		t.Errorf("running, unfinished, damaged are %v", numbers(got))
	}
	if got[0].State != journal.StateRunning || got[0].Oldest <= 0 || got[2].State != journal.StateDamaged {
		t.Errorf("told are %+v", got)
	}
	begin(t, j, "", "")
	if again := f.totals(); numbers(again)[0] != 1 {
		t.Errorf("read at once again: %v", numbers(again))
	}
	f.read = f.read.Add(-unfinishedFor)
	if again := f.totals(); numbers(again)[0] != 2 {
		t.Errorf("later running are %v", numbers(again))
	}
}
