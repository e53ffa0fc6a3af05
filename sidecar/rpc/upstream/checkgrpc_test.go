package upstream

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// A server of gRPC is in, and out, by what its own library's health service says of the service that is asked for.
func TestHealthOfGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, service := grpc.NewServer(), grpchealth.NewServer()
	healthgrpc.RegisterHealthServer(srv, service)
	go func() { _ = srv.Serve(l) }() // until Stop
	t.Cleanup(srv.Stop)
	service.SetServingStatus("shop.Orders", healthgrpc.HealthCheckResponse_NOT_SERVING)

	s := run(t)
	cluster := func(service string) *route.Cluster {
		c := at(l.Addr().String())
		c.Protocol = route.HTTP2
		c.Health.Check = &route.Check{GRPC: &service, Interval: 10 * time.Millisecond, Timeout: 10 * time.Second, Rise: 1, Fall: 1}
		return c
	}
	if err := s.Adopt(map[string]*route.Cluster{"all": cluster(""), "orders": cluster("shop.Orders"), "none": cluster("shop.None")}); err != nil {
		t.Fatal(err)
	}
	is := func(cluster, state, why string) func() bool {
		return func() bool {
			v := s.Cluster(cluster).Views()[0]
			return v.State == state && strings.Contains(v.Why, why)
		}
	}
	eventually(t, "the service does not serve", is("orders", "suspect", "the status is 2"))
	eventually(t, "the service is not known", is("none", "suspect", "code 5 unknown service"))
	eventually(t, "the server serves", is("all", "up", ""))
	service.SetServingStatus("shop.Orders", healthgrpc.HealthCheckResponse_SERVING)
	eventually(t, "the service serves", is("orders", "up", ""))
	service.SetServingStatus("", healthgrpc.HealthCheckResponse_NOT_SERVING)
	eventually(t, "the server does not serve", is("all", "suspect", "the status is 2"))
}

// What is no answer is none.
func TestHealthOfOthers(t *testing.T) {
	for what, c := range map[string]struct {
		h     http.HandlerFunc
		wrong string
	}{
		"no gRPC":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "status 404"},
		"no code":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0, 0, 0, 0, 2, 8, 1}) }, "code "},
		"cut":         {answers("\x00\x00\x00\x00\x03\x08\x01"), "the answer is none"},
		"another":     {answers("\x00\x00\x00\x00\x02\x10\x01"), "no message of health"},
		"nothing":     {answers(""), "the answer is none"},
		"unspecified": {answers("\x00\x00\x00\x00\x00"), "the status is 0"},
		"well":        {answers("\x00\x00\x00\x00\x02\x08\x01"), ""},
		"silent":      {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer within"},
	} {
		s := httptest.NewUnstartedServer(c.h)
		s.Config.Protocols = &http.Protocols{}
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
		name := ""
		k := (route.Check{GRPC: &name, Timeout: 10 * time.Second}).WithDefaults()
		if what == "silent" {
			k.Timeout = 20 * time.Millisecond
		}
		e := &Endpoint{Address: s.Listener.Addr().String()}
		e.cluster.Store(&Cluster{Protocol: route.HTTP2})
		p := &http.Protocols{}
		p.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: &http.Transport{Protocols: p, DisableKeepAlives: true}}
		if err := e.ask(t.Context(), client, &k); c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v", what, err)
		}
		s.Close()
	}
}

func answers(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write([]byte(body))
		w.Header().Set("Grpc-Status", "0")
	}
}
