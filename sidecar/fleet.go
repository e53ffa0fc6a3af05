package sidecar

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// Fleet is what an operator's command works with beside a running instance: the journal, the rules in force and the
// servers that they name.
type Fleet struct {
	Journal *journal.Journal

	config *config.Config
	store  store.Store // nil: rules come from files
	pools  *backend.Pools

	replication *replication // finds the primaries of pools
	controls    []*control
}

// OpenFleet connects to the configured store, or takes the files. Servers are connected to when they are asked for.
func OpenFleet(c *config.Config, by string) (*Fleet, error) {
	f := &Fleet{config: c}
	if !c.UsesEtcd() {
		f.Journal = FileJournal(c)
		return f, nil
	}
	s, err := mesh.Open(c, zap.NewNop())
	if err != nil {
		return nil, err
	}
	f.store, f.Journal = s, journal.InStore(s, by, time.Now)
	return f, nil
}

// Servers are the layouts in force and pools of connections to their data sources.
func (f *Fleet) Servers(ctx context.Context) ([]*rule.Layout, *backend.Pools, error) {
	layouts, err := f.layouts(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, err := sources(f.config, layouts)
	if err != nil {
		return nil, nil, err
	}
	said, err := f.Orders(ctx)
	if err != nil {
		return nil, nil, err
	}
	if f.pools == nil {
		f.pools = backend.NewPools(backend.Options{Buffers: wire.NewPool(0)})
		f.replication = newReplication(f.pools, "", zap.NewNop())
	}
	f.replication.order(said, 0)
	return layouts, f.pools, f.replication.set(list, layouts)
}

// Replication is what a look at the servers tells of each data source whose replicas are read.
func (f *Fleet) Replication(ctx context.Context) ([]topology.View, error) {
	if _, _, err := f.Servers(ctx); err != nil {
		return nil, err
	}
	return f.replication.views(), nil
}

func (f *Fleet) layouts(ctx context.Context) ([]*rule.Layout, error) {
	if f.store == nil {
		docs, _, err := ReadRules(f.config.Rules.File)
		if err != nil {
			return nil, err
		}
		return resolve(docs)
	}
	a, err := mesh.NewAdmin(f.store, "", 0)
	if err != nil {
		return nil, err
	}
	return a.Layouts(ctx)
}

// Close ends all connections.
func (f *Fleet) Close(ctx context.Context) error {
	var errs []error
	for _, c := range f.controls {
		c.close()
	}
	if f.pools != nil {
		f.replication.close()
		errs = append(errs, f.pools.Close(ctx))
	}
	if f.store != nil {
		errs = append(errs, f.store.Close())
	}
	return errors.Join(errs...)
}

// Views is Replication once more, as the servers have answered since.
func (f *Fleet) Views() []topology.View { return f.replication.views() }
