// Package histogram counts durations in fixed buckets: without a lock, an allocation or a setting. It is no metrics library: what
// reads one decides how it is shown. Level: internal.
package histogram

import (
	"iter"
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram's buckets are an eighth of a power of two wide, from 1 µs to 17 minutes: what is read from one is off by
// a sixteenth at most. They are fixed, so that adding is one atomic addition and two histograms can be summed.
const (
	subBits  = 3
	minShift = 10 // 1.024 µs
	octaves  = 30
	buckets  = octaves << subBits
)

// Histogram is a distribution of durations. The zero value is empty; any goroutine may use it.
type Histogram [buckets]atomic.Uint64

// bucket is where a duration is counted.
func bucket(d time.Duration) int {
	if d < 1<<minShift {
		return 0
	}
	top := bits.Len64(uint64(d)) - 1
	sub := int(d>>(top-subBits)) & (1<<subBits - 1)
	return min((top-minShift)<<subBits+sub, buckets-1)
}

// middle is the duration that stands for a bucket.
func middle(i int) time.Duration {
	top, sub := i>>subBits+minShift, i&(1<<subBits-1)
	width := time.Duration(1) << (top - subBits)
	return 1<<top + time.Duration(sub)*width + width/2
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) { h[bucket(d)].Add(1) }

// Counts is a copy of a histogram to compute with.
type Counts [buckets]uint64

// Read copies the histogram and says how many durations it has.
func (h *Histogram) Read() (c Counts, total uint64) {
	for i := range h {
		c[i] = h[i].Load()
		total += c[i]
	}
	return c, total
}

// Quantile is the duration that the share q of all does not exceed, to a sixteenth; 0 of an empty histogram.
func (c *Counts) Quantile(total uint64, q float64) time.Duration {
	if total == 0 {
		return 0
	}
	rank := uint64(q * float64(total))
	var seen uint64
	for i, n := range c {
		if seen += n; seen > rank {
			return middle(i)
		}
	}
	return middle(buckets - 1)
}

// Cumulative goes over the powers of two from 128 µs to 68 s, each with how many durations are shorter.
func (c *Counts) Cumulative() iter.Seq2[time.Duration, uint64] {
	return func(yield func(time.Duration, uint64) bool) {
		var total uint64
		for octave := range octaves {
			for sub := range 1 << subBits {
				total += c[octave<<subBits+sub]
			}
			bound := time.Duration(1) << (octave + minShift + 1)
			if bound >= 1<<17 && bound <= 1<<36 && !yield(bound, total) {
				return
			}
		}
	}
}
