package sidecar

import (
	"context"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// unfinished counts the entries of the DDL journal that are not finished. Any goroutine may call its methods.
type unfinished struct {
	mu      sync.Mutex
	entries map[string]unfinishedEntry // by key, or id
}

type unfinishedEntry struct {
	state string
	began time.Time
}

// set is told of an entry as it is now.
func (u *unfinished) set(key string, e *journal.Entry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e.Finished() {
		delete(u.entries, key)
		return
	}
	if u.entries == nil {
		u.entries = map[string]unfinishedEntry{}
	}
	u.entries[key] = unfinishedEntry{e.State(), e.Started}
}

// gone is told of an entry that is no more.
func (u *unfinished) gone(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.entries, key)
}

// reset forgets all.
func (u *unfinished) reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.entries)
}

// totals are told for every state, also one that no entry is in, so that an alert has something to compare.
func (u *unfinished) totals(now time.Time) []observe.UnfinishedDDL {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := []observe.UnfinishedDDL{{State: journal.StateRunning}, {State: journal.StateUnfinished}, {State: journal.StateDamaged}}
	for _, e := range u.entries {
		for i := range out {
			if out[i].State != e.state {
				continue
			}
			out[i].Entries++
			if !e.began.IsZero() { // nobody knows when a damaged one began
				out[i].Oldest = max(out[i].Oldest, now.Sub(e.began))
			}
		}
	}
	return out
}

// unfinishedFor is how long the files of a journal are not read again: operators' commands write them too, and metrics may be asked for often.
const unfinishedFor = 5 * time.Second

// filedDDL counts what a directory has. What it cannot read counts as it was.
type filedDDL struct {
	journal *journal.Journal

	mu   sync.Mutex
	read time.Time
	unfinished
}

func (f *filedDDL) totals() []observe.UnfinishedDDL {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.read) >= unfinishedFor {
		if entries, err := f.journal.List(context.Background()); err == nil {
			f.read = now
			f.reset()
			for i := range entries {
				f.set(entries[i].ID, &entries[i])
			}
		}
	}
	return f.unfinished.totals(now)
}
