package sharding

import (
	"context"
	"errors"
)

// hashSlot places a row by its hash slot; which node has which slot is written out in the document. It has no
// properties.
type hashSlot struct {
	nodes int
	slots *SlotTable
}

func newHashSlot(_ context.Context, cfg Config) (Algorithm, error) {
	if err := cfg.Properties.known(); err != nil {
		return nil, err
	}
	if err := checkColumns(cfg, 1, maxKeyColumns); err != nil {
		return nil, err
	}
	if cfg.Slots == nil {
		return nil, errors.New("it needs slots, and the document has none")
	}
	return &hashSlot{nodes: cfg.Nodes, slots: cfg.Slots}, nil
}

// maxKeyColumns is the server's limit on the columns of a key.
const maxKeyColumns = 16

// Nodes implements Algorithm.
func (a *hashSlot) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *hashSlot) Locate(key []Key) (int, error) { return int(a.slots[Slot(key)]), nil }

// Prune implements Algorithm: a hash keeps no order.
func (a *hashSlot) Prune([]Cond) Set { return All(a.nodes) }
