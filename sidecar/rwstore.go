package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/topology"
)

// orders are what operators have said of servers, by data source and address.
type orders map[string]map[string]layout.Order

func (o orders) of(dataSource, server string) layout.Order { return o[dataSource][server] }

func (o orders) set(order layout.Order) {
	servers := o[order.DataSource]
	if servers == nil {
		servers = map[string]layout.Order{}
		o[order.DataSource] = servers
	}
	servers[order.Server] = order
}

// directed is a server as it is declared, with what has been said of it.
func directed(s topology.Server, o layout.Order) topology.Server {
	if o.Weight > 0 {
		s.Weight = o.Weight
	}
	s.Order = topology.Order{Reason: because(o), Since: o.Since}
	switch o.State {
	case layout.Drained:
		s.Order.State = topology.Drained
	case layout.Disabled:
		s.Order.State = topology.Disabled
	}
	return s
}

func because(o layout.Order) string {
	if o.Reason == "" {
		return "by " + o.By
	}
	return "by " + o.By + ": " + o.Reason
}

// readOrders takes the orders out of what stands below layout.RW. A record that cannot be read says nothing, and is told of.
func readOrders(kvs []store.KV, problem func(error)) orders {
	out := orders{}
	for _, kv := range kvs {
		if !strings.HasPrefix(kv.Key, layout.Orders) {
			continue
		}
		if o, err := layout.DecodeOrder(kv.Value); err != nil {
			problem(err)
		} else {
			out.set(o)
		}
	}
	return out
}

// steering follows what is said of servers in the store, and tells whoever looks what this instance sees.
type steering struct {
	stored *stored
	known  map[string]store.KV // below layout.RW
	rate   servingRate

	taking map[string]bool      // data sources whose switch this instance is at work on
	next   map[string]time.Time // not before
	taken  chan string          // which it is no more
}

// telling is the pause between two tellings to those who look.
const telling = time.Second

// steer runs until ctx ends.
func (s *stored) steer(ctx context.Context) error {
	st := &steering{
		stored: s, known: map[string]store.KV{}, taking: map[string]bool{}, next: map[string]time.Time{}, taken: make(chan string),
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	updates := s.store.Watch(ctx, layout.RW, 0)
	tick := time.NewTicker(telling)
	defer tick.Stop()
	for {
		select {
		case u, open := <-updates:
			if !open {
				return ctx.Err()
			}
			st.learn(ctx, u)
		case <-tick.C:
			st.look()
			st.tell(ctx)
			st.takeUp(ctx)
		case dataSource := <-st.taken:
			delete(st.taking, dataSource)
			st.next[dataSource] = again()
		}
	}
}

// learn takes in what has changed.
func (st *steering) learn(ctx context.Context, u store.Update) {
	looked := st.lookers()
	switch u.Kind {
	case store.Reset:
		clear(st.known)
		for _, kv := range u.KVs {
			st.known[kv.Key] = kv
		}
	case store.Change:
		for _, e := range u.Events {
			if delete(st.known, e.KV.Key); !e.Deleted {
				st.known[e.KV.Key] = e.KV
			}
		}
	default:
		return
	}
	s := st.stored
	kvs := st.orders()
	s.process.replication.order(readOrders(kvs, func(err error) { s.log.problem("orders for servers", err) }), u.Revision)
	s.process.replication.switches(readSwitches(st.known, func(err error) { s.log.problem("a planned switch", err) }), s.say)
	if err := keepOrders(s.dir, kvs); err != nil {
		s.log.problem("orders for servers", err)
	}
	if st.lookers() > looked {
		st.tell(ctx)
	}
}

func (st *steering) orders() (kvs []store.KV) {
	for key, kv := range st.known {
		if strings.HasPrefix(key, layout.Orders) {
			kvs = append(kvs, kv)
		}
	}
	return kvs
}

func (st *steering) lookers() (n int) {
	for key := range st.known {
		if strings.HasPrefix(key, layout.Looks) {
			n++
		}
	}
	return n
}

// look counts what servers have answered, also while nobody looks, so that who looks is told at once how much it is in a second.
func (st *steering) look() {
	if seen := st.stored.process.seen(""); len(seen.Servers) > 0 {
		st.rate.note(&seen)
	}
}

// tell writes what this instance sees, while somebody looks. It costs the store a write a second, and nothing otherwise.
func (st *steering) tell(ctx context.Context) {
	if st.lookers() == 0 {
		return
	}
	s := st.stored
	name := s.process.config.Instance.Name
	seen := s.process.seen(name)
	st.rate.tell(&seen)
	text, err := seen.Encode()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, telling)
		err = s.registry.Publish(ctx, layout.SeenKey(name), text)
		cancel()
	}
	if err != nil && ctx.Err() == nil {
		s.log.problem("what is seen of servers", err)
	}
}

