package rpc

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Operators see each server of calls with the reason of its state, at the admin port, by the command line and in the metrics.
func TestServersAreSeen(t *testing.T) {
	up, ill := server(t, says("up")), server(t, http.NotFound)
	m := start(t, fmt.Sprintf(`
clusters:
  web: {endpoints: [%q], health: {check: {interval: 10ms}}}
  sick: {endpoints: [%q], health: {check: {path: /healthz, interval: 10ms}}}
routes:
- {name: sick, hosts: [sick.example], to: sick}
- {name: all, path: {prefix: /}, to: web}
`, up, ill))
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), binary, append(append([]string{"mesh"}, args...), "--admin", m.admin)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	const why = "the check: GET /healthz: status 404"
	eventually(t, "the state and its reason are at the admin port", func() bool {
		_, body := get(t, "http://"+m.admin+"/mesh")
		return strings.Contains(body, `"address":"`+ill+`","state":"suspect","why":"`+why+`"`)
	})
	var clusters []struct {
		Name      string
		Panicking bool
		Endpoints []struct{ Address, State, Why string }
	}
	if err := json.Unmarshal([]byte(ask("clusters", "-o", "json")), &clusters); err != nil {
		t.Fatal(err)
	}
	if len(clusters) != 2 || clusters[0].Name != "sick" || !clusters[0].Panicking || clusters[0].Endpoints[0].Why != why || clusters[1].Endpoints[0].State != "up" {
		t.Errorf("the clusters are %+v", clusters)
	}
	if out := ask("clusters"); !strings.Contains(out, why) || !strings.Contains(out, up) {
		t.Error(out)
	}
	if out := ask("routes"); !strings.Contains(out, "sick.example") || !strings.Contains(out, "/…") {
		t.Error(out)
	}
	if out := ask("status"); !strings.Contains(out, "round_robin") {
		t.Error(out)
	}
	if _, body := get(t, "http://"+m.addr+"/"); body != "up" {
		t.Errorf("the call is answered %q", body)
	}
	eventually(t, "they are in the metrics", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		for _, line := range []string{
			fmt.Sprintf(`heddle_rpc_endpoint_state{cluster="sick",endpoint=%q,state="suspect"} 1`, ill),
			fmt.Sprintf(`heddle_rpc_endpoint_calls_total{class="2",cluster="web",endpoint=%q} 1`, up),
			`heddle_rpc_cluster_panicking{cluster="sick"} 1`,
			`heddle_rpc_certificates_refused{cluster="web"} 0`,
		} {
			if !strings.Contains(metrics, line+"\n") {
				return false
			}
		}
		return true
	})
}

// Operators see the document of routes by which calls go: that of a file, as it was when it was read, and how another differs from it.
func TestDocumentIsDumped(t *testing.T) {
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	first := "# the shop's\n" + routes(server(t, says("a")))
	m := start(t, first)
	dump := func(args ...string) (out, told string) {
		t.Helper()
		var said strings.Builder
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"mesh", "dump", "--admin", m.admin}, args...)...)
		cmd.Stderr = &said
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("dump %q: %v\n%s", args, err, said.String())
		}
		return string(text), said.String()
	}
	if out, told := dump(); out != first || !strings.HasPrefix(told, m.file+", in force here since 20") {
		t.Errorf("%q, and told is %q", out, told)
	}
	m.write("routes: [{to: nobody}]\n")
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is refused", func() bool { return strings.Contains(m.Log(), "there is no cluster nobody") })
	second := first + "- {name: more, path: {prefix: /more}, to: web}\n"
	second = strings.Replace(second, "routes: [{name: all, to: web}]\n", "routes:\n- {name: all, to: web}\n", 1)
	next := filepath.Join(t.TempDir(), "next.yaml")
	if err := os.WriteFile(next, []byte("---\n"+second), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := dump("--diff", next); !strings.HasPrefix(out, "--- "+m.file+"\n+++ "+next+"\n@@ ") || !strings.Contains(out, "\n-routes: [{name: all, to: web}]\n+routes:\n+- {name: all, to: web}\n+- {name: more,") {
		t.Errorf("the difference is %q", out)
	}
	var before, now struct {
		Source, File, Document string
		Since                  time.Time
	}
	read := func(into any) {
		t.Helper()
		out, _ := dump("-o", "json")
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatal(err)
		}
	}
	if read(&before); before.Source != "file" || before.File != m.file || before.Document != first {
		t.Errorf("a document that is wrong has put %+v into force", before)
	}
	m.write("---\n" + second)
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next document is in force", func() bool { read(&now); return now.Document == "---\n"+second })
	if !now.Since.After(before.Since) {
		t.Errorf("it is in force since %s, and that of before since %s", now.Since, before.Since)
	}
	if out, _ := dump("--diff", m.file); out != "" {
		t.Errorf("the file that is in force differs by %q", out)
	}
}

