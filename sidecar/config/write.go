package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Write renders a heddle.yaml that sets the given fields (dotted name → one-line form) and nothing else. Each value
// is parsed first, so that what is written loads.
func Write(values map[string]string) (string, error) {
	tree := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f, ok := Lookup(name)
		if !ok {
			return "", fmt.Errorf("write heddle.yaml: no field %s", name)
		}
		r, err := f.fromText(values[name])
		if err == nil {
			err = f.set(&Config{}, r)
		}
		if err != nil {
			return "", fmt.Errorf("write heddle.yaml: %s", f.describe(err))
		}
		place(tree, strings.Split(name, "."), f.shape(r))
	}
	text, err := yaml.Marshal(tree)
	if err != nil {
		return "", fmt.Errorf("write heddle.yaml: %w", err)
	}
	return string(text), nil
}

// shape is the value as the file has it.
func (f *Field) shape(r raw) any {
	switch {
	case f.List:
		return append([]string{}, r.items...)
	case f.Kind == Map:
		return r.pairs
	}
	return r.text
}

// place puts value at the end of path, making the groups above it.
func place(tree map[string]any, path []string, value any) {
	for _, key := range path[:len(path)-1] {
		group, ok := tree[key].(map[string]any)
		if !ok {
			group = map[string]any{}
			tree[key] = group
		}
		tree = group
	}
	tree[path[len(path)-1]] = value
}