// ordersFile keeps the orders for a start without the store.
func ordersFile(dir string) string { return filepath.Join(dir, "orders") }

func keepOrders(dir string, kvs []store.KV) error {
	texts := []json.RawMessage{}
	for _, kv := range kvs {
		texts = append(texts, kv.Value)
	}
	text, err := json.Marshal(texts)
	if err != nil {
		return err
	}
	return durable.Write(ordersFile(dir), text)
}

// loadOrders puts into force what was said when the store was last seen.
func (s *stored) loadOrders() {
	text, err := durable.Read(ordersFile(s.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var texts []json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &texts)
	}
	if err != nil {
		s.log.problem("orders for servers", err)
		return
	}
	kvs := make([]store.KV, len(texts))
	for i, t := range texts {
		kvs[i] = store.KV{Key: layout.Orders, Value: t}
	}
	s.process.replication.order(readOrders(kvs, func(err error) { s.log.problem("orders for servers", err) }), 0)
}

// order puts into force what has been said of servers. revision is when all of it was so.
func (r *replication) order(all orders, revision int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.orders
	r.orders, r.ordersAt = all, revision
	for _, w := range r.watched {
		w.watcher.Declare(r.servers(w))
	}
	r.tellOrders(was, all)
}

// tellOrders logs what is new.
func (r *replication) tellOrders(was, is orders) {
	for dataSource, servers := range is {
		for server, o := range servers {
			if was.of(dataSource, server) != o {
				r.log.Info("an operator has given an order", zap.String("data_source", dataSource), zap.String("server", server),
					zap.String("state", o.State), zap.Int("weight", o.Weight), zap.String("by", o.By), zap.String("reason", o.Reason))
			}
		}
	}
	for dataSource, servers := range was {
		for server, o := range servers {
			if _, stands := is[dataSource][server]; !stands {
				r.log.Info("an order is taken back", zap.String("data_source", dataSource), zap.String("server", server),
					zap.String("state", o.State), zap.Int("weight", o.Weight), zap.String("by", o.By), zap.String("reason", o.Reason))
			}
		}
	}
}

// seen is what this process sees of the servers whose replicas are read.
func (p *Process) seen(instance string) layout.SeenBy {
	views, revision := p.replication.seen()
	out := layout.SeenBy{Instance: instance, At: time.Now(), Orders: revision}
	type place struct{ dataSource, server string }
	at := map[place]*layout.ServerSeen{}
	n := 0
	for i := range views {
		n += len(views[i].Members)
	}
	out.Servers = make([]layout.ServerSeen, 0, n)
	for i := range views {
		v := &views[i]
		for k := range v.Members {
			m := &v.Members[k]
			out.Servers = append(out.Servers, layout.ServerSeen{
				DataSource: v.DataSource, Server: m.Address, Primary: m.Primary, State: m.State.String(), Reason: m.Reason, Since: m.Since,
			})
			at[place{v.DataSource, m.Address}] = &out.Servers[len(out.Servers)-1]
		}
	}
	for _, s := range p.pools.Stats() {
		dataSource, _, _ := strings.Cut(s.DataSource, "@")
		if seen := at[place{dataSource, s.Endpoint}]; seen != nil {
			if s.Hangs {
				seen.State, seen.Reason = hanging, s.LastError
			}
			seen.Open += s.Open
			if s.Asks {
				seen.Open++
			}
			seen.Lent += s.Open - s.Idle
			_, answered := s.Served.Times.Read()
			seen.Answered += answered
			seen.Failed += s.Served.Failed.Load()
		}
	}
	return out
}
