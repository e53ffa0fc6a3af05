// Package meter is what the benches have in common: what a process uses, and how figures of several rounds are told. It
// starts nothing and prints nothing. Level: bench.
package meter

import (
	"fmt"
	"slices"
)

// Spread is a figure of several rounds.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// SpreadOf is the median and the extremes; the zero value for none.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return Spread{mid, v[0], v[len(v)-1]}
}

// Format tells the median and the extremes by a verb for one number; nothing for the zero value.
func (s Spread) Format(verb string) string {
	if s == (Spread{}) {
		return ""
	}
	return fmt.Sprintf(verb+" ("+verb+"–"+verb+")", s.Median, s.Low, s.High)
}
