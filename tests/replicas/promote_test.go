package replicas

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// acknowledged are the ids whose INSERT was answered with OK.
type acknowledged struct {
	mu   sync.Mutex
	ids  map[int]bool
	lost map[int]time.Time // whose INSERT was not; when it began
	at   []time.Time       // when they were, in order
}

func (a *acknowledged) write(ctx context.Context, db *sql.DB, n int) error {
	began := time.Now()
	_, err := db.ExecContext(ctx, "INSERT INTO notes VALUES (?, ?)", n+10, n)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		if a.lost == nil {
			a.lost = map[int]time.Time{}
		}
		a.lost[n+10] = began
	} else {
		a.ids[n+10] = true
		a.at = append(a.at, time.Now())
	}
	return err
}

// first is when the first was answered after a moment. It waits for it.
func (a *acknowledged) first(t *testing.T, after time.Time) (first time.Time) {
	t.Helper()
	eventually(t, "a write is answered", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		i := slices.IndexFunc(a.at, after.Before)
		if i >= 0 {
			first = a.at[i]
		}
		return i >= 0
	})
	return first
}

// TestPrimaryKilled: statements wait while a script promotes a replica; nothing that was acknowledged is missing, and only what was
// under way at the kill fails. The old primary, when it is back as it was, gets nothing.
func TestPrimaryKilled(t *testing.T) {
	c, h := filled(t, "{failover_wait: 15s}", 2)
	if err := c.SemiSync(t.Context(), 0, 1, 2); err != nil { // what is acknowledged is then on a replica: the promise is theirs, not Heddle's
		t.Fatal(err)
	}
	holder := one(t, h)
	tx, err := holder.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "INSERT INTO notes VALUES (5, 5)")
	const workers = 6
	acks := &acknowledged{ids: map[int]bool{}}
	writes := start(t, h, workers, acks.write)
	reads := start(t, h, 2, readNotes)
	preparations := start(t, h, 4, prepareNotes)
	writes.more(t, 200)
	killed := time.Now()
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	promoted, writable, err := c.Promote(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	writes.more(t, 200)
	writes.end()
	reads.end()
	preparations.end()
	took := acks.first(t, writable).Sub(writable)
	t.Logf("killed, writable after %v, the first write %v later; %d writes, %d failed, the longest took %v; %d reads, %d failed, the longest took %v",
		writable.Sub(killed).Round(time.Millisecond), took.Round(time.Millisecond), writes.done, len(writes.failed), writes.longest.Round(time.Millisecond),
		reads.done, len(reads.failed), reads.longest.Round(time.Millisecond))
	if most := workers + 2; len(writes.failed) > most { // a process that dies closes its sockets one after the other
		t.Errorf("%d writes failed, and hardly more than %d can have been under way: %q", len(writes.failed), workers, writes.failed)
	}
	if len(reads.failed) > 0 {
		t.Errorf("reads failed: %q", reads.failed)
	}
	if preparations.done < 10 || len(preparations.failed) > 0 {
		t.Errorf("of %d preparations, which have no effect, failed: %q", preparations.done, preparations.failed)
	}
	if took > 5*time.Second { // one, where nothing else runs
		t.Errorf("the new primary was used %v after it took writes", took)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO notes VALUES (6, 6)"); err == nil {
		t.Error("the transaction goes on")
	} else {
		t.Logf("the open transaction: %v", err)
	}
	_ = tx.Rollback()
	for id := range acks.ids {
		n, err := c.Value(t.Context(), promoted, "SELECT COUNT(*) FROM shop.notes WHERE id = "+strconv.Itoa(id))
		if err != nil || n != "1" {
			t.Fatalf("row %d was acknowledged and is there %s times: %v", id, n, err)
		}
	}
	if n, _ := c.Value(t.Context(), promoted, "SELECT COUNT(*) FROM shop.notes WHERE id = 5"); n != "0" {
		t.Error("a part of the open transaction stays")
	}
	oldIsBack(t, c, h, promoted)
}

// prepareNotes has a write be prepared, by both ways, and does not run it; each is another, which a server has to see.
func prepareNotes(ctx context.Context, pool *sql.DB, n int) error {
	db, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it goes back
	st, err := db.PrepareContext(ctx, fmt.Sprintf("UPDATE notes SET n = n + ? WHERE id = ? AND n <> %d", n))
	if err != nil {
		return fmt.Errorf("PREPARE of the protocol: %w", err)
	}
	if err := st.Close(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PREPARE p FROM 'DELETE FROM notes WHERE id = ? AND n = %d'", n)); err != nil {
		return fmt.Errorf("PREPARE as text: %w", err)
	}
	return nil
}

