package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plancache"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
	"github.com/heddle-mesh/heddle/sidecar/rpc/discovery"
)

// Sources are what the metrics are read from when somebody asks for them. Any goroutine may call the functions.
type Sources struct {
	Sessions func() []session.Info
	Pools    func() []backend.Stats
	Plans    func() plancache.Stats
	Versions func() map[string]int64 // of the rules in force, by database
	Memory   *merge.Budget
	Spill    *merge.Spill // nil: there is none
	Prepared func() []Prepared
	Servers  func() []Endpoint      // of all data sources
	Mesh     func() *rpc.View       // where calls go; nil: none are taken
	Routes   func() *RoutesDocument // in force; nil: no calls are taken
	// Registrar is where servers of calls may have themselves registered over HTTP; nil: nowhere.
	Registrar func() *discovery.Registrar
	Settings  func() []Setting
	Away      func() string // of the store of the rules, a sentence; "": it is reached, or there is none
	Refused   func() []Refused
	DDL       func() []UnfinishedDDL
	Alarms    func() map[string]bool // data sources with replicas, and whether their replication needs an operator
}

// metric is one number read from a T.
type metric[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(T) float64
	more []string // values of the labels after the first
}

func gauge[T any](desc *prometheus.Desc, of func(T) float64, more ...string) metric[T] {
	return metric[T]{desc, prometheus.GaugeValue, of, more}
}

func counter[T any](desc *prometheus.Desc, of func(T) float64) metric[T] {
	return metric[T]{desc, prometheus.CounterValue, of, nil}
}

// collector reads Sources.
type collector struct {
	from     Sources
	xa       *Transactions
	sessions *prometheus.Desc
	info     *prometheus.Desc
	answers  *prometheus.Desc
	failed   *prometheus.Desc
	versions *prometheus.Desc
	inDoubt  *prometheus.Desc
	age      *prometheus.Desc
	fit      *prometheus.Desc
	pools    []metric[backend.Stats]
	plans    []metric[plancache.Stats]
	memory   []metric[Sources]
}

