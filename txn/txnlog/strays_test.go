package txnlog

import (
	"testing"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// TestStrays: what lives or is finished meanwhile hides none that stays, and what is for a look in neither list is none.
func TestStrays(t *testing.T) {
	type look struct {
		loose, detached string
		aged            int
	}
	for _, c := range []struct {
		name  string
		looks []look
		left  int
		sure  bool
	}{
		{"a zombie", []look{{"z", "", 0}, {"z", "", 0}, {"z", "", 0}}, 1, true},
		{"a zombie beside one that is prepared", []look{{"za", "a", 0}, {"za", "a", 0}, {"za", "a", 0}}, 1, true},
		{"a zombie beside others that are finished", []look{{"zab", "ab", 0}, {"zbc", "bc", 0}, {"zc", "", 0}}, 0, false}, // the next sweep sees it
		{"a zombie beside one that is finished", []look{{"za", "a", 0}, {"z", "", 0}, {"z", "", 0}}, 1, false},
		{"one that is in neither list at the end", []look{{"a", "a", 0}, {"a", "a", 0}, {"a", "", 0}}, 0, false},
		{"one that is in neither list at first", []look{{"a", "", 0}, {"a", "a", 0}, {"a", "a", 0}}, 0, false},
		{"one after the other in neither list", []look{{"a", "", 0}, {"b", "", 0}, {"c", "", 0}}, 0, false},
		{"many, of which one is in neither list in each look", []look{{"abcd", "bcd", 0}, {"bcd", "cd", 0}, {"cd", "d", 0}}, 1, false},
		{"one whose number is that of a stranger as old as it", []look{{"a", "", 1}, {"a", "", 1}, {"a", "", 1}}, 1, false},
	} {
		var z Strays
		for _, l := range c.looks {
			loose, detached := map[string]bool{}, []xa.XID{}
			for _, trx := range l.loose {
				loose[string(trx)] = true
			}
			for _, branch := range l.detached {
				detached = append(detached, xa.XID{GTRID: xa.GTRID{Seq: uint64(branch)}})
			}
			z.see(loose, detached, 0, l.aged)
		}
		if sure := z.left > z.Doubtful(); z.left != c.left || sure != c.sure {
			t.Errorf("%s: %d, and it is sure: %v, want %d, %v", c.name, z.left, sure, c.left, c.sure)
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
