package memstore

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConform(t *testing.T) {
	storetest.Conform(t, synctest.Test, func(t *testing.T) storetest.Env {
		srv := NewServer()
		return storetest.Env{
			Open: func(*testing.T) store.Store { return srv.Client() },
			OpenCuttable: func(*testing.T) (store.Store, func(bool)) {
				c := srv.Client()
				return c, c.Cut
			},
			Compact:  func(*testing.T) { srv.Compact() },
			Wipe:     func(*testing.T) { srv.Wipe() },
			TTL:      time.Second,
			Patience: 10 * time.Second,
		}
	})
}

// TestHistoryIsBounded writes more revisions than are kept: a watch that lags behind gets a Reset.
func TestHistoryIsBounded(t *testing.T) {
	c := New()
	defer c.Close()
	ctx := t.Context()
	for range 2 * historyLimit {
		if err := store.Write(ctx, c, store.Put("a", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.srv.history); n > historyLimit {
		t.Fatalf("%d revisions kept", n)
	}
	if u := <-c.Watch(ctx, "", 2); u.Kind != store.Reset {
		t.Fatalf("a watch behind the history got %+v", u)
	}
	last := c.srv.history[0].rev
	if u := <-c.Watch(ctx, "", last); u.Kind != store.Change || u.Revision != last+1 {
		t.Fatalf("a watch within the history got %+v", u)
	}
}
