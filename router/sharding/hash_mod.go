package sharding

import "context"

// hashMod places a row on node CRC32(canonical bytes) mod the number of nodes: the bytes are those of hash_slot.
// It has no properties. Adding a node moves most rows; hash_slot does not have that fault.
type hashMod struct{ nodes int }

func newHashMod(_ context.Context, cfg Config) (Algorithm, error) {
	if err := cfg.Properties.known(); err != nil {
		return nil, err
	}
	if err := checkColumns(cfg, 1, maxKeyColumns); err != nil {
		return nil, err
	}
	return &hashMod{cfg.Nodes}, nil
}

// Nodes implements Algorithm.
func (a *hashMod) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *hashMod) Locate(key []Key) (int, error) { return int(hashOf(key) % uint32(a.nodes)), nil }

// Prune implements Algorithm.
func (a *hashMod) Prune([]Cond) Set { return All(a.nodes) }
