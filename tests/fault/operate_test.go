package fault

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// get asks the HTTP side; code 0 where nobody answers.
func get(t *testing.T, addr, path string) (code int, body string) {
	t.Helper()
	answer, err := http.Get("http://" + addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// metric is the value of a line of /metrics; -1 where there is none.
func metric(t *testing.T, addr, name string) float64 {
	t.Helper()
	_, body := get(t, addr, "/metrics")
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// goroutines are those of a process, with the one that answers; the metric counts those too that gather the metrics.
func goroutines(t *testing.T, addr string) (n int) {
	t.Helper()
	_, body := get(t, addr, "/debug/pprof/goroutine?debug=1")
	if _, err := fmt.Sscanf(body, "goroutine profile: total %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The HTTP side counts what clients do, and says when the process accepts statements no more.
func TestAdminAddress(t *testing.T) {
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": addr, "drain.deadline": "20s", "pool.min_idle": "3"}, addrs()...)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/goroutine?debug=1"} {
		if code, body := get(t, addr, path); code != 200 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	// Nobody has asked for these connections.
	eventually(t, "pool.min_idle connections are open", func() bool {
		return metric(t, addr, `heddle_pool_connections{data_source="ds_1",state="idle"}`) == 3
	})
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	c := conn(t, db)
	before := map[string]float64{}
	names := []string{`heddle_statements_total{kind="select"}`, `heddle_statements_total{kind="update"}`, `heddle_statement_errors_total{code="1146"}`,
		"heddle_plan_cache_hits_total", "heddle_command_seconds_count", `heddle_pool_acquired_total{data_source="ds_0"}`}
	exec(t, c, "UPDATE accounts SET v = 100 WHERE id = 1")
	if err := ask(t, db, "SELECT 1 FROM nowhere"); code(err) != 1146 {
		t.Fatal(err)
	}
	for _, name := range names {
		before[name] = metric(t, addr, name)
	}
	for range 10 {
		exec(t, c, "UPDATE accounts SET v = 100")
		if err := ask(t, db, "SELECT 1 FROM nowhere"); code(err) != 1146 {
			t.Fatal(err)
		}
	}
	for name, least := range map[string]float64{names[0]: 0, names[1]: 10, names[2]: 10, names[3]: 9, names[4]: 20, names[5]: 10} {
		if more := metric(t, addr, name) - before[name]; more < least || before[name] < 0 {
			t.Errorf("%s went from %v by %v, want %v at least", name, before[name], more, least)
		}
	}
	for _, name := range []string{"heddle_plan_cache_bytes", "heddle_plan_cache_misses_total", `heddle_sessions{state="idle"}`,
		`heddle_pool_connections{data_source="ds_0",state="idle"}`, `heddle_pool_connections_max{data_source="ds_1"}`} {
		if v := metric(t, addr, name); v <= 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
	exec(t, c, "BEGIN")
	exec(t, c, "UPDATE accounts SET v = 101")
	if err := h.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not ready", func() bool { code, _ := get(t, addr, "/readyz"); return code == 503 })
	exec(t, c, "UPDATE accounts SET v = 102") // which it waits for
	if code, body := get(t, addr, "/readyz"); code != 503 || body != "draining\n" {
		t.Errorf("/readyz: %d %q while it drains", code, body)
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		if code, _ := get(t, addr, path); code != 200 {
			t.Errorf("%s: %d while it drains", path, code)
		}
	}
	exec(t, c, "COMMIT")
	ended(t, h, 5*time.Second)
}

// As many shards as limits.fan_out says work on one statement at the same time.
func TestFanOut(t *testing.T) {
	on := shards(t)
	for _, c := range []struct {
		fanOut   string
		together bool
	}{{"1", false}, {"2", true}} {
		h := startHeddleWith(t, map[string]string{"limits.fan_out": c.fanOut}, addrs()...)
		db := h.Open(t, "root", "", "shop")
		fill(t, db)
		for _, query := range []string{
			"SELECT COUNT(*) FROM accounts WHERE SLEEP(0.02) = 0",
			"SELECT id FROM accounts WHERE SLEEP(0.02) = 0 ORDER BY v, id",
			"UPDATE accounts SET v = v + 1 WHERE SLEEP(0.02) = 0",
		} {
			done := make(chan error, 1)
			go func() { done <- ask(t, db, query) }()
			both, seen := 0, 0
			tick := time.NewTicker(5 * time.Millisecond)
			for running := true; running; {
				select {
				case err := <-done:
					if err != nil {
						t.Errorf("%s: %v", query, err)
					}
					running = false
				case <-tick.C:
					switch working(t, on, "%SLEEP(0.02)%") {
					case 2:
						both++
					case 1:
						seen++
					}
				}
			}
			tick.Stop()
			// The shards are asked one after the other: one look may see the end of one and the beginning of the next.
			if together := both > 1; together != c.together {
				t.Errorf("fan_out %s: %s: %d looks saw both shards work, %d one of them", c.fanOut, query, both, seen)
			}
		}
	}
}
