package sidecar

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/replica"
	"github.com/heddle-mesh/heddle/router/rule"
)

// replication has the servers of data sources watched whose rules say read_write_splitting, and gives the pools and the sessions
// what is found: which server takes writes, and which may be read.
type replication struct {
	pools    *backend.Pools
	replicas *replica.Set
	zone     string
	log      *zap.Logger

	moved func() // called, in a goroutine of its own, when a data source has another primary
	watch func(topology.Target) *topology.Watcher

	mu       sync.Mutex // guards what follows
	watched  map[string]*watched
	left     map[string]bool // data sources that are watched no more, and stand where they stood then
	orders   orders          // what operators have said
	ordersAt int64
	planned  map[string]switchover.Record // switches, by data source
	say      func(switchover.Record, switchover.Held)
	closed   bool

	work sync.WaitGroup // waits for what is under way at a switch
}

// watched is one data source.
type watched struct {
	rule    rule.DataSource
	source  backend.DataSource
	watcher *topology.Watcher
	view    topology.View // the last that was put into force

	switching *switching // nil: none is planned
	doubt     *doubt     // nil: the view's primary is it
}

func newReplication(pools *backend.Pools, zone string, log *zap.Logger) *replication {
	return &replication{pools: pools, replicas: replica.NewSet(), zone: zone, log: log, watch: topology.Watch, watched: map[string]*watched{}, left: map[string]bool{}}
}

// firstLook is how long the start, or a change of rules, waits to see who is the primary.
const firstLook = 1500 * time.Millisecond

// hangs is how long a server that is read may be silent before nobody waits for its answers any more. It is longer than it
// takes to read from others: a process that is short of time itself hears late of all servers, and must not break its reads.
const hangs = 3 * time.Second

// set makes list the pools' data sources, of which layouts say how they are replicated. On error nothing has changed but what is
// watched.
func (r *replication) set(list []backend.DataSource, layouts []*rule.Layout) error {
	fresh := r.follow(list, layouts)
	ctx, cancel := context.WithTimeout(context.Background(), firstLook)
	defer cancel()
	for _, w := range fresh {
		w.First(ctx)
	}
	r.settleLeft(list)
	if err := r.pools.Set(list); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.watched { // what was found before the pools knew the data source
		r.forcePrimary(w)
		if !w.view.At.IsZero() {
			r.forceReplicas(w)
		}
	}
	return nil
}

// settleLeft has data sources that are watched no more be where the rules declare them.
func (r *replication) settleLeft(list []backend.DataSource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, source := range list {
		if !r.left[source.Name] || len(source.Replicas) > 0 { // that stays for statements that were planned before
			continue
		}
		if err := r.pools.Move(source.Name, source.Addr); err != nil {
			r.log.Error("a data source stays where its primary was found", zap.String("data_source", source.Name), zap.Error(err))
			continue
		}
		delete(r.left, source.Name)
	}
}

// follow starts and ends watchers as the rules want it, and returns the new ones.
func (r *replication) follow(list []backend.DataSource, layouts []*rule.Layout) (fresh []*topology.Watcher) {
	sources := map[string]backend.DataSource{}
	for _, source := range list {
		sources[source.Name] = source
	}
	wanted := map[string]rule.DataSource{}
	for _, layout := range layouts {
		for _, ds := range layout.DataSources {
			if ds.Splitting != nil {
				wanted[ds.Name] = ds
			}
		}
	}
	r.mu.Lock()
	gone := map[string]*watched{}
	for name, w := range r.watched {
		if ds, ok := wanted[name]; !ok || !reflect.DeepEqual(ds, w.rule) || sources[name].Password != w.source.Password || !sources[name].TLS.Alike(w.source.TLS) {
			gone[name] = w
			delete(r.watched, name)
			if !ok {
				r.replicas.Forget(name)
				r.left[name] = true
				w.switching.stop()
			}
		}
	}
	for name, ds := range wanted {
		if r.watched[name] == nil && !r.closed {
			w := &watched{rule: ds, source: sources[name]}
			r.watched[name] = w
			delete(r.left, name)
			r.succeed(w, gone[name])
			w.watcher = r.watch(r.target(w))
			fresh = append(fresh, w.watcher)
		}
	}
	r.mu.Unlock()
	for _, w := range gone {
		w.watcher.Close()
	}
	return fresh
}

