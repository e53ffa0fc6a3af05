package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// reader walks nodes, remembers where each path stands and gathers problems instead of stopping at the first.
type reader struct {
	src      *source
	problems Problems
	draft    *draft // of a schema; nil where a document is read
}

func (r *reader) problem(path, message, hint string) {
	r.problems = append(r.problems, r.src.problem(path, message, hint))
}

// fields reads a mapping whose keys are known. Each function gets the value and its path.
func (r *reader) fields(n *node, path string, known map[string]func(*node, string)) {
	r.draft.mapping(r, n, known)
	if !n.isMap() {
		r.problem(path, "expected a mapping, found "+n.kind(), "")
		return
	}
	for _, e := range n.entries {
		at := r.enter(e, path)
		read, ok := known[e.key]
		if !ok {
			r.src.at[at] = e.at
			meant, hint := nearest(e.key, known)
			r.problem(at, fmt.Sprintf("unknown key %q", e.key), hint)
			if meant == "" || n.has(meant) {
				continue
			}
			// It is read as what was meant, or else each thing that refers to it would be a problem too.
			read, at = known[meant], r.enter(entry{key: meant, at: e.at, value: e.value}, path)
		}
		if !e.value.isNull() {
			read(e.value, at)
		}
	}
}

// named reads a mapping from names of the operator's choice.
func (r *reader) named(n *node, path string, read func(name string, n *node, path string)) {
	r.draft.names(r, n, read)
	if !n.isMap() {
		r.problem(path, "expected a mapping from names, found "+n.kind(), "")
		return
	}
	for _, e := range n.entries {
		read(e.key, e.value, r.enter(e, path))
	}
}

// enter notes the place of a mapping's entry: the value's where it is a scalar, the key's where it is not.
func (r *reader) enter(e entry, path string) string {
	at := join(path, e.key)
	r.src.at[at] = e.at
	if e.value.isScalar() {
		r.src.at[at] = e.value.at
	}
	return at
}

// each reads a list; a single scalar stands for a list of one.
func (r *reader) each(n *node, path string, read func(n *node, path string)) {
	r.draft.list(r, n, read)
	switch {
	case n.isList():
		for i, item := range n.items {
			at := fmt.Sprintf("%s[%d]", path, i)
			r.src.at[at] = item.at
			read(item, at)
		}
	case n.isScalar():
		read(n, path)
	default:
		r.problem(path, "expected a list, found "+n.kind(), "")
	}
}

// str reads text; numbers are taken as they were written.
func (r *reader) str(n *node, path string) string {
	if !n.isScalar() {
		r.problem(path, "expected text, found "+n.kind(), "")
		return ""
	}
	r.draft.note(anyScalar)
	return n.text
}

// oneOf reads text that Validate looks up in a list.
func (r *reader) oneOf(n *node, path string, names func() []string) string {
	s := r.str(n, path)
	if r.draft != nil && s != "" {
		r.draft.note(enumOf(names()))
	}
	return s
}

func (r *reader) strs(n *node, path string) (out []string) {
	r.each(n, path, func(n *node, path string) { out = append(out, r.str(n, path)) })
	return out
}

// integer reads a whole number from lo to hi.
func (r *reader) integer(n *node, path string, lo, hi int64) int {
	if r.draft != nil && n.isScalar() {
		r.draft.note(Schema{"type": "integer", "minimum": lo, "maximum": hi})
	}
	i, ok := n.value.(int64)
	if !ok || i < lo || i > hi {
		r.problem(path, fmt.Sprintf("expected a whole number from %d to %d, found %s", lo, hi, describe(n)), "")
		return int(lo)
	}
	return int(i)
}

// boolean reads true or false.
func (r *reader) boolean(n *node, path string) bool {
	if r.draft != nil && n.isScalar() {
		r.draft.note(Schema{"type": "boolean"})
	}
	b, ok := n.value.(bool)
	if !ok {
		r.problem(path, "expected true or false, found "+describe(n), "")
	}
	return b
}

func (r *reader) duration(n *node, path string) time.Duration {
	if n.isScalar() {
		r.draft.note(durationSchema)
	}
	d, err := time.ParseDuration(n.text)
	if err != nil || d < 0 || !n.isScalar() {
		r.problem(path, "expected a duration, found "+describe(n), "such as 500ms, 5s or 30m")
		return 0
	}
	return d
}

// word reads one of a set of words.
func (r *reader) word(n *node, path string, words ...string) string {
	if r.draft != nil && n.isScalar() {
		r.draft.note(enumOf(words))
	}
	if !slices.Contains(words, n.text) || !n.isScalar() {
		r.problem(path, fmt.Sprintf("expected %s, found %s", strings.Join(words, " or "), describe(n)), "")
		return ""
	}
	return n.text
}

// describe names a wrong value.
func describe(n *node) string {
	if n.isScalar() {
		return fmt.Sprintf("%q", n.text)
	}
	return n.kind()
}

// properties reads a mapping {type: x, other: …}. What the others may be is the type's business; of says it for a schema.
func (r *reader) properties(n *node, path string, taken map[string]func(*node, string), of func() []Schema) sharding.Properties {
	r.draft.typed(r, n, taken, of)
	var props sharding.Properties
	if !n.isMap() {
		r.problem(path, "expected a name or a mapping with type and properties, found "+n.kind(), "")
		return nil
	}
	for _, e := range n.entries {
		at := r.enter(e, path)
		if read, ok := taken[e.key]; ok {
			read(e.value, at)
			continue
		}
		if props == nil {
			props = sharding.Properties{}
		}
		props[e.key] = plain(e.value)
	}
	return props
}

// plain is a value without its place.
func plain(n *node) any {
	switch {
	case n.isMap():
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = plain(e.value)
		}
		return m
	case n.isList():
		l := make([]any, 0, len(n.items))
		for _, i := range n.items {
			l = append(l, plain(i))
		}
		return l
	}
	return n.value
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// nearest proposes the known key that looks most like the unknown one; meant is "" where none does.
func nearest(key string, known map[string]func(*node, string)) (meant, hint string) {
	names := make([]string, 0, len(known))
	best, least := "", 3
	for k := range known {
		names = append(names, k)
		if d := distance(key, k); d < least || d == least && k < best {
			best, least = k, d
		}
	}
	if best != "" {
		return best, fmt.Sprintf("did you mean %q?", best)
	}
	slices.Sort(names)
	return "", "known: " + strings.Join(names, ", ")
}

// distance is the number of letters to insert, remove or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
