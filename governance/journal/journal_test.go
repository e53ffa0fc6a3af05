package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/store/memstore"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Millisecond)
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// each runs a test with both keepers.
func each(t *testing.T, f func(t *testing.T, j *Journal, c *clock)) {
	t.Run("store", func(t *testing.T) {
		s := memstore.New()
		t.Cleanup(func() { _ = s.Close() }) // memory
		c := &clock{at: time.Unix(1_700_000_000, 0)}
		f(t, InStore(s, "a", c.now), c)
	})
	t.Run("directory", func(t *testing.T) {
		c := &clock{at: time.Unix(1_700_000_000, 0)}
		f(t, InDir(filepath.Join(t.TempDir(), "ddl"), "a", c.now), c)
	})
}

func entry(j *Journal) *Entry {
	made := j.New()
	return &Entry{
		ID: made.ID, Started: made.Started, Instance: made.Instance,
		Database: "shop", Tables: []Name{{"shop", "t"}}, Statement: "ALTER TABLE t ADD x INT", Account: "ann",
		Texts:   []Text{"ALTER TABLE t ADD x INT"},
		Targets: []Target{{DataSource: "ds_0", Outcome: Outcome{Status: Pending}}, {DataSource: "ds_1", Outcome: Outcome{Status: Pending}}},
	}
}

