package session

import (
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
)

// What the session does itself no server reads: a COMMIT with a word too many would commit. Its usual forms are known here; of
// any other a server is asked, which prepares the statement and does not run it.

// usual are the forms of the session's own statements: ? is an identifier, # a number, $ a text or a user variable.
var usual = map[parser.Kind][]string{
	parser.Begin: {"BEGIN", "BEGIN WORK", "START TRANSACTION", "START TRANSACTION READ ONLY", "START TRANSACTION READ WRITE",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT"},
	parser.Commit:       {"COMMIT", "COMMIT WORK"},
	parser.Rollback:     {"ROLLBACK", "ROLLBACK WORK"},
	parser.Savepoint:    {"SAVEPOINT ?"},
	parser.RollbackTo:   {"ROLLBACK TO ?", "ROLLBACK TO SAVEPOINT ?", "ROLLBACK WORK TO SAVEPOINT ?"},
	parser.Release:      {"RELEASE SAVEPOINT ?"},
	parser.Use:          {"USE ?"},
	parser.Kill:         {"KILL #", "KILL QUERY #", "KILL CONNECTION #"},
	parser.Prepare:      {"PREPARE ? FROM $"},
	parser.Execute:      {"EXECUTE ?", "EXECUTE ? USING $", "EXECUTE ? USING $ , $", "EXECUTE ? USING $ , $ , $"},
	parser.Deallocate:   {"DEALLOCATE PREPARE ?", "DROP PREPARE ?"},
	parser.UnlockTables: {"UNLOCK TABLES"},
	parser.SetTransaction: {"SET TRANSACTION READ ONLY", "SET TRANSACTION READ WRITE", "SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE",
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
		"SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
	parser.Show: {"SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT ( * ) WARNINGS", "SHOW COUNT ( * ) ERRORS", "SHOW DATABASES", "SHOW SCHEMAS", "SHOW PROCESSLIST",
		"SHOW FULL PROCESSLIST"},
}

// alsoRead are further kinds that no server reads.
var alsoRead = map[parser.Kind]bool{parser.ExecuteImmediate: true, parser.CreateDatabase: true, parser.AlterDatabase: true, parser.DropDatabase: true}

// wellFormed is the syntax error that a server has of a statement of the session's own. Where no server can be asked there is none.
func (s *Session) wellFormed(ctx context.Context, x *execution) error {
	if x.st.usual {
		return nil
	}
	st := x.st.parsed
	if s.srv.own[st.Kind] == nil && s.ownShow(st) == nil && !breaksOff(st) || usual[st.Kind] == nil && !alsoRead[st.Kind] {
		return nil
	}
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars)
	if err != nil {
		return nil
	}
	defer done()
	prepared, err := h.lease.Conn().PrepareOwn(ctx, string(x.args.text))
	if err == nil {
		h.lease.Conn().CloseStmt(prepared)
	}
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeSyntax {
		return s.homeError(e)
	}
	return nil
}

// isUsual reports whether a statement has one of the usual forms.
func isUsual(st *parser.Statement) bool {
	return slices.ContainsFunc(usual[st.Kind], func(form string) bool { return hasForm(st, form) })
}

// breaksOff reports whether a SHOW ends where something has to follow.
func breaksOff(st *parser.Statement) bool {
	n := len(st.Tokens)
	if st.Kind != parser.Show || n == 0 {
		return false
	}
	last := &st.Tokens[n-1]
	return last.Is("FROM") || last.Is("IN") || last.Is("LIKE") || last.Is("WHERE")
}

// hasForm reports whether a statement's words are those of a form.
func hasForm(st *parser.Statement, form string) bool {
	n := 0
	for want := range strings.SplitSeq(form, " ") {
		if n == len(st.Tokens) || !fits(&st.Tokens[n], want) {
			return false
		}
		n++
	}
	return n == len(st.Tokens)
}

func fits(t *parser.Token, want string) bool {
	switch want {
	case "?":
		return t.Ident()
	case "#":
		return t.Kind == parser.Int
	case "$":
		return t.Kind == parser.String || t.Kind == parser.UserVar
	}
	return t.Is(want)
}
