package backend

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// hanging are pools of one data source of two connections, both lent and used for so long that the server has been asked.
func hanging(t *testing.T, f *fakeServer, limits Limits) (p *Pools, leases []*Lease) {
	t.Helper()
	limits.MaxOpen, limits.WaitTimeout = 2, time.Hour
	p = f.pools(t, DataSource{Name: "ds_0", Addr: "fake:1", Limits: limits})
	for range 2 {
		l, err := p.Acquire(t.Context(), "ds_0", 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
	}
	for range 4 {
		for _, l := range leases {
			if _, err := l.Conn().Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			l.Conn().Answered(time.Millisecond, false)
		}
		time.Sleep(lookEvery)
	}
	return p, leases
}

// A server that stands still: what waits for it is broken off within the bound, who waits for a connection is let go, who comes is refused at once, and its
// first answer lets all go on.
func TestServerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p, leases := hanging(t, &f, Limits{HangTimeout: 4 * time.Second})
		thaw := f.freeze(0)
		began := time.Now()
		var work sync.WaitGroup
		for _, l := range leases {
			work.Go(func() {
				_, err := l.Conn().Exec(t.Context(), "UPDATE t SET a = 1")
				if err == nil || SafeToRetry(err) || !strings.Contains(err.Error(), "it has answered nothing on any connection for 4") {
					t.Errorf("a statement that waited: %v", err)
				}
				if took := time.Since(began); took < 4*time.Second || took > 5*time.Second {
					t.Errorf("it waited for %v", took)
				}
			})
		}
		work.Go(func() {
			if _, err := p.Acquire(t.Context(), "ds_0", 0, nil); err == nil || !strings.Contains(err.Error(), "it hangs") {
				t.Errorf("a statement that waited for a connection: %v", err)
			}
		})
		work.Wait()
		again := time.Now()
		if _, err := p.Acquire(t.Context(), "ds_0", 0, nil); err == nil || !SafeToRetry(err) || !strings.Contains(err.Error(), "it hangs") || time.Since(again) > 0 {
			t.Errorf("a new statement: %v after %v", err, time.Since(again))
		}
		if _, err := p.AcquireAll(t.Context(), []Request{{DataSource: "ds_0", Count: 2}}); err == nil || time.Since(again) > 0 {
			t.Errorf("a statement of several units: %v after %v", err, time.Since(again))
		}
		if s := p.Stats()[0]; !s.Hangs || !s.Down || s.TimesHung != 1 || !strings.Contains(s.LastError, "nor the question") || p.Up("ds_0") {
			t.Errorf("%+v", s)
		}
		for _, l := range leases {
			l.Release()
		}
		time.Sleep(time.Hour)
		if dials := f.dials.Load(); dials > 4+maxReaps {
			t.Errorf("%d connections were tried while it stood still", dials)
		}
		thaw()
		synctest.Wait()
		if s := p.Stats()[0]; s.Hangs || s.Down || s.TimesHung != 1 || !p.Up("ds_0") {
			t.Errorf("after its answer: %+v", s)
		}
		l, err := p.Acquire(t.Context(), "ds_0", 0, nil)
		if err != nil {
			t.Fatalf("after its answer: %v", err)
		}
		l.Release()
		f.close(t, p)
	})
}

// A server whose connections all have statements that last answers what it is asked beside them, though it lets in nobody new: it does not hang.
func TestBusyServerDoesNotHang(t *testing.T) {
	for name, full := range map[string]bool{"that lets others in": false, "that lets nobody in": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f fakeServer
				p, leases := hanging(t, &f, Limits{HangTimeout: time.Second})
				f.hang.Store(full)
				thaw := f.freeze(wire.ComQuery)
				var work sync.WaitGroup
				for _, l := range leases {
					work.Go(func() {
						if _, err := l.Conn().Exec(context.Background(), "SELECT SLEEP(600)"); err != nil {
							t.Errorf("a statement that lasts: %v", err)
						}
						l.Release()
					})
				}
				time.Sleep(10 * time.Minute)
				thaw()
				work.Wait()
				if s := p.Stats()[0]; s.TimesHung != 0 || s.Destroyed != 0 {
					t.Errorf("%+v", s)
				}
				f.hang.Store(false)
				f.close(t, p)
			})
		})
	}
}

// A transaction whose client thinks is no reason to conclude anything, and a pool that nobody uses keeps no connection to ask on.
func TestIdleServerIsAskedForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p, leases := hanging(t, &f, Limits{HangTimeout: time.Second, IdleTime: time.Minute})
		time.Sleep(10 * time.Minute)
		for _, l := range leases {
			if _, err := l.Conn().Exec(t.Context(), "COMMIT"); err != nil {
				t.Error(err)
			}
			l.Release()
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := f.open.Load(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
		f.close(t, p)
	})
}

// A server that is drained keeps no connection to be asked on, from that moment on.
func TestDrainedServerIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p, leases := hanging(t, &f, Limits{HangTimeout: time.Second})
		for _, l := range leases {
			l.Release()
		}
		if !p.Stats()[0].Asks {
			t.Error("there was no connection to ask on")
		}
		p.Rest("ds_0", true)
		synctest.Wait()
		if n := f.open.Load(); n != 0 || p.Stats()[0].Asks {
			t.Errorf("%d connections are open", n)
		}
		f.close(t, p)
	})
}

// One that can only be asked to let somebody in is given twice the time.
func TestServerThatLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, DataSource{Name: "ds_0", Addr: "fake:1", Limits: Limits{MaxOpen: 1, HangTimeout: 4 * time.Second}})
		l, err := p.Acquire(t.Context(), "ds_0", 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		thaw := f.freeze(0)
		began := time.Now()
		if _, err := l.Conn().Exec(t.Context(), "SELECT 1"); err == nil {
			t.Error("it was answered")
		}
		if took := time.Since(began); took < 8*time.Second || took > 9*time.Second {
			t.Errorf("it waited for %v", took)
		}
		l.Release()
		thaw()
		synctest.Wait()
		if s := p.Stats()[0]; s.Hangs || s.Down {
			t.Errorf("after its answer: %+v", s)
		}
		f.close(t, p)
	})
}
