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
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
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

// checkDashboard looks each metric of the dashboard up among those that an instance has.
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
	names := regexp.MustCompile(`\b(heddle|process|go)_[a-z_]+`)
	asked := map[string]bool{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range names.FindAllString(target.Expr, -1) {
				asked[name] = true
				if name == "heddle_replica_lag_seconds" { // tests/replicas looks at it
					continue
				}
				if !regexp.MustCompile(`(?m)^` + name + `[ {]`).MatchString(metrics) {
					t.Errorf("panel %q asks for %s, which nobody exports", p.Title, name)
				}
			}
		}
	}
	if len(asked) < 25 {
		t.Errorf("the dashboard asks for %d metrics only", len(asked))
	}
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
