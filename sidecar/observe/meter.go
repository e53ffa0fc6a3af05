package observe

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/parser"
)

// Meter counts what sessions do. It implements session.Meter.
type Meter struct {
	statements *prometheus.CounterVec
	kinds      []prometheus.Counter // by parser.Kind: found without a look-up, which would cost each statement one
	errors     *prometheus.CounterVec
	seconds    prometheus.Histogram
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
	return []prometheus.Collector{m.statements, m.errors, m.seconds}
}

// Statement implements session.Meter.
func (m *Meter) Statement(kind parser.Kind) { m.kinds[kind].Inc() }

// Took implements session.Meter.
func (m *Meter) Took(d time.Duration) { m.seconds.Observe(d.Seconds()) }

// Failed implements session.Meter.
func (m *Meter) Failed(code uint16) { m.errors.WithLabelValues(strconv.Itoa(int(code))).Inc() }
