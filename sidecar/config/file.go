package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// fileReader walks one file's tree along the table. It walks the tree rather than decoding into structs: so the
// table stays the only list of keys, and every mistake of the file is found in one pass, not only the first.
type fileReader struct {
	name     string
	text     string
	into     *Config
	problems Problems
}

// readFile puts what text says into c.
func readFile(c *Config, name, text string) Problems {
	r := &fileReader{name: name, text: text, into: c}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil {
			r.report("", e.GetToken(), e.GetMessage(), false)
		} else {
			r.problems = append(r.problems, Problem{Origin: Origin{Source: name}, Message: err.Error()})
		}
		return r.problems
	}
	bodies := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(bodies) > 1 {
		r.report("", bodies[1].Body.GetToken(), "a second document: the file holds one", false)
		return r.problems
	}
	for _, d := range bodies {
		r.mapping("", d.Body)
	}
	return r.problems
}

// report adds a problem at t. A secret's line is not shown.
func (r *fileReader) report(field string, t *token.Token, message string, secret bool) {
	p := Problem{Field: field, Origin: r.origin(t), Message: message}
	if !secret {
		p.Excerpt = excerpt(r.text, p.Origin.Line, p.Origin.Column)
	}
	r.problems = append(r.problems, p)
}

func (r *fileReader) origin(t *token.Token) Origin {
	return Origin{Source: r.name, Line: t.Position.Line, Column: t.Position.Column}
}

// mapping reads the keys below path; "" is the whole file.
func (r *fileReader) mapping(path string, node ast.Node) {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		what := "the file"
		if path != "" {
			what = path
		}
		r.report(path, node.GetToken(), what+" is a group of fields, not a value: "+strings.Join(childrenOf(path), ", "), false)
		return
	}
	for _, kv := range m.Values {
		key := kv.Key.GetToken().Value
		full := key
		if path != "" {
			full = path + "." + key
		}
		if f, ok := Lookup(full); ok {
			r.field(f, kv)
			continue
		}
		if children := childrenOf(full); len(children) > 0 {
			if _, empty := kv.Value.(*ast.NullNode); !empty { // a group whose fields are all commented out
				r.mapping(full, kv.Value)
			}
			continue
		}
		r.unknown(path, key, kv.Key.GetToken())
	}
}

func (r *fileReader) unknown(path, key string, t *token.Token) {
	where, known := "the file", childrenOf(path)
	if path != "" {
		where = path
	}
	message := fmt.Sprintf("unknown key %q in %s", key, where)
	if near := nearest(key, known); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	} else {
		message += "; it knows " + strings.Join(known, ", ")
	}
	r.report(path, t, message, false)
}

// childrenOf lists the keys directly below path, in the order of the table.
func childrenOf(path string) []string {
	var keys []string
	for _, f := range Fields() {
		rest, ok := strings.CutPrefix(f.Name, path+".")
		if path == "" {
			rest, ok = f.Name, true
		}
		if !ok {
			continue
		}
		key, _, _ := strings.Cut(rest, ".")
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (r *fileReader) field(f *Field, kv *ast.MappingValueNode) {
	value, at, err := r.value(f, kv.Value)
	if _, null := kv.Value.(*ast.NullNode); null {
		at = kv.Key.GetToken() // what is not there has no place of its own
	}
	if err == nil {
		err = f.set(r.into, value)
	}
	if err != nil {
		r.report(f.Name, at, f.describe(err), f.Kind == Ref)
		return
	}
	r.into.origins[f.Name] = r.origin(at)
}

// value reads a node in the shape of the field. The token is where an error of the value is shown.
func (r *fileReader) value(f *Field, node ast.Node) (raw, *token.Token, error) {
	at := node.GetToken()
	switch {
	case f.List:
		seq, ok := node.(*ast.SequenceNode)
		if !ok { // one item may be written without the list
			text, err := scalar(node)
			return raw{items: []string{text}}, at, err
		}
		items := make([]string, len(seq.Values))
		for i, item := range seq.Values {
			text, err := scalar(item)
			if err == nil {
				_, err = f.parse(text)
			}
			if err != nil {
				return raw{}, item.GetToken(), err
			}
			items[i] = text
		}
		return raw{items: items}, at, nil
	case f.Kind == Map:
		m, ok := node.(*ast.MappingNode)
		if !ok {
			return raw{}, at, errors.New("it wants name: value below it")
		}
		pairs := map[string]string{}
		for _, kv := range m.Values {
			text, err := scalar(kv.Value)
			if err != nil {
				return raw{}, kv.Value.GetToken(), err
			}
			pairs[kv.Key.GetToken().Value] = text
		}
		return raw{pairs: pairs}, at, nil
	}
	text, err := scalar(node)
	return raw{text: text}, at, err
}

// scalar is the text of a plain value as it was written: 5, true and 1e3 are what the field makes of them, not what
// YAML does.
func scalar(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) == 1 {
			return hostPort(n.Values[0])
		}
	case *ast.MappingValueNode:
		return hostPort(n)
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New("it has no value; leave the line out for the default")
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "", errors.New("anchors, aliases and tags are not read here")
	}
	return "", errNotScalar
}

var errNotScalar = errors.New("it wants one plain value")

// hostPort takes [localhost:3307] for what YAML says it is, a list of one text: the library reads a mapping there,
// though no blank follows the colon.
func hostPort(kv *ast.MappingValueNode) (string, error) {
	key, value := kv.Key.GetToken(), kv.Value.GetToken()
	if _, ok := kv.Value.(*ast.IntegerNode); !ok || value.Position.Offset != kv.Start.Position.Offset+1 {
		return "", errNotScalar
	}
	return key.Value + ":" + value.Value, nil
}
