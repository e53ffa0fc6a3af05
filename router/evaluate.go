package router

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// evaluation is one reading of a Selector.
type evaluation struct {
	router *Router
	route  *plan.Route
	args   rewrite.Args
	keep   [][][]int32 // by list, then by node: the items that the node gets
}

// set is the targets that a selector chooses.
func (e *evaluation) set(ctx context.Context, s plan.Selector) (sharding.Set, error) {
	all := sharding.All(len(e.route.Targets))
	switch s := s.(type) {
	case *plan.SelectEqual:
		return e.equal(ctx, s.Key, all)
	case *plan.SelectIn:
		return e.in(ctx, s, all)
	case *plan.SelectSame:
		return e.same(ctx, s)
	case *plan.SelectCond:
		return e.conds(ctx, s.Conds)
	case *plan.SelectHint:
		return e.hinted(s)
	case *plan.SelectNone:
		return sharding.Set{}, nil
	case *plan.SelectTargets:
		return sharding.Set(s.Index), nil
	case *plan.SelectAnd:
		out := all
		for _, part := range s.Parts {
			set, err := e.set(ctx, part)
			if err != nil {
				return nil, err
			}
			out = out.Intersect(set)
		}
		return out, nil
	case *plan.SelectOr:
		out := sharding.Set{}
		for _, part := range s.Parts {
			set, err := e.set(ctx, part)
			if err != nil {
				return nil, err
			}
			out = out.Union(set)
		}
		return out, nil
	}
	return all, nil
}

// locate finds the node of a key that is compared: -1 where no row can have it; exact is false where every node may.
func (e *evaluation) locate(ctx context.Context, exprs []plan.Expr) (node int, exact bool, err error) {
	keyer := &e.router.Keyer
	key := make([]sharding.Key, 0, len(exprs))
	unknown := false
	for i := range exprs {
		v, known, err := value(&exprs[i], e.args)
		if err != nil {
			return 0, false, err
		}
		if !known {
			unknown = true
			continue
		}
		k, verdict := keyer.ForCompare(ctx, v, e.route.Keys[i])
		switch verdict {
		case sharding.None:
			return -1, true, nil
		case sharding.Unknown:
			unknown = true
		}
		key = append(key, k)
	}
	if unknown {
		return 0, false, nil
	}
	node, err = e.route.Algorithm.Locate(key)
	switch {
	case sharding.IsNoNode(err):
		return -1, true, nil
	case err != nil || node < 0 || node >= len(e.route.Targets):
		return 0, false, nil
	}
	return node, true, nil
}

func (e *evaluation) equal(ctx context.Context, key []plan.Expr, all sharding.Set) (sharding.Set, error) {
	node, exact, err := e.locate(ctx, key)
	switch {
	case err != nil:
		return nil, err
	case !exact:
		return all, nil
	case node < 0:
		return sharding.Set{}, nil
	}
	return sharding.Set{node}, nil
}

// same is the one node of several keys. A key that no row can have leaves the others to decide.
func (e *evaluation) same(ctx context.Context, s *plan.SelectSame) (sharding.Set, error) {
	found := -1
	for _, key := range s.Keys {
		node, exact, err := e.locate(ctx, key)
		switch {
		case err != nil:
			return nil, err
		case !exact:
			return nil, &KeyUnknown{Table: strings.Join(e.route.Tables, ", ")}
		case node >= 0 && found >= 0 && node != found:
			if s.What == "" {
				return nil, &KeyUnknown{Table: strings.Join(e.route.Tables, ", ")}
			}
			return nil, sqlerr.NotSupported(s.What)
		case node >= 0:
			found = node
		}
	}
	if found < 0 {
		return sharding.Set{}, nil
	}
	return sharding.Set{found}, nil
}

// hinted is the one node that hints name.
func (e *evaluation) hinted(s *plan.SelectHint) (sharding.Set, error) {
	found := -1
	for _, v := range s.Values {
		n := v.Value
		if v.Session {
			ok := false
			if e.router.ShardValue != nil {
				n, ok = e.router.ShardValue(v.Table)
			}
			if !ok {
				return nil, sqlerr.Internal("a hint's value that the session no longer has")
			}
		}
		node, err := e.route.Algorithm.Locate([]sharding.Key{sharding.IntKey(n)})
		if err != nil || node < 0 || node >= len(e.route.Targets) {
			return nil, sqlerr.NotSupported("a hint whose value no shard takes")
		}
		if found >= 0 && node != found {
			return nil, sqlerr.NotSupported("hints that name different shards for the tables of one statement")
		}
		found = node
	}
	return sharding.Set{found}, nil
}

