package main

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// What is measured of what this program brings itself: an answer passes all of them whole.
func TestMeasure(t *testing.T) {
	start := func(role, to string) string {
		addr, err := harness.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = roles[role](addr, to) }() // ends with the test's process; that it listens is seen below
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range 1000 {
			if c, err := net.Dial("tcp", addr); err == nil {
				_ = c.Close()
				return addr
			}
			<-tick.C
		}
		t.Fatalf("the %s does not listen", role)
		return ""
	}
	bolt := start("boltorigin", "")
	for name, addr := range map[string]string{direct: bolt, relay: start("relay", bolt)} {
		s, err := measureBolt(t.Context(), &target{name: name, addr: addr, pid: os.Getpid()}, 64, 100*time.Millisecond)
		if err != nil {
			t.Fatalf("Bolt, %s: %v", name, err)
		}
		if s.perSecond <= 0 || s.cpu <= 0 || s.calls <= 0 || s.p50 <= 0 || s.p99 < s.p50 {
			t.Errorf("Bolt, %s: %+v", name, s)
		}
	}
	origin, origin2 := start("origin", ""), start("grpc", "")
	for name, addr := range map[string]string{
		direct: origin, relay: start("relay", origin), reverseProxy: start("reverseproxy", origin), "gRPC": origin2, "gRPC's relay": start("relay", origin2),
	} {
		open := plainClients
		if strings.HasPrefix(name, "gRPC") {
			open = grpcClients
		}
		s, err := measure(t.Context(), open, &target{name: name, addr: addr, pid: os.Getpid()}, 3, 100*time.Millisecond)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.perSecond <= 0 || s.cpu <= 0 || s.calls <= 0 || s.p50 <= 0 || s.p99 < s.p50 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
