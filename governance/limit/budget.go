package limit

import (
	"sync"
	"time"
)

// Budget bounds what is tried again to a share of what is tried first: whoever is overloaded is not sent a multiple. Any goroutine may
// call its methods.
type Budget struct {
	share float64 // of first tries that may be tried again
	rate  Rate    // of tries again that there are whatever the load

	mu    sync.Mutex
	earnt float64
	free  tokens
}

// reserve is how many tries again may be saved up, so that no long quiet is followed by a storm.
const reserve = 100

// NewBudget returns one for a share in per cent, with so many a second more, which a service of few calls needs.
func NewBudget(percent int, perSecond float64) *Budget {
	return &Budget{share: float64(percent) / 100, rate: Rate{PerSecond: perSecond, Burst: max(perSecond, 1)}}
}

// First notes a first try.
func (b *Budget) First() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.earnt = min(b.earnt+b.share, reserve)
}

// Again says whether another try may be made, and takes it from the budget.
func (b *Budget) Again(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	const whole = 1 - 1e-9 // what was summed up of shares
	if b.earnt >= whole {
		b.earnt--
		return true
	}
	return b.rate.PerSecond > 0 && b.free.take(b.rate, now) == 0
}
