package replicas

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// TestFrozenPrimary: a primary stands still under load, others promote a replica, and it goes on as if nothing had been: it takes writes, has
// logins under way, and connections of a pool that a change of rules has retired. What was acknowledged is on the new primary. On the old one
// nothing is beyond it but what had been sent to it before, which nobody can take back, and which nobody was told is there.
func TestFrozenPrimary(t *testing.T) {
	c := cluster(t, 2)
	opts := options("{failover_wait: 30s}", c)
	opts.Set["pool.connect_timeout"] = "60s" // logins outlast the promotion
	opts.Set["pool.hang_timeout"] = "0s"     // and nothing but the promotion ends what waits for the server
	h := env.Heddle(t, opts)
	db := h.Open(t, "root", "", "shop")
	exec(t, db, "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	if err := c.SemiSync(t.Context(), 0, 1, 2); err != nil {
		t.Fatal(err)
	}
	// The old primary shall take writes when all have left it: a test in which it waits for replicas would see nothing.
	run(t, c, 0, "SET GLOBAL rpl_semi_sync_"+c.Words.Source+"_wait_no_"+c.Words.Replica+"=0")
	tx := retired(t, h, opts)
	acks := &acknowledged{ids: map[int]bool{}}
	writes, reads := start(t, h, 4, acks.write), start(t, h, 2, readNotes)
	writes.more(t, 100)

	if err := c.Servers[0].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	newcomers := start(t, h, 6, acks.from(1_000_000)) // more than there are connections: they log in
	promoted, writable, err := c.Promote(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new primary is used", func() bool { // by one who does not wait for the old one
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var at string
		return db.QueryRowContext(ctx, "SELECT id FROM whoami FOR UPDATE").Scan(&at) == nil && at == strconv.Itoa(promoted)
	})
	moved := time.Now()
	if err := c.Servers[0].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err == nil {
		t.Error("the transaction that was open is committed")
	} else {
		t.Logf("the transaction that was open: %v", err)
	}
	eventually(t, "the alarm", func() bool { return strings.Contains(h.Log(), "takes writes beside the primary") })
	for _, l := range []*load{writes, newcomers} {
		l.more(t, 50)
		l.end()
	}
	reads.end()
	t.Logf("used %v after it took writes; %d writes, %d failed, the longest took %v; by newcomers %d, %d failed, the longest took %v", moved.Sub(writable).Round(time.Millisecond),
		writes.done, len(writes.failed), writes.longest.Round(time.Millisecond), newcomers.done, len(newcomers.failed), newcomers.longest.Round(time.Millisecond))
	if len(reads.failed) > 0 {
		t.Errorf("reads failed: %q", reads.failed)
	}
	acks.there(t, c, promoted)
	acks.astray(t, c, promoted, moved)
	for _, server := range []int{0, promoted} {
		if n, err := c.Value(t.Context(), server, "SELECT COUNT(*) FROM shop.notes WHERE id = 5"); err != nil || n != "0" {
			t.Errorf("server %d has %s rows of the transaction that was open: %v", server, n, err)
		}
	}
}

// retired begins a transaction and has the rules change, so that its connection belongs to a pool that others do not use any more.
func retired(t *testing.T, h *harness.Heddle, opts harness.HeddleOptions) *sql.Tx {
	t.Helper()
	tx, err := one(t, h).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "INSERT INTO notes VALUES (5, 5)")
	before := strings.Count(h.Log(), "reloaded")
	opts.Rules = []string{strings.Replace(opts.Rules[0], "failover_wait: 30s", "failover_wait: 31s", 1)}
	if err := h.Rewrite(opts); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rules have changed", func() bool { return strings.Count(h.Log(), "reloaded") > before })
	return tx
}

// astray checks that the old primary has, beyond what the new one has, only rows of statements that failed and that began before the new one
// was used.
func (a *acknowledged) astray(t *testing.T, c *harness.Replicated, promoted int, moved time.Time) {
	t.Helper()
	has := rowsOf(t, c, promoted)
	a.mu.Lock()
	defer a.mu.Unlock()
	sent := 0
	for id := range rowsOf(t, c, 0) {
		if has[id] {
			continue
		}
		began, failed := a.lost[id]
		if sent++; !failed || began.After(moved) {
			t.Errorf("row %d was written on the old primary only; it failed: %t, %v after the new one was used", id, failed, began.Sub(moved))
		}
	}
	t.Logf("the old primary has %d rows more, of statements that failed", sent)
}
