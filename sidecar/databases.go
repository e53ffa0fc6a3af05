package sidecar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// made is the first line of a document that CREATE DATABASE has made. Whoever writes the document anew takes it over, and
// DROP DATABASE no longer ends it.
const made = "# made by CREATE DATABASE\n"

// adoptionWait is how long a statement waits for the other instances to run what it has brought into force.
const adoptionWait = 5 * time.Second

// databases makes and ends documents for CREATE and DROP DATABASE, through the same door as `heddle rules apply`. It
// implements session.RuleAdmin.
type databases struct {
	stored *stored
	admin  *mesh.Admin
}

func newDatabases(s *stored) (*databases, error) {
	a, err := mesh.NewAdmin(s.store, s.process.config.Instance.Name, 0)
	return &databases{stored: s, admin: a}, err
}

// CreateDatabase brings a document without tables into force.
func (d *databases) CreateDatabase(ctx context.Context, by, name string, source rule.DataSource) ([]string, error) {
	source.Schema = name
	doc := rule.Document{Database: name, DataSources: []rule.DataSource{source}}
	res, err := d.admin.Rules.Apply(ctx, admin.Application{
		Name: name, Document: append([]byte(made), doc.Marshal()...), Author: by, Comment: "CREATE DATABASE",
	})
	if err != nil {
		return nil, refusal("CREATE DATABASE "+name, err)
	}
	return d.await(ctx, name, res.Pointer, true)
}

// Document is the document of a database that this instance runs.
func (d *databases) Document(name string) (session.RuleDocument, bool) {
	out := session.RuleDocument{Ends: "`heddle rules drop " + name + "`"}
	now := d.stored.rules.Current()
	if now == nil {
		return out, false
	}
	doc, ok := now.Documents[name]
	out.Text, out.Made = doc.Bytes(), ok && bytes.HasPrefix(doc.Bytes(), []byte(made))
	return out, ok
}

// DropDatabase ends a document that CREATE DATABASE has made.
func (d *databases) DropDatabase(ctx context.Context, by, name string) ([]string, error) {
	res, err := d.admin.Rules.Drop(ctx, name, by, "DROP DATABASE", admin.AnyBase)
	if errors.Is(err, admin.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, refusal("DROP DATABASE "+name, err)
	}
	return d.await(ctx, name, res.Pointer, false)
}

// refusal is what the client is told of a change that was not made.
func refusal(what string, err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return sqlerr.RulesUnreached(what + ": " + err.Error())
	}
	var invalid *admin.Invalid
	if errors.As(err, &invalid) {
		return sqlerr.NotSupported(what + ": " + err.Error())
	}
	return sqlerr.Internal(what + ": " + err.Error())
}

// await waits until this instance runs the document, or does not any more, and for a while for the others: late are
// those that do not yet.
func (d *databases) await(ctx context.Context, name string, pointer layout.Pointer, exists bool) (late []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, adoptionWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		l, known := d.stored.process.catalogs.Current().Database(name)
		here := (known && strings.EqualFold(l.Database, name)) == exists
		if here {
			if late = d.late(ctx, name, pointer); len(late) == 0 {
				return nil, nil
			}
		}
		select {
		case <-ctx.Done():
			if !here {
				return nil, sqlerr.Internal(fmt.Sprintf("version %d of the rules of %s is in force, and this instance does not run it", pointer.Version, name))
			}
			return late, nil
		case <-tick.C:
		}
	}
}

// late are the live instances that do not run a document's pointer.
func (d *databases) late(ctx context.Context, name string, pointer layout.Pointer) []string {
	_, all, err := d.admin.Rules.Status(ctx)
	if err != nil {
		return []string{"of which the store does not tell"}
	}
	var out []string
	for i := range all {
		if _, behind := all[i].Behind[name]; behind && all[i].Documents[name].Serial < pointer.Serial {
			out = append(out, all[i].Instance)
		}
	}
	return out
}

// fixedRules are rules in files, which no statement changes.
type fixedRules struct {
	paths     []string
	documents func() []*rule.Document
}

var _ session.RuleAdmin = fixedRules{}

func (f fixedRules) refuse(what string) error {
	return sqlerr.NotSupported(what + " where the rules are files: a document of the database belongs into " + strings.Join(f.paths, ", "))
}

// CreateDatabase refuses.
func (f fixedRules) CreateDatabase(context.Context, string, string, rule.DataSource) ([]string, error) {
	return nil, f.refuse("CREATE DATABASE")
}

// Document is the document of a database in the files.
func (f fixedRules) Document(name string) (session.RuleDocument, bool) {
	out := session.RuleDocument{Ends: "taking it out of " + strings.Join(f.paths, ", ")}
	for _, d := range f.documents() {
		if strings.EqualFold(d.Database, name) {
			out.Text = d.Marshal()
			return out, true
		}
	}
	return out, false
}

// Change refuses.
func (f fixedRules) Change(context.Context, string, string, string, func(*rule.Document) error) (session.RuleChange, error) {
	return session.RuleChange{}, f.refuse("a change of rules")
}

// Import refuses.
func (f fixedRules) Import(context.Context, string, string, string, []byte) (session.RuleChange, error) {
	return session.RuleChange{}, f.refuse("a change of rules")
}

// DropDatabase refuses.
func (f fixedRules) DropDatabase(context.Context, string, string) ([]string, error) {
	return nil, f.refuse("DROP DATABASE")
}
