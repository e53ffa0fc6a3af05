package balance

import (
	"slices"
	"sync/atomic"
)

// leastActive takes the endpoint that has least to do for its weight; of equals one after the other. Properties: none.
type leastActive struct {
	endpoints []Endpoint
	next      atomic.Uint64
}

func newLeastActive(p Properties, endpoints []Endpoint) (Picker, error) {
	return &leastActive{endpoints: slices.Clone(endpoints)}, p.only()
}

// Pick implements Picker.
func (l *leastActive) Pick() int {
	return lowest(l.endpoints, l.next.Add(1), func(e *Endpoint) float64 {
		return float64(e.Load.Active()+1) / float64(e.weight())
	})
}

// lowest is the endpoint of the lowest cost; of equals the first from the place from on.
func lowest(endpoints []Endpoint, from uint64, cost func(*Endpoint) float64) int {
	n := uint64(len(endpoints))
	best, least := -1, 0.0
	for k := range n {
		i := int((from + k) % n)
		if c := cost(&endpoints[i]); best < 0 || c < least {
			best, least = i, c
		}
	}
	return best
}
