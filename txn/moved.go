package txn

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// lately is for how long a data source's log is compared with the marks of others after it is at another server, or was first seen. Owners
// that had decided on the one before have delivered by then.
const lately = 30 * time.Second

// place is where a data source's log was last seen.
type place struct {
	db    *sql.DB
	since time.Time
}

// moved reports whether a data source's log has lately come to the server that has it.
func (r *Recoverer) moved(dataSource string, db *sql.DB) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.places[dataSource]
	if p.db != db {
		p = place{db, time.Now()}
		r.places[dataSource] = p
	}
	return time.Since(p.since) < lately
}

// lostDecisions looks for branches that are committed although their home, which has moved, has no decision: a failover has lost it, and
// home's part with it.
func (r *Recoverer) lostDecisions(ctx context.Context, dataSource string, home *txnlog.Server, silent away) error {
	if !r.moved(dataSource, home.DB) {
		return nil
	}
	for _, name := range r.cfg.Shards.Names() {
		at := r.cfg.Shards.Server(name)
		if at == nil || at.Log == home.Log || silent[at.Log] != nil {
			continue
		}
		for after := (xa.GTRID{Cluster: r.cfg.Cluster, Log: home.Log}); ; {
			marked, err := r.young(ctx, at, after)
			if err != nil {
				silent[at.Log] = fmt.Errorf("%s: %w", name, err)
			}
			if len(marked) == 0 {
				break
			}
			decided, err := home.Committed(ctx, marked)
			if err != nil {
				return err
			}
			for _, g := range marked {
				if !decided[g] {
					r.cfg.Alarm(Alarm{DataSource: dataSource, Trouble: xa.Missing, XID: g.String(),
						Detail: "it is committed on " + name + ", and this server has neither the decision nor what it did here: they are lost, as by a failover to a server that did not have them"})
				}
			}
			after = marked[len(marked)-1]
		}
	}
	return nil
}

// young are marks of a server's whose decisions cannot have been swept: a decision stays for Keep after its marks were seen, so that one whose mark is
// half as old is there when it is asked for. Of a server whose clock was set back there are none, for old ones look young.
func (r *Recoverer) young(ctx context.Context, at *txnlog.Server, after xa.GTRID) ([]xa.GTRID, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if back, err := at.SetBack(ctx); back || err != nil {
		return nil, err
	}
	return at.YoungMarks(ctx, after, r.cfg.Keep/2, page)
}
