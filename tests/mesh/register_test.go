package mesh

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
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

// A service registers itself with its sidecar by plain HTTP, comes again in time, and is taken off when it does not, when it says so, and with the sidecar.
func TestRegistrationOverHTTP(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	addrs, admins := [2]string{}, [2]string{}
	for i := range 2 {
		for _, into := range []*string{&addrs[i], &admins[i]} {
			var err error
			if *into, err = harness.FreeAddr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := l.start("a", "", "rpc.address", addrs[0], "admin.address", admins[0], "rpc.registration", "true")
	l.start("b", "", "rpc.address", addrs[1], "admin.address", admins[1])
	l.must(0, []string{"routes/mesh: version 1 is in force"}, "apply", "-f", l.file("clusters: {web: {discover: {registry: true}}}\nroutes: [{to: web}]\n"))
	curl := func(want, method, url, body string) string {
		t.Helper()
		out, err := exec.Command("curl", "-s", "-o", "-", "-w", "\n%{http_code}", "-X", method, "--data", body, url).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v", method, url, err)
		}
		answer, status, _ := strings.Cut(string(out), "\n"+want)
		if status != "" || !strings.HasSuffix(string(out), "\n"+want) {
			t.Errorf("%s %s is answered %s, not %s", method, url, out, want)
		}
		return answer
	}
	called := func(what, body string) { // by the other instance
		t.Helper()
		eventually(t, 30*time.Second, what, func() bool {
			res, err := http.Get("http://" + addrs[1] + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			return err == nil && res.StatusCode == http.StatusOK && string(text) == body
		})
	}
	at := func(address string) string { return "http://" + admins[0] + "/mesh/clusters/web/endpoints/" + address }
	one, two, three := service(t, "one"), service(t, "two"), service(t, "three")
	curl("200", "PUT", at(one), `{"ttl": "1h"}`)
	called("the first is called", "one")
	curl("200", "PUT", at(two), `{"ttl": "1h", "weight": 3}`)
	if all := curl("200", "GET", "http://"+admins[0]+"/mesh/registrations", ""); !strings.Contains(all, one) || !strings.Contains(all, `"weight":3`) {
		t.Errorf("registered are %s", all)
	}
	curl("204", "DELETE", at(one), "")
	curl("404", "DELETE", at(one), "")
	called("the second is called when the first has left", "two")
	curl("200", "PUT", at(three), `{"ttl": "1s"}`) // and not again
	curl("400", "PUT", at("nowhere"), "")
	curl("400", "PUT", at(one), `{"colour": "red"}`)
	curl("400", "PUT", at(one), `{"ttl": "1ms"}`)
	curl("404", "PUT", strings.Replace(at(one), admins[0], admins[1], 1), "") // where it is off
	_, port, _ := strings.Cut(admins[0], ":")
	out, err := exec.Command("curl", "-s", "-w", "%{http_code}", "-X", "PUT", "-H", "Host: evil.example:"+port, at(one)).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "403") {
		t.Errorf("a name that is not this machine's is answered %s, %v", out, err)
	}
	eventually(t, 30*time.Second, "the third is not kept", func() bool {
		return !strings.Contains(curl("200", "GET", "http://"+admins[0]+"/mesh/registrations", ""), three)
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := l.store.List(t.Context(), layout.EndpointsOf("web"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range left.KVs {
		t.Errorf("the sidecar has ended, and registered is %s", kv.Value)
	}
}

// A process that takes calls alone has its routes from etcd and lets servers register themselves; changes of rules do not wait for it.
func TestCallsAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	alone := l.start("alone", "", "listen.address", "", "rpc.address", addr, "admin.address", admin, "rpc.registration", "true")
	if c, err := net.Dial("tcp", alone.Addr); err == nil {
		_ = c.Close()
		t.Error("something listens where statements would come in")
	}
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
	if status, _ := asks(); status != http.StatusNotFound {
		t.Errorf("without routes: %d", status)
	}
	l.must(0, []string{"routes/mesh: version 1 is in force"}, "apply", "-f", l.file("clusters: {web: {discover: {registry: true}}}\nroutes: [{to: web}]\n"))
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+admin+"/mesh/clusters/web/endpoints/"+service(t, "one"), strings.NewReader(`{"ttl": "1h"}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the registration is answered %d", res.StatusCode)
	}
	eventually(t, 30*time.Second, "the server is called", func() bool {
		status, body := asks()
		return status == http.StatusOK && body == "one"
	})
	l.must(0, []string{"routes/mesh: version 2 is in force"}, "apply", "-f", l.file("clusters: {web: {discover: {registry: true}}}\nroutes: [{path: {prefix: /x}, to: web}]\n"))
	eventually(t, 30*time.Second, "other routes are followed", func() bool { status, _ := asks(); return status == http.StatusNotFound })
}
