package backend

import (
	"context"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Acquire and Release of a hot connection, without contention.
func BenchmarkAcquireRelease(b *testing.B) {
	p := testPools(b, testSource("ds", sharedServer(b), Limits{}))
	l := acquire(b, p, "ds", 0, nil)
	hint := l.Conn()
	l.Release()
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		l, err := p.Acquire(ctx, "ds", 0, hint)
		if err != nil {
			b.Fatal(err)
		}
		l.Release()
	}
}

// The look at the socket of a connection that has rested for longer than freshFor.
func BenchmarkAlive(b *testing.B) {
	c := connect(b, sharedServer(b), 0, "")
	b.ReportAllocs()
	for b.Loop() {
		if !c.Alive() {
			b.Fatal("dead")
		}
	}
}

func BenchmarkApplyUnchanged(b *testing.B) {
	p := testPools(b, testSource("ds", sharedServer(b), Limits{}))
	l := acquire(b, p, "ds", 0, nil)
	defer l.Release()
	st := NewState()
	st.SetVar("time_zone", "'+01:00'")
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Apply(b.Context(), st, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole exchange, with a context that can be cancelled and with one that cannot.
func BenchmarkPing(b *testing.B) {
	c := connect(b, sharedServer(b), 0, "")
	for name, ctx := range map[string]context.Context{"cancellable": b.Context(), "background": context.Background()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Send(ctx, wire.ComPing); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Drain(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
