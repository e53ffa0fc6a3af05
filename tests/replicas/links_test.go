package replicas

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// linked is a primary with two replicas whose links can be broken: those from Heddle to the primary and to the first replica, and that by which
// the second replica follows.
type linked struct {
	c                           *harness.Replicated
	primary, replica, following *harness.Relay
}

func link(t *testing.T) *linked {
	t.Helper()
	c := cluster(t, 2)
	run(t, c, 0, "CREATE TABLE shop.notes (id INT PRIMARY KEY, n INT)", "INSERT INTO shop.notes VALUES (1, 1)")
	l := &linked{c, harness.NewRelay(t, c.Servers[0].Addr()), harness.NewRelay(t, c.Servers[1].Addr()), harness.NewRelay(t, c.Servers[0].Addr())}
	if err := c.FollowAt(t.Context(), 2, l.following.Addr()); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 2; i++ {
		caughtUp(t, c, i, 0)
	}
	return l
}

// serve starts a heddle that reaches the servers by the links.
func (l *linked) serve(t *testing.T, splitting string) *harness.Heddle {
	t.Helper()
	opts := options(splitting, l.c)
	opts.Rules[0] = strings.NewReplacer(l.c.Servers[0].Addr(), l.primary.Addr(), l.c.Servers[1].Addr(), l.replica.Addr()).Replace(opts.Rules[0])
	return env.Heddle(t, opts)
}

// faults are ways in which a link is bad, and well again.
var faults = []struct {
	name     string
	bad      func(*harness.Relay)
	well     func(*harness.Relay)
	unusable bool // whoever is behind it
}{
	{"a black hole", func(r *harness.Relay) { r.Hold() }, (*harness.Relay).Release, true},
	{"cut", func(r *harness.Relay) { r.Refuse(true); r.Reset() }, func(r *harness.Relay) { r.Refuse(false) }, true},
	{"slow", func(r *harness.Relay) { r.Delay(50 * time.Millisecond) }, func(r *harness.Relay) { r.Delay(0) }, false}, // a question has a second, its login included
}

// TestLinksOfReplicas: while the link from Heddle to a replica, or that by which one follows, is slow, cut, or swallows all, no read fails, no
// read is stale, no write fails. When it is well again, the replica is read.
func TestLinksOfReplicas(t *testing.T) {
	l := link(t)
	h := l.serve(t, "{max_lag: 0s, balancer: round_robin}")
	pairs, conn := startReadBacks(t, h, 4), one(t, h)
	for _, at := range []struct {
		link   *harness.Relay
		server string
		told   bool // that it is not read: who follows without a bound may be as late as it likes, to those who have not written
	}{{l.replica, "1", true}, {l.following, "2", false}} {
		for _, f := range faults {
			told := strings.Count(h.Log(), "a replica is not read")
			f.bad(at.link)
			pairs.more(t, 40)
			if at.told && f.unusable {
				eventually(t, "the log tells of replica "+at.server+" at a link that is "+f.name, func() bool {
					return strings.Count(h.Log(), "a replica is not read") > told
				})
			}
			f.well(at.link)
			pairs.more(t, 10)
			eventually(t, "replica "+at.server+" is read after a link that was "+f.name, func() bool { return value(t, conn, "SELECT id FROM whoami") == at.server })
		}
	}
	pairs.judge(t, l.c, 0, 0)
	if pairs.longest > 10*time.Second {
		t.Errorf("a pair took %v", pairs.longest)
	}
}

// TestLinkOfPrimary: while Heddle does not reach the primary, whom the replicas follow as before, nobody takes its place: statements that need it
// wait and go on, or, where the wait is over, fail with the reason. Others read from replicas as if nothing were.
func TestLinkOfPrimary(t *testing.T) {
	l := link(t)
	h, impatient := l.serve(t, "{failover_wait: 60s}"), l.serve(t, "{failover_wait: 1s}")
	const workers = 4
	acks := &acknowledged{ids: map[int]bool{}}
	writes := startPaced(t, h, workers, 5*time.Millisecond, acks.write)
	reads := startAs(t, h, "other", 2, 5*time.Millisecond, readText)
	one := one(t, impatient)
	for _, f := range faults {
		writes.more(t, 20)
		before := strings.Count(h.Log(), "no server gets writes")
		f.bad(l.primary)
		if !f.unusable {
			writes.more(t, 8)
		} else {
			eventually(t, "it is known that the primary is away", func() bool { return strings.Count(h.Log(), "no server gets writes") > before })
			reads.more(t, 40)
			eventually(t, "who waits no longer is told why", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := one.ExecContext(ctx, "INSERT INTO notes VALUES (-1, 1)")
				if err == nil || ctx.Err() != nil {
					t.Fatalf("a write while the link is %s: %v", f.name, err)
				}
				return code(err) == 1429 && strings.Contains(err.Error(), "no server takes its writes: the primary "+l.primary.Addr()+" is down")
			})
		}
		f.well(l.primary)
		writes.more(t, 20)
		eventually(t, "it writes again", func() bool {
			_, err := one.ExecContext(t.Context(), "REPLACE INTO notes VALUES (-2, 1)")
			return err == nil
		})
	}
	writes.end()
	reads.end()
	t.Logf("%d writes, %d failed, the longest took %v; %d reads, %d failed, the longest took %v", writes.done, len(writes.failed), writes.longest.Round(time.Millisecond),
		reads.done, len(reads.failed), reads.longest.Round(time.Millisecond))
	if most := 2 * workers; len(writes.failed) > most { // those under way at a cut
		t.Errorf("%d writes failed: %q", len(writes.failed), writes.failed[:most])
	}
	if len(reads.failed) > 0 {
		t.Errorf("%d reads failed: %q", len(reads.failed), reads.failed[:min(len(reads.failed), 5)])
	}
	if at := primaryOf(t, l.c); at != 0 {
		t.Errorf("server %d was promoted", at)
	}
	acks.there(t, l.c, 0)
	if rowsOf(t, l.c, 0)[-1] {
		t.Error("a write of which was said that no server takes it is there")
	}
}

// readText is readNotes without a statement that is prepared.
func readText(ctx context.Context, db *sql.DB, n int) error {
	var sum int
	return db.QueryRowContext(ctx, "SELECT COUNT(*) FROM notes WHERE id < "+strconv.Itoa(n%1000)).Scan(&sum)
}
