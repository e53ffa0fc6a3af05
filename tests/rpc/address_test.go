package rpc

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestClientsOfAProxyThatEnds: clients that look into the file of addresses go to the pool while the process beside them is stopped and started
// again, and none of their calls fails.
func TestClientsOfAProxyThatEnds(t *testing.T) {
	routes := "clusters: {web: {endpoints: [\"" + server(t, says("hello")) + "\"]}}\nroutes: [{to: web}]\n"
	pool := start(t, routes)
	file := filepath.Join(t.TempDir(), "calls")
	own := start(t, routes, "rpc.address_file", file, "rpc.pool", pool.addr)
	both := own.addr + "\n" + pool.addr + "\n"
	holds := func(want string) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			text, err := os.ReadFile(file)
			if err == nil && string(text) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the file has %q, %v; want %q", text, err, want)
			}
			<-tick.C
		}
	}
	holds(both)
	var calls, here atomic.Int64
	var over atomic.Bool
	var clients sync.WaitGroup
	for range 4 {
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
		t.Cleanup(client.CloseIdleConnections)
		clients.Go(func() {
			for !over.Load() {
				text, err := os.ReadFile(file)
				for address := range strings.Lines(string(text)) {
					address = strings.TrimSpace(address)
					res, failed := client.Get("http://" + address + "/")
					if err = failed; err == nil {
						if err = res.Body.Close(); res.StatusCode != http.StatusOK {
							err = errors.New(res.Status)
						}
					}
					if err == nil {
						if address == own.addr {
							here.Add(1)
						}
						break
					}
				}
				if calls.Add(1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	more := func(n *atomic.Int64) {
		t.Helper()
		want := n.Load() + 50
		deadline := time.NewTimer(20 * time.Second)
		defer deadline.Stop()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n.Load() < want {
			select {
			case <-tick.C:
			case <-deadline.C:
				t.Fatal("no calls are answered")
			}
		}
	}
	more(&here)
	if err := own.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-own.Done()
	holds(pool.addr + "\n")
	more(&calls) // those that it has answered are counted
	was := here.Load()
	if more(&calls); here.Load() != was {
		t.Error("a process that has ended answers")
	}
	again := start(t, routes, "rpc.address", own.addr, "rpc.address_file", file, "rpc.pool", pool.addr)
	holds(both)
	more(&here)
	if err := again.Kill(); err != nil { // which nobody is told: clients try the next line
		t.Fatal(err)
	}
	more(&calls)
	over.Store(true)
	clients.Wait()
}
