package txn

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// TestWhoIsLeftAlone: a branch is left to its owner by what is known of it, one of another mesh or data source for good, and one
// that somebody is at until he has ended.
func TestWhoIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewShards()
		here, there := &txnlog.Server{DataSource: "a", Log: 10}, &txnlog.Server{DataSource: "b", Log: 11}
		s.Set("a", here, nil)
		s.Set("b", there, nil)
		r := NewRecoverer(RecoveryConfig{Shards: s, Cluster: 1, Life: func(epoch uint64) Life { return Life(epoch) }})
		branch := func(cluster uint32, life Life, log xa.Log) xa.XID {
			return xa.XID{GTRID: xa.GTRID{Cluster: cluster, Epoch: uint64(life)}, Branch: xa.Qualifier{Log: log}}
		}
		unknown, living, dead, stray := branch(1, LifeUnknown, 10), branch(1, Living, 10), branch(1, Dead, 10), branch(1, Dead, 99)
		listed := []xa.XID{unknown, living, dead, stray, branch(2, Dead, 10), branch(1, Dead, 11)}
		want := func(when string, xids ...xa.XID) {
			t.Helper()
			if got := r.due("a", here, listed); !slices.Equal(got, xids) {
				t.Errorf("%s: %v, want %v", when, got, xids)
			}
		}
		want("at once", dead, stray)
		want("while they are worked at")
		time.Sleep(2 * time.Second)
		want("after 2 s", unknown)
		time.Sleep(8 * time.Second)
		want("after 10 s", living)
		if n, oldest := r.InDoubt("a"); n != 4 || oldest != 10*time.Second {
			t.Errorf("%d in doubt for %s", n, oldest)
		}
	})
}
