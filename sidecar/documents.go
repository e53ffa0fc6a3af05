package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/rule"
)

// documents are where the rules and accounts come from, and the claims that go with it: etcd, or files for an instance
// that stands alone.
type documents interface {
	connectionIDs() server.ConnectionIDs
	// door is the gate of statements; nil where rules never change.
	door() session.Gate
	workers() keygen.WorkerIDs
	segments() keygen.Segments
	ddl() *journal.Journal
	close(ctx context.Context) error
}

func openDocuments(ctx context.Context, p *Process) (documents, error) {
	if p.config.UsesEtcd() {
		return openStore(ctx, p)
	}
	return openFiles(p)
}

// files are documents on disk, read once at the start.
type files struct {
	claims  *soleClaims
	journal *journal.Journal
	lock    *os.File
}

func openFiles(p *Process) (documents, error) {
	docs, users, err := ReadRules(p.config.Rules.File)
	if err != nil {
		return nil, err
	}
	if p.config.Users.File != "" {
		text, err := os.ReadFile(p.config.Users.File)
		if err != nil {
			return nil, fmt.Errorf("read the users document: %w", err)
		}
		parsed, problems := rule.ParseUsers(text)
		if err := problems.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", p.config.Users.File, err)
		}
		users = parsed
	}
	if users == nil {
		users = &rule.Users{}
	}
	layouts, err := resolve(docs)
	if err != nil {
		return nil, err
	}
	p.accounts.set(users)
	if err := p.adopt(1, layouts); err != nil {
		return nil, err
	}
	lock, err := lockState(p.config.State.Dir)
	if err != nil {
		return nil, err
	}
	claims, err := newSoleClaims(p.config.State.Dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &files{claims: claims, journal: FileJournal(p.config), lock: lock}, nil
}

// ReadRules reads files of rules: documents of logical databases and at most one of users.
func ReadRules(paths []string) ([]*rule.Document, *rule.Users, error) {
	var docs []*rule.Document
	var users *rule.Users
	var errs []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the rules: %w", err))
			continue
		}
		file, problems := rule.ParseFile(text)
		if err := problems.Err(); err != nil {
			errs = append(errs, fmt.Errorf("%s:\n%w", path, err))
			continue
		}
		docs = append(docs, file.Documents...)
		if file.Users != nil {
			users = file.Users
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if err := rule.ValidateTogether(docs).Err(); err != nil {
		return nil, nil, err
	}
	return docs, users, nil
}

// resolve lays documents out.
func resolve(docs []*rule.Document) ([]*rule.Layout, error) {
	layouts := make([]*rule.Layout, len(docs))
	for i, d := range docs {
		layout, err := d.Resolve()
		if err != nil {
			return nil, fmt.Errorf("rules of %s: %w", d.Database, err)
		}
		layouts[i] = layout
	}
	return layouts, nil
}

func (f *files) connectionIDs() server.ConnectionIDs {
	return instance.NewConnectionIDs(func() uint16 { return 0 })
}
func (f *files) workers() keygen.WorkerIDs   { return f.claims }
func (f *files) segments() keygen.Segments   { return f.claims }
func (f *files) door() session.Gate          { return nil }
func (f *files) ddl() *journal.Journal       { return f.journal }
func (f *files) close(context.Context) error { return f.lock.Close() }
