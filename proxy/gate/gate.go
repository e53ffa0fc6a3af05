// Package gate closes tables while the place of their rows changes. A statement enters with the tables that it names and
// leaves when it, or the transaction that it belongs to, has ended; on a closed table it waits, within a bound. Who
// closes a table waits for those inside.
//
// It does not know why a table is closed, plans nothing and runs nothing. Its level: beside proxy/session, whose Gate it
// implements.
//
// While nothing is closed, entering costs an uncontended lock and one atomic load, and allocates nothing: each session
// notes its tables in a record of its own, and who closes a table looks through all records. That works because both
// sides write before they read: a session its record, then it looks whether anything is closed; the other that something
// is closed, then it looks at the records.
package gate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/router/plan"
)

// Any stands for all tables of a document, and as a document for all databases.
const Any = "*"

// Options are the bounds of waiting.
type Options struct {
	Wait  time.Duration // of a statement, for a closed table; 0: 15 s
	Drain time.Duration // of one call of Hold, for those inside; 0: 2 s
}

// Gate is an instance's one gate.
type Gate struct {
	opts Options
	shut atomic.Bool // holds or fences is not empty

	cutting sync.WaitGroup

	mu     sync.Mutex // guards what follows; taken before a visit's
	visits map[*visit]struct{}
	holds  map[string]*hold // by owner
	fences map[string]bool  // by document
	left   chan struct{}    // closed and replaced when somebody leaves
	opened chan struct{}    // closed and replaced when something is opened, or fails instead of waiting
}

// hold is tables that one owner has closed.
type hold struct {
	document string
	tables   []string
	failing  bool // who would wait for it fails
}

// New returns an open gate.
func New(opts Options) *Gate {
	if opts.Wait <= 0 {
		opts.Wait = 15 * time.Second
	}
	if opts.Drain <= 0 {
		opts.Drain = 2 * time.Second
	}
	return &Gate{opts: opts, visits: map[*visit]struct{}{}, holds: map[string]*hold{}, fences: map[string]bool{},
		left: make(chan struct{}), opened: make(chan struct{})}
}

// covers reports whether the hold closes a table.
func (h *hold) covers(t *plan.TableVersion) bool {
	if !within(h.document, t.Database) {
		return false
	}
	for _, name := range h.tables {
		if name == Any || strings.EqualFold(name, t.Table) {
			return true
		}
	}
	return false
}

// within reports whether a database is a document's. Case does not count: to close a table too many costs a wait.
func within(document, database string) bool {
	return document == Any || strings.EqualFold(document, database)
}

// Hold closes the tables of a document for everybody who is not inside, and returns when nobody is any more. After an
// error, which says who was inside for longer than Options.Drain, they stay closed until Release.
func (g *Gate) Hold(ctx context.Context, owner, document string, tables []string) error {
	g.mu.Lock()
	h, ok := g.holds[owner]
	if !ok {
		h = &hold{document: document, tables: append([]string(nil), tables...)}
		g.holds[owner] = h
	}
	g.shut.Store(true)
	g.mu.Unlock()
	patience := time.NewTimer(g.opts.Drain)
	defer patience.Stop()
	for {
		inside, left := g.inside(h)
		if inside == 0 {
			return nil
		}
		select {
		case <-left:
		case <-patience.C:
			return fmt.Errorf("%d sessions still use tables %s of %s, in a statement or an open transaction", inside, strings.Join(tables, ", "), document)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inside counts the sessions that a hold waits for.
func (g *Gate) inside(h *hold) (n int, left <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for v := range g.visits {
		if v.inside(h, -1) {
			n++
		}
	}
	return n, g.left
}

// Fail makes who waits for the owner's tables, and who comes, fail instead, until Release.
func (g *Gate) Fail(owner string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.holds[owner]; h != nil {
		h.failing = true
		g.wake(&g.opened)
	}
}

// Release opens what the owner has closed.
func (g *Gate) Release(owner string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.holds, owner)
	g.open()
}

// Fence refuses every statement that names a table of the document, and ends the sessions that are inside. Tables that
// no rule names are refused too: another instance may have been told meanwhile that one of them is sharded.
func (g *Gate) Fence(document string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fences[document] = true
	g.shut.Store(true)
	all := &hold{document: document, tables: []string{Any}}
	for v := range g.visits {
		if v.inside(all, -1) {
			g.cutting.Go(v.cut)
		}
	}
	g.wake(&g.opened)
}

// Unfence ends Fence.
func (g *Gate) Unfence(document string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fences, document)
	g.open()
}

// Fenced reports whether any document is fenced.
func (g *Gate) Fenced() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.fences) > 0
}

// Close waits for what Fence has started.
func (g *Gate) Close() { g.cutting.Wait() }

// open is called with mu.
func (g *Gate) open() {
	g.shut.Store(len(g.holds) > 0 || len(g.fences) > 0)
	g.wake(&g.opened)
}

// wake is called with mu.
func (g *Gate) wake(who *chan struct{}) {
	close(*who)
	*who = make(chan struct{})
}

// Join makes a session known. cut ends it; it is called by other goroutines and may wait.
func (g *Gate) Join(cut func()) session.Visit {
	v := &visit{gate: g, cut: cut}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.visits[v] = struct{}{}
	return v
}
