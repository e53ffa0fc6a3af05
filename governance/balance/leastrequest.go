package balance

import (
	"math/rand/v2"
	"slices"
)

// leastRequest takes two endpoints by chance and of these the one that has less to do for its weight. It looks at no more than
// two however many there are, and instances that know nothing of each other do not all run to the same one ("the power of two choices").
// Properties: none.
type leastRequest struct {
	endpoints []Endpoint
}

func newLeastRequest(p Properties, endpoints []Endpoint) (Picker, error) {
	return &leastRequest{slices.Clone(endpoints)}, p.only()
}

// Pick implements Picker.
func (l *leastRequest) Pick() int {
	n := len(l.endpoints)
	if n == 1 {
		return 0
	}
	a, b := rand.IntN(n), rand.IntN(n-1)
	if b >= a {
		b++
	}
	cost := func(i int) float64 {
		e := &l.endpoints[i]
		return float64(e.Load.Active()+1) / float64(e.weight())
	}
	if cost(b) < cost(a) {
		return b
	}
	return a
}
