package sidecar

import (
	"context"
	"errors"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// serverOrders are orders for servers by statements: what `heddle rw disable` and `enable` do, with nobody there to be asked whether it is
// meant. It implements session.ServerAdmin.
type serverOrders struct{ stored *stored }

// Enable has a replica read again, or not.
func (o serverOrders) Enable(ctx context.Context, by, dataSource, server string, enable bool) (late []string, err error) {
	views := o.stored.process.replication.views()
	n, _, err := Name(views, dataSource+"/"+server)
	if err != nil {
		return nil, sqlerr.RuleRefused(err.Error())
	}
	said, fleet := "enabled", &Fleet{store: o.stored.store}
	change := func(was *layout.Order) { command(was, by, enable) }
	var revision int64
	if enable {
		revision, err = fleet.Order(ctx, []Named{n}, change)
	} else {
		said = layout.Disabled
		revision, err = fleet.Take(ctx, []Named{n}, views, change, func([]string) error {
			return errors.New("no replica of " + dataSource + " would be left to be read; if that is meant: `heddle rw disable " + n.String() + " --yes`")
		})
	}
	if errors.Is(err, store.ErrUnavailable) {
		return nil, sqlerr.RulesUnreached(err.Error())
	}
	if err != nil {
		return nil, sqlerr.RuleRefused(err.Error())
	}
	return o.adopted(ctx, fleet, n, said, revision), nil
}

// command writes into the record of a server that it is read, or not.
func command(o *layout.Order, by string, enable bool) {
	o.By, o.At = by, time.Now().UTC()
	switch {
	case enable:
		o.State, o.Since, o.Reason = "", time.Time{}, ""
	case o.State != layout.Disabled:
		o.State, o.Since, o.Reason = layout.Disabled, o.At, ""
	}
}

// adopted waits for a while until all living instances do as was said; late are those that do not yet, with why.
func (o serverOrders) adopted(ctx context.Context, fleet *Fleet, n Named, said string, revision int64) (late []string) {
	ctx, cancel := context.WithTimeout(ctx, adoptionWait)
	defer cancel()
	err := fleet.Look(ctx, func(living []string, seen []layout.SeenBy) bool {
		late = BehindOrders(living, seen, []Named{n}, said, revision)
		return len(late) == 0
	})
	if err != nil && len(late) == 0 {
		late = []string{"of which the store does not tell"}
	}
	return late
}
