package observe

import "github.com/prometheus/client_golang/prometheus"

// Reloads tells whether what runs is what stands in the files that are watched.
type Reloads struct {
	count  *prometheus.CounterVec
	failed prometheus.Gauge
}

func newReloads() *Reloads {
	r := &Reloads{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_reloads_total", Help: "Times that the configuration and its files were read again, by outcome: done or failed.",
		}, []string{"outcome"}),
		failed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "heddle_reload_failed", Help: "1 while what was read last of the configuration and its files is not in force, as something is wrong in it. The log says what.",
		}),
	}
	for _, outcome := range []string{"done", "failed"} {
		r.count.WithLabelValues(outcome)
	}
	return r
}

func (r *Reloads) all() []prometheus.Collector { return []prometheus.Collector{r.count, r.failed} }

// Reloaded notes a reload.
func (r *Reloads) Reloaded(err error) {
	if r.failed.Set(one(err != nil)); err != nil {
		r.count.WithLabelValues("failed").Inc()
		return
	}
	r.count.WithLabelValues("done").Inc()
}
