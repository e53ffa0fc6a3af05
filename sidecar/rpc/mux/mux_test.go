package mux

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

func TestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []string
		began := time.Now()
		var took []time.Duration
		var mu sync.Mutex
		table := NewTable(func(all []string) {
			mu.Lock()
			defer mu.Unlock()
			late = append(late, all...)
			took = append(took, time.Since(began))
		})
		put := func(m string, in time.Duration) uint32 {
			n, err := table.Put(m, time.Now().Add(in), 3)
			if err != nil {
				t.Fatal(m, err)
			}
			return n
		}
		slow, soon := put("slow", time.Minute), put("soon", time.Second)
		put("sooner", time.Millisecond)
		if _, err := table.Put("more", time.Now(), 3); err != ErrMany {
			t.Errorf("there are more than may be: %v", err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(late) != 2 || late[0] != "sooner" || late[1] != "soon" || took[0] != time.Millisecond || took[1] != time.Second {
			t.Errorf("late: %v after %v", late, took)
		}
		if _, ok := table.Take(soon); ok {
			t.Error("what was late is still there")
		}
		if m, ok := table.Take(slow); !ok || m != "slow" || slow == None {
			t.Errorf("%q, %t", m, ok)
		}
		if _, ok := table.Take(slow); ok {
			t.Error("it is taken twice")
		}
		if table.CloseIdle(time.Now().Add(-time.Minute)) {
			t.Error("it was used within a minute")
		}
		table.next = 1<<32 - 2 // numbers begin again, and leave out what waits
		a, b, c := put("a", time.Minute), put("b", time.Minute), put("c", time.Minute)
		if a != 1<<32-1 || b != 1 || c != 2 {
			t.Errorf("the numbers %d, %d, %d", a, b, c)
		}
		table.next = 1<<32 - 2
		if _, ok := table.Take(b); !ok {
			t.Error("b is not there")
		}
		if n := put("d", time.Minute); n != 1 {
			t.Errorf("the number %d", n)
		}
		if rest := table.Close(); len(rest) != 3 {
			t.Errorf("%q were left", rest)
		}
		if _, err := table.Put("more", time.Now(), 0); err != ErrClosed || table.Len() != 0 {
			t.Errorf("a closed table takes one: %v", err)
		}
	})
}

// pair are the two ends of a TCP connection.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// Many goroutines' messages arrive whole, each goroutine's in their order, however slowly they are taken; with TLS's way of writing too.
func TestWriter(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		ours, theirs := pair(t)
		raw := tcp.Raw(ours)
		if encrypted {
			raw = nil
		}
		w := NewWriter(ours, raw, 64<<20, time.Minute, func(err error) { t.Error(err) })
		const goroutines, messages, size = 4, 500, 4000
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				for i := range messages {
					m := bytes.Repeat([]byte{byte(g)}, size)
					m[1], m[2] = byte(i), byte(i>>8)
					if err := w.Append(m); err != nil {
						t.Error(err)
					}
					w.Flush()
				}
			})
		}
		var next [goroutines]int
		m := make([]byte, size)
		for range goroutines * messages {
			if _, err := io.ReadFull(theirs, m); err != nil {
				t.Fatal(err)
			}
			if n := int(m[1]) | int(m[2])<<8; n != next[m[0]] || m[size-1] != m[0] {
				t.Fatalf("the message %d of %d came for %d", n, m[0], next[m[0]])
			}
			next[m[0]]++
		}
		all.Wait()
		w.Finish()
		_ = ours.Close()
		w.Close(errors.New("closed"))
		if err := w.Append(m); err == nil || err.Error() != "closed" {
			t.Errorf("a closed writer: %v", err)
		}
	}
}

// Nobody waits for an end that takes nothing: so much is kept for it, and no more; then it is given up.
func TestAnEndThatTakesNothing(t *testing.T) {
	ours, _ := pair(t)
	failed := make(chan error, 2)
	w := NewWriter(ours, tcp.Raw(ours), 1<<20, 50*time.Millisecond, func(err error) { failed <- err })
	var err error
	sent := 0
	for m := make([]byte, 100<<10); err == nil; sent++ {
		if sent > 1000 {
			t.Fatal("100 MB are kept for an end that takes nothing")
		}
		err = w.Append(m)
		w.Flush()
	}
	var timeout net.Error
	if !errors.Is(err, ErrFull) && !errors.As(err, &timeout) { // the machine may have been so slow that it was given up by then
		t.Error(err)
	}
	if err := <-failed; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("given up for %v", err)
	}
	_ = ours.Close()
	w.Close(nil)
	if err := w.Append(nil); !errors.As(err, &timeout) {
		t.Errorf("afterwards: %v", err)
	}
	if len(failed) > 0 {
		t.Error("it was given up twice")
	}
}
