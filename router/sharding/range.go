package sharding

import (
	"context"
	"errors"
	"fmt"
	"sort"
)

// ranges places a row by where its key falls between bounds. Properties:
//
//	bounds  a growing list, one shorter than the nodes: node 0 has the keys below the first, node i those from
//	        bound i-1 on and below bound i, the last node the rest
//
// NULL is on node 0. Bounds compare as the column does.
type ranges struct {
	nodes  int
	bounds []Key
}

func newRange(ctx context.Context, cfg Config) (Algorithm, error) {
	errs := []error{cfg.Properties.known("bounds"), checkColumns(cfg, 1, 1, FamilyInteger, FamilyDecimal, FamilyString, FamilyBinary,
		FamilyDate, FamilyDatetime, FamilyTimestamp, FamilyTime, FamilyYear)}
	list, err := cfg.Properties.list("bounds")
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	if len(list) != cfg.Nodes-1 {
		errs = append(errs, fmt.Errorf("%d nodes need %d bounds, not %d", cfg.Nodes, cfg.Nodes-1, len(list)))
	}
	for i, v := range list {
		if c, err := constant(v); err != nil || c.IsNull() {
			errs = append(errs, fmt.Errorf("bound %d is no constant", i+1))
		} else if i > 0 && notAbove(v, list[i-1]) {
			errs = append(errs, descends(list, i))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	a := &ranges{nodes: cfg.Nodes}
	if shapeOnly(cfg) {
		return a, nil
	}
	for i, v := range list {
		c, err := constant(v)
		if err != nil {
			return nil, err
		}
		k, ok := cfg.Keyer.ForBound(ctx, c, cfg.Columns[0].Type)
		if !ok {
			return nil, fmt.Errorf("bound %d, %v, cannot be compared with column %s", i+1, v, cfg.Columns[0].Name)
		}
		if i > 0 && a.bounds[i-1].Compare(k) >= 0 {
			return nil, descends(list, i)
		}
		a.bounds = append(a.bounds, k)
	}
	return a, nil
}

func descends(list []any, i int) error {
	return fmt.Errorf("the bounds must ascend: bound %d, %v, is not above bound %d, %v", i+1, list[i], i, list[i-1])
}

// notAbove reports whether a bound is not above another, whatever the column's type.
func notAbove(bound, before any) bool {
	b, ok := bound.(int64)
	a, both := before.(int64)
	return ok && both && b <= a || bound == before
}

// Nodes implements Algorithm.
func (a *ranges) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *ranges) Locate(key []Key) (int, error) {
	if key[0].Null {
		return 0, nil
	}
	return a.find(key[0]), nil
}

// find counts the bounds that k reaches.
func (a *ranges) find(k Key) int {
	return sort.Search(len(a.bounds), func(i int) bool { return k.Compare(a.bounds[i]) < 0 })
}

// Prune implements Algorithm: the nodes from the one of the lower bound to the one of the upper.
func (a *ranges) Prune(conds []Cond) Set {
	lo, hi := 0, a.nodes-1
	if b := conds[0].Lo; b != nil {
		lo = a.find(b.Key)
	}
	if b := conds[0].Hi; b != nil {
		hi = a.find(b.Key)
	}
	return span(lo, hi)
}

// span is {lo … hi}, empty where hi is below lo.
func span(lo, hi int) Set {
	s := Set{}
	for i := lo; i <= hi; i++ {
		s = append(s, i)
	}
	return s
}
