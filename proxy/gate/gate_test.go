package gate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/plan"
)

func tables(names ...string) []plan.TableVersion {
	var out []plan.TableVersion
	for _, n := range names {
		db, table, _ := strings.Cut(n, ".")
		out = append(out, plan.TableVersion{Database: db, Table: table})
	}
	return out
}

func code(err error) uint16 {
	if e := sqlerr.As(err); e != nil {
		return e.Code
	}
	return 0
}

func TestOpenGateAllocatesNothing(t *testing.T) {
	v := New(Options{}).Join(func() {})
	names := tables("shop.orders", "shop.items")
	if n := testing.AllocsPerRun(1000, func() {
		if err := v.Enter(t.Context(), names); err != nil {
			t.Fatal(err)
		}
		v.Leave()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHoldWaitsForThoseInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Options{Wait: 10 * time.Second, Drain: 2 * time.Second})
		inside, other := g.Join(func() {}), g.Join(func() {})
		if err := errors.Join(inside.Enter(t.Context(), tables("shop.orders")), other.Enter(t.Context(), tables("shop.users"))); err != nil {
			t.Fatal(err)
		}
		if err := g.Hold(t.Context(), "x", "shop", []string{"orders", "items"}); err == nil || !strings.Contains(err.Error(), "1 sessions still use tables orders, items") {
			t.Fatalf("%v", err)
		}
		if err := inside.Enter(t.Context(), tables("shop.items")); err != nil {
			t.Errorf("who is inside of one table of the hold has to be let into the others: %v", err)
		}
		began := time.Now()
		if err := other.Enter(t.Context(), tables("shop.users", "SHOP.Items")); code(err) != sqlerr.CodeLockWaitTimeout || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.AfterFunc(time.Second, inside.Leave)
		if err := g.Hold(t.Context(), "x", "shop", []string{"orders", "items"}); err != nil {
			t.Error(err)
		}
		time.AfterFunc(time.Second, func() { g.Release("x") })
		if err := inside.Enter(t.Context(), tables("shop.orders")); err != nil {
			t.Error(err)
		}
	})
}

func TestOneWhoWaitsIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Options{})
		if err := g.Hold(t.Context(), "x", "shop", []string{Any}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 2)
		for range 2 {
			v := g.Join(func() {})
			go func() { done <- v.Enter(t.Context(), tables("shop.anything")) }()
		}
		synctest.Wait()
		if err := g.Hold(t.Context(), "y", "shop", []string{"anything"}); err != nil {
			t.Error(err)
		}
		g.Release("x")
		synctest.Wait()
		g.Fail("y")
		for range 2 {
			if err := <-done; code(err) != sqlerr.CodeLockWaitTimeout {
				t.Errorf("%v", err)
			}
		}
		g.Release("y")
		if err := g.Join(func() {}).Enter(t.Context(), tables("shop.anything")); err != nil {
			t.Error(err)
		}
	})
}

func TestFenceCutsAndRefuses(t *testing.T) {
	g := New(Options{})
	var cut atomic.Int32
	inside, outside := g.Join(func() { cut.Add(1) }), g.Join(func() { t.Error("cut without need") })
	if err := errors.Join(inside.Enter(t.Context(), tables("shop.orders")), outside.Enter(t.Context(), tables("crm.people"))); err != nil {
		t.Fatal(err)
	}
	g.Fence("shop")
	g.Close()
	if cut.Load() != 1 || !g.Fenced() {
		t.Errorf("%d cut", cut.Load())
	}
	if err := inside.Enter(t.Context(), tables("shop.orders")); code(err) != sqlerr.CodeOptionPrevents {
		t.Errorf("%v", err)
	}
	if err := outside.Enter(t.Context(), tables("crm.orders")); err != nil {
		t.Error(err)
	}
	g.Unfence("shop")
	if err := outside.Enter(t.Context(), tables("shop.orders")); err != nil {
		t.Error(err)
	}
	ended := g.Join(func() { t.Error("cut after its end") })
	if err := ended.Enter(t.Context(), tables("shop.orders")); err != nil {
		t.Fatal(err)
	}
	ended.End()
	outside.End()
	inside.End()
	g.Fence(Any)
	g.Close()
	if err := g.Hold(t.Context(), "x", Any, []string{Any}); err != nil {
		t.Error(err)
	}
}

// TestNobodyIsInsideWhatIsHeld has many sessions enter and leave while a table is closed and opened: after Hold has
// returned nobody may be inside until Release.
func TestNobodyIsInsideWhatIsHeld(t *testing.T) {
	g := New(Options{Wait: time.Minute, Drain: time.Minute})
	var inside atomic.Int32
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		v := g.Join(func() {})
		all.Go(func() {
			defer v.End()
			for ctx.Err() == nil {
				if err := v.Enter(ctx, tables("shop.orders")); err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				inside.Add(1)
				inside.Add(-1)
				v.Leave()
			}
		})
	}
	for range 200 {
		if err := g.Hold(t.Context(), "x", "shop", []string{"orders"}); err != nil {
			t.Error(err)
		}
		for range 20 {
			if n := inside.Load(); n != 0 {
				t.Fatalf("%d inside of a held table", n)
			}
		}
		g.Release("x")
	}
	stop()
	all.Wait()
}
