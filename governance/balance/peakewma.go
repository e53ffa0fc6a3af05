package balance

import (
	"slices"
	"sync/atomic"
	"time"
)

// peakEWMA takes the endpoint where waiting is shortest by what its answers took of late, of which a slow one counts at once and
// is forgotten in seconds, and by what it has to do (Finagle's "peak EWMA"). One that nothing is known of is tried.
// Properties: none.
type peakEWMA struct {
	endpoints []Endpoint
	next      atomic.Uint64
}

func newPeakEWMA(p Properties, endpoints []Endpoint) (Picker, error) {
	return &peakEWMA{endpoints: slices.Clone(endpoints)}, p.only()
}

// least is what any answer takes: below it endpoints are told apart by what they have to do.
const least = float64(100 * time.Microsecond)

// Pick implements Picker.
func (b *peakEWMA) Pick() int {
	now := int64(time.Since(start))
	return lowest(b.endpoints, b.next.Add(1), func(e *Endpoint) float64 {
		return max(e.Load.latency(now), least) * float64(e.Load.Active()+1) / float64(e.weight())
	})
}
