package rule_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// The reference names every key that documents may have, and its examples are valid.
func TestReference(t *testing.T) {
	read := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	text := read("REFERENCE.md")
	names := append(sharding.Types(), keygen.Types()...)
	for _, file := range []string{"read_document.go", "read_users.go", "splitting.go"} {
		for _, m := range regexp.MustCompile(`"([a-z_]+)":\s+func`).FindAllStringSubmatch(read(file), -1) {
			names = append(names, m[1])
		}
	}
	properties := regexp.MustCompile(`known\((?:cfg\.Properties, )?("[^)]*")\)`)
	for _, dir := range []string{"../sharding/", "../keygen/"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			for _, m := range properties.FindAllStringSubmatch(read(dir+e.Name()), -1) {
				for name := range strings.SplitSeq(m[1], ", ") {
					names = append(names, strings.Trim(name, `"`))
				}
			}
		}
	}
	if len(names) < 50 {
		t.Fatalf("only %d keys were found: %q", len(names), names)
	}
	for _, name := range names {
		if !regexp.MustCompile("`[^`]*\\b" + name + "\\b[^`]*`").MatchString(text) {
			t.Errorf("REFERENCE.md does not name %s", name)
		}
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(examples) < 3 {
		t.Errorf("%d examples", len(examples))
	}
	for _, m := range examples {
		f, problems := rule.ParseFile([]byte(m[1]))
		if err := problems.Err(); err != nil {
			t.Errorf("%v\n%s", err, m[1])
			continue
		}
		for _, d := range f.Documents {
			if _, err := d.Resolve(); err != nil {
				t.Errorf("%v\n%s", err, m[1])
			}
		}
	}
}
