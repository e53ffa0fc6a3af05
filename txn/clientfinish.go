package txn

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// found is a client's transaction and where its name is.
type found struct {
	txnlog.Client
	home *txnlog.Server
}

// find looks for a name on all servers; nil: it is nowhere.
func (m *Manager) find(ctx context.Context, name xa.ClientXID) (*found, error) {
	err := m.cfg.Shards.unreached()
	for _, ds := range m.cfg.Shards.Names() {
		server := m.cfg.Shards.Server(ds)
		if server == nil {
			continue
		}
		c, asked := server.Client(ctx, m.cfg.Cluster, name)
		if c != nil {
			return &found{*c, server}, nil
		}
		err = errors.Join(err, asked)
	}
	return nil, err
}

// everywhere asks all data sources, one after the other: each must answer.
func (m *Manager) everywhere(ask func(s *txnlog.Server) error) error {
	if err := m.cfg.Shards.unreached(); err != nil {
		return err
	}
	for _, name := range m.cfg.Shards.Names() {
		server := m.cfg.Shards.Server(name)
		if server == nil { // it has been removed since
			continue
		}
		if err := ask(server); err != nil {
			return err
		}
	}
	return nil
}

// PreparedByClients are the names of the transactions that clients have prepared and nobody has decided, in the order of their preparation.
func (m *Manager) PreparedByClients(ctx context.Context) (names []xa.ClientXID, err error) {
	seen := map[xa.GTRID]bool{} // data sources may share a server
	err = m.everywhere(func(s *txnlog.Server) error {
		all, err := s.Clients(ctx)
		for _, c := range all {
			if c.Held && c.GTRID.Cluster == m.cfg.Cluster && !seen[c.GTRID] {
				seen[c.GTRID] = true
				names = append(names, c.Name)
			}
		}
		return err
	})
	return names, err
}

// FinishClient is XA COMMIT or XA ROLLBACK of what is prepared, in this process or in any. Where servers keep a prepared branch with its connection, that
// must have ended: it is another session's. own says that there is none: whoever asks has prepared it, and lost or closed its connections since.
func (m *Manager) FinishClient(ctx context.Context, name xa.ClientXID, commit, own bool) (late []Pending, err error) {
	late, err = m.finishClient(ctx, name, commit, own)
	m.endedClient(err, commit, len(late))
	return late, err
}

func (m *Manager) finishClient(ctx context.Context, name xa.ClientXID, commit, own bool) (late []Pending, err error) {
	ctx = context.WithoutCancel(ctx)
	c, err := m.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if c == nil || !c.Held || c.home.Detaches && c.Name.Format != name.Format { // MySQL compares the format, MariaDB does not
		return nil, ErrUnknown
	}
	asking, cancel := context.WithTimeout(ctx, m.cfg.Limits.Ask)
	branches, err := m.cfg.Shards.branches(asking, &c.Client)
	cancel()
	if err != nil {
		return nil, err
	}
	lost := false
	for _, b := range branches {
		lost = lost || b.state == xa.Unmarked
		if b.state == xa.Attached && !own {
			return nil, ErrUnknown
		}
	}
	settled := m.observed(c.home.DataSource, "settle", func() error { return m.settle(ctx, c.home, c.Client, commit && !lost) })
	if settled.Err != nil {
		return nil, settled.Err
	}
	late, err = m.finishAll(ctx, branches, commit && !lost)
	if err != nil {
		return nil, err
	}
	if commit && lost {
		return nil, ErrVoid
	}
	return late, nil
}

// clientBranch is one of a prepared transaction.
type clientBranch struct {
	server *txnlog.Server
	xid    xa.XID
	state  xa.Finding // Attached to a connection, Listed without one; not listed: Held by a transaction that has not ended, Marked, or Unmarked
}

// branches finds the names under which a transaction's branches are prepared, and whether they are.
func (s *Shards) branches(ctx context.Context, c *txnlog.Client) ([]clientBranch, error) {
	out, errs := make([]clientBranch, len(c.Parts)), make([]error, len(c.Parts))
	for i, log := range c.Parts {
		server := s.ByLog(log)
		if server == nil {
			return nil, fmt.Errorf("%s: no data source of this mesh has the log %s of a branch", c.GTRID, log)
		}
		out[i] = clientBranch{server: server, xid: xa.XID{GTRID: c.GTRID, Branch: xa.Qualifier{Log: log}}}
	}
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() { errs[i] = out[i].see(ctx) })
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// sightings is how often in a row a branch has to be found amiss before that is believed: while its connection ends it is listed nowhere for a moment.
const sightings = 4

// see finds where a branch is.
func (b *clientBranch) see(ctx context.Context) error {
	for n, pause := 1, firstPause; ; n, pause = n+1, 2*pause {
		x, listed, err := b.server.Branch(ctx, b.xid.GTRID, b.xid.Branch.Log)
		if err != nil {
			return err
		}
		if listed {
			b.xid = x
			b.state, err = b.attached(ctx)
			return err
		}
		if b.state, err = b.server.Mark(ctx, b.xid.GTRID, b.xid.Branch.Log); err != nil || n == sightings {
			return err
		}
		if wait(ctx, pause); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// attached tells a branch that its connection has still from one that is free. The number of a connection may be another one's by now.
func (b *clientBranch) attached(ctx context.Context) (xa.Finding, error) {
	has, err := b.server.Has(ctx, b.xid)
	if has {
		return xa.Attached, err
	}
	return xa.Listed, err
}

// finishAll carries out a decision on all branches; those that are not done in time are recovery's. Its error is a failpoint's.
func (m *Manager) finishAll(ctx context.Context, branches []clientBranch, commit bool) (late []Pending, died error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Limits.Deliver)
	defer cancel()
	ended, errs := make([]bool, len(branches)), make([]error, len(branches))
	var wg sync.WaitGroup
	for i, b := range branches {
		wg.Go(func() {
			step := m.observed(b.server.DataSource, "rescue", func() error {
				done, err := resolver{shards: m.cfg.Shards, at: m.cfg.At}.finish(ctx, b.server, b.xid, (*xa.Recovery).Begin)
				ended[i] = err == nil && done.Trouble == xa.NoTrouble
				return err
			})
			errs[i] = step.Err
		})
	}
	wg.Wait()
	for i, b := range branches {
		if !ended[i] && commit {
			late = append(late, Pending{b.server.DataSource, b.xid})
		}
	}
	return late, diedOf(errs)
}
