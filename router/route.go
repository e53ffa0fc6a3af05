package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// RouteUnit is one execution of a Route's template.
type RouteUnit = plan.RouteUnit

// Router turns Routes and arguments into units. It is safe for concurrent use; the zero Router weighs ASCII only and
// knows no time zone.
type Router struct {
	// Keyer reads values as the session's connection does.
	Keyer sharding.Keyer
	// Prefer names data sources that a statement should go to where any would do: those of an open transaction.
	// Nil: the first.
	Prefer func(dataSource string) bool
	// ShardValue is the session's value for a table that is sharded by hint; false: it has none. Nil: it has none.
	ShardValue func(table string) (int64, bool)
}

// Route finds the units of one execution, in the order of the Route's targets; there is at least one. Errors are the
// client's (*sqlerr.Error), *KeyUnknown, or those of args.
func (r *Router) Route(ctx context.Context, route *plan.Route, args rewrite.Args) ([]RouteUnit, error) {
	switch {
	case route.Rows != nil && route.Algorithm != nil && route.Selector == nil:
		units, err := r.rows(ctx, route, args)
		if err != nil {
			return nil, err
		}
		return units, r.stays(ctx, route, args, units)
	case route.Opcode == plan.Unsharded || route.Opcode == plan.Reference:
		return r.any(route), nil
	case route.Selector == nil:
		units := make([]RouteUnit, len(route.Targets))
		for i := range units {
			units[i] = RouteUnit{Index: i, Target: &route.Targets[i]}
		}
		return units, r.stays(ctx, route, args, units)
	}
	e := evaluation{router: r, route: route, args: args}
	if equal, ok := route.Selector.(*plan.SelectEqual); ok {
		if node, exact, err := e.locate(ctx, equal.Key); err != nil {
			return nil, err
		} else if exact && node >= 0 {
			units := []RouteUnit{{Index: node, Target: &route.Targets[node]}}
			return units, r.stays(ctx, route, args, units)
		} else if exact {
			return r.any(route), nil
		}
	}
	set, err := e.set(ctx, route.Selector)
	if err != nil {
		return nil, err
	}
	if len(set) > 1 && oneTarget(route.Selector) {
		return nil, &KeyUnknown{Table: strings.Join(route.Tables, ", ")}
	}
	if len(set) == 0 {
		return r.any(route), nil
	}
	units := e.units(set)
	return units, r.stays(ctx, route, args, units)
}

// any is one unit of a Route that could run anywhere: of what reads whole copies, or can match no row.
func (r *Router) any(route *plan.Route) []RouteUnit {
	best := 0
	if r.Prefer != nil {
		for i := range route.Targets {
			if r.Prefer(route.Targets[i].DataSource) {
				best = i
				break
			}
		}
	}
	return []RouteUnit{{Index: best, Target: &route.Targets[best]}}
}

// stays checks that an UPDATE of the sharding key leaves its rows where they are.
func (r *Router) stays(ctx context.Context, route *plan.Route, args rewrite.Args, units []RouteUnit) error {
	stay := route.Stay
	if stay == nil {
		return nil
	}
	node, err := r.stored(ctx, route, args, stay.Key)
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.Index != node {
			return sqlerr.KeyMove(stay.Table, stay.Column)
		}
	}
	return nil
}

// Place is the node of a row that is stored with these values in the key columns, in key order. Where only a server can
// tell it the answer is *KeyUnknown.
func (r *Router) Place(ctx context.Context, route *plan.Route, values []sqltypes.Value) (int, error) {
	key := make([]sharding.Key, 0, len(values))
	for i, v := range values {
		k, err := r.Keyer.ForStore(ctx, v, route.Keys[i])
		if err != nil {
			return 0, &KeyUnknown{Table: strings.Join(route.Tables, ", ")}
		}
		key = append(key, k)
	}
	return place(route, key)
}

// place is the node of a key.
func place(route *plan.Route, key []sharding.Key) (int, error) {
	node, err := route.Algorithm.Locate(key)
	if err != nil || node < 0 || node >= len(route.Targets) {
		return 0, nowhere(route, key, err)
	}
	return node, nil
}

// nowhere is the error of a row that no shard takes.
func nowhere(route *plan.Route, key []sharding.Key, err error) error {
	parts := make([]string, len(key))
	for i, k := range key {
		text := "NULL"
		if !k.Null {
			text = fmt.Sprintf("%.64q", cmp.Or(string(k.Text), string(k.Canon)))
		}
		parts[i] = text
		if i < len(route.KeyNames) {
			parts[i] = route.KeyNames[i] + " = " + text
		}
	}
	what := "a row of " + strings.Join(route.Tables, ", ") + " with " + strings.Join(parts, ", ") + ", a sharding key that no shard takes"
	if err != nil && !errors.Is(err, sharding.ErrNoNode) {
		what += ": " + err.Error()
	}
	return sqlerr.NotSupported(what)
}

