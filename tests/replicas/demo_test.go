package replicas

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// TestDemo is what `make demo-rw` shows: clients write and read all the while, the primary is killed, others promote a replica, and an
// operator moves the writes once more in an orderly way.
func TestDemo(t *testing.T) {
	var to io.Writer = t.Output()
	if os.Getenv("HEDDLE_DEMO") != "" {
		to = os.Stdout
	}
	say := func(format string, args ...any) { fmt.Fprintf(to, format+"\n", args...) }
	began := time.Now()
	c := cluster(t, 2, env.ReplicationWords().Forget...)
	m := newMesh(t, "{failover_wait: 20s}", c)
	h := m.start(t, "a", account...)
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	if err := c.SemiSync(t.Context(), 0, 1, 2); err != nil { // what is acknowledged is then on a replica: the promise is the servers', not Heddle's
		t.Fatal(err)
	}
	m.well(t, c)
	acks := &acknowledged{ids: map[int]bool{}}
	const workers = 4
	// Replicas keep up with such a rate on a machine that has much else to do: else no switch comes near its end.
	writes, reads := startPaced(t, h, workers, 10*time.Millisecond, acks.write), start(t, h, 2, readNotes)
	show := func(what string) {
		writes.more(t, 20)
		w, r := writes.snapshot(), reads.snapshot()
		say("%5.1fs  %-46s %6d writes, %d failed, longest %v; %d reads, %d failed, longest %v", time.Since(began).Seconds(), what,
			w.done, w.failed, w.longest.Round(time.Millisecond), r.done, r.failed, r.longest.Round(time.Millisecond))
	}
	say("A primary with two replicas (semi-synchronous), Heddle in front, %d clients that write and 2 that read.\n$ heddle rw status\n%s", workers, m.must(t, "status"))
	show("all is well")
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	say("%5.1fs  kill -9 of the primary, %s", time.Since(began).Seconds(), c.Servers[0].Addr())
	promoted, writable, err := c.Promote(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	say("%5.1fs  a script has promoted %s: it takes writes after %v", time.Since(began).Seconds(), c.Servers[promoted].Addr(), writable.Sub(killed).Round(time.Millisecond))
	show("statements have waited, and go on")
	if err := c.Servers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alarm", func() bool { return strings.Contains(h.Log(), "takes writes beside the primary") })
	var out string
	var code int
	// A primary of MySQL's is back with what it was writing at its end. Who has not seen that another was the primary since cannot tell which is it.
	if !within(time.Minute, 20*time.Millisecond, func() bool {
		out, code = m.command(t, "status")
		return code == 7 && (strings.Contains(out, "takes writes beside the primary") || c.Words.MySQL && strings.Contains(out, "two primaries"))
	}) {
		t.Fatalf("the command does not see it: exit code %d\n%s", code, out)
	}
	say("%5.1fs  the old primary is back, takes writes, and gets none:\n$ heddle rw status; echo $?\n%s%d", time.Since(began).Seconds(), out, code)
	rejoin(t, c, 0, promoted)
	m.well(t, c, writes)
	show("somebody has made it follow")
	next := c.Servers[3-promoted].Addr()
	say("$ heddle rw promote ds_0 --to %s --yes\n%s", next, m.must(t, "promote", "ds_0", "--to", next, "--yes", "--grace", patience.String(), "--hold", (2*patience).String()))
	show("a planned switch")
	writes.end()
	reads.end()
	acks.there(t, c, 3-promoted)
	say("Every acknowledged write is there.")
	if most := workers + 2; len(writes.failed) > most || len(reads.failed) > 0 {
		t.Errorf("%d writes failed, and hardly more than %d were under way at the kill; %d reads failed: %q", len(writes.failed), workers, len(reads.failed), append(writes.failed, reads.failed...))
	}
}

// rejoin is Rejoin, behind which a server still says which it is.
func rejoin(t *testing.T, c *harness.Replicated, server, primary int) {
	t.Helper()
	if err := c.Rejoin(t.Context(), server, primary); err != nil {
		t.Fatal(err)
	}
	run(t, c, server, "SET sql_log_bin=0", "UPDATE shop.whoami SET id = "+strconv.Itoa(server)) // a clone has that of its donor
	caughtUp(t, c, server, primary)
}

// TestKilledPrimaryForgets: what a primary had written and no replica confirmed when it was killed was never acknowledged, and is nowhere
// when it is a replica.
func TestKilledPrimaryForgets(t *testing.T) {
	c := cluster(t, 2, env.ReplicationWords().Forget...)
	run(t, c, 0, "CREATE TABLE shop.notes (id INT PRIMARY KEY, n INT)")
	if err := c.SemiSync(t.Context(), 0, 1, 2); err != nil {
		t.Fatal(err)
	}
	run(t, c, 0, "INSERT INTO shop.notes VALUES (1, 1)")
	for i := 1; i <= 2; i++ {
		run(t, c, i, c.Words.StopFetching)
	}
	unconfirmed := make(chan error, 1)
	go func() { unconfirmed <- c.Run(t.Context(), 0, "INSERT INTO shop.notes VALUES (2, 2)") }()
	eventually(t, "a write waits for replicas", func() bool {
		n, err := c.Value(t.Context(), 0, "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync ACK%'")
		return err == nil && n != "0"
	})
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-unconfirmed; err == nil {
		t.Error("it is acknowledged")
	}
	promoted, _, err := c.Promote(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	run(t, c, promoted, "INSERT INTO shop.notes VALUES (3, 3)")
	if err := c.Servers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Value(t.Context(), 0, "SELECT COUNT(*) FROM shop.notes WHERE id = 2"); err != nil || c.Words.MySQL != (n == "1") {
		t.Errorf("the old primary is back with %s such rows: %v", n, err)
	}
	rejoin(t, c, 0, promoted)
	run(t, c, promoted, "INSERT INTO shop.notes VALUES (4, 4)")
	alike(t, c, promoted)
	if n, err := c.Value(t.Context(), promoted, "SELECT GROUP_CONCAT(id ORDER BY id) FROM shop.notes"); err != nil || n != "1,3,4" {
		t.Errorf("there are the rows %s: %v", n, err)
	}
}

// snapshot is what a load has come to by now.
func (l *load) snapshot() (s struct {
	done, failed int
	longest      time.Duration
}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.done, s.failed, s.longest = l.done, len(l.failed), l.longest
	return s
}
