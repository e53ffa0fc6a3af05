package sidecar

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// overtaken are routes that change when a reload has asked for them, and before it puts them into force.
type overtaken struct {
	callDocuments
	by func()
}

func (o *overtaken) calls(c *config.Config) (func() *callRoutes, error) {
	now, err := o.callDocuments.calls(c)
	o.by()
	return now, err
}

// A reload of the configuration leaves the routes in force that the store has told of meanwhile.
func TestReloadIsOvertakenByRoutes(t *testing.T) {
	dir := t.TempDir()
	settings := func() *config.Config {
		c := config.Default()
		c.Listen.Address, c.RPC.Address = nil, []string{"127.0.0.1:0"}
		c.Instance.Name, c.Etcd.Endpoints, c.State.Dir = "a", []string{"127.0.0.1:1"}, dir
		return c
	}
	mem := memstore.New()
	routes, err := mesh.NewAdmin(mem, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(version int64) {
		t.Helper()
		text := fmt.Sprintf("routes: [{name: v%d, respond: {status: 200, body: v%d}}]\n", version, version)
		if _, err := routes.Routes.Apply(t.Context(), admin.Application{Name: layout.Mesh, Document: []byte(text), Author: "test", Base: version - 1}); err != nil {
			t.Fatal(err)
		}
	}
	p := &Process{config: settings(), log: zap.NewNop(), observer: observe.New("test")}
	p.live.Store(p.config)
	p.observer.Slow = observe.NewSlowLog(p.log)
	s := &storedRoutes{log: newNotices(p.log), store: mem}
	if err := s.follow(p, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	apply(1)
	if err := s.routes.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.routes.Run(ctx) }()
	defer func() { end(); <-ended }()
	p.routes = s
	if err := p.beginCalls(); err != nil {
		t.Fatal(err)
	}
	calls := p.calls.Load()
	defer func() {
		if err := errors.Join(calls.stop(t.Context(), false), p.observer.Slow.Close()); err != nil {
			t.Error(err)
		}
	}()
	inForce := func() string { return calls.server.View().Routes[0].Name }
	first := calls.document()
	if inForce() != "v1" || first.Version != 1 || first.Source != observe.RoutesFromEtcd {
		t.Fatalf("at the start %s is in force: %+v", inForce(), first)
	}
	if err := p.Reload(settings()); err != nil {
		t.Fatal(err)
	}
	if now := calls.document(); *now != *first {
		t.Errorf("a reload without other routes has put %+v into force, in place of %+v", now, first)
	}
	p.routes = &overtaken{s, func() {
		apply(2)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(30 * time.Second); calls.document().Version != 2; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatal("the store's routes are not in force")
			}
		}
	}}
	if err := p.Reload(settings()); err != nil {
		t.Fatal(err)
	}
	if now := calls.document(); inForce() != "v2" || now.Version != 2 {
		t.Errorf("behind the reload %s is in force: %+v", inForce(), now)
	}
}
