package rule_test

import (
	_ "embed"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/heddle-mesh/heddle/router/rule"
)

// TestProblems runs testdata/problems: each case is a file of rules and the list of all that is wrong with it.
func TestProblems(t *testing.T) {
	datadriven.RunTest(t, "testdata/problems", func(t *testing.T, d *datadriven.TestData) string {
		_, problems := rule.ParseFile([]byte(d.Input))
		if len(problems) == 0 {
			return "ok\n"
		}
		return problems.Error() + "\n"
	})
}

// TestClearPasswordsAreNotRepeated: whatever is wrong with a document, a password written in it does not get into
// messages, nor into the document.
func TestClearPasswordsAreNotRepeated(t *testing.T) {
	for _, text := range []string{
		"data_sources: {a: {address: h:1, user: u, password: s3cret}}",
		"data_sources: {a: {adress: h:1, user: u, password: s3cret}}",
		"data_sources: {a: {address: h:1, user: u, pasword: 's3cret'}}",
		"data_sources: {a: {address: h:1, user: u, password: s3cret, user: x}}",
		"data_sources: {a: {address: h:1, user: u, password: s3cret",
		"users: {a: {password: s3cret}}",
		"users: {a: {verifier: s3cret}}",
		"defaults: {password: s3cret}",
	} {
		f, problems := rule.ParseFile([]byte(text))
		if len(problems) == 0 {
			t.Errorf("%s: no problem", text)
		}
		out := problems.Error()
		for _, d := range f.Documents {
			out += string(d.Marshal())
		}
		if strings.Contains(out, "s3cret") {
			t.Errorf("%s: the password is repeated:\n%s", text, out)
		}
	}
}

// addDocuments adds documents of all kinds: the samples, the examples of the reference, and what is wrong in each way.
func addDocuments(f *testing.F) {
	for _, s := range []string{rule.Sample, rule.Minimal, full, "a: [", "? x\n: y", "&a b: *a", "users: {a: }"} {
		f.Add(s)
	}
	for file, part := range map[string]string{"REFERENCE.md": "(?s)```yaml\n(.*?)```", "testdata/problems": "(?s)\nparse\n(.*?)\n----"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		found := regexp.MustCompile(part).FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			f.Fatalf("%s holds no documents", file)
		}
		for _, m := range found {
			f.Add(m[1])
		}
	}
}

func FuzzParseFile(f *testing.F) {
	addDocuments(f)
	f.Fuzz(func(t *testing.T, text string) {
		file, problems := rule.ParseFile([]byte(text))
		if len(problems) > 0 {
			return
		}
		for _, d := range file.Documents {
			canonical := d.Marshal()
			again, problems := rule.Parse(canonical)
			if err := problems.Err(); err != nil {
				t.Fatalf("canonical form of a valid document: %v\n%s", err, canonical)
			}
			if string(again.Marshal()) != string(canonical) {
				t.Fatalf("canonical form is not stable:\n%s", canonical)
			}
		}
	})
}
