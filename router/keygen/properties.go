package keygen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// known refuses properties outside names.
func known(props map[string]any, names ...string) error {
	for _, p := range slices.Sorted(maps.Keys(props)) {
		if !slices.Contains(names, p) {
			if len(names) == 0 {
				return fmt.Errorf("unknown property %q (it has none)", p)
			}
			return fmt.Errorf("unknown property %q (known: %s)", p, strings.Join(names, ", "))
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
