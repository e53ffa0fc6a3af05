package harness

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

func notify(c chan os.Signal) { signal.Notify(c, syscall.SIGTERM) }

// startRelayOn is StartRelay on an address that is given.
func startRelayOn(addr, target string) (*Relay, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return relayOn(l, target), nil
}

// echo answers every byte with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, r *Relay) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// served reports whether a new connection brings a byte back. A reset may come as early as in the dial.
func served(r *Relay) bool {
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	c.Write([]byte("x"))
	_, err = c.Read(make([]byte, 1))
	return err == nil
}

func roundTrip(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestRelayForwards(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	roundTrip(t, c, "hello")
	roundTrip(t, c, strings.Repeat("x", 100_000))
	if r.Open() != 1 {
		t.Errorf("%d connections", r.Open())
	}
	r.Cut()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after a cut: %v", err)
	}
	roundTrip(t, dial(t, r), "again")
}

func TestRelayResets(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	roundTrip(t, c, "hello")
	r.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset: %v", err)
	}
	r.Refuse(true)
	if served(r) {
		t.Error("a refused connection was served")
	}
	r.Refuse(false)
	roundTrip(t, dial(t, r), "again")
}

func TestRelayDelays(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	r.Delay(50 * time.Millisecond)
	began := time.Now()
	roundTrip(t, c, "slow")
	if took := time.Since(began); took < 100*time.Millisecond { // there and back
		t.Errorf("took %v", took)
	}
}

func TestRelayHoldsAndReleases(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	roundTrip(t, c, "hello")
	r.Hold()
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a black hole answered: %v", err)
	}
	r.Release()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, 4)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
		t.Errorf("after the release: %q, %v", got, err)
	}
}

func TestRelayCutsAtTheByte(t *testing.T) {
	for _, n := range []int64{1, 3, 8} {
		r := NewRelay(t, echo(t))
		c := dial(t, r)
		roundTrip(t, c, "hello")
		r.CutAfter(n + 8) // the eight bytes there, and n on the way back
		if _, err := c.Write([]byte("12345678")); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, []byte("12345678")[:n]) {
			t.Errorf("cut after %d: %q, %v", n, got, err)
		}
	}
}

func TestRelayClosesWhileHeld(t *testing.T) {
	r, err := StartRelay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, r)
	roundTrip(t, c, "hello")
	r.Hold()
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if r.Open() != 0 {
		t.Errorf("%d connections outlive Close", r.Open())
	}
}

func TestRelayToNowhere(t *testing.T) {
	addr, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	if served(NewRelay(t, addr)) {
		t.Error("nobody there, and a byte came")
	}
}

func TestRelayThrottles(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	r.Throttle(10_000, ToClient)
	began := time.Now()
	roundTrip(t, c, strings.Repeat("x", 1000))
	if took := time.Since(began); took < 90*time.Millisecond || took > 5*time.Second {
		t.Errorf("1000 bytes at 10,000 a second took %v", took)
	}
	r.Throttle(0)
	roundTrip(t, c, strings.Repeat("x", 100_000))
	if moved := r.Moved(); moved != 2*101_000 {
		t.Errorf("%d bytes moved", moved)
	}
}

func TestRelayHoldsOneDirection(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	r.Hold(ToClient)
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); r.Moved() != 4; {
		if time.Now().After(deadline) {
			t.Fatal("the direction that is free does not deliver")
		}
	}
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a black hole answered: %v", err)
	}
	r.Release()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Error(err)
	}
}

func TestRelayTripsAtTheByte(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dial(t, r)
	at := make(chan int64, 1)
	r.TripAfter(3, func() { at <- r.Moved(); r.Cut() }, ToClient)
	if _, err := c.Write([]byte("12345678")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if moved := <-at; err != nil || string(got) != "123" || moved != 11 {
		t.Errorf("tripped at %d: %q, %v", moved, got, err)
	}
	roundTrip(t, dial(t, r), "again")
}
