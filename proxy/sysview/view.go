package sysview

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Servers asks the physical servers. Data sources and schemas are physical names; an empty schema is none.
type Servers interface {
	// Rows runs a text and returns its definitions and rows, complete whatever sql_select_limit says. Cells are in the
	// session's character_set_results.
	Rows(ctx context.Context, dataSource, schema, sql string) ([]sqltypes.Column, []sqltypes.Row, error)
	// Shape returns the definitions of the columns that a query would answer with, without running it.
	Shape(ctx context.Context, dataSource, schema, sql string) ([]sqltypes.Column, error)
	// Running returns the definitions that a server sends when it runs the query. It reads no row, or few.
	Running(ctx context.Context, dataSource, schema, sql string) ([]sqltypes.Column, error)
	// Place says where a table of a logical database is, with what is known of unlisted ones looked up.
	Place(ctx context.Context, database, table string) (catalog.Placement, error)
}

// View is what one session sees of the servers. It serves one statement.
type View struct {
	Snapshot *catalog.Snapshot
	Database string // the session's; "": none
	Mode     parser.Mode
	Servers  Servers

	User, Host string
	// Account is the client's account as GRANT writes it, without quotes.
	Account [2]string
	// Databases are those that the account may use; nil: all.
	Databases []string

	// HomeSource and HomeSchema are where a statement of no table runs.
	HomeSource, HomeSchema string

	// Clients lists the sessions that the account sees.
	Clients func() []Client

	// Own are the tables of the database heddle, by their names in lower case; Reader is who asks for their rows.
	Own    map[string]Source
	Reader Reader
	// UTF8Results: texts of utf8mb4 are what the client wants.
	UTF8Results bool

	// Preparing: the statement is prepared and not run.
	Preparing bool

	// MaxText bounds the statement that is sent in place of the client's, bytes.
	MaxText int
}

// Answer says what the session is to do for a statement. Either Rows are the answer, under Columns; or SQL is to run at
// DataSource and Columns, where not nil, are sent in place of the definitions that come back; or Again, which names no
// physical table any more, is to be run in place of the statement.
type Answer struct {
	Columns []sqltypes.Column
	Rows    []sqltypes.Row
	Own     bool // Columns are the proxy's own making, and not yet in the client's character set

	DataSource, Schema, SQL string
	Asked                   string // instead of SQL: the text that Rows are the answer of, at DataSource
	// Table is the table that SQL names, for error texts.
	Table Renamed

	Again string
}

// Renamed is a table's logical and its actual name; zero: nothing was renamed.
type Renamed struct{ Database, Name, Schema, Actual string }

// active reports whether anything stands between the client and the servers' own schemas: a document that names its
// database, or the limits of the client's account.
func (v *View) active() bool {
	if v.Databases != nil {
		return true
	}
	for _, l := range v.Snapshot.Layouts() {
		if l.Database != "" {
			return true
		}
	}
	return false
}

// several reports whether there is more than one server that could be meant.
func (v *View) several() bool {
	first := ""
	for _, l := range v.Snapshot.Layouts() {
		for i := range l.DataSources {
			if name := l.DataSources[i].Name; first == "" {
				first = name
			} else if name != first {
				return true
			}
		}
	}
	return false
}

// mayUse reports whether the account sees a database.
func (v *View) mayUse(db string) bool {
	if v.Databases == nil {
		return true
	}
	for _, name := range v.Databases {
		if name == db {
			return true
		}
	}
	return false
}

// charset is the name of the character set of identifiers, as an introducer has it.
func (v *View) charset() string {
	f := v.Mode.Flavour
	if f.MariaDB && f.Version >= 100600 || !f.MariaDB && f.Version >= 80024 {
		return "utf8mb3"
	}
	return "utf8"
}

// layoutOf finds a database that a statement names, and checks that the account may see it. own is false for one
// whose schemas pass through, and for information_schema, which has no layout.
func (v *View) layoutOf(db string) (layout *rule.Layout, own bool, err error) {
	if db == "" {
		return nil, false, sqlerr.NoDatabase()
	}
	if isInformationSchema(db) {
		return nil, false, nil
	}
	if !v.mayUse(db) {
		return nil, false, sqlerr.DatabaseAccessDenied(v.User, v.Host, db)
	}
	l, ok := v.Snapshot.Database(db)
	if !ok {
		return nil, false, sqlerr.UnknownDatabase(db)
	}
	return l, l.Database != "", nil
}

const informationSchema = "information_schema"

func isInformationSchema(db string) bool { return strings.EqualFold(db, informationSchema) }

// ident quotes a name.
func ident(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
