package digest

import (
	"cmp"
	"slices"
	"time"
)

// Row is one shape in a list.
type Row struct {
	Digest   string        `json:"digest"`
	Schema   string        `json:"schema"`
	Kind     string        `json:"kind"`
	Text     string        `json:"text"` // without values
	Count    uint64        `json:"count"`
	Errors   uint64        `json:"errors"`
	Total    time.Duration `json:"total_ns"`
	Mean     time.Duration `json:"mean_ns"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	P999     time.Duration `json:"p999_ns"`
	Max      time.Duration `json:"max_ns"`
	Shards   uint64        `json:"shards"`        // units sent to shards, of all executions
	Shipped  uint64        `json:"rows_shipped"`  // rows that shards sent
	Returned uint64        `json:"rows_returned"` // rows that clients were sent
	Plans    uint64        `json:"plans"`         // executions whose plan had to be made
	Planning time.Duration `json:"planning_ns"`   // in total
	First    time.Time     `json:"first_seen"`
	Last     time.Time     `json:"last_seen"`
}

// List is a copy of all entries, those of most time first. Numbers of one row are read one after the other: under load they
// may be an execution apart.
func (t *Table) List() []Row {
	t.mu.RLock()
	all := make([]*Entry, 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, e)
	}
	t.mu.RUnlock()
	rows := make([]Row, len(all))
	for i, e := range all {
		rows[i] = e.row()
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Digest, b.Digest))
	})
	return rows
}

func (e *Entry) row() Row {
	counts, total := e.times.Read()
	r := Row{
		Digest: e.id, Schema: e.schema, Kind: e.kind.String(), Text: e.text, Count: total, Errors: e.errors.Load(),
		Total: time.Duration(e.took.Load()), Max: time.Duration(e.slowest.Load()),
		P50: counts.Quantile(total, .5), P99: counts.Quantile(total, .99), P999: counts.Quantile(total, .999),
		Shards: e.shards.Load(), Shipped: e.shipped.Load(), Returned: e.returned.Load(),
		Plans: e.plans.Load(), Planning: time.Duration(e.planning.Load()),
		First: time.Unix(0, e.first), Last: time.Unix(0, e.last.Load()),
	}
	r.P50, r.P99, r.P999 = min(r.P50, r.Max), min(r.P99, r.Max), min(r.P999, r.Max)
	if total > 0 {
		r.Mean = r.Total / time.Duration(total)
	}
	return r
}

// Stats are the table's own numbers.
type Stats struct {
	Entries, Bytes, Capacity int
	Evicted                  uint64 // entries dropped to stay within Capacity
	Dropped                  uint64 // executions that these had counted
}

// Stats reads them.
func (t *Table) Stats() Stats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Stats{Entries: len(t.entries), Bytes: t.bytes, Capacity: t.capacity, Evicted: t.evicted, Dropped: t.dropped}
}

// Tables are the counters by table. The last, without names, is of tables beyond the bound.
func (t *Table) Tables() []*TableCount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]*TableCount, 0, len(t.tables)+1)
	for _, c := range t.tables {
		out = append(out, c)
	}
	return append(out, &t.others)
}
