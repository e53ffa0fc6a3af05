package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// documents are where the rules and accounts come from, and the claims that go with it: etcd, or files for an instance
// that stands alone.
type documents interface {
	callDocuments
	// servable returns when there are rules in force by which statements may be served. lacks is told what that waits for, or what
	// an error is about that may pass.
	servable(ctx context.Context, lacks func(why error)) error
	connectionIDs() server.ConnectionIDs
	// door is the gate of statements; nil where rules never change.
	door() session.Gate
	rulesBySQL() session.RuleAdmin
	// serversBySQL is nil where orders for servers cannot be given.
	serversBySQL() session.ServerAdmin
	// tables are those of the database heddle that tell of the documents and who runs them.
	tables() map[string]sysview.Source
	generators() *keygen.Set
	ddl() *journal.Journal
	// unfinishedDDL are the entries of the journal that somebody has to finish, or that run, by state.
	unfinishedDDL() []observe.UnfinishedDDL
	// others are the sessions of the other instances; nil where there are none.
	others() server.Others
	// othersRows are those that the other instances have of a table of heddle. The reader is told of instances that did not answer.
	othersRows(ctx context.Context, name string, t *instanceTable, by sysview.Reader) []sqltypes.Row
	// answer begins to answer other instances.
	answer()
	// versions are those of the rules in force, by database.
	versions() map[string]int64
	// reload puts into force what c says of documents and data sources, or changes nothing.
	reload(c *config.Config) error
}

func openDocuments(ctx context.Context, p *Process) (documents, error) {
	if p.config.UsesEtcd() {
		if p.forcePlacement {
			return nil, errors.New("--force-placement is for rules in files; those in etcd are changed by heddle rules apply, which has it too")
		}
		return openStore(ctx, p)
	}
	return openFiles(p)
}

// files are documents on disk, read at the start and at every reload.
type files struct {
	process *Process
	claims  *soleClaims
	journal *journal.Journal
	ddlLeft filedDDL
	lock    *os.File
	layouts []*rule.Layout // guarded by process.reloading, as is version
	version uint64         // 0: nothing is in force yet
	routes  route.Parser
	docs    atomic.Pointer[[]*rule.Document] // of layouts
}

// calls implements documents.
func (f *files) calls(c *config.Config) (func() *callRoutes, error) {
	if len(c.RPC.Address) == 0 {
		return nil, nil
	}
	return readOnce(&f.routes, c)
}

// callRegistry implements documents.
func (f *files) callRegistry() store.Store { return nil }

func openFiles(p *Process) (_ documents, err error) {
	docs, layouts, users, err := readDocuments(p.config)
	if err != nil {
		return nil, err
	}
	lock, err := lockState(p.config.State.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	p.accounts.set(users)
	claims, err := newSoleClaims(p.config.State.Dir, p.floor)
	if err != nil {
		return nil, err
	}
	f := &files{process: p, claims: claims, journal: FileJournal(p.config), lock: lock, layouts: layouts}
	f.ddlLeft.journal = f.journal
	f.docs.Store(&docs)
	return f, nil
}

// servable implements documents. What has rows elsewhere than it was served last is not put into force, nor is what cannot be asked whether it
// has: no transaction must be ended by what a wrong server says.
func (f *files) servable(ctx context.Context, lacks func(why error)) error {
	p := f.process
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if f.version > 0 {
		return nil
	}
	docs := f.documents()
	if !p.forcePlacement {
		err := Misplaced(ctx, p.live.Load(), docs, true)
		if misplaced := (*MisplacedError)(nil); err != nil && !errors.As(err, &misplaced) {
			lacks(err) // a data source that is down
		}
		if err != nil {
			return err
		}
	}
	if err := p.adopt(1, f.layouts); err != nil {
		return err
	}
	if err := servedIn(p.config).write(docs); err != nil {
		return err // and all of it is done again: no statement may be served by rules that the next start does not know of
	}
	f.version = 1
	return nil
}

// readDocuments reads the rules and users that the configuration names.
func readDocuments(c *config.Config) ([]*rule.Document, []*rule.Layout, *rule.Users, error) {
	docs, users, err := ReadRules(c.Rules.File)
	if err != nil {
		return nil, nil, nil, err
	}
	if c.Users.File != "" {
		text, err := os.ReadFile(c.Users.File)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("read the users document: %w", err)
		}
		parsed, problems := rule.ParseUsers(text)
		if err := problems.Err(); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", c.Users.File, err)
		}
		users = parsed
	}
	if users == nil {
		users = &rule.Users{}
	}
	layouts, err := resolve(docs)
	return docs, layouts, users, err
}