// Who taps calls is shown those that are of interest, as they end, and top says how many come and how long they take.
func TestCallsAreTapped(t *testing.T) {
	m := start(t, fmt.Sprintf(`
clusters: {web: {endpoints: [%q]}}
routes:
- {name: gone, path: {prefix: /gone}, respond: {status: 503, body: gone}}
- {name: all, path: {prefix: /}, to: web}
`, server(t, says("up"))))
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (*exec.Cmd, *bufio.Scanner) {
		cmd := exec.CommandContext(t.Context(), binary, append(append([]string{"mesh"}, args...), "--admin", m.admin)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, bufio.NewScanner(out)
	}
	ended := make(chan struct{})
	over := make(chan struct{})
	go func() { // calls go on, as nobody knows when a tap begins
		defer close(over)
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			default:
			}
			for _, path := range []string{"/orders", "/gone"} {
				res, err := http.Get("http://" + m.addr + path + "?secret=1")
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
			}
		}
	}()
	defer func() { close(ended); <-over }()

	tap, lines := run("tap", "--status", "5xx", "--count", "3", "-o", "json")
	for range 3 {
		if !lines.Scan() {
			t.Fatal("the tap has ended", lines.Err())
		}
		var told struct {
			Status                    int
			Route, Path, Method, Host string
		}
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		if told.Status != 503 || told.Route != "gone" || told.Path != "/gone" || told.Method != "GET" || told.Host != m.addr || strings.Contains(lines.Text(), "secret") {
			t.Errorf("the call is told as %s", lines.Text())
		}
	}
	if err := tap.Wait(); err != nil {
		t.Errorf("it ends by its count: %v", err)
	}
	tap, lines = run("tap", "--route", "all")
	if !lines.Scan() || !strings.Contains(lines.Text(), "GET "+m.addr+"/orders  route=all  cluster=web  server=") {
		t.Errorf("the call is shown as %q", lines.Text())
	}
	if err := tap.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what was under way
	}
	if err := tap.Wait(); err != nil {
		t.Errorf("an interrupt is how it ends: %v", err)
	}

	top, lines := run("top", "-o", "json", "--every", "200ms")
	eventually(t, "both routes have calls, whose failures and durations are told", func() bool {
		if !lines.Scan() {
			t.Fatal("top has ended", lines.Err())
		}
		var all []struct {
			Route  string
			Rate   float64  `json:"per_second"`
			Failed float64  `json:"failed_per_second"`
			P99    *float64 `json:"p99_seconds"`
		}
		if err := json.Unmarshal(lines.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		busy := 0
		for _, one := range all {
			if failed := one.Route == "gone"; failed && one.Failed != one.Rate || !failed && one.Failed != 0 {
				t.Errorf("the traffic is %s", lines.Text())
			}
			if one.Rate > 0 && one.P99 != nil {
				busy++
			}
		}
		return busy == 2
	})
	if err := top.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := top.Wait(); err != nil {
		t.Errorf("an interrupt is how it ends: %v", err)
	}
}

// Operators see the configuration that is in force, and have more be logged for a while; a call's line has what was asked for.
func TestInstanceOnThisMachine(t *testing.T) {
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, routes(server(t, says("a"))), "rpc.log_fields", "trace,header:x-tenant,-Client,-path", "log.level", "warn")
	command := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), binary, append(append([]string{"instance"}, args...), "--admin-address", m.admin)...).CombinedOutput()
		if err != nil {
			t.Fatalf("heddle instance %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := command("config", "--changed"); !strings.Contains(out, "rpc.log_fields") || !strings.Contains(out, "trace,header:x-tenant,-Client,-path") || strings.Contains(out, "rpc.silence_timeout") {
		t.Errorf("what is not as by default:\n%s", out)
	}
	ask := func(tenant string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+m.addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("x-tenant", tenant)
		q.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	ask("quiet")
	if out := command("log", "info", "--for", "1h"); !strings.Contains(out, "logged is info and above, until ") || !strings.Contains(out, "; then warn") {
		t.Errorf("more is logged:\n%s", out)
	}
	ask("loud")
	eventually(t, "the call is logged", func() bool {
		return strings.Contains(m.Log(), `"header:x-tenant": "loud"`) && strings.Contains(m.Log(), `"trace": "0af7651916cd43dd8448eb211c80319c"`)
	})
	for line := range strings.Lines(m.Log()) {
		if strings.Contains(line, "header:x-tenant") && (strings.Contains(line, `"client"`) || strings.Contains(line, `"path"`) || !strings.Contains(line, `"method": "GET"`)) {
			t.Errorf("the call's line has not just what it is to have: %s", line)
		}
	}
	if strings.Contains(m.Log(), "quiet") {
		t.Error("a call is logged below the level")
	}
	if out := command("log", "--reset"); out != "logged is warn and above\n" {
		t.Errorf("less is logged: %s", out)
	}
}
