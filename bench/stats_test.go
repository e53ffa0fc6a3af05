package main

import (
	"testing"

	"github.com/heddle-mesh/heddle/bench/meter"
)

// Ratios are made within rounds: a round in which everything was slow does not widen them.
func TestAgainstDividesRoundByRound(t *testing.T) {
	mine := []measurement{{QPS: 50}, {QPS: 5}, {QPS: 500}}
	other := []measurement{{QPS: 100}, {QPS: 10}, {QPS: 1000}}
	if got, want := against(mine, other, qps), (meter.Spread{Median: 0.5, Low: 0.5, High: 0.5}); got != want {
		t.Errorf("ratios %v, want %v", got, want)
	}
	if got := against(mine, []measurement{{}, {}, {}}, qps); got != (meter.Spread{}) {
		t.Errorf("ratios to nothing: %v", got)
	}
	if got, want := over([]measurement{{P50: 30}, {P50: 50}}, []measurement{{P50: 10}, {P50: 20}}, p50), (meter.Spread{Median: 25, Low: 20, High: 30}); got != want {
		t.Errorf("differences %v, want %v", got, want)
	}
}

func TestPercentiles(t *testing.T) {
	a, b := &worker{}, &worker{}
	for i := range 100 {
		w := a
		if i%2 == 0 {
			w = b
		}
		w.took = append(w.took, uint32(1000*(100-i)))
	}
	if median, high := percentiles([]*worker{a, b}); median != 51 || high != 100 {
		t.Errorf("median %v, 99th percentile %v of 1…100", median, high)
	}
}

// HAProxy has its columns where it was measured, and none of blanks where it was not.
func TestComparedWithHAProxy(t *testing.T) {
	l := &load{Targets: []*result{{Name: haproxy, Rounds: []measurement{{QPS: 100, CPU: 1}}}, {Name: passing, Rounds: []measurement{{QPS: 80, CPU: 2}}}}}
	l.sum()
	all := l.figures()
	if got, want := l.Targets[1].ToProxy, (meter.Spread{Median: 0.8, Low: 0.8, High: 0.8}); got != want {
		t.Errorf("÷ haproxy %v, want %v", got, want)
	}
	l.Targets = l.Targets[1:]
	l.sum()
	if without := l.figures(); len(all)-len(without) != 2 {
		t.Errorf("%d columns with HAProxy, %d without", len(all), len(without))
	}
}

// What is sharded is compared with what is not of the same process, round by round.
func TestComparedWithItsOwn(t *testing.T) {
	l := &load{Targets: []*result{
		{Name: passing + "@xa", Rounds: []measurement{{QPS: 100, CPU: 10}, {QPS: 10, CPU: 20}}},
		{Name: sharding + "@xa", Rounds: []measurement{{QPS: 60, CPU: 15}, {QPS: 6, CPU: 30}}},
		{Name: passing + "@local", Rounds: []measurement{{QPS: 1, CPU: 1}, {QPS: 1, CPU: 1}}},
	}}
	l.sum()
	same := func(v float64) meter.Spread { return meter.Spread{Median: v, Low: v, High: v} }
	if x := l.Targets[1]; x.ToOwn != same(0.6) || x.CPUToOwn != same(1.5) {
		t.Errorf("÷ heddle %v, CPU %v", x.ToOwn, x.CPUToOwn)
	}
	if x := l.Targets[0]; x.ToOwn != (meter.Spread{}) {
		t.Errorf("heddle is compared with itself: %v", x.ToOwn)
	}
}
