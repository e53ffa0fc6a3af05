package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Endpoint is what is concluded of one server of a data source.
type Endpoint struct {
	DataSource, Address string
	Role                string // primary or replica
	State               string // up, lagging, down, …
	Lag                 time.Duration
	LagKnown            bool
}

// servers reads them. Its labels are the rules' data sources and addresses, and a few words.
type servers struct {
	from             func() []Endpoint
	role, state, lag *prometheus.Desc
}

func serversOf(from func() []Endpoint) *servers {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("heddle_"+name, help, append([]string{"data_source", "endpoint"}, labels...), nil)
	}
	return &servers{
		from:  from,
		role:  desc("server_role", "1, with what the server is to the data source: primary or replica. None is primary while no server takes writes.", "role"),
		state: desc("server_state", "1, with what the server may be used for: up, lagging, down, hangs, drained, disabled, fenced or unknown.", "state"),
		lag:   desc("replica_lag_seconds", "How far a replica is behind, where that is known."),
	}
}

// Describe implements prometheus.Collector.
func (s *servers) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.role, s.state, s.lag} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *servers) Collect(ch chan<- prometheus.Metric) {
	for _, server := range s.from() {
		send := func(d *prometheus.Desc, n float64, more ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, append([]string{server.DataSource, server.Address}, more...)...)
		}
		send(s.role, 1, server.Role)
		send(s.state, 1, server.State)
		if server.LagKnown {
			send(s.lag, server.Lag.Seconds())
		}
	}
}
