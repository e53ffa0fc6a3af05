package sidecar

import (
	"errors"
	"slices"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// TestProbeOfRemoved: what a probe finds that ends when its data source is no longer in the rules, or is in them anew, is not heeded.
func TestProbeOfRemoved(t *testing.T) {
	current := &control{source: backend.DataSource{Name: "a"}}
	old := &control{source: backend.DataSource{Name: "a"}}
	removed := &control{source: backend.DataSource{Name: "b"}}
	all := &transactions{shards: txn.NewShards(), controls: map[string]*control{"a": current}}
	for _, away := range []bool{false, true} {
		if all.report(old, &txnlog.Server{Log: 1}, nil, away) || all.report(removed, nil, errors.New("gone"), away) || len(all.shards.Names()) > 0 {
			t.Errorf("away %v: there are %v", away, all.shards.Names())
		}
	}
	if !all.report(current, &txnlog.Server{Log: 1}, nil, false) || !slices.Equal(all.shards.Names(), []string{"a"}) {
		t.Errorf("there are %v", all.shards.Names())
	}
}
