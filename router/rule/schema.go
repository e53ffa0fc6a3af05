package rule

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Schema is a JSON Schema, or a part of one.
type Schema map[string]any

// JSONSchema is the schema of one document, of rules or of users, for editors. It is made by the functions that read
// documents, which are run on a value of each shape and note what they take: there is no second list of keys that could
// differ. What only validation can tell (references, places, slots) it does not say.
func JSONSchema() ([]byte, error) {
	r := &reader{src: newSource(""), draft: &draft{}}
	rules := r.draft.shape(r, func(n *node, _ string) { r.document(n) })
	users := r.draft.shape(r, func(n *node, _ string) { r.users(n) })
	return json.MarshalIndent(Schema{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Heddle rules",
		"description": "A document of rules of one logical database, or the document of users",
		"type":        "object",
		"if":          Schema{"required": []string{"users"}},
		"then":        users,
		"else":        rules,
	}, "", "  ")
}

// draft collects what reading functions take. A nil draft notes nothing: a document is being read.
type draft struct{ noted Schema }

var (
	anyScalar      = Schema{"type": []string{"string", "number", "boolean"}}
	durationSchema = anyOf([]Schema{{"type": "string", "pattern": `^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[+-]?0$`}, {"const": 0}})
	secretSchema   = Schema{"type": "string", "pattern": "^(env|file):.+|^$"}
)

func enumOf(words []string) Schema { return Schema{"enum": words} }

// note says what the value that is being read may be. The last word counts: it is said by who knows more.
func (d *draft) note(s Schema) {
	if d != nil {
		d.noted = s
	}
}

// shapes are a value of each shape that a document may have in a place.
func shapes() []*node {
	return []*node{{value: "x", text: "x"}, {entries: []entry{}}, {items: []*node{}}}
}

// shape is what a reading function takes.
func (d *draft) shape(r *reader, read func(n *node, path string)) Schema {
	was := d.noted
	defer func() { d.noted = was }()
	var alternatives []Schema
	for _, n := range shapes() {
		d.noted = nil
		read(n, "")
		if d.noted != nil {
			alternatives = append(alternatives, d.noted)
		}
	}
	problems := len(r.problems)
	if read(&node{}, ""); len(r.problems) == problems {
		alternatives = append(alternatives, Schema{"type": "null"})
	}
	return anyOf(alternatives)
}

func anyOf(list []Schema) Schema {
	if len(list) == 1 {
		return list[0]
	}
	return Schema{"anyOf": list}
}

// mapping notes a mapping whose keys are known; each may be left empty.
func (d *draft) mapping(r *reader, n *node, known map[string]func(*node, string)) {
	if d != nil && n.isMap() {
		d.note(Schema{"type": "object", "properties": d.fields(r, known), "additionalProperties": false})
	}
}

func (d *draft) fields(r *reader, known map[string]func(*node, string)) Schema {
	out := Schema{}
	for key, read := range known {
		out[key] = anyOf([]Schema{d.shape(r, read), {"type": "null"}})
	}
	return out
}

// names notes a mapping from names of the operator's choice.
func (d *draft) names(r *reader, n *node, read func(string, *node, string)) {
	if d != nil && n.isMap() {
		d.note(Schema{"type": "object", "additionalProperties": d.shape(r, func(n *node, path string) { read("x", n, path) })})
	}
}

// list notes a list; that one value may stand for a list of one, reading that one notes.
func (d *draft) list(r *reader, n *node, read func(*node, string)) {
	if d != nil && n.isList() {
		d.note(Schema{"type": "array", "items": d.shape(r, read)})
	}
}

// typed notes a mapping of a type and its properties.
func (d *draft) typed(r *reader, n *node, taken map[string]func(*node, string), of func() []Schema) {
	if d != nil && n.isMap() {
		own := Schema{}
		for key, read := range taken {
			own[key] = d.shape(r, read)
		}
		d.note(Schema{"type": "object", "properties": own, "allOf": of()})
	}
}

// algorithmSchemas say which properties each algorithm has.
func algorithmSchemas() []Schema {
	var out []Schema
	for _, typ := range sharding.Types() {
		_, err := sharding.New(context.Background(), typ, sharding.Config{Properties: sharding.Properties{"\x00": nil}, Nodes: 1, Columns: []sharding.KeyColumn{{Name: "x"}}})
		out = append(out, onlyWith(typ, err, "type"))
	}
	return out
}

// generatorSchemas say which properties each generator has.
func generatorSchemas() []Schema {
	var out []Schema
	for _, typ := range keygen.Types() {
		out = append(out, onlyWith(typ, keygen.Check(typ, map[string]any{"\x00": nil}), "type", "column"))
	}
	return out
}

// onlyWith allows a type the properties that it names where it is given one that nobody has.
func onlyWith(typ string, err error, taken ...string) Schema {
	var known interface{ KnownProperties() []string }
	if !errors.As(err, &known) {
		return Schema{}
	}
	return Schema{
		"if":   Schema{"properties": Schema{"type": Schema{"const": typ}}, "required": []string{"type"}},
		"then": Schema{"propertyNames": enumOf(append(taken, known.KnownProperties()...))},
	}
}
