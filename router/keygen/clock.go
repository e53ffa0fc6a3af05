package keygen

import (
	"context"
	"time"
)

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now implements Clock. The monotonic reading is dropped: keys must not outlive a clock that was set back unseen.
func (SystemClock) Now() time.Time { return time.Now().Round(0) }

// Sleep implements Clock.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
