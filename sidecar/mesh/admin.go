package mesh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload/barrier"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// Admin administers the documents of a mesh.
type Admin struct {
	Rules, Users, Routes *admin.Documents
	Store                store.Store

	pending map[string][]byte // rules that are about to be applied too, by name
}

// NewAdmin returns the administration of the documents in s. by is written down as the coordinator of placement changes,
// which wait for the instances' acknowledgements as long as wait says; 0: the barrier's own bound.
func NewAdmin(s store.Store, by string, wait time.Duration) (*Admin, error) {
	a := &Admin{Store: s, pending: map[string][]byte{}}
	var err error
	a.Rules, err = admin.New(admin.Config{
		Store: s, Kind: layout.Rules, Validate: a.validate, Now: time.Now,
		Placement: comparePlacement, Apart: serversApart,
		Activator: activator{&barrier.Activator{Store: s, Instance: by, Now: time.Now, Wait: wait}},
	})
	if err != nil {
		return nil, err
	}
	if a.Users, err = admin.New(admin.Config{Store: s, Kind: layout.Users, Validate: validateUsers, Now: time.Now}); err != nil {
		return nil, err
	}
	a.Routes, err = admin.New(admin.Config{Store: s, Kind: layout.Routes, Validate: validateRoutes, Now: time.Now})
	return a, err
}

// comparePlacement is Placement for administrators. A document in force that is invalid was adopted by nobody: it places
// nothing, and each instance compares what comes after it with what it runs.
func comparePlacement(_ context.Context, _ string, was, next []byte) ([]string, error) {
	if _, err := layoutOf(was); err != nil {
		return nil, nil
	}
	return Placement(was, next)
}

// serversApart names the data sources that only one of two documents has, or that they have at different addresses. Instances
// that disagreed on them for long would write to different servers, look for tables that no rule names on different ones,
// and take locks by name on different ones.
func serversApart(_ context.Context, _ string, was, next []byte) ([]string, error) {
	before, err := layoutOf(was)
	if err != nil {
		return nil, nil
	}
	after, err := layoutOf(next)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, ds := range after.DataSources {
		old := before.DataSource(ds.Name)
		if old == nil || old.Address != ds.Address {
			out = append(out, fmt.Sprintf("data source %s at %s", ds.Name, ds.Address))
		}
	}
	for _, ds := range before.DataSources {
		if after.DataSource(ds.Name) == nil {
			out = append(out, "no data source "+ds.Name)
		}
	}
	return out, nil
}

// Of is the administration of a kind.
func (a *Admin) Of(kind string) *admin.Documents {
	switch kind {
	case layout.Users:
		return a.Users
	case layout.Routes:
		return a.Routes
	}
	return a.Rules
}

// Kinds are those of documents, in the order in which they are applied and shown.
func Kinds() []string { return []string{layout.Rules, layout.Users, layout.Routes} }

// Together makes documents that are about to be applied one after the other be validated as if all of them were in force.
func (a *Admin) Together(parts []Part) {
	for _, p := range parts {
		if p.Kind == layout.Rules {
			a.pending[p.Name] = p.Text
		}
	}
}

// validate refuses a document that is wrong by itself, or beside the others that are in force.
func (a *Admin) validate(ctx context.Context, name string, text []byte) error {
	if _, err := parse(name, text); err != nil {
		return err
	}
	all, err := a.InForce(ctx)
	if err != nil {
		return err
	}
	maps.Copy(all, a.pending)
	all[name] = text
	_, err = Layouts(all)
	return err
}

// Layouts lays out the rules that are in force.
func (a *Admin) Layouts(ctx context.Context) ([]*rule.Layout, error) {
	texts, err := a.InForce(ctx)
	if err != nil {
		return nil, err
	}
	return Layouts(texts)
}

// InForce are the texts of the active rules, by name.
func (a *Admin) InForce(ctx context.Context) (map[string][]byte, error) {
	names, err := a.Rules.Names(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, name := range names {
		active, err := a.Rules.Get(ctx, name)
		if errors.Is(err, admin.ErrNotFound) {
			continue // dropped
		}
		if err != nil {
			return nil, err
		}
		out[name] = active.Bytes()
	}
	return out, nil
}

func validateUsers(_ context.Context, name string, text []byte) error {
	if name != layout.Mesh {
		return fmt.Errorf("the document of users is called %q, not %q", layout.Mesh, name)
	}
	_, problems := rule.ParseUsers(text)
	return problems.Err()
}

func validateRoutes(_ context.Context, name string, text []byte) error {
	if name != layout.Mesh {
		return fmt.Errorf("the document of routes is called %q, not %q", layout.Mesh, name)
	}
	_, err := route.Parse(text)
	return err
}

// activator lets admin use the barrier.
type activator struct{ *barrier.Activator }

// Activate implements admin.Activator.
func (a activator) Activate(ctx context.Context, ch admin.Change) (layout.Pointer, error) {
	return a.Activator.Activate(ctx, barrier.Change{Document: ch.Document, Base: ch.Base, Version: ch.Version, Tables: ch.Tables, Check: ch.Check,
		By: ch.By, Comment: ch.Comment})
}
