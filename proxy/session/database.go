package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// onDatabase is CREATE, ALTER and DROP DATABASE. A logical database is what its rule document says: CREATE DATABASE stores a
// document without tables, and DROP DATABASE ends one that was made so. A schema of a server whose schemas pass through is
// that server's business.
func onDatabase(s *Session, ctx context.Context, x *execution) error {
	st := x.st.parsed
	name := databaseOf(st)
	if name == "" {
		name = s.db
	}
	if name == "" {
		return s.writeError(sqlerr.NoDatabase())
	}
	if st.Kind == parser.CreateDatabase && strings.EqualFold(name, rule.OwnSchema) { // hidden, and there for no client; but none can have it
		return s.writeError(sqlerr.NotSupported("CREATE DATABASE " + rule.OwnSchema + ": Heddle's own schema on each server has that name"))
	}
	layout, known := s.srv.Catalogs.Current().Database(name)
	if known && layout.Database == "" {
		return s.onSchema(ctx, x)
	}
	if err := s.commit(ctx); err != nil {
		return s.writeError(err)
	}
	switch st.Kind {
	case parser.CreateDatabase:
		return s.createDatabase(ctx, st, name, known)
	case parser.DropDatabase:
		return s.dropDatabase(ctx, st, name, layout)
	}
	if !known {
		return s.writeError(sqlerr.UnknownDatabase(name))
	}
	return s.alterDatabase(ctx, st, layout)
}

// databaseOf is the name that the statement gives; "": the client's own database, which ALTER DATABASE need not name.
func databaseOf(st *parser.Statement) string {
	switch first := st.DDL.NameSpan.In(st.Text); strings.ToUpper(first) {
	case "CHARACTER", "CHARSET", "DEFAULT", "COLLATE", "COMMENT", "READ":
		if st.Kind == parser.AlterDatabase {
			return ""
		}
	}
	return st.DDL.Name
}

// onSchema has the statement run where the schemas of the client's database are.
func (s *Session) onSchema(ctx context.Context, x *execution) error {
	st, err := s.planStatement(ctx, x.st.parsed)
	if err != nil {
		return s.writeError(err)
	}
	planned := *x
	planned.st, planned.plan = st, st.plan
	err = s.run(ctx, &planned)
	s.srv.Catalogs.Forget(x.st.parsed.DDL.Name)
	return err
}

// createDatabase stores the document, and then makes the schema: what is left of one that fails in between can be
// dropped.
func (s *Session) createDatabase(ctx context.Context, st *parser.Statement, name string, known bool) error {
	if st.DDL.OrReplace {
		return s.writeError(sqlerr.NotSupported("CREATE OR REPLACE DATABASE"))
	}
	if known || s.ownDatabase(name) {
		return s.exists(st, name)
	}
	source, err := s.sourceForDatabase()
	if err != nil {
		return s.writeError(err)
	}
	there, err := s.hasSchema(ctx, source.Name, name)
	if err != nil {
		return s.writeError(err)
	}
	if there {
		return s.writeError(sqlerr.DatabaseExists(name)) // it is on the server, and no document's
	}
	late, err := s.srv.Rules.CreateDatabase(ctx, s.who.Client(), name, source)
	if err != nil {
		return s.writeError(err)
	}
	if err := s.onSource(ctx, source.Name, st.Text); err != nil {
		if _, undo := s.srv.Rules.DropDatabase(context.WithoutCancel(ctx), s.who.Client(), name); undo != nil {
			err = sqlerr.Internal("CREATE DATABASE failed (" + err.Error() + "), and its document stays: " + undo.Error())
		}
		return s.writeError(err)
	}
	s.lagging(late, name)
	return s.sendOK(&wire.OK{AffectedRows: 1, Warnings: s.diag.count()})
}

// exists answers for a database that is there.
func (s *Session) exists(st *parser.Statement, name string) error {
	exists := sqlerr.DatabaseExists(name)
	if !st.DDL.IfNotExists {
		return s.writeError(exists)
	}
	s.diag.note(exists)
	if !s.srv.Flavour.MariaDB {
		return s.sendAffected(1) // as for one that it makes
	}
	return s.sendAffected(0)
}

// lagging warns of instances that do not know yet.
func (s *Session) lagging(late []string, name string) {
	if len(late) > 0 {
		s.diag.note(sqlerr.Internal("the change of database " + name + " has not reached the instances " + strings.Join(late, ", ") + " yet"))
	}
}

