package sidecar

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/topology"
)

// ErrNoStore is that orders for servers cannot be given where there is no etcd.
var ErrNoStore = errors.New("orders for servers are kept in etcd, by which every instance learns of them; this one has its rules from files")

// Orders are what is said of servers now.
func (f *Fleet) Orders(ctx context.Context) (orders, error) {
	if f.store == nil {
		return orders{}, nil
	}
	list, err := f.store.List(ctx, layout.Orders)
	if err != nil {
		return nil, fmt.Errorf("read the orders for servers: %w", err)
	}
	var bad error
	out := readOrders(list.KVs, func(err error) { bad = err })
	return out, bad
}

// Named is a server of a data source.
type Named struct{ DataSource, Server string }

// String is as it is typed.
func (n Named) String() string { return n.DataSource + "/" + n.Server }

// Name finds the server that is meant by DATA_SOURCE/SERVER: its address, declared (the one of the rules' address), or replica1,
// replica2, … as the rules list them.
func Name(views []topology.View, text string) (Named, *topology.View, error) {
	dataSource, server, ok := strings.Cut(text, "/")
	if !ok || server == "" {
		return Named{}, nil, fmt.Errorf("%q is not DATA_SOURCE/SERVER, as in ds_0/replica1", text)
	}
	for i := range views {
		v := &views[i]
		if v.DataSource != dataSource {
			continue
		}
		m, err := serverOf(v, server)
		if err != nil {
			return Named{}, nil, err
		}
		return Named{dataSource, m.Address}, v, nil
	}
	return Named{}, nil, fmt.Errorf("there is no data source %q whose replicas are read", dataSource)
}

func serverOf(v *topology.View, name string) (*topology.Member, error) {
	if m := v.Member(name); m != nil {
		return m, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(name, "replica"))
	switch {
	case name == "declared":
		return &v.Members[0], nil
	case strings.HasPrefix(name, "replica") && err == nil && n > 0 && n < len(v.Members):
		return &v.Members[n], nil
	}
	known := make([]string, len(v.Members))
	for i := range v.Members {
		known[i] = ServerName(i) + " (" + v.Members[i].Address + ")"
	}
	return nil, fmt.Errorf("data source %s has no server %q; it has %s", v.DataSource, name, strings.Join(known, ", "))
}

// ServerName is the short name of the i-th server of a data source.
func ServerName(i int) string {
	if i == 0 {
		return "declared"
	}
	return "replica" + strconv.Itoa(i)
}

// ErrPrimary is a server that cannot be taken away, for it has the writes.
var ErrPrimary = errors.New("it takes the writes: move them first, with heddle rw promote")

// bereft names the data sources that would have no replica to read if servers were taken away, by what is seen of them and what has been said
// since; it is ErrPrimary for one that has the writes.
func bereft(servers []Named, views []topology.View, said orders) (last []string, err error) {
	for i := range views {
		v := &views[i]
		taken, rest := 0, 0
		for k := range v.Members {
			m := &v.Members[k]
			switch goes := slices.Contains(servers, Named{v.DataSource, m.Address}); {
			case goes && m.Address == lastPrimary(v):
				return nil, fmt.Errorf("%s/%s: %w", v.DataSource, m.Address, ErrPrimary)
			case goes:
				taken++
			case !m.Primary && m.State == topology.Up && !takesAway(said.of(v.DataSource, m.Address)):
				rest++
			}
		}
		if taken > 0 && rest == 0 {
			last = append(last, v.DataSource)
		}
	}
	return last, nil
}

// takesAway says whether a server is not read because of an order.
func takesAway(o layout.Order) bool { return o.State == layout.Drained || o.State == layout.Disabled }

// BehindOrders names the instances that do not do yet as was said of servers at a revision, with why.
func BehindOrders(living []string, seen []layout.SeenBy, servers []Named, said string, revision int64) (out []string) {
	taken := said == layout.Drained || said == layout.Disabled
	for _, name := range living {
		at := slices.IndexFunc(seen, func(s layout.SeenBy) bool { return s.Instance == name })
		switch {
		case at < 0:
			out = append(out, name+" has told nothing yet")
			continue
		case seen[at].Orders < revision:
			out = append(out, name+" has not heard of it")
			continue
		}
		open := 0
		for _, s := range seen[at].Servers {
			if taken && slices.Contains(servers, Named{s.DataSource, s.Server}) {
				open += s.Open
			}
		}
		if open > 0 {
			out = append(out, fmt.Sprintf("%s has %d connections", name, open))
		}
	}
	return out
}

// Order changes what is said of servers, all or none, and returns the revision. A record that another changes meanwhile is changed anew.
func (f *Fleet) Order(ctx context.Context, servers []Named, change func(*layout.Order)) (int64, error) {
	return f.order(ctx, servers, servers, change, func(orders) error { return nil })
}

