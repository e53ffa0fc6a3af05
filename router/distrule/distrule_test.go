package distrule_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/router/distrule"
	"github.com/heddle-mesh/heddle/router/rule"
)

var mode = parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101100}}

// TestDocuments runs testdata/documents: "document" gives one, "apply" changes it by statements, one in a line, and "show"
// answers. What a change prints is valid, and its Rewrite says the same.
func TestDocuments(t *testing.T) {
	var d *rule.Document
	datadriven.RunTest(t, "testdata/documents", func(t *testing.T, c *datadriven.TestData) string {
		if c.Cmd == "document" {
			parsed, problems := rule.Parse([]byte(c.Input))
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			d = parsed
			return "ok\n"
		}
		var out strings.Builder
		for line := range strings.SplitSeq(c.Input, "\n") {
			st := read(t, line)
			if c.Cmd == "show" {
				shown, err := distrule.Show(d, st)
				if err != nil {
					return err.Error() + "\n"
				}
				out.WriteString(strings.Join(shown.Columns, " | ") + "\n")
				for _, row := range shown.Rows {
					out.WriteString(strings.TrimRight(strings.Join(row, " | "), " ") + "\n")
				}
				continue
			}
			again, _ := rule.Parse(d.Marshal())
			notes, err := distrule.Apply(again, st)
			for _, n := range notes {
				out.WriteString("note: " + n + "\n")
			}
			if err != nil {
				out.WriteString(err.Error() + "\n")
				continue
			}
			text, _ := rule.Rewrite(d.Marshal(), again)
			next, problems := rule.Parse(text)
			if err := problems.Err(); err != nil {
				out.WriteString("invalid: " + err.Error() + "\n")
				continue
			}
			out.WriteString(changed(string(d.Marshal()), string(next.Marshal())))
			d = next
		}
		return out.String()
	})
}

// changed are the lines that only one of two texts has.
func changed(was, is string) string {
	var out strings.Builder
	for line := range strings.Lines(was) {
		if !strings.Contains(is, line) {
			out.WriteString("-" + line)
		}
	}
	for line := range strings.Lines(is) {
		if !strings.Contains(was, line) {
			out.WriteString("+" + line)
		}
	}
	return out.String()
}

func read(t *testing.T, text string) *distsql.Statement {
	t.Helper()
	parsed, err := parser.Parse(text, mode)
	if err != nil {
		t.Fatal(err)
	}
	st, err := distsql.Parse(parsed)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return st
}
