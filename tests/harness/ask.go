package harness

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Open returns a pool of connections, closed at the end of the test.
func Open(t testing.TB, cfg *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// Side is one of the two that must answer alike.
type Side struct {
	Name string // "plain" or "heddle"
	DB   *sql.DB
}

// Both runs the same subtest on the plain server and on heddle.
func (e *Env) Both(t *testing.T, h *Heddle, user, password, schema string, run func(t *testing.T, s Side)) {
	t.Helper()
	for _, s := range []struct {
		name string
		cfg  *mysql.Config
	}{{"plain", e.Plain.Config(schema)}, {"heddle", h.Config(user, password, schema)}} {
		t.Run(s.name, func(t *testing.T) { run(t, Side{s.name, Open(t, s.cfg)}) })
	}
}

// Answer is what a driver shows of a statement: enough for tests of behaviour. What a driver hides (warnings, names of
// schemas and tables, flags) is compared on the wire by the differential layer.
type Answer struct {
	Columns []Column
	Rows    [][]any // nil for NULL, string for everything else, as the server sent it
	Code    uint16  // of the server's error; 0 for none
	State   string
	Message string
}

// Column is a column's label and the driver's name of its type.
type Column struct{ Name, Type string }

// Asker is a *sql.DB, *sql.Conn or *sql.Tx.
type Asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Ask runs one statement and reads its whole first result. An error of the server is in the Answer; the error
// returned is one of the connection.
func Ask(ctx context.Context, on Asker, query string, args ...any) (Answer, error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return serverError(Answer{}, err)
	}
	defer rows.Close()
	a, err := read(rows)
	if err != nil {
		return serverError(a, err)
	}
	return a, nil
}

func read(rows *sql.Rows) (Answer, error) {
	var a Answer
	types, err := rows.ColumnTypes()
	if err != nil {
		return a, err
	}
	for _, c := range types {
		a.Columns = append(a.Columns, Column{c.Name(), c.DatabaseTypeName()})
	}
	for rows.Next() {
		row, into := make([]sql.RawBytes, len(types)), make([]any, len(types))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return a, err
		}
		values := make([]any, len(row))
		for i, v := range row {
			if v != nil {
				values[i] = string(v)
			}
		}
		a.Rows = append(a.Rows, values)
	}
	return a, rows.Err()
}

// serverError moves an ERR packet into the answer.
func serverError(a Answer, err error) (Answer, error) {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return a, err
	}
	a.Code, a.State, a.Message = e.Number, string(e.SQLState[:]), e.Message
	return a, nil
}
