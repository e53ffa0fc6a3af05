package rpc

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// curl is a stock client's outcome: the status, and what else it was asked to write.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "-o", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// What is done to calls on purpose is counted and logged, and a stock client sees it by both versions of HTTP.
func TestFaultsAreSeen(t *testing.T) {
	m := start(t, fmt.Sprintf(`
clusters: {web: {endpoints: [%q]}}
routes: [{name: all, to: web, fault: {headers: {x-test: "yes"}, delay: {for: 30ms}, abort: {status: 418}}}]
`, server(t, says("fine"))))
	for _, version := range []string{"--http1.1", "--http2-prior-knowledge"} {
		if got := curl(t, version, "-H", "X-Test: yes", "-w", "%{http_code}", "http://"+m.addr+"/"); got != "418" {
			t.Errorf("%s: a call that is aborted: %s", version, got)
		}
		if got := curl(t, version, "-w", "%{http_code}", "http://"+m.addr+"/"); got != "200" {
			t.Errorf("%s: another: %s", version, got)
		}
	}
	eventually(t, "they are counted", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, `heddle_rpc_injected_total{fault="abort",route="all"} 2`) &&
			strings.Contains(metrics, `heddle_rpc_injected_total{fault="delay",route="all"} 2`)
	})
	if !strings.Contains(m.Log(), `"why": "delayed by 30ms on purpose; aborted on purpose"`) {
		t.Error("the log does not say so:\n" + m.Log())
	}
}

// Copies of a stock client's calls come to another server whole and marked, by both versions of HTTP, and are counted.
func TestCopiesAreSeen(t *testing.T) {
	type copied struct{ body, mark string }
	got := make(chan copied, 10)
	m := start(t, fmt.Sprintf(`
clusters: {web: {endpoints: [%q]}, shadow: {endpoints: [%q]}}
routes: [{name: all, to: web, mirror: {cluster: shadow}}]
`, server(t, says("fine")), server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- copied{string(body), r.Header.Get("X-Heddle-Mirror")}
		w.WriteHeader(http.StatusTeapot)
	})))
	for _, version := range []string{"--http1.1", "--http2-prior-knowledge"} {
		if status := curl(t, version, "--data", "all of it", "-w", "%{http_code}", "http://"+m.addr+"/"); status != "200" {
			t.Errorf("%s: %s", version, status)
		}
		if is := <-got; is != (copied{"all of it", "1"}) {
			t.Errorf("%s: the copy is %+v", version, is)
		}
	}
	eventually(t, "they are counted", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, `heddle_rpc_mirrored_total{cluster="shadow",outcome="answered",route="all"} 2`)
	})
}

// One server of two answers nobody any more: a stock client does not notice, and what was sent twice is counted.
func TestHedgesAreSeen(t *testing.T) {
	stuck := server(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	m := start(t, fmt.Sprintf(`
clusters: {web: {endpoints: [%q, %q], retry_budget: {percent: 100}}}
routes: [{name: all, to: web, timeout: 1m, hedge: {after: 50ms, percent: 100}}]
`, stuck, server(t, says("fine"))))
	for range 4 {
		if got := curl(t, "-w", "%{http_code}", "http://"+m.addr+"/"); got != "200" {
			t.Errorf("%s", got)
		}
	}
	eventually(t, "they are counted", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, `heddle_rpc_hedges_total{answer="second",route="all"} `)
	})
}

// What bounds the calls under way is seen by those who watch.
func TestConcurrencyIsSeen(t *testing.T) {
	m := start(t, fmt.Sprintf(`
clusters: {web: {endpoints: [%q], concurrency: {max: 12}}}
routes: [{name: all, to: web, concurrency: {min: 30}}]
`, server(t, says("fine"))))
	if got := curl(t, "-w", "%{http_code}", "http://"+m.addr+"/"); got != "200" {
		t.Errorf("%s", got)
	}
	eventually(t, "bounds are told", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, `heddle_rpc_concurrency_limit{name="web",of="cluster"} 12`) && strings.Contains(metrics, `heddle_rpc_concurrency_limit{name="all",of="route"} 30`) &&
			strings.Contains(metrics, `heddle_rpc_concurrency_active{name="all",of="route"} 0`)
	})
}

// Ten thousand routes to five thousand servers change under load without a call that fails, however many of them do.
func TestManyRoutesAreReloaded(t *testing.T) {
	a, b := server(t, says("a")), server(t, says("b"))
	many := func(to string, timeout int) string {
		var text strings.Builder
		text.WriteString("clusters:\n")
		for c := range 100 {
			fmt.Fprintf(&text, "  c%d:\n    endpoints:\n", c)
			for e := range 50 {
				fmt.Fprintf(&text, "    - \"127.%d.%d.1:1\"\n", c+1, e)
			}
		}
		fmt.Fprintf(&text, "  web: {endpoints: [%q]}\nroutes:\n", to)
		for i := range 10_000 {
			fmt.Fprintf(&text, "- {name: r%d, hosts: [h%d.example], path: {prefix: /p%d}, to: c%d, timeout: %ds}\n", i, i%100, i, i%100, timeout)
		}
		text.WriteString("- {name: all, to: web}\n")
		return text.String()
	}
	m := start(t, many(a, 2))
	stop := m.underLoad()
	for _, next := range []struct {
		to, want string
		timeout  int // of all routes
	}{{b, "b", 2}, {a, "a", 3}, {b, "b", 3}} {
		began := time.Now()
		m.write(many(next.to, next.timeout))
		if err := m.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := began.Add(time.Minute); ; {
			if _, body := get(t, "http://"+m.addr+"/"); body == next.want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the routes are not reloaded within a minute")
			}
		}
		t.Logf("a reload took %v", time.Since(began))
	}
	stop()
}
