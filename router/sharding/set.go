package sharding

import "slices"

// Set is a set of node indexes, sorted, without duplicates. nil and Set{} are empty.
type Set []int

// All is {0 … n-1}.
func All(n int) Set {
	s := make(Set, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// Has reports whether node is in s.
func (s Set) Has(node int) bool {
	_, ok := slices.BinarySearch(s, node)
	return ok
}

// Union is what is in s or in t.
func (s Set) Union(t Set) Set {
	out := append(slices.Clone(s), t...)
	slices.Sort(out)
	return slices.Compact(out)
}

// Intersect is what is in s and in t.
func (s Set) Intersect(t Set) Set {
	out := Set{}
	for _, n := range s {
		if t.Has(n) {
			out = append(out, n)
		}
	}
	return out
}

// setBuilder gathers node indexes in any order.
type setBuilder struct{ nodes []int }

func (b *setBuilder) add(n int) {
	if len(b.nodes) > 0 && b.nodes[len(b.nodes)-1] == n {
		return
	}
	b.nodes = append(b.nodes, n)
}

// set returns what was gathered, without what lies outside [0, n).
func (b *setBuilder) set(n int) Set {
	slices.Sort(b.nodes)
	out := slices.Compact(b.nodes)
	return slices.DeleteFunc(Set(out), func(i int) bool { return i < 0 || i >= n })
}