// stored is the node of a row that is stored with these key values.
func (r *Router) stored(ctx context.Context, route *plan.Route, args rewrite.Args, exprs []plan.Expr) (int, error) {
	key := make([]sharding.Key, 0, len(exprs))
	for i := range exprs {
		v, known, err := value(&exprs[i], args)
		if err != nil {
			return 0, err
		}
		if !known && route.Rows != nil && !asksAll(route) {
			return 0, &KeyUnknown{Table: strings.Join(route.Tables, ", ")}
		}
		if !known {
			return 0, sqlerr.NotSupported("a signed string as the value of a sharding key")
		}
		k, err := r.Keyer.ForStore(ctx, v, route.Keys[i])
		if err != nil && route.Rows != nil && !asksAll(route) {
			return 0, &KeyUnknown{Table: strings.Join(route.Tables, ", ")}
		}
		if err != nil {
			return 0, sqlerr.NotSupported("the value of the sharding key " + route.KeyNames[i] + ": " + err.Error())
		}
		key = append(key, k)
	}
	return place(route, key)
}

// asksAll reports whether a server has been asked for the key of every row.
func asksAll(route *plan.Route) bool {
	return route.Ask != nil && route.Ask.Stored != nil && len(route.Ask.Stored.Fill.Lists[0].Items) == len(route.Rows.Keys)
}

// rows finds the units of an INSERT: each row goes to the node of its key.
func (r *Router) rows(ctx context.Context, route *plan.Route, args rewrite.Args) ([]RouteUnit, error) {
	keys := route.Rows.Keys
	if !route.Rows.Several() {
		node, err := r.stored(ctx, route, args, keys[0])
		if err != nil {
			return nil, err
		}
		return []RouteUnit{{Index: node, Target: &route.Targets[node]}}, nil
	}
	byNode := make([][]int32, len(route.Targets))
	used := 0
	var element []plan.Expr
	for i := range route.Rows.Count(args) {
		key := keys[0]
		switch {
		case route.Rows.Folded == 0:
			key = keys[i]
		case i > 0:
			element = at(element, keys[0], i)
			key = element
		}
		node, err := r.stored(ctx, route, args, key)
		if err != nil {
			return nil, err
		}
		if byNode[node] == nil {
			used++
		}
		byNode[node] = append(byNode[node], int32(i))
	}
	units := make([]RouteUnit, 0, used)
	for node, items := range byNode {
		if items != nil {
			units = append(units, RouteUnit{Index: node, Target: &route.Targets[node], Keep: [][]int32{items}})
		}
	}
	return units, nil
}

// at writes the key of another element of a folded list into buf.
func at(buf, first []plan.Expr, element int) []plan.Expr {
	buf = buf[:0]
	for _, e := range first {
		buf = append(buf, e.At(element))
	}
	return buf
}

// value is an expression's value at run time. known is false for one that only a server can compute.
func value(e *plan.Expr, args rewrite.Args) (v sqltypes.Value, known bool, err error) {
	if e.Generated {
		if v = args.Generated(e.Row); !v.IsNull() {
			return v, true, nil
		}
	}
	if e.Arg < 0 {
		return e.Const, true, nil
	}
	if v, err = args.Value(e.Arg); err != nil {
		return v, false, err
	}
	if e.Negate {
		v, known = negate(v)
		return v, known, nil
	}
	return v, true, nil
}

// negate puts a minus before a value; false for strings and times, which the server would convert.
func negate(v sqltypes.Value) (sqltypes.Value, bool) {
	switch v.Kind {
	case sqltypes.KindNull:
		return v, true
	case sqltypes.KindInt:
		if v.Int == -1<<63 {
			return v, false
		}
		return sqltypes.IntValue(-v.Int), true
	case sqltypes.KindUint:
		if u := uint64(v.Int); u <= 1<<63 {
			return sqltypes.IntValue(-int64(u)), true
		}
		v.Kind = sqltypes.KindDecimal
		v.Bytes = sqltypes.UintValue(uint64(v.Int)).AppendText([]byte{'-'})
		return v, true
	case sqltypes.KindDecimal, sqltypes.KindDouble:
		if len(v.Bytes) > 0 && v.Bytes[0] == '-' {
			v.Bytes = v.Bytes[1:]
		} else {
			v.Bytes = append([]byte{'-'}, v.Bytes...)
		}
		return v, true
	}
	return v, false
}
