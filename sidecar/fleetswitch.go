package sidecar

import (
	"context"
	"fmt"

	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/governance/topology"
)

// Switch prepares a planned switch of a data source's primary to a server: who takes part, and who does it.
func (f *Fleet) Switch(ctx context.Context, dataSource, to string) (*switchover.Conductor, switchover.Plan, error) {
	views, err := f.Replication(ctx)
	if err != nil {
		return nil, switchover.Plan{}, err
	}
	n, v, err := Name(views, dataSource+"/"+to)
	if err != nil {
		return nil, switchover.Plan{}, err
	}
	plan := switchover.Plan{DataSource: dataSource, From: v.Primary, To: n.Server}
	unfit := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{switchover.ErrUnfit}, args...)...)
	}
	m := v.Member(n.Server)
	switch {
	case v.Primary == "":
		return nil, plan, unfit("%s has no primary: %s", dataSource, v.Why)
	case v.Alarm != "":
		return nil, plan, unfit("%s", v.Alarm)
	case m.Primary:
		return nil, plan, unfit("%s is the primary", n.Server)
	case m.State != topology.Up:
		return nil, plan, unfit("%s is %s: %s", n.Server, m.State, m.Reason)
	}
	for i := range v.Members {
		other := &v.Members[i]
		if _, _, err := splitAddress(other.Address); err != nil {
			return nil, plan, unfit("%v", err)
		}
		if !other.Primary && other.Address != n.Server && other.State != topology.Down && other.State != topology.Fenced {
			plan.Others = append(plan.Others, other.Address) // one that is away is seen to when it is back
		}
	}
	c, err := f.Conductor(ctx, dataSource)
	return c, plan, err
}

// Conductor is who finishes or undoes what is under way.
func (f *Fleet) Conductor(ctx context.Context, dataSource string) (*switchover.Conductor, error) {
	if f.store == nil {
		return nil, ErrNoStore
	}
	if _, _, err := f.Servers(ctx); err != nil {
		return nil, err
	}
	account, err := f.replication.account(dataSource, f.config)
	if err != nil {
		return nil, err
	}
	return &switchover.Conductor{Store: f.store, Account: account, Living: f.living}, nil
}

// living are the names of the instances that are registered.
func (f *Fleet) living(ctx context.Context) (out []string, err error) {
	peers, err := instance.Peers(ctx, f.store)
	for _, p := range peers {
		if p.Alive {
			out = append(out, p.Name)
		}
	}
	return out, err
}
