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

// load runs statements on connections of their own until stop is called, and keeps what went wrong and what took longest.
type load struct {
	mu      sync.Mutex
	done    int
	failed  []string
	longest time.Duration
	stop    context.CancelFunc
	wait    sync.WaitGroup
	rest    sync.RWMutex // held for writing while no statement is to be under way
}

// start has workers call step with a number that no other gets. A failed connection is left to the driver, which opens another.
func start(t *testing.T, h *harness.Heddle, workers int, step func(ctx context.Context, db *sql.DB, n int) error) *load {
	t.Helper()
	return startPaced(t, h, workers, 0, step)
}

// startPaced is start with a pause between two statements of a worker.
func startPaced(t *testing.T, h *harness.Heddle, workers int, pause time.Duration, step func(ctx context.Context, db *sql.DB, n int) error) *load {
	t.Helper()
	return startAs(t, h, "root", workers, pause, step)
}

func startAs(t *testing.T, h *harness.Heddle, user string, workers int, pause time.Duration, step func(ctx context.Context, db *sql.DB, n int) error) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{stop: cancel}
	db := h.Open(t, user, "", "shop")
	db.SetMaxIdleConns(workers)
	for w := range workers {
		l.wait.Go(func() {
			for n := w; ctx.Err() == nil; n += workers {
				l.rest.RLock()
				began := time.Now()
				err := step(t.Context(), db, n)
				l.note(time.Since(began), err)
				l.rest.RUnlock()
				if pause > 0 {
					select {
					case <-ctx.Done():
					case <-time.After(pause):
					}
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); l.wait.Wait() })
	return l
}

func (l *load) note(took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
	l.longest = max(l.longest, took)
	if err != nil {
		l.failed = append(l.failed, err.Error())
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// more waits until n further statements have ended.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	from := l.count()
	eventually(t, fmt.Sprintf("%d more statements", n), func() bool { return l.count() >= from+n })
}

func (l *load) end() *load {
	l.stop()
	l.wait.Wait()
	return l
}

func readNotes(ctx context.Context, db *sql.DB, n int) error {
	var sum int
	return db.QueryRowContext(ctx, "SELECT COUNT(*) FROM notes WHERE id < ?", n%1000).Scan(&sum)
}

func filled(t *testing.T, splitting string, replicas int) (*harness.Replicated, *harness.Heddle) {
	t.Helper()
	c := cluster(t, replicas)
	h := serve(t, splitting, c)
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)", "INSERT INTO notes SELECT 1, 1")
	for i := 1; i <= replicas; i++ {
		caughtUp(t, c, i, 0)
	}
	return c, h
}

// TestReplicaKilled: no read fails when a replica is killed, nor when one stands still as if frozen; each comes back.
func TestReplicaKilled(t *testing.T) {
	c, h := filled(t, "{balancer: round_robin}", 2)
	l := start(t, h, 6, readNotes)
	l.more(t, 300)
	if err := c.Servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	l.more(t, 300)
	eventually(t, "the log tells of the dead replica", func() bool { return strings.Contains(h.Log(), "a replica is not read") })
	if err := c.Servers[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := one(t, h)
	eventually(t, "the replica is read again", func() bool { return value(t, conn, "SELECT id FROM whoami") == "1" })
	if err := c.Servers[2].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l.more(t, 300)
	eventually(t, "the log tells of the frozen replica", func() bool { return strings.Count(h.Log(), "a replica is not read") >= 2 })
	if err := c.Servers[2].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica is read again", func() bool { return value(t, conn, "SELECT id FROM whoami") == "2" })
	l.end()
	t.Logf("%d reads, %d failed, the longest took %v", l.done, len(l.failed), l.longest.Round(time.Millisecond))
	if len(l.failed) > 0 {
		t.Errorf("reads failed: %q", l.failed)
	}
	if l.longest > 5*time.Second {
		t.Errorf("a read took %v", l.longest)
	}
}

// TestLateReplica: one that is too late is not read until it is well within again.
func TestLateReplica(t *testing.T) {
	c, h := filled(t, "{balancer: round_robin, max_lag: 1s, read_your_writes: off}", 2)
	conn := one(t, h)
	if err := c.Lag(t.Context(), 1, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	l := start(t, h, 1, func(ctx context.Context, db *sql.DB, n int) error {
		<-time.After(20 * time.Millisecond) // not more than a replica on a busy machine can follow
		_, err := db.ExecContext(ctx, "REPLACE INTO notes VALUES (?, ?)", n%10, n)
		return err
	})
	dba := h.Open(t, "dba", "", "shop")
	eventually(t, "it is noticed", func() bool { // the log tells of the state, in which it may be for not applying at all at first
		var why sql.NullString
		err := dba.QueryRowContext(t.Context(), "SELECT reason FROM heddle.replicas WHERE address = '"+c.Servers[1].Addr()+"'").Scan(&why)
		return err == nil && strings.Contains(why.String, "is more than 1s behind")
	})
	for range 10 {
		if got := value(t, conn, "SELECT id FROM whoami"); got != "2" {
			t.Errorf("answered by %s", got)
		}
	}
	if err := c.Lag(t.Context(), 1, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is read again", func() bool { return value(t, conn, "SELECT id FROM whoami") == "1" })
	if l.end(); len(l.failed) > 0 {
		t.Errorf("writes failed: %q", l.failed)
	}
}

// TestNoReplicas: the policy says what becomes of reads.
func TestNoReplicas(t *testing.T) {
	c := cluster(t, 1)
	toPrimary := serve(t, "{when_no_replica: primary}", c)
	refused := serve(t, "{when_no_replica: error}", c)
	if got := value(t, one(t, refused), "SELECT id FROM whoami"); got != "1" {
		t.Errorf("answered by %s", got)
	}
	if err := c.Servers[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if got := value(t, one(t, toPrimary), "SELECT id FROM whoami"); got != "0" {
		t.Errorf("answered by %s", got)
	}
	conn := one(t, refused)
	var err error
	eventually(t, "the read is refused", func() bool {
		_, err = conn.ExecContext(t.Context(), "SELECT id FROM whoami")
		return err != nil
	})
	if !strings.Contains(err.Error(), "no server of the data source may be read") {
		t.Errorf("the error is %v", err)
	}
	if got := value(t, conn, "SELECT id FROM whoami FOR UPDATE"); got != "0" {
		t.Errorf("a locking read is answered by %s", got)
	}
}

// TestReplicaThatAnswersErrors: what a replica answers by an error, as one does whose table is broken, the primary is asked, and it is counted.
func TestReplicaThatAnswersErrors(t *testing.T) {
	c := cluster(t, 1)
	h := serve(t, "{}", c)
	conn, dba := one(t, h), h.Open(t, "dba", "", "shop")
	eventually(t, "the replica is read", func() bool { return value(t, conn, "SELECT id FROM whoami") == "1" })
	const failed = "SELECT failed FROM heddle.replicas WHERE role = 'replica'"
	before := value(t, dba, failed)
	run(t, c, 1, "SET sql_log_bin=0", "DROP TABLE shop.whoami")
	for range 20 {
		if got := value(t, conn, "SELECT id FROM whoami"); got != "0" {
			t.Fatalf("answered by %s", got)
		}
	}
	if after := value(t, dba, failed); after == before {
		t.Errorf("of the replica %s errors were counted, and are now", after)
	}
}
