package neighbour

import (
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/session"
)

// three is an instance with three rows of one table.
type three struct{}

func (three) Kill(session.Identity, uint32, bool) error { return nil }
func (three) List() []session.Info                      { return nil }
func (three) Rows(q Question) ([]string, []sqltypes.Row) {
	if q.Table != "pools" {
		return nil, nil
	}
	return []string{"later", "open", "name"}, []sqltypes.Row{{nil, []byte("1"), []byte("a")}, {nil, nil, []byte("b")}, {nil, []byte("3"), []byte("c")}}
}

// The rows of an instance of another version stand under the columns of this one; what is left out is counted.
func TestRowsOfAnotherVersion(t *testing.T) {
	a := rowsFor(three{}, Question{Table: "pools", Most: 2})
	if len(a.Rows) != 2 || a.More != 1 {
		t.Fatalf("%d rows and %d more", len(a.Rows), a.More)
	}
	rows := a.under([]sqltypes.Column{{Name: "name"}, {Name: "missing"}, {Name: "open"}})
	if string(rows[0][0]) != "a" || rows[0][1] != nil || string(rows[0][2]) != "1" || string(rows[1][0]) != "b" || rows[1][2] != nil {
		t.Errorf("%q", rows)
	}
	if a := rowsFor(three{}, Question{Table: "pools"}); len(a.Rows) != 3 || a.More != 0 {
		t.Errorf("without a bound: %d rows and %d more", len(a.Rows), a.More)
	}
	if a := rowsFor(three{}, Question{Table: "none"}); a.Columns != nil {
		t.Errorf("a table that is not there has columns %q", a.Columns)
	}
}
