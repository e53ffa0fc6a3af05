package observe

import (
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

// Calls counts calls, and logs them. It implements rpc.Observer.
type Calls struct {
	calls       *prometheus.CounterVec
	upstream    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	retries     prometheus.Counter
	connections prometheus.Gauge
	handshakes  prometheus.Counter
	faults      *prometheus.CounterVec
	barred      *prometheus.CounterVec
	grpc        *prometheus.CounterVec
	injected    *prometheus.CounterVec
	mirrored    *prometheus.CounterVec
	hedged      *prometheus.CounterVec
	shed        *prometheus.CounterVec
	spent       *prometheus.CounterVec
	log         atomic.Pointer[callLog]
	taps        *taps
}

type callLog struct {
	to      *zap.Logger
	all     bool     // not only those that failed
	without []string // names of fields
}

func newCalls() *Calls {
	return &Calls{
		taps: &taps{ended: make(chan struct{})},
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_calls_total", Help: "Calls that are over, by route, cluster and status; 0: the client was told nothing.",
		}, []string{"route", "cluster", "status"}),
		upstream: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_endpoint_calls_total", Help: "Calls that are over, by the last server that had them and the class of the status: 1 to 5; 0: the client was told nothing.",
		}, []string{"cluster", "endpoint", "class"}),
		spent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_endpoint_seconds_total", Help: "How long these calls took, from their heads to the last bytes of their answers, likewise: divided by their number it is what one takes. Of connections that last (TCP, upgrades) it is the time until they were made.",
		}, []string{"cluster", "endpoint", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "heddle_rpc_call_seconds", Help: "From a call's head to the last byte of its answer, by route and cluster. Of connections that last (TCP, upgrades) it is the time until they were made.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"route", "cluster"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "heddle_rpc_retries_total", Help: "Calls that were tried again, as nothing of them had been done."}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_faults_total", Help: "Connections of clients that were ended for what no client may do, by HTTP/2's code.",
		}, []string{"code"}),
		barred: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_refused_connections_total", Help: "Connections of clients that were ended as their listener does not accept what they speak, by listener and protocol; unknown: it is none that is known.",
		}, []string{"listener", "protocol"}),
		grpc: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_grpc_calls_total", Help: "Calls of gRPC that are over, by route, cluster and gRPC's code.",
		}, []string{"route", "cluster", "code"}),
		injected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_injected_total", Help: "Calls that something was done to on purpose, by route and fault: delay or abort.",
		}, []string{"route", "fault"}),
		mirrored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_mirrored_total", Help: "Copies of calls, by route, the cluster they are for and outcome: answered, failed, dropped, too_long or cut.",
		}, []string{"route", "cluster", "outcome"}),
		hedged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_hedges_total", Help: "Calls that a second server was asked too, by route and by whose answer was taken: first or second.",
		}, []string{"route", "answer"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heddle_rpc_shed_total", Help: "Calls that were turned away as too many were under way for how long answers took, by route, cluster and priority.",
		}, []string{"route", "cluster", "priority"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "heddle_rpc_connections", Help: "Connections of clients that calls come in on."}),
		handshakes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "heddle_rpc_handshakes_failed_total", Help: "TLS handshakes of clients that failed, for want of a certificate, say."}),
	}
}

func (c *Calls) all() []prometheus.Collector {
	return []prometheus.Collector{c.calls, c.upstream, c.spent, c.seconds, c.retries, c.connections, c.handshakes, c.faults, c.barred, c.grpc, c.injected, c.mirrored, c.hedged, c.shed}
}

// Log has calls be logged: all, or those that failed by Heddle's own words, without fields of these names. nil: none.
func (c *Calls) Log(to *zap.Logger, all bool, without ...string) {
	if to == nil {
		c.log.Store(nil)
		return
	}
	c.log.Store(&callLog{to, all, without})
}

