package mesh

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestTenThousandTables validates a document of so many tables, and applies it, in one step and in a change of one line, to an instance that serves.
func TestTenThousandTables(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	l.administered()
	a := l.start("a", "")
	dba := a.Open(t, "dba", "", l.database)
	l.create(dba)
	stop := l.load(l.open(a))
	var tables strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&tables, "  a_table_with_a_longer_name_%d: {key: id, generate: {column: id, type: snowflake}}\n", i)
	}
	text := l.rules(tables.String())
	valid := validated(t, l.file(text))
	began := time.Now()
	l.runs(l.apply(text), 60*time.Second, "a")
	applied := time.Since(began)
	began = time.Now()
	l.runs(l.apply(text+"binding: [[t, a_table_with_a_longer_name_7]]\n"), 60*time.Second, "a")
	t.Logf("%d bytes: validated by the command in %v of processor time, applied in %v, changed in %v", len(text), valid, applied, time.Since(began))
	lists(t, dba, "SELECT name, binding_group FROM heddle.tables WHERE binding_group IS NOT NULL ORDER BY name", "a_table_with_a_longer_name_7|1", "t|1")
	if n := stop(); n == 0 {
		t.Error("nothing ran meanwhile")
	}
}

// validated is the processor's time of the command that validates a file. Parse and Resolve are held where they are (router/rule).
func validated(t *testing.T, path string) time.Duration {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "rules", "validate", "-f", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
