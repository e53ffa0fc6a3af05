package catalog

import (
	"slices"
	"testing"
)

func TestCompare(t *testing.T) {
	columns := func(defs ...string) []Column {
		var out []Column
		for i := 0; i < len(defs); i += 2 {
			out = append(out, Column{Name: defs[i], Type: defs[i+1], Nullable: true})
		}
		return out
	}
	one := columns("id", "int", "v", "int")
	for name, c := range map[string]struct {
		shards  []On
		columns []string
		detail  string
	}{
		"alike":   {[]On{{"a", one}, {"b", columns("ID", "int", "v", "int")}}, nil, ""},
		"nowhere": {[]On{{"a", nil}, {"b", nil}}, nil, ""},
		"one":     {[]On{{"a", one}}, nil, ""},
		"added":   {[]On{{"a", one}, {"b", columns("id", "int", "v", "int", "W", "text")}, {"c", one}}, []string{"w"}, "w: missing on a, c, text on b"},
		"type":    {[]On{{"a", one}, {"b", columns("id", "int", "v", "bigint")}}, []string{"v"}, "v: int on a, bigint on b"},
		"order":   {[]On{{"a", one}, {"b", columns("v", "int", "id", "int")}}, nil, "the columns stand in another order on b"},
		"absent":  {[]On{{"a", one}, {"b", nil}}, []string{"id", "v"}, "no such table on b"},
		"absent on the first": {[]On{{"a", nil}, {"b", one}, {"c", columns("id", "int")}}, []string{"id", "v"},
			"no such table on a; v: int on b, missing on c"},
	} {
		d := Compare(c.shards)
		switch {
		case d == nil && c.detail != "":
			t.Errorf("%s: no drift, want %q", name, c.detail)
		case d != nil && (d.Detail != c.detail || !slices.Equal(d.Columns, c.columns)):
			t.Errorf("%s: %q of %q, want %q of %q", name, d.Detail, d.Columns, c.detail, c.columns)
		}
	}
}