// target is how a data source is watched.
func (r *replication) target(w *watched) topology.Target {
	return topology.Target{
		DataSource: w.rule.Name, Servers: r.servers(w), Config: driverConfig(&w.source),
		Policy:  topology.Policy{MaxLag: w.rule.Splitting.MaxLag},
		Changed: func(v topology.View) { r.changed(w, v) },
	}
}

// servers are a data source's as the rules declare them, with what operators have said. It is called with mu.
func (r *replication) servers(w *watched) []topology.Server {
	servers := []topology.Server{{Address: w.rule.Address, Zone: w.rule.Zone, Weight: 1}}
	for _, s := range w.rule.Replicas {
		servers = append(servers, topology.Server{Address: s.Address, Zone: s.Zone, Weight: s.Weight})
	}
	for i, s := range servers {
		servers[i] = directed(s, r.orders.of(w.rule.Name, s.Address))
		servers[i].Barred = w.barred(s.Address)
	}
	return servers
}

// changed puts a new view into force.
func (r *replication) changed(w *watched, v topology.View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watched[w.rule.Name] != w {
		return // its successor has the word
	}
	r.tell(&w.view, &v, w.switching != nil)
	moved := w.view.Primary != v.Primary
	if moved && v.Primary != "" && v.Primary != lastPrimary(&w.view) {
		r.replicas.Moved(v.DataSource)
	}
	before := w.view
	w.view = v
	if moved && r.moved != nil {
		go r.moved()
	}
	switch s := w.switching; {
	case s != nil && s.holding && s.record.Step == switchover.Released && v.Primary == s.record.To:
		r.release(w, time.Time{})
	case w.doubt != nil || moved || before.Why != v.Why || before.Refused != v.Refused:
		r.forcePrimary(w)
	}
	r.forceReplicas(w)
	for i := range v.Members {
		m := &v.Members[i]
		was := before.Member(m.Address)
		if was == nil {
			continue
		}
		if m.SilentFor(&v) >= hangs && was.SilentFor(&before) < hangs || m.State == topology.Disabled && was.State != topology.Disabled {
			r.pools.Cut(backend.Endpoint(v.DataSource, m.Address), m.Reason) // in vain where it is the primary
		}
	}
}

// primary is the address of the server that takes a data source's writes; "" where none does, or none is looked for.
func (r *replication) primary(dataSource string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.watched[dataSource]; w != nil {
		return w.view.Primary
	}
	return ""
}

// lastPrimary is who has had the writes.
func lastPrimary(v *topology.View) string {
	if v.Primary != "" {
		return v.Primary
	}
	return v.Last()
}

// forcePrimary has statements go where they may, or wait. It is called with mu.
func (r *replication) forcePrimary(w *watched) {
	switch {
	case w.switching != nil && w.switching.holding: // what is seen in the middle of it is no reason yet
		r.pause(w)
		return
	case w.doubted():
		r.pools.Pause(w.rule.Name, w.doubt.why, time.Until(w.doubt.after)+patience)
		return
	case w.view.At.IsZero(): // it says nothing yet
		return
	case w.view.Primary == "":
		r.pools.Hold(w.rule.Name, w.view.Why, w.view.Refused)
		return
	}
	w.doubt = nil
	if err := r.pools.Move(w.rule.Name, w.view.Primary); err != nil {
		r.log.Error("a primary that was found cannot be used", zap.String("data_source", w.rule.Name), zap.Error(err))
	}
	r.released(w)
}

