package balance

import "sync/atomic"

// roundRobin takes one endpoint after the other. Properties: none.
type roundRobin struct {
	n    uint64
	next atomic.Uint64
}

func newRoundRobin(p Properties, endpoints []Endpoint) (Picker, error) {
	return &roundRobin{n: uint64(len(endpoints))}, p.only()
}

// Pick implements Picker.
func (r *roundRobin) Pick() int { return int((r.next.Add(1) - 1) % r.n) }
