package hedge

import (
	"testing"
	"time"
)

func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		quantile float64
		want     time.Duration
	}{{50, 500 * time.Millisecond}, {90, 900 * time.Millisecond}, {99, 990 * time.Millisecond}, {1, 10 * time.Millisecond}} {
		h := New(Rule{Quantile: c.quantile, Percent: 10})
		for i := range 1000 {
			h.Took(at(float64(i)/1000), time.Duration((i*7919)%1000+1)*time.Millisecond)
		}
		if got := h.After(); got < c.want*4/5 || got > c.want*5/4 {
			t.Errorf("%v per cent are below %v, want %v", c.quantile, got, c.want)
		}
	}
}

func TestFewSayNothing(t *testing.T) {
	h := New(Rule{Quantile: 50, Percent: 10})
	for i := range least - 1 {
		h.Took(at(0), time.Second)
		if h.After() != 0 {
			t.Fatalf("%d say %v", i+1, h.After())
		}
	}
	if h.Took(at(0), time.Second); h.After() == 0 {
		t.Error("enough say nothing")
	}
}

// What is old is forgotten.
func TestForgets(t *testing.T) {
	h := New(Rule{Quantile: 90, Percent: 10})
	for i := range 1000 {
		h.Took(at(float64(i)/100), time.Second)
	}
	for i := range 3000 {
		h.Took(at(10+float64(i)/100), time.Millisecond)
	}
	if got := h.After(); got > 2*time.Millisecond {
		t.Errorf("after half a minute it is %v", got)
	}
	h.Took(at(100), time.Millisecond)
	if h.After() != 0 {
		t.Errorf("one of the last minute says %v", h.After())
	}
}

func TestFixedAndBudget(t *testing.T) {
	h := New(Rule{After: time.Second, Percent: 10})
	h.Took(at(0), time.Millisecond)
	if h.After() != time.Second {
		t.Errorf("it is %v", h.After())
	}
	again := 0
	for range 1000 {
		h.First()
		if h.Again() {
			again++
		}
	}
	if again != 100 {
		t.Errorf("of 1000 %d are begun twice", again)
	}
}
