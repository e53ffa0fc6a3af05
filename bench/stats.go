package main

import "slices"

// spread is a figure of several rounds.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// spreadOf is the median and the extremes; the zero value for none.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return spread{mid, v[0], v[len(v)-1]}
}

// against divides a target's figure by another's round by round, so that what slowed the whole machine in a round
// slowed both.
func against(mine, other []measurement, figure func(measurement) float64) spread {
	var ratios []float64
	for i := range min(len(mine), len(other)) {
		if d := figure(other[i]); d > 0 {
			ratios = append(ratios, figure(mine[i])/d)
		}
	}
	return spreadOf(ratios)
}

// over subtracts, for latencies.
func over(mine, other []measurement, figure func(measurement) float64) spread {
	var added []float64
	for i := range min(len(mine), len(other)) {
		added = append(added, figure(mine[i])-figure(other[i]))
	}
	return spreadOf(added)
}

// The figures of a measurement.
func qps(m measurement) float64      { return m.QPS }
func cpu(m measurement) float64      { return m.CPU }
func syscalls(m measurement) float64 { return m.Syscalls }
func p50(m measurement) float64      { return m.P50 }
func p99(m measurement) float64      { return m.P99 }