// sourceForDatabase is the server that a new database is made on: that of the client's database, or the first there is.
func (s *Session) sourceForDatabase() (rule.DataSource, error) {
	name, _, err := s.properHome()
	if err != nil {
		return rule.DataSource{}, err
	}
	for _, l := range s.srv.Catalogs.Current().Layouts() {
		if ds := l.DataSource(name); ds != nil {
			return *ds, nil
		}
	}
	return rule.DataSource{}, sqlerr.NoDatabase()
}

// hasSchema asks a server whether it has a schema.
func (s *Session) hasSchema(ctx context.Context, dataSource, schema string) (bool, error) {
	h, done, err := s.borrow(ctx, dataSource, "", 0)
	if err != nil {
		return false, err
	}
	defer done()
	_, rows, err := h.lease.Conn().QueryRows(ctx, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "+
		string(sqltypes.StringValue(schema).AppendSQL(nil)))
	return len(rows) > 0, err
}

// onSource runs a text on a data source, outside of any transaction.
func (s *Session) onSource(ctx context.Context, dataSource, text string) error {
	h, done, err := s.borrow(ctx, dataSource, "", 0)
	if err != nil {
		return err
	}
	defer done()
	ok, err := h.lease.Conn().Exec(ctx, text)
	if err != nil {
		return err
	}
	return s.warnings(ctx, h, nil, nil, ok.Warnings)
}

// dropDatabase drops the schema and then the document: one that is left without a schema can be dropped again.
func (s *Session) dropDatabase(ctx context.Context, st *parser.Statement, name string, layout *rule.Layout) error {
	switch {
	case layout == nil && !st.DDL.IfExists:
		return s.writeError(sqlerr.NoDatabaseToDrop(name))
	case layout == nil:
		s.diag.note(sqlerr.NoDatabaseToDrop(name))
		s.diag.rowCount = 0
		return s.sendOK(&wire.OK{Status: wire.StatusDBDropped, Warnings: s.diag.count()})
	}
	if doc, _ := s.srv.Rules.Document(layout.Database); !doc.Made {
		return s.writeError(sqlerr.NotSupported("DROP DATABASE of a database whose document was written by hand: " + doc.Ends + " ends it"))
	}
	source := &layout.DataSources[0]
	tables, err := s.dropSchema(ctx, source)
	if err != nil {
		return s.writeError(err)
	}
	late, err := s.srv.Rules.DropDatabase(ctx, s.who.Client(), layout.Database)
	if err != nil {
		return s.writeError(err)
	}
	if s.db == name {
		s.useDatabase("")
		s.trackDatabase()
	}
	s.lagging(late, name)
	return s.sendOK(&wire.OK{AffectedRows: tables, Status: wire.StatusDBDropped, Warnings: s.diag.count()})
}

// dropSchema drops a schema, which may be gone already, and returns how many tables were in it.
func (s *Session) dropSchema(ctx context.Context, source *rule.DataSource) (uint64, error) {
	h, done, err := s.borrow(ctx, source.Name, "", 0)
	if err != nil {
		return 0, err
	}
	defer done()
	ok, err := h.lease.Conn().Exec(ctx, "DROP DATABASE IF EXISTS "+string(rewrite.AppendName(nil, source.Schema)))
	if err != nil {
		return 0, err
	}
	return ok.AffectedRows, nil
}

// alterDatabase changes the properties of every schema of a database.
func (s *Session) alterDatabase(ctx context.Context, st *parser.Statement, layout *rule.Layout) error {
	head, options := 0, st.DDL.NameSpan.End
	for _, t := range st.Tokens {
		if t.Is("DATABASE") || t.Is("SCHEMA") {
			head = t.End
			break
		}
	}
	if databaseOf(st) == "" {
		options = head
	}
	if s.closeToKills() {
		s.openToKills()
		return s.writeError(sqlerr.Interrupted())
	}
	defer s.openToKills() // one that strikes between two servers would leave half of it
	for i := range layout.DataSources {
		ds := &layout.DataSources[i]
		if err := s.onSource(ctx, ds.Name, st.Text[:head]+" "+string(rewrite.AppendName(nil, ds.Schema))+" "+st.Text[options:]); err != nil {
			return s.writeError(err)
		}
	}
	s.diag.oneCopy()
	s.srv.Catalogs.Forget(layout.Database)
	return s.sendOK(&wire.OK{AffectedRows: 1, Warnings: s.diag.count()})
}
