package observe

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

// How long connections last that are passed on as they are is in no metric of how long calls take.
func TestConnectionsThatLast(t *testing.T) {
	c := newCalls()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c.all()...)
	c.Call(&rpc.Done{Route: "cache", Cluster: "cache", Endpoint: "10.0.0.1:6379", Status: 200, Began: time.Now(), Took: time.Hour, Connected: time.Second / 4})
	c.Call(&rpc.Done{Route: "cache", Cluster: "cache", Endpoint: "10.0.0.1:6379", Status: 200, Began: time.Now(), Took: time.Second / 2})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sums[f.GetName()] += m.GetHistogram().GetSampleSum() + m.GetCounter().GetValue()
		}
	}
	for _, name := range []string{"heddle_rpc_call_seconds", "heddle_rpc_endpoint_seconds_total"} {
		if sums[name] != 0.75 {
			t.Errorf("%s is %v", name, sums[name])
		}
	}
}