// Call implements rpc.Observer.
func (c *Calls) Call(d *rpc.Done) {
	c.calls.WithLabelValues(d.Route, d.Cluster, strconv.Itoa(d.Status)).Inc()
	c.seconds.WithLabelValues(d.Route, d.Cluster).Observe(d.Counted().Seconds())
	if d.Code != "" {
		c.grpc.WithLabelValues(d.Route, d.Cluster, d.Code).Inc()
	}
	if d.Endpoint != "" {
		class := strconv.Itoa(d.Status / 100)
		c.upstream.WithLabelValues(d.Cluster, d.Endpoint, class).Inc()
		c.spent.WithLabelValues(d.Cluster, d.Endpoint, class).Add(d.Counted().Seconds())
	}
	if d.Shed != "" {
		c.shed.WithLabelValues(d.Route, d.Cluster, d.Shed).Inc()
	}
	switch {
	case d.HedgeWon:
		c.hedged.WithLabelValues(d.Route, "second").Inc()
	case d.Hedged:
		c.hedged.WithLabelValues(d.Route, "first").Inc()
	}
	if d.Delayed > 0 {
		c.injected.WithLabelValues(d.Route, "delay").Inc()
	}
	if d.Aborted {
		c.injected.WithLabelValues(d.Route, "abort").Inc()
	}
	if d.Retries > 0 {
		c.retries.Add(float64(d.Retries))
	}
	c.taps.call(d)
	if l := c.log.Load(); l != nil && (d.Why != "" || l.all) {
		l.to.Info("call", l.fields(d)...)
	}
}

// fields are a call's line.
func (l *callLog) fields(d *rpc.Done) []zap.Field {
	fields := []zap.Field{
		zap.String("method", d.Method), zap.String("host", d.Host), zap.String("path", d.Path), zap.Int("status", d.Status),
		zap.Duration("took", d.Took.Round(time.Microsecond)), zap.String("client", d.Client), zap.String("route", d.Route),
		zap.String("cluster", d.Cluster), zap.String("endpoint", d.Endpoint), zap.Int("retries", d.Retries),
	}
	if d.Identity != "" {
		fields = append(fields, zap.String("identity", d.Identity))
	}
	if d.Code != "" {
		fields = append(fields, zap.String("code", d.Code))
	}
	if d.Why != "" {
		fields = append(fields, zap.String("why", d.Why))
	}
	if len(l.without) > 0 {
		fields = slices.DeleteFunc(fields, func(f zap.Field) bool { return slices.Contains(l.without, f.Key) })
	}
	for _, t := range d.Told {
		fields = append(fields, zap.String(t.Name, t.Value))
	}
	return fields
}

// Mirrored implements rpc.Observer.
func (c *Calls) Mirrored(route, cluster, outcome string) {
	c.mirrored.WithLabelValues(route, cluster, outcome).Inc()
}

// Handshake implements rpc.Observer.
func (c *Calls) Handshake(failed error) {
	c.handshakes.Inc()
	if l := c.log.Load(); l != nil {
		l.to.Info("a client's handshake failed", zap.Error(failed))
	}
}

// Fault implements rpc.Observer.
func (c *Calls) Fault(code, why, client string) {
	c.faults.WithLabelValues(code).Inc()
	if l := c.log.Load(); l != nil {
		l.to.Info("a client's connection was ended", zap.String("code", code), zap.String("why", why), zap.String("client", client))
	}
}

// Barred implements rpc.Observer.
func (c *Calls) Barred(listener, protocol, why, client string) {
	c.barred.WithLabelValues(listener, protocol).Inc()
	if l := c.log.Load(); l != nil {
		l.to.Info("a client's protocol is not accepted", zap.String("listener", listener), zap.String("protocol", protocol), zap.String("why", why), zap.String("client", client))
	}
}

// Connections implements rpc.Observer.
func (c *Calls) Connections(change int) { c.connections.Add(float64(change)) }
