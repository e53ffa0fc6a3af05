package plancache

import (
	"fmt"
	"sync"
	"testing"
)

type plan struct {
	name string
	old  bool
}

func size(p *plan) int { return len(p.name) }

func TestGetAndPut(t *testing.T) {
	c := New(1<<20, size, func(p *plan) bool { return !p.old })
	p := &plan{name: "a"}
	c.Put([]byte("k"), p)
	if got, ok := c.Get([]byte("k")); !ok || got != p {
		t.Fatalf("got %v, %v", got, ok)
	}
	if _, ok := c.Get([]byte("other")); ok {
		t.Fatal("a key that was never put was found")
	}
	p2 := &plan{name: "b"}
	c.Put([]byte("k"), p2)
	if got, _ := c.Get([]byte("k")); got != p2 {
		t.Fatalf("after a second put: %v", got)
	}
	if s := c.Stats(); s.Entries != 1 || s.Hits != 2 || s.Misses != 1 || s.Bytes != len("k")+len("b")+overhead {
		t.Fatalf("stats %+v", s)
	}
}

func TestStaleIsForgotten(t *testing.T) {
	p := &plan{name: "a"}
	old := false
	c := New(1<<20, size, func(*plan) bool { return !old })
	c.Put([]byte("k"), p)
	old = true
	if _, ok := c.Get([]byte("k")); ok {
		t.Fatal("a stale value was given")
	}
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 || s.Stale != 1 {
		t.Fatalf("stats %+v", s)
	}
}

func TestBound(t *testing.T) {
	const capacity = 64 << 10
	c := New(capacity, size, nil)
	for i := range 5000 {
		c.Put(fmt.Appendf(nil, "key %d", i), &plan{name: "x"})
		c.Get([]byte("key 1")) // is in use, and stays
	}
	s := c.Stats()
	if s.Bytes > capacity || s.Evicted == 0 || s.Entries == 0 {
		t.Fatalf("stats %+v", s)
	}
	if _, ok := c.Get([]byte("key 1")); !ok {
		t.Fatal("a value in use was evicted")
	}
	c.Put([]byte("huge"), &plan{name: string(make([]byte, capacity))})
	if _, ok := c.Get([]byte("huge")); ok {
		t.Fatal("a value larger than its share was kept")
	}
	c.Clear()
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Fatalf("after clear %+v", s)
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	c := New(1<<20, size, func(*plan) bool { return true })
	key := []byte("some key of some length that is more than a few bytes")
	c.Put(key, &plan{})
	if n := testing.AllocsPerRun(100, func() { c.Get(key) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New(32<<10, size, func(p *plan) bool { return p.name != "7" })
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				key := fmt.Appendf(nil, "%d", (i*7+w)%300)
				if p, ok := c.Get(key); ok && p.name != string(key) {
					t.Errorf("key %s has the value of %s", key, p.name)
				} else if !ok {
					c.Put(key, &plan{name: string(key)})
				}
			}
		})
	}
	wg.Wait()
}

func TestResize(t *testing.T) {
	c := New(1<<20, size, nil)
	key := func(i int) []byte { return fmt.Append(nil, i) }
	for i := range 2000 {
		c.Put(key(i), &plan{name: "abcdefghij"})
	}
	was := c.Stats()
	c.Resize(64 << 10)
	if s := c.Stats(); was.Entries != 2000 || s.Capacity != 64<<10 || s.Bytes > s.Capacity || s.Bytes < s.Capacity/2 || s.Evicted != uint64(2000-s.Entries) {
		t.Errorf("from %+v to %+v", was, s)
	}
	c.Resize(1 << 20)
	for i := range 2000 {
		c.Put(key(i), &plan{name: "abcdefghij"})
	}
	if s := c.Stats(); s.Entries != 2000 {
		t.Errorf("made large again: %+v", s)
	}
}
