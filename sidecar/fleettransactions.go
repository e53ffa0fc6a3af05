package sidecar

import (
	"context"
	"sync"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// Transactions are what the servers keep of transactions over several data sources, and the number of the mesh's. Nothing is
// changed on a server by looking. A server that does not answer is one of the set, and told by whatever is asked of it.
func (f *Fleet) Transactions(ctx context.Context) (*txn.Shards, uint32, error) {
	layouts, _, err := f.Servers(ctx)
	if err != nil {
		return nil, 0, err
	}
	list, err := sources(f.config, layouts)
	if err != nil {
		return nil, 0, err
	}
	shards, controls := looked(ctx, list, f.replication.primary)
	f.controls = append(f.controls, controls...)
	return shards, clusterOf(f.config.Etcd.Prefix), nil
}

// looked asks the servers that take the writes of data sources. The controls are the caller's to close, when the shards are of no use any more.
func looked(ctx context.Context, list []backend.DataSource, primary func(string) string) (*txn.Shards, []*control) {
	shards := txn.NewShards()
	shards.At = failpoints()
	var controls []*control
	var looks sync.WaitGroup
	for _, ds := range list {
		c, err := open(controlled(ds, nil, primary))
		if err != nil {
			shards.Away(ds.Name, err)
			continue
		}
		others := othersOf(ds, c.source.Addr)
		controls = append(append(controls, c), others...)
		looks.Go(func() { look(ctx, shards, c, others) })
	}
	looks.Wait()
	return shards, controls
}

// othersOf are a data source's servers but the one at an address. None is connected to yet.
func othersOf(ds backend.DataSource, primary string) (others []*control) {
	ds.Limits = backend.Limits{}
	for _, addr := range append([]string{ds.Addr}, ds.Replicas...) {
		if addr == primary {
			continue
		}
		ds.Addr = addr
		if c, err := open(ds); err == nil {
			others = append(others, c)
		}
	}
	return others
}

// look is the probe of who does not begin transactions. Servers without Heddle's tables have none, and are left out.
func look(ctx context.Context, shards *txn.Shards, c *control, others []*control) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	server, unfit, err := txn.Look(ctx, c.db, c.source.Name)
	switch {
	case err != nil:
		shards.Away(c.source.Name, err)
	case server != nil:
		server.Addr = c.source.Addr
		for _, o := range others {
			server.Others = append(server.Others, &txnlog.Server{DB: o.db, DataSource: c.source.Name, Log: server.Log, Addr: o.source.Addr})
		}
		shards.Set(c.source.Name, server, unfit)
	}
}
