package rule_test

import (
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/router/rule"
)

// TestRewrite: what changes is put into the author's own text, and nothing else is touched.
func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *rule.Document)
		swap   []string // pairs: what becomes what, in the sample
		kept   bool
	}{
		{"nothing", func(*rule.Document) {}, nil, true},
		{"a table more", func(d *rule.Document) { d.Tables = append(d.Tables, rule.Table{Name: "notes", Key: []string{"id"}}) },
			[]string{"binding:  ", "  notes: {key: id}\nbinding:  "}, true},
		{"a table fewer", func(d *rule.Document) { d.Tables = d.Tables[:3] },
			[]string{"  events: {key: day, algorithm: {type: interval, start: 2026-01-01, unit: year}, nodes: \"ds_${0..3}.events\"}\n", ""}, true},
		{"another key", func(d *rule.Document) { d.Tables[3].Key = []string{"at"} }, []string{
			"{key: day, algorithm: {type: interval, start: 2026-01-01, unit: year}, nodes: \"ds_${0..3}.events\"}",
			"{key: at, algorithm: {type: interval, start: \"2026-01-01\", unit: year}, nodes: [\"ds_${0..3}.events\"]}"}, true},
		{"another list", func(d *rule.Document) { d.Broadcast = []string{"countries"} },
			[]string{"broadcast: [countries, currencies]   # a full copy on every data source", "broadcast: [countries]"}, true},
		{"a section more", func(d *rule.Document) { d.Single = []rule.SingleTables{{DataSource: "ds_1", Tables: []string{"x"}}} },
			[]string{"every data source\n", "every data source\nsingle:\n  ds_1: [x]\n"}, true},
		{"a source in the middle", func(d *rule.Document) {
			d.DataSources = append([]rule.DataSource{{Name: "ds_9", Address: "10.0.0.99:3306"}}, d.DataSources...)
		}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, _, _ := strings.Cut(rule.Sample, "---\n")
			d, problems := rule.Parse([]byte(text))
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			c.change(d)
			out, kept := rule.Rewrite([]byte(text), d)
			want := string(d.Marshal())
			if c.kept {
				want = strings.NewReplacer(c.swap...).Replace(text)
			}
			if string(out) != want || kept != c.kept {
				t.Errorf("kept: %v\n%s\nwant\n%s", kept, out, want)
			}
		})
	}
}
