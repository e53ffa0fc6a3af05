package observe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Servers are told of with their role and state, and with their lag where it is known.
func TestServersInMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(serversOf(func() []Endpoint {
		return []Endpoint{
			{DataSource: "ds_0", Address: "a:1", Role: "primary", State: "up"},
			{DataSource: "ds_0", Address: "b:1", Role: "replica", State: "lagging", Lag: 1500 * time.Millisecond, LagKnown: true},
		}
	}))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			got = append(got, fmt.Sprint(line, " ", m.GetGauge().GetValue()))
		}
	}
	if want := []string{
		"heddle_replica_lag_seconds ds_0 b:1 1.5", "heddle_server_role ds_0 a:1 primary 1", "heddle_server_role ds_0 b:1 replica 1",
		"heddle_server_state ds_0 a:1 up 1", "heddle_server_state ds_0 b:1 lagging 1",
	}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