// oldIsBack starts the killed primary, which takes writes and follows nobody.
func oldIsBack(t *testing.T, c *harness.Replicated, h *harness.Heddle, promoted int) {
	t.Helper()
	if err := c.Servers[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alarm", func() bool { return strings.Contains(h.Log(), "takes writes beside the primary") })
	db := h.Open(t, "root", "", "shop")
	exec(t, db, "INSERT INTO notes VALUES (-1, 1)")
	if n, err := c.Value(t.Context(), 0, "SELECT COUNT(*) FROM shop.notes WHERE id = -1"); err != nil || n != "0" {
		t.Errorf("the old primary has %s of the new rows: %v", n, err)
	}
	if got := value(t, db, "SELECT id FROM whoami"); got == "0" {
		t.Error("the old primary is read")
	}
	if got := value(t, db, "SELECT id FROM whoami FOR UPDATE"); got != strconv.Itoa(promoted) {
		t.Errorf("the primary is %s", got)
	}
}

// metrics has another instance look at the servers, and reads what it tells of them.
func metrics(t *testing.T, c *harness.Replicated) func() string {
	t.Helper()
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	env.Heddle(t, harness.HeddleOptions{Rules: []string{rules("{}", c)}, Set: map[string]string{"admin.address": admin}})
	return func() string {
		res, err := http.Get("http://" + admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// TestTwoPrimaries: when two servers have each what the other lacks, neither gets writes, and what is under way is ended.
func TestTwoPrimaries(t *testing.T) {
	c, h := filled(t, "{failover_wait: 1s}", 1)
	told := metrics(t, c)
	dba := h.Open(t, "dba", "", "shop")
	eventually(t, "the replica is shown as one that is read", func() bool {
		var got [5]string
		err := dba.QueryRowContext(t.Context(), "SHOW STATUS FROM READWRITE_SPLITTING RULES").Scan(&got[0], &got[1], &got[2], &got[3], &got[4])
		return err == nil && got == [5]string{"ds_0", c.Servers[1].Addr(), "ENABLED", "up", ""}
	})
	eventually(t, "the lag, and no alarm, in the metrics", func() bool {
		return strings.Contains(told(), "\nheddle_replica_lag_seconds{") && strings.Contains(told(), `heddle_replication_alarm{data_source="ds_0"} 0`)
	})
	conn := one(t, h)
	exec(t, conn, "BEGIN", "INSERT INTO notes VALUES (100, 1)")
	run(t, c, 1, c.Words.Stop)
	run(t, c, 0, "INSERT INTO shop.notes VALUES (300, 3)")
	run(t, c, 1, c.Words.Reset, "SET GLOBAL read_only=0", "INSERT INTO shop.notes VALUES (200, 2)")
	eventually(t, "the alarm", func() bool { return strings.Contains(h.Log(), "two primaries") })
	eventually(t, "the alarm, and no primary, in the metrics", func() bool {
		return strings.Contains(told(), `heddle_replication_alarm{data_source="ds_0"} 1`) && !strings.Contains(told(), `role="primary"`)
	})
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err == nil {
		t.Error("a transaction is committed")
	} else {
		t.Logf("COMMIT: %v", err)
	}
	db := h.Open(t, "root", "", "shop")
	began := time.Now()
	_, err := db.ExecContext(t.Context(), "INSERT INTO notes VALUES (400, 4)")
	if err == nil || !strings.Contains(err.Error(), "two primaries") || time.Since(began) > 3*time.Second {
		t.Errorf("a write, after %v: %v", time.Since(began), err)
	}
	for i := range c.Servers {
		n, err := c.Value(t.Context(), i, "SELECT COUNT(*) FROM shop.notes WHERE id IN (100, 400)")
		if err != nil || n != "0" {
			t.Errorf("server %d has %s of the refused rows: %v", i, n, err)
		}
	}
}

// TestPlannedSwitch: others move the primary in an orderly way; writes wait, and none fails but those under way at the cut.
func TestPlannedSwitch(t *testing.T) {
	c, h := filled(t, "{}", 2)
	const workers = 4
	acks := &acknowledged{ids: map[int]bool{}}
	writes := start(t, h, workers, acks.write)
	reads := start(t, h, 2, readNotes)
	writes.more(t, 100)
	run(t, c, 0, "FLUSH TABLES WITH READ LOCK", "SET GLOBAL read_only=1", "UNLOCK TABLES")
	caughtUp(t, c, 1, 0)
	if err := c.Free(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	writable := time.Now()
	for _, i := range []int{0, 2} {
		if err := c.Follow(t.Context(), i, 1); err != nil {
			t.Fatal(err)
		}
	}
	writes.more(t, 100)
	writes.end()
	reads.end()
	t.Logf("the first write %v after the new primary took writes; %d writes, %d failed, the longest took %v; %d reads, %d failed",
		acks.first(t, writable).Sub(writable).Round(time.Millisecond), writes.done, len(writes.failed), writes.longest.Round(time.Millisecond), reads.done, len(reads.failed))
	if len(reads.failed) > 0 {
		t.Errorf("reads failed: %q", reads.failed)
	}
	for id := range acks.ids {
		if n, err := c.Value(t.Context(), 1, "SELECT COUNT(*) FROM shop.notes WHERE id = "+strconv.Itoa(id)); err != nil || n != "1" {
			t.Fatalf("row %d was acknowledged and is there %s times: %v", id, n, err)
		}
	}
	conn := one(t, h)
	eventually(t, "the old primary is read as a replica", func() bool { return value(t, conn, "SELECT id FROM whoami") == "0" })
}
