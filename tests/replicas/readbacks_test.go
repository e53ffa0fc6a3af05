package replicas

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// readBacks is a load whose workers write to a row each, larger values every time, and read it at once on another connection of their user.
type readBacks struct {
	*load
	workers        int
	writer, reader *sql.DB

	mu            sync.Mutex // guards what follows
	written       map[int]int
	stale         []string
	reads, writes []string // that failed
}

func startReadBacks(t *testing.T, h *harness.Heddle, workers int) *readBacks {
	t.Helper()
	r := &readBacks{workers: workers, writer: h.Open(t, "root", "", "shop"), reader: h.Open(t, "root", "", "shop"), written: map[int]int{}}
	for _, db := range []*sql.DB{r.writer, r.reader} {
		db.SetMaxIdleConns(workers)
	}
	// Not more than replicas follow on a machine that has much else to do: those that are never up to date are never read.
	r.load = startPaced(t, h, workers, 5*time.Millisecond, r.step)
	return r
}

// step fails never: what failed is kept apart. What a write that failed has left nobody knows before the next.
func (r *readBacks) step(ctx context.Context, _ *sql.DB, i int) error {
	id, n := -i%r.workers-1, i/r.workers+1
	if err := put(ctx, r.writer, id, n); err != nil {
		r.keep(&r.writes, err.Error())
		return nil
	}
	r.mu.Lock()
	r.written[id] = n
	r.mu.Unlock()
	switch got, err := get(ctx, r.reader, id, n, ""); {
	case err != nil:
		r.keep(&r.reads, err.Error())
	case got != n:
		r.keep(&r.stale, fmt.Sprintf("row %d has %d after %d", id, got, n))
	}
	return nil
}

func (r *readBacks) keep(in *[]string, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*in = append(*in, what)
}

// judge ends the load. No read was stale and none failed, of the writes at most so many, and what the last that was acknowledged wrote to a row,
// or one behind it, is on the primary.
func (r *readBacks) judge(t *testing.T, c *harness.Replicated, primary, failures int) {
	t.Helper()
	r.end()
	t.Logf("%d pairs, of which the longest took %v; %d stale; %d writes and %d reads failed", r.done, r.longest.Round(time.Millisecond), len(r.stale), len(r.writes), len(r.reads))
	if len(r.stale) > 0 {
		t.Errorf("%d reads are stale: %q", len(r.stale), r.stale[:min(len(r.stale), 5)])
	}
	if len(r.reads) > 0 {
		t.Errorf("%d reads failed: %q", len(r.reads), r.reads[:min(len(r.reads), 5)])
	}
	if len(r.writes) > failures {
		t.Errorf("%d writes failed, want at most %d: %q", len(r.writes), failures, r.writes[:min(len(r.writes), 5)])
	}
	db, err := c.Servers[primary].Open("shop")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for id, n := range r.written {
		var has int
		if err := db.QueryRowContext(t.Context(), "SELECT n FROM notes WHERE id = ?", id).Scan(&has); err != nil || has < n {
			t.Errorf("row %d has %d, and %d was acknowledged: %v", id, has, n, err)
		}
	}
}

// TestReadYourWritesUnderFaults: no user sees less than he wrote, and no read fails, while a replica is killed and is back, another stands
// still and goes on, late as it is then, and while the primary is killed and others promote a replica.
func TestReadYourWritesUnderFaults(t *testing.T) {
	c, h := filled(t, "{max_lag: 0s, balancer: round_robin, failover_wait: 30s}", 2)
	if err := c.SemiSync(t.Context(), 0, 1, 2); err != nil { // what is acknowledged is then on a replica
		t.Fatal(err)
	}
	const workers, few = 4, 40
	pairs, conn := startReadBacks(t, h, workers), one(t, h)
	isRead := func(server string) {
		t.Helper()
		eventually(t, "replica "+server+" is read", func() bool { return value(t, conn, "SELECT id FROM whoami") == server })
	}
	isRead("1")
	pairs.more(t, few)
	if err := c.Servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	pairs.more(t, few)
	if err := c.Servers[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	isRead("1")
	if err := c.SemiSync(t.Context(), 0, 1, 2); err != nil { // which it has forgotten
		t.Fatal(err)
	}
	pairs.more(t, few)
	if err := c.Servers[2].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log tells of the frozen replica", func() bool {
		return strings.Contains(h.Log(), `a replica is not read	{"data_source": "ds_0", "server": "`+c.Servers[2].Addr())
	})
	pairs.more(t, few)
	if err := c.Servers[2].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	isRead("2")
	pairs.more(t, few)
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	promoted, _, err := c.Promote(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	pairs.more(t, 2*few)
	isRead(string(rune('0' + 3 - promoted)))
	pairs.more(t, few)
	pairs.judge(t, c, promoted, workers+2) // hardly more than were under way at the kill
}
