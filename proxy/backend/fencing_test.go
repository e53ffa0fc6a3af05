package backend

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// borrowing is a loan of n connections that goes on beside the test.
type borrowing struct {
	leases []*Lease
	err    error
	done   chan struct{}
}

func borrow(t *testing.T, p *Pools, n int) *borrowing {
	b := &borrowing{done: make(chan struct{})}
	go func() {
		defer close(b.done)
		var all [][]*Lease
		if all, b.err = p.AcquireAll(t.Context(), []Request{{DataSource: "ds", Count: n}}); b.err == nil {
			b.leases = all[0]
		}
	}()
	synctest.Wait()
	return b
}

// at waits for the loan, and wants it of that server.
func (b *borrowing) at(t *testing.T, addr string) {
	t.Helper()
	<-b.done
	if b.err != nil || len(b.leases) == 0 {
		t.Errorf("%d leases, %v", len(b.leases), b.err)
	}
	for _, l := range b.leases {
		if l.Conn().ds.Addr != addr {
			t.Errorf("lent a connection to %s, not to %s", l.Conn().ds.Addr, addr)
		}
		if _, err := l.Conn().Exec(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
			t.Error(err)
		}
		l.Release()
	}
}

// waits wants the loan not to have come.
func (b *borrowing) waits(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-b.done:
		t.Errorf("what waits has come: %d leases, %v", len(b.leases), b.err)
	default:
	}
}

func moveTo(t *testing.T, p *Pools, addr string) {
	t.Helper()
	if err := p.Move("ds", addr); err != nil {
		t.Fatal(err)
	}
}

// A server that stands still lets somebody in after another has taken its place: nobody is lent that connection.
func TestLoginUnderWayAtAMove(t *testing.T) {
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var r replicated
			p := r.pools(t, time.Minute)
			thaw := r.a.freeze(0)
			b := borrow(t, p, n)
			time.Sleep(time.Second)
			moveTo(t, p, "b:1")
			thaw()
			b.at(t, "b:1")
			synctest.Wait()
			if open := r.a.open.Load(); open != 0 {
				t.Errorf("%d connections to the old server are open", open)
			}
			time.Sleep(2 * time.Second)
			p.mu.Lock()
			if len(p.retired) != 0 {
				t.Error("the old pool counts connections yet")
			}
			p.mu.Unlock()
			r.close(t, p)
		})
	}
}

// One that is let in while no server may get writes waits until one may.
func TestLoginUnderWayAtAHold(t *testing.T) {
	begin := map[string]func(t *testing.T, p *Pools){
		"a new connection": func(*testing.T, *Pools) {},
		"an idle one that turns out dead": func(t *testing.T, p *Pools) { // it is asked first, and given up by the cut
			acquire(t, p, "ds", 0, nil).Release()
			time.Sleep(time.Minute)
		},
	}
	hold := map[string]func(p *Pools){
		"two primaries": func(p *Pools) { p.Hold("ds", "a and b take writes", true) },
		"nobody":        func(p *Pools) { p.Hold("ds", "a is gone", false) },
		"a planned switch": func(p *Pools) {
			p.Pause("ds", "a planned switch is under way", time.Minute)
			if n := p.Lent("ds"); n != 1 {
				panic("what is on the way to be lent is not counted")
			}
			p.Cut("ds", "it had its time to end")
		},
	}
	for what, begin := range begin {
		for why, hold := range hold {
			for _, to := range []string{"a:1", "b:1"} {
				t.Run(what+", "+why+", "+to, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var r replicated
						p := r.pools(t, time.Minute)
						begin(t, p)
						thaw := r.a.freeze(0)
						b := borrow(t, p, 1)
						time.Sleep(500 * time.Millisecond)
						hold(p)
						synctest.Wait()
						thaw()
						b.waits(t)
						if n := p.Lent("ds"); n != 0 {
							t.Errorf("%d are lent", n)
						}
						moveTo(t, p, to)
						b.at(t, to)
						r.close(t, p)
					})
				})
			}
		}
	}
}

// Who stands in the queue when what is under way is cut gets none of the places that come back: they are to the same server.
func TestQueueAtAHold(t *testing.T) {
	for _, n := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			var r replicated
			p := r.pools(t, time.Minute)
			var lent []*Lease
			for range 10 {
				lent = append(lent, acquire(t, p, "ds", 0, nil))
			}
			b := borrow(t, p, n)
			p.Hold("ds", "a and b take writes", true)
			for _, l := range lent {
				l.Release()
			}
			b.waits(t)
			moveTo(t, p, "b:1")
			b.at(t, "b:1")
			r.close(t, p)
		})
	}
}

// replaced are pools whose rules have changed while a lease of the name was out, which it returns.
func (r *replicated) replaced(t *testing.T, primary, name string) (*Pools, *Lease) {
	t.Helper()
	p := r.pools(t, time.Minute)
	moveTo(t, p, primary)
	l := acquire(t, p, name, 0, nil)
	ds := testSource("ds", "a:1", Limits{MaxOpen: 10, SilenceTimeout: time.Minute})
	ds.Replicas, ds.FailoverWait = []string{"b:1"}, 20*time.Second
	if err := p.Set([]DataSource{ds}); err != nil {
		t.Fatal(err)
	}
	exec1(t, l.Conn(), "INSERT INTO t VALUES (1)") // a change of rules cuts nothing
	return p, l
}

