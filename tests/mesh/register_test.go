package mesh

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// printed is what a process prints, while it runs.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

func (p *printed) has(part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.text.String(), part)
}

// register runs heddle register for the cluster web; leave ends it by SIGTERM and returns its exit code.
func (l *lab) register(address string, args ...string) (out *printed, leave func() int) {
	l.t.Helper()
	binary, err := env.Binary()
	if err != nil {
		l.t.Fatal(err)
	}
	out = &printed{}
	cmd := exec.Command(binary, append([]string{"register", "--cluster", "web", "--address", address}, args...)...)
	cmd.Env = append(os.Environ(), "HEDDLE_ETCD_ENDPOINTS="+l.endpoint, "HEDDLE_ETCD_PREFIX=/"+l.database)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	leave = sync.OnceValue(func() int {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // its exit code is looked at
		return cmd.ProcessState.ExitCode()
	})
	l.t.Cleanup(func() { leave() })
	eventually(l.t, 30*time.Second, address+" is registered", func() bool { return out.has(address + " is registered for web") })
	return out, leave
}

// Servers register themselves and are called, until they leave. When the registry is lost traffic goes on, of instances that start
// meanwhile too.
func TestRegistryIsLost(t *testing.T) {
	t.Parallel()
	etcd := newEtcd(t)
	l := newLab(t, etcd.now.Endpoint())
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := l.start("a", "", "rpc.address", addr)
	l.must(0, []string{"routes/mesh: version 1 is in force"}, "apply", "-f", l.file("clusters: {web: {discover: {registry: true}}}\nroutes: [{to: web}]\n"))
	asks := func() (int, string) {
		res, err := http.Get("http://" + addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	answers := func(what string, want ...string) {
		t.Helper()
		eventually(t, 20*time.Second, what, func() bool {
			seen := map[string]bool{}
			for range 4 {
				if status, body := asks(); status == http.StatusOK {
					seen[body] = true
				}
			}
			for _, name := range want {
				if !seen[name] {
					return false
				}
			}
			return len(seen) == len(want)
		})
	}
	eventually(t, 10*time.Second, "the routes are in force, and nobody is registered", func() bool {
		status, body := asks()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "no endpoint has been found")
	})
	one, two := service(t, "one"), service(t, "two")
	l.register(one)
	answers("the first server is called", "one")
	out, leave := l.register(two, "--", "sh", "-c", "echo begun; exec cat /dev/zero > /dev/null")
	answers("both are called", "one", "two")
	if !out.has("begun") {
		t.Error("the command has not begun")
	}
	if code := leave(); code != 0 {
		t.Errorf("at its end: %d, %q", code, out.text.String())
	}
	answers("who has left is not called", "one")

	etcd.stop()
	for range 50 {
		if status, body := asks(); status != http.StatusOK || body != "one" {
			t.Fatalf("without a registry: %d %q", status, body)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	options := l.options("a", h.Dir, "rpc.address", addr)
	options.Wait = time.Minute
	env.Heddle(t, options)
	if status, body := asks(); status != http.StatusOK || body != "one" {
		t.Errorf("an instance that starts without a registry: %d %q", status, body)
	}
	etcd.start()
	l.register(two)
	answers("when the registry is back both are called", "one", "two")
}
