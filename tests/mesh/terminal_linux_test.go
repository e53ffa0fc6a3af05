package mesh

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// atTerminal runs heddle at a terminal on which somebody types.
func (l *lab) atTerminal(types, args string) (code int, out string) {
	l.t.Helper()
	binary, err := env.Binary()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.CommandContext(l.t.Context(), "script", "-qec", binary+" "+args, os.DevNull)
	cmd.Env = append(os.Environ(), "HEDDLE_ETCD_ENDPOINTS="+l.endpoint, "HEDDLE_ETCD_PREFIX=/"+l.database)
	cmd.Stdin = strings.NewReader(types + "\n")
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// TestAtTerminal: who sits at a terminal is asked before something dangerous, and sees how far a look at rows has come.
func TestAtTerminal(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("a", ""))
	l.create(db)
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (1), (2), (3), (4), (5), (6), (7), (8)"); err != nil {
		t.Fatal(err)
	}
	path := l.file(l.swapped())
	if code, out := l.atTerminal("", "rules apply --dry-run -f "+path); code != 5 || !strings.Contains(out, "\rt on ds_0: ") || !strings.Contains(out, " of about ") {
		t.Errorf("a dry run: %d %q", code, out)
	}
	for _, c := range []struct {
		types, args string
		code        int
		says        string
	}{
		{"no", "rules apply --force-placement -f " + path, 1, "not confirmed: nothing was changed"},
		{"yes", "rules apply --force-placement -f " + path, 0, "version 2 is in force"},
		{"no", "rules drop --yes --force-placement " + l.database, 0, "version 3 is in force"},
	} {
		if code, out := l.atTerminal(c.types, c.args); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s, answered %q: %d %s", c.args, c.types, code, out)
		}
	}
}
