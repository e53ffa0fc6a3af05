package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// errDrifted is a statement over several shards whose answer hangs on columns that they do not have alike.
var errDrifted = errors.New("session: the shards differ")

// ofDrift are the errors that shards give, or the merge, where a table has other columns on some of them.
var ofDrift = map[uint16]bool{
	sqlerr.CodeBadField: true, sqlerr.CodeNoSuchTable: true, sqlerr.CodeWrongValueCount: true, sqlerr.CodeUnknownError: true,
}

// spread takes note that a statement runs on several shards, and refuses one that may not.
func (x *execution) spread(units int) error {
	if units < 2 {
		return nil
	}
	x.several = true
	if x.plan.Drift {
		return errDrifted
	}
	return nil
}

// sameColumns compares what two shards answer to one text: as many columns, and of the same names in their tables. Types
// are the merge's business.
func sameColumns(first, other []sqltypes.Column) error {
	if len(first) != len(other) {
		return sqlerr.ShardsDiffer(fmt.Sprintf("%d on one, %d on another", len(first), len(other)))
	}
	for i := range first {
		if a, b := first[i].OrgName, other[i].OrgName; a != b && a != "" && b != "" && !strings.EqualFold(a, b) {
			return sqlerr.ShardsDiffer(fmt.Sprintf("column %d is %s on one, %s on another", i+1, a, b))
		}
	}
	return nil
}

// runDrifted looks again at tables whose shards differed when the statement was planned: somebody may have mended them.
func (s *Session) runDrifted(ctx context.Context, x *execution) error {
	name, drift, err := s.lookForDrift(ctx, x.st.parsed)
	if err != nil {
		return err
	}
	if err := s.planAgain(ctx, x, false); err != nil {
		return err
	}
	if x.plan.Drift && drift != nil {
		return s.differ(ctx, name, drift)
	}
	return s.runNode(ctx, x)
}

// explained is err, or what it comes from where the shards of a table differ.
func (s *Session) explained(ctx context.Context, parsed *parser.Statement, err error) error {
	e := sqlerr.As(err)
	if e == nil || !ofDrift[e.Code] {
		return err
	}
	name, drift, failed := s.lookForDrift(ctx, parsed)
	if failed != nil || drift == nil {
		return err
	}
	return s.differ(ctx, name, drift)
}

// lookForDrift reads the statement's sharded tables anew and returns the first whose shards differ.
func (s *Session) lookForDrift(ctx context.Context, parsed *parser.Statement) (router.Name, *catalog.Drift, error) {
	snap := s.srv.Catalogs.Current()
	var names []router.Name
	for i := range parsed.Tables {
		ref := &parsed.Tables[i]
		name := router.Name{Database: ref.Schema, Table: ref.Name}
		if name.Database == "" {
			name.Database = s.db
		}
		if place, ok := snap.Place(name.Database, name.Table); ok && place.Kind == catalog.KindSharded {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return router.Name{}, nil, nil
	}
	snap, err := s.loadTables(ctx, names)
	if err != nil {
		return router.Name{}, nil, err
	}
	for _, name := range names {
		if schema, _ := snap.Table(name.Database, name.Table); schema != nil && schema.Drift != nil {
			return name, schema.Drift, nil
		}
	}
	return router.Name{}, nil, nil
}

// differ is the error that names the shards, and the DDL that they may differ by.
func (s *Session) differ(ctx context.Context, name router.Name, d *catalog.Drift) error {
	return s.differBy(ctx, name, d.Detail)
}

func (s *Session) differBy(ctx context.Context, name router.Name, detail string) error {
	detail = "table " + name.Database + "." + name.Table + ": " + detail
	if s.srv.Journal != nil {
		e, err := s.srv.Journal.Unfinished(ctx, journal.Name{Database: name.Database, Table: name.Table})
		if err == nil && e != nil { // without the journal the shards differ all the same
			detail += "; DDL is unfinished: heddle ddl show " + e.ID
		}
	}
	return sqlerr.ShardsDiffer(detail)
}
