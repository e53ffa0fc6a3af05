package mesh

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// watched counts a lab's connections on a server, again and again.
type watched struct {
	mu        sync.Mutex // guards what follows
	now, most int        // most: that were there in five counts one after the other, so that those just being closed do not count
}

// watch counts the connections of the instances to a server until the test ends.
func (l *lab) watch(server *sql.DB) *watched {
	w := &watched{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		var last [5]int
		for i := 0; ctx.Err() == nil; i, _ = i+1, <-tick.C {
			n := 0
			err := server.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = ?", l.database).Scan(&n)
			if err != nil && !errors.Is(err, context.Canceled) {
				l.t.Error(err)
				return
			}
			last[i%len(last)] = n
			least := n
			for _, k := range last {
				least = min(least, k)
			}
			w.mu.Lock()
			w.now, w.most = n, max(w.most, least)
			w.mu.Unlock()
		}
	}()
	l.t.Cleanup(func() { cancel(); <-ended })
	return w
}

// crowd has many clients of an instance ask a server at once, until stop, which reports how many statements ran; none may fail.
func (l *lab) crowd(db *sql.DB) (stop func() int) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var all sync.WaitGroup
	counts := make([]int, 40)
	for i := range counts {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := db.ExecContext(l.t.Context(), "SELECT SLEEP(0.01) FROM t"); err != nil {
					l.t.Errorf("after %d statements: %v", counts[i], err)
					return
				}
				counts[i]++
			}
		})
	}
	return func() (sum int) {
		cancel()
		all.Wait()
		for _, n := range counts {
			sum += n
		}
		return sum
	}
}

// TestConnectionsAreSharedOut has instances under load come, lose the store, and go: all together keep to the budget of each server, and
// each takes its part.
func TestConnectionsAreSharedOut(t *testing.T) {
	t.Parallel()
	const budget = 24
	etcd := newEtcd(t)
	l := newLab(t, etcd.now.Endpoint())
	l.administered()
	l.apply(strings.ReplaceAll(l.rules(""), "\"}\n", fmt.Sprintf("\", pool: {budget: %d, least: 2}}\n", budget)))
	server := harness.Open(t, env.Shards[0].Config(""))
	w := l.watch(server)
	var stops []func() int
	begin := func(name string) *harness.Heddle {
		h, err := env.StartHeddle(t.Context(), l.options(name, ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log of %s:\n%s", name, h.Log())
			}
		})
		t.Cleanup(func() { _ = h.Close() }) // again, where the test has ended it
		db := l.open(h)
		db.SetMaxOpenConns(40)
		if name == "a" {
			l.create(db)
			says(t, db, "INSERT INTO t (id, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4)", 0, "")
		}
		stops = append(stops, l.crowd(db))
		return h
	}
	a := begin("a")
	dba := a.Open(t, "dba", "", "heddle")
	parts := func(n int, names ...string) {
		t.Helper()
		var want []string
		for _, name := range names {
			want = append(want, fmt.Sprintf("%s|%d", name, n))
		}
		eventually(t, 30*time.Second, fmt.Sprintf("%d connections for each of %v", n, names), func() bool {
			got := rowsOf(t, dba, "SELECT instance, max_open FROM pools WHERE data_source = 'ds_0' ORDER BY instance")
			return strings.Join(got, ",") == strings.Join(want, ",")
		})
		eventually(t, 30*time.Second, "the budget is used", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now == n*len(names)
		})
	}
	parts(24, "a")
	begin("b")
	parts(12, "a", "b")
	c := begin("c")
	parts(8, "a", "b", "c")
	etcd.stop()
	eventually(t, 30*time.Second, "an instance without the store", func() bool { return strings.Contains(a.Log(), "store away") })
	parts(8, "a", "b", "c")
	etcd.start()
	eventually(t, 30*time.Second, "c reaches the store", func() bool { return strings.Contains(c.Log(), "the store is reached again") })
	if n := stops[2](); n == 0 {
		t.Error("nothing ran on c")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	parts(12, "a", "b")
	for _, stop := range stops[:2] {
		if n := stop(); n == 0 {
			t.Error("nothing ran")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.most > budget {
		t.Errorf("%d connections of a budget of %d", w.most, budget)
	}
}
