package histogram

import (
	"testing"
	"time"
)

// A histogram's quantiles are within a sixteenth, whatever the size of what is counted.
func TestQuantiles(t *testing.T) {
	for _, unit := range []time.Duration{3 * time.Microsecond, 700 * time.Microsecond, 90 * time.Millisecond} {
		var h Histogram
		for i := 1; i <= 1000; i++ {
			h.Add(time.Duration(i) * unit)
		}
		counts, total := h.Read()
		for q, want := range map[float64]time.Duration{.5: 500 * unit, .99: 990 * unit, .999: 999 * unit} {
			got := counts.Quantile(total, q)
			if off := float64(got-want) / float64(want); off > 1./15 || off < -1./15 {
				t.Errorf("quantile %v of 1 to 1000 times %v is %v", q, unit, got)
			}
		}
	}
	var h Histogram
	h.Add(time.Nanosecond)
	h.Add(300 * time.Hour) // past the last bucket
	if _, total := h.Read(); total != 2 {
		t.Errorf("%d of 2 durations are counted", total)
	}
}
