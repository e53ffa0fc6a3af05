package sharding

import (
	"context"
	"fmt"
	"strconv"
)

// mod places an integer key on node key mod the number of nodes; the remainder of a negative key is counted up from
// 0 (-1 of four nodes is on node 3). NULL is on node 0. It has no properties.
type mod struct{ nodes int }

func newMod(_ context.Context, cfg Config) (Algorithm, error) {
	if err := cfg.Properties.known(); err != nil {
		return nil, err
	}
	if err := checkColumns(cfg, 1, 1, FamilyInteger, FamilyYear); err != nil {
		return nil, err
	}
	return &mod{cfg.Nodes}, nil
}

// Nodes implements Algorithm.
func (a *mod) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *mod) Locate(key []Key) (int, error) {
	k := key[0]
	if k.Null {
		return 0, nil
	}
	if i, ok := k.Int(); ok {
		n := int64(a.nodes)
		return int((i%n + n) % n), nil
	}
	u, err := strconv.ParseUint(string(k.Canon), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("mod: %q is not an integer", k.Canon)
	}
	return int(u % uint64(a.nodes)), nil
}

// Prune implements Algorithm.
func (a *mod) Prune([]Cond) Set { return All(a.nodes) }
