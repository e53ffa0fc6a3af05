package instance

import (
	"fmt"
	"sync"
)

// A connection id has 32 bits, so that the protocol can carry it and KILL can name it: the instance's number in the
// upper 12, a counter in the lower 20. Number 0 is an instance that never registered: its ids are unique in itself.
const (
	numberBits  = 12
	counterBits = 32 - numberBits
	// MaxNumber is the largest instance number, and so the most instances alive at once.
	MaxNumber = 1<<numberBits - 1
	// MaxConnections is how many connections one instance can have at once.
	MaxConnections = 1<<counterBits - 1
)

// NumberOf is the number of the instance that gave the connection id.
func NumberOf(connection uint32) uint16 { return uint16(connection >> counterBits) }

// ConnectionIDs gives ids to connections. An id is in use until it is put back, also when the instance's number changes
// meanwhile. Make one with NewConnectionIDs.
type ConnectionIDs struct {
	number func() uint16

	mu   sync.Mutex // guards what follows
	last uint32
	used map[uint32]struct{}
}

// NewConnectionIDs takes Registry.Number, or a function that returns 0 where there is no store.
func NewConnectionIDs(number func() uint16) *ConnectionIDs {
	return &ConnectionIDs{number: number, used: map[uint32]struct{}{}}
}

// Next is an id that no connection of this instance has, never 0.
func (c *ConnectionIDs) Next() (uint32, error) {
	upper := uint32(c.number()) << counterBits
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.used) >= MaxConnections {
		return 0, fmt.Errorf("all %d connection ids are in use", MaxConnections)
	}
	for {
		c.last = c.last%MaxConnections + 1
		id := upper | c.last
		if _, taken := c.used[id]; !taken {
			c.used[id] = struct{}{}
			return id, nil
		}
	}
}

// Put gives an id back.
func (c *ConnectionIDs) Put(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.used, id)
}
