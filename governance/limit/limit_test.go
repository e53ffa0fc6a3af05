package limit

import (
	"bytes"
	"strconv"
	"testing"
	"time"
)

func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestRate(t *testing.T) {
	k := NewKeyed(Rate{PerSecond: 10, Burst: 3}, 100)
	take := func(key string, seconds float64) time.Duration { return k.Take([]byte(key), at(seconds)) }
	for i := range 3 {
		if wait := take("a", 0); wait != 0 {
			t.Errorf("number %d of a burst waits %v", i, wait)
		}
	}
	if wait := take("a", 0); wait != 100*time.Millisecond {
		t.Errorf("one more waits %v", wait)
	}
	if wait := take("b", 0); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	if wait := take("a", 0.05); wait < 49*time.Millisecond || wait > 51*time.Millisecond {
		t.Errorf("half way it waits %v", wait)
	}
	passed := 0
	for i := range 1000 {
		if take("a", 1+float64(i)/100) == 0 { // ten seconds of a hundred each
			passed++
		}
	}
	if passed < 101 || passed > 103 {
		t.Errorf("%d passed in ten seconds", passed)
	}
}

func TestKeysAreBounded(t *testing.T) {
	k := NewKeyed(Rate{PerSecond: 1, Burst: 1}, 10)
	for i := range 10 {
		k.Take([]byte(strconv.Itoa(i)), at(0))
	}
	if k.Take([]byte("x"), at(0.5)) != 0 || k.Take([]byte("y"), at(0.5)) == 0 {
		t.Error("keys without room do not share one bucket")
	}
	if len(k.keys) != 10 {
		t.Errorf("%d keys are kept", len(k.keys))
	}
	if k.Take([]byte("z"), at(2)) != 0 || len(k.keys) != 1 {
		t.Errorf("of keys whose buckets are full %d are kept", len(k.keys)-1)
	}
}

// Long keys are told apart as short ones are, and are not kept.
func TestLongKeys(t *testing.T) {
	k := NewKeyed(Rate{PerSecond: 1, Burst: 1}, 10)
	long := func(end string) []byte { return append(bytes.Repeat([]byte("k"), 64<<10), end...) }
	for _, key := range [][]byte{long("a"), long("b"), long("a")[:longest+1], long("a")[:longest]} {
		if k.Take(key, at(0)) != 0 || k.Take(key, at(0.5)) == 0 {
			t.Errorf("a key of %d bytes has not a bucket of its own", len(key))
		}
	}
	for key := range k.keys {
		if len(key) > longest {
			t.Errorf("%d bytes of a key are kept", len(key))
		}
	}
}

func TestBudget(t *testing.T) {
	b := NewBudget(20, 0)
	again := 0
	for i := range 1000 {
		b.First()
		for range 3 {
			if b.Again(at(float64(i))) {
				again++
			}
		}
	}
	if again != 200 {
		t.Errorf("of 1000 calls %d were tried again", again)
	}
	for range 10_000 {
		b.First()
	}
	again = 0
	for b.Again(at(0)) {
		again++
	}
	if again != reserve {
		t.Errorf("%d are saved up", again)
	}
}

func TestABudgetOfFewCalls(t *testing.T) {
	b := NewBudget(20, 2)
	again := 0
	for i := range 100 { // ten seconds
		if b.Again(at(float64(i) / 10)) {
			again++
		}
	}
	if again < 20 || again > 22 {
		t.Errorf("%d in ten seconds", again)
	}
}