// reload reads the files again. Where rows of existing tables live cannot change under statements that run: without an
// etcd there is no barrier to hold them.
func (f *files) reload(c *config.Config) error {
	docs, layouts, users, err := readDocuments(c)
	if err != nil {
		return err
	}
	if f.version == 0 {
		return f.replace(c, docs, layouts, users)
	}
	for _, was := range f.layouts {
		at := slices.IndexFunc(layouts, func(l *rule.Layout) bool { return l.Database == was.Database })
		if at < 0 {
			return fmt.Errorf("the rules of %q are gone; a database is taken away at the next start", was.Database)
		}
		moved, err := f.holdRows(layouts[at], rule.PlacementChanges(was, layouts[at]))
		if err != nil {
			return err
		}
		if len(moved) > 0 {
			return fmt.Errorf("the rules of %q place rows of %s elsewhere; that wants a start with --force-placement", was.Database, strings.Join(moved, ", "))
		}
	}
	list, err := sources(c, layouts)
	if err != nil {
		return err
	}
	if err := f.process.adoptFrom(list, f.version+1, layouts); err != nil {
		return err
	}
	f.version++
	f.layouts = layouts
	f.docs.Store(&docs)
	f.process.accounts.set(users)
	if err := servedIn(f.process.config).write(docs); err != nil {
		f.process.log.Error("the rules are in force, but the next start does not know them", zap.Error(err))
	}
	return nil
}

// replace makes documents the ones that are put into force once they may be.
func (f *files) replace(c *config.Config, docs []*rule.Document, layouts []*rule.Layout, users *rule.Users) error {
	if _, err := sources(c, layouts); err != nil {
		return err
	}
	if _, err := f.process.catalogs.Current().WithRules(1, layouts); err != nil {
		return err
	}
	f.layouts = layouts
	f.docs.Store(&docs)
	f.process.accounts.set(users)
	return nil
}

// holdRows leaves out of tables those that exist nowhere under the rules in force, or only where next has them.
func (f *files) holdRows(next *rule.Layout, tables []string) ([]string, error) {
	database := next.Database
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var out []string
	for _, name := range tables {
		if name == rule.AllUnlisted {
			return tables, nil
		}
		schema, found, err := f.process.catalogs.read(ctx, router.Name{Database: database, Table: name})
		if err != nil {
			return nil, fmt.Errorf("see whether %s.%s has rows: %w", database, name, err)
		}
		stays := slices.ContainsFunc(next.Single, func(t *rule.SingleTable) bool {
			return t.Name == name && slices.Equal(schema.FoundOn, []string{t.Node.DataSource})
		})
		if found && !stays {
			out = append(out, name)
		}
	}
	return out, nil
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
		if len(problems) == 0 {
			problems = file.Missing()
		}
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

// documents are those in force.
func (f *files) documents() []*rule.Document { return *f.docs.Load() }

func (f *files) connectionIDs() server.ConnectionIDs {
	return instance.NewConnectionIDs(func() uint16 { return 0 })
}
func (f *files) generators() *keygen.Set { return keygen.NewSet(nil, f.claims, f.claims) }
func (f *files) door() session.Gate      { return nil }
func (f *files) ddl() *journal.Journal   { return f.journal }
func (f *files) rulesBySQL() session.RuleAdmin {
	return fixedRules{f.process.config.Rules.File, f.documents}
}
func (f *files) serversBySQL() session.ServerAdmin { return nil }
func (f *files) others() server.Others             { return nil }
func (f *files) othersRows(context.Context, string, *instanceTable, sysview.Reader) []sqltypes.Row {
	return nil
}
func (f *files) answer()                                {}
func (f *files) away() string                           { return "" }
func (f *files) refused() []observe.Refused             { return nil } // a reload that fails is told by itself
func (f *files) unfinishedDDL() []observe.UnfinishedDDL { return f.ddlLeft.totals() }

// versions counts the reloads: files have no numbers of their own.
func (f *files) versions() map[string]int64 {
	out := map[string]int64{}
	snap := f.process.catalogs.Current()
	for _, layout := range snap.Layouts() {
		out[layout.Database] = int64(snap.RulesVersion())
	}
	return out
}

func (f *files) close(context.Context) error { return f.lock.Close() }
