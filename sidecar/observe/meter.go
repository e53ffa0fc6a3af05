package observe

import (
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/internal/histogram"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/digest"
)

// Meter counts what sessions do. It implements session.Meter.
type Meter struct {
	statements *prometheus.CounterVec
	kinds      []prometheus.Counter // by parser.Kind: found without a look-up, which would cost each statement one
	errors     *prometheus.CounterVec
	seconds    prometheus.Histogram

	// Digests are the statements by shape; nil: they are not kept. Set before the first session.
	Digests *digest.Table
	// Slow is where statements that took long are written; nil: nowhere. Set before the first session.
	Slow *SlowLog
	ways [6]way // by digest.Opcode
	fan  fanOut
	rows struct{ shipped, returned, bytes atomic.Uint64 }
}

// way is what is counted of the statements of one opcode.
type way struct {
	times  histogram.Histogram
	took   atomic.Int64
	failed atomic.Uint64
	plans  atomic.Uint64 // that had to be made
	spent  atomic.Int64  // on making them, nanoseconds
}

// fanOut counts statements by how many units they sent to shards: bucket i those of up to 1<<i, the last all others.
type fanOut struct {
	buckets [11]atomic.Uint64
	units   atomic.Uint64
}

func (f *fanOut) add(units int) {
	f.buckets[min(bits.Len(uint(units-1)), len(f.buckets)-1)].Add(1)
	f.units.Add(uint64(units))
}

func newMeter() *Meter {
	m := &Meter{
		statements: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "heddle_statements_total", Help: "Statements that clients have sent, by kind."}, []string{"kind"}),
		errors:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "heddle_statement_errors_total", Help: "Errors that clients were sent, by number."}, []string{"code"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "heddle_command_seconds", Help: "From a query's or an execution's arrival to the last byte of its answer.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}),
	}
	for kind := parser.Unknown; kind <= parser.Empty; kind++ {
		m.kinds = append(m.kinds, m.statements.WithLabelValues(kind.String()))
	}
	return m
}

func (m *Meter) all() []prometheus.Collector {
	return []prometheus.Collector{m.statements, m.errors, m.seconds, waysOf(m)}
}

// Statement implements session.Meter.
func (m *Meter) Statement(kind parser.Kind) { m.kinds[kind].Inc() }

// Took implements session.Meter.
func (m *Meter) Took(d time.Duration) { m.seconds.Observe(d.Seconds()) }

// Failed implements session.Meter.
func (m *Meter) Failed(code uint16) { m.errors.WithLabelValues(strconv.Itoa(int(code))).Inc() }

// Ended implements session.Meter.
func (m *Meter) Ended(x *digest.Execution) {
	w := &m.ways[x.Opcode]
	w.times.Add(x.Took)
	w.took.Add(int64(x.Took))
	if x.Code != 0 {
		w.failed.Add(1)
	}
	if x.Planning > 0 {
		w.plans.Add(1)
		w.spent.Add(int64(x.Planning))
	}
	if x.Shards > 0 {
		m.fan.add(x.Shards)
	}
	if x.Returned|x.Shipped != 0 {
		m.rows.shipped.Add(x.Shipped)
		m.rows.returned.Add(x.Returned)
	}
	m.rows.bytes.Add(uint64(x.Bytes))
	var e *digest.Entry
	if m.Digests != nil {
		e = m.Digests.Add(x)
	}
	if m.Slow.wants(x) {
		m.Slow.write(x, e)
	}
}
