package session

import (
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// inTime holds the session's limit of a statement's time against all that has been run of it: a shard holds it against
// what it runs itself. A statement that is late is known to be after the part under way.
func (t *tree) inTime() error {
	name, unit := "max_statement_time", time.Second
	if !t.s.srv.Flavour.MariaDB {
		name, unit = "max_execution_time", time.Millisecond
	}
	text, ok := t.s.state.Var(name)
	if !ok {
		return nil
	}
	limit, err := strconv.ParseFloat(strings.Trim(text, "'"), 64)
	switch {
	case err != nil || limit <= 0 || time.Since(t.began) <= time.Duration(limit*float64(unit)):
		return nil
	case t.s.srv.Flavour.MariaDB:
		return sqlerr.StatementTime()
	}
	return sqlerr.ExecutionTime()
}
