package replicas

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// durable starts a primary with n replicas that keeps what it has prepared.
func durable(t *testing.T, n int) *harness.Replicated {
	t.Helper()
	c, err := env.StartReplicated(t.Context(), "c"+strconv.Itoa(int(clusters.Add(1))), n, "--sync-binlog=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range c.Servers {
			_ = s.Kill() // nobody misses it, and memory is short
		}
	})
	run(t, c, 0, "CREATE SCHEMA shop")
	return c
}

// pairOf are two data sources, home and other, whose other has a replica, and a row on each.
type pairOf struct {
	home, other *harness.Replicated
	options     harness.HeddleOptions
	atHome, id  string // rows of notes
}

func twoSources(t *testing.T, ofHome, ofOther int) *pairOf {
	t.Helper()
	p := &pairOf{home: durable(t, ofHome), other: durable(t, ofOther)}
	p.options = harness.HeddleOptions{
		Rules: []string{strings.Replace(rules("{failover_wait: 15s}", p.home, p.other), "single: {ds_0: [whoami]}\n", "", 1)}, Users: "users: {root: {admin: true}}",
		Set: map[string]string{"pool.connect_timeout": "2s", "transactions.type": "xa", "transactions.keep_statements": "true"},
	}
	return p
}

// die has an owner commit one transaction over both, and end when it is decided and nothing is delivered.
func (p *pairOf) die(t *testing.T) {
	t.Helper()
	options := p.options
	options.Env = []string{"FAILPOINTS=deliver.before=kill"}
	h, err := env.StartHeddle(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	conn := one(t, h)
	exec(t, conn, "BEGIN", "UPDATE notes SET n = n + 1 WHERE id = "+p.atHome, "UPDATE notes SET n = 76 WHERE id = "+p.id,
		"SAVEPOINT s", "UPDATE notes SET n = 0 WHERE id = "+p.id, "ROLLBACK TO s")
	id, err := strconv.Atoi(p.id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "UPDATE notes SET n = n + ? WHERE id = ?", 1, id); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err == nil {
		t.Error("the owner lives")
	}
	<-h.Done()
}

// fill makes the table and finds a row of each.
func (p *pairOf) fill(t *testing.T, h *harness.Heddle) {
	t.Helper()
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)", "INSERT INTO notes VALUES (1,1),(2,1),(3,1),(4,1),(5,1),(6,1),(7,1),(8,1),(9,1),(10,1),(11,1),(12,1),(13,1),(14,1),(15,1),(16,1),(17,1),(18,1),(19,1),(20,1)")
	for _, at := range []struct {
		c  *harness.Replicated
		id *string
	}{{p.home, &p.atHome}, {p.other, &p.id}} {
		var err error
		if *at.id, err = at.c.Value(t.Context(), 0, "SELECT MIN(id) FROM shop.notes"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*harness.Replicated{p.home, p.other} {
		if len(c.Servers) > 1 {
			caughtUp(t, c, 1, 0)
		}
	}
}

// says runs heddle with a process's configuration.
func says(t *testing.T, h *harness.Heddle, code int, args ...string) string {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), binary, append(args, "--config", h.Dir+"/heddle.yaml")...)
	cmd.Env = os.Environ()
	out, err := cmd.CombinedOutput()
	got := 0
	if exit, ok := errors.AsType[*osexec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Errorf("heddle %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// only is the name of the one transaction that is listed.
func only(t *testing.T, h *harness.Heddle) string {
	t.Helper()
	var listed []struct{ GTRID string }
	if err := json.Unmarshal([]byte(says(t, h, 0, "txn", "list", "-o", "json")), &listed); err != nil || len(listed) != 1 {
		t.Fatalf("%+v, %v", listed, err)
	}
	return listed[0].GTRID
}

// failOver kills a primary and promotes its replica.
func failOver(t *testing.T, c *harness.Replicated) {
	t.Helper()
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Promote(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

// rows are what is on the two servers of the rows that the transaction changes.
func (p *pairOf) rows(t *testing.T) string {
	t.Helper()
	atHome, err := p.home.Value(t.Context(), 0, "SELECT n FROM shop.notes WHERE id = "+p.atHome)
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.other.Value(t.Context(), 1, "SELECT n FROM shop.notes WHERE id = "+p.id)
	if err != nil {
		t.Fatal(err)
	}
	return atHome + " " + other
}

// TestFailoverLosesPrepared: a branch that was prepared and decided to commit, and that the new primary does not have, is told, with what
// it did; when an operator has put that right, nothing is left of it.
func TestFailoverLosesPrepared(t *testing.T) {
	p := twoSources(t, 0, 1)
	h := env.Heddle(t, p.options)
	p.fill(t, h)
	run(t, p.other, 1, p.other.Words.StopFetching)
	p.die(t)
	failOver(t, p.other)
	patiently(t, "the lost branch is told", func() bool { return strings.Contains(h.Log(), "it is lost, as by a failover") })
	if got := p.rows(t); got != "2 1" {
		t.Fatalf("the rows are %s: nothing was lost", got)
	}
	gtrid := only(t, h)
	shown := says(t, h, 0, "txn", "show", gtrid)
	_, did, _ := strings.Cut(shown, "what it did on ds_1:\n")
	want := "  UPDATE notes SET n = 76 WHERE id = " + p.id + "\n    (1 rows changed)\n" +
		"  UPDATE notes SET n = n + 1 WHERE id = " + p.id + "\n    (1 rows changed)\n"
	if did != want {
		t.Errorf("shown is\n%s\nwant\n%s", shown, want)
	}
	if out := says(t, h, 4, "txn", "resolve", gtrid, "--commit", "--yes"); !strings.Contains(out, "LOST") {
		t.Errorf("resolved: %s", out)
	}
	run(t, p.other, 1, "UPDATE shop.notes SET n = 77 WHERE id = "+p.id)
	if out := says(t, h, 0, "txn", "resolve", gtrid, "--commit", "--mended", "--yes", "--author", "ops"); !strings.Contains(out, "mended by hand") ||
		!strings.Contains(out, `"by": "ops"`) {
		t.Errorf("mended: %s", out)
	}
	if out := says(t, h, 0, "txn", "list"); !strings.Contains(out, "nothing is unfinished") {
		t.Errorf("listed when it is mended: %s", out)
	}
	says(t, h, 2, "txn", "resolve", gtrid, "--commit", "--mended", "--yes")
	if got := p.rows(t); got != "2 77" {
		t.Errorf("the rows are %s", got)
	}
}

// TestFailoverKeepsPrepared: where the primary waits for a replica to have what is prepared, a failover keeps it, and whoever finds it
// commits it on the new primary.
func TestFailoverKeepsPrepared(t *testing.T) {
	p := twoSources(t, 0, 1)
	h := env.Heddle(t, p.options)
	p.fill(t, h)
	if err := p.other.SemiSync(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	p.die(t)
	failOver(t, p.other)
	patiently(t, "the branch is committed", func() bool { return p.rows(t) == "2 77" })
	patiently(t, "it is over", func() bool { return strings.Contains(says(t, h, 0, "txn", "list"), "nothing is unfinished") })
}

// TestOwnerOfLostBranch: the client of an owner that lives through the failover is told that the transaction is committed and that a data
// source has yet to apply it; it is not shown that data source without, until the branch is mended.
func TestOwnerOfLostBranch(t *testing.T) {
	p := twoSources(t, 0, 1)
	filler, err := env.StartHeddle(t.Context(), p.options)
	if err != nil {
		t.Fatal(err)
	}
	p.fill(t, filler)
	if err := filler.Close(); err != nil {
		t.Error(err)
	}
	options := p.options
	options.Env = []string{"FAILPOINTS=deliver.before=stop"}
	h := env.Heddle(t, options)
	run(t, p.other, 1, p.other.Words.StopFetching)
	conn, committed := one(t, h), make(chan error, 1)
	exec(t, conn, "BEGIN", "UPDATE notes SET n = n + 1 WHERE id = "+p.atHome, "UPDATE notes SET n = 77 WHERE id = "+p.id)
	go func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), "COMMIT")
		committed <- err
	}()
	patiently(t, "the owner stops", func() bool { return h.Stopped() })
	failOver(t, p.other)
	if err := h.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-committed; err != nil {
		t.Errorf("COMMIT of what is decided: %v", err)
	}
	var level, warned string
	var number int
	if err := conn.QueryRowContext(t.Context(), "SHOW WARNINGS").Scan(&level, &number, &warned); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(warned, "COMMIT on data source 'ds_1': it is decided") {
		t.Errorf("the warnings are %s", warned)
	}
	var n int
	patiently(t, "it is told", func() bool {
		err := conn.QueryRowContext(t.Context(), "SELECT n FROM notes WHERE id = "+p.id).Scan(&n)
		if code(err) != 1205 {
			t.Fatalf("the session is shown %d, %v", n, err)
		}
		return strings.Contains(err.Error(), "LOST")
	})
	gtrid := only(t, h)
	run(t, p.other, 1, "UPDATE shop.notes SET n = 77 WHERE id = "+p.id)
	says(t, h, 0, "txn", "resolve", gtrid, "--commit", "--mended", "--yes")
	if err := conn.QueryRowContext(t.Context(), "SELECT n FROM notes WHERE id = "+p.id).Scan(&n); err != nil || n != 77 {
		t.Errorf("when it is mended: %d, %v", n, err)
	}
}

// TestFailoverLosesDecision: a transaction that was committed everywhere, and home fails over to a server without it: what is left on the
// other is half of it, and told.
func TestFailoverLosesDecision(t *testing.T) {
	p := twoSources(t, 1, 0)
	h := env.Heddle(t, p.options)
	p.fill(t, h)
	run(t, p.home, 1, p.home.Words.StopFetching)
	conn := one(t, h)
	exec(t, conn, "BEGIN", "UPDATE notes SET n = n + 1 WHERE id = "+p.atHome, "UPDATE notes SET n = 77 WHERE id = "+p.id, "COMMIT")
	failOver(t, p.home)
	patiently(t, "the lost decision is told", func() bool {
		return strings.Contains(h.Log(), "it is committed on ds_1, and this server has neither the decision")
	})
	for _, at := range []struct {
		c      *harness.Replicated
		server int
		id     string
		want   string
	}{{p.home, 1, p.atHome, "1"}, {p.other, 0, p.id, "77"}} {
		if got, err := at.c.Value(t.Context(), at.server, "SELECT n FROM shop.notes WHERE id = "+at.id); err != nil || got != at.want {
			t.Errorf("row %s is %s, %v", at.id, got, err)
		}
	}
}

// patiently waits until done is true: recovery looks into a decision whose branch is not seen after ten seconds.
func patiently(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within two minutes", what)
		case <-tick.C:
		}
	}
}
