package distsql_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/parser/distsql"
)

var mode = parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101100}}

// TestStatements runs testdata/statements: each case is a statement, and what it reads as, or the error as clients see it.
func TestStatements(t *testing.T) {
	datadriven.RunTest(t, "testdata/statements", func(t *testing.T, d *datadriven.TestData) string {
		m := mode
		if d.HasArg("ansi") {
			m.SQLMode |= parser.ANSIQuotes
		}
		return read(t, d.Input, m)
	})
}

func read(t *testing.T, text string, m parser.Mode) string {
	parsed, err := parser.Parse(text, m)
	if err != nil {
		t.Fatal(err)
	}
	if !distsql.Recognise(parsed) {
		return "not recognised\n"
	}
	st, err := distsql.Parse(parsed)
	if wrong, ok := errors.AsType[*distsql.Error](err); ok {
		return wrong.Explain(text) + "\n"
	}
	out, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	return short(t, out) + "\n"
}

// short leaves out what is empty.
func short(t *testing.T, text []byte) string {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(full(v))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`\u0026`, "&", `\u003e`, ">", `\u003c`, "<").Replace(string(out))
}

func full(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = full(e); e != nil && e != "" && e != false {
				out[k] = e
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		for i := range v {
			v[i] = full(v[i])
		}
		if len(v) > 0 {
			return v
		}
		return nil
	}
	return v
}

// FuzzParse: whatever the text is, it is read or refused with a place inside of it, and reads the same again.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/statements")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(text), "\n\n") {
		_, body, _ := strings.Cut(c, "\n")
		statement, _, _ := strings.Cut(body, "\n----")
		f.Add(statement)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range []parser.Mode{mode, {SQLMode: parser.ANSIQuotes}} {
			parsed, err := parser.Parse(text, m)
			if err != nil || !distsql.Recognise(parsed) {
				continue
			}
			st, err := distsql.Parse(parsed)
			if (st == nil) != (err != nil) {
				t.Fatalf("%v and %v", st, err)
			}
			if wrong, ok := errors.AsType[*distsql.Error](err); ok {
				if wrong.Pos < 0 || wrong.Pos > len(text) {
					t.Fatalf("at %d of %d bytes: %v", wrong.Pos, len(text), err)
				}
				if lines := strings.Split(wrong.Explain(text), "\n"); !strings.HasSuffix(lines[len(lines)-1], "^") {
					t.Fatalf("no caret: %q", lines)
				}
			}
		}
	})
}
