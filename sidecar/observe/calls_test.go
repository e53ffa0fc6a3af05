package observe

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

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

// A call's line is without what is left out, and has its status and the reason in any case.
func TestFieldsAreLeftOut(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	c := newCalls()
	c.Log(zap.New(core), true, "client", "took", "host")
	c.Call(&rpc.Done{Method: "GET", Path: "/a", Status: 503, Why: "no route", Client: "10.0.0.9", Told: []rpc.Told{{Name: "header:host", Value: "h"}}})
	line := logged.All()[0].ContextMap()
	for _, name := range []string{"client", "took", "host"} {
		if _, ok := line[name]; ok {
			t.Errorf("it has the %s: %v", name, line)
		}
	}
	for name, want := range map[string]any{"method": "GET", "path": "/a", "status": int64(503), "why": "no route", "header:host": "h"} {
		if line[name] != want {
			t.Errorf("its %s is %v: %v", name, line[name], line)
		}
	}
}
