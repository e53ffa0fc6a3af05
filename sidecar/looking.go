package sidecar

import (
	"context"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/ops"
)

// Looking makes a look for rows that after would not find where before has them. Data sources that both name are entered as
// before says: an address that only after has is the same data elsewhere, or it is an intruder, for which nobody looks.
func Looking(c *config.Config, before, after *rule.Layout) (*ops.Look, func(context.Context) error, error) {
	both := *before
	both.DataSources = append([]rule.DataSource{}, before.DataSources...)
	for _, ds := range after.DataSources {
		if before.DataSource(ds.Name) == nil {
			both.DataSources = append(both.DataSources, ds)
		}
	}
	list, err := sources(c, []*rule.Layout{&both})
	if err != nil {
		return nil, nil, err
	}
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0)})
	if err := pools.Set(list); err != nil {
		return nil, nil, err
	}
	return &ops.Look{Before: before, After: after, Pools: pools, Weigher: &weigher{pools: pools}}, pools.Close, nil
}
