package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

func TestPoolBoundAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds_7", "x:1", Limits{MaxOpen: 2, WaitTimeout: 3 * time.Second}))
		a, b := acquire(t, p, "ds_7", 0, nil), acquire(t, p, "ds_7", FlagFoundRows, nil)
		began := time.Now()
		_, err := p.Acquire(t.Context(), "ds_7", 0, nil)
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("waited %v", waited)
		}
		e := sqlerr.As(err)
		if e == nil || e.Code != sqlerr.CodeConnectToForeign || !SafeToRetry(err) ||
			!strings.Contains(e.Msg, "ds_7") || !strings.Contains(e.Msg, "3s") || !strings.Contains(e.Msg, "2 of 2") {
			t.Errorf("error %v", err)
		}
		s := p.Stats()[0]
		if s.Open != 2 || s.Idle != 0 || s.Timeouts != 1 || s.Waiting != 0 || f.most.Load() != 2 {
			t.Errorf("stats %+v, most %d", s, f.most.Load())
		}
		a.Release()
		a.Release() // no effect
		b.Release()
		if s := p.Stats()[0]; s.Open != 2 || s.Idle != 2 || s.IdleBy[FlagFoundRows] != 1 {
			t.Errorf("stats %+v", s)
		}
		f.close(t, p)
	})
}

func TestPoolFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 1}))
		held := acquire(t, p, "ds", 0, nil)
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				l, err := p.Acquire(t.Context(), "ds", 0, nil)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i) // one at a time: there is one connection
				l.Release()
			})
			synctest.Wait()
		}
		held.Release()
		wg.Wait()
		if fmt.Sprint(order) != "[0 1 2 3 4]" || f.dials.Load() != 1 {
			t.Errorf("order %v, %d dials", order, f.dials.Load())
		}
		f.close(t, p)
	})
}

// A borrower of other flags gets the place of an idle connection, and in a full pool those whose flags fit pass it a
// bounded number of times.
func TestPoolSharedByFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 1}))
		acquire(t, p, "ds", 0, nil).Release()
		l := acquire(t, p, "ds", FlagFoundRows, nil)
		if l.Conn().Info().Flags != FlagFoundRows || p.Stats()[0].Evicted != 1 {
			t.Errorf("stats %+v", p.Stats()[0])
		}
		var order []string
		var wg sync.WaitGroup
		want := func(name string, flags Flags) {
			wg.Go(func() {
				l, err := p.Acquire(t.Context(), "ds", flags, nil)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, name)
				l.Release()
			})
			synctest.Wait()
		}
		want("other", 0)
		for range maxOvertaken + 3 {
			want("same", FlagFoundRows)
		}
		l.Release()
		wg.Wait()
		if len(order) != maxOvertaken+4 || order[maxOvertaken] != "other" {
			t.Errorf("order %v", order)
		}
		if n := f.dials.Load(); n != 4 {
			t.Errorf("%d dials", n)
		}
		synctest.Wait()
		if f.open.Load() != 1 {
			t.Errorf("%d open", f.open.Load())
		}
		f.close(t, p)
	})
}

func TestPoolWaitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 1}))
		l := acquire(t, p, "ds", 0, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Acquire(ctx, "ds", 0, nil)
		if !errors.Is(err, ErrInterrupted) || !errors.Is(err, context.DeadlineExceeded) || !SafeToRetry(err) {
			t.Errorf("error %v", err)
		}
		if s := p.Stats()[0]; s.Waiting != 0 || s.Timeouts != 0 {
			t.Errorf("stats %+v", s)
		}
		l.Release()
		f.close(t, p)
	})
}

func TestPoolHintAndState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 3}))
		ls := []*Lease{acquire(t, p, "ds", 0, nil), acquire(t, p, "ds", 0, nil), acquire(t, p, "ds", 0, nil)}
		st := NewState()
		st.SetSchema("s")
		if err := ls[1].Apply(t.Context(), st, 0); err != nil {
			t.Fatal(err)
		}
		for _, l := range ls {
			l.Release()
		}
		check := func(what string, want *Conn, r Request) {
			t.Helper()
			r.DataSource = "ds"
			l, err := p.AcquireFor(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if l.Conn() != want {
				t.Errorf("%s: another connection", what)
			}
			l.Release()
		}
		check("nothing asked: the last", ls[2].Conn(), Request{})
		check("hint", ls[0].Conn(), Request{Hint: ls[0].Conn()})
		check("state", ls[1].Conn(), Request{State: st})
		check("hint before state", ls[2].Conn(), Request{State: st, Hint: ls[2].Conn()})
		busy := acquire(t, p, "ds", 0, ls[0].Conn())
		check("hint that is lent", ls[2].Conn(), Request{Hint: ls[0].Conn()})
		busy.Destroy()
		check("hint that is closed", ls[2].Conn(), Request{Hint: ls[0].Conn()})
		f.close(t, p)
	})
}

func TestPoolAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{
			MaxOpen: 4, MaxIdle: 2, IdleTime: time.Minute, Lifetime: time.Hour, PingAfter: 10 * time.Second,
		}))
		var ls []*Lease
		for range 4 {
			ls = append(ls, acquire(t, p, "ds", 0, nil))
		}
		for _, l := range ls {
			l.Release()
		}
		if s := p.Stats()[0]; s.Idle != 2 || s.Open != 2 {
			t.Errorf("after release %+v", s)
		}
		time.Sleep(30 * time.Second)
		l := acquire(t, p, "ds", 0, nil) // pings
		l.Release()
		time.Sleep(45 * time.Second)
		if s := p.Stats()[0]; s.Idle != 1 {
			t.Errorf("after the idle time %+v", s)
		}
		l = acquire(t, p, "ds", 0, nil)
		old := l.Conn()
		time.Sleep(time.Hour)
		l.Release()
		if !old.Broken() || p.Stats()[0].Open != 0 {
			t.Errorf("kept beyond its lifetime: %+v", p.Stats()[0])
		}
		f.close(t, p)
	})
}

// After a rest the server is asked; if it does not answer, a new connection is made in the same place.
func TestPoolPingReplacesDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 1, PingAfter: time.Second}))
		acquire(t, p, "ds", 0, nil).Release()
		f.cut()
		time.Sleep(2 * time.Second)
		l := acquire(t, p, "ds", 0, nil)
		if err := l.Conn().Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if s := p.Stats()[0]; s.Dead != 1 || s.Open != 1 {
			t.Errorf("stats %+v", s)
		}
		l.Release()
		f.close(t, p)
	})
}

func TestPoolDownServerFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		f.hang.Store(true)
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 10, ConnectTimeout: 4 * time.Second, RetryAfter: 2 * time.Second}))
		timed := func() time.Duration {
			t.Helper()
			began := time.Now()
			l, err := p.Acquire(t.Context(), "ds", 0, nil)
			if err == nil {
				l.Release()
				t.Error("lent by a server that is down")
			} else if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeConnectToForeign || !strings.Contains(e.Msg, "ds") {
				t.Errorf("error %v", err)
			}
			return time.Since(began)
		}
		for range downAfter {
			if d := timed(); d != 4*time.Second {
				t.Errorf("a dial took %v", d)
			}
		}
		var waited time.Duration
		for range 1000 {
			waited += timed()
			time.Sleep(10 * time.Millisecond)
		}
		if waited > 0 || f.dials.Load() > 12 {
			t.Errorf("1000 statements waited %v in total for %d dials", waited, f.dials.Load())
		}
		if s := p.Stats()[0]; !s.Down || s.Open > 1 || s.LastError == "" {
			t.Errorf("stats %+v", s)
		}
		f.hang.Store(false)
		time.Sleep(10 * time.Second) // it is tried though nobody asks for it
		synctest.Wait()
		acquire(t, p, "ds", 0, nil).Release()
		if s := p.Stats()[0]; s.Down || s.LastError != "" {
			t.Errorf("stats %+v", s)
		}
		f.close(t, p)
	})
}

// A statement that waits for a moment only says nothing about the server either.
func TestPoolShortDialIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		f.hang.Store(true)
		p := f.pools(t, testSource("ds", "x:1", Limits{}))
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if _, err := p.Acquire(ctx, "ds", 0, nil); err == nil {
				t.Error("lent by a server that does not answer")
			}
			cancel()
		}
		f.hang.Store(false)
		acquire(t, p, "ds", 0, nil).Release()
		if s := p.Stats()[0]; s.Down || s.DialErrors > 0 {
			t.Errorf("stats %+v", s)
		}
		f.close(t, p)
	})
}

// A statement that is cancelled while it dials says nothing about the server.
func TestPoolCancelledDialIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		f.hang.Store(true)
		p := f.pools(t, testSource("ds", "x:1", Limits{}))
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { time.Sleep(time.Second); cancel() }()
			if _, err := p.Acquire(ctx, "ds", 0, nil); err == nil {
				t.Error("lent")
			}
		}
		if s := p.Stats()[0]; s.Down || s.DialErrors != 0 || s.Open != 0 {
			t.Errorf("stats %+v", s)
		}
		f.close(t, p)
	})
}

func TestReleaseInTransactionCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 1}))
		for what, status := range map[string]wire.Status{"in a transaction": wire.StatusInTrans, "not": 0} {
			f.status.Store(int32(status))
			l := acquire(t, p, "ds", 0, nil)
			exec1(t, l.Conn(), "BEGIN")
			l.Release()
			if l.Conn().Broken() != (status != 0) {
				t.Errorf("%s: broken %t", what, l.Conn().Broken())
			}
		}
		l := acquire(t, p, "ds", 0, nil)
		f.status.Store(int32(wire.StatusInTrans)) // after an ERR, the server is asked
		l.Conn().FinishErr(sqlerr.New(1062, "23000", "Duplicate entry"))
		l.Release()
		if !l.Conn().Broken() {
			t.Error("an open transaction after an ERR was not noticed")
		}
		f.status.Store(0)
		l = acquire(t, p, "ds", 0, nil)
		l.Conn().FinishErr(sqlerr.New(1062, "23000", "Duplicate entry"))
		l.Release()
		if l.Conn().Broken() {
			t.Error("an ERR alone is no reason to close")
		}
		l = acquire(t, p, "ds", 0, nil)
		l.Taint("a temporary table")
		l.Release()
		if !l.Conn().Broken() {
			t.Error("a tainted connection was kept")
		}
		f.close(t, p)
	})
}