func newCollector(from Sources, x *Transactions) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("heddle_"+name, help, labels, nil)
	}
	pool := func(name, help string, more ...string) *prometheus.Desc {
		return desc("pool_"+name, help, append([]string{"data_source"}, more...)...)
	}
	connections := pool("connections", "Connections to the data source.", "state")
	c := &collector{
		from:     from,
		xa:       x,
		info:     desc("data_source_info", "1, with the address of the data source's server.", "data_source", "endpoint"),
		answers:  desc("shard_answer_seconds", "From sending a unit to a data source to the first packet of its answer.", "data_source"),
		failed:   desc("shard_errors_total", "Units that a data source answered by an error, or not at all.", "data_source"),
		versions: desc("rules_version", "Version of the rules in force.", "database"),
		inDoubt:  desc("xa_in_doubt", "Branches of transactions that were prepared at recovery's last look, those that are being committed among them.", "data_source"),
		age:      desc("xa_in_doubt_age_seconds", "For how long the oldest of them has been prepared that no client is to decide.", "data_source"),
		fit:      desc("xa_fit", "1 where the data source can have part in atomic transactions; with transactions.type auto they are so while all can.", "data_source"),
		sessions: desc("sessions", "Clients that are logged in.", "state"),
		pools: []metric[backend.Stats]{
			gauge(connections, func(s backend.Stats) float64 { return float64(s.Idle) }, "idle"),
			gauge(connections, func(s backend.Stats) float64 { return float64(s.Open - s.Idle) }, "in use"),
			gauge(connections, func(s backend.Stats) float64 { return one(s.Asks) }, "health"),
			gauge(pool("connections_max", "Most connections to the data source."), func(s backend.Stats) float64 { return float64(s.MaxOpen) }),
			gauge(pool("waiting", "Statements that wait for a connection."), func(s backend.Stats) float64 { return float64(s.Waiting) }),
			gauge(pool("down", "1 where the server lets nobody in, or hangs."), func(s backend.Stats) float64 { return one(s.Down) }),
			gauge(pool("hangs", "1 where the server keeps its connections and answers nothing."), func(s backend.Stats) float64 { return one(s.Hangs) }),
			counter(pool("hangs_total", "Times that the server has answered nothing for pool.hang_timeout."), func(s backend.Stats) float64 { return float64(s.TimesHung) }),
			counter(pool("refused_total", "Loans refused at once, because the server is down or hangs."), func(s backend.Stats) float64 { return float64(s.Refused) }),
			counter(pool("acquired_total", "Connections lent."), func(s backend.Stats) float64 { return float64(s.Acquired) }),
			counter(pool("waits_total", "Loans that had to wait."), func(s backend.Stats) float64 { return float64(s.Waits) }),
			counter(pool("wait_seconds_total", "Time waited for connections."), func(s backend.Stats) float64 { return s.Waited.Seconds() }),
			counter(pool("timeouts_total", "Waits in vain."), func(s backend.Stats) float64 { return float64(s.Timeouts) }),
			counter(pool("dials_total", "Connections that were tried to be opened."), func(s backend.Stats) float64 { return float64(s.Dials) }),
			counter(pool("dial_errors_total", "Connections that could not be opened."), func(s backend.Stats) float64 { return float64(s.DialErrors) }),
			counter(pool("dead_total", "Idle connections that the server had ended."), func(s backend.Stats) float64 { return float64(s.Dead) }),
			counter(pool("destroyed_total", "Connections closed on their return."), func(s backend.Stats) float64 { return float64(s.Destroyed) }),
		},
		plans: []metric[plancache.Stats]{
			counter(desc("plan_cache_hits_total", "Plans found."), func(s plancache.Stats) float64 { return float64(s.Hits) }),
			counter(desc("plan_cache_misses_total", "Plans not found."), func(s plancache.Stats) float64 { return float64(s.Misses) }),
			counter(desc("plan_cache_evicted_total", "Plans that made room."), func(s plancache.Stats) float64 { return float64(s.Evicted) }),
			gauge(desc("plan_cache_entries", "Plans kept."), func(s plancache.Stats) float64 { return float64(s.Entries) }),
			gauge(desc("plan_cache_bytes", "Memory of the plans kept."), func(s plancache.Stats) float64 { return float64(s.Bytes) }),
			gauge(desc("plan_cache_capacity_bytes", "plan_cache.size."), func(s plancache.Stats) float64 { return float64(s.Capacity) }),
		},
		memory: []metric[Sources]{
			gauge(desc("memory_bytes", "Memory that merges hold."), func(s Sources) float64 { return float64(s.Memory.Used()) }),
		},
	}
	if from.Spill != nil {
		c.memory = append(c.memory, gauge(desc("spill_bytes", "Temporary files of merges."), func(s Sources) float64 { return float64(s.Spill.Quota.Used()) }))
	}
	return c
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.sessions, c.info, c.answers, c.failed, c.versions, c.inDoubt, c.age, c.fit} {
		ch <- d
	}
	for _, m := range c.pools {
		ch <- m.desc
	}
	for _, m := range c.plans {
		ch <- m.desc
	}
	for _, m := range c.memory {
		ch <- m.desc
	}
	for _, x := range c.xa.byDataSource() {
		x.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	idle, running := 0, 0
	for _, s := range c.from.Sessions() {
		if s.Command == wire.ComSleep {
			idle++
		} else {
			running++
		}
	}
	ch <- prometheus.MustNewConstMetric(c.sessions, prometheus.GaugeValue, float64(idle), "idle")
	ch <- prometheus.MustNewConstMetric(c.sessions, prometheus.GaugeValue, float64(running), "running")
	for _, s := range c.from.Pools() {
		send(ch, c.pools, s, s.DataSource)
		counts, total := s.Served.Times.Read()
		ch <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1, s.DataSource, s.Endpoint)
		ch <- prometheus.MustNewConstHistogram(c.answers, total, time.Duration(s.Served.Took.Load()).Seconds(), cumulative(&counts), s.DataSource)
		ch <- prometheus.MustNewConstMetric(c.failed, prometheus.CounterValue, float64(s.Served.Failed.Load()), s.DataSource)
	}
	for _, p := range c.from.Prepared() {
		c.xa.of(p.DataSource)
		ch <- prometheus.MustNewConstMetric(c.inDoubt, prometheus.GaugeValue, float64(p.Branches), p.DataSource)
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, p.Oldest.Seconds(), p.DataSource)
		ch <- prometheus.MustNewConstMetric(c.fit, prometheus.GaugeValue, one(p.Fit), p.DataSource)
	}
	for _, x := range c.xa.byDataSource() {
		x.Collect(ch)
	}
	for database, version := range c.from.Versions() {
		ch <- prometheus.MustNewConstMetric(c.versions, prometheus.GaugeValue, float64(version), database)
	}
	send(ch, c.plans, c.from.Plans())
	send(ch, c.memory, c.from)
}

func send[T any](ch chan<- prometheus.Metric, metrics []metric[T], from T, labels ...string) {
	for _, m := range metrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(from), append(labels[:len(labels):len(labels)], m.more...)...)
	}
}
