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
	if !slices.Equal(o.heddles, []heddleBinary{{name: "a", path: "/x"}, {path: "/y"}}) {
		t.Errorf("heddles %v", o.heddles)
	}
	for name, want := range map[string]bool{"relay": true, "heddle": true, "heddle@a": true, "heddle sharded": false, "haproxy": false} {
		if wanted(o, name) != want {
			t.Errorf("%q is wanted: %v", name, !want)
		}
	}
	both, err := parseOptions([]string{"-heddle", "a=/x", "-transactions", "local,xa"})
	if err != nil || !slices.Equal(both.heddles, []heddleBinary{{"a-local", "/x", "local"}, {"a-xa", "/x", "xa"}}) {
		t.Errorf("heddles with two kinds of transactions: %v, %v", both, err)
	}
	if one, err := parseOptions([]string{"-transactions", "xa", "-servers", "2"}); err != nil || !slices.Equal(one.heddles, []heddleBinary{{"", "bin/heddle", "xa"}}) || one.servers != 2 {
		t.Errorf("one kind of transactions: %v, %v", one, err)
	} else if got := one.formsOf("insert"); !slices.Equal(got, []form{text}) || len(one.formsOf("point")) != 2 || len(o.formsOf("insert")) != 1 {
		t.Errorf("protocols of an insert: %v", got)
	}
	if quick, err := parseOptions([]string{"-quick"}); err != nil || quick.window >= o.window || quick.rounds >= o.rounds {
		t.Errorf("-quick: %+v, %v", quick, err)
	}
	for _, args := range [][]string{{"-threads", "0"}, {"-threads", "x"}, {"-forms", "smoke"}, {"-rounds", "0"}, {"-workloads", "tea"}, {"-servers", "3"}} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
