package sharding

import (
	"context"
	"fmt"
	"maps"
)

// complexGrid places a row by several key columns, each with an algorithm of its own: the first picks the row of a
// grid, the next the column of it, and so on, as when one column picks the schema and another the table in it.
// Properties:
//
//	by  a list with an entry per key column: its algorithm's type, nodes (how many it tells apart) and properties
//
// Node = ((i1 × n2) + i2) × n3 + i3 …; the product of all nodes is the number of the table's nodes. A condition on
// some of the columns only narrows the grid along those.
type complexGrid struct {
	nodes int
	axes  []Algorithm
}

func newComplex(ctx context.Context, cfg Config) (Algorithm, error) {
	if err := cfg.Properties.known("by"); err != nil {
		return nil, err
	}
	if err := checkColumns(cfg, 2, maxKeyColumns); err != nil {
		return nil, err
	}
	by, err := cfg.Properties.list("by")
	if err != nil {
		return nil, err
	}
	if len(by) != len(cfg.Columns) {
		return nil, fmt.Errorf("property \"by\" has %d entries for %d key columns", len(by), len(cfg.Columns))
	}
	a, product := &complexGrid{nodes: cfg.Nodes}, 1
	for i, entry := range by {
		axis, err := newAxis(ctx, cfg, cfg.Columns[i], entry)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", cfg.Columns[i].Name, err)
		}
		a.axes = append(a.axes, axis)
		product = min(product*axis.Nodes(), 1<<20)
	}
	if product != cfg.Nodes {
		return nil, fmt.Errorf("the columns tell %d nodes apart, and the table has %d", product, cfg.Nodes)
	}
	return a, nil
}

// perColumn lists the algorithms that can be used for one column of several.
var perColumn = map[string]Factory{
	"hash_mod": newHashMod,
	"mod":      newMod,
	"range":    newRange,
	"interval": newInterval,
	"list":     newList,
	"inline":   newInline,
}

// newAxis builds the algorithm of one column.
func newAxis(ctx context.Context, cfg Config, column KeyColumn, entry any) (Algorithm, error) {
	m, ok := entry.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("an entry of \"by\" must have type, nodes and properties, as {type: mod, nodes: 4}")
	}
	p := Properties(maps.Clone(m))
	typ, err := p.text("type", DefaultWithoutSlots)
	if err != nil {
		return nil, err
	}
	nodes, err := p.integer("nodes", 0, 1, 1<<15)
	if err != nil {
		return nil, err
	}
	delete(p, "type")
	delete(p, "nodes")
	return build(ctx, perColumn, typ, Config{Properties: p, Nodes: nodes, Columns: []KeyColumn{column}, Keyer: cfg.Keyer})
}

// Nodes implements Algorithm.
func (a *complexGrid) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *complexGrid) Locate(key []Key) (int, error) {
	node := 0
	for i, axis := range a.axes {
		n, err := axis.Locate(key[i : i+1])
		if err != nil {
			return 0, err
		}
		node = node*axis.Nodes() + n
	}
	return node, nil
}

// Prune implements Algorithm.
func (a *complexGrid) Prune(conds []Cond) Set {
	nodes := Set{0}
	for i, axis := range a.axes {
		along := Route(axis, conds[i:i+1])
		next := make(Set, 0, len(nodes)*len(along))
		for _, n := range nodes {
			for _, m := range along {
				next = append(next, n*axis.Nodes()+m)
			}
		}
		nodes = next
	}
	return nodes
}
