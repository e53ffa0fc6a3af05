package rule_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/heddle-mesh/heddle/router/rule"
)

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := rule.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("rules.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bySchema validates each document of a YAML text.
func bySchema(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	for _, part := range regexp.MustCompile(`(?m)^---.*$`).Split(text, -1) {
		var v any
		if err := yaml.Unmarshal([]byte(part), &v); err != nil {
			t.Fatalf("%v\n%s", err, part)
		}
		if v == nil {
			continue
		}
		if err := s.Validate(v); err != nil {
			return err
		}
	}
	return nil
}

// TestSchemaTakesWhatIsValid: every valid document of the repository is valid by the schema.
func TestSchemaTakesWhatIsValid(t *testing.T) {
	s := compiledSchema(t)
	reference, err := os.ReadFile("REFERENCE.md")
	if err != nil {
		t.Fatal(err)
	}
	valid := []string{rule.Sample, rule.Minimal, full}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(reference), -1) {
		valid = append(valid, m[1])
	}
	for _, text := range valid {
		if err := bySchema(t, s, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestSchemaRefusesAlike: a key that nobody knows, in every mapping whose keys are known, and a value of another shape, are
// refused by the schema and by Parse.
func TestSchemaRefusesAlike(t *testing.T) {
	s := compiledSchema(t)
	const base = `database: shop
defaults: {user: u, DEFAULTS}
data_sources: {a: {address: "h:1", SOURCE, replicas: [{address: "h:2", REPLICA}], tls: {mode: required, TLS}, pool: {max: 3, POOL}}, b: {address: "h:3"}}
shards: {x: {data_source: a, SHARD}, y: b}
slots: {x: 0-8191, y: 8192-16383}
tables:
  t: {key: id, TABLE, algorithm: {type: hash_slot, ALGORITHM}, generate: {column: id, type: segment, GENERATE}}
  r: {key: id, algorithm: {type: range, bounds: [5], RANGE}}
TOP
`
	holes := regexp.MustCompile(`, [A-Z]+\b|\nTOP`)
	plain := holes.ReplaceAllString(base, "")
	if _, problems := rule.ParseFile([]byte(plain)); len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := bySchema(t, s, plain); err != nil {
		t.Fatal(err)
	}
	users := "users: {root: {}}\nTOP\n"
	var wrong []string
	for _, hole := range holes.FindAllString(base, -1) {
		one := strings.Replace(base, hole, strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return -1
			}
			return r
		}, hole)+"colour: red", 1)
		wrong = append(wrong, holes.ReplaceAllString(one, ""))
	}
	wrong = append(wrong, strings.Replace(users, "TOP", "colour: red", 1), "users: {root: {colour: red}}",
		strings.Replace(plain, "key: id", "key: {id: 1}", 1),
		strings.Replace(plain, "max: 3", "max: three", 1),
		strings.Replace(plain, "max: 3", "max: 0", 1),
		strings.Replace(plain, "max: 3", "max: 3, wait: soon", 1),
		strings.Replace(plain, "mode: required", "mode: maybe", 1),
		strings.Replace(plain, "type: range", "type: nearby", 1),
		strings.Replace(plain, "type: segment", "type: guess", 1),
		strings.Replace(plain, "user: u", "user: u, password: hunter2", 1),
		plain+"binding: [t, r]\n",
		plain+"broadcast: {c: 1}\n",
		"users: {root: {verifier: abc}}",
	)
	if len(wrong) < 22 {
		t.Errorf("only %d documents", len(wrong))
	}
	for _, text := range wrong {
		if _, problems := rule.ParseFile([]byte(text)); len(problems) == 0 {
			t.Errorf("Parse takes\n%s", text)
		}
		if err := bySchema(t, s, text); err == nil {
			t.Errorf("the schema takes\n%s", text)
		}
	}
}

// FuzzSchema: what Parse takes, the schema takes.
func FuzzSchema(f *testing.F) {
	addDocuments(f)
	s := compiledSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "---") || strings.Contains(text, "...") {
			return // several documents: the library's decoder reads one
		}
		if file, problems := rule.ParseFile([]byte(text)); len(problems) > 0 || len(file.Documents) == 0 && file.Users == nil {
			return
		}
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			return // it does not read what the tree has
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
}
