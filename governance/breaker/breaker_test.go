package breaker

import (
	"testing"
	"time"
)

var rule = Rule{Share: 50, Least: 10, Window: 10 * time.Second, Open: 5 * time.Second, Probes: 2}

// at is a moment so many seconds after the first.
func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func opened(t *testing.T) *Breaker {
	t.Helper()
	b := New(rule)
	for i := range 10 {
		if b.Done(at(0), Failed) != (i == 9) {
			t.Fatalf("the failure %d decides otherwise", i+1)
		}
	}
	return b
}

func TestItOpensAtAShareOfEnough(t *testing.T) {
	b := New(rule)
	for range 9 {
		b.Done(at(0), Failed)
	}
	if !b.Closed() {
		t.Error("it opens at fewer than the least")
	}
	for range 10 {
		b.Done(at(1), Good)
		b.Done(at(1), Unknown)
	}
	if b.Done(at(2), Failed) != true || b.Closed() { // 10 of 20
		t.Error("half of twenty do not open it")
	}
	if until, why := b.Open(); !until.Equal(at(7)) || why != "10 of 20 failed within 10s" {
		t.Errorf("open until %v, %q", until, why)
	}
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	b := New(rule)
	for range 9 {
		b.Done(at(0), Failed)
	}
	if b.Done(at(11), Failed) {
		t.Error("it opens by what is older than the window")
	}
	for range 8 {
		b.Done(at(19), Failed)
	}
	if !b.Done(at(20), Failed) {
		t.Error("it does not open by what is within the window")
	}
}

func TestProbesDecide(t *testing.T) {
	b := opened(t)
	b.Done(at(1), Good) // which began before
	if b.Allow(at(4.9)) {
		t.Error("work goes through while it is open")
	}
	if !b.Allow(at(5)) || !b.Allow(at(5)) || b.Allow(at(5)) {
		t.Error("there are not two probes")
	}
	if !b.Done(at(5.5), Failed) || b.Allow(at(10)) || !b.Allow(at(10.5)) {
		t.Error("a probe that fails does not open it again")
	}
	if b.Done(at(11), Good) || b.Closed() {
		t.Error("one probe of two closes it")
	}
	if !b.Allow(at(11)) || !b.Done(at(11), Good) || !b.Closed() {
		t.Error("probes that succeed do not close it")
	}
	if b.Done(at(11), Failed) {
		t.Error("what failed before it opened is still counted")
	}
}

func TestProbesThatAreNeverHeardOf(t *testing.T) {
	b := opened(t)
	if !b.Allow(at(5)) || !b.Allow(at(5)) || b.Allow(at(9.9)) {
		t.Error("there are not two probes")
	}
	if !b.Allow(at(10)) {
		t.Error("probes that are lost hold it open for ever")
	}
	b.Done(at(10), Unknown)
	if !b.Allow(at(10)) || !b.Allow(at(10)) || b.Allow(at(10)) {
		t.Error("a probe that was given up keeps its place")
	}
}
