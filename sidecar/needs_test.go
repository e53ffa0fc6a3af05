package sidecar

import (
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

func TestConditions(t *testing.T) {
	pool := func(name, endpoint string) backend.Stats {
		return backend.Stats{DataSource: name, Endpoint: endpoint, Served: &backend.Served{}}
	}
	pools := []backend.Stats{pool("a", "1"), pool("a", "2"), pool("b", "3")}
	answer := func(i, times int, took time.Duration) {
		for range times {
			pools[i].Served.Times.Add(took)
			pools[i].Served.Took.Add(int64(took))
		}
	}
	c := &conditions{}
	look := func(what string, want map[string]rpc.Condition) {
		t.Helper()
		got := c.look(pools)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s: %s is %+v, not %+v", what, name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: they are %+v", what, got)
		}
	}
	answer(0, 100, time.Second)
	look("at first nothing is known", map[string]rpc.Condition{"a": {}, "b": {}})
	answer(0, 3, 10*time.Millisecond)
	answer(1, 1, 30*time.Millisecond)
	pools[2].Waits, pools[2].Waited = 4, 20*time.Millisecond
	answer(2, 1, time.Millisecond)
	look("both servers count, and the wait for a connection", map[string]rpc.Condition{"a": {Took: 15 * time.Millisecond}, "b": {Took: 6 * time.Millisecond}})
	pools[0].Down, pools[0].LastError = true, "it refuses"
	pools[2].Down, pools[2].LastError = true, "it hangs"
	look("one is down when all of its servers are", map[string]rpc.Condition{"a": {}, "b": {Down: "it hangs"}})
	pools[1] = pool("a", "2") // made anew
	look("what a new pool has counted is no difference", map[string]rpc.Condition{"a": {}, "b": {Down: "it hangs"}})
}
