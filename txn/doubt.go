package txn

import (
	"context"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// sight is what a recoverer has seen of a branch that is prepared.
type sight struct {
	since time.Time // it was first seen
	// doubted is since when it has to be finished, where that is not since: of an owner's branch, since it was marked; of a client's, since its client has
	// decided. Zero: not known.
	doubted time.Time
	kept    bool // until its client decides, as last asked
}

// InDoubt is how many branches of a data source were prepared at the last look, and for how long the oldest has been of those that no client is to decide: by
// its mark, or since it has been seen.
func (r *Recoverer) InDoubt(dataSource string) (n int, oldest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.seen[dataSource] {
		since := at.since
		if !at.doubted.IsZero() {
			since = at.doubted
		}
		if !at.kept {
			oldest = max(oldest, time.Since(since))
		}
	}
	return len(r.seen[dataSource]), oldest
}

// undated are the branches that were there at the last look, and whose marks are to be read: most are over by the next one.
func (r *Recoverer) undated(dataSource string) (out []xa.XID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for x, at := range r.seen[dataSource] {
		if at.doubted.IsZero() && !x.GTRID.Client && len(out) < page {
			out = append(out, x)
		}
	}
	return out
}

// date reads the marks of branches. What cannot be read is asked for again at the next look.
func (r *Recoverer) date(ctx context.Context, server *txnlog.Server, of []xa.XID) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	ages, err := server.Ages(ctx, of)
	if err != nil {
		return
	}
	now := time.Now()
	r.change(server.DataSource, of, func(x xa.XID, at *sight) {
		at.doubted = at.since
		if marked := now.Add(-ages[x.GTRID]); marked.Before(at.since) {
			at.doubted = marked
		}
	})
}

// keeps notes which of the branches clients have prepared.
func (r *Recoverer) keeps(dataSource string, of []xa.XID, kept map[xa.GTRID]bool) {
	now := time.Now()
	r.change(dataSource, of, func(x xa.XID, at *sight) {
		if at.kept && !kept[x.GTRID] {
			at.doubted = now
		}
		at.kept = kept[x.GTRID]
	})
}

// change changes what is seen of branches that still are there.
func (r *Recoverer) change(dataSource string, of []xa.XID, how func(x xa.XID, at *sight)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range of {
		if at, there := r.seen[dataSource][x]; there {
			how(x, &at)
			r.seen[dataSource][x] = at
		}
	}
}
