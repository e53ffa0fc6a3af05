package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/internal/histogram"
	"github.com/heddle-mesh/heddle/proxy/digest"
)

// ways reads what Meter.Ended has counted. Its labels are opcodes and outcomes, of which there are few, tables, which
// digest bounds, and the shapes of most time, of which there are maxShapes.
type ways struct {
	m                                  *Meter
	ended, seconds, plans, planSeconds *prometheus.Desc
	fan, shipped, returned, bytes      *prometheus.Desc
	tables, tableErrors, tableRows     *prometheus.Desc
	digests, digestBytes               *prometheus.Desc
	evicted, dropped                   *prometheus.Desc
	shapes                             []shapeMetric
	slow, slowDropped                  *prometheus.Desc
}

// shapeMetric is a number of a shape.
type shapeMetric struct {
	desc *prometheus.Desc
	of   func(*digest.Row) float64
}

// maxShapes is of how many shapes there are metrics.
const maxShapes = 100

func waysOf(m *Meter) *ways {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("heddle_"+name, help, labels, nil)
	}
	return &ways{
		m:           m,
		ended:       desc("statements_ended_total", "Statements that have ended, by the way they ran and how they ended.", "opcode", "outcome"),
		seconds:     desc("statement_seconds", "From a statement's arrival to the last byte of its answer, by the way it ran.", "opcode"),
		plans:       desc("plans_made_total", "Statements for which a plan was made, by the way they ran.", "opcode"),
		planSeconds: desc("planning_seconds_total", "Time spent on parsing and planning.", "opcode"),
		fan:         desc("fan_out", "Units that statements sent to shards."),
		shipped:     desc("rows_shipped_total", "Rows that shards sent."),
		returned:    desc("rows_returned_total", "Rows that clients were sent."),
		bytes:       desc("client_bytes_total", "Bytes of answers that clients were sent."),
		tables:      desc("table_statements_total", "Statements on a logical table. Those of tables beyond 512 are counted together, without names.", "database", "table"),
		tableErrors: desc("table_statement_errors_total", "Statements on a logical table that failed.", "database", "table"),
		tableRows:   desc("table_rows_returned_total", "Rows that clients were sent by statements on a logical table.", "database", "table"),
		digests:     desc("digests", "Statements by shape that are kept."),
		digestBytes: desc("digest_bytes", "Memory of the digests."),
		evicted:     desc("digests_evicted_total", "Digests that made room."),
		dropped:     desc("digest_executions_dropped_total", "Executions that evicted digests had counted."),
		shapes: []shapeMetric{
			{desc("digest_statements_total", "Executions of a shape. The hundred shapes of most time are told of.", "database", "digest"), func(r *digest.Row) float64 { return float64(r.Count) }},
			{desc("digest_errors_total", "Executions of a shape that failed.", "database", "digest"), func(r *digest.Row) float64 { return float64(r.Errors) }},
			{desc("digest_seconds_total", "Time that a shape's executions took.", "database", "digest"), func(r *digest.Row) float64 { return r.Total.Seconds() }},
			{desc("digest_shards_total", "Units that a shape's executions sent to shards.", "database", "digest"), func(r *digest.Row) float64 { return float64(r.Shards) }},
		},
		slow:        desc("slow_statements_total", "Statements that took slow_log.threshold or longer."),
		slowDropped: desc("slow_statements_unlogged_total", "Slow statements that were not logged: beyond slow_log.rate, or the file could not be written."),
	}
}

// Describe implements prometheus.Collector.
func (w *ways) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		w.ended, w.seconds, w.plans, w.planSeconds, w.fan, w.shipped, w.returned, w.bytes, w.tables, w.tableErrors,
		w.tableRows, w.digests, w.digestBytes, w.evicted, w.dropped, w.slow, w.slowDropped,
	} {
		ch <- d
	}
	for _, s := range w.shapes {
		ch <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (w *ways) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	for _, op := range digest.Opcodes() {
		way := &w.m.ways[op]
		failed := way.failed.Load()
		counts, total := way.times.Read()
		count(w.ended, float64(total-min(failed, total)), op.String(), "ok")
		count(w.ended, float64(failed), op.String(), "error")
		count(w.plans, float64(way.plans.Load()), op.String())
		count(w.planSeconds, time.Duration(way.spent.Load()).Seconds(), op.String())
		ch <- prometheus.MustNewConstHistogram(w.seconds, total, time.Duration(way.took.Load()).Seconds(), cumulative(&counts), op.String())
	}
	w.collectFan(ch)
	count(w.shipped, float64(w.m.rows.shipped.Load()))
	count(w.returned, float64(w.m.rows.returned.Load()))
	count(w.bytes, float64(w.m.rows.bytes.Load()))
	if d := w.m.Digests; d != nil {
		w.collectDigests(ch, d)
	}
	if s := w.m.Slow; s != nil {
		count(w.slow, float64(s.seen.Load()))
		count(w.slowDropped, float64(s.unlogged.Load()))
	}
}

func (w *ways) collectFan(ch chan<- prometheus.Metric) {
	f := &w.m.fan
	buckets := map[float64]uint64{}
	var total uint64
	for i := range f.buckets {
		total += f.buckets[i].Load()
		if i < len(f.buckets)-1 {
			buckets[float64(int(1)<<i)] = total
		}
	}
	ch <- prometheus.MustNewConstHistogram(w.fan, total, float64(f.units.Load()), buckets)
}

func (w *ways) collectDigests(ch chan<- prometheus.Metric, d *digest.Table) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, n, labels...)
	}
	for _, t := range d.Tables() {
		if n := t.Statements.Load(); n > 0 {
			send(w.tables, prometheus.CounterValue, float64(n), t.Schema, t.Table)
			send(w.tableErrors, prometheus.CounterValue, float64(t.Errors.Load()), t.Schema, t.Table)
			send(w.tableRows, prometheus.CounterValue, float64(t.Rows.Load()), t.Schema, t.Table)
		}
	}
	list := d.List()
	for i := range list[:min(len(list), maxShapes)] {
		for _, s := range w.shapes {
			send(s.desc, prometheus.CounterValue, s.of(&list[i]), list[i].Schema, list[i].Digest)
		}
	}
	s := d.Stats()
	send(w.digests, prometheus.GaugeValue, float64(s.Entries))
	send(w.digestBytes, prometheus.GaugeValue, float64(s.Bytes))
	send(w.evicted, prometheus.CounterValue, float64(s.Evicted))
	send(w.dropped, prometheus.CounterValue, float64(s.Dropped))
}

// cumulative is a histogram's buckets as Prometheus has them, one for each power of two.
func cumulative(c *histogram.Counts) map[float64]uint64 {
	out := map[float64]uint64{}
	for bound, n := range c.Cumulative() {
		out[bound.Seconds()] = n
	}
	return out
}
