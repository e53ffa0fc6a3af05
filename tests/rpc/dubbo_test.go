package rpc

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// The Java library's own providers and consumers.
func TestDubboOfJava(t *testing.T) {
	var servers, ports [2]string
	for i := range servers {
		var err error
		if servers[i], err = harness.FreeAddr(); err != nil {
			t.Fatal(err)
		}
		if _, ports[i], err = net.SplitHostPort(servers[i]); err != nil {
			t.Fatal(err)
		}
	}
	m := start(t, fmt.Sprintf(`clusters:
  stock: {protocol: dubbo, endpoints: [%q, {address: %q, priority: 1}], idle_timeout: 1s, health: {check: {interval: 100ms, timeout: 10s}}}
  mute: {protocol: dubbo, endpoints: [%q]}
  down: {protocol: dubbo, endpoints: ["127.0.0.1:1"]}
routes:
  - {name: stock, path: {prefix: "/peers.Dubbo$Stock"}, headers: {group: red, version: 1.0.0}, to: stock, timeout: 20s}
  - {path: {prefix: "/peers.Dubbo$Stock"}, headers: {group: blue}, to: stock, timeout: 20s}
  - {path: {prefix: /mute}, to: mute, timeout: 200ms}
  - {path: {prefix: /down}, to: down}
`, servers[0], servers[1], mute(t)), "rpc.log", "failed")
	checked(t, peers(t, "Dubbo", ports[0], ports[1], m.addr), m, 13, func(line string, in io.Writer) {
		switch line {
		case "ok oneway":
			onewayIsCounted(t, m, in, 1)
		case "end":
			if err := m.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	})
	select {
	case <-m.Done():
	case <-time.After(20 * time.Second):
		t.Error("the process does not end")
	}
}
