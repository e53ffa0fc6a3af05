package mesh

import (
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// fetch asks an instance for what operators see.
func fetch(t *testing.T, admin, path string) string {
	t.Helper()
	res, err := http.Get("http://" + admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", path, res.Status, err)
	}
	return string(text)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func execAll(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := db.ExecContext(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// What statements did is seen by shape, in the slow log, in the metrics, and in the dashboard, which asks for no metric
// that is not there.
func TestSeen(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	admin := freeAddr(t)
	slow := filepath.Join(t.TempDir(), "slow.json")
	options := l.options("seen", "", "admin.address", admin, "slow_log.file", slow)
	h := env.Heddle(t, options)
	db := l.open(h)
	db.SetMaxOpenConns(1)
	l.create(db)
	execAll(t, db, "INSERT INTO t (id, n) VALUES (1,10),(2,20),(3,30),(4,40),(5,50),(6,60)")
	const byKey, ordered = "SELECT n FROM t WHERE id = ", "SELECT id FROM t ORDER BY n LIMIT 2"
	for _, id := range []string{"1", "2", "3"} {
		query(t, db, byKey+id)
	}
	query(t, db, byKey+"?", 4) // the shape is the same
	query(t, db, ordered)
	for range 2 {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO t (id, n) VALUES (1, 11)"); err == nil {
			t.Fatal("a duplicate key was stored")
		}
	}
	checkDigests(t, l, digestsOf(t, admin))

	code, out := command(t, l.endpoint, "/", "digest", "top", "--admin-address", admin, "--by", "count", "--limit", "3", "-o", "json")
	var listed observe.Digests
	if err := json.Unmarshal([]byte(out), &listed); code != 0 || err != nil || len(listed.Digests) != 3 || listed.Digests[0].Count < listed.Digests[1].Count {
		t.Errorf("digest top: %d %v %s", code, err, out)
	}
	if code, out = command(t, l.endpoint, "/", "digest", "top", "--admin-address", admin); code != 0 || !strings.Contains(out, "SELECT n FROM t WHERE id = ?") {
		t.Errorf("digest top: %d %s", code, out)
	}

	if _, err := os.Stat(slow); err == nil {
		t.Error("statements are logged without a threshold")
	}
	options.Set["slow_log.threshold"] = "1us"
	if err := h.Rewrite(options); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "slow statements in the log", func() bool {
		query(t, db, "SELECT n FROM t WHERE n = 77 ORDER BY id")
		text, err := os.ReadFile(slow)
		return err == nil && strings.Contains(string(text), `"text":"SELECT n FROM t WHERE n = ? ORDER BY id"`) && !strings.Contains(string(text), "= 77")
	})
	checkDashboard(t, fetch(t, admin, "/metrics"), l.database)
}

func query(t *testing.T, db *sql.DB, text string, args ...any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func digestsOf(t *testing.T, admin string) []digest.Row {
	t.Helper()
	var found observe.Digests
	if err := json.Unmarshal([]byte(fetch(t, admin, "/digests")), &found); err != nil {
		t.Fatal(err)
	}
	return found.Digests
}

func checkDigests(t *testing.T, l *lab, rows []digest.Row) {
	t.Helper()
	find := func(text string) digest.Row {
		i := slices.IndexFunc(rows, func(r digest.Row) bool { return r.Text == text && r.Schema == l.database })
		if i < 0 {
			t.Fatalf("%s is not among %+v", text, rows)
		}
		return rows[i]
	}
	if r := find("SELECT n FROM t WHERE id = ?"); r.Count != 4 || r.Shards != 4 || r.Shipped != 4 || r.Returned != 4 || r.Errors != 0 ||
		r.Plans == 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
		t.Errorf("a row by its key: %+v", r)
	}
	if r := find("SELECT id FROM t ORDER BY n LIMIT ?"); r.Count != 1 || r.Shards != 2 || r.Shipped <= r.Returned || r.Returned != 2 || r.Planning <= 0 {
		t.Errorf("two of all rows: %+v", r)
	}
	if r := find("INSERT INTO t (id, n) VALUES (...)"); r.Count != 3 || r.Errors != 2 || r.Shards < 4 {
		t.Errorf("inserts: %+v", r)
	}
}

// elsewhere are metrics that an instance has only when there is something to tell, with who looks at them then.
var elsewhere = map[string]string{
	"heddle_replica_lag_seconds": "tests/replicas", "heddle_replication_alarm": "tests/replicas", "heddle_document_refused": "TestStoreWiped",
	"heddle_rpc_certificates_refused": "tests/rpc",
}

// grafana are the variables of its queries, with what stands for them here.
var grafana = strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*")

// checkQuery has a query be PromQL, and looks each metric of it up among those that an instance has, with the labels that it is chosen by.
func checkQuery(t *testing.T, where, expr, metrics string) (names []string) {
	t.Helper()
	query, err := parser.ParseExpr(grafana.Replace(expr))
	if err != nil {
		t.Errorf("%s: %s: %v", where, expr, err)
		return nil
	}
	parser.Inspect(query, func(node parser.Node, _ []parser.Node) error {
		chosen, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		names = append(names, chosen.Name)
		if elsewhere[chosen.Name] != "" {
			return nil
		}
		series := regexp.MustCompile(`(?m)^` + chosen.Name + `[ {].*$`).FindString(metrics)
		if series == "" {
			t.Errorf("%s asks for %s, which nobody exports", where, chosen.Name)
		}
		for _, m := range chosen.LabelMatchers {
			if m.Name != "__name__" && m.Name != "instance" && !strings.Contains(series, m.Name+`="`) { // which Prometheus gives
				t.Errorf("%s chooses %s by %s, which it does not have", where, chosen.Name, m.Name)
			}
		}
		return nil
	})
	if len(names) == 0 {
		t.Errorf("%s: %s asks for no metric", where, expr)
	}
	return names
}

// checkDashboard looks at each query of the dashboard and of the alerts.
func checkDashboard(t *testing.T, metrics, database string) {
	t.Helper()
	text, err := os.ReadFile("../../sidecar/observe/dashboard/heddle.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range checkQuery(t, "panel "+p.Title, target.Expr, metrics) {
				asked[name] = true
			}
		}
	}
	if len(asked) < 25 {
		t.Errorf("the dashboard asks for %d metrics only", len(asked))
	}
	checkAlerts(t, metrics)
	for _, line := range []string{
		`heddle_statements_ended_total{opcode="scatter",outcome="ok"}`, `heddle_statements_ended_total{opcode="single",outcome="error"} 2`,
		`heddle_table_statements_total{database="` + database + `",table="t"}`, `heddle_rules_version{database="` + database + `"} 1`,
		`heddle_data_source_info{data_source="ds_0",endpoint="` + env.Shards[0].Addr() + `"} 1`, `heddle_shard_errors_total{data_source="`,
		`heddle_server_role{data_source="ds_0",endpoint="` + env.Shards[0].Addr() + `",role="primary"} 1`, `heddle_digest_statements_total{database="` + database + `",digest="`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	if t.Failed() {
		t.Log(metrics)
	}
}

// checkAlerts has every alert ask for what there is, and say what to do; the page for operators tells of each metric.
func checkAlerts(t *testing.T, metrics string) {
	t.Helper()
	text, err := os.ReadFile("../../sidecar/observe/dashboard/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &alerts); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || found[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
				t.Errorf("alert %q is there twice, or lacks its severity, summary or action", r.Alert)
			}
			found[r.Alert] = true
			for _, name := range checkQuery(t, "alert "+r.Alert, r.Expr, metrics) {
				if !strings.Contains(string(page), name) {
					t.Errorf("docs/operations.md does not tell of %s, which alert %s asks for", name, r.Alert)
				}
			}
		}
	}
	if len(found) < 10 {
		t.Errorf("%d alerts only", len(found))
	}
}
