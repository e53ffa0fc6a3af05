package sidecar

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// Rules of files are servable once it is written down that they are served, and not because it was tried before.
func TestServedRulesAreWrittenDown(t *testing.T) {
	c := config.Default()
	c.State.Dir = t.TempDir()
	log := zap.NewNop()
	p := &Process{config: c, log: log, observer: observe.New("test"), forcePlacement: true}
	p.live.Store(c)
	p.pools = backend.NewPools(backend.Options{Buffers: wire.NewPool(0)})
	p.replication = newReplication(p.pools, "", log)
	p.catalogs = newCatalogs(p.pools, 0)
	p.transactions = newTransactions("mesh", false, p.replication.primary, p.observer.Transactions, log)
	defer func() {
		p.replication.close()
		p.transactions.close()
		if err := p.pools.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	doc, problems := rule.Parse([]byte("database: shop\ndata_sources: {ds_0: {address: \"127.0.0.1:1\", user: u}}\n")) // who refuses at once
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	docs := []*rule.Document{doc}
	layouts, err := resolve(docs)
	if err != nil {
		t.Fatal(err)
	}
	f := &files{process: p, layouts: layouts}
	f.docs.Store(&docs)
	record := servedIn(c).path
	if err := os.Mkdir(record, 0o700); err != nil { // where a file is to be put
		t.Fatal(err)
	}
	for range 2 {
		if err := f.servable(t.Context(), func(error) {}); err == nil || !strings.Contains(err.Error(), "remember the rules that are served") {
			t.Fatalf("they are servable though nothing remembers them: %v", err)
		}
	}
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	if err := f.servable(t.Context(), func(error) {}); err != nil {
		t.Fatal(err)
	}
	if known, err := servedIn(c).read(); err != nil || !slices.Equal(slices.Collect(maps.Keys(known)), []string{"shop"}) {
		t.Errorf("remembered are the rules of %v, %v", known, err)
	}
}
