package backend

import (
	"testing"
	"testing/synctest"
)

// What was connected before it was known what all sessions start with is lent to nobody afterwards, whether it was idle then or lent.
func TestConnectionsFromBeforeTheBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 2}))
		lent, rested := acquire(t, p, "ds", 0, nil), acquire(t, p, "ds", 0, nil)
		first, second := lent.Conn(), rested.Conn()
		rested.Release()
		p.SetBase(&Base{})
		lent.Release()
		if !first.Broken() || !second.Broken() || p.Stats()[0].Open != 0 {
			t.Errorf("they are kept: %+v", p.Stats()[0])
		}
		again := acquire(t, p, "ds", 0, nil)
		kept := again.Conn()
		again.Release()
		if kept.Broken() {
			t.Error("one of afterwards is not kept")
		}
		f.close(t, p)
	})
}
