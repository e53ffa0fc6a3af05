package observe

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Transactions counts what becomes of transactions over several data sources.
type Transactions struct {
	ended     *prometheus.CounterVec
	phases    *prometheus.HistogramVec
	recovered *prometheus.CounterVec
	alarms    *prometheus.CounterVec
}

// Prepared is what recovery has seen of a data source at its last look.
type Prepared struct {
	DataSource string
	Branches   int
	Oldest     time.Duration // since it is prepared, of those that no client is to decide
	Fit        bool          // for new transactions
}

func newTransactions() *Transactions {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "heddle_xa_" + name, Help: help}, labels)
	}
	x := &Transactions{
		ended: counter("transactions_total", "Atomic transactions over several data sources, by how they have ended.", "outcome"),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "heddle_xa_phase_seconds", Help: "A step of a commit or rollback, on one data source.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"phase"}),
		recovered: counter("recovered_total", "Branches that recovery has finished, which their process had left.", "data_source", "outcome"),
		alarms:    counter("alarms_total", "Looks at which recovery has found a branch that it cannot finish.", "data_source", "trouble"),
	}
	for _, e := range txn.Endings() {
		x.ended.WithLabelValues(e.String())
	}
	return x
}

func (x *Transactions) all() []prometheus.Collector {
	return []prometheus.Collector{x.ended, x.phases}
}

// byDataSource are those that begin at 0 for each data source there is, and so are collected behind it.
func (x *Transactions) byDataSource() []prometheus.Collector {
	return []prometheus.Collector{x.recovered, x.alarms}
}

// of has the counters of a data source begin at 0: an increase from what was not there is none.
func (x *Transactions) of(dataSource string) {
	for _, t := range []xa.Trouble{xa.Zombie, xa.Missing, xa.Heuristic} {
		x.alarms.WithLabelValues(dataSource, trouble(t))
	}
	for _, e := range []txn.Ending{txn.EndedCommitted, txn.EndedRolledBack} {
		x.recovered.WithLabelValues(dataSource, e.String())
	}
}

func trouble(t xa.Trouble) string { return strings.ToLower(t.String()) }

// Ended counts a transaction of this process.
func (x *Transactions) Ended(e txn.Ending) { x.ended.WithLabelValues(e.String()).Inc() }

// Step counts a step of one.
func (x *Transactions) Step(s txn.Step) { x.phases.WithLabelValues(s.Phase).Observe(s.Took.Seconds()) }

// Recovered counts a branch that any process had left.
func (x *Transactions) Recovered(dataSource string, r txn.Resolved) {
	e := txn.EndedRolledBack
	if r.Committed {
		e = txn.EndedCommitted
	}
	x.recovered.WithLabelValues(dataSource, e.String()).Inc()
}

// Alarm counts a look that has found what only an operator can mend.
func (x *Transactions) Alarm(a txn.Alarm) {
	x.alarms.WithLabelValues(a.DataSource, trouble(a.Trouble)).Inc()
}
