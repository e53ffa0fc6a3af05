package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

const devAuthor = "heddle dev"

// withAdmin runs f with the administration of the stack's etcd.
func (d *devRun) withAdmin(c *config.Config, f func(s store.Store, a *mesh.Admin) error) error {
	s, err := mesh.Open(c, zap.NewNop())
	if err != nil {
		return err
	}
	a, err := mesh.NewAdmin(s, devAuthor, 10*time.Second)
	if err == nil {
		err = f(s, a)
	}
	return errors.Join(err, s.Close())
}

// publish brings the documents into force that the etcd does not have, and makes the schemas that all of them name.
// Those of a kept directory stay as they are, but for the addresses of the private servers.
func (d *devRun) publish(ctx context.Context, c *config.Config) error {
	parts, err := d.parts()
	if err != nil {
		return err
	}
	return d.withAdmin(c, func(s store.Store, a *mesh.Admin) error {
		if err := vouch(ctx, s); err != nil {
			return err
		}
		if err := d.relocate(ctx, a); err != nil {
			return err
		}
		a.Together(parts)
		for _, p := range parts {
			_, err := a.Of(p.Kind).Apply(ctx, admin.Application{Name: p.Name, Document: p.Text, Author: devAuthor, Comment: "at the start"})
			var there *admin.Conflict
			if err != nil && !errors.As(err, &there) {
				return err
			}
		}
		return d.schemas(ctx, a)
	})
}

// parts are the stack's documents. Clients of the development stack are root without a password, whatever the files say.
func (d *devRun) parts() ([]mesh.Part, error) {
	texts, err := d.stack.Rules()
	if err != nil {
		return nil, err
	}
	var parts []mesh.Part
	for _, text := range append(texts, d.stack.Users()) {
		more, err := mesh.Split([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("rules:\n%w", err)
		}
		for _, p := range more {
			if p.Kind == layout.Rules && d.database == "" && p.Name != mesh.PassThrough {
				d.database = p.Name
			}
		}
		parts = append(parts, more...)
	}
	return ownUsersOnly(parts), nil
}

// ownUsersOnly drops users documents but the last, which is the stack's.
func ownUsersOnly(parts []mesh.Part) []mesh.Part {
	var out []mesh.Part
	for i, p := range parts {
		if p.Kind == layout.Rules || i == len(parts)-1 {
			out = append(out, p)
		}
	}
	return out
}

// vouch says of an etcd that nobody has used that it is new: its only instance is the one that starts here.
func vouch(ctx context.Context, s store.Store) error {
	epoch, err := store.GetOrZero(ctx, s, layout.Epoch)
	if err != nil || epoch.Modified != 0 {
		return err
	}
	return claim.Fresh(ctx, s, time.Now(), devAuthor)
}

// relocate writes the present addresses of private servers into the documents in force: a port of the last time may be
// taken.
func (d *devRun) relocate(ctx context.Context, a *mesh.Admin) error {
	names, err := a.Rules.Names(ctx)
	if err != nil || len(d.stack.Servers()) == 0 {
		return err
	}
	for _, name := range names {
		active, err := a.Rules.Get(ctx, name)
		if errors.Is(err, admin.ErrNotFound) {
			continue // dropped
		}
		if err != nil {
			return err
		}
		text := d.stack.Expand(d.forgetAddresses(string(active.Bytes())))
		if _, err := a.Rules.Apply(ctx, admin.Application{Name: name, Document: []byte(text), Author: devAuthor,
			Comment: "the servers' ports", Base: active.Pointer.Version}); err != nil {
			return err
		}
	}
	return nil
}

// forgetAddresses puts ${ds_0} and its like where a document has the addresses of the stack's servers.
func (d *devRun) forgetAddresses(text string) string {
	doc, problems := rule.Parse([]byte(text))
	if len(problems) > 0 {
		return text
	}
	for _, ds := range doc.DataSources {
		for _, b := range d.stack.Backends() {
			if b.Name == ds.Name {
				text = strings.ReplaceAll(text, ds.Address, "${"+ds.Name+"}")
			}
		}
	}
	return text
}

// schemas makes the physical schemas that the documents in force name.
func (d *devRun) schemas(ctx context.Context, a *mesh.Admin) error {
	names, err := a.Rules.Names(ctx)
	if err != nil {
		return err
	}
	var all []string
	for _, name := range names {
		active, err := a.Rules.Get(ctx, name)
		if errors.Is(err, admin.ErrNotFound) {
			continue // dropped
		}
		if err != nil {
			return err
		}
		_, own := schemasOf(string(active.Bytes()))
		all = append(all, own...)
	}
	return d.stack.CreateSchemas(ctx, all...)
}

// reapply brings files of --rules into force that differ from what a kept directory has, as `heddle rules apply` does.
// It wants the instance to run: a change of placement waits for it.
func (d *devRun) reapply(ctx context.Context, c *config.Config) error {
	if d.stack.Demo() {
		return nil
	}
	parts, err := d.parts()
	if err != nil {
		return err
	}
	return d.withAdmin(c, func(_ store.Store, a *mesh.Admin) error {
		r := &rulesRun{load: func() (*config.Config, error) { return c, nil }, author: devAuthor, comment: "--rules", base: fromStart}
		a.Together(parts)
		for _, p := range parts {
			if p.Kind != layout.Rules {
				continue
			}
			if _, err := r.applyOne(ctx, a, p, &applyFlags{force: d.force, bar: &progress{}, errOut: io.Discard}); err != nil {
				return err
			}
		}
		return nil
	})
}
