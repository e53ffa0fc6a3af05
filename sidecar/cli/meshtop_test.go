package cli

import (
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const metricsBefore = `# TYPE heddle_rpc_calls_total counter
heddle_rpc_calls_total{route="api",cluster="shop",status="200"} 100
heddle_rpc_calls_total{route="api",cluster="shop",status="503"} 5
# TYPE heddle_rpc_call_seconds histogram
heddle_rpc_call_seconds_bucket{route="api",cluster="shop",le="0.01"} 100
heddle_rpc_call_seconds_bucket{route="api",cluster="shop",le="0.1"} 105
heddle_rpc_call_seconds_bucket{route="api",cluster="shop",le="+Inf"} 105
heddle_rpc_call_seconds_sum{route="api",cluster="shop"} 1
heddle_rpc_call_seconds_count{route="api",cluster="shop"} 105
# TYPE heddle_rpc_endpoint_calls_total counter
heddle_rpc_endpoint_calls_total{cluster="shop",endpoint="a:1",class="2"} 100
# TYPE heddle_rpc_endpoint_seconds_total counter
heddle_rpc_endpoint_seconds_total{cluster="shop",endpoint="a:1",class="2"} 1
`

const metricsAfter = `# TYPE heddle_rpc_calls_total counter
heddle_rpc_calls_total{route="api",cluster="shop",status="200"} 180
heddle_rpc_calls_total{route="api",cluster="shop",status="503"} 15
heddle_rpc_calls_total{route="api",cluster="shop",status="0"} 10
heddle_rpc_calls_total{route="new",cluster="shop",status="404"} 20
# TYPE heddle_rpc_call_seconds histogram
heddle_rpc_call_seconds_bucket{route="api",cluster="shop",le="0.01"} 100
heddle_rpc_call_seconds_bucket{route="api",cluster="shop",le="0.1"} 195
heddle_rpc_call_seconds_bucket{route="api",cluster="shop",le="+Inf"} 205
heddle_rpc_call_seconds_sum{route="api",cluster="shop"} 9
heddle_rpc_call_seconds_count{route="api",cluster="shop"} 205
# TYPE heddle_rpc_endpoint_calls_total counter
heddle_rpc_endpoint_calls_total{cluster="shop",endpoint="a:1",class="2"} 180
heddle_rpc_endpoint_calls_total{cluster="shop",endpoint="a:1",class="5"} 10
# TYPE heddle_rpc_endpoint_seconds_total counter
heddle_rpc_endpoint_seconds_total{cluster="shop",endpoint="a:1",class="2"} 2
heddle_rpc_endpoint_seconds_total{cluster="shop",endpoint="a:1",class="5"} 8
# TYPE heddle_rpc_endpoint_active gauge
heddle_rpc_endpoint_active{cluster="shop",endpoint="a:1"} 3
`

func TestTrafficSince(t *testing.T) {
	look := func(metrics string) *counts {
		t.Helper()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(metrics)) }))
		defer srv.Close()
		c, err := readCounts(t.Context(), srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	was, is := look(metricsBefore), look(metricsAfter)
	is.at = was.at.Add(10 * time.Second)
	near := func(what string, is, want float64) {
		t.Helper()
		if math.Abs(is-want) > 1e-9 {
			t.Errorf("%s is %v, not %v", what, is, want)
		}
	}
	all := is.since(was, false)
	if len(all) != 2 || all[0].Route != "api" || all[1].Route != "new" {
		t.Fatalf("the routes are %+v", all)
	}
	near("api's rate", all[0].PerSecond, 10)
	near("api's failures", all[0].Failed, 2)
	near("api's median", *all[0].P50, 0.01+0.09*50/90)
	near("api's p99, which is beyond the last bound", *all[0].P99, 0.1)
	near("new's rate", all[1].PerSecond, 2)
	near("new's failures", all[1].Failed, 0)
	if all[1].P50 != nil {
		t.Error("new has no durations")
	}
	servers := is.since(was, true)
	if len(servers) != 1 || servers[0].Endpoint != "a:1" || servers[0].Cluster != "shop" {
		t.Fatalf("the servers are %+v", servers)
	}
	near("the server's rate", servers[0].PerSecond, 9)
	near("the server's failures", servers[0].Failed, 1)
	near("the server's calls", *servers[0].Active, 3)
	near("the server's mean", *servers[0].Mean, 0.1)
}
