package sharding

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Config is what a factory builds an Algorithm from.
type Config struct {
	Properties Properties
	Nodes      int         // number of nodes, at least 1
	NodeNames  []string    // actual tables, "ds_0.orders_1", for inline expressions that return a name; may be nil
	Columns    []KeyColumn // key columns in order
	Slots      *SlotTable  // hash_slot only
	Keyer      Keyer       // for constants in properties (range bounds, list values)
}

// KeyColumn is a key column's name and type. A type of FamilyUnknown is allowed when a document is checked without
// servers: the factory then checks the shape of the properties only, and the Algorithm must not be used.
type KeyColumn struct {
	Name string
	Type KeyType
}

// Factory builds an Algorithm. ctx bounds questions to cfg.Keyer's Weigher.
type Factory func(ctx context.Context, cfg Config) (Algorithm, error)

// Default is the algorithm of tables whose rule names none, where slots are declared; DefaultWithoutSlots elsewhere.
const (
	Default             = "hash_slot"
	DefaultWithoutSlots = "hash_mod"
)

// Types lists the names of the built-in algorithms, sorted.
func Types() []string { return slices.Sorted(maps.Keys(builtin)) }

// New builds the algorithm called typ.
func New(ctx context.Context, typ string, cfg Config) (Algorithm, error) {
	return build(ctx, builtin, typ, cfg)
}

// build builds one of the algorithms in from.
func build(ctx context.Context, from map[string]Factory, typ string, cfg Config) (Algorithm, error) {
	f, ok := from[typ]
	if !ok {
		names := strings.Join(slices.Sorted(maps.Keys(from)), ", ")
		return nil, fmt.Errorf("unknown algorithm %q (known: %s)", typ, names)
	}
	if cfg.Nodes < 1 {
		return nil, fmt.Errorf("algorithm %s: there are no nodes", typ)
	}
	for _, c := range cfg.Columns {
		if c.Type.Family == FamilyFloat || c.Type.Family == FamilyUnsupported {
			return nil, fmt.Errorf("algorithm %s: the type of column %s cannot be that of a sharding key", typ, c.Name)
		}
	}
	a, err := f(ctx, cfg)
	if err != nil {
		all := Each(err)
		for i := range all {
			all[i] = fmt.Errorf("algorithm %s: %w", typ, all[i])
		}
		return nil, errors.Join(all...)
	}
	return a, nil
}

// Each lists the errors that are joined in one of New.
func Each(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Each(e)...)
	}
	return all
}

// checkColumns refuses a wrong number of key columns and families outside allowed (none listed: any).
func checkColumns(cfg Config, lo, hi int, allowed ...Family) error {
	if n := len(cfg.Columns); n < lo || n > hi {
		if lo == hi {
			return fmt.Errorf("it takes %d key columns, not %d", lo, n)
		}
		return fmt.Errorf("it takes %d to %d key columns, not %d", lo, hi, n)
	}
	for _, c := range cfg.Columns {
		if f := c.Type.Family; f != FamilyUnknown && len(allowed) > 0 && !slices.Contains(allowed, f) {
			return fmt.Errorf("it cannot be used on column %s, which is of type %s", c.Name, f)
		}
	}
	return nil
}

// shapeOnly reports whether types are not known yet.
func shapeOnly(cfg Config) bool {
	return slices.ContainsFunc(cfg.Columns, func(c KeyColumn) bool { return c.Type.Family == FamilyUnknown })
}
