package txnlog

import (
	"maps"
	"testing"
)

// TestStrays: what lives or is finished meanwhile hides none that stays, and what is for a look in neither list is none.
func TestStrays(t *testing.T) {
	type look struct {
		loose    string
		detached int
	}
	for _, c := range []struct {
		name  string
		looks []look
		left  int
	}{
		{"a zombie", []look{{"z", 0}, {"z", 0}, {"z", 0}}, 1},
		{"a zombie beside one that is prepared", []look{{"za", 1}, {"za", 1}, {"za", 1}}, 1},
		{"a zombie beside others that are finished", []look{{"zab", 2}, {"zbc", 2}, {"zc", 0}}, 0}, // the next sweep sees it
		{"a zombie beside one that is finished", []look{{"za", 1}, {"z", 0}, {"z", 0}}, 1},
		{"one that is in neither list at the end", []look{{"a", 1}, {"a", 1}, {"a", 0}}, 0},
		{"one that is in neither list at first", []look{{"a", 0}, {"a", 1}, {"a", 1}}, 0},
		{"one after the other in neither list", []look{{"a", 0}, {"b", 0}, {"c", 0}}, 0},
	} {
		var z Strays
		for _, l := range c.looks {
			loose := map[string]bool{}
			for _, trx := range l.loose {
				loose[string(trx)] = true
			}
			z.see(maps.Clone(loose), l.detached, 0)
		}
		if z.left != c.left {
			t.Errorf("%s: %d, want %d", c.name, z.left, c.left)
		}
	}
}

// TestCrashed: while what a crash has left is rolled back, what is as old as that or as the server waits for its turn; anything younger does not.
func TestCrashed(t *testing.T) {
	for _, c := range []struct {
		age, up   float64
		rollbacks []float64
		is        bool
	}{
		{100, 101, []float64{100}, true},
		{100, 101, nil, false}, // nothing waits where nothing is rolled back
		{50, 101, []float64{100}, false},
		{100, 400, []float64{100}, true}, // its log was read for minutes
		{50, 400, []float64{20}, false},
		{399, 400, []float64{20}, true},
	} {
		if is := crashed(c.age, c.up, c.rollbacks); is != c.is {
			t.Errorf("%+v: %t", c, is)
		}
	}
}
