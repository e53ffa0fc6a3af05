package sharding

import (
	"context"
	"errors"
	"fmt"
)

// list places a row by a table of values. Properties:
//
//	values   a list per node of the keys it has: [[DE, AT], [US, CA]]; null stands for NULL
//	default  the index, from 0, of the node that has all other keys; without it they are refused
//
// Values compare as the column does: under a collation that ignores case DE is de.
type list struct {
	nodes    int
	node     map[string]int // by canonical bytes
	keys     []Key          // the listed keys, to test against ranges
	null     int            // node of NULL; -1: as any other key
	fallback int            // -1: none
}

func newList(ctx context.Context, cfg Config) (Algorithm, error) {
	errs := []error{cfg.Properties.known("values", "default"), checkColumns(cfg, 1, 1)}
	fallback, err := cfg.Properties.integer("default", -1, 0, cfg.Nodes-1)
	errs = append(errs, err)
	lists, err := cfg.Properties.list("values")
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	if len(lists) != cfg.Nodes {
		errs = append(errs, fmt.Errorf("%d nodes need %d lists of values, not %d", cfg.Nodes, cfg.Nodes, len(lists)))
	}
	a := &list{nodes: cfg.Nodes, node: map[string]int{}, null: -1, fallback: fallback}
	known := map[any]int{}
	for i, l := range lists {
		values, ok := l.([]any)
		if !ok {
			errs = append(errs, fmt.Errorf("the values of node %d must be a list", i))
			continue
		}
		for _, v := range values {
			errs = append(errs, a.add(ctx, cfg, i, v, known))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

// add lists v for a node. known are the nodes of those before it as they are written: of these it is told whatever the
// column's type is.
func (a *list) add(ctx context.Context, cfg Config, node int, v any, known map[any]int) error {
	c, err := constant(v)
	if err != nil {
		return fmt.Errorf("the values of node %d: %w", node, err)
	}
	if c.IsNull() {
		if a.null >= 0 {
			return fmt.Errorf("null is listed twice")
		}
		a.null = node
		return nil
	}
	if other, dup := known[v]; dup {
		return fmt.Errorf("%v is listed twice, for nodes %d and %d", v, other, node)
	}
	known[v] = node
	if shapeOnly(cfg) || len(cfg.Columns) != 1 {
		return nil
	}
	k, verdict := cfg.Keyer.ForCompare(ctx, c, cfg.Columns[0].Type)
	if verdict != Exact {
		return fmt.Errorf("%v, of node %d, cannot be a value of column %s", v, node, cfg.Columns[0].Name)
	}
	if other, dup := a.node[string(k.Canon)]; dup {
		return fmt.Errorf("%v is listed twice, for nodes %d and %d", v, other, node)
	}
	a.node[string(k.Canon)] = node
	a.keys = append(a.keys, k)
	return nil
}

// Nodes implements Algorithm.
func (a *list) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *list) Locate(key []Key) (int, error) {
	node, ok := a.null, a.null >= 0
	if !key[0].Null {
		node, ok = a.node[string(key[0].Canon)]
	}
	switch {
	case ok:
		return node, nil
	case a.fallback >= 0:
		return a.fallback, nil
	}
	return 0, ErrNoNode
}

// Prune implements Algorithm: the nodes of the listed values that meet the condition, and the default's.
func (a *list) Prune(conds []Cond) Set {
	if conds[0].Free() {
		return All(a.nodes)
	}
	var b setBuilder
	for _, k := range a.keys {
		if conds[0].within(k) {
			b.add(a.node[string(k.Canon)])
		}
	}
	if a.fallback >= 0 {
		b.add(a.fallback)
	}
	return b.set(a.nodes)
}
