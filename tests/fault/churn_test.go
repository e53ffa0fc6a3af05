package fault

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// What a thousand clients may leave in the heap: less than a quarter of what one holds while it is connected, for each.
const leftInHeap = 4 << 20 // bytes

// held is what a heddle holds. Descriptors are without those of the pools, which keep their connections for the next.
type held struct{ goroutines, descriptors, used, heap float64 }

func (h held) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.0f connections to servers in use, heap %.1f MiB", h.goroutines, h.descriptors, h.used, h.heap/(1<<20))
}

func holds(t *testing.T, admin string) (h held) {
	t.Helper()
	if code, body := get(t, admin, "/debug/pprof/heap?gc=1"); code != 200 { // it collects garbage
		t.Fatalf("%d %s", code, body)
	}
	h = held{goroutines: float64(goroutines(t, admin)), descriptors: metric(t, admin, "process_open_fds"), heap: metric(t, admin, "go_memstats_heap_alloc_bytes")}
	for i := range 2 {
		used := metric(t, admin, fmt.Sprintf(`heddle_pool_connections{data_source="ds_%d",state="in use"}`, i))
		h.used += used
		h.descriptors -= used + metric(t, admin, fmt.Sprintf(`heddle_pool_connections{data_source="ds_%d",state="idle"}`, i))
	}
	return h
}

// comeAndGo has clients connect, sixteen at a time. Some say goodbye, some are gone in the middle of a transaction, by RST, and some
// never log in.
func comeAndGo(addr string, clients int) error {
	var g errgroup.Group
	g.SetLimit(16)
	for i := range clients {
		g.Go(func() error {
			if i%10 == 9 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return err
				}
				return c.Close()
			}
			c, err := dialRaw(addr, "shop", 30*time.Second)
			if err != nil {
				return err
			}
			for _, q := range []string{"SET NAMES utf8mb4", fmt.Sprint("SELECT v FROM accounts WHERE id = ", 1+i%40), "BEGIN", "SELECT SUM(v) FROM accounts"} {
				_, failed := c.query(q)
				err = errors.Join(err, failed)
			}
			if i%3 == 0 {
				_ = c.framed.Conn.(*net.TCPConn).SetLinger(0)
				return errors.Join(err, c.framed.Conn.Close())
			}
			c.close()
			return err
		})
	}
	return g.Wait()
}

// Clients that come and go leave no goroutine, no descriptor, no connection to a server in use, and no memory.
func TestClientsLeaveNothing(t *testing.T) {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	h := startHeddleWith(t, map[string]string{"admin.address": admin, "transactions.type": "local", "pool.max": "32", "pool.wait_timeout": "30s"}, addrs()...)
	db := h.Open(t, "root", "", "shop")
	fill(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := comeAndGo(h.Addr, 100); err != nil { // what the process makes once
		t.Fatal(err)
	}
	gone := func() bool {
		return holds(t, admin).used == 0 && metric(t, admin, `heddle_sessions{state="idle"}`) == 0 && metric(t, admin, `heddle_sessions{state="running"}`) == 0
	}
	settles(t, gone, func() string {
		return fmt.Sprintf("the first hundred are not gone: %v", holds(t, admin))
	})
	base := holds(t, admin)
	if err := comeAndGo(h.Addr, 1000); err != nil {
		t.Fatal(err)
	}
	var now held
	settles(t, func() bool {
		now = holds(t, admin)
		return now.used == 0 && now.goroutines <= base.goroutines && now.descriptors <= base.descriptors && now.heap <= base.heap+leftInHeap
	}, func() string { return fmt.Sprintf("after 1,000 clients %v; before %v", now, base) })
}