// While a KILL is under way, the lease does not end: the KILL cannot strike the next borrower. (Not in synctest's time:
// a goroutine that waits for a mutex holds that up.)
func TestReleaseWaitsForKill(t *testing.T) {
	var f fakeServer
	var killing, killed atomic.Bool
	entered, gate := make(chan struct{}), make(chan struct{})
	p := NewPools(Options{Buffers: wire.NewPool(0), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !killing.Load() {
			return f.dial(ctx, network, addr)
		}
		close(entered)
		<-gate
		killed.Store(true)
		return nil, errRefused
	}})
	if err := p.Set([]DataSource{testSource("ds", "x:1", Limits{MaxOpen: 1})}); err != nil {
		t.Fatal(err)
	}
	l := acquire(t, p, "ds", 0, nil)
	killing.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.KillQuery(t.Context()); !errors.Is(err, errRefused) {
			t.Errorf("error %v", err)
		}
	})
	<-entered
	wg.Go(func() {
		l.Release()
		if !killed.Load() {
			t.Error("released under a KILL")
		}
	})
	eventually(t, "Release waits", func() bool { // as a writer it keeps readers out
		if l.mu.TryRLock() {
			l.mu.RUnlock()
			return false
		}
		return true
	})
	if s := p.Stats()[0]; s.Open != 1 || s.Idle != 0 {
		t.Errorf("stats %+v", s)
	}
	close(gate)
	wg.Wait()
	if !l.Conn().Broken() {
		t.Error("kept")
	}
	f.close(t, p)
}

// An Interrupt or KILL of a lease that has ended does not reach the connection's next borrower.
func TestEndedLeaseHasNoPower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		p := f.pools(t, testSource("ds", "x:1", Limits{MaxOpen: 1}))
		old := acquire(t, p, "ds", 0, nil)
		old.Release()
		l := acquire(t, p, "ds", 0, nil)
		old.Interrupt()
		old.Destroy()
		if err := old.KillQuery(t.Context()); err != nil || l.Conn() != old.Conn() {
			t.Errorf("error %v", err)
		}
		if err := l.Conn().Ping(t.Context()); err != nil || f.dials.Load() != 1 {
			t.Errorf("the next borrower was hit: %v", err)
		}
		l.Release()
		f.close(t, p)
	})
}

// Connections are there before anybody asks, however long nobody does, and are made anew where they end.
func TestMinIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fakeServer
		limits := Limits{MaxOpen: 3, MinIdle: 2, IdleTime: time.Minute, Lifetime: time.Hour, RetryAfter: 10 * time.Second}
		p := f.pools(t, testSource("ds", "x:1", limits))
		idle := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if s := p.Stats()[0]; s.Idle != want || int(f.open.Load()) != s.Open {
				t.Errorf("%s: %+v, %d open, want %d idle", when, s, f.open.Load(), want)
			}
		}
		idle("at the start", 2)
		time.Sleep(10 * time.Minute)
		idle("after a while without work", 2)
		if n := f.dials.Load(); n != 2 {
			t.Errorf("%d connections were opened, want 2: those that nobody uses stay", n)
		}
		time.Sleep(time.Hour)
		idle("after their lifetime", 2)
		a, b := acquire(t, p, "ds", FlagFoundRows, nil), acquire(t, p, "ds", FlagFoundRows, nil)
		time.Sleep(2 * time.Second)
		idle("within the bound", 1)
		a.Release()
		b.Release()
		time.Sleep(2 * time.Hour)
		idle("after their lifetimes", 2)
		if n := p.Stats()[0].IdleBy[FlagFoundRows]; n != 2 {
			t.Errorf("%d are for borrowers like the last one, want 2", n)
		}
		f.down.Store(true)
		time.Sleep(2 * time.Hour)
		idle("while the server is down", 0)
		before := f.dials.Load()
		time.Sleep(time.Minute)
		if n := f.dials.Load() - before; n < 3 || n > 20 {
			t.Errorf("%d dials in a minute of a server that is down", n)
		}
		f.down.Store(false)
		time.Sleep(30 * time.Second)
		idle("after it is back", 2)
		limits.MinIdle = 3
		if err := p.Set([]DataSource{testSource("ds", "x:1", limits)}); err != nil {
			t.Fatal(err)
		}
		idle("after a change", 3)
		f.close(t, p)
	})
}