// in finds the nodes of a list of keys and, where the list is trimmed, which items each gets.
func (e *evaluation) in(ctx context.Context, s *plan.SelectIn, all sharding.Set) (sharding.Set, error) {
	byNode := make([][]int32, len(e.route.Targets))
	n := len(s.Keys)
	if s.Folded > 0 {
		n = e.args.Elements(s.Folded - 1)
	}
	var element []plan.Expr
	for i := range n {
		key := s.Keys[0]
		switch {
		case s.Folded == 0:
			key = s.Keys[i]
		case i > 0:
			element = at(element, s.Keys[0], i)
			key = element
		}
		node, exact, err := e.locate(ctx, key)
		if err != nil {
			return nil, err
		}
		if !exact {
			return all, nil
		}
		if node >= 0 {
			byNode[node] = append(byNode[node], int32(i))
		}
	}
	set := sharding.Set{}
	for node, items := range byNode {
		if items != nil {
			set = append(set, node)
		}
	}
	if s.List >= 0 {
		for len(e.keep) <= s.List {
			e.keep = append(e.keep, nil)
		}
		e.keep[s.List] = byNode
	}
	return set, nil
}

// conds asks the algorithm which nodes conditions on single columns leave.
func (e *evaluation) conds(ctx context.Context, conds []plan.Cond) (sharding.Set, error) {
	out := make([]sharding.Cond, len(conds))
	for i := range conds {
		c, never, err := e.cond(ctx, &conds[i], e.route.Keys[i])
		if err != nil {
			return nil, err
		}
		if never {
			return sharding.Set{}, nil
		}
		out[i] = c
	}
	return sharding.Route(e.route.Algorithm, out), nil
}

// cond reads the condition on one column; never says that no row meets it.
func (e *evaluation) cond(ctx context.Context, c *plan.Cond, t sharding.KeyType) (out sharding.Cond, never bool, err error) {
	switch {
	case c.Points != nil:
		points, ok, err := e.points(ctx, c, t)
		if err != nil {
			return out, false, err
		}
		if ok {
			out.Points = points
		}
		return out, ok && len(points) == 0, nil
	case c.Null:
		if k, verdict := e.router.Keyer.ForNullSafe(ctx, sqltypes.NullValue, t); verdict == sharding.Exact {
			out.Points = []sharding.Key{k}
		}
		return out, false, nil
	}
	low, lowKind, never, err := e.bound(ctx, c.Low, !c.LowOpen, t)
	if never || err != nil {
		return out, never, err
	}
	high, highKind, never, err := e.bound(ctx, c.High, !c.HighOpen, t)
	if never || err != nil {
		return out, never, err
	}
	if c.Between && lowKind != highKind {
		return out, false, nil
	}
	out.Lo, out.Hi = low, high
	return out, false, nil
}

// points reads the values that a column equals one of; ok is false where one of them says nothing.
func (e *evaluation) points(ctx context.Context, c *plan.Cond, t sharding.KeyType) ([]sharding.Key, bool, error) {
	n := len(c.Points)
	if c.Folded > 0 {
		n = e.args.Elements(c.Folded - 1)
	}
	out := make([]sharding.Key, 0, n)
	for i := range n {
		point := c.Points[0].At(i)
		if c.Folded == 0 {
			point = c.Points[i]
		}
		v, known, err := value(&point, e.args)
		if err != nil || !known {
			return nil, false, err
		}
		compare := e.router.Keyer.ForCompare
		if c.NullSafe {
			compare = e.router.Keyer.ForNullSafe
		}
		k, verdict := compare(ctx, v, t)
		switch verdict {
		case sharding.Unknown:
			return nil, false, nil
		case sharding.Exact:
			out = append(out, k)
		}
	}
	return out, true, nil
}

// bound reads one end of a range. A bound that says nothing is nil; NULL is met by no row.
func (e *evaluation) bound(ctx context.Context, x *plan.Expr, inclusive bool, t sharding.KeyType) (b *sharding.Bound, kind sqltypes.Kind, never bool, err error) {
	if x == nil {
		return nil, 0, false, nil
	}
	v, known, err := value(x, e.args)
	if err != nil || !known {
		return nil, 0, false, err
	}
	if v.IsNull() {
		return nil, 0, true, nil
	}
	k, ok := e.router.Keyer.ForBound(ctx, v, t)
	if !ok {
		return nil, boundKind(v.Kind), false, nil
	}
	return &sharding.Bound{Key: k, Inclusive: inclusive}, boundKind(v.Kind), false, nil
}

// boundKind puts the kinds together that one BETWEEN may mix without comparing otherwise.
func boundKind(k sqltypes.Kind) sqltypes.Kind {
	switch k {
	case sqltypes.KindUint, sqltypes.KindDecimal:
		return sqltypes.KindInt
	}
	return k
}

// units makes the units of a set, with the list items that each keeps.
func (e *evaluation) units(set sharding.Set) []RouteUnit {
	units := make([]RouteUnit, 0, len(set))
	for _, node := range set {
		u := RouteUnit{Index: node, Target: &e.route.Targets[node]}
		for list, byNode := range e.keep {
			if byNode == nil || byNode[node] == nil {
				continue
			}
			if u.Keep == nil {
				u.Keep = make([][]int32, len(e.keep))
			}
			u.Keep[list] = byNode[node]
		}
		units = append(units, u)
	}
	return units
}
