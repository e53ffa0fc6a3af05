package mesh

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// command runs heddle with arguments against an etcd, and returns its exit code and what it printed.
func command(t *testing.T, endpoint, prefix string, args ...string) (code int, out string) {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "HEDDLE_ETCD_ENDPOINTS="+endpoint, "HEDDLE_ETCD_PREFIX="+prefix)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), both.String()
}

func TestCommandLine(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	if code, out := command(t, l.endpoint, "/", "version"); code != 0 || !regexp.MustCompile(`^heddle v?\d+\.\d+\.\d+`).MatchString(out) {
		t.Errorf("the version: %d %s", code, out)
	}
	db := l.open(l.start("a", ""))
	l.create(db)
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (1), (2), (3), (4), (5), (6), (7), (8)"); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wrong := write("wrong.yaml", l.rules("  u: {kye: id}\n"))
	wider := write("wider.yaml", l.rules("  u: {key: id}\n")+"---\nusers: {root: {}, ann: {}}\n")
	replicas := write("replicas.yaml", strings.Replace(l.rules(""), "ds_0: {", `ds_0: {replicas: ["127.0.0.1:1"], `, 1))
	empty := write("empty.yaml", "# nothing yet\n")
	moved := write("moved.yaml", l.swapped())
	crossed := write("crossed.yaml", strings.NewReplacer(env.Shards[0].Addr(), env.Shards[1].Addr(), env.Shards[1].Addr(), env.Shards[0].Addr()).Replace(l.swapped()))
	gone := write("gone.yaml", strings.Replace(l.swapped(), env.Shards[0].Addr(), "127.0.0.1:1", 1))
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"rules validate -f " + wrong, 3, []string{"11:7: tables.u.kye", `unknown key "kye"`, "  |       ^"}},
		{"rules validate -f " + wrong, 3, []string{": 1 problem\n"}},
		{"rules validate -f " + empty, 3, []string{"there is no document"}},
		{"rules apply -f " + empty, 3, []string{"there is no document"}},
		{"rules apply -f " + wrong, 3, []string{`unknown key "kye"`}},
		{"rules validate -f " + wider, 0, []string{"valid"}},
		{"rules validate -f " + replicas, 0, []string{"valid", "replicas of ds_0 are not read from"}},
		{"--version", 0, []string{"heddle "}},
		{"rules diff -f " + wider, 0, []string{"+  u: {key: id}"}},
		{"rules apply --dry-run -f " + wider, 0, []string{"would change (version 1 is in force)", "rows live elsewhere: u"}},
		{"rules apply --author ann --comment because -f " + wider, 0, []string{"rules/" + l.database + ": version 2 is in force (before: 1)", "users/mesh: version 2"}},
		{"rules apply -f " + wider, 0, []string{"unchanged, version 2"}},
		{"rules apply --base 1 -f " + moved, 2, []string{"you started from version 1, but version 2 is in force, by ann", "because"}},
		{"rules apply -f " + moved, 5, []string{"t has rows on ds_", "would be looked for elsewhere (id = ", "--force-placement"}},
		{"rules rollback " + l.database + " --to 1", 5, []string{"it changes where rows live"}},
		{"rules rollback --users --to 1", 0, []string{"users/mesh: version 1 is in force (before: 2)"}},
		{"rules apply --force-placement -f " + moved, 0, []string{"version 3 is in force"}},
		{"rules history " + l.database, 0, []string{"because", "placement", "now"}},
		{"rules get", 0, []string{"rules/" + l.database, "users/mesh"}},
		{"rules get " + l.database, 0, []string{"ds_1: 0-8191"}},
		{"rules get nobody", 1, []string{"no such document"}},
		{"rules get users", 1, []string{"no such document", "--users"}},
		{"rules get users/mesh", 1, []string{"no such document", "--users"}},
		{"rules schema", 0, []string{`"$schema": "https://json-schema.org/draft/2020-12/schema"`, `"data_sources"`}},
		{"rules export", 0, []string{"--- # rules/" + l.database + ", version 3\n", "--- # users/mesh, version 1\n", "ds_1: 0-8191"}},
		{"rules export nobody", 1, []string{"no such document"}},
		{"rules import --from nothing " + moved, 1, []string{`unknown source "nothing" (known: gaea, kingshard, shardingsphere, vitess)`}},
		{"rules apply --sample 5 -f " + moved, 1, []string{"for --dry-run"}},
		{"rules apply --canary colour=red -f " + wider, 1, []string{"a canary is instance=NAME"}},
		{"rules promote " + l.database, 1, []string{"no canary runs"}},
		{"mesh instances", 0, []string{"a ", "serve"}},
		{"mesh evict a", 1, []string{"it is alive"}},
		{"rules apply -f " + crossed, 5, []string{"all tables that the rules do not name, t would be looked for elsewhere (ds_0 would be at the address of ds_1"}},
		{"rules apply -f " + gone, 0, []string{"version 4 is in force", "ds_0 does not answer at its new address 127.0.0.1:1"}},
		{"rules drop " + l.database, 5, []string{"--force-placement"}},
	} {
		code, out := command(t, l.endpoint, "/"+l.database, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.args, code, c.code)
		}
		for _, s := range c.says {
			if !strings.Contains(out, s) {
				t.Errorf("%s: no %q in\n%s", c.args, s, out)
			}
		}
	}
	l.runs(4, 5*time.Second, "a")
	code, out := command(t, l.endpoint, "/"+l.database, "rules", "status", "-o", "json")
	var status []struct {
		Kind      string
		Instances []struct{ Instance string }
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil || code != 0 || len(status) != 3 || status[0].Instances[0].Instance != "a" {
		t.Errorf("%d, %v: %s", code, err, out)
	}
}

