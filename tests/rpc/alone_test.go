package rpc

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// A process without an address for statements carries calls alone: it needs no rules and no data source, listens for nothing else, and reloads its routes.
func TestCallsAlone(t *testing.T) {
	a, b := server(t, says("a")), server(t, says("b"))
	m := &mesh{t: t, file: filepath.Join(t.TempDir(), "routes.yaml")}
	m.write(routes(a))
	for _, addr := range []*string{&m.addr, &m.admin} {
		var err error
		if *addr, err = harness.FreeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	m.Heddle = env.Heddle(t, harness.HeddleOptions{Set: map[string]string{"listen.address": "", "rpc.address": m.addr, "rpc.file": m.file, "admin.address": m.admin}})
	if !strings.Contains(m.Log(), "ready: calls are accepted on "+m.addr) {
		t.Error("it does not say that calls are accepted")
	}
	if c, err := net.Dial("tcp", m.Addr); err == nil {
		_ = c.Close()
		t.Error("something listens where statements would come in")
	}
	for _, path := range []string{"/readyz", "/metrics", "/mesh"} {
		if status, body := get(t, "http://"+m.admin+path); status != http.StatusOK {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	stop := m.underLoad()
	m.write(routes(b))
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the routes are reloaded", func() bool { _, body := get(t, "http://"+m.addr+"/"); return body == "b" })
	stop()
}
