package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// onDatabase is CREATE, ALTER and DROP DATABASE. A logical database is what its rule document says: it exists, and is
// changed by its document. A schema of a server whose schemas pass through is that server's business.
func onDatabase(s *Session, ctx context.Context, x *execution) error {
	st := x.st.parsed
	name := st.DDL.Name
	layout, known := s.srv.Catalogs.Current().Database(name)
	switch {
	case !known && st.Kind == parser.DropDatabase && !st.DDL.IfExists:
		return s.writeError(sqlerr.NoDatabaseToDrop(name))
	case !known && st.Kind == parser.DropDatabase:
		s.diag.note(sqlerr.NoDatabaseToDrop(name))
		s.diag.rowCount = 0
		return s.sendOK(&wire.OK{Status: wire.StatusDBDropped, Warnings: s.diag.count()})
	case !known:
		return s.writeError(sqlerr.NotSupported(strings.ToUpper(st.Kind.String()) + " of a database that no rule document declares"))
	case layout.Database == "":
		return s.onSchema(ctx, x)
	case st.Kind != parser.CreateDatabase || st.DDL.OrReplace:
		return s.writeError(sqlerr.NotSupported(strings.ToUpper(st.Kind.String()) + " of a database that a rule document declares"))
	}
	exists := sqlerr.DatabaseExists(name)
	if !st.DDL.IfNotExists {
		return s.writeError(exists)
	}
	s.diag.note(exists)
	return s.sendAffected(0)
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
