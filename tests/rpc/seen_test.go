package rpc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
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
		} {
			if !strings.Contains(metrics, line+"\n") {
				return false
			}
		}
		return true
	})
}
