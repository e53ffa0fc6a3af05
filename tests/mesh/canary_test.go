package mesh

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// rulesCommand runs heddle rules for the lab.
func (l *lab) rulesCommand(args ...string) (code int, out string) {
	l.t.Helper()
	return command(l.t, l.endpoint, "/"+l.database, append([]string{"rules"}, args...)...)
}

// must runs heddle rules, expecting a code and texts.
func (l *lab) must(code int, says []string, args ...string) string {
	l.t.Helper()
	got, out := l.rulesCommand(args...)
	if got != code {
		l.t.Errorf("rules %v: exit code %d, not %d\n%s", args, got, code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			l.t.Errorf("rules %v: no %q in\n%s", args, s, out)
		}
	}
	return out
}

// TestApplyTellsWhoRefuses: whoever applies, rolls back to or promotes what an instance cannot adopt is told at once, by name and with the
// reason, and by the exit code where no instance can.
func TestApplyTellsWhoRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	l.start("a", "")
	l.start("b", "")
	secret := strings.Replace(l.rules(""), "{user: root}", `{user: root, password: "env:HEDDLE_IS_NOT_SET"}`, 1)
	refuses := func(out string, version, kept int, who ...string) {
		t.Helper()
		for _, name := range who {
			if want := fmt.Sprintf("rules/%s: %s does not run version %d, and keeps version %d: invalid version: data source ds_0: secret env:HEDDLE_IS_NOT_SET", l.database, name, version, kept); !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if n := strings.Count(out, "does not run version"); n != len(who) {
			t.Errorf("%d instances are told of, not %d:\n%s", n, len(who), out)
		}
	}
	nowhere := func(version, n int) string {
		return fmt.Sprintf("rules/%s: version %d runs nowhere: none of the living instances that are to run it can (%d)", l.database, version, n)
	}
	refuses(l.must(6, []string{"version 2 is in force", nowhere(2, 2)}, "apply", "-f", l.file(secret)), 2, 1, "a", "b")
	refuses(l.must(6, []string{nowhere(2, 2)}, "apply", "-f", l.file(secret)), 2, 1, "a", "b") // a pipeline tries again
	refuses(l.must(6, []string{nowhere(2, 2)}, "rollback", l.database, "--to", "2"), 2, 1, "a", "b")
	refuses(l.must(0, []string{"version 3 is in force"}, "apply", "-f", l.file(l.rules(""))), 3, 3)
	l.must(0, []string{"unchanged"}, "apply", "-f", l.file(l.rules("")))
	refuses(l.must(6, []string{"version 2 is in force", nowhere(2, 2)}, "rollback", l.database, "--to", "2"), 2, 3, "a", "b")
	l.must(0, nil, "rollback", l.database, "--to", "3")
	refuses(l.must(6, []string{nowhere(4, 1)}, "apply", "-f", l.file(secret+"# tried\n"), "--canary", "instance=b"), 4, 3, "b")
	refuses(l.must(6, []string{"version 4 is in force", nowhere(4, 2)}, "promote", l.database, "--force"), 4, 3, "a", "b")
	l.must(0, nil, "rollback", l.database, "--to", "3")
	knows := l.options("c", "")
	knows.Env = []string{"HEDDLE_IS_NOT_SET=a password"}
	env.Heddle(t, knows)
	refuses(l.must(0, []string{"version 2 is in force"}, "rollback", l.database, "--to", "2"), 2, 3, "a", "b")
}

