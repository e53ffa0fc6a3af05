package session

import (
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
)

func TestTimeOfAllParts(t *testing.T) {
	for _, tt := range []struct {
		mariaDB     bool
		name, value string
		ran         time.Duration
		want        uint16
	}{
		{true, "max_statement_time", "0.5", time.Second, sqlerr.CodeStatementTimeout},
		{true, "max_statement_time", "1000", time.Second, 0},
		{true, "max_statement_time", "0", time.Second, 0},
		{true, "max_execution_time", "500", time.Second, 0},
		{false, "max_execution_time", "500", time.Second, sqlerr.CodeQueryTimeout},
		{false, "max_execution_time", "1000000", time.Second, 0},
		{true, "sql_mode", "''", time.Second, 0},
	} {
		s := &Session{srv: &Server{Flavour: parser.Flavour{MariaDB: tt.mariaDB}}, state: backend.NewState()}
		s.state.SetVar(tt.name, tt.value)
		got := uint16(0)
		if e := sqlerr.As((&tree{s: s, began: time.Now().Add(-tt.ran)}).inTime()); e != nil {
			got = e.Code
		}
		if got != tt.want {
			t.Errorf("%s=%s after %s: %d, want %d", tt.name, tt.value, tt.ran, got, tt.want)
		}
	}
}
