package discovery

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// tellAgain is after how long what could not be told is.
const tellAgain = time.Second

// follow tells of a cluster's registered servers until ctx ends.
func (f *Finder) follow(ctx context.Context, cluster string, found func([]*route.Endpoint, error) (known bool)) {
	if f.cfg.Registry == nil {
		found(nil, errors.New("there is no etcd to find servers in"))
		return
	}
	updates := f.cfg.Registry.Watch(ctx, layout.EndpointsOf(cluster), 0)
	all := map[string]store.KV{}
	again := time.NewTimer(tellAgain)
	defer again.Stop()
	again.Stop()
	for {
		select {
		case u, more := <-updates:
			if !more {
				return
			}
			if u.Kind == store.Lost {
				found(nil, u.Err)
				continue
			}
			note(all, &u)
		case <-again.C:
		}
		again.Stop()
		if !found(registered(all)) {
			again.Reset(tellAgain)
		}
	}
}

// note keeps all as the registry has it.
func note(all map[string]store.KV, u *store.Update) {
	if u.Kind == store.Reset {
		clear(all)
	}
	for _, kv := range u.KVs {
		all[kv.Key] = kv
	}
	for _, e := range u.Events {
		if e.Deleted {
			delete(all, e.KV.Key)
		} else {
			all[e.KV.Key] = e.KV
		}
	}
}

func registered(known map[string]store.KV) ([]*route.Endpoint, error) {
	var all []*route.Endpoint
	for _, kv := range known {
		e, err := layout.DecodeEndpoint(kv.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, asEndpoint(e))
	}
	slices.SortFunc(all, func(a, b *route.Endpoint) int { return cmp.Compare(a.Address, b.Address) })
	return all, route.CheckEndpoints(all)
}

// Register keeps a server registered for a cluster until ctx ends, then takes it off. ready is called when it is there at first; problem
// is told why it is not. It returns an error only where the server is none.
func Register(ctx context.Context, s store.Store, cluster string, e layout.Endpoint, ttl time.Duration, ready func(), problem func(error)) error {
	var once sync.Once
	return keep(ctx, s, cluster, e, ttl, func() { once.Do(ready) }, problem)
}

// asEndpoint is an endpoint as its record has it.
func asEndpoint(e layout.Endpoint) *route.Endpoint {
	return &route.Endpoint{Address: e.Address, Weight: e.Weight, Zone: e.Zone, Priority: e.Priority, Labels: e.Labels}
}

// keep is Register, which calls ready each time that the server is there after it was not.
func keep(ctx context.Context, s store.Store, cluster string, e layout.Endpoint, ttl time.Duration, ready func(), problem func(error)) error {
	if err := route.CheckEndpoints([]*route.Endpoint{asEndpoint(e)}); err != nil {
		return err
	}
	record, err := e.Encode()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		lease, err := s.Grant(ctx, ttl)
		if err == nil {
			err = store.Write(ctx, s, store.PutLeased(layout.EndpointKey(cluster, e.Address), record, lease.ID()))
		}
		if err != nil {
			if ctx.Err() == nil {
				problem(err)
			}
			if lease != nil {
				lease.Abandon()
			}
			pause(ctx, time.Second)
			continue
		}
		ready()
		select {
		case <-lease.Done():
			problem(lease.Err())
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			err := lease.Revoke(last)
			cancel()
			if err != nil {
				problem(err) // it runs out by itself
			}
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
