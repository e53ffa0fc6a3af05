package sharding

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Properties are an algorithm's or a generator's settings as the document gives them. Values are string, int64,
// float64, bool, nil, []any or map[string]any of any of those.
type Properties map[string]any

// unknownProperty is a property that an algorithm does not have. It implements KnownProperties, for who describes what
// documents may say.
type unknownProperty struct {
	name  string
	known []string // what it has
}

// Error implements error.
func (e *unknownProperty) Error() string {
	if len(e.known) == 0 {
		return fmt.Sprintf("unknown property %q (it has none)", e.name)
	}
	return fmt.Sprintf("unknown property %q (known: %s)", e.name, strings.Join(e.known, ", "))
}

// KnownProperties are the names that it has.
func (e *unknownProperty) KnownProperties() []string { return e.known }

// known refuses properties outside names.
func (p Properties) known(names ...string) error {
	for _, n := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(names, n) {
			return &unknownProperty{n, names}
		}
	}
	return nil
}

// text reads a string property; def where it is absent.
func (p Properties) text(name, def string) (string, error) {
	v, ok := p[name]
	if !ok {
		return def, nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("property %q must be text, not %v", name, v)
	}
	return s, nil
}

// integer reads a whole number between lo and hi; def where it is absent.
func (p Properties) integer(name string, def, lo, hi int) (int, error) {
	v, ok := p[name]
	if !ok {
		return def, nil
	}
	i, ok := v.(int64)
	if !ok || i < int64(lo) || i > int64(hi) {
		return 0, fmt.Errorf("property %q must be a whole number from %d to %d, not %v", name, lo, hi, v)
	}
	return int(i), nil
}

// list reads a list property that must be there.
func (p Properties) list(name string) ([]any, error) {
	l, ok := p[name].([]any)
	if !ok {
		return nil, fmt.Errorf("property %q must be a list", name)
	}
	return l, nil
}

// utf8mb4 is the id of a collation of that charset: documents are UTF-8.
const utf8mb4 = 45

// constant turns a property's element into the value that a literal of SQL would be.
func constant(v any) (sqltypes.Value, error) {
	switch v := v.(type) {
	case nil:
		return sqltypes.NullValue, nil
	case int64:
		return sqltypes.IntValue(v), nil
	case uint64:
		return sqltypes.UintValue(v), nil
	case float64:
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: strconv.AppendFloat(nil, v, 'f', -1, 64)}, nil
	case string:
		return sqltypes.Value{Kind: sqltypes.KindString, Collation: utf8mb4, Bytes: []byte(v)}, nil
	}
	return sqltypes.Value{}, fmt.Errorf("%v is no constant", v)
}
