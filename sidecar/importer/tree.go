package importer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// tree is a value of YAML or JSON that remembers its order, its tag and whether anybody has looked at it.
type tree struct {
	tag    string
	keys   []string
	fields map[string]*tree // nil: no mapping
	list   []*tree          // nil: no list
	text   string           // of a scalar
	null   bool
	read   bool
}

// parse reads a stream of documents. JSON is YAML.
func parse(text []byte) ([]*tree, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, errors.New(firstLine(err.Error()))
	}
	p := &treeing{anchors: map[string]*tree{}}
	var out []*tree
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		t := p.convert(d.Body, 0)
		if p.err != nil {
			return nil, p.err
		}
		if t.fields != nil {
			out = append(out, t)
		}
	}
	return out, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// treeing turns the library's tree into ours.
type treeing struct {
	anchors map[string]*tree
	err     error
}

// maxDepth bounds how deep values may lie in each other.
const maxDepth = 64

func (p *treeing) convert(a ast.Node, depth int) *tree {
	t := &tree{}
	if depth > maxDepth {
		p.err = errors.New("values lie too deep in each other")
		return t
	}
	switch a := a.(type) {
	case *ast.TagNode:
		t = p.convert(a.Value, depth+1)
		t.tag = a.Start.Value
	case *ast.AnchorNode:
		t = p.convert(a.Value, depth+1)
		p.anchors[a.Name.String()] = t
	case *ast.AliasNode:
		if known := p.anchors[a.Value.String()]; known != nil {
			return known
		}
		p.err = fmt.Errorf("alias %s has no anchor before it", a.Value)
	case *ast.MappingNode:
		p.mapping(t, a.Values, depth)
	case *ast.MappingValueNode:
		p.mapping(t, []*ast.MappingValueNode{a}, depth)
	case *ast.SequenceNode:
		t.list = []*tree{}
		for _, v := range a.Values {
			t.list = append(t.list, p.convert(v, depth+1))
		}
	case *ast.StringNode:
		t.text = a.Value
	case *ast.LiteralNode:
		t.text = a.Value.Value
	case *ast.NullNode:
		t.null = true
	default:
		t.text = a.GetToken().Value
	}
	return t
}

func (p *treeing) mapping(t *tree, values []*ast.MappingValueNode, depth int) {
	t.fields = map[string]*tree{}
	for _, v := range values {
		key := p.convert(v.Key, depth+1).text
		if v.Key.IsMergeKey() {
			p.err = errors.New("merge keys are not understood: write the value out")
			return
		}
		if _, twice := t.fields[key]; !twice {
			t.keys = append(t.keys, key)
		}
		t.fields[key] = p.convert(v.Value, depth+1)
	}
}

// at follows keys; never nil. What is found counts as read.
func (t *tree) at(keys ...string) *tree {
	for _, k := range keys {
		next := t.fields[k]
		if next == nil {
			return &tree{null: true}
		}
		next.read = true
		t = next
	}
	return t
}

// any is at of the first key that is there: sources changed names over time.
func (t *tree) any(keys ...string) *tree {
	for _, k := range keys {
		if f := t.fields[k]; f != nil {
			return t.at(k)
		}
	}
	return &tree{null: true}
}

func (t *tree) has(key string) bool { return t.fields[key] != nil }

// each walks a mapping in its order.
func (t *tree) each(f func(key string, value *tree)) {
	for _, k := range t.keys {
		f(k, t.at(k))
	}
}

// items are a list's elements; a scalar stands for a list of one, and commas part it.
func (t *tree) items() []*tree {
	if t.list != nil {
		for _, i := range t.list {
			i.read = true
		}
		return t.list
	}
	var out []*tree
	for part := range strings.SplitSeq(t.text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, &tree{text: part, read: true})
		}
	}
	return out
}

func (t *tree) texts() []string {
	var out []string
	for _, i := range t.items() {
		if i.text != "" {
			out = append(out, i.text)
		}
	}
	return out
}

func (t *tree) int() int {
	n, err := strconv.Atoi(strings.TrimSpace(t.text))
	if err != nil {
		return 0
	}
	return n
}

func (t *tree) ints() []int {
	var out []int
	for _, i := range t.items() {
		out = append(out, i.int())
	}
	return out
}

// ignore counts a value, with all in it, as read.
func (t *tree) ignore(keys ...string) {
	for _, k := range keys {
		t.at(k).readAll()
	}
}

func (t *tree) readAll() {
	t.read = true
	for _, f := range t.fields {
		f.readAll()
	}
	for _, i := range t.list {
		i.readAll()
	}
}

// unread lists the paths of what nobody has looked at and that says something.
func (t *tree) unread(path string) []string {
	var out []string
	for _, k := range t.keys {
		f := t.fields[k]
		at := strings.TrimPrefix(path+"."+k, ".")
		switch {
		case !f.read && !f.null:
			out = append(out, at)
		default:
			out = append(out, f.unread(at)...)
		}
	}
	for i, v := range t.list {
		if v.fields != nil || v.list != nil {
			out = append(out, v.unread(fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return out
}
