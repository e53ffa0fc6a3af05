package sidecar

import (
	"sync"

	"github.com/heddle-mesh/heddle/proxy/session"
)

// statements is a plan cache in two generations: when the young one has used half of the budget it becomes the old
// one, and what was the old one is dropped; a hit in the old one makes a statement young again. A lookup of a
// []byte key allocates nothing.
type statements struct {
	budget int

	mu    sync.RWMutex // guards what follows
	young map[string]*session.Statement
	old   map[string]*session.Statement
	bytes int // of young
}

func newStatements(budget int) *statements {
	return &statements{budget: budget, young: map[string]*session.Statement{}}
}

// Get returns the statement of a key.
func (c *statements) Get(key []byte) (*session.Statement, bool) {
	c.mu.RLock()
	st, ok := c.young[string(key)]
	if ok {
		c.mu.RUnlock()
		return st, true
	}
	st, ok = c.old[string(key)]
	c.mu.RUnlock()
	if ok {
		c.Put(key, st)
	}
	return st, ok
}

// Put keeps a statement.
func (c *statements) Put(key []byte, st *session.Statement) {
	size := len(key) + st.Size()
	if size > c.budget/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += size; c.bytes > c.budget/2 {
		c.old, c.young, c.bytes = c.young, map[string]*session.Statement{}, size
	}
	c.young[string(key)] = st
}
