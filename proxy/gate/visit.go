package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/plan"
)

// visit is one session's record. It implements session.Visit; its methods are called by the session's goroutine.
type visit struct {
	gate *Gate
	cut  func()

	mu     sync.Mutex          // guards tables, which other goroutines read
	tables []plan.TableVersion // that the session is inside of; the versions mean nothing here
}

// Enter goes inside of the tables, or fails without.
func (v *visit) Enter(ctx context.Context, tables []plan.TableVersion) error {
	before := v.add(tables)
	if !v.gate.shut.Load() {
		return nil
	}
	return v.wait(ctx, before, tables)
}

// wait is Enter while something is closed.
func (v *visit) wait(ctx context.Context, before int, tables []plan.TableVersion) error {
	patience := time.NewTimer(v.gate.opts.Wait)
	defer patience.Stop()
	for {
		opened, err := v.gate.obstacle(v, before, tables)
		if opened == nil && err == nil {
			return nil
		}
		v.drop(before) // whoever closed the tables must not wait for one who waits
		if err != nil {
			return err
		}
		select {
		case <-opened:
		case <-patience.C:
			_, err := v.gate.obstacle(v, before, tables)
			if err == nil {
				err = sqlerr.TableClosed(tables[0].Database, tables[0].Table)
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		v.add(tables)
	}
}

// obstacle says what keeps the visit from entering: something to wait for, or an error. A session that is inside of one
// of a hold's tables goes on to the others: the hold waits for it to end.
func (g *Gate) obstacle(v *visit, before int, tables []plan.TableVersion) (opened <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range tables {
		t := &tables[i]
		for document := range g.fences {
			if within(document, t.Database) {
				return nil, sqlerr.Fenced(t.Database)
			}
		}
		for _, h := range g.holds {
			switch {
			case !h.covers(t) || v.inside(h, before):
			case h.failing:
				return nil, sqlerr.TableClosed(t.Database, t.Table)
			default:
				opened = g.opened
			}
		}
	}
	return opened, nil
}

// add notes tables and returns how many were noted before.
func (v *visit) add(tables []plan.TableVersion) (before int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before = len(v.tables)
	for i := range tables {
		if before == 0 || !v.has(&tables[i]) {
			v.tables = append(v.tables, tables[i])
		}
	}
	return before
}

func (v *visit) has(t *plan.TableVersion) bool {
	return slices.ContainsFunc(v.tables, func(o plan.TableVersion) bool { return o.Table == t.Table && o.Database == t.Database })
}

// inside reports whether the session is inside of a table of h, by the first n tables that it noted; -1: all.
func (v *visit) inside(h *hold, n int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n < 0 {
		n = len(v.tables)
	}
	for i := range v.tables[:n] {
		if h.covers(&v.tables[i]) {
			return true
		}
	}
	return false
}

// Leave goes outside of all tables.
func (v *visit) Leave() { v.drop(0) }

// drop forgets what was noted after the first n tables.
func (v *visit) drop(n int) {
	v.mu.Lock()
	had := len(v.tables) > n
	v.tables = v.tables[:n]
	v.mu.Unlock()
	if had && v.gate.shut.Load() {
		v.gate.mu.Lock()
		v.gate.wake(&v.gate.left)
		v.gate.mu.Unlock()
	}
}

// End makes the session unknown.
func (v *visit) End() {
	v.drop(0)
	v.gate.mu.Lock()
	defer v.gate.mu.Unlock()
	delete(v.gate.visits, v)
}
