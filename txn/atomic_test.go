package txn

import (
	"testing"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// What three views show of a transaction whose home is the first, and which has a branch on the second.
func TestFractured(t *testing.T) {
	g := xa.GTRID{Log: 1, Seq: 7}
	for _, c := range []struct {
		name         string
		there, shown [3]bool
		stale        [3]bool
	}{
		{"nobody shows it", [3]bool{false, true, false}, [3]bool{}, [3]bool{}},
		{"all show it", [3]bool{false, true, false}, [3]bool{true, true, false}, [3]bool{}},
		{"the branch is behind", [3]bool{false, true, false}, [3]bool{true, false, false}, [3]bool{false, true, false}},
		{"home is behind", [3]bool{false, true, false}, [3]bool{false, true, false}, [3]bool{true, false, false}},
		{"a second branch is behind", [3]bool{false, true, true}, [3]bool{true, true, false}, [3]bool{false, false, true}},
	} {
		var views []*view
		for i := range 3 {
			v := &view{server: &txnlog.Server{Log: xa.Log(i + 1)}, anew: map[xa.GTRID]bool{}, there: map[xa.GTRID]bool{}, shown: map[xa.GTRID]bool{}}
			v.there[g], v.shown[g] = c.there[i], c.shown[i]
			if !c.shown[i] {
				delete(v.shown, g)
			}
			views = append(views, v)
		}
		found := fractured(views)
		for i, v := range views {
			if v.stale != c.stale[i] {
				t.Errorf("%s: view %d is stale: %t", c.name, i, v.stale)
			}
		}
		if found != (c.stale != [3]bool{}) {
			t.Errorf("%s: fractured: %t", c.name, found)
		}
		if c.name == "home is behind" && fractured(views) { // it was opened anew, and lacks it still: the decision is swept
			t.Errorf("%s: twice", c.name)
		}
	}
}

// What was seen on a server is in the snapshots that are opened there later, and in no other.
func TestKnown(t *testing.T) {
	var k known
	early := k.stamp()
	k.add(1, xa.GTRID{Seq: 1})
	late := k.stamp()
	for i := range uint64(knownForYoung) {
		k.add(2, xa.GTRID{Seq: 2 + i})
	}
	if k.before(1, xa.GTRID{Seq: 1}, early) || !k.before(1, xa.GTRID{Seq: 1}, late) || k.before(2, xa.GTRID{Seq: 1}, late) {
		t.Error("it is known of another time or server")
	}
	if n := len(k.young) + len(k.old); n > 2*knownForYoung {
		t.Errorf("%d names are kept", n)
	}
}
