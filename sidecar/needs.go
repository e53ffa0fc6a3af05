package sidecar

import (
	"time"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

// tellEvery is how often calls are told of the data sources that they need.
const tellEvery = time.Second

// conditions are made of what pools have counted, from one look to the next.
type conditions struct{ last map[[2]string]asked }

// asked is what a pool has counted of its server.
type asked struct {
	answers, waits uint64
	took, waited   time.Duration
}

// look says how each data source has done since the last look. One of several servers is down when all of them are.
func (c *conditions) look(pools []backend.Stats) map[string]rpc.Condition {
	next := map[[2]string]asked{}
	sums, down, up := map[string]asked{}, map[string]string{}, map[string]bool{}
	for i := range pools {
		s := &pools[i]
		_, answers := s.Served.Times.Read()
		is := asked{answers, uint64(s.Waits), time.Duration(s.Served.Took.Load()), s.Waited}
		key := [2]string{s.DataSource, s.Endpoint}
		next[key] = is
		if s.Down {
			down[s.DataSource] = s.LastError
		} else {
			up[s.DataSource] = true
		}
		sum := sums[s.DataSource]
		if was, known := c.last[key]; known && is.answers >= was.answers && is.waits >= was.waits { // else its pool is new
			sum.answers += is.answers - was.answers
			sum.waits += is.waits - was.waits
			sum.took += is.took - was.took
			sum.waited += is.waited - was.waited
		}
		sums[s.DataSource] = sum
	}
	c.last = next
	out := map[string]rpc.Condition{}
	for name, sum := range sums {
		is := rpc.Condition{}
		if !up[name] {
			is.Down = down[name]
		}
		if sum.answers > 0 {
			is.Took = sum.took / time.Duration(sum.answers)
		}
		if sum.waits > 0 {
			is.Took += sum.waited / time.Duration(sum.waits)
		}
		out[name] = is
	}
	return out
}

// tellCalls tells calls of the data sources that they need, until stop is closed.
func (p *Process) tellCalls(stop <-chan struct{}) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	c := &conditions{}
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if calls := p.calls.Load(); calls != nil && calls.server.Needs() {
			calls.server.Tell(c.look(p.pools.Stats()))
		}
	}
}