// TestUnnamedTableWithRows: a table that the rules do not name is served from the default data source; where it has rows
// there, naming it is a change of placement as any other.
func TestUnnamedTableWithRows(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("a", ""))
	for _, text := range []string{"CREATE TABLE shop_settings (id BIGINT PRIMARY KEY)", "INSERT INTO shop_settings VALUES (1), (2)", "CREATE TABLE nothing (id INT)"} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		text, flag string
		code       int
		says       string
	}{
		{l.rules("broadcast: [shop_settings]\n"), "", 5, "shop_settings has rows on ds_0"},
		{l.rules("  shop_settings: {key: id}\n"), "--dry-run", 5, "--force-placement"},
		{l.rules("  shop_settings: {key: id}\n  nothing: {key: id}\n"), "", 5, "shop_settings has rows on ds_0"},
		{l.rules("single: {ds_1: [shop_settings]}\n"), "", 5, "shop_settings has rows on ds_0"},
		{l.rules("single: {ds_0: [shop_settings]}\n"), "", 0, "version 2 is in force"},
		{l.rules("broadcast: [nothing, newer]\n"), "", 0, "version 3 is in force"},
		{l.rules("broadcast: [nothing, newer, shop_settings]\n"), "", 5, "shop_settings has rows on ds_0"},
		{l.rules("broadcast: [nothing, newer, shop_settings]\n"), "--force-placement", 0, "version 4 is in force"},
	} {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out := command(t, l.endpoint, "/"+l.database, strings.Fields("rules apply "+c.flag+" -f "+path)...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%d: exit code %d, want %d and %q:\n%s", i, code, c.code, c.says, out)
		}
	}
}

// TestDevKeepsRules starts heddle dev twice in one directory: rules that were applied in between stay.
func TestDevKeepsRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() (h *harness.Heddle, endpoint string) {
		h = env.Heddle(t, harness.HeddleOptions{Args: []string{"dev", "--listen", "127.0.0.1:0", "--data", dir}, Wait: time.Minute})
		_, rest, _ := strings.Cut(h.Log(), "--etcd-endpoints ")
		return h, strings.Fields(rest)[0]
	}
	first, endpoint := start()
	cfg := first.Config("root", "", "shop")
	_, ready, _ := strings.Cut(first.Log(), "ready: statements are accepted on ")
	cfg.Addr = strings.Fields(ready)[0]
	root := harness.Open(t, cfg) // the demo's account is an administrator
	if got, err := harness.Ask(t.Context(), root, "SELECT COUNT(*) FROM heddle.instances"); err != nil || fmt.Sprint(got.Rows) != "[[1]]" {
		t.Errorf("the instances: %v, %v", got.Rows, err)
	}
	if got, err := harness.Ask(t.Context(), root, "SHOW STORAGE UNITS"); err != nil || len(got.Rows) != 2 {
		t.Errorf("the storage units: %v, %v", got.Rows, err)
	}
	code, text := command(t, endpoint, "/heddle", "rules", "get", "shop")
	if code != 0 {
		t.Fatal(text)
	}
	changed := filepath.Join(dir, "changed.yaml")
	if err := os.WriteFile(changed, []byte(strings.Replace(text, "tables:\n", "tables:\n  carts: {key: user_id}\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := command(t, endpoint, "/heddle", "rules", "apply", "-f", changed); code != 0 {
		t.Fatal(out)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_, endpoint = start()
	if _, out := command(t, endpoint, "/heddle", "rules", "get", "shop"); !strings.Contains(out, "carts: {key: user_id}") {
		t.Errorf("after a second start:\n%s", out)
	}
	if _, out := command(t, endpoint, "/heddle", "rules", "status"); !strings.Contains(out, "runs it, from the store") {
		t.Errorf("status:\n%s", out)
	}
}
