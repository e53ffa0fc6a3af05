package rule_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/router/rule"
)

const splitDocument = `database: shop
defaults: {user: u}
data_sources:
  a: {address: "a:1", zone: north, replicas: ["a:2", {address: "a:3", weight: 3, zone: south}]}
  b: {address: "b:1"}
slots: {a: 0-8191, b: 8192-16383}
tables: {t: {key: k}}
read_write_splitting: {max_lag: 0s, balancer: peak_ewma}
`

func TestSplittingRoundTrip(t *testing.T) {
	f, problems := rule.ParseFile([]byte(splitDocument))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	text := f.Documents[0].Marshal()
	again, problems := rule.ParseFile(text)
	if err := problems.Err(); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if diff := cmp.Diff(f.Documents[0].Splitting, again.Documents[0].Splitting); diff != "" || string(again.Documents[0].Marshal()) != string(text) {
		t.Errorf("%s\n%s", diff, text)
	}
	layout := resolve(t, splitDocument)
	want := rule.DefaultSplitting()
	want.MaxLag, want.Balancer = 0, "peak_ewma"
	if diff := cmp.Diff(&want, layout.DataSources[0].Splitting); diff != "" {
		t.Error(diff)
	}
	if layout.DataSources[1].Splitting != nil {
		t.Error("a data source without replicas is split")
	}
	if r := layout.DataSources[0].Replicas[1]; r.Weight != 3 || r.Zone != "south" || layout.DataSources[0].Zone != "north" {
		t.Errorf("replica %+v", r)
	}
}

// How replicas are read says nothing of where rows are.
func TestSplittingIsNoPlacement(t *testing.T) {
	without, _, _ := strings.Cut(splitDocument, "read_write")
	for _, next := range []string{without, strings.Replace(splitDocument, "peak_ewma", "random", 1), strings.Replace(splitDocument, "weight: 3", "weight: 4", 1)} {
		if moved := rule.PlacementChanges(resolve(t, splitDocument), resolve(t, next)); moved != nil {
			t.Errorf("%q are placed anew by\n%s", moved, next)
		}
	}
}