// Take is Order of servers that are to be read no more, by views. may is asked with the data sources that would have no replica left, if there are
// any: of two that take one of the last two replicas each at the same time, the later one is asked.
func (f *Fleet) Take(ctx context.Context, servers []Named, views []topology.View, change func(*layout.Order), may func(last []string) error) (int64, error) {
	all := slices.Clone(servers)
	for i := range views {
		v := &views[i]
		if !slices.ContainsFunc(servers, func(n Named) bool { return n.DataSource == v.DataSource }) {
			continue
		}
		for k := range v.Members {
			if n := (Named{v.DataSource, v.Members[k].Address}); !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return f.order(ctx, all, servers, change, func(said orders) error {
		last, err := bereft(servers, views, said)
		if err == nil && len(last) > 0 {
			err = may(last)
		}
		return err
	})
}

// order changes what is said of servers while nothing else is said of all, which these are among. may is asked each time with what is said.
func (f *Fleet) order(ctx context.Context, all, servers []Named, change func(*layout.Order), may func(said orders) error) (int64, error) {
	if f.store == nil {
		return 0, ErrNoStore
	}
	for range 10 {
		var conds []store.Cond
		said := orders{}
		for _, n := range all {
			kv, err := store.GetOrZero(ctx, f.store, layout.OrderKey(n.DataSource, n.Server))
			if err != nil {
				return 0, fmt.Errorf("read the order for %s: %w", n, err)
			}
			var o layout.Order
			if kv.Modified != 0 {
				if o, err = layout.DecodeOrder(kv.Value); err != nil {
					return 0, err
				}
			}
			o.DataSource, o.Server = n.DataSource, n.Server
			said.set(o)
			conds = append(conds, store.Unchanged(kv))
		}
		if err := may(said); err != nil {
			return 0, err
		}
		var ops []store.Op
		for _, n := range servers {
			op, err := changed(said.of(n.DataSource, n.Server), change)
			if err != nil {
				return 0, err
			}
			ops = append(ops, op)
		}
		res, err := f.store.Txn(ctx, conds, ops)
		if err != nil {
			return 0, fmt.Errorf("write the orders: %w", err)
		}
		if res.OK {
			return res.Revision, nil
		}
	}
	return 0, errors.New("write the orders: others change them all the time")
}

// changed writes a record as change has it.
func changed(o layout.Order, change func(*layout.Order)) (store.Op, error) {
	key := layout.OrderKey(o.DataSource, o.Server)
	if change(&o); o.Empty() {
		return store.Delete(key), nil
	}
	text, err := o.Encode()
	return store.Put(key, text), err
}

// Look has the instances tell what they see of servers until ctx ends, or told says that it is enough: it is called with what the
// living ones have told since, at every change. Without a store it is called once, with nothing.
func (f *Fleet) Look(ctx context.Context, told func(living []string, seen []layout.SeenBy) (enough bool)) error {
	if f.store == nil {
		told(nil, nil)
		return nil
	}
	lease, err := f.store.Grant(ctx, 5*time.Second)
	if err != nil {
		return fmt.Errorf("ask the instances: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = lease.Revoke(end) // it ends by itself
	}()
	asked, err := f.store.Txn(ctx, nil, []store.Op{store.PutLeased(layout.LookKey(rand.Text()), nil, lease.ID())})
	if err != nil {
		return fmt.Errorf("ask the instances: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	known := map[string]store.KV{}
	for u := range f.store.Watch(ctx, layout.Seen, 0) {
		learnSeen(known, u)
		living, seen, err := f.sightings(ctx, known, asked.Revision)
		if err != nil {
			return err
		}
		if told(living, seen) {
			return nil
		}
	}
	return ctx.Err()
}

func learnSeen(known map[string]store.KV, u store.Update) {
	if u.Kind == store.Reset {
		clear(known)
	}
	for _, kv := range u.KVs {
		known[kv.Key] = kv
	}
	for _, e := range u.Events {
		if delete(known, e.KV.Key); !e.Deleted {
			known[e.KV.Key] = e.KV
		}
	}
}

// sightings are the living instances, and what they have told since a revision.
func (f *Fleet) sightings(ctx context.Context, known map[string]store.KV, since int64) (living []string, seen []layout.SeenBy, err error) {
	peers, err := instance.Peers(ctx, f.store)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range peers {
		if !p.Alive {
			continue
		}
		living = append(living, p.Name)
		if kv := known[layout.SeenKey(p.Name)]; kv.Modified > since {
			s, err := layout.DecodeSeen(kv.Value)
			if err != nil {
				return nil, nil, err
			}
			seen = append(seen, s)
		}
	}
	return living, seen, nil
}

// splitAddress is a server's host and port as other servers reach it.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		err = fmt.Errorf("servers cannot reach each other at %s: %w", address, err)
	}
	return host, port, err
}
