package backend

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// replicated are two servers, a:1 and b:1, of one data source.
type replicated struct{ a, b fakeServer }

func (r *replicated) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return map[string]*fakeServer{"a:1": &r.a, "b:1": &r.b}[addr].dial(ctx, network, addr)
}

func (r *replicated) pools(t *testing.T, wait time.Duration) *Pools {
	t.Helper()
	p := NewPools(Options{Buffers: wire.NewPool(0), Dial: r.dial, SweepEvery: time.Second})
	ds := testSource("ds", "a:1", Limits{MaxOpen: 10, RetryAfter: 100 * time.Millisecond})
	ds.Replicas, ds.FailoverWait = []string{"b:1"}, wait
	if err := p.Set([]DataSource{ds}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *replicated) close(t *testing.T, p *Pools) {
	t.Helper()
	r.a.close(t, p)
	r.b.wg.Wait()
}

func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replicated
		p := r.pools(t, time.Minute)
		if names := p.Names(); !slices.Equal(names, []string{"ds"}) {
			t.Errorf("data sources %q", names)
		}
		acquire(t, p, Endpoint("ds", "b:1"), 0, nil).Release()
		idle, lent := acquire(t, p, "ds", 0, nil), acquire(t, p, "ds", 0, nil)
		idle.Release()
		if r.a.open.Load() != 2 || r.b.open.Load() != 1 {
			t.Fatalf("open at a %d, at b %d", r.a.open.Load(), r.b.open.Load())
		}
		if err := p.Move("ds", "b:1"); err != nil {
			t.Fatal(err)
		}
		_, err := lent.Conn().Exec(t.Context(), "COMMIT")
		if e := sqlerr.As(err); e == nil || !strings.Contains(e.Msg, "the primary is b:1 now") || !SafeToRetry(err) {
			t.Errorf("what was lent: %v", err)
		}
		lent.Release()
		acquire(t, p, "ds", 0, nil).Release()
		acquire(t, p, Endpoint("ds", "a:1"), 0, nil).Release()
		if _, err := p.Acquire(t.Context(), Endpoint("ds", "b:1"), 0, nil); err == nil {
			t.Error("the primary is an endpoint too")
		}
		synctest.Wait()
		if r.a.open.Load() != 1 || r.b.open.Load() != 1 {
			t.Errorf("open at a %d, at b %d", r.a.open.Load(), r.b.open.Load())
		}
		ds := testSource("ds", "a:1", Limits{MaxOpen: 7})
		ds.Replicas = []string{"b:1", "c:1"}
		if err := p.Set([]DataSource{ds}); err != nil {
			t.Fatal(err)
		}
		before := r.b.dials.Load()
		acquire(t, p, "ds", 0, nil).Release()
		if r.b.dials.Load() != before+1 {
			t.Error("other rules have moved the primary back")
		}
		r.close(t, p)
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replicated
		p := r.pools(t, 10*time.Second)
		began := time.Now()
		p.Hold("ds", "a is read-only", false)
		time.AfterFunc(4*time.Second, func() { p.Hold("ds", "a is gone", false) }) // counts from the beginning all the same
		time.AfterFunc(6*time.Second, func() {
			if err := p.Move("ds", "b:1"); err != nil {
				t.Error(err)
			}
		})
		acquire(t, p, "ds", 0, nil).Release()
		if waited := time.Since(began); waited != 6*time.Second || r.b.open.Load() != 1 {
			t.Errorf("waited %v, open at b %d", waited, r.b.open.Load())
		}
		p.Hold("ds", "b is gone", true)
		for _, want := range []time.Duration{10 * time.Second, 0} {
			began = time.Now()
			_, err := p.Acquire(t.Context(), "ds", 0, nil)
			if waited := time.Since(began); err == nil || !strings.Contains(err.Error(), "b is gone") || waited != want {
				t.Errorf("after %v: %v", waited, err)
			}
		}
		acquire(t, p, Endpoint("ds", "a:1"), 0, nil).Release()
		r.close(t, p)
	})
}

// While a server lets nobody in, nobody has said yet that it is gone: statements wait all the same.
func TestOutlasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replicated
		p := r.pools(t, 10*time.Second)
		r.a.down.Store(true)
		time.AfterFunc(3*time.Second, func() {
			if err := p.Move("ds", "b:1"); err != nil {
				t.Error(err)
			}
		})
		began := time.Now()
		acquire(t, p, "ds", 0, nil).Destroy()
		if waited := time.Since(began); waited < 3*time.Second || waited > 4*time.Second {
			t.Errorf("waited %v", waited)
		}
		r.b.down.Store(true)
		for _, want := range []time.Duration{10 * time.Second, 0} {
			began = time.Now()
			_, err := p.Acquire(t.Context(), "ds", 0, nil)
			if waited := time.Since(began); err == nil || waited < want-2*time.Second || waited > want+time.Second {
				t.Errorf("after %v: %v", waited, err)
			}
		}
		r.close(t, p)
	})
}

// TestRest: an endpoint at rest keeps no connection, and lends one to who asks for it.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replicated
		p := r.pools(t, 10*time.Second)
		name := Endpoint("ds", "b:1")
		lent := acquire(t, p, name, 0, nil)
		acquire(t, p, name, 0, nil).Release()
		p.Rest(name, true)
		open := func() int {
			at := slices.IndexFunc(p.Stats(), func(s Stats) bool { return s.DataSource == name })
			return p.Stats()[at].Open
		}
		if n := open(); n != 1 {
			t.Errorf("%d connections are open while one is lent", n)
		}
		lent.Release()
		acquire(t, p, name, 0, nil).Release()
		if n := open(); n != 0 {
			t.Errorf("%d connections are kept", n)
		}
		p.Rest(name, false)
		acquire(t, p, name, 0, nil).Release()
		if n := open(); n != 1 {
			t.Errorf("%d connections are open afterwards", n)
		}
		r.close(t, p)
	})
}
