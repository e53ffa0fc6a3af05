package keygen_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/keygen/keygentest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func factory(typ string) keygen.Factory {
	return func(cfg keygen.Config) (keygen.Generator, error) { return keygen.New(typ, cfg) }
}

func TestConform(t *testing.T) {
	for _, typ := range keygen.Types() {
		t.Run(typ, func(t *testing.T) {
			clock, segments := keygentest.NewClock(noon), &keygentest.Segments{}
			keygentest.Conform(t, factory(typ), func(instance int) keygen.Config {
				return keygen.Config{Name: "shop.orders.id", Clock: clock, Segments: segments,
					Properties: map[string]any{},
					Workers:    keygentest.Worker{ID: uint16(instance + 1), Until: noon.Add(24 * time.Hour)}}
			})
		})
	}
}

func must(t *testing.T, g keygen.Generator, n int) keygen.Batch {
	t.Helper()
	b, err := g.Next(t.Context(), n)
	if err != nil {
		t.Fatalf("Next(%d): %v", n, err)
	}
	return b
}

func build(t *testing.T, typ string, cfg keygen.Config) keygen.Generator {
	t.Helper()
	g, err := keygen.New(typ, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// refused wants the error that an INSERT shows to its client.
func refused(t *testing.T, g keygen.Generator, n int, wants string) {
	t.Helper()
	_, err := g.Next(t.Context(), n)
	var e *sqlerr.Error
	if !errors.As(err, &e) || e.Code != sqlerr.CodeAutoincRead || !strings.Contains(e.Msg, wants) {
		t.Errorf("Next(%d): error %v, want one with %q", n, err, wants)
	}
}

func TestSnowflakeLayout(t *testing.T) {
	clock := keygentest.NewClock(keygen.SnowflakeEpoch.Add(7*keygen.SnowflakeTick + 3*time.Millisecond))
	g := build(t, "snowflake", keygen.Config{Clock: clock, Workers: keygentest.Worker{ID: 5, Until: noon}})
	if got, want := must(t, g, 3).First, uint64(7<<25|5<<15); got != want {
		t.Errorf("first id is %d, want %d", got, want)
	}
	if got, want := must(t, g, 1).First, uint64(7<<25|5<<15|3); got != want {
		t.Errorf("second id is %d, want %d", got, want)
	}
	clock.Step(keygen.SnowflakeTick)
	if got, want := must(t, g, 1).First, uint64(8<<25|5<<15|4); got != want {
		t.Errorf("the next tick starts with %d, want %d: low bits must not all be 0", got, want)
	}
}

func TestSnowflakeFullTickWaitsForTheNext(t *testing.T) {
	clock := keygentest.NewClock(noon)
	g := build(t, "snowflake", keygen.Config{Clock: clock, Workers: keygentest.Worker{Until: noon.Add(time.Hour)}})
	a, b := must(t, g, keygen.MaxSnowflakeRun), must(t, g, keygen.MaxSnowflakeRun)
	if a.First+keygen.MaxSnowflakeRun > b.First {
		t.Errorf("runs overlap: %d, %d", a.First, b.First)
	}
	if waited := clock.Now().Sub(noon); waited != keygen.SnowflakeTick {
		t.Errorf("it waited %s", waited)
	}
	refused(t, g, keygen.MaxSnowflakeRun+1, "snowflake gives 1 to")
}

func TestSnowflakeClockSteps(t *testing.T) {
	clock := keygentest.NewClock(noon)
	g := build(t, "snowflake", keygen.Config{Clock: clock, Workers: keygentest.Worker{Until: noon.Add(time.Hour)}, Properties: map[string]any{"max_wait": "500ms"}})
	a := must(t, g, 10)
	clock.Step(-400 * time.Millisecond)
	if b := must(t, g, 10); b.First <= a.First+9 {
		t.Errorf("after a step back: %d, before it %d", b.First, a.First)
	}
	clock.Step(-time.Minute)
	refused(t, g, 1, "the clock is 1m0s behind")
	clock.Step(time.Minute)
	if c := must(t, g, 1); c.First <= a.First+19 {
		t.Errorf("after the clock came back: %d, before %d", c.First, a.First)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	clock.Step(-100 * time.Millisecond)
	if _, err := g.Next(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
}

func TestSnowflakeClaimEnds(t *testing.T) {
	clock := keygentest.NewClock(noon)
	g := build(t, "snowflake", keygen.Config{Clock: clock, Workers: keygentest.Worker{Until: noon.Add(time.Second)}})
	must(t, g, 1)
	clock.Step(time.Second)
	refused(t, g, 1, "claim of the worker id ended")
	lost := build(t, "snowflake", keygen.Config{Clock: clock, Workers: keygentest.Worker{Err: errors.New("store is away")}})
	refused(t, lost, 1, "store is away")
	big := build(t, "snowflake", keygen.Config{Clock: clock, Workers: keygentest.Worker{ID: keygen.MaxWorker + 1, Until: noon.Add(time.Hour)}})
	refused(t, big, 1, "beyond")
	early := build(t, "snowflake", keygen.Config{Clock: keygentest.NewClock(keygen.SnowflakeEpoch.Add(-time.Hour)), Workers: keygentest.Worker{Until: noon}})
	refused(t, early, 1, "outside the years")
}

func TestSetSharesTheTicks(t *testing.T) {
	clock := keygentest.NewClock(noon)
	set := keygen.NewSet(clock, keygentest.Worker{Until: noon.Add(time.Hour)}, &keygentest.Segments{})
	a, err := set.Generator("shop.orders.id", "snowflake", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := set.Generator("shop.orders.id", "snowflake", map[string]any{"max_wait": "2s"})
	if err != nil {
		t.Fatal(err)
	}
	if x, y := must(t, a, 5).First, must(t, b, 5).First; y < x+5 {
		t.Errorf("a generator with changed properties repeats ids: %d, %d", x, y)
	}
	again, err := set.Generator("shop.orders.id", "snowflake", nil)
	if err != nil || again != a {
		t.Errorf("the same column has another generator: %v", err)
	}
	if _, err := set.Generator("x", "nonsense", nil); err == nil {
		t.Error("an unknown type is taken")
	}
}

func TestSegmentNeverSplitsARun(t *testing.T) {
	segments := &keygentest.Segments{}
	g := build(t, "segment", keygen.Config{Name: "s", Segments: segments, Properties: map[string]any{"step": int64(10)}})
	var firsts []uint64
	for _, n := range []int{4, 4, 4, 25, 1} {
		firsts = append(firsts, must(t, g, n).First)
	}
	// 1-10 and, from half of it on, 11-20; 9 and 10 are thrown away, then 15-20 for a range of 25
	if want := []uint64{1, 5, 11, 21, 46}; !slices.Equal(firsts, want) {
		t.Errorf("firsts are %v, want %v", firsts, want)
	}
}

func TestSegmentLivesOnWhatItHolds(t *testing.T) {
	segments := &keygentest.Segments{}
	g := build(t, "segment", keygen.Config{Name: "s", Segments: segments, Properties: map[string]any{"step": int64(10)}})
	must(t, g, 1)
	segments.Fail(errors.New("store is away"))
	for range 9 {
		must(t, g, 1)
	}
	refused(t, g, 1, "store is away")
	segments.Fail(nil)
	if b := must(t, g, 1); b.First != 11 {
		t.Errorf("first id afterwards is %d", b.First)
	}
}

// A client's own key is passed by everything that is given after it, and by Fresh on other instances too.
func TestSegmentPassesKeysOfClients(t *testing.T) {
	segments := &keygentest.Segments{}
	cfg := keygen.Config{Name: "s", Segments: segments, Properties: map[string]any{"step": int64(10)}}
	a, b := build(t, "segment", cfg).(keygen.Raiser), build(t, "segment", cfg).(keygen.Raiser)
	raise := func(g keygen.Raiser, key uint64) {
		t.Helper()
		if err := g.Raise(t.Context(), keygen.Given{High: key}); err != nil {
			t.Fatal(err)
		}
	}
	next := func(g keygen.Raiser, want uint64) {
		t.Helper()
		if got := must(t, g, 1).First; got != want {
			t.Errorf("the next key is %d, want %d", got, want)
		}
	}
	next(a, 1)
	raise(a, 4) // within the range that is held: the store need not know
	calls := segments.Calls
	next(a, 5)
	raise(a, 3)
	next(a, 6)
	next(b, 21) // 11 to 20 are a's, claimed ahead
	raise(b, 15)
	if fresh, err := b.Fresh(t.Context(), 2); err != nil || fresh.First != 31 {
		t.Errorf("fresh: %v, %v", fresh, err)
	}
	raise(b, 1000)
	if fresh, err := a.Fresh(t.Context(), 1); err != nil || fresh.First != 1001 {
		t.Errorf("fresh beyond another's key: %v, %v", fresh, err)
	}
	next(b, 1002)
	raise(b, math.MaxUint64)
	refused(t, b, 1, "run out")
	if segments.Calls == calls {
		t.Error("the store was not asked")
	}
}

// Keys that clients give one after the other cost the store a call in a step.
func TestSegmentRaisesByTheStep(t *testing.T) {
	segments := &keygentest.Segments{}
	g := build(t, "segment", keygen.Config{Name: "s", Segments: segments}).(keygen.Raiser)
	for key := range uint64(5000) {
		if err := g.Raise(t.Context(), keygen.Given{High: key + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if segments.Calls > 20 {
		t.Errorf("%d calls", segments.Calls)
	}
	if first := must(t, g, 1).First; first <= 5000 {
		t.Errorf("the key %d is a row's", first)
	}
}

func TestUUID(t *testing.T) {
	clock := keygentest.NewClock(noon)
	g := build(t, "uuid", keygen.Config{Clock: clock})
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var last []byte
	for i := range 6 {
		if i == 3 {
			clock.Step(-time.Hour)
		}
		for _, id := range must(t, g, 3000).Texts {
			if !form.Match(id) {
				t.Fatalf("%s is no UUID of version 7", id)
			}
			if bytes.Compare(last, id) >= 0 {
				t.Fatalf("%s comes after %s", id, last)
			}
			last = id
		}
	}
	if b := must(t, build(t, "uuid", keygen.Config{Clock: clock, Properties: map[string]any{"format": "binary"}}), 1); len(b.Texts[0]) != 16 || !b.Binary {
		t.Errorf("binary: %+v", b)
	}
	refused(t, build(t, "uuid", keygen.Config{Clock: clock, Rand: bytes.NewReader(nil)}), 1, "no random bytes")
}

func TestCheck(t *testing.T) {
	for _, x := range []struct {
		typ   string
		props map[string]any
		ok    bool
	}{
		{"snowflake", nil, true}, {"segment", map[string]any{"step": int64(5)}, true}, {"segment", map[string]any{"step": "5"}, false},
		{"segment", map[string]any{"step": int64(0)}, false}, {"uuid", map[string]any{"format": "hex"}, false},
		{"snowflake", map[string]any{"max_wait": int64(1)}, false}, {"other", nil, false},
	} {
		if err := keygen.Check(x.typ, x.props); (err == nil) != x.ok {
			t.Errorf("Check(%s, %v) is %v", x.typ, x.props, err)
		}
	}
}