// What was lent before a change of rules, and is out yet, is ended like what was lent after it.
func TestFencingOfReplacedPools(t *testing.T) {
	replica := Endpoint("ds", "b:1")
	for what, c := range map[string]struct {
		primary, name string
		act           func(p *Pools)
		says          string // "": it goes on
	}{
		"another primary":                  {"a:1", "ds", func(p *Pools) { _ = p.Move("ds", "b:1") }, "the primary is b:1 now"},
		"the same primary":                 {"b:1", "ds", func(p *Pools) { _ = p.Move("ds", "b:1") }, ""},
		"two primaries":                    {"a:1", "ds", func(p *Pools) { p.Hold("ds", "a and b take writes", true) }, "a and b take writes"},
		"nobody":                           {"a:1", "ds", func(p *Pools) { p.Hold("ds", "a is gone", false) }, ""},
		"a planned switch":                 {"a:1", "ds", func(p *Pools) { p.Pause("ds", "wait", time.Minute) }, ""},
		"one that takes too long":          {"a:1", "ds", func(p *Pools) { p.Cut("ds", "it had its time") }, "it had its time"},
		"a replica that hangs":             {"a:1", replica, func(p *Pools) { p.Cut(replica, "b answers nothing") }, "b answers nothing"},
		"another's cut":                    {"a:1", "ds", func(p *Pools) { p.Cut(replica, "b answers nothing") }, ""},
		"a read of the new primary":        {"a:1", replica, func(p *Pools) { _ = p.Move("ds", "b:1") }, ""},
		"a read, while there are two":      {"a:1", replica, func(p *Pools) { p.Hold("ds", "a and b take writes", true) }, ""},
		"moved there and back, in the end": {"b:1", "ds", func(p *Pools) { _ = p.Move("ds", "a:1"); _ = p.Move("ds", "b:1") }, "the primary is a:1 now"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r replicated
				p, l := r.replaced(t, c.primary, c.name)
				if n := p.Lent(c.name); n != 1 {
					t.Errorf("%d are lent", n)
				}
				c.act(p)
				_, err := l.Conn().Exec(t.Context(), "COMMIT")
				switch {
				case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !SafeToRetry(err)):
					t.Errorf("what was lent: %v", err)
				}
				if n := p.Lent(c.name); (n == 0) != (c.says != "") {
					t.Errorf("%d are lent afterwards", n)
				}
				l.Release()
				if n := p.Lent(c.name); n != 0 {
					t.Errorf("%d are lent when it is back", n)
				}
				r.close(t, p)
			})
		})
	}
}

// A transaction that began before a change of rules waits no longer for a server that hangs than one that began after it, and nothing is told of the data source,
// whose server is another now.
func TestReplacedPoolThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replicated
		var turned []string
		p := NewPools(Options{Buffers: wire.NewPool(0), Dial: r.dial, SweepEvery: time.Second, Turned: func(ds string, _ error) { turned = append(turned, ds) }})
		ds := testSource("ds", "a:1", Limits{HangTimeout: 4 * time.Second, MaxOpen: 3})
		if err := p.Set([]DataSource{ds}); err != nil {
			t.Fatal(err)
		}
		acquired := acquire(t, p, "ds", 0, nil)
		other := acquire(t, p, "ds", 0, nil)
		ds.Addr = "b:1"
		if err := p.Set([]DataSource{ds}); err != nil {
			t.Fatal(err)
		}
		thaw := r.a.freeze(0)
		began := time.Now()
		_, err := acquired.Conn().Exec(context.Background(), "COMMIT")
		if err == nil || !strings.Contains(err.Error(), "answered nothing") {
			t.Errorf("what waited: %v", err)
		}
		if took := time.Since(began); took < 8*time.Second || took > 9*time.Second { // it was asked by a login, which has twice the time
			t.Errorf("it waited for %v", took)
		}
		acquired.Release()
		acquire(t, p, "ds", 0, nil).Release()
		thaw()
		other.Release()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := r.a.open.Load(); n != 0 || len(turned) != 0 {
			t.Errorf("%d connections to the old server are open, and it was told of %q", n, turned)
		}
		r.close(t, p)
	})
}

// A primary that is found before the rules that name it are in force: no other server gets writes until then.
func TestPrimaryThatTheRulesDoNotHaveYet(t *testing.T) {
	declare := func(t *testing.T, p *Pools, replicas ...string) {
		t.Helper()
		ds := testSource("ds", "a:1", Limits{MaxOpen: 10})
		ds.Replicas, ds.FailoverWait = replicas, time.Minute
		if err := p.Set([]DataSource{ds}); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		then func(t *testing.T, p *Pools)
		at   string
	}{
		"rules that name it":          {func(t *testing.T, p *Pools) { declare(t, p, "b:1") }, "b:1"},
		"others, and then these":      {func(t *testing.T, p *Pools) { declare(t, p, "e:1"); declare(t, p, "e:1", "b:1") }, "b:1"},
		"rules without any replica":   {func(t *testing.T, p *Pools) { declare(t, p) }, "a:1"},
		"one of those that they have": {func(t *testing.T, p *Pools) { moveTo(t, p, "a:1") }, "a:1"},
		"nobody first, and then these": {func(t *testing.T, p *Pools) {
			p.Hold("ds", "b is gone", false)
			moveTo(t, p, "b:1")
			declare(t, p, "b:1")
		}, "b:1"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r replicated
				p := r.pools(t, time.Minute)
				declare(t, p, "d:1")
				lent := acquire(t, p, "ds", 0, nil)
				p.Hold("ds", "a was left by its replicas", false)
				moveTo(t, p, "b:1")
				if _, err := lent.Conn().Exec(t.Context(), "COMMIT"); err == nil || !strings.Contains(err.Error(), "the primary is b:1 now") {
					t.Errorf("what was lent: %v", err)
				}
				lent.Release()
				b := borrow(t, p, 1)
				time.Sleep(time.Second)
				b.waits(t)
				c.then(t, p)
				b.at(t, c.at)
				r.close(t, p)
			})
		})
	}
}
