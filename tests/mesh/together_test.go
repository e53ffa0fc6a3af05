package mesh

import (
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// TestTwoInstancesOneStore has two instances work without a failed statement while one of them is cut off from their etcd and comes back,
// (a change of placement waits for it, and is given up), while it stops and starts again, and while it loses everything; each time both end up with the rules in force.
func TestTwoInstancesOneStore(t *testing.T) {
	t.Parallel()
	etcd := newEtcd(t)
	link := harness.NewRelay(t, etcd.now.Endpoint())
	l := newLab(t, etcd.now.Endpoint())
	l.apply(l.rules("  u: {key: id}\n"))
	a, b := l.start("a", ""), l.start("b", "", "etcd.endpoints", link.Addr())
	onA, onB := l.open(a), l.open(b)
	l.create(onA)
	stop := l.load(onA, onB)
	registered := func(what string, names ...string) {
		t.Helper()
		eventually(t, 40*time.Second, what, func() bool {
			list, err := l.store.List(t.Context(), layout.Instances)
			if err != nil || len(list.KVs) != len(names) {
				return false
			}
			for i, kv := range list.KVs {
				if kv.Key != layout.InstanceKey(names[i]) {
					return false
				}
			}
			return true
		})
	}

	link.Refuse(true)
	link.Cut()
	registered("b is cut off", "a")
	placed := admin.Application{Name: l.database, Document: []byte(l.rules("  u: {key: id}\n  w: {key: id}\n")), Author: "test", Base: admin.AnyBase}
	if _, err := l.administration(time.Second).Rules.Apply(t.Context(), placed); err == nil || !strings.Contains(err.Error(), "no answer in time from b") {
		t.Errorf("a change of placement while b is cut off: %v", err)
	}
	v := l.apply(l.rules("  u: {key: id, unique: per_shard}\n"))
	l.runs(v, 20*time.Second, "a")
	link.Refuse(false)
	registered("b is back", "a", "b")
	l.runs(v, 20*time.Second, "a", "b")

	etcd.stop()
	for name, h := range map[string]*harness.Heddle{"a": a, "b": b} {
		eventually(t, 30*time.Second, name+" misses the store", func() bool { return strings.Contains(h.Log(), "store away") })
	}
	etcd.start()
	registered("both are back", "a", "b")
	l.runs(l.apply(l.rules("  u: {key: id}\n")), 20*time.Second, "a", "b")

	etcd.stop()
	etcd.wipe()
	etcd.start()
	for name, h := range map[string]*harness.Heddle{"a": a, "b": b} {
		eventually(t, 40*time.Second, name+" sees that the rules are gone", func() bool { return strings.Contains(h.Log(), "pointer vanished") })
	}
	registered("both are back on an empty store", "a", "b")
	l.runs(l.apply(l.rules("  u: {key: id}\n")), 20*time.Second, "a", "b")
	if n := stop(); n == 0 {
		t.Error("nothing ran")
	}
}
