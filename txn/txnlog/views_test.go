package txnlog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

// late is a server that comes to each question so late, and tells its time, and no marks.
type late struct {
	by   []time.Duration
	from []time.Time // what it was asked from
}

func (l *late) Connect(context.Context) (driver.Conn, error) { return l, nil }
func (l *late) Driver() driver.Driver                        { return mysql.MySQLDriver{} }
func (l *late) Prepare(string) (driver.Stmt, error)          { return nil, io.ErrUnexpectedEOF }
func (l *late) Begin() (driver.Tx, error)                    { return nil, io.ErrUnexpectedEOF }
func (l *late) Close() error                                 { return nil }

func (l *late) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	time.Sleep(l.by[0])
	l.by = l.by[1:]
	l.from = append(l.from, time.Now().Add(-time.Duration(args[0].Value.(int64))*time.Microsecond))
	return &told{at: time.Now().UnixMicro()}, nil
}

// told is its answer.
type told struct {
	at   int64
	over bool
}

func (r *told) Columns() []string { return []string{"", ""} }
func (r *told) Close() error      { return nil }

func (r *told) Next(row []driver.Value) error {
	if r.over {
		return io.EOF
	}
	row[0], row[1], r.over = "", r.at, true
	return nil
}

// TestRecentOfALateServer: the marks that are asked for reach back as far as they have to when the server comes to the question, however late that is, and however often.
func TestRecentOfALateServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &late{by: []time.Duration{2 * time.Second, 4 * time.Second, 3 * time.Second, 0}}
		s := &Server{DB: sql.OpenDB(server)}
		defer func() { _ = s.DB.Close() }()
		since := time.Now()
		if _, err := s.Recent(t.Context(), since, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		if last, most := server.from[len(server.from)-1], since.Add(-5*time.Second+unnoticed); last.After(most) {
			t.Errorf("marks since %v are asked for, want %v, at the latest", last.Sub(since), most.Sub(since))
		}
	})
}