func begin(t *testing.T, j *Journal) *Entry {
	t.Helper()
	e := entry(j)
	if err := j.Begin(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

func state(t *testing.T, j *Journal, id string) string {
	t.Helper()
	e, err := j.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e.State()
}

func end(t *testing.T, j *Journal, id string, statuses ...Status) {
	t.Helper()
	outcomes := map[int]Outcome{}
	for i, s := range statuses {
		outcomes[i] = Outcome{Status: s}
	}
	if err := j.End(t.Context(), id, outcomes); err != nil {
		t.Fatal(err)
	}
}

func TestStates(t *testing.T) {
	each(t, func(t *testing.T, j *Journal, _ *clock) {
		table := Name{"shop", "t"}
		first, second := begin(t, j), begin(t, j)
		if first.ID >= second.ID {
			t.Errorf("%s was begun before %s and does not sort so", first.ID, second.ID)
		}
		if got := state(t, j, first.ID); got != StateRunning {
			t.Errorf("begun: %s", got)
		}
		end(t, j, first.ID, Done, Unknown)
		end(t, j, second.ID, Failed, Failed)
		if a, b := state(t, j, first.ID), state(t, j, second.ID); a != StateUnfinished || b != StateFailed {
			t.Errorf("%s and %s", a, b)
		}
		if e, err := j.Unfinished(t.Context(), table); err != nil || e == nil || e.ID != first.ID {
			t.Errorf("the unfinished entry is %+v, %v", e, err)
		}
		end(t, j, first.ID, Failed, Done) // what is done stays done
		if got := state(t, j, first.ID); got != StateDone {
			t.Errorf("resumed: %s", got)
		}
		third := begin(t, j)
		if _, err := j.Settle(t.Context(), third.ID, "ann", "by hand"); err != nil {
			t.Fatal(err)
		}
		if got := state(t, j, third.ID); got != StateSettled {
			t.Errorf("settled: %s", got)
		}
		if e, err := j.Unfinished(t.Context(), table); err != nil || e != nil {
			t.Errorf("the unfinished entry is %+v, %v", e, err)
		}
		all, err := j.List(t.Context())
		if err != nil || len(all) != 3 || !slices.IsSortedFunc(all, func(a, b Entry) int { return a.Started.Compare(b.Started) }) {
			t.Errorf("list: %v, %v", all, err)
		}
	})
}

func TestPrefixes(t *testing.T) {
	each(t, func(t *testing.T, j *Journal, c *clock) {
		e := begin(t, j)
		c.move(time.Hour)
		begin(t, j)
		if got, err := j.Get(t.Context(), e.ID[:len(e.ID)-5]); err != nil || got.ID != e.ID {
			t.Errorf("by a prefix: %s, %v", got.ID, err)
		}
		if _, err := j.Get(t.Context(), e.ID[:4]); err == nil {
			t.Error("a prefix of two entries names one")
		}
		for _, id := range []string{"nope", "../x", ""} {
			if _, err := j.Get(t.Context(), id); err == nil {
				t.Errorf("%q names an entry", id)
			}
		}
		if err := j.End(t.Context(), "nope", nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("the end of what never began: %v", err)
		}
	})
}

// Writers of one entry do not lose each other's outcomes.
func TestConcurrentOutcomes(t *testing.T) {
	each(t, func(t *testing.T, j *Journal, _ *clock) {
		e := begin(t, j)
		var wg sync.WaitGroup
		for i := range e.Targets {
			wg.Go(func() {
				if err := j.End(t.Context(), e.ID, map[int]Outcome{i: {Status: Done}}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := state(t, j, e.ID); got != StateDone {
			t.Errorf("after both: %s", got)
		}
	})
}

func TestRetention(t *testing.T) {
	each(t, func(t *testing.T, j *Journal, c *clock) {
		kept := begin(t, j) // unfinished: it stays whatever its age
		for range 5 {
			end(t, j, begin(t, j).ID, Done, Done)
		}
		j.limits.finished, j.limits.pruneEvery = 8, 1
		c.move(KeepFor + time.Minute)
		begin(t, j)
		all, err := j.List(t.Context())
		if err != nil || len(all) != 2 || all[0].ID != kept.ID {
			t.Errorf("after a month: %d entries, %v", len(all), err)
		}
		for range 8 + 3 {
			end(t, j, begin(t, j).ID, Done, Done)
		}
		if all, err = j.List(t.Context()); err != nil || len(all) != 8+2 {
			t.Errorf("after many: %d entries, want %d; %v", len(all), 8+2, err)
		}
	})
}

func TestFull(t *testing.T) {
	j := InDir(filepath.Join(t.TempDir(), "ddl"), "a", (&clock{at: time.Unix(1, 0)}).now)
	j.limits.unfinished = 5
	for i := range 5 {
		e := entry(j)
		e.ID = fmt.Sprintf("x%04d", i)
		data, err := marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.keep.write(t.Context(), record{id: e.ID, data: data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Begin(t.Context(), entry(j)); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if _, err := j.Settle(t.Context(), "x0001", "ann", ""); err != nil {
		t.Fatal(err)
	}
	if err := j.Begin(t.Context(), entry(j)); err != nil {
		t.Errorf("after one is settled: %v", err)
	}
}

// A damaged entry is named, with the way to be rid of it, and is in the way of nothing else.
func TestDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ddl")
	j := InDir(dir, "a", (&clock{at: time.Unix(1, 0)}).now)
	j.limits.pruneEvery = 1
	kept, e := begin(t, j), begin(t, j)
	if err := os.WriteFile(filepath.Join(dir, e.ID), []byte("half of"), 0o600); err != nil {
		t.Fatal(err)
	}
	end(t, j, begin(t, j).ID, Done, Done)
	if e, err := j.Unfinished(t.Context(), Name{"shop", "t"}); err != nil || e == nil || e.ID != kept.ID {
		t.Errorf("the unfinished entry is %+v, %v", e, err)
	}
	all, err := j.List(t.Context())
	if err != nil || len(all) != 3 || all[1].ID != e.ID || all[1].State() != StateDamaged || all[1].Finished() {
		t.Errorf("the list is %+v, %v", all, err)
	}
	var damaged *DamagedError
	if _, err := j.Get(t.Context(), e.ID); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "heddle ddl forget "+e.ID) {
		t.Errorf("it is read: %v", err)
	}
	if id, err := j.Settle(t.Context(), e.ID, "ann", "it was never sent"); err != nil || id != e.ID {
		t.Errorf("settled: %s, %v", id, err)
	}
	if _, err := j.Get(t.Context(), e.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it is settled: %v", err)
	}
}

// counting counts how often all entries are read.
type counting struct {
	keeper
	reads int
}

func (k *counting) all(ctx context.Context) ([]record, error) {
	k.reads++
	return k.keeper.all(ctx)
}

// Not every DDL reads the whole journal.
func TestBeginReadsLittle(t *testing.T) {
	each(t, func(t *testing.T, j *Journal, _ *clock) {
		k := &counting{keeper: j.keep}
		j.keep = k
		for range 2 * pruneEvery {
			end(t, j, begin(t, j).ID, Done, Done)
		}
		if k.reads != 2 {
			t.Errorf("%d statements have read the journal %d times, want 2", 2*pruneEvery, k.reads)
		}
	})
}

func TestTextKeepsBytes(t *testing.T) {
	for _, text := range []Text{"plain <b>", "gr\xfc\xdfe", ""} {
		data, err := marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var back Text
		if err := back.UnmarshalJSON(data); err != nil || back != text {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
	}
}
