package plancache

import (
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// segments is how many parts the cache has, each with a lock of its own; a power of two.
const segments = 16

// overhead is what an entry costs beside its key and value: the map's cell, the ring's, the entry itself.
const overhead = 160

// Cache is a bounded cache of values by key. It is safe for concurrent use. Values are shared by all who get them
// and must not change.
type Cache[V any] struct {
	size  func(V) int
	valid func(V) bool
	parts [segments]part[V]

	hits, misses, stale, evicted atomic.Uint64
}

// part is one segment: a map and a ring over which a clock hand goes.
type part[V any] struct {
	mu       sync.RWMutex // guards what follows
	entries  map[string]*entry[V]
	ring     []*entry[V]
	hand     int
	bytes    int
	capacity int
}

type entry[V any] struct {
	key   string
	value V
	bytes int
	slot  int         // in the ring
	used  atomic.Bool // since the hand passed
}

// New returns a cache that holds up to capacity bytes, as size counts a value's. valid says whether a value is still
// right (nil: always): Get forgets one that is not.
func New[V any](capacity int, size func(V) int, valid func(V) bool) *Cache[V] {
	c := &Cache[V]{size: size, valid: valid}
	for i := range c.parts {
		c.parts[i].entries = map[string]*entry[V]{}
		c.parts[i].capacity = capacity / segments
	}
	return c
}

func (c *Cache[V]) part(key []byte) *part[V] { return &c.parts[xxhash.Sum64(key)&(segments-1)] }

// Get returns the value of a key. The key is not kept.
func (c *Cache[V]) Get(key []byte) (value V, ok bool) {
	p := c.part(key)
	p.mu.RLock()
	e := p.entries[string(key)]
	p.mu.RUnlock()
	if e == nil {
		c.misses.Add(1)
		return value, false
	}
	if c.valid != nil && !c.valid(e.value) {
		p.mu.Lock()
		if p.entries[e.key] == e {
			p.remove(e)
		}
		p.mu.Unlock()
		c.stale.Add(1)
		c.misses.Add(1)
		return value, false
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	c.hits.Add(1)
	return e.value, true
}

// Put keeps a value under a copy of key, in the place of an older one. A value that alone would take more than an
// eighth of a segment is not kept.
func (c *Cache[V]) Put(key []byte, value V) {
	e := &entry[V]{key: string(key), value: value, bytes: len(key) + c.size(value) + overhead}
	p := c.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.entries[e.key]; old != nil {
		p.remove(old)
	}
	if e.bytes > p.capacity/8 {
		return
	}
	for p.bytes+e.bytes > p.capacity && len(p.ring) > 0 {
		p.evict()
		c.evicted.Add(1)
	}
	e.slot = len(p.ring)
	p.ring = append(p.ring, e)
	p.entries[e.key] = e
	p.bytes += e.bytes
}

// evict removes the first entry under the hand that was not used since the hand's last round.
func (p *part[V]) evict() {
	for {
		if p.hand >= len(p.ring) {
			p.hand = 0
		}
		e := p.ring[p.hand]
		if !e.used.Swap(false) {
			p.remove(e)
			return
		}
		p.hand++
	}
}

// remove takes an entry out; the ring's last one takes its slot.
func (p *part[V]) remove(e *entry[V]) {
	last := p.ring[len(p.ring)-1]
	p.ring[e.slot], last.slot = last, e.slot
	p.ring[len(p.ring)-1] = nil
	p.ring = p.ring[:len(p.ring)-1]
	delete(p.entries, e.key)
	p.bytes -= e.bytes
}

// Resize changes how many bytes the cache holds; what has no room any more is forgotten.
func (c *Cache[V]) Resize(capacity int) {
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		p.capacity = capacity / segments
		for p.bytes > p.capacity && len(p.ring) > 0 {
			p.evict()
			c.evicted.Add(1)
		}
		p.mu.Unlock()
	}
}

// Clear forgets everything.
func (c *Cache[V]) Clear() {
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		p.entries, p.ring, p.hand, p.bytes = map[string]*entry[V]{}, nil, 0, 0
		p.mu.Unlock()
	}
}

// Stats are the cache's counters since its beginning, and its present size.
type Stats struct {
	Hits, Misses uint64
	Stale        uint64 // misses because the value was not valid any more
	Evicted      uint64
	Entries      int
	Bytes        int
	Capacity     int
}

// Stats reads the counters.
func (c *Cache[V]) Stats() Stats {
	s := Stats{Hits: c.hits.Load(), Misses: c.misses.Load(), Stale: c.stale.Load(), Evicted: c.evicted.Load()}
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.RLock()
		s.Entries += len(p.entries)
		s.Bytes += p.bytes
		s.Capacity += p.capacity
		p.mu.RUnlock()
	}
	return s
}
