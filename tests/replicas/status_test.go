package replicas

import (
	"encoding/json"
	"errors"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// status runs heddle rw status.
func status(t *testing.T, h *harness.Heddle, args ...string) (out string, code int) {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), binary, append([]string{"rw", "status", "--config", filepath.Join(h.Dir, "heddle.yaml")}, args...)...)
	b, err := cmd.Output()
	if exit, ok := errors.AsType[*osexec.ExitError](err); ok {
		return string(b), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b), 0
}

func TestStatus(t *testing.T) {
	c := cluster(t, 1)
	h := serve(t, "{}", c)
	out, code := status(t, h, "-o", "json")
	var sources []struct {
		Primary string `json:"primary"`
		Servers []struct{ Role, State, GTID string }
	}
	if err := json.Unmarshal([]byte(out), &sources); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out)
	}
	if len(sources) != 1 || sources[0].Primary != c.Servers[0].Addr() || len(sources[0].Servers) != 2 {
		t.Fatalf("answered\n%s", out)
	}
	primary, replica := sources[0].Servers[0], sources[0].Servers[1]
	if primary.Role != "primary" || replica.Role != "replica" || replica.State != "up" || replica.GTID == "" || replica.GTID != primary.GTID {
		t.Errorf("answered\n%s", out)
	}
	dba := h.Open(t, "dba", "", "shop")
	known := "SELECT CONCAT_WS(' ', role, state, weight, read_only) FROM heddle.replicas WHERE since IS NOT NULL AND gtid = '" + replica.GTID + "' AND lag_ms "
	if is := value(t, dba, known+"IS NULL"); is != "primary up 1 no" {
		t.Errorf("heddle.replicas has %q", is)
	}
	eventually(t, "heddle.replicas tells of the replica", func() bool { return value(t, dba, known+"< 1000") == "replica up 1 yes" })
	reads := "SELECT answered FROM heddle.replicas WHERE role = 'replica'"
	before := value(t, dba, reads)
	value(t, h.Open(t, "root", "", "shop"), "SELECT id FROM whoami")
	if now := value(t, dba, reads); now == before {
		t.Errorf("a read was answered by the replica, which had answered %s units and has answered %s", before, now)
	}
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "heddle.replicas tells of the dead primary", func() bool {
		return value(t, dba, "SELECT state FROM heddle.replicas WHERE address = '"+c.Servers[0].Addr()+"'") == "down"
	})
	if out, code = status(t, h); code != 7 || !strings.Contains(out, "ds_0 has no primary") || !strings.Contains(out, "│ up") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	t.Logf("while the primary is dead:\n%s", out)
	if err := c.Servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "heddle.replicas is answered with all servers dead", func() bool {
		return value(t, dba, "SELECT state FROM heddle.replicas WHERE address = '"+c.Servers[1].Addr()+"' ORDER BY since LIMIT 1") == "down"
	})
	if why := value(t, dba, "SELECT reason FROM heddle.replicas WHERE address = '"+c.Servers[1].Addr()+"'"); why == "" {
		t.Error("no reason is told")
	}
}

// TestHangingPrimary: a primary that stands still, while nobody promotes another, is told of by all that tell of servers, and by the transaction that
// it had; when it goes on, so do the statements.
func TestHangingPrimary(t *testing.T) {
	c := cluster(t, 1)
	m := newMesh(t, "{failover_wait: 1s}", c)
	a := m.start(t, "a")
	dba := a.Open(t, "dba", "", "shop")
	tx, err := one(t, a).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	held := "SELECT id FROM whoami FOR UPDATE"
	value(t, tx, held)
	if err := c.Servers[0].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Servers[0].Signal(syscall.SIGCONT) }()
	answers := func(query string) string { // "" while there is none
		var is string
		_ = dba.QueryRowContext(t.Context(), query).Scan(&is) // what it cannot tell yet
		return is
	}
	eventually(t, "heddle.replicas tells of it", func() bool {
		return strings.HasPrefix(answers("SELECT reason FROM heddle.replicas WHERE state = 'hangs'"), "it has answered nothing on any connection for ")
	})
	eventually(t, "heddle rw status tells of it", func() bool {
		out, code := m.command(t, "status")
		return code == 7 && strings.Contains(out, c.Servers[0].Addr()+" is seen otherwise by a: hangs, it has answered nothing")
	})
	if _, err := tx.ExecContext(t.Context(), held); err == nil || !strings.Contains(err.Error(), "it has answered nothing") {
		t.Errorf("its transaction: %v", err)
	}
	if _, err := dba.ExecContext(t.Context(), held); err == nil || !strings.Contains(err.Error(), "'ds_0'") {
		t.Errorf("a new statement: %v", err)
	}
	if err := c.Servers[0].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is used again", func() bool {
		return answers("SELECT state FROM heddle.replicas WHERE role = 'primary'") == "up" && answers(held) == "0"
	})
}
