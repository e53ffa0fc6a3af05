package main

import "github.com/heddle-mesh/heddle/bench/meter"

// against divides a target's figure by another's round by round, so that what slowed the whole machine in a round
// slowed both.
func against(mine, other []measurement, figure func(measurement) float64) meter.Spread {
	var ratios []float64
	for i := range min(len(mine), len(other)) {
		if d := figure(other[i]); d > 0 {
			ratios = append(ratios, figure(mine[i])/d)
		}
	}
	return meter.SpreadOf(ratios)
}

// over subtracts, for latencies.
func over(mine, other []measurement, figure func(measurement) float64) meter.Spread {
	var added []float64
	for i := range min(len(mine), len(other)) {
		added = append(added, figure(mine[i])-figure(other[i]))
	}
	return meter.SpreadOf(added)
}

// The figures of a measurement.
func qps(m measurement) float64      { return m.QPS }
func cpu(m measurement) float64      { return m.CPU }
func syscalls(m measurement) float64 { return m.Syscalls }
func allCalls(m measurement) float64 { return m.AllCalls }
func p50(m measurement) float64      { return m.P50 }
func p99(m measurement) float64      { return m.P99 }