// file writes a document for the command line.
func (l *lab) file(text string) string {
	l.t.Helper()
	path := filepath.Join(l.t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// versions are what the instances run.
func (l *lab) versions() map[string]int64 {
	out := map[string]int64{}
	for _, i := range l.status() {
		out[i.Instance] = i.Documents[l.database].Version
	}
	return out
}

// fills reports whether an instance fills u's key, which it does where its rules say so.
func (l *lab) fills(db *sql.DB) bool {
	_, err := db.ExecContext(l.t.Context(), "INSERT INTO u (n) VALUES (1)")
	return err == nil
}

// TestCanary tries rules on some of three instances under load, and then on all or on none.
func TestCanary(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	base := l.rules("  u: {key: id}\n")
	l.apply(base)
	names := []string{"a", "b", "c"}
	var dbs []*sql.DB
	for i, name := range names {
		dbs = append(dbs, l.open(l.start(name, "", "instance.zone", fmt.Sprint("z", i))))
	}
	l.create(dbs[0])
	if _, err := dbs[0].ExecContext(t.Context(), "CREATE TABLE u (id BIGINT PRIMARY KEY, n INT)"); err != nil {
		t.Fatal(err)
	}
	l.runs(2, adoptWithin, names...)
	stop := l.load(dbs...)
	filled := l.file(l.rules("  u: {key: id, generate: id}\n"))
	who := func(want ...bool) {
		t.Helper()
		for i, db := range dbs {
			if got := l.fills(db); got != want[i] {
				t.Errorf("%s fills by the new rules: %v", names[i], got)
			}
		}
	}
	who(false, false, false)

	l.must(5, []string{"a canary of tables [t u]", "it changes where rows live"}, "apply", "--canary", "zone=z1", "-f", l.file(l.rulesBy("ds_1: 0-8191\n  ds_0: 8192-16383", "  u: {key: id}\n")))
	l.must(5, []string{"a canary that has others than those in force: data source ds_0 at 127.0.0.1:1"}, "apply", "--canary", "zone=z1", "-f", l.file(strings.Replace(base, env.Shards[0].Addr(), "127.0.0.1:1", 1)))
	l.must(1, []string{"no living instance would run it (there are: a, b, c)"}, "apply", "--canary", "instance=nobody", "-f", filled)
	l.must(0, []string{"would run as a canary on b (version 2 is in force)"}, "apply", "--dry-run", "--canary", "zone=z1", "-f", filled)
	l.must(0, []string{"version 3 runs as a canary on b (version 2 is in force)"}, "apply", "--canary", "zone=z1", "--author", "ann", "--comment", "fill it", "-f", filled)
	l.must(0, []string{"tries it as the canary zone=z1 of ann"}, "status", "--wait", "5s")
	if got := l.versions(); got["a"] != 2 || got["b"] != 3 || got["c"] != 2 {
		t.Errorf("they run %v", got)
	}
	who(false, true, false)
	l.must(2, []string{"version 3 runs as a canary on zone=z1, by ann at 20", "fill it"}, "apply", "-f", l.file(base+"# other\n"))

	l.must(0, []string{"version 2 is in force"}, "abort", l.database)
	l.must(0, nil, "status", "--wait", "5s")
	who(false, false, false)

	l.must(0, []string{"version 4 runs as a canary on "}, "apply", "--canary", "share=34%", "-f", filled)
	l.must(0, nil, "status", "--wait", "5s")
	var tried []string
	for name, v := range l.versions() {
		if v == 4 {
			tried = append(tried, name)
		}
	}
	if len(tried) != 1 {
		t.Errorf("a third of three instances: %v", tried)
	}
	l.must(0, []string{"version 4 is in force (before: 2)"}, "promote", l.database, "--author", "ann")
	l.must(0, nil, "status", "--wait", "5s")
	who(true, true, true)

	// A rollback is everywhere within a second, with room for a busy machine.
	began := time.Now()
	l.must(0, []string{"version 2 is in force (before: 4)"}, "rollback", l.database, "--to", "2")
	l.runs(2, adoptWithin, names...)
	t.Logf("rolled back on three instances %v after the command was started", time.Since(began))
	who(false, false, false)
	out := l.must(0, []string{"canary of version 3, zone=z1", "abort", "promote", "as a canary"}, "history", l.database)
	if n := stop(); n == 0 {
		t.Error("no statement ran meanwhile")
	}
	if strings.Count(out, "rollback") != 1 {
		t.Errorf("history:\n%s", out)
	}
}

// TestRollbackLatency measures how long it takes from the moving of the pointer until all of three instances have published that
// they run it; adoptWithin bounds each.
func TestRollbackLatency(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	names := []string{"a", "b", "c"}
	for _, name := range names {
		l.start(name, "")
	}
	l.apply(l.rules("# second\n"))
	l.runs(2, adoptWithin, names...)
	var took []time.Duration
	for i := range 10 {
		began := time.Now()
		res, err := l.admin.Rules.Rollback(t.Context(), l.database, int64(1+i%2), "test", "", -1)
		if err != nil {
			t.Fatal(err)
		}
		l.runs(res.Pointer.Version, adoptWithin, names...)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("rollbacks on three instances: median %v, worst %v", took[len(took)/2], took[len(took)-1])
}

// TestTwoAuthors: of two people who apply at once, one is told who came first.
func TestTwoAuthors(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	l.start("a", "")
	type end struct {
		code int
		out  string
	}
	ends := make(chan end, 2)
	for _, who := range []string{"ann", "bob"} {
		path := l.file(l.rules("# by " + who + "\n"))
		go func() {
			code, out := l.rulesCommand("apply", "--base", "1", "--author", who, "-f", path)
			ends <- end{code, out}
		}()
	}
	first, second := <-ends, <-ends
	if first.code != 0 {
		first, second = second, first
	}
	if first.code != 0 || second.code != 2 {
		t.Fatalf("%d %s\n%d %s", first.code, first.out, second.code, second.out)
	}
	_, out := l.rulesCommand("get", "-o", "json", l.database)
	var v layout.Version
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(second.out, "version 2 is in force, by "+v.Author+" at 20") {
		t.Errorf("%s", second.out)
	}
}
