package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// node is a YAML value with its place in the text. It is a mapping when entries is not nil, a list when items is
// not nil, else a scalar: string, int64, uint64, float64, bool or nil.
type node struct {
	at      position
	value   any
	text    string // a scalar as it was written, without quotes
	entries []entry
	items   []*node
}

// entry is a key of a mapping and its value.
type entry struct {
	key   string
	at    position
	value *node
}

// has reports whether a mapping has a key.
func (n *node) has(key string) bool {
	return slices.ContainsFunc(n.entries, func(e entry) bool { return e.key == key })
}

func (n *node) isMap() bool    { return n.entries != nil }
func (n *node) isList() bool   { return n.items != nil }
func (n *node) isNull() bool   { return !n.isMap() && !n.isList() && n.value == nil }
func (n *node) isScalar() bool { return !n.isMap() && !n.isList() && n.value != nil }

// kind names what n is, for messages.
func (n *node) kind() string {
	switch {
	case n.isMap():
		return "a mapping"
	case n.isList():
		return "a list"
	case n.value == nil:
		return "nothing"
	}
	switch n.value.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	}
	return "a number"
}

// parseYAML reads a stream of YAML documents; empty ones are left out. Anchors, aliases, merge keys and tags are
// refused: a document that is compared, stored and shown must read the same to everyone.
func parseYAML(text []byte, src *source) ([]*node, Problems) {
	file, err := parseText(text)
	if err != nil {
		return nil, Problems{syntaxProblem(err, src)}
	}
	c := &converter{src: src}
	var docs []*node
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if n := c.convert(d.Body); !n.isNull() {
			docs = append(docs, n)
		}
	}
	return docs, c.problems
}

func syntaxProblem(err error, src *source) Problem {
	p := Problem{Line: 1, Column: 1, Message: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		p.Message = ye.GetMessage()
		if at, ok := positionOf(ye.GetToken()); ok {
			p.Line, p.Column = at.line, at.column
		}
	}
	for _, h := range syntaxHints {
		if strings.Contains(p.Message, h.of) {
			p.Hint = h.hint
			break
		}
	}
	p.Excerpt = src.excerpt(position{p.Line, p.Column})
	return p
}

// syntaxHints are for what the library says of texts that are no YAML, of which nothing more is read.
var syntaxHints = []struct{ of, hint string }{
	{"found character '\t'", "indent by spaces: YAML takes no tabs there"},
	{"mapping value is not allowed", "indent the keys of one mapping alike; a value with \": \" in it wants quotes"},
	{"must be specified", "quotes go around the whole of a value, and a list or mapping in one line wants commas"},
	{"end token ", "close the bracket that is open here"},
	{"could not find flow", "close the bracket that is open here"},
	{"could not find end character", "close the quotes that are open here"},
	{"value is not allowed", "indent the keys of one mapping alike"},
	{"reserved character", "put the value in quotes"},
}

func positionOf(t *token.Token) (position, bool) {
	if t == nil || t.Position == nil {
		return position{1, 1}, false
	}
	return position{t.Position.Line, t.Position.Column}, true
}

// converter turns the library's tree into nodes.
type converter struct {
	src      *source
	problems Problems
}

func (c *converter) refuse(at position, message, hint string) {
	c.problems = append(c.problems, Problem{Line: at.line, Column: at.column, Message: message, Hint: hint, Excerpt: c.src.excerpt(at)})
}

func (c *converter) convert(a ast.Node) *node {
	at, _ := positionOf(a.GetToken())
	n := &node{at: at}
	switch a := a.(type) {
	case *ast.MappingNode:
		c.mapping(n, a.Values)
	case *ast.MappingValueNode:
		c.mapping(n, []*ast.MappingValueNode{a})
	case *ast.SequenceNode:
		n.items = make([]*node, 0, len(a.Values))
		for _, v := range a.Values {
			n.items = append(n.items, c.convert(v))
		}
	case *ast.NullNode:
	case *ast.StringNode:
		n.value, n.text = a.Value, a.Value
	case *ast.LiteralNode:
		n.value, n.text = a.Value.Value, a.Value.Value
	case *ast.BoolNode:
		n.value, n.text = a.Value, a.Token.Value
	case *ast.FloatNode:
		n.value, n.text = a.Value, a.Token.Value
	case *ast.IntegerNode:
		n.value, n.text = integerValue(a.Value), a.Token.Value
	default:
		c.refuse(at, "anchors, aliases, merge keys and tags are not understood here", "write the value out")
	}
	return n
}

// integerValue narrows what fits to int64.
func integerValue(v any) any {
	if u, ok := v.(uint64); ok && u <= 1<<63-1 {
		return int64(u)
	}
	return v
}

func (c *converter) mapping(n *node, values []*ast.MappingValueNode) {
	n.entries = make([]entry, 0, len(values))
	seen := map[string]position{}
	for _, v := range values {
		at, _ := positionOf(v.Key.GetToken())
		key := c.key(v.Key, at)
		if first, dup := seen[key]; dup {
			c.refuse(at, fmt.Sprintf("%q is here twice", key), fmt.Sprintf("the first is in line %d", first.line))
			continue
		}
		seen[key] = at
		n.entries = append(n.entries, entry{key, at, c.convert(v.Value)})
	}
}

func (c *converter) key(k ast.MapKeyNode, at position) string {
	if n := c.convert(k); n.isScalar() && !k.IsMergeKey() {
		return n.text
	}
	c.refuse(at, "a key must be a plain word", "")
	return k.GetToken().Value
}
