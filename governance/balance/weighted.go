package balance

import (
	"slices"
	"sync/atomic"
)

// weighted gives each endpoint its share by weight, evenly spread: the multiples of the golden ratio leave no long run to
// one of them, and need no list as long as the sum of the weights. Properties: none.
type weighted struct {
	upto []uint64 // sums of the weights
	next atomic.Uint32
}

// golden is 2^32 divided by the golden ratio.
const golden = 2654435769

func newWeighted(p Properties, endpoints []Endpoint) (Picker, error) {
	w := &weighted{}
	var sum uint64
	for i := range endpoints {
		sum += uint64(endpoints[i].weight())
		w.upto = append(w.upto, sum)
	}
	return w, p.only()
}

// Pick implements Picker.
func (w *weighted) Pick() int {
	at := uint64(w.next.Add(1)*golden) * w.upto[len(w.upto)-1] >> 32
	i, exact := slices.BinarySearch(w.upto, at)
	if exact {
		i++ // at belongs to the next one
	}
	return i
}