func (r *replication) forceReplicas(w *watched) {
	s := w.rule.Splitting
	u := replica.Update{DataSource: w.rule.Name, Policy: replica.Policy{
		Reads: s.Reads == "replicas", Balancer: s.Balancer, Zone: r.zone, MaxLag: s.MaxLag, ErrorIfNone: s.WhenNoReplica == "error",
		FailoverWait: s.FailoverWait,
		Writes:       map[string]replica.Writes{"gtid": replica.ByGTID, "lag": replica.ByLag, "off": replica.Never}[s.ReadYourWrites],
	}}
	u.Written, u.Asked = w.view.PrimaryPosition()
	for i := range w.view.Members {
		if m := &w.view.Members[i]; m.State == topology.Up && !m.Primary {
			u.Servers = append(u.Servers, replica.Server{
				Endpoint: backend.Endpoint(w.rule.Name, m.Address), Zone: m.Zone, Weight: m.Weight, Applied: m.GTID,
			})
		}
	}
	if err := r.replicas.Update(u); err != nil {
		r.log.Error("replicas are not read", zap.String("data_source", w.rule.Name), zap.Error(err))
	}
	for i := range w.view.Members {
		m := &w.view.Members[i]
		endpoint := backend.Endpoint(w.rule.Name, m.Address)
		r.pools.Rest(endpoint, m.State == topology.Drained || m.State == topology.Disabled)
	}
}

// tell logs what an operator wants to know when he asks what happened at night; planned says that somebody knows already.
func (r *replication) tell(was, is *topology.View, planned bool) {
	log := r.log.With(zap.String("data_source", is.DataSource))
	switch {
	case is.Primary == was.Primary && is.Why == was.Why:
	case planned && is.Primary == "":
		log.Info("no server gets writes in the middle of a planned switch", zap.String("reason", is.Why))
	case is.Primary == "":
		log.Error("no server gets writes", zap.String("reason", is.Why), zap.String("before", was.Primary))
	case was.At.IsZero() && is.Primary == is.Members[0].Address:
		log.Info("the primary is the declared one", zap.String("primary", is.Primary))
	default:
		log.Warn("the primary is another", zap.String("primary", is.Primary), zap.String("before", lastPrimary(was)))
	}
	if is.Alarm != was.Alarm && is.Alarm != "" {
		log.Error("replication needs an operator", zap.String("alarm", is.Alarm))
	}
	for i := range is.Members {
		m := &is.Members[i]
		before := was.Member(m.Address)
		if m.Primary || before != nil && before.State == m.State || before == nil && m.State == topology.Up {
			continue
		}
		fields := []zap.Field{zap.String("server", m.Address), zap.Stringer("state", m.State), zap.String("reason", m.Reason)}
		if m.State == topology.Up {
			log.Info("a replica may be read", fields...)
		} else {
			log.Warn("a replica is not read", fields...)
		}
	}
}

// views are what is concluded of the data sources, by name.
func (r *replication) views() []topology.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]topology.View, 0, len(r.watched))
	for _, name := range slices.Sorted(maps.Keys(r.watched)) {
		out = append(out, r.watched[name].view)
	}
	return out
}

// alarms tells of each data source that is watched whether an operator has to mend something.
func (r *replication) alarms() map[string]bool {
	out := map[string]bool{}
	for _, v := range r.views() {
		out[v.DataSource] = v.Alarm != ""
	}
	return out
}

// seen are the views, and the revision of the orders that they follow.
func (r *replication) seen() ([]topology.View, int64) {
	views := r.views()
	r.mu.Lock()
	defer r.mu.Unlock()
	return views, r.ordersAt
}

// close ends what watches.
func (r *replication) close() {
	r.mu.Lock()
	all := r.watched
	r.watched, r.closed = map[string]*watched{}, true
	r.mu.Unlock()
	for _, w := range all {
		w.watcher.Close()
		r.mu.Lock()
		w.switching.stop()
		r.mu.Unlock()
	}
	r.work.Wait()
}
