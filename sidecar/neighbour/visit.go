package neighbour

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// visitTTL is for how long the record of a visitor stays who has died.
const visitTTL = 30 * time.Second

// Visitor asks the instances without being one, as a command does that may write to the store: its record there, which has no address, is
// what lets it in.
type Visitor struct {
	asks  *Neighbours
	lease *store.Lease
}

// Visit announces a visitor.
func Visit(ctx context.Context, s store.Store) (*Visitor, error) {
	name := "visitor-" + rand.Text()[:10]
	cert, print, err := newCertificate(name)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(record{Name: name, Fingerprint: print})
	if err != nil {
		return nil, fmt.Errorf("the record of a visitor: %w", err)
	}
	n := &Neighbours{cfg: Config{Store: s, Name: name}, fingerprint: print}
	n.client = n.clientBy(cert)
	lease, err := s.Grant(ctx, visitTTL)
	if err != nil {
		return nil, fmt.Errorf("visit the instances: %w", err)
	}
	if err := store.Write(ctx, s, store.PutLeased(layout.NeighbourKey(name), value, lease.ID())); err != nil {
		return nil, errors.Join(fmt.Errorf("visit the instances: %w", err), lease.Revoke(ctx))
	}
	return &Visitor{asks: n, lease: lease}, nil
}

// Rows are those of all instances, as Neighbours.Rows has them. Who has read the list of instances just before the visitor was in it is
// asked a second time.
func (v *Visitor) Rows(ctx context.Context, q Question, columns []sqltypes.Column) (all []sqltypes.Row, missing []error) {
	if all, missing = v.asks.Rows(ctx, q, columns); len(missing) == 0 {
		return all, nil
	}
	t := time.NewTimer(freshFor + freshFor/10)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return all, missing
	case <-t.C:
	}
	return v.asks.Rows(ctx, q, columns)
}

// Close ends the visit.
func (v *Visitor) Close(ctx context.Context) error {
	v.asks.client.CloseIdleConnections()
	return v.lease.Revoke(ctx)
}
