package differential

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README says what is compared with one server and what is refused. Both parts are made from the cases and from
// unsupported.txt, between marks; HEDDLE_UPDATE_README=1 writes them anew.
const readme = "../../README.md"

func TestReadme(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	list, err := ReadUnsupported("unsupported.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := text
	for name, content := range map[string]string{"compared": comparedTopics(t, readFiles(t)), "refused": refusedConstructs(list)} {
		if want, err = between(want, name, content); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case bytes.Equal(text, want):
	case os.Getenv("HEDDLE_UPDATE_README") != "":
		if err := os.WriteFile(readme, want, 0o644); err != nil {
			t.Error(err)
		}
	default:
		t.Error("README.md does not say what the cases and unsupported.txt say; HEDDLE_UPDATE_README=1 go test -run TestReadme writes it")
	}
}

// between replaces what stands between the marks of a name.
func between(text []byte, name, content string) ([]byte, error) {
	open, end := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := strings.Cut(string(text), open)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return nil, fmt.Errorf("README.md has no part %q between %q and %q", name, open, end)
	}
	return []byte(before + open + content + end + after), nil
}

// comparedTopics is a line for each case file: what its head says.
func comparedTopics(t *testing.T, files []*File) string {
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile("cases/" + f.Topic + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		var head []string
		for line := range strings.Lines(string(text)) {
			line, comment := strings.CutPrefix(strings.TrimSpace(line), "-- ")
			if !comment {
				break
			}
			head = append(head, line)
		}
		if len(head) == 0 {
			t.Fatalf("cases/%s.sql does not say what it is about in its first line", f.Topic)
		}
		fmt.Fprintf(&b, "- [%s](tests/differential/cases/%s.sql): %s\n", f.Topic, f.Topic, strings.Join(head, " "))
	}
	return b.String()
}

// refusedConstructs are the constructs that the refusals name, with an example each: first those that are refused
// wherever the rows lie, then those that are refused over several shards only.
func refusedConstructs(list *Unsupported) string {
	example, everywhere := map[string]string{}, map[string]bool{}
	for key, message := range list.listed {
		construct := generalized(message)
		if one := example[construct]; one == "" || len(key.SQL) < len(one) || len(key.SQL) == len(one) && key.SQL < one {
			example[construct] = key.SQL
		}
		if strings.HasSuffix(key.Layout, "1") {
			everywhere[construct] = true
		}
	}
	var b strings.Builder
	for _, part := range []struct {
		title string
		all   bool
	}{{"Over several shards:", false}, {"Wherever the rows lie:", true}} {
		fmt.Fprintf(&b, "%s\n\n", part.title)
		for _, construct := range slices.Sorted(maps.Keys(example)) {
			if everywhere[construct] == part.all {
				sql := strings.Join(strings.Fields(example[construct]), " ")
				if strings.Contains(sql, "`") {
					sql = "`` " + sql + " ``"
				} else {
					sql = "`" + sql + "`"
				}
				fmt.Fprintf(&b, "- %s: %s\n", construct, sql)
			}
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// named are names of the cases' tables, columns and values, which are not the construct.
var (
	named   = regexp.MustCompile(`\b(users|orders|order_items|products|notes|items|t_[a-z]+|[a-z]\d)\b(\.\w+)?`)
	aliases = regexp.MustCompile(` \([a-z, ]+\)`)
)

// generalized takes the names of the cases out of a refusal, leaving their places.
func generalized(message string) string {
	_, construct, ok := strings.Cut(message, "Heddle doesn't yet support '")
	if !ok {
		construct = message
	}
	return named.ReplaceAllString(aliases.ReplaceAllString(strings.TrimSuffix(construct, "'"), ""), "…")
}
