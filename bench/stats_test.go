package main

import (
	"slices"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 4}, spread{4, 1, 9}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		values := slices.Clone(c.values)
		if got := spreadOf(values); got != c.want {
			t.Errorf("spreadOf(%v) = %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(values, c.values) {
			t.Errorf("spreadOf has changed its argument %v into %v", c.values, values)
		}
	}
}

// Ratios are made within rounds: a round in which everything was slow does not widen them.
func TestAgainstDividesRoundByRound(t *testing.T) {
	mine := []measurement{{QPS: 50}, {QPS: 5}, {QPS: 500}}
	other := []measurement{{QPS: 100}, {QPS: 10}, {QPS: 1000}}
	if got, want := against(mine, other, qps), (spread{0.5, 0.5, 0.5}); got != want {
		t.Errorf("ratios %v, want %v", got, want)
	}
	if got := against(mine, []measurement{{}, {}, {}}, qps); got != (spread{}) {
		t.Errorf("ratios to nothing: %v", got)
	}
	if got, want := over([]measurement{{P50: 30}, {P50: 50}}, []measurement{{P50: 10}, {P50: 20}}, p50), (spread{25, 20, 30}); got != want {
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
