package fault

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A shard's server stands still, and more clients than the pools have places for ask all shards. Those who need the other shard alone are
// served all the while: they wait for the places that those hold who were there when it began, and for no more. Who needs the frozen one is told
// within the bound, then at once; when it goes on, it is found by itself.
func TestHangingServerStarvesNobody(t *testing.T) {
	h := startHeddleWith(t, map[string]string{"pool.max": "8", "pool.wait_timeout": "20s", "pool.hang_timeout": "2s"}, env.Shards[0].Addr(), env.Shards[1].Addr())
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	here := count(t, shards(t)[0], "SELECT MIN(id) FROM accounts")
	there := count(t, shards(t)[1], "SELECT MIN(id) FROM accounts")
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }()
	db.SetMaxIdleConns(32)
	client := func(query string, id any, note func(time.Duration, error)) {
		work.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				var v int
				err := db.QueryRowContext(ctx, query, id).Scan(&v)
				if ctx.Err() == nil {
					note(time.Since(began), err)
				}
			}
		})
	}
	var mu sync.Mutex
	var served, toldOfAll, refused int
	var failures []string
	var longest time.Duration
	for range 12 {
		client("SELECT SUM(v) FROM accounts WHERE id > ?", 0, func(took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				toldOfAll++
				if took < time.Second {
					refused++
				}
				if !strings.Contains(err.Error(), "ds_1") {
					failures = append(failures, "of all shards: "+err.Error())
				}
			}
		})
	}
	for range 3 {
		client("SELECT v FROM accounts WHERE id = ?", here, func(took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			served++
			longest = max(longest, took)
			if err != nil {
				failures = append(failures, "of the other shard: "+err.Error())
			}
		})
	}
	is := func(n *int, from int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return *n >= from }
	}
	eventually(t, "clients are served", is(&served, 100))
	if err := env.Shards[1].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	frozen := true
	defer func() {
		if frozen {
			_ = env.Shards[1].Signal(syscall.SIGCONT)
		}
	}()
	eventually(t, "those who need the frozen server are told", is(&toldOfAll, 8))
	eventually(t, "they are told at once", is(&refused, 20))
	mu.Lock()
	beside, wait := served, longest
	longest = 0
	mu.Unlock()
	eventually(t, "the others are served", is(&served, beside+60))
	mu.Lock()
	afterwards := longest
	mu.Unlock()
	if err := env.Shards[1].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	frozen = false
	eventually(t, "the server is found again", func() bool {
		var v int
		return db.QueryRowContext(t.Context(), "SELECT v FROM accounts WHERE id = ?", there).Scan(&v) == nil
	})
	stop()
	work.Wait()
	t.Logf("while the other server is frozen the longest statement took %v, and once it is known %v; %d statements were told, %d of them at once", wait, afterwards, toldOfAll, refused)
	if len(failures) > 0 {
		t.Errorf("%d wrong: %q", len(failures), failures[:min(len(failures), 3)])
	}
	if wait > 10*time.Second || afterwards > 5*time.Second {
		t.Errorf("statements that do not need it took %v, and then %v", wait, afterwards)
	}
}
