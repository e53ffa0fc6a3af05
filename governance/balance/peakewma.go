package balance

import (
	"slices"
	"sync/atomic"
	"time"
)

// peakEWMA takes the endpoint where waiting is shortest by what its answers took of late, of which a slow one counts at once and
// is forgotten in seconds, and by what it has to do (Finagle's "peak EWMA"). One that nothing is known of is tried, with one thing at
// a time while others are known.
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

// unknown is what an endpoint takes that has not answered yet: more than any other.
const unknown = float64(time.Hour)

// Pick implements Picker.
func (b *peakEWMA) Pick() int {
	now := int64(time.Since(start))
	return lowest(b.endpoints, b.next.Add(1), func(e *Endpoint) float64 {
		took, active := e.Load.latency(now), e.Load.Active()
		if took == 0 && active > 0 {
			took = unknown
		}
		return max(took, least) * float64(active+1) / float64(e.weight())
	})
}
