package keygen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// unknownProperty is a property that a generator does not have. It implements KnownProperties, for who describes what
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
func known(p map[string]any, names ...string) error {
	for _, n := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(names, n) {
			return &unknownProperty{n, names}
		}
	}
	return nil
}

// integer reads a whole number between lo and hi.
func integer(props map[string]any, name string, def, lo, hi int64) (int64, error) {
	v, ok := props[name]
	if !ok {
		return def, nil
	}
	i, ok := v.(int64)
	if !ok || i < lo || i > hi {
		return 0, fmt.Errorf("property %q must be a whole number from %d to %d, not %v", name, lo, hi, v)
	}
	return i, nil
}

// duration reads a time span such as "500ms".
func duration(props map[string]any, name string, def, hi time.Duration) (time.Duration, error) {
	v, ok := props[name]
	if !ok {
		return def, nil
	}
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > hi {
		return 0, fmt.Errorf("property %q must be a duration from 0s to %s, such as 500ms, not %v", name, hi, v)
	}
	return d, nil
}

// word reads one of a set of words.
func word(props map[string]any, name, def string, words ...string) (string, error) {
	v, ok := props[name]
	if !ok {
		return def, nil
	}
	s, _ := v.(string)
	if !slices.Contains(words, s) {
		return "", fmt.Errorf("property %q must be one of %s, not %v", name, strings.Join(words, ", "), v)
	}
	return s, nil
}
