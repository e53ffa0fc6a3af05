package backend

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Many statements that each need several connections of several data sources, with room for hardly more than one.
func TestAcquireAllNeverDeadlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		names := []string{"ds_0", "ds_1", "ds_2"}
		var sources []DataSource
		for _, n := range names {
			sources = append(sources, testSource(n, n+":1", Limits{MaxOpen: 3, WaitTimeout: time.Hour}))
		}
		p := f.pools(t, sources...)
		var wg sync.WaitGroup
		var done atomic.Int32
		for i := range 40 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(i)))
				for range 25 {
					var requests []Request
					for _, k := range r.Perm(len(names)) {
						requests = append(requests, Request{DataSource: names[k], Count: 1 + r.IntN(4), Flags: Flags(r.IntN(2))})
					}
					leases, err := p.AcquireAll(t.Context(), requests)
					if err != nil {
						t.Error(err)
						return
					}
					for k, ls := range leases {
						if len(ls) != min(3, requests[k].Count) || ls[0].Conn().Info().DataSource != requests[k].DataSource {
							t.Errorf("request %+v got %d", requests[k], len(ls))
						}
					}
					time.Sleep(time.Millisecond)
					for _, ls := range leases {
						releaseAll(ls)
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
		if done.Load() != 40*25 {
			t.Errorf("%d statements ran", done.Load())
		}
		for _, s := range p.Stats() {
			if s.Open > 3 || s.Waiting != 0 {
				t.Errorf("stats %+v", s)
			}
		}
		f.close(t, p)
	})
}

func TestAcquireAllFailsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("a", "a:1", Limits{MaxOpen: 2}), testSource("b", "b:1", Limits{MaxOpen: 1, WaitTimeout: time.Second}))
		held := acquire(t, p, "b", 0, nil)
		_, err := p.AcquireAll(t.Context(), []Request{{DataSource: "b"}, {DataSource: "a", Count: 2}})
		if sqlerr.As(err) == nil {
			t.Errorf("error %v", err)
		}
		if s := p.Stats()[0]; s.Open != s.Idle {
			t.Errorf("leases were kept: %+v", s)
		}
		if _, err := p.AcquireAll(t.Context(), []Request{{DataSource: "a"}, {DataSource: "none"}}); !errors.Is(err, ErrUnknownDataSource) {
			t.Errorf("error %v", err)
		}
		if _, err := p.AcquireAll(t.Context(), []Request{{DataSource: "a"}, {DataSource: "a"}}); err == nil {
			t.Error("a data source in two requests")
		}
		held.Release()
		f.down.Store(true)
		// a has two idle connections, b one: no dial is needed
		leases, err := p.AcquireAll(t.Context(), []Request{{DataSource: "b", Count: 9}, {DataSource: "a", Count: 2}})
		if err != nil || len(leases[0]) != 1 || len(leases[1]) != 2 {
			t.Fatalf("leases %v, %v", leases, err)
		}
		for _, ls := range leases {
			releaseAll(ls)
		}
		f.cut()
		f.close(t, p)
	})
}

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		ds := testSource("ds", "a:1", Limits{MaxOpen: 2})
		p := f.pools(t, ds)
		kept, moved := acquire(t, p, "ds", 0, nil), acquire(t, p, "ds", 0, nil)
		moved.Release()
		var waited *Lease
		var wg sync.WaitGroup
		fill := acquire(t, p, "ds", 0, nil)
		wg.Go(func() { waited = acquire(t, p, "ds", 0, nil) })
		synctest.Wait()

		ds.Limits.MaxOpen = 3 // more room: the one that waits is served
		if err := p.Set([]DataSource{ds}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if waited.Conn().slot.pool != kept.Conn().slot.pool {
			t.Error("a change of limits made a new pool")
		}
		wg.Go(func() {
			l := acquire(t, p, "ds", 0, nil)
			if l.Conn().ds.Addr != "b:1" {
				t.Errorf("lent a connection to %s", l.Conn().ds.Addr)
			}
			l.Release()
		})
		synctest.Wait()
		ds.Addr = "b:1"
		if err := p.Set([]DataSource{ds, testSource("other", "c:1", Limits{})}); err != nil {
			t.Fatal(err)
		}
		wg.Wait() // the one that waited for the old pool got the new one's
		exec1(t, kept.Conn(), "a statement under way is not cut")
		for _, l := range []*Lease{kept, fill, waited} {
			l.Release()
			if !l.Conn().Broken() {
				t.Error("a connection of the old pool was kept")
			}
		}
		if got := p.Names(); len(got) != 2 || got[1] != "other" {
			t.Errorf("names %v", got)
		}
		if err := p.Set([]DataSource{ds, ds}); err == nil {
			t.Error("a name twice")
		}
		if err := p.Set([]DataSource{{Name: "x"}}); err == nil || len(p.Names()) != 2 {
			t.Error("no address, or it changed something")
		}
		if err := p.Set(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Acquire(t.Context(), "ds", 0, nil); !errors.Is(err, ErrUnknownDataSource) {
			t.Errorf("error %v", err)
		}
		time.Sleep(2 * time.Second)
		p.mu.Lock()
		if len(p.retired) != 0 {
			t.Errorf("%d pools are still remembered", len(p.retired))
		}
		p.mu.Unlock()
		f.close(t, p)
		if err := p.Set(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCloseWaitsForLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "a:1", Limits{}))
		l := acquire(t, p, "ds", 0, nil)
		go func() { time.Sleep(5 * time.Second); l.Release() }()
		began := time.Now()
		f.close(t, p)
		if d := time.Since(began); d != 5*time.Second || f.open.Load() != 0 {
			t.Errorf("took %v, %d open", d, f.open.Load())
		}
	})
}
