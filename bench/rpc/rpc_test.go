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
	for _, of := range speeches() {
		server := start(of.origin, "")
		for name, addr := range map[string]string{direct: server, relay: start("relay", server)} {
			inTime(t, of.name+", "+name, func(window time.Duration) (sample, error) {
				return measureFramed(t.Context(), of, &target{name: name, addr: addr, pid: os.Getpid()}, 64, window)
			})
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
		inTime(t, name, func(window time.Duration) (sample, error) {
			return measure(t.Context(), open, &target{name: name, addr: addr, pid: os.Getpid()}, 3, window)
		})
	}
}

// inTime sees that something is measured, if not in a short time, then in a longer one: a busy machine may come to nothing in that.
func inTime(t *testing.T, name string, measured func(window time.Duration) (sample, error)) {
	t.Helper()
	for window := 100 * time.Millisecond; ; window *= 2 {
		s, err := measured(window)
		if err == nil && s.perSecond > 0 && s.cpu > 0 && s.calls > 0 && s.p50 > 0 && s.p99 >= s.p50 {
			return
		}
		if window > 5*time.Second {
			t.Fatalf("%s: %+v, %v", name, s, err)
		}
	}
}
