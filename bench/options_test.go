package main

import (
	"slices"
	"testing"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-threads", "2,4", "-forms", "prepared", "-heddle", "a=/x", "-heddle", "/y", "-targets", "relay,heddle"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.threads, []int{2, 4}) || !slices.Equal(o.forms, []form{prepared}) {
		t.Errorf("threads %v, forms %v", o.threads, o.forms)
	}
	if !slices.Equal(o.heddles, []heddleBinary{{"a", "/x"}, {"", "/y"}}) {
		t.Errorf("heddles %v", o.heddles)
	}
	for name, want := range map[string]bool{"relay": true, "heddle": true, "heddle@a": true, "heddle sharded": false, "haproxy": false} {
		if wanted(o, name) != want {
			t.Errorf("%q is wanted: %v", name, !want)
		}
	}
	if quick, err := parseOptions([]string{"-quick"}); err != nil || quick.window >= o.window || quick.rounds >= o.rounds {
		t.Errorf("-quick: %+v, %v", quick, err)
	}
	for _, args := range [][]string{{"-threads", "0"}, {"-threads", "x"}, {"-forms", "smoke"}, {"-rounds", "0"}, {"-workloads", "tea"}} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
